"""Facts for the fund's books, and what every history of them must keep."""

from datetime import date
from typing import Any

from changhu_common.events.enrollment import ContributionReceived
from changhu_common.events.settlement import HandlingFeePaid, HandlingFeeReversed, PaymentReversed, PaymentSettled
from changhu_common.ids import new_id
from changhu_common.roles import Role
from sqlalchemy import text

from tests.support.running import Running

POOL = "211100"
COUNTY, OTHER_COUNTY = "211102", "211122"
DAY = date(2026, 7, 20)


def contribution(amount_fen: int = 1086, **said: Any) -> ContributionReceived:
    return ContributionReceived(
        **{
            "receipt_id": new_id(),
            "pool": POOL,
            "county": COUNTY,
            "period": "2026-07",
            "category": "employee",
            "payer": "personal_account",
            "amount_fen": amount_fen,
            "received_on": DAY,
            **said,
        }
    )


def payment(fund_fen: int = 160_000, **said: Any) -> PaymentSettled:
    return PaymentSettled(
        **{
            "payment_id": new_id(),
            "statement_id": new_id(),
            "person_id": new_id(),
            "organization_id": new_id(),
            "pool": POOL,
            "county": COUNTY,
            "category": "employee",
            "service_month": "2026-07",
            "fund_fen": fund_fen,
            "person_fen": 40_000,
            "cost_fen": fund_fen + 40_000,
            "paid_on": date(2026, 8, 20),
            "bank_reference": "B1",
            "pack_version": "v",
            **said,
        }
    )


def reversal(fund_fen: int = 160_000, **said: Any) -> PaymentReversed:
    return PaymentReversed(
        **{
            "reversal_id": new_id(),
            "payment_id": new_id(),
            "person_id": new_id(),
            "organization_id": new_id(),
            "pool": POOL,
            "county": COUNTY,
            "category": "employee",
            "service_month": "2026-07",
            "fund_fen": fund_fen,
            "returned_on": date(2026, 9, 1),
            "bank_reference": "B1",
            **said,
        }
    )


def handling_fee(fund_fen: int = 50_000, **said: Any) -> HandlingFeePaid:
    return HandlingFeePaid(
        **{
            "payment_id": new_id(),
            "statement_id": new_id(),
            "organization_id": new_id(),
            "pool": POOL,
            "county": COUNTY,
            "scheme": "employees",
            "period": "2026-Q2",
            "fund_fen": fund_fen,
            "paid_on": DAY,
            "bank_reference": "HF-1",
            "pack_version": "v",
            **said,
        }
    )


def handling_fee_back(paid: HandlingFeePaid, **said: Any) -> HandlingFeeReversed:
    """The bank sent this fee back on the next day."""
    copied = ("payment_id", "statement_id", "organization_id", "pool", "county", "scheme", "period", "fund_fen")
    usual = {"reversal_id": new_id(), "returned_on": date(2026, 7, 21), "bank_reference": "R-1"}
    return HandlingFeeReversed(**{name: getattr(paid, name) for name in copied} | usual | said)


async def rows(ledger: Running, statement: str, **params: Any) -> list[Any]:
    async with ledger.database.read() as connection:
        return list((await connection.execute(text(statement), params)).all())


async def balances(ledger: Running, **params: Any) -> dict[str, int]:
    answer = await ledger.get(f"/pools/{POOL}/trial-balance", ledger.token(Role.ACCOUNTANT), **params)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["balanced"]
    assert body["debit_fen"] == body["credit_fen"]
    return {each["account"]: each["balance_fen"] for each in body["accounts"]}


async def proof(ledger: Running, *, pool: str = POOL, **params: Any) -> dict[str, Any]:
    answer = await ledger.get(f"/pools/{pool}/proof", ledger.token(Role.AUDITOR, region=pool), **params)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def assert_kept(ledger: Running, *, pool: str = POOL) -> None:
    """Every book balances on every day, the totals are the lines, numbers have no gaps, the chain holds."""
    for on in ("accounting_on", "happened_on"):
        by_day = "pool, county, scheme, " + on
        assert not await rows(
            ledger,
            f"SELECT FROM line JOIN journal USING (pool, sequence, accounting_on) GROUP BY {by_day}"
            " HAVING sum(amount_fen) <> 0",
        )
        summed = (
            f"SELECT {by_day}, account, sum(greatest(amount_fen, 0))::bigint, sum(greatest(-amount_fen, 0))::bigint"
            f" FROM (SELECT line.*, happened_on FROM line JOIN journal USING (pool, sequence)) AS line"
            f" GROUP BY {by_day}, account"
        )
        kept = (
            f"SELECT pool, county, nullif(scheme, '') AS scheme, {on}, account,"
            f" sum(debit_fen)::bigint, sum(credit_fen)::bigint FROM daily_total GROUP BY {by_day}, account"
        )
        assert set(await rows(ledger, summed)) == set(await rows(ledger, kept))
    numbers = await rows(
        ledger, "SELECT pool, year, array_agg(number ORDER BY sequence) AS given FROM journal GROUP BY 1, 2"
    )
    for row in numbers:
        assert row.given == list(range(1, len(row.given) + 1))
    if numbers:
        assert (await proof(ledger, pool=pool))["holds"]
