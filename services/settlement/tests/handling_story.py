"""Fees of an insurer as clerks enter them, and the steps that they take."""

from datetime import UTC, date, datetime
from typing import Any

import httpx
from changhu_common.events.budget import BudgetReserved
from changhu_common.events.policy import PolicyValueApproved
from changhu_common.events.settlement import HandlingFeePaid
from changhu_common.ids import new_id
from changhu_common.roles import Role
from settlement.app import SERVICE

from services.settlement.tests.settlement_story import APPROVAL, CASHIER, ENTRY, POOL, REVIEW
from tests.support.running import Deploy, Running

OTHER_COUNTY = "211122"
INSURER = {"code": "91211100MA00000XXH", "name": "甲保险股份有限公司"}
FEES = "/handling-fees"


def supplied(parameter: str = "handling.fee_share", value: Any = "5%", **said: Any) -> PolicyValueApproved:
    usual: dict[str, Any] = {"value_id": new_id(), "pool": POOL, "parameter": parameter, "value": value}
    usual |= {"start": date(2026, 1, 1), "source": "经办协议 7", "entered_by": "a", "approved_by": "b"}
    return PolicyValueApproved(**usual | {"approved_at": datetime(2026, 7, 1, tzinfo=UTC)} | said)


async def in_january(deploy: Deploy) -> Running:
    """Settlement in January 2027, before anybody said what the agreement pays."""
    running = await deploy(SERVICE)
    running.advance_to(datetime(2027, 1, 10, 2, tzinfo=UTC))
    return running


def row(quantity: int, county: str | None = None, scheme: str | None = None) -> dict[str, Any]:
    return {"quantity": quantity, "county": county, "scheme": scheme}


def terms(*basis: dict[str, Any], **said: Any) -> dict[str, Any]:
    usual = {"agreement": "经办协议 7", "method": "share", "basis_name": "本期保费收入", "basis_source": "收支表 2026"}
    return usual | {"basis": list(basis) or [row(100_000_000)]} | said


def fee(*basis: dict[str, Any], period: str = "2026", **said: Any) -> dict[str, Any]:
    return terms(*basis, **said) | {"pool": POOL, "insurer": INSURER, "period": period}


async def enter(settlement: Running, body: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
    return await settlement.post(FEES, settlement.token(ENTRY), fee() if body is None else body, **more)


async def entered(settlement: Running, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = await enter(settlement, body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json()["fee"])


async def step(settlement: Running, fee_id: str, name: str, role: Role, **body: Any) -> httpx.Response:
    return await settlement.post(f"{FEES}/{fee_id}/{name}", settlement.token(role), body)


async def decided(settlement: Running, fee_id: str) -> None:
    for name, role in (("review", REVIEW), ("approval", APPROVAL)):
        answer = await step(settlement, fee_id, name, role)
        assert answer.status_code == 200, answer.text


async def reserved(settlement: Running, fee_id: str) -> None:
    said = {"year": 2027, "organization_id": new_id(), "revision": 1, "fund_fen": 0, "basis": "within_budget"}
    await settlement.hear(BudgetReserved(pool=POOL, statement_id=fee_id, **said))


async def pay(settlement: Running, fee_id: str, reference: str = "HF-1") -> httpx.Response:
    return await step(settlement, fee_id, "payment", CASHIER, bank_reference=reference, paid_on="2027-01-10")


async def paid(settlement: Running, fee_id: str, reference: str = "HF-1") -> dict[str, Any]:
    await decided(settlement, fee_id)
    await reserved(settlement, fee_id)
    answer = await pay(settlement, fee_id, reference)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def send_back(settlement: Running, fee_id: str, returned_on: str = "2027-01-10") -> httpx.Response:
    said = {"bank_reference": "R-1", "returned_on": returned_on, "reason": "户名不符"}
    return await step(settlement, fee_id, "return", CASHIER, **said)


async def told(settlement: Running) -> list[tuple[str, str | None, int]]:
    return [(each.county, each.scheme, each.fund_fen) for each in await settlement.told(HandlingFeePaid)]


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]
