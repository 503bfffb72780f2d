"""A refunded contribution takes back the income that it was booked as."""

import pytest
from changhu_common.events.enrollment import ContributionRefunded
from changhu_common.ids import new_id

from tests.support.ledgers import COUNTY, DAY, POOL, balances, contribution
from tests.support.running import Running


def refund(amount_fen: int, *, payer: str) -> ContributionRefunded:
    return ContributionRefunded(
        refund_id=new_id(),
        pool=POOL,
        county=COUNTY,
        period="2026-07",
        category="employee",
        payer=payer,
        amount_fen=amount_fen,
        refunded_on=DAY,
    )


@pytest.mark.parametrize(("payer", "income"), [("personal_account", "4001"), ("treasury", "4101")])
async def test_a_refund_takes_back_the_income_of_its_payer(ledger: Running, payer: str, income: str) -> None:
    await ledger.hear(contribution(1086, payer=payer), refund(586, payer=payer))
    assert await balances(ledger, on="2026-12-31") == {"1003": 500, income: -500}
