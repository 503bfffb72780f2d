"""A fee's cause follows from what came before, its parts add up, and what is missing is named and never guessed."""

from datetime import date
from typing import Any

import pytest
from assessment.domain.fees import Assessed, Fee, FeeStatus, Outcome, fee_of
from changhu_common.ids import new_id
from changhu_policies import Supplied, load_pack
from hypothesis import given
from hypothesis import strategies as st

DRAFTED = "530400"  # its document shares the fee of some causes and leaves everything else open
SILENT = "211100"  # its document says nothing of a fee
DAY = date(2027, 3, 1)


def value(parameter: str, said: Any, pool: str = DRAFTED, **qualifiers: str) -> dict[str, Any]:
    start = date(2026, 9, 1)
    return {
        "pool": pool,
        "parameter": f"assessment.{parameter}",
        "value": said,
        "qualifiers": qualifiers,
        "from": start,
        "to": None,
        "source": "评估费办法",
    }


AMOUNT = value("fee_fen", 30_001)
AHEAD = value("periodic_days", 60)


def ended(*, passed: bool = True, applied_on: date = date(2025, 1, 1), until: date = date(2027, 4, 1)) -> Outcome:
    return Outcome(applied_on=applied_on, passed=passed, valid_until=until)


def fee(
    *values: dict[str, Any],
    pool: str = DRAFTED,
    passed: bool = True,
    earlier: tuple[Outcome, ...] = (),
    round_: int = 1,
    applied_on: date = DAY,
) -> Fee:
    assessed = Assessed(round=round_, organization_id=new_id(), county="530402", assessed_on=DAY)
    pack = load_pack(pool, Supplied.from_records(values))
    return fee_of(pack=pack, assessed=assessed, outcome=ended(passed=passed, applied_on=applied_on), earlier=earlier)


def wanting(made: Fee) -> list[str]:
    return [each["parameter"].removeprefix("assessment.") for each in made.problems]


def test_a_first_assessment_that_passes_is_the_funds() -> None:
    made = fee(AMOUNT)
    assert (made.status, made.cause) == (FeeStatus.DUE, "first_passed")
    assert (made.fee_fen, made.fund_fen, made.person_fen) == (30_001, 30_001, 0)


def test_a_fee_says_by_which_clauses_it_was_decided_and_how_firmly() -> None:
    amount, share = fee(AMOUNT).findings
    assert (amount.parameter, amount.status, amount.reading) == (
        "assessment.fee_fen",
        "supplied",
        "补录依据：评估费办法",
    )
    assert (share.parameter, share.clause, share.status) == ("assessment.fee_fund_share", "六(一)3", "stated")


@pytest.mark.parametrize(
    ("cause", "case"),
    [
        ("first_passed", {}),
        ("failed", {"passed": False}),
        ("failed", {"passed": False, "earlier": (ended(passed=False),)}),
        ("passed_later", {"earlier": (ended(passed=False),)}),
        # 31 days before the last one ends, 61 days before, and the day after.
        ("periodic", {"earlier": (ended(),)}),
        ("requested", {"earlier": (ended(until=date(2027, 5, 1)),)}),
        ("periodic", {"earlier": (ended(until=date(2027, 2, 28)),)}),
        ("periodic", {"earlier": (ended(),), "passed": False}),
        ("requested", {"earlier": (ended(), ended(passed=False))}),
        ("disputed", {"round_": 2}),
        ("disputed", {"round_": 2, "earlier": (ended(),), "passed": False}),
    ],
)
def test_the_cause_follows_from_what_came_before(cause: str, case: dict[str, Any]) -> None:
    assert fee(AMOUNT, AHEAD, **case).cause == cause


def test_what_the_document_does_not_share_waits_for_its_share() -> None:
    made = fee(AMOUNT, passed=False)
    assert (made.status, made.cause, wanting(made)) == (FeeStatus.UNDECIDED, "failed", ["fee_fund_share"])
    assert made.problems[0]["clause"] == "六(一)3"
    assert made.fee_fen is None


def test_a_fee_names_everything_that_it_waits_for() -> None:
    assert wanting(fee(pool=SILENT)) == ["fee_fen", "fee_fund_share"]


def test_whether_an_early_reassessment_is_periodic_waits_for_the_days() -> None:
    made = fee(AMOUNT, earlier=(ended(),))
    assert (made.status, made.cause, wanting(made)) == (FeeStatus.UNDECIDED, None, ["periodic_days"])


def test_an_assessment_that_costs_nothing_needs_no_share() -> None:
    made = fee(value("fee_fen", 0, SILENT), pool=SILENT)
    assert (made.status, made.fee_fen, made.fund_fen) == (FeeStatus.DUE, 0, 0)


def test_without_a_conclusion_that_stands_there_is_no_fee() -> None:
    assessed = Assessed(round=1, organization_id=new_id(), county="530402", assessed_on=DAY)
    made = fee_of(pack=load_pack(DRAFTED), assessed=assessed, outcome=None, earlier=())
    assert made.status == FeeStatus.VOID


@given(fen=st.integers(min_value=0, max_value=10**9), share=st.integers(min_value=0, max_value=10_000))
def test_the_parts_add_up_and_the_funds_is_rounded_half_up(fen: int, share: int) -> None:
    made = fee(value("fee_fen", fen), value("fee_fund_share", f"{share / 100:.2f}%", cause="failed"), passed=False)
    assert made.fund_fen is not None
    assert made.person_fen is not None
    assert made.fund_fen + made.person_fen == fen
    assert made.fund_fen == (2 * fen * share + 10_000) // 20_000
