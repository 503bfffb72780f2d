"""What one side knows and the other does not: at the end of a day, and page by page for whoever works on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.bank_accounts import Place
from fund_ledger.domain.pages import AfterEntry

# In a match whose latest day is after `on`, something is not there yet: until then its parts are outstanding.
_LINES = text(
    "SELECT bank_line.id, bank_line.booked_on, bank_line.amount_fen, bank_line.reference, bank_match.id AS match_id,"
    " bank_match.last_on AS settled_on"
    " FROM bank_line JOIN bank_account ON bank_account.id = bank_line.bank_account_id"
    " LEFT JOIN matched_line ON matched_line.line_id = bank_line.id AND matched_line.active"
    " LEFT JOIN bank_match ON bank_match.id = matched_line.match_id"
    " WHERE bank_account.pool = :pool AND bank_account.account = :account"
    " AND bank_account.county IS NOT DISTINCT FROM :county AND NOT bank_line.voided"
    " AND bank_line.booked_on <= :on AND (bank_match.id IS NULL OR bank_match.last_on > :on)"
    " ORDER BY bank_line.booked_on, bank_line.id"
)
_ENTRIES = text(
    "SELECT line.sequence, line.number, line.accounting_on, line.county, line.amount_fen, journal.year,"
    " journal.number AS voucher, journal.title, bank_match.id AS match_id, bank_match.last_on AS settled_on"
    " FROM line JOIN journal USING (pool, sequence)"
    " LEFT JOIN matched_entry ON (matched_entry.pool, matched_entry.sequence, matched_entry.number)"
    " = (line.pool, line.sequence, line.number) AND matched_entry.active"
    " LEFT JOIN bank_match ON bank_match.id = matched_entry.match_id"
    " WHERE line.pool = :pool AND line.account = :account AND line.county = coalesce(:county, line.county)"
    " AND line.accounting_on <= :on"
    " AND (bank_match.last_on > :on OR bank_match.id IS NULL AND line.accounting_on >= :since)"
    " ORDER BY line.accounting_on, line.sequence, line.number"
)
_BALANCE = text(
    "SELECT coalesce(sum(debit_fen - credit_fen), 0)::bigint FROM daily_total"
    " WHERE pool = :pool AND account = :account AND county = coalesce(:county, county) AND accounting_on <= :on"
)
_LINE_PAGE = text(
    "SELECT bank_line.*, bank_match.id AS match_id, bank_match.rule"
    " FROM bank_line LEFT JOIN matched_line ON matched_line.line_id = bank_line.id AND matched_line.active"
    " LEFT JOIN bank_match ON bank_match.id = matched_line.match_id"
    " WHERE bank_line.bank_account_id = ANY(:accounts) AND bank_line.booked_on BETWEEN :since AND :until"
    " AND NOT bank_line.voided"
    " AND (CAST(:matched AS boolean) IS NULL OR (bank_match.id IS NOT NULL) = :matched)"
    " AND (bank_line.booked_on, bank_line.id) > (:day, :id)"
    " ORDER BY bank_line.booked_on, bank_line.id LIMIT :count"
)
_ENTRY_PAGE = text(
    "SELECT line.*, journal.id AS journal_id, journal.year, journal.number AS voucher, journal.title,"
    " journal.happened_on, bank_reference.reference"
    " FROM line JOIN journal USING (pool, sequence) LEFT JOIN bank_reference ON bank_reference.journal_id = journal.id"
    " WHERE line.pool = :pool AND line.account = :account AND line.county = coalesce(:county, line.county)"
    " AND line.accounting_on BETWEEN :since AND :until"
    " AND (line.accounting_on, line.sequence, line.number) > (:day, :sequence, :number)"
    " AND NOT EXISTS (SELECT FROM matched_entry WHERE active"
    " AND (matched_entry.pool, matched_entry.sequence, matched_entry.number)"
    " = (line.pool, line.sequence, line.number))"
    " ORDER BY line.accounting_on, line.sequence, line.number LIMIT :count"
)


@dataclass(frozen=True, slots=True)
class AfterLine:
    """Where a page of lines ended."""

    day: date
    id: UUID


Rows = Sequence[Row[*tuple[Any, ...]]]


def _at(place: Place) -> dict[str, Any]:
    return {"pool": place.pool, "account": place.account, "county": place.county}


async def lines(connection: AsyncConnection, place: Place, on: date) -> Rows:
    """The lines up to a day that the books do not know by its end."""
    return (await connection.execute(_LINES, {**_at(place), "on": on})).all()


async def entries(connection: AsyncConnection, place: Place, *, since: date, on: date) -> Rows:
    """The entries of the periods from `since` up to a day that the bank does not know by its end."""
    return (await connection.execute(_ENTRIES, {**_at(place), "since": since, "on": on})).all()


async def books_balance(connection: AsyncConnection, place: Place, on: date) -> int:
    """What the books say of a place at the end of a day, in fen."""
    return int(await connection.scalar(_BALANCE, {**_at(place), "on": on}) or 0)


async def line_page(
    connection: AsyncConnection,
    accounts: Sequence[UUID],
    *,
    since: date,
    until: date,
    matched: bool | None,
    after: AfterLine | None,
    count: int,
) -> Rows:
    """Lines of these accounts in the order of their days; matched ones, unmatched ones, or (None) both."""
    said = {"accounts": list(accounts), "since": since, "until": until, "matched": matched, "count": count}
    begin = after or AfterLine(date.min, UUID(int=0))
    return (await connection.execute(_LINE_PAGE, {**said, "day": begin.day, "id": begin.id})).all()


async def entry_page(
    connection: AsyncConnection, place: Place, *, since: date, until: date, after: AfterEntry | None, count: int
) -> Rows:
    """A place's entries that no match holds, in the order of their days."""
    begin = after or AfterEntry(date.min, 0, 0)
    said = {"since": since, "until": until, "count": count}
    place_after = {"day": begin.day, "sequence": begin.sequence, "number": begin.number}
    return (await connection.execute(_ENTRY_PAGE, {**_at(place), **said, **place_after})).all()
