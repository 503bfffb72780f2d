"""A pool with a budget for care, and statements that ask for parts of it."""

from datetime import date
from typing import Any
from uuid import UUID

import httpx
from changhu_common.events.settlement import PaymentSettled, StatementApproved, StatementPart, StatementRejected
from changhu_common.ids import new_id
from changhu_common.roles import Role

from tests.support.ledgers import COUNTY, POOL, payment
from tests.support.running import Running

CARE = "5001"


def line(amount_fen: int, account: str = CARE, county: str | None = None, scheme: str | None = None) -> dict[str, Any]:
    return {"account": account, "county": county, "scheme": scheme, "amount_fen": amount_fen}


def budget(*lines: dict[str, Any], **said: Any) -> dict[str, Any]:
    return {"reason": "年度预算", "attachment": "预算批复 1", "lines": list(lines) or [line(1_000)]} | said


async def draft(ledger: Running, body: dict[str, Any], *, year: int = 2026, by: str = "zhang") -> httpx.Response:
    return await ledger.post(f"/pools/{POOL}/budgets/{year}", ledger.token(Role.ACCOUNTANT, subject=by), body)


async def approve(ledger: Running, drafted: httpx.Response, *, by: str = "li") -> httpx.Response:
    assert drafted.status_code == 201, drafted.text
    path = f"/budgets/{drafted.json()['budget']['budget_id']}/approval"
    return await ledger.post(path, ledger.token(Role.ACCOUNTANT, subject=by), {})


async def in_force(ledger: Running, *lines: dict[str, Any], year: int = 2026) -> dict[str, Any]:
    """A budget that was drafted and approved."""
    approved = await approve(ledger, await draft(ledger, budget(*lines), year=year))
    assert approved.status_code == 200, approved.text
    told: dict[str, Any] = approved.json()
    return told


def part(fund_fen: int, **said: Any) -> StatementPart:
    usual: dict[str, Any] = {"county": COUNTY, "category": "employee", "payments": 1}
    return StatementPart(fund_fen=fund_fen, **usual | said)


def approved(*parts: StatementPart | int, **said: Any) -> StatementApproved:
    """A statement that asks for these parts; a number is one payment in the usual county."""
    asked = [part(each) if isinstance(each, int) else each for each in parts]
    fund_fen = sum(each.fund_fen for each in asked)
    return StatementApproved(**_decision(fund_fen) | {"parts": asked} | said)


def rejected(statement: StatementApproved) -> StatementRejected:
    return StatementRejected(**statement.model_dump(exclude={"parts"}))


def _decision(fund_fen: int) -> dict[str, Any]:
    return {
        "statement_id": new_id(),
        "organization_id": new_id(),
        "pool": POOL,
        "month": "2026-07",
        "fund_fen": fund_fen,
        "person_fen": 0,
        "cost_fen": fund_fen,
        "decided_on": date(2026, 7, 10),
    }


def paid(statement: StatementApproved, fund_fen: int | None = None, **said: Any) -> PaymentSettled:
    """A payment of the statement."""
    fen = statement.fund_fen if fund_fen is None else fund_fen
    return payment(fen, statement_id=statement.statement_id, paid_on=date(2026, 7, 20), **said)


async def reservation(ledger: Running, statement_id: UUID) -> dict[str, Any]:
    answer = await ledger.get(f"/reservations/{statement_id}", ledger.token(Role.AUDITOR))
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def release(
    ledger: Running, statement_id: UUID, step: str = "", *, by: str, body: dict[str, Any] | None = None
) -> httpx.Response:
    path = f"/reservations/{statement_id}/release{step}"
    return await ledger.post(path, ledger.token(Role.ACCOUNTANT, subject=by), {} if body is None else body)


async def executed(ledger: Running, year: int = 2026, **params: Any) -> dict[str, Any]:
    answer = await ledger.get(f"/pools/{POOL}/budgets/{year}/execution", ledger.token(Role.AUDITOR), **params)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def care(ledger: Running, year: int = 2026) -> tuple[int | None, int, int, int | None]:
    """What the execution says of care: budget, reserved, spent and free, in fen."""
    total = next(each for each in (await executed(ledger, year))["totals"] if each["kind"] == "expense")
    return total["budget_fen"], total["reserved_fen"], total["spent_fen"], total["free_fen"]
