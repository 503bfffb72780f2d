"""A commissioned insurer's year: its fee is counted, approved, paid out of the budget, booked, and corrected."""

from datetime import UTC, datetime
from typing import Any

import pytest
from changhu_common.roles import Role
from changhu_standalone.story.office import StoryFailed

from tests.scenarios.cities import Cities

POOL, COUNTIES = "211100", ("211102", "211122")
FEES = "5401"
# The story's own insurer.
INSURER = {"code": "91211100MA00000XXH", "name": "甲保险股份有限公司"}


class Insurer:
    """What the city's posts do with the fees of its insurer."""

    def __init__(self, cities: Cities) -> None:
        self.cities = cities
        self.office = cities.office

    async def post(self, role: Role, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = await self.office.post("settlement", path, body, self.cities.desk(POOL, role))
        return answer

    async def enter(self, *quantities: int, of: str = "", **said: Any) -> dict[str, Any]:
        """A fee of 2026 counted from what each county received, or a correction `of` one."""
        basis = [
            {"county": county, "scheme": "employees", "quantity": fen}
            for county, fen in zip(COUNTIES, quantities, strict=True)
        ]
        terms = {
            "agreement": "经办协议 7",
            "method": "share",
            "basis_name": "本年保费收入",
            "basis_source": "收支表 2026",
        }
        terms |= {"basis": basis, **said}
        if of:
            made = await self.post(Role.SETTLEMENT_ENTRY, f"/handling-fees/{of}/correction", terms | {"reason": "多计"})
        else:
            new = terms | {"pool": POOL, "insurer": INSURER, "period": "2026"}
            made = await self.post(Role.SETTLEMENT_ENTRY, "/handling-fees", new)
        return dict(made["fee"])

    async def approved(self, fee: dict[str, Any]) -> str:
        path = f"/handling-fees/{fee['fee_id']}"
        await self.post(Role.SETTLEMENT_REVIEW, f"{path}/review", {})
        await self.post(Role.SETTLEMENT_APPROVAL, f"{path}/approval", {})
        await self.office.quiet()
        return path

    async def paid(self, path: str, reference: str) -> None:
        said = {"bank_reference": reference, "paid_on": self.cities.clock.today().isoformat()}
        await self.post(Role.CASHIER, f"{path}/payment", said)
        await self.office.quiet()

    async def budget(self, fen: int) -> None:
        body = {"reason": "年度预算", "attachment": "批复", "lines": [{"account": FEES, "amount_fen": fen}]}
        desks = [self.cities.desk(POOL, Role.ACCOUNTANT, number) for number in (1, 2)]
        drafted = await self.office.post("fund-ledger", f"/pools/{POOL}/budgets/2027", body, desks[0])
        await self.office.post("fund-ledger", f"/budgets/{drafted['budget']['budget_id']}/approval", {}, desks[1])

    async def income_statement(self) -> dict[tuple[str, str], int]:
        """What the report says of the fees, by county and scheme, in fen."""
        told = await self.office.get(
            "fund-ledger",
            f"/pools/{POOL}/reports/income-statement",
            self.cities.desk(POOL, Role.AUDITOR),
            since="2027-01-01",
            until="2027-12-31",
            split="book",
        )
        return {
            (group["county"], group["scheme"]): row["fen"]
            for group in told["groups"]
            for row in group["rows"]
            if row["account"] == FEES
        }


async def test_an_insurers_fee_goes_from_its_agreement_to_the_income_statement(cities: Cities) -> None:
    cities.clock.advance_to(datetime(2027, 1, 11, 2, tzinfo=UTC))
    insurer = Insurer(cities)
    with pytest.raises(StoryFailed, match=r"policy\.missing"):
        await insurer.enter(60_000_000, 40_000_000)
    await cities.supply(POOL, "handling.fee_share", "5%", **{"from": "2026-01-01"})
    await insurer.budget(4_900_000)
    await cities.office.quiet()

    fee = await insurer.enter(60_000_000, 40_000_000, performance="年度考核 92 分", deduction="2%")
    assert fee["computation"] == "基数 1,000,000.00 元 × 5% × (1 − 绩效扣减 2%) = 49,000.00 元"
    await insurer.paid(await insurer.approved(fee), "HF-1")
    assert await insurer.income_statement() == {
        ("211102", "employees"): 2_940_000,
        ("211122", "employees"): 1_960_000,
    }

    correction = await insurer.enter(
        50_000_000, 40_000_000, of=fee["fee_id"], performance="年度考核 92 分", deduction="2%"
    )
    assert correction["fund_fen"] == -490_000
    await insurer.paid(await insurer.approved(correction), "HF-2")
    assert await insurer.income_statement() == {
        ("211102", "employees"): 2_450_000,
        ("211122", "employees"): 1_960_000,
    }
    assert await cities.booked_fen(POOL, "5") == 4_410_000


async def test_a_fee_that_the_budget_cannot_bear_waits_until_it_is_raised(cities: Cities) -> None:
    cities.clock.advance_to(datetime(2027, 1, 11, 2, tzinfo=UTC))
    insurer = Insurer(cities)
    await cities.supply(POOL, "handling.fee_share", "5%", **{"from": "2026-01-01"})
    await insurer.budget(1)
    await cities.office.quiet()
    path = await insurer.approved(await insurer.enter(60_000_000, 40_000_000))
    with pytest.raises(StoryFailed, match=r"statement\.awaits_budget.*其他支出"):
        await insurer.paid(path, "HF-1")
    await insurer.budget(5_000_000)
    await cities.office.quiet()
    await insurer.paid(path, "HF-1")
    assert await cities.booked_fen(POOL, "5") == 5_000_000
