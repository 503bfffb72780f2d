"""Money that comes back is the same money in settlement, in the books, in the budget and at the bank, to the fen."""

import random
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from changhu_common.events.budget import BudgetAnswer
from changhu_common.events.care import ServiceVoided
from changhu_common.roles import Role
from fund_ledger.app import SERVICE

from services.settlement.tests.settlement_story import APPROVAL, CASHIER, ENTRY, Settlement, again, at, deployed, income
from tests.support.banks import ACCOUNT, Moved, registered, told
from tests.support.budgets import care, in_force, line
from tests.support.ledgers import POOL, assert_kept, balances, rows
from tests.support.running import Deploy, Running

AUGUST, SEPTEMBER, OCTOBER = at(2, month=8), at(2, month=9), at(2, month=10)


@dataclass
class Fund:
    """Settlement and the books; each hears what the other told since the last time."""

    settlement: Settlement
    ledger: Running
    passed: int = 0
    answered: int = 0

    def advance_to(self, moment: datetime) -> None:
        for running in (self.settlement.running, self.ledger):
            running.advance_to(moment)

    async def quiet(self) -> None:
        events = await self.settlement.running.told()
        await self.ledger.hear(*events[self.passed :])
        self.passed = len(events)
        answers = await self.ledger.told(BudgetAnswer)
        await self.settlement.hear(*answers[self.answered :])
        self.answered = len(answers)

    async def approved(self, month: str) -> str:
        """A month's statement, once the budget has reserved it."""
        statement_id: str = (await self.settlement.approved(month, reserved=False))["statement_id"]
        await self.quiet()
        return statement_id

    async def paid(self, month: str, reference: str) -> str:
        statement_id = await self.approved(month)
        answer = await self.settlement.pay(statement_id, reference)
        assert answer.status_code == 200, answer.text
        await self.quiet()
        return statement_id

    async def post(self, path: str, role: Role, **body: Any) -> dict[str, Any]:
        answer = await self.settlement.running.post(path, self.settlement.who(role), body)
        assert answer.status_code < 300, answer.text
        await self.quiet()
        return dict(answer.json())

    @property
    def today(self) -> str:
        return self.settlement.running.clock.today().isoformat()


async def begun(deploy: Deploy) -> Fund:
    """A budget of 1,000 yuan for care, 5 % of what is paid stays as a deposit, and a July with one visit for 80."""
    fund = Fund(await deployed(deploy), await deploy(SERVICE))
    ratio = income(2026, parameter="settlement.deposit_ratio", value="5%", source="服务协议")
    settlement = fund.settlement
    await settlement.hear(*settlement.home(), ratio, settlement.visit(at(3)))
    await in_force(fund.ledger, line(100_000))
    fund.advance_to(AUGUST)
    return fund


async def replayed(fund: Fund, deploy: Deploy) -> Running:
    """Books of their own that hear everything twice, in any order."""
    events = 2 * await fund.settlement.running.told()
    random.Random(3).shuffle(events)
    ledger = await deploy(SERVICE)
    ledger.advance_to(OCTOBER)
    for event in events:
        await ledger.hear(event)
    return ledger


BOOKED = (
    "SELECT county, account, scheme, happened_on, sum(debit_fen - credit_fen)::bigint FROM daily_total"
    " GROUP BY 1, 2, 3, 4 HAVING sum(debit_fen - credit_fen) <> 0 ORDER BY 1, 2, 3, 4"
)


async def test_a_transfer_that_came_back_is_paid_again_and_its_deposit_released(deploy: Deploy) -> None:
    fund = await begun(deploy)
    first = await fund.paid("2026-07", "B1")
    assert await balances(fund.ledger, on="2026-12-31") == {"1003": -7_600, "2001": -400, "5001": 8_000}
    await fund.post(f"/statements/{first}/return", CASHIER, bank_reference="R1", returned_on=fund.today, reason="销户")
    assert await balances(fund.ledger, on="2026-12-31") == {"1003": 0, "2001": 0, "5001": 0}
    assert await care(fund.ledger) == (100_000, 0, 0, 100_000)
    await fund.paid("2026-07", "B2")
    assert await care(fund.ledger) == (100_000, 0, 8_000, 92_000)

    deposit = f"/organizations/{fund.settlement.organisation}/deposit"
    said = {"year": 2026, "reason": "年度考核"}
    decided = [
        await fund.post(f"{deposit}/decisions", ENTRY, outcome=outcome, amount_fen=fen, **said)
        for outcome, fen in (("forfeiture", 100), ("release", 300))
    ]
    for each in decided:
        await fund.post(f"/deposit-decisions/{each['decision_id']}/approval", APPROVAL)
    released = f"/deposit-decisions/{decided[1]['decision_id']}/payment"
    await fund.post(released, CASHIER, bank_reference="D1", paid_on=fund.today)
    assert await balances(fund.ledger, on="2026-12-31") == {"1003": -7_900, "2001": 0, "5001": 7_900}
    assert await care(fund.ledger) == (100_000, 0, 7_900, 92_100)
    assert (await fund.settlement.running.get(deposit, fund.settlement.who(Role.AUDITOR))).json()["open_fen"] == 0
    await assert_kept(fund.ledger)
    assert await rows(await replayed(fund, deploy), BOOKED) == await rows(fund.ledger, BOOKED)
    await assert_matched(fund, moved("B1", -7_600), moved("R1", 7_600), moved("B2", -7_600), moved("D1", -300))


async def test_what_was_forfeited_of_a_transfer_that_came_back_is_owed_until_the_next_deposit(deploy: Deploy) -> None:
    fund = await begun(deploy)
    first = await fund.paid("2026-07", "B1")
    deposit = f"/organizations/{fund.settlement.organisation}/deposit"
    said = {"outcome": "forfeiture", "year": 2026, "reason": "年度考核", "amount_fen": 1}
    decided = (await fund.post(f"{deposit}/decisions", ENTRY, **said))["decision_id"]
    await fund.post(f"/deposit-decisions/{decided}/approval", APPROVAL)
    await fund.post(f"/statements/{first}/return", CASHIER, bank_reference="R1", returned_on=fund.today, reason="销户")
    assert await balances(fund.ledger, on="2026-12-31") == {"1003": 0, "2001": 1, "5001": -1}
    await fund.paid("2026-07", "B2")
    assert await balances(fund.ledger, on="2026-12-31") == {"1003": -7_600, "2001": -399, "5001": 7_999}
    stands = (await fund.settlement.running.get(deposit, fund.settlement.who(Role.AUDITOR))).json()
    assert (stands["open_fen"], stands["owed_fen"]) == (399, 0)
    await assert_kept(fund.ledger)
    await assert_matched(fund, moved("B1", -7_600), moved("R1", 7_600), moved("B2", -7_600))


async def test_what_an_organisation_owes_is_paid_back_in_parts(deploy: Deploy) -> None:
    fund = await begun(deploy)
    settlement = fund.settlement
    await settlement.hear(july := settlement.visit(at(5), {"LC12": 2}))
    await fund.paid("2026-07", "B1")
    await settlement.hear(again(ServiceVoided, july))
    fund.advance_to(SEPTEMBER)
    owed = await fund.approved("2026-08")
    new = {"organization_id": str(settlement.organisation), "statements": [owed], "reason": "协议已终止"}
    recovery = f"/recoveries/{(await fund.post('/recoveries', ENTRY, **new))['recovery_id']}"
    await fund.post(f"{recovery}/approval", APPROVAL)
    for reference, fen in (("R1", 5_001), ("R2", 10_999)):
        said = {"amount_fen": fen, "received_on": fund.today, "bank_reference": reference}
        await fund.post(f"{recovery}/receipts", CASHIER, **said)
    assert (await settlement.statement(owed))["statement"]["status"] == "recovered"
    assert await balances(fund.ledger, on="2026-12-31") == {"1003": -22_800 + 16_000, "2001": -1_200, "5001": 8_000}
    assert await care(fund.ledger) == (100_000, 0, 8_000, 92_000)
    await assert_kept(fund.ledger)
    assert await rows(await replayed(fund, deploy), BOOKED) == await rows(fund.ledger, BOOKED)
    lines = (moved("B1", -22_800), moved("R1", 5_001, month=9), moved("R2", 10_999, month=9))
    await assert_matched(fund, *lines)


def moved(reference: str, fen: int, month: int = 8) -> Moved:
    return Moved(date(2026, month, 2), fen, reference)


async def assert_matched(fund: Fund, *lines: Moved) -> None:
    """Each line of the bank is one transfer, less its deposit, and nothing of the books is left without a line."""
    fund.advance_to(OCTOBER)
    account_id = await registered(fund.ledger)
    await told(fund.ledger, account_id, lines, until=date(2026, 9, 30))
    who = fund.ledger.token(Role.ACCOUNTANT)
    assert (await fund.ledger.post(f"/pools/{POOL}/matching", who, {})).status_code == 200
    left = (await fund.ledger.get(f"/pools/{POOL}/bank-lines", who, matched=False)).json()["lines"]
    entries = (await fund.ledger.get(f"/pools/{POOL}/accounts/{ACCOUNT}/unmatched-entries", who)).json()["entries"]
    assert (left, entries) == ([], [])
