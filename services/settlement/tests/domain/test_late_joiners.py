"""Who joined late, or anew after a break, waits and is then paid less step by step, once a pool says how long."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest
from changhu_common.periods import SHANGHAI, DateRange, Month
from changhu_policies import Pack, PolicyMissing, Supplied, load_pack, statistic_record
from settlement.domain.adjudication import Adjudication, adjudicate
from settlement.domain.decision import decide, period_of
from settlement.domain.facts import Agreement, Coverage, Facts, Grade, Service
from settlement.domain.waiting import late_since

POOL = "530400"
ALWAYS = DateRange(date(2026, 9, 1))
INCOMES = [
    statistic_record(POOL, "province_resident_disposable_income", year, 3_000_000) for year in (2026, 2027, 2028)
]


def pack_with(**values: Any) -> Pack:
    since = {"pool": POOL, "from": "2026-09-01", "source": "试"}
    records = [
        {**since, "parameter": f"benefit.{name}", "value": value, "qualifiers": qualifiers}
        for name, said in values.items()
        for qualifiers, value in (said if isinstance(said, tuple) else (({}, said),))
    ]
    return load_pack(POOL, Supplied.from_records([*INCOMES, *records]))


def facts_on(day: date, *coverage: Coverage) -> Facts:
    service = Service(id="v1", provider="P1", mode="institution", item="LC12",
                      at=datetime(day.year, day.month, day.day, 9, tzinfo=SHANGHAI), cost_fen=100_000)  # fmt: skip
    return Facts(
        coverage=coverage or (Coverage(category="employee", days=ALWAYS),),
        grades=(Grade(scale="national-2021", grade=5, days=ALWAYS),),
        agreements=(Agreement(provider="P1", modes=frozenset({"institution"}), days=ALWAYS),),
        services=(service,),
    )


def paid(pack: Pack, facts: Facts) -> Adjudication:
    return adjudicate(pack=pack, facts=facts, days=Month.of(facts.services[0].at.date()).days)


LATE = Coverage(category="employee", days=DateRange(date(2027, 3, 1)))
STEPS = [{"months": 6, "of_ratio": "50%"}, {"months": 6, "of_ratio": "80%"}]


@pytest.mark.parametrize(
    ("day", "fund_fen"),
    [
        (date(2027, 8, 31), 0),
        (date(2027, 9, 1), 35_000),
        (date(2028, 2, 29), 35_000),
        (date(2028, 3, 1), 56_000),
        (date(2028, 9, 1), 70_000),
    ],
)
def test_a_late_joiner_waits_and_is_then_paid_step_by_step(day: date, fund_fen: int) -> None:
    pack = pack_with(waiting_months=6, reduced_steps=STEPS)
    decided = paid(pack, facts_on(day, LATE))
    assert decided.fund_fen == fund_fen
    codes = [finding.code for finding in decided.lines[0].findings]
    assert codes == (["waiting"] if not fund_fen else ["paid_by_ratio", "ratio_lowered"][: 1 + (fund_fen < 70_000)])


def test_who_was_in_time_neither_waits_nor_is_paid_less() -> None:
    assert paid(pack_with(), facts_on(date(2027, 9, 1))).fund_fen == 70_000


def test_after_the_waiting_the_steps_are_asked_for() -> None:
    with pytest.raises(PolicyMissing) as refusal:
        paid(pack_with(waiting_months=6), facts_on(date(2027, 9, 1), LATE))
    assert refusal.value.members["parameter"] == "benefit.reduced_steps"


def test_an_unbroken_resident_gets_the_supplement_once_it_is_supplied() -> None:
    resident = Coverage(category="resident", days=DateRange(date(2028, 1, 1)))
    facts = facts_on(date(2028, 5, 1), resident)
    assert paid(pack_with(), facts).fund_fen == 50_000
    supplied = pack_with(unbroken_supplement=(({"category": "resident"}, "5%"),))
    decided = paid(supplied, facts)
    assert (decided.fund_fen, decided.lines[0].findings[-1].code) == (55_000, "unbroken_supplement")


def test_arrears_suspend_the_benefit() -> None:
    suspended = replace(facts_on(date(2027, 9, 1)), suspensions=(DateRange(date(2027, 8, 1), date(2027, 9, 30)),))
    (line,) = paid(pack_with(), suspended).lines
    assert [(each.code, each.clause) for each in line.findings] == [("coverage_suspended", "五(三)3")]


def test_a_period_whose_waiting_is_missing_stays_undecided() -> None:
    decision = decide(pack=pack_with(), facts=facts_on(date(2027, 9, 1), LATE), days=Month(2027, 9).days)
    assert decision.problem is not None
    assert decision.problem["parameter"] == "benefit.waiting_months"


def test_a_pool_that_leaves_its_limit_open_is_decided_month_by_month() -> None:
    wanting = load_pack(POOL, Supplied())
    assert period_of(wanting, date(2027, 9, 5)) == DateRange(date(2027, 1, 1), date(2027, 12, 31))


@pytest.mark.parametrize(
    ("ranges", "since"),
    [
        ([("2026-09-01", None)], None),
        ([("2027-01-01", None)], None),
        ([("2027-01-02", None)], date(2027, 1, 2)),
        ([("2026-09-01", "2027-05-31"), ("2027-06-01", None)], None),
        ([("2026-09-01", "2027-05-31"), ("2027-06-02", None)], date(2027, 6, 2)),
        ([("2015-01-01", "2020-05-31"), ("2026-12-01", None)], None),
        ([("2028-01-01", None)], None),
    ],
)
def test_late_is_an_unbroken_coverage_that_began_after_the_benefits(ranges: Any, since: date | None) -> None:
    coverage = tuple(
        Coverage(category="employee", days=DateRange(date.fromisoformat(one), date.fromisoformat(end) if end else None))
        for one, end in ranges
    )
    begin = date(2027, 1, 1)
    assert late_since(facts=Facts(coverage=coverage), benefits_begin=lambda _: begin, on=date(2027, 9, 1)) == since
