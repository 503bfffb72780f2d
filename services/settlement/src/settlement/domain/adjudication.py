"""What the fund owes for a person's services is a function of the person's facts and the pack.

Services use up one limit in order of time, then id. What an earlier service used is what these
same facts give for it, so the order in which anything arrived or was paid changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from changhu_common.errors import FieldError, InvalidInput
from changhu_common.money import round_half_up, yuan
from changhu_common.periods import DateRange, day_of, months_after
from changhu_policies import Pack, PolicyMissing
from changhu_policies.vocabulary import MODES

from settlement.domain.facts import Facts, Service
from settlement.domain.findings import Finding, informs, stops
from settlement.domain.limits import level_of, limit_at_the_end, limit_on
from settlement.domain.rules import SERVICE_RULES, Case, joined_late


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What became of one service (结算明细): two parts that add up to the cost, and what it used of the limit."""

    id: str
    cost_fen: int
    fund_fen: int
    person_fen: int
    used_fen: int
    paid: bool
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjudication:
    """The answer for a person's days: lines in order of time, their sums, the limit and what is left.

    `limit_fen` is the limit for the grade of the last day on which there is one; None without a
    grade that reaches a level, or where the pool has no limit.
    """

    lines: tuple[Line, ...]
    cost_fen: int
    fund_fen: int
    person_fen: int
    limit_fen: int | None
    limit_left_fen: int | None
    pack_version: str


def adjudicate(*, pack: Pack, facts: Facts, days: DateRange) -> Adjudication:
    """Decide every service of `days`, which lie within one limit period (a month, a year).

    Raises PolicyNotInForce where the days end before the pack begins, PolicyMissing where a value
    is wanting that decides something here, InvalidInput for one id with two contents.
    """
    assert days.end is not None
    pack.refuse_before_start(days.end)
    used_fen = facts.used_earlier_fen
    lines = []
    for service in in_order_of_time(facts.services):
        line = _decide(pack, facts, service, used_fen)
        used_fen += line.used_fen
        lines.append(line)
    limit = limit_at_the_end(pack, facts, days)
    return Adjudication(
        lines=tuple(lines),
        cost_fen=sum(line.cost_fen for line in lines),
        fund_fen=sum(line.fund_fen for line in lines),
        person_fen=sum(line.person_fen for line in lines),
        limit_fen=limit,
        limit_left_fen=None if limit is None else max(0, limit - used_fen),
        pack_version=pack.version,
    )


def in_order_of_time(services: Iterable[Service]) -> list[Service]:
    """Each service once, by moment and id; the same id twice with other content is refused."""
    by_id: dict[str, Service] = {}
    for service in services:
        if by_id.setdefault(service.id, service) != service:
            reason = f"编号{service.id}有两条内容不同的服务记录"
            raise InvalidInput("服务记录互相矛盾。", errors=[FieldError("services", reason)])
    return sorted(by_id.values(), key=lambda service: (service.at, service.id))


def _decide(pack: Pack, facts: Facts, service: Service, used_fen: int) -> Line:
    """One line, after `used_fen` of the limit were used before it."""
    case = _case(pack, facts, service)
    findings, wanting = _heard(case)
    if any(finding.stops_payment for finding in findings):
        return _line(service, findings)
    if wanting is not None:
        raise wanting
    limit = limit_on(pack, case.day, coverage=case.coverage, grade=case.grade)
    left_fen = None if limit is None else limit - used_fen
    if limit is not None and limit <= used_fen:
        order = pack.value("benefit.limit.use", on=case.day)
        findings.append(stops(order, "limit_used_up", f"限额{yuan(limit)}元已用完"))
        return _line(service, findings)
    fund_fen, used, said = _pay(case, service.cost_fen or 0, left_fen)
    return _line(service, [*findings, *said], fund_fen=fund_fen, used_fen=used, paid=True)


def _heard(case: Case) -> tuple[list[Finding], PolicyMissing | None]:
    """What every rule says, and the first value that is wanting: it matters only if nothing else stops payment."""
    findings: list[Finding] = []
    wanting = None
    for rule in SERVICE_RULES:
        try:
            findings += rule(case)
        except PolicyMissing as missing:
            wanting = wanting or missing
    return findings, wanting


def _case(pack: Pack, facts: Facts, service: Service) -> Case:
    day = day_of(service.at)
    coverage = next((each for each in facts.coverage if day in each.days), None)
    grade = next((each for each in facts.grades if day in each.days), None)
    return Case(pack, facts, service, day, coverage, grade, level_of(pack, day, grade))


def _pay(case: Case, cost_fen: int, left_fen: int | None) -> tuple[int, int, list[Finding]]:
    """The fund's part of an eligible cost, what it uses of the limit, and why.

    `benefit.limit.caps` says whether the limit caps what the fund pays, or the cost before the ratio.
    """
    ratio, said = _ratio(case)
    by_ratio = round_half_up(cost_fen * ratio)
    if left_fen is None:
        return by_ratio, 0, said
    caps = case.pack.value("benefit.limit.caps", on=case.day)
    if caps.value == "eligible_cost":
        eligible = min(cost_fen, left_fen)
        if eligible < cost_fen:
            text = f"费用{yuan(cost_fen)}元超出限额余额，以余额{yuan(left_fen)}元计入支付比例"
            said.append(informs(caps, "limit_reached", text))
        return round_half_up(eligible * ratio), eligible, said
    fund_fen = min(by_ratio, left_fen)
    if fund_fen < by_ratio:
        text = f"按比例为{yuan(by_ratio)}元，超出限额余额，以余额{yuan(left_fen)}元为限"
        said.append(informs(caps, "limit_reached", text))
    return fund_fen, fund_fen, said


def _ratio(case: Case) -> tuple[Fraction, list[Finding]]:
    """The fund's ratio for this service, and why: lowered for who joined late, raised for who never broke off."""
    assert case.coverage is not None
    assert case.grade is not None
    ratio = case.pack.value(
        "benefit.ratio",
        on=case.day,
        category=case.coverage.category,
        county=case.coverage.county,
        mode=case.service.mode,
        grade=case.grade.grade,
        level=case.level,
    )
    said = [informs(ratio, "paid_by_ratio", f"{MODES[case.service.mode]}由基金支付{ratio.written}")]
    if (since := joined_late(case)) is not None:
        part, lowered = _lowered(case, since)
        return ratio.value * part, said + lowered
    supplement = case.pack.find("benefit.unbroken_supplement", on=case.day, category=case.coverage.category)
    if supplement is None or not supplement.value:
        return ratio.value, said
    said.append(informs(supplement, "unbroken_supplement", f"连续参保，支付比例加{supplement.written}"))
    return min(Fraction(1), ratio.value + supplement.value), said


def _lowered(case: Case, since: date) -> tuple[Fraction, list[Finding]]:
    """The part of the ratio for who joined late: step by step after the waiting (阶段性调低)."""
    steps = case.pack.value("benefit.reduced_steps", on=case.day)
    until = months_after(since, case.pack.value("benefit.waiting_months", on=case.day).value)
    for step in steps.value:
        until = months_after(until, step.months)
        if case.day < until:
            percent = f"{float(100 * step.of_ratio):g}%"
            return step.of_ratio, [informs(steps, "ratio_lowered", f"{until}前按支付比例的{percent}支付")]
    return Fraction(1), []


def _line(
    service: Service, findings: list[Finding], *, fund_fen: int = 0, used_fen: int = 0, paid: bool = False
) -> Line:
    cost_fen = service.cost_fen or 0
    return Line(
        id=service.id,
        cost_fen=cost_fen,
        fund_fen=fund_fen,
        person_fen=cost_fen - fund_fen,
        used_fen=used_fen,
        paid=paid,
        findings=tuple(findings),
    )
