"""A person's visits become lines and periods: priced, decided, and described so that a change shows."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from uuid import UUID

from changhu_common.periods import DateRange, Month, day_of
from changhu_policies import Pack

from settlement.domain.adjudication import Line
from settlement.domain.decision import Decision, decide, period_of
from settlement.domain.facts import Agreement, Coverage, Facts
from settlement.domain.findings import Finding
from settlement.domain.pricing import PricedItem, PriceList, Visit, priced

# What else of a line may change, so that it has to be written again.
_PRINTED = (
    "quantity", "price_fen", "pool", "county", "category", "mode", "status",
    "cost_fen", "fund_fen", "person_fen", "used_fen", "pack_version",
)  # fmt: skip

# A limit period of a person in a pool, by its first day.
PeriodKey = tuple[UUID, str, date]
NOTHING_EARLIER: Mapping[PeriodKey, int] = MappingProxyType({})

FINDINGS_KEPT_MAX = 50_000  # texts name amounts, so there are more of them than rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A period of a person as rows: its lines, and its limit."""

    lines: list[dict[str, Any]]
    period: dict[str, Any]

    @property
    def key(self) -> PeriodKey:
        return self.period["person_id"], self.period["pool"], self.period["start"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What an organisation may give and at what price."""

    agreements: tuple[Agreement, ...] = ()
    prices: PriceList


def count(
    *,
    pack: Pack,
    person_id: UUID,
    county: str | None,
    facts: Facts,
    visits: Iterable[Visit],
    offers: Mapping[UUID, Offer],
    used_earlier_fen: Mapping[PeriodKey, int] = NOTHING_EARLIER,
) -> list[Counted]:
    """Count a person's visits in one pool, period by period.

    `visits` are all those of each period, or its last ones, where `used_earlier_fen` says what those before them
    used of the limit.
    """
    by_period: dict[DateRange, list[Visit]] = defaultdict(list)
    for visit in visits:
        by_period[period_of(pack, day_of(visit.started_at))].append(visit)
    return [
        count_period(
            pack=pack,
            person_id=person_id,
            county=county,
            facts=replace(facts, used_earlier_fen=used_earlier_fen.get((person_id, pack.pool, days.start), 0)),
            visits=by_period[days],
            offers=offers,
            days=days,
        )
        for days in sorted(by_period)
    ]


def count_period(
    *,
    pack: Pack,
    person_id: UUID,
    county: str | None,
    facts: Facts,
    visits: Iterable[Visit],
    offers: Mapping[UUID, Offer],
    days: DateRange,
) -> Counted:
    """Count one period of a person; without visits it still has its limit."""
    items = [item for visit in visits for item in priced(visit, offers[visit.organization_id].prices)]
    providers = {item.visit.organization_id for item in items}
    decision = decide(
        pack=pack,
        facts=replace(
            facts,
            agreements=tuple(each for provider in sorted(providers) for each in offers[provider].agreements),
            services=tuple(item.service for item in items),
        ),
        days=days,
    )
    decided = {line.id: line for line in decision.lines}
    wanting = (_wanting(decision.problem),) if decision.problem else ()
    return Counted(
        lines=[
            _line(item, decided.get(str(item.line_id)), wanting, county=county, facts=facts, pack=pack)
            for item in items
        ],
        period=_period(decision, person_id=person_id, pack=pack, days=days),
    )


def category_on(coverage: Iterable[Coverage], day: date) -> str | None:
    """The category of a day; where it is not insured, that of the nearest coverage, None for who never was."""
    return min(
        ((_distance(each.days, day), each.days.start, each.category) for each in coverage), default=(0, day, None)
    )[2]


def _distance(days: DateRange, day: date) -> int:
    if day < days.start:
        return (days.start - day).days
    return 0 if days.end is None else max(0, (day - days.end).days)


def _wanting(problem: Mapping[str, Any]) -> Finding:
    """What an undecided line waits for."""
    return Finding(
        code=problem["code"],
        clause=problem.get("clause", ""),
        text=problem["detail"],
        status="missing",
        parameter=problem.get("parameter", ""),
        stops_payment=True,
    )


def _line(
    item: PricedItem,
    decided: Line | None,
    wanting: tuple[Finding, ...],
    *,
    county: str | None,
    facts: Facts,
    pack: Pack,
) -> dict[str, Any]:
    """A line as it is stored; undecided, with what it is `wanting`, where nothing was decided."""
    visit = item.visit
    day = day_of(visit.started_at)
    cost_fen = decided.cost_fen if decided else (item.price_fen or 0) * item.quantity
    findings = decided.findings if decided else wanting
    status = "undecided" if decided is None else "paid" if decided.paid else "not_paid"
    row: dict[str, Any] = {
        "id": item.line_id,
        "visit_id": visit.visit_id,
        "fee_id": None,
        "item": item.item,
        "quantity": item.quantity,
        "price_fen": item.price_fen,
        "person_id": visit.person_id,
        "organization_id": visit.organization_id,
        "pool": visit.pool,
        "county": county or visit.county,
        "category": category_on(facts.coverage, day),
        "month": str(Month.of(day)),
        "at": visit.started_at,
        "mode": visit.mode,
        "status": status,
        "cost_fen": cost_fen,
        "fund_fen": decided.fund_fen if decided else 0,
        "person_fen": decided.person_fen if decided else cost_fen,
        "used_fen": decided.used_fen if decided else 0,
        "pack_version": pack.version,
    }
    return stored(row, findings)


def stored(row: dict[str, Any], findings: Iterable[Finding]) -> dict[str, Any]:
    """A line with its findings, and with a fingerprint that is another one whenever anything of it is."""
    said = [_told(finding) for finding in findings]
    row["findings"] = [each for each, _ in said]
    # The line's id says what it is of; the other ids as bytes, which are had for nothing.
    digest = hashlib.blake2b(row["person_id"].bytes + row["organization_id"].bytes, digest_size=16)
    # A moment is the same in every time zone that the database may answer in.
    digest.update(repr([row["at"].timestamp(), *(row[name] for name in _PRINTED)]).encode())
    for _, text in said:
        digest.update(text)
    row["fingerprint"] = digest.digest()
    return row


def _period(decision: Decision, *, person_id: UUID, pack: Pack, days: DateRange) -> dict[str, Any]:
    return {
        "person_id": person_id,
        "pool": pack.pool,
        "start": days.start,
        "end": days.end,
        "limit_fen": decision.limit_fen,
        "used_fen": decision.used_fen,
        "left_fen": decision.left_fen,
        "pack_version": pack.version,
        "problem": decision.problem,
    }


@lru_cache(maxsize=FINDINGS_KEPT_MAX)
def _told(finding: Finding) -> tuple[dict[str, Any], bytes]:
    """A finding as it is stored, and as it counts in a fingerprint."""
    told = asdict(finding)
    return told, json.dumps(told, ensure_ascii=False).encode()
