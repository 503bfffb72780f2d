"""Each source of money lands on its account, and money that moves with people on those of transfers, by county."""

from datetime import date
from typing import Any

import pytest
from changhu_common.events.enrollment import (
    StartupMoneyReceived,
    TransferMoney,
    TransferMoneyPaid,
    TransferMoneyPaymentReturned,
    TransferMoneyReceiptReturned,
    TransferMoneyReceived,
)
from changhu_common.ids import new_id
from changhu_policies.accounting import chart
from changhu_policies.vocabulary import PAYERS
from fund_ledger.app import SERVICE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.ledgers import COUNTY, OTHER_COUNTY, POOL, assert_kept, balances, contribution, rows
from tests.support.running import Deploy, Running

FISCAL, PREMIUMS, SUBSIDIES, OTHER_INCOME, CAME, WENT = "1003", "4001", "4101", "4501", "4301", "5201"
INCOME = {
    "employer": PREMIUMS,
    "employer_medical_contribution": PREMIUMS,
    "own_medical_contribution": PREMIUMS,
    "personal_account": PREMIUMS,
    "family_account": PREMIUMS,
    "person": PREMIUMS,
    "pension": PREMIUMS,
    "medical_fund_surplus": OTHER_INCOME,
    "medical_assistance_fund": SUBSIDIES,
    "treasury": SUBSIDIES,
    "government": SUBSIDIES,
}
DAYS: dict[type[TransferMoney], str] = {
    TransferMoneyPaid: "paid_on",
    TransferMoneyReceived: "received_on",
    TransferMoneyPaymentReturned: "returned_on",
    TransferMoneyReceiptReturned: "returned_on",
}


def moved(kind: type[TransferMoney], amount_fen: int = 50_000, **said: Any) -> TransferMoney:
    return kind.model_validate(
        {
            "money_id": new_id(),
            "pool": POOL,
            "county": COUNTY,
            "category": "employee",
            "other_pool": "330300",
            "amount_fen": amount_fen,
            "bank_reference": "Z1",
            DAYS[kind]: date(2026, 7, 20),
            **said,
        }
    )


@pytest.mark.parametrize("payer", PAYERS)
async def test_what_each_payer_pays_lands_on_its_income_and_names_him(ledger: Running, payer: str) -> None:
    await ledger.hear(contribution(700, payer=payer))
    assert await balances(ledger, on="2026-12-31") == {FISCAL: 700, INCOME[payer]: -700}
    assert {row.payer for row in await rows(ledger, "SELECT payer FROM line")} == {payer}


async def test_start_up_money_lands_on_other_income_in_the_pools_own_book(ledger: Running) -> None:
    said = {"pool": POOL, "county": POOL, "payer": "medical_fund_surplus", "received_on": date(2026, 7, 20)}
    await ledger.hear(StartupMoneyReceived(receipt_id=new_id(), amount_fen=900, **said))
    assert await balances(ledger, on="2026-12-31") == {FISCAL: 900, OTHER_INCOME: -900}
    assert {row.county for row in await rows(ledger, "SELECT county FROM line")} == {POOL}


@pytest.mark.parametrize(
    ("kind", "undone", "stands"),
    [
        (TransferMoneyPaid, TransferMoneyPaymentReturned, {WENT: 50_000, FISCAL: -50_000}),
        (TransferMoneyReceived, TransferMoneyReceiptReturned, {FISCAL: 50_000, CAME: -50_000}),
    ],
)
async def test_money_of_a_transfer_is_booked_by_county_and_scheme_and_its_return_takes_it_back(
    ledger: Running, kind: type[TransferMoney], undone: type[TransferMoney], stands: dict[str, int]
) -> None:
    fact = moved(kind)
    await ledger.hear(fact, fact)
    assert await balances(ledger, on="2026-12-31") == stands
    assert {tuple(row) for row in await rows(ledger, "SELECT county, scheme FROM line")} == {(COUNTY, "employees")}
    await ledger.hear(moved(undone, money_id=fact.money_id))
    assert not any((await balances(ledger, on="2026-12-31")).values())


@pytest.mark.parametrize("kind", DAYS)
async def test_money_of_a_transfer_keeps_the_reference_of_its_bank(ledger: Running, kind: type[TransferMoney]) -> None:
    await ledger.hear(moved(kind, bank_reference="Z9"))
    assert [row.reference for row in await rows(ledger, "SELECT reference FROM bank_reference")] == ["Z9"]


def test_no_template_books_what_an_event_tells() -> None:
    def accounts(lines: Any) -> set[tuple[str, frozenset[str]]]:
        return {(line.side, frozenset(line.account.all())) for line in lines}

    assert not {"transfer.in", "transfer.out"} & chart().templates.keys()
    transfers = [accounts(chart().rules[kind.TYPE].lines) for kind in DAYS]
    assert not any(accounts(each.lines) in transfers for each in chart().templates.values())


MOVES = st.lists(
    st.builds(
        moved,
        st.sampled_from(list(DAYS)),
        st.integers(1, 10**12),
        county=st.sampled_from([COUNTY, OTHER_COUNTY]),
        category=st.sampled_from(["employee", "resident"]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(facts=MOVES, order=st.randoms())
async def test_told_in_any_order_and_doubled_the_books_are_what_went_and_came(
    deploy: Deploy, facts: list[TransferMoney], order: Any
) -> None:
    ledger = await deploy(SERVICE)
    told = facts + facts
    order.shuffle(told)
    await ledger.hear(*told[: len(facts)])
    await ledger.hear(*told[len(facts) :])
    await assert_kept(ledger)
    sums = {kind: sum(each.amount_fen for each in facts if type(each) is kind) for kind in DAYS}
    went = sums[TransferMoneyPaid] - sums[TransferMoneyPaymentReturned]
    came = sums[TransferMoneyReceived] - sums[TransferMoneyReceiptReturned]
    found = await balances(ledger, on="2026-12-31")
    assert (found.get(WENT, 0), -found.get(CAME, 0), found.get(FISCAL, 0)) == (went, came, came - went)
