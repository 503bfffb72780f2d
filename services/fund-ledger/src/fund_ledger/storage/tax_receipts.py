"""The tax bureau's files, the last one of a month in force, and what was booked of the same money."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from changhu_common.scoped_rows import within
from sqlalchemy import BigInteger, Row, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.tax_receipts import Cell, TaxReceipt
from fund_ledger.storage.bank_tables import bank_match, matched_entry, tax_file, tax_receipt
from fund_ledger.storage.tables import journal, line


async def add(connection: AsyncConnection, file: Mapping[str, Any], receipts: Sequence[TaxReceipt]) -> None:
    await insert_rows(connection, tax_file, [file])
    await insert_rows(
        connection,
        tax_receipt,
        [
            {
                "file_id": file["id"],
                "county": each.county,
                "category": each.category,
                "payer": each.payer,
                "amount_fen": each.amount_fen,
            }
            for each in receipts
        ],
    )


async def last_file(connection: AsyncConnection, pool: str, month: date) -> Row[*tuple[Any, ...]] | None:
    """The file of a month that is in force."""
    statement = select(tax_file).where(tax_file.c.pool == pool, tax_file.c.month == month)
    return (
        await connection.execute(statement.order_by(tax_file.c.loaded_at.desc(), tax_file.c.id.desc()).limit(1))
    ).one_or_none()


async def receipts(connection: AsyncConnection, file: Row[*tuple[Any, ...]], *, scope: Scope) -> list[TaxReceipt]:
    statement = select(tax_receipt).where(tax_receipt.c.file_id == file.id, within(scope, region=tax_receipt.c.county))
    return [
        TaxReceipt(row.county, row.category, row.payer, row.amount_fen) for row in await connection.execute(statement)
    ]


async def booked(
    connection: AsyncConnection,
    *,
    pool: str,
    since: date,
    until: date,
    accounts: Sequence[str],
    sources: Sequence[str],
    scope: Scope,
) -> dict[Cell, tuple[int, int]]:
    """What happened on these days and was booked from these events, by cell, and what of it a bank confirmed (fen).

    A reversal by hand is of the event whose journal it takes back.
    A bank confirmed what stands in a match of which everything is known by the last of the days.
    """
    own = (matched_entry.c.pool, matched_entry.c.sequence, matched_entry.c.number)
    same = [one == other for one, other in zip(own, (line.c.pool, line.c.sequence, line.c.number), strict=True)]
    confirmed = (
        select(matched_entry.c.match_id)
        .join(bank_match, bank_match.c.id == matched_entry.c.match_id)
        .where(*same, matched_entry.c.active, bank_match.c.last_on <= until)
        .exists()
    )
    total = func.sum(line.c.amount_fen)
    reversed_one = journal.alias("reversed_one")
    rows = await connection.execute(
        select(
            line.c.county,
            line.c.scheme,
            line.c.payer,
            cast(total, BigInteger).label("fen"),
            cast(func.coalesce(total.filter(confirmed), 0), BigInteger).label("confirmed_fen"),
        )
        .join(journal, (journal.c.pool == line.c.pool) & (journal.c.sequence == line.c.sequence))
        .outerjoin(reversed_one, reversed_one.c.id == journal.c.reverses)
        .where(
            line.c.pool == pool,
            line.c.account.in_(accounts),
            line.c.accounting_on >= since,
            journal.c.happened_on.between(since, until),
            func.coalesce(reversed_one.c.source, journal.c.source).in_(sources),
            within(scope, region=line.c.county),
        )
        .group_by(line.c.county, line.c.scheme, line.c.payer)
    )
    return {Cell(row.county, row.scheme or "", row.payer or ""): (int(row.fen), int(row.confirmed_fen)) for row in rows}
