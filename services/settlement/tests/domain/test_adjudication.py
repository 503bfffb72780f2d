import random
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from changhu_common.errors import InvalidInput
from changhu_common.periods import SHANGHAI, DateRange, Month
from changhu_policies import Pack, PolicyMissing, PolicyNotInForce, Supplied, load_pack, statistic_record
from hypothesis import given
from hypothesis import strategies as st
from settlement.domain.adjudication import Adjudication, Line, adjudicate
from settlement.domain.facts import Agreement, Coverage, Facts, Grade, OtherBenefit, Service

POOL = "211100"
JULY = Month(2026, 7)
ALWAYS = DateRange(date(2021, 1, 1))
INCOME = statistic_record(POOL, "city_resident_disposable_income", 2025, 4_320_000)


def pack_with(*records: dict[str, Any]) -> Pack:
    since = {"pool": POOL, "from": "2021-01-01", "source": "试"}
    return load_pack(POOL, Supplied.from_records([INCOME, *({**since, **record} for record in records)]))


PANJIN = pack_with()
CAPS_COST = pack_with({"parameter": "benefit.limit.caps", "value": "eligible_cost"})


def service(number: int = 1, *, day: int = 3, cost: int | None = 200_000, **other: Any) -> Service:
    at = datetime(2026, 7, day, 9, tzinfo=SHANGHAI)
    return Service(**{
        "id": f"v{number}", "provider": "P1", "mode": "home", "item": "LC12", "at": at, "cost_fen": cost, **other,
    })  # fmt: skip


def graded(grade: int, first: int = 1, last: int = 31) -> Grade:
    days = DateRange(date(2026, 7, first), date(2026, 7, last))
    return Grade(scale="national-2021", grade=grade, days=days)


FACTS = Facts(
    coverage=(Coverage(category="employee", days=DateRange(date(2015, 1, 1))),),
    grades=(graded(5),),
    agreements=(Agreement(provider="P1", modes=frozenset({"home", "institution", "community"}), days=ALWAYS),),
    services=(service(),),
)


def decide(facts: Facts = FACTS, *, pack: Pack = PANJIN, **changed: Any) -> Adjudication:
    return adjudicate(pack=pack, facts=replace(facts, **changed), days=JULY.days)


def only(adjudication: Adjudication) -> Line:
    (line,) = adjudication.lines
    return line


def codes(line: Line) -> list[str]:
    return [finding.code for finding in line.findings]


def test_at_home_the_fund_pays_four_fifths() -> None:
    decided = decide()
    assert (decided.cost_fen, decided.fund_fen, decided.person_fen) == (200_000, 160_000, 40_000)
    assert (decided.limit_fen, decided.limit_left_fen) == (252_000, 92_000)
    (finding,) = only(decided).findings
    assert (finding.code, finding.clause, finding.status) == ("paid_by_ratio", "二(六)3", "stated")


def test_in_an_institution_the_limit_caps_what_the_fund_pays() -> None:
    decided = decide(services=(service(mode="institution", cost=300_000),))
    assert (decided.fund_fen, decided.limit_left_fen) == (210_000, 42_000)
    assert codes(only(decided)) == ["paid_by_ratio"]


def test_the_other_reading_caps_the_cost_before_the_ratio() -> None:
    decided = decide(services=(service(mode="institution", cost=300_000),), pack=CAPS_COST)
    assert (decided.fund_fen, decided.person_fen, decided.limit_left_fen) == (176_400, 123_600, 0)
    assert codes(only(decided)) == ["paid_by_ratio", "limit_reached"]


def test_what_exceeds_the_limit_is_the_persons_and_the_reading_is_told() -> None:
    decided = decide(services=(service(cost=400_000),))
    assert (decided.fund_fen, decided.person_fen, decided.limit_left_fen) == (252_000, 148_000, 0)
    assert (codes(only(decided))[-1], only(decided).findings[-1].status) == ("limit_reached", "assumed")


def test_once_the_limit_is_used_up_nothing_more_is_paid() -> None:
    decided = decide(services=(service(1, day=4, cost=400_000), service(2, day=5, cost=100)))
    assert [line.paid for line in decided.lines] == [True, False]
    assert codes(decided.lines[1]) == ["limit_used_up"]
    assert (decided.cost_fen, decided.person_fen) == (400_100, 148_100)


def test_services_use_the_limit_in_order_of_time_then_id() -> None:
    services = (service(2, cost=300_000), service(1, cost=300_000), service(3, day=2, cost=20_000))
    decided = decide(services=services)
    assert [(line.id, line.fund_fen) for line in decided.lines] == [("v3", 16_000), ("v1", 236_000), ("v2", 0)]


@pytest.mark.parametrize(("grade", "limit"), [(5, 252_000), (4, 216_000), (3, 180_000)])
def test_the_limit_falls_with_the_level(grade: int, limit: int) -> None:
    assert decide(grades=(graded(grade),)).limit_fen == limit


@pytest.mark.parametrize("grade", [0, 1, 2])
def test_below_the_levels_nothing_is_paid_and_there_is_no_limit(grade: int) -> None:
    decided = decide(grades=(graded(grade),))
    assert (decided.fund_fen, decided.limit_fen, decided.limit_left_fen) == (0, None, None)
    assert codes(only(decided)) == ["grade_too_low"]


def test_each_service_is_measured_against_the_limit_of_its_own_day() -> None:
    services = (service(1, day=3, cost=250_000), service(2, day=20, cost=250_000))
    decided = decide(grades=(graded(5, 1, 15), graded(3, 16, 31)), services=services)
    assert [line.fund_fen for line in decided.lines] == [200_000, 0]
    assert (decided.limit_fen, decided.limit_left_fen) == (180_000, 0)


def test_the_limit_shown_is_that_of_the_last_day_with_a_grade() -> None:
    decided = decide(grades=(graded(3, 1, 10), graded(5, 11, 20)))
    assert decided.limit_fen == 252_000
    assert decide(grades=()).limit_fen is None


def test_the_limit_is_rounded_once() -> None:
    income = statistic_record(POOL, "city_resident_disposable_income", 2025, 4_321_007)
    pack = load_pack(POOL, Supplied.from_records([income]))
    assert decide(pack=pack).limit_fen == 252_059  # 4,321,007 ÷ 12 × 70 % = 252,058.74…


UNPAID: list[tuple[str, dict[str, Any], str]] = [
    ("not_insured", {"coverage": ()}, "二(四)"),
    ("coverage_suspended", {"suspensions": (DateRange(date(2026, 7, 3), date(2026, 7, 3)),)}, "二(六)2"),
    ("after_death", {"died_on": date(2026, 7, 2)}, "二(六)1"),
    ("not_assessed", {"grades": (graded(5, 4, 31),)}, "二(六)2"),
    ("no_agreement", {"agreements": ()}, "二(六)1"),
    ("mode_not_agreed", {"agreements": (Agreement(provider="P1", modes=frozenset({"institution"}), days=ALWAYS),)},
     "二(六)1"),
    ("item_not_in_catalogue", {"services": (service(item="LC99"),)}, "二(六)1"),
    ("no_price", {"services": (service(cost=None),)}, "二(六)1"),
    ("work_injury_care_fee", {"other_benefits": (OtherBenefit(kind="work_injury_care_fee", days=ALWAYS),)},
     "二(六)1"),
    ("third_party", {"other_benefits": (OtherBenefit(kind="third_party", days=ALWAYS),)}, "二(六)1"),
    ("waiting", {"coverage": (Coverage(category="employee", days=DateRange(date(2025, 1, 1))),),
                 "disabled_since": date(2024, 1, 1)}, "二(六)2"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "changed", "clause"), UNPAID, ids=[code for code, *_ in UNPAID])
def test_what_is_not_paid_says_why_and_by_which_clause(code: str, changed: dict[str, Any], clause: str) -> None:
    decided = decide(**changed)
    line = only(decided)
    assert (line.paid, line.fund_fen, line.person_fen) == (False, 0, line.cost_fen)
    assert [(finding.code, finding.clause) for finding in line.findings] == [(code, clause)]
    assert decided.cost_fen == line.cost_fen


INFORMS: list[tuple[str, dict[str, Any]]] = [
    ("disability_subsidy", {"other_benefits": (OtherBenefit(kind="disability_subsidy", days=ALWAYS),)}),
    ("elderly_subsidy", {"other_benefits": (OtherBenefit(kind="elderly_subsidy", days=ALWAYS),)}),
    ("in_hospital", {"hospital_stays": (DateRange(date(2026, 7, 1), date(2026, 7, 3)),)}),
]


@pytest.mark.parametrize(("code", "changed"), INFORMS, ids=[code for code, _ in INFORMS])
def test_what_only_informs_is_told_and_leaves_payment_as_it_is(code: str, changed: dict[str, Any]) -> None:
    line = only(decide(**changed))
    assert (line.paid, line.fund_fen) == (True, 160_000)
    assert code in codes(line)


def test_a_pack_may_stop_payment_during_a_hospital_stay_its_last_day_included() -> None:
    pack = pack_with({"parameter": "benefit.hospital_stay", "value": "stops_benefits"})
    stay = (DateRange(date(2026, 7, 1), date(2026, 7, 3)),)
    assert codes(only(decide(pack=pack, hospital_stays=stay))) == ["in_hospital"]
    assert only(decide(pack=pack, hospital_stays=stay, services=(service(day=4),))).paid


def test_every_rule_that_speaks_is_heard() -> None:
    services = (service(item="LC99", cost=None, provider="P2"),)
    line = only(decide(coverage=(), grades=(), died_on=date(2026, 7, 1), services=services))
    assert codes(line) == [
        "not_insured", "after_death", "not_assessed", "no_agreement", "item_not_in_catalogue", "no_price",
    ]  # fmt: skip


def test_the_day_of_death_still_counts() -> None:
    assert only(decide(died_on=date(2026, 7, 3))).paid


def test_a_grade_of_a_scale_that_the_pack_does_not_read_is_no_grade_here() -> None:
    decided = decide(grades=(replace(graded(5), scale="elsewhere-2022"),))
    assert (codes(only(decided)), decided.limit_fen) == (["scale_not_recognised"], None)


def test_a_missing_ratio_matters_only_to_a_service_that_would_be_paid() -> None:
    community = (service(mode="community"),)
    with pytest.raises(PolicyMissing) as refusal:
        decide(services=community)
    assert refusal.value.members["parameter"] == "benefit.ratio"
    assert only(decide(services=community, agreements=())).paid is False
    used_up = (service(1, day=1, cost=400_000), service(2, mode="community"))
    assert [line.paid for line in decide(services=used_up).lines] == [True, False]


def test_without_the_statistic_of_last_year_the_limit_is_missing() -> None:
    with pytest.raises(PolicyMissing) as refusal:
        decide(pack=load_pack(POOL))
    assert refusal.value.members["parameter"] == "city_resident_disposable_income"
    assert decide(pack=load_pack(POOL), grades=()).fund_fen == 0


def test_before_the_pack_begins_there_is_no_answer() -> None:
    with pytest.raises(PolicyNotInForce):
        adjudicate(pack=PANJIN, facts=Facts(), days=Month(2020, 12).days)


def test_the_same_id_with_other_content_is_refused() -> None:
    with pytest.raises(InvalidInput):
        decide(services=(service(cost=1), service(cost=2)))


def test_what_earlier_months_used_of_the_limit_counts() -> None:
    decided = decide(used_earlier_fen=242_000, services=(service(cost=40_000),))
    assert (decided.fund_fen, decided.person_fen, decided.limit_left_fen) == (10_000, 30_000, 0)


services_of_a_month = st.lists(
    st.builds(
        lambda number, day, hour, cost, mode, item: service(
            number,
            at=datetime(2026, 7, day, hour, tzinfo=SHANGHAI),
            cost=cost,
            mode=mode,
            item=item,
        ),
        number=st.integers(1, 10_000),
        day=st.integers(1, 31),
        hour=st.integers(0, 23),
        cost=st.one_of(st.none(), st.integers(0, 150_000)),
        mode=st.sampled_from(["home", "institution"]),
        item=st.sampled_from(["LC01", "MC16", "XX"]),
    ),
    unique_by=lambda each: each.id,
    max_size=15,
)
grades_of_a_month = st.sampled_from([(graded(5),), (graded(4, 1, 10), graded(3, 12, 31)), (graded(2, 5, 9),)])
packs = st.sampled_from([PANJIN, CAPS_COST])


@given(services_of_a_month, grades_of_a_month, packs)
def test_the_parts_of_every_line_and_of_the_whole_add_up(
    services: list[Service], grades: tuple[Grade, ...], pack: Pack
) -> None:
    decided = decide(services=tuple(services), grades=grades, pack=pack)
    for line in decided.lines:
        assert line.fund_fen + line.person_fen == line.cost_fen
        assert 0 <= line.fund_fen <= line.cost_fen
        assert line.paid or (line.fund_fen == 0 and any(finding.stops_payment for finding in line.findings))
    assert decided.fund_fen + decided.person_fen == decided.cost_fen
    assert len(decided.lines) == len(services)


@given(services_of_a_month, packs)
def test_the_fund_never_pays_more_than_the_limit(services: list[Service], pack: Pack) -> None:
    decided = decide(services=tuple(services), pack=pack)
    assert decided.limit_fen is not None
    assert decided.fund_fen <= decided.limit_fen
    if pack is PANJIN:
        assert decided.limit_left_fen == decided.limit_fen - decided.fund_fen


@given(services_of_a_month, grades_of_a_month, st.randoms(use_true_random=False))
def test_the_order_in_which_facts_are_listed_changes_nothing(
    services: list[Service], grades: tuple[Grade, ...], chance: random.Random
) -> None:
    expected = decide(services=tuple(services), grades=grades)
    shuffled = [*services, *services]
    chance.shuffle(shuffled)
    turned = replace(FACTS, coverage=FACTS.coverage[::-1], agreements=FACTS.agreements[::-1])
    assert decide(turned, services=tuple(shuffled), grades=grades[::-1]) == expected


@given(services_of_a_month, st.integers(0, 14))
def test_an_added_service_never_lowers_what_the_fund_pays_in_all(services: list[Service], place: int) -> None:
    without = [each for number, each in enumerate(services) if number != place]
    assert decide(services=tuple(without)).fund_fen <= decide(services=tuple(services)).fund_fen


@given(services_of_a_month, st.integers(0, 252_000))
def test_what_was_used_earlier_never_raises_what_is_paid_now(services: list[Service], used: int) -> None:
    before = decide(services=tuple(services))
    after = decide(services=tuple(services), used_earlier_fen=used)
    assert after.fund_fen <= before.fund_fen
    assert used + after.fund_fen <= 252_000


@given(services_of_a_month)
def test_an_earlier_answer_is_a_prefix_of_a_later_one(services: list[Service]) -> None:
    ordered = sorted(services, key=lambda each: (each.at, each.id))
    half = ordered[: len(ordered) // 2]
    assert decide(services=tuple(half)).lines == decide(services=tuple(ordered)).lines[: len(half)]


@given(services_of_a_month, grades_of_a_month, packs, st.integers(0, 15))
def test_what_is_decided_from_where_the_earlier_ones_stand_is_what_all_at_once_give(
    services: list[Service], grades: tuple[Grade, ...], pack: Pack, cut: int
) -> None:
    ordered = sorted(services, key=lambda each: (each.at, each.id))
    whole = decide(services=tuple(ordered), grades=grades, pack=pack)
    used = sum(line.used_fen for line in whole.lines[:cut])
    rest = decide(services=tuple(ordered[cut:]), used_earlier_fen=used, grades=grades, pack=pack)
    assert rest.lines == whole.lines[cut:]
    assert rest.limit_left_fen == whole.limit_left_fen


def test_a_moment_belongs_to_its_day_in_shanghai() -> None:
    after_midnight = service(at=datetime(2026, 7, 2, 17, tzinfo=UTC))
    assert codes(only(decide(services=(after_midnight,), died_on=date(2026, 7, 2)))) == ["after_death"]
