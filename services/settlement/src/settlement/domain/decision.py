"""A period is decided whole: every line of it, or none while a value that decides something is missing.

The period is that of the pack's limit (`benefit.limit.period`); where there is no limit it is the month.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from changhu_common.periods import DateRange, Month
from changhu_policies import Pack, PolicyMissing, PolicyNotInForce

from settlement.domain.adjudication import Line, adjudicate
from settlement.domain.facts import Facts, Service
from settlement.domain.findings import stops
from settlement.domain.limits import limit_period, of_one_kind

PERIODS_KEPT_MAX = 5_000  # days of the packs in use


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What became of a period. With a `problem` its lines are undecided (待定) until the value comes."""

    lines: tuple[Line, ...]
    limit_fen: int | None = None
    left_fen: int | None = None
    problem: dict[str, Any] | None = None

    @property
    def used_fen(self) -> int | None:
        return None if self.limit_fen is None or self.left_fen is None else self.limit_fen - self.left_fen


@lru_cache(maxsize=PERIODS_KEPT_MAX)
def period_of(pack: Pack, day: date) -> DateRange:
    """The days that are decided together with `day`."""
    try:
        shared = None if day < pack.start else limit_period(pack, day)
    except PolicyMissing:
        shared = None
    return shared or of_one_kind(pack, day, Month.of(day).days)


def decide(*, pack: Pack, facts: Facts, days: DateRange) -> Decision:
    """Decide every service of a period; what lies before the rules begin is not paid."""
    if days.end is not None and days.end < pack.start:
        return Decision(lines=tuple(_before_the_rules(pack, service) for service in facts.services))
    try:
        answer = adjudicate(pack=pack, facts=facts, days=days)
    except (PolicyMissing, PolicyNotInForce) as wanting:
        return Decision(lines=(), problem=wanting.problem())
    return Decision(lines=answer.lines, limit_fen=answer.limit_fen, left_fen=answer.limit_left_fen)


def _before_the_rules(pack: Pack, service: Service) -> Line:
    begins = next(iter(pack.tables["pool.in_force"]))
    cost_fen = service.cost_fen or 0
    return Line(
        id=service.id,
        cost_fen=cost_fen,
        fund_fen=0,
        person_fen=cost_fen,
        used_fen=0,
        paid=False,
        findings=(stops(begins, "not_in_force", f"服务当日政策尚未施行，自{pack.start}起施行"),),
    )
