from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from changhu_common.errors import InvalidInput
from changhu_common.money import round_half_up
from changhu_policies import (
    Pack,
    PolicyMissing,
    PolicyNotInForce,
    Supplied,
    build_pack,
    load_pack,
    statistic_record,
)
from changhu_policies.folders import amended, read_pack
from changhu_policies.vocabulary import MARKS
from enrollment.domain.contribution import Contribution, contribution_rule
from hypothesis import given
from hypothesis import strategies as st

POOL = "211100"
IN_JULY = date(2026, 7, 15)
PANJIN = load_pack(POOL)
marks = st.sets(st.sampled_from(sorted(MARKS)))


def due(base_fen: int | None, category: str = "employee", *, pack: Pack = PANJIN, **asked: Any) -> Contribution:
    return contribution_rule(pack=pack, category=category, **{"on": IN_JULY, **asked}).due(base_fen)


def paid_by(contribution: Contribution) -> dict[str, int]:
    assert len({part.payer for part in contribution.parts}) == len(contribution.parts)
    return {part.payer: part.fen for part in contribution.parts}


def pack_saying(supplied: Supplied | None = None, /, **parameters: Any) -> Pack:
    """A pack with other rules, to try every shape that a rule may have."""

    def entry(said: Any) -> Any:
        return {"clause": "试", "status": "stated", **said}

    entries = {
        f"contribution.{name}": [entry(each) for each in (said if isinstance(said, list) else [said])]
        for name, said in parameters.items()
    }
    return build_pack(amended(read_pack(POOL), entries), supplied or Supplied())


def test_in_work_employer_and_person_each_pay_a_fifth_of_a_percent() -> None:
    contribution = due(543_210)
    assert paid_by(contribution) == {"employer_medical_contribution": 1086, "personal_account": 1086}
    assert (contribution.due_fen, contribution.period) == (2172, "2026-07")
    assert {(part.clause, part.status) for part in contribution.parts} == {("二(五)1–2", "stated")}


def test_retired_the_surplus_pays_the_employers_side() -> None:
    assert paid_by(due(321_777, "retiree")) == {"medical_fund_surplus": 644, "personal_account": 644}


def test_flexible_workers_pay_their_own_side_in_cash_which_is_a_reading() -> None:
    contribution = due(543_210, "flexible")
    assert paid_by(contribution) == {"own_medical_contribution": 1086, "person": 1086}
    assert [part.status for part in contribution.parts] == ["stated", "assumed"]
    assert "现金" in contribution.parts[1].readings[0]


@pytest.mark.parametrize("category", ["employee", "flexible"])
def test_without_an_account_the_person_pays_the_persons_share(category: str) -> None:
    contribution = due(543_210, category, marks=["no_personal_account"])
    assert paid_by(contribution)["person"] == 1086
    assert contribution.parts[1].clause == "二(五)1"


@pytest.mark.parametrize("category", ["employee", "retiree", "flexible"])
def test_the_medical_assistance_fund_pays_the_whole_persons_share(category: str) -> None:
    contribution = due(543_210, category, marks=["medical_assistance"])
    assert contribution.parts[1].payer == "medical_assistance_fund"
    assert (contribution.parts[1].fen, contribution.parts[1].clause) == (1086, "二(五)3")


def test_the_treasury_pays_for_retirees_of_bankrupt_firms() -> None:
    contribution = due(321_777, "retiree", marks=["bankrupt_firm_retiree"])
    assert paid_by(contribution) == {"medical_fund_surplus": 644, "treasury": 644}
    assert (contribution.parts[1].clause, contribution.parts[1].status) == ("二(五)3", "stated")


def test_medical_assistance_goes_before_the_treasury_which_is_a_reading() -> None:
    contribution = due(321_777, "retiree", marks=["bankrupt_firm_retiree", "medical_assistance"])
    assert contribution.parts[1].payer == "medical_assistance_fund"
    assert contribution.parts[1].status == "assumed"


def test_a_mark_that_the_pack_does_not_speak_of_changes_nothing() -> None:
    assert due(543_210, marks=["low_income", "orphan"]) == due(543_210)


def test_the_base_of_a_retiree_without_an_account_is_missing() -> None:
    with pytest.raises(PolicyMissing) as refusal:
        due(321_777, "retiree", marks=["no_personal_account"])
    assert refusal.value.members["clause"] == "二(五)2"


def test_a_missing_base_counts_once_it_is_supplied() -> None:
    record = {
        "pool": POOL, "parameter": "contribution.base_by_mark", "value": "own", "from": "2026-01-01",
        "qualifiers": {"category": "retiree", "mark": "no_personal_account"}, "source": "批复",
    }  # fmt: skip
    pack = load_pack(POOL, Supplied.from_records([record]))
    contribution = due(321_777, "retiree", pack=pack, marks=["no_personal_account"])
    assert paid_by(contribution) == {"medical_fund_surplus": 644, "person": 644}
    assert {part.status for part in contribution.parts} == {"supplied"}


def test_nothing_is_collected_before_the_pack_begins() -> None:
    assert due(543_210, on=date(2021, 1, 1)).period == "2021-01"
    with pytest.raises(PolicyNotInForce):
        due(543_210, on=date(2020, 12, 31))


@pytest.mark.parametrize("base_fen", [None, -1])
def test_an_own_base_must_be_given_and_not_be_negative(base_fen: int | None) -> None:
    with pytest.raises(InvalidInput):
        due(base_fen)


def test_parts_of_nothing_are_left_out() -> None:
    assert due(0) == Contribution(period="2026-07", due_fen=0, parts=())


@given(st.integers(0, 10**9), st.sampled_from(["employee", "flexible", "retiree"]), marks)
def test_parts_add_up_and_marks_never_change_what_is_due(base_fen: int, category: str, there: set[str]) -> None:
    there -= {"no_personal_account"} if category == "retiree" else set()
    contribution = due(base_fen, category, marks=there)
    assert contribution.due_fen == sum(part.fen for part in contribution.parts)
    assert contribution.due_fen == due(base_fen, category).due_fen
    assert all(part.fen > 0 for part in contribution.parts)


@given(st.integers(0, 10**12))
def test_whole_number_arithmetic_gives_the_same_fen_as_exact_fractions(base_fen: int) -> None:
    exact = round_half_up(Fraction(base_fen) * Fraction(2, 1000))
    assert due(base_fen).due_fen == 2 * exact


# The shapes that other documents need.

RESIDENTS: dict[str, Any] = {
    "collection": {"value": {"yearly": 9, "years_ahead": 1}},
    "base": {"value": {"statistic": "city_resident_disposable_income", "factor": "100%", "years_back": 1}},
    "shares": {"value": ["government", "person"]},
    "rate": [
        {"share": ["government", "person"], "value": "0.075%", "to": date(2028, 8, 31)},
        {"share": ["government", "person"], "value": "0.1%", "from": date(2028, 9, 1), "to": date(2029, 8, 31)},
        {"share": ["government", "person"], "value": "0.15%", "from": date(2029, 9, 1)},
    ],
    "payer": [{"share": "government", "value": "government"}, {"share": "person", "value": "person"}],
    "payer_by_mark": [{"mark": "destitute", "value": "government"}],
    "mark_order": {"value": ["destitute", "no_personal_account"]},
    "rounding": {"value": {"total": "government"}},
}  # fmt: skip


def with_income(*fen: tuple[int, int]) -> Supplied:
    return Supplied.from_records(
        statistic_record(POOL, "city_resident_disposable_income", year, each) for year, each in fen
    )


@pytest.mark.parametrize(
    ("on", "total", "period"),
    [
        (date(2027, 9, 1), 4500, "2028"),
        (date(2027, 12, 31), 4500, "2028"),
        (date(2028, 8, 31), 4500, "2028"),
        (date(2028, 9, 1), 6000, "2029"),
        (date(2029, 9, 30), 9000, "2030"),
    ],
)
def test_a_yearly_collection_pays_for_the_next_year_at_the_rate_of_its_own_beginning(
    on: date, total: int, period: str
) -> None:
    pack = pack_saying(with_income(*((year, 3_000_000) for year in (2026, 2027, 2028))), **RESIDENTS)
    contribution = due(None, on=on, pack=pack)
    assert (contribution.due_fen, contribution.period) == (total, period)
    assert paid_by(contribution) == {"government": total // 2, "person": total // 2}


def test_the_odd_fen_of_a_split_total_falls_where_the_pack_says() -> None:
    pack = pack_saying(with_income((2026, 3_000_400)), **RESIDENTS)
    contribution = due(None, on=date(2027, 9, 1), pack=pack)
    assert (contribution.due_fen, paid_by(contribution)) == (4501, {"government": 2251, "person": 2250})


@given(st.integers(0, 10**9))
def test_a_split_total_is_the_rounded_total(income: int) -> None:
    rule = contribution_rule(
        pack=pack_saying(with_income((2026, income)), **RESIDENTS), category="employee", on=date(2027, 9, 1)
    )
    exact = Fraction(income * 15, 10_000)
    assert abs(rule.due().due_fen - exact) <= Fraction(1, 2)


def test_a_base_that_rests_on_a_statistic_waits_for_the_statistic() -> None:
    with pytest.raises(PolicyMissing) as refusal:
        due(None, on=date(2027, 9, 1), pack=pack_saying(**RESIDENTS))
    assert refusal.value.members["year"] == 2026


def test_a_factor_of_a_yearly_wage_is_not_rounded_before_the_contribution_is() -> None:
    pack = pack_saying(
        with_income((2025, 9_600_000)),
        base={"value": {"statistic": "city_resident_disposable_income", "factor": "5%", "years_back": 1}},
        shares={"value": ["person"]},
        rate={"share": "person", "value": "0.3%"},
    )
    assert due(None, pack=pack).due_fen == 1440


FLAT: dict[str, Any] = {
    "collection": {"value": {"yearly": 1}},
    "base": {"value": {"flat_fen": 10_000}},
    "rate": [{"share": ["employer", "person"], "value": "50%"}],
    "payer_by_mark": [
        {"mark": "no_personal_account+family_account", "value": "family_account"},
        {"mark": "no_personal_account", "value": "person"},
    ],
    "mark_order": {"value": ["no_personal_account+family_account", "no_personal_account"]},
}


@pytest.mark.parametrize(
    ("there", "family", "payer"),
    [
        ([], False, "personal_account"),
        ([], True, "personal_account"),
        (["no_personal_account"], True, "family_account"),
        (["no_personal_account"], False, "person"),
    ],
)
def test_a_flat_amount_is_halved_and_a_relative_pays_for_who_has_no_account(
    there: list[str], family: bool, payer: str
) -> None:
    contribution = due(None, pack=pack_saying(**FLAT), marks=there, family_account=family)
    assert contribution.period == "2026"
    assert paid_by(contribution) == {"employer_medical_contribution": 5000, payer: 5000}


def test_a_pack_may_decide_by_county() -> None:
    by_county = [
        {"county": ["211102", "211103", "211104"], "value": {"flat_fen": 10_000}},
        {"county": "211122", "status": "missing"},
    ]
    pack = pack_saying(**FLAT | {"base": by_county})
    assert due(None, pack=pack, county="211102").due_fen == 10_000
    with pytest.raises(PolicyMissing):
        due(None, pack=pack, county="211122")


def test_a_fixed_subsidy_pays_its_amount_and_the_person_the_rest() -> None:
    pack = pack_saying(
        **FLAT
        | {
            "payer_by_mark": {"mark": "low_income", "value": "government"},
            "subsidy_fen": {"mark": "low_income", "value": 3_000},
            "mark_order": {"value": ["low_income", "no_personal_account"]},
        }
    )
    contribution = due(None, pack=pack, marks=["low_income"])
    assert paid_by(contribution) == {
        "employer_medical_contribution": 5000, "government": 3000, "personal_account": 2000,
    }  # fmt: skip


def test_who_owes_nothing_gets_nothing_due() -> None:
    pack = pack_saying(shares={"value": []})
    assert due(None, pack=pack) == Contribution(period="2026-07", due_fen=0, parts=())
