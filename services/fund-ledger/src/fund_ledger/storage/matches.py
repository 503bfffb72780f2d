"""What is up for matching, and the matches. What a person took apart is no longer up for the rules."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from changhu_common.ids import new_id
from changhu_common.roles import Scope
from changhu_common.rows import insert_rows
from changhu_common.scoped_rows import within
from sqlalchemy import Row, func, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.bank_accounts import Place
from fund_ledger.domain.matching import BY_HAND, DRAFTED, Entry, Line, Match
from fund_ledger.storage.bank_tables import bank_match, matched_entry, matched_line

# A match that the rules do not work out again: a person's, or all of it lies in closed months.
_STAYS = f"(bank_match.rule IN ('{BY_HAND}', '{DRAFTED}') OR bank_match.last_on < :open_from)"
_HELD = f"(bank_match.undone_reason IS NOT NULL OR {{item}}.active AND {_STAYS})"

_LINE = (
    "SELECT bank_line.id, bank_line.content_id, bank_line.booked_on, bank_line.amount_fen, bank_line.reference,"
    " bank_line.end_to_end_id FROM bank_line JOIN bank_account ON bank_account.id = bank_line.bank_account_id"
    " WHERE bank_account.pool = :pool AND bank_account.account = :account"
    " AND bank_account.county IS NOT DISTINCT FROM :county AND NOT bank_line.voided"
)
_ENTRY = (
    "SELECT line.sequence, line.number, line.amount_fen, line.county, line.scheme, line.payer, line.organization_id,"
    " line.accounting_on, journal.id AS journal_id, journal.happened_on, journal.source,"
    " coalesce(journal.reverses, journal.id) AS correction, bank_reference.reference"
    " FROM line JOIN journal USING (pool, sequence) LEFT JOIN bank_reference ON bank_reference.journal_id = journal.id"
    " WHERE line.pool = :pool AND line.account = :account AND line.county = coalesce(:county, line.county)"
)
_LINES_UP = text(
    f"{_LINE} AND NOT EXISTS (SELECT FROM matched_line JOIN bank_match ON bank_match.id = matched_line.match_id"
    f" WHERE matched_line.line_id = bank_line.id AND {_HELD.format(item='matched_line')})"
)
_ENTRIES_UP = text(
    f"{_ENTRY} AND line.accounting_on >= :since AND NOT EXISTS ("
    "SELECT FROM matched_entry JOIN bank_match ON bank_match.id = matched_entry.match_id"
    " WHERE (matched_entry.pool, matched_entry.sequence, matched_entry.number)"
    f" = (line.pool, line.sequence, line.number) AND {_HELD.format(item='matched_entry')})"
)
_LINES_CHOSEN = text(f"{_LINE} AND bank_line.id = ANY(:ids)")
_CHOSEN = "(SELECT * FROM unnest(CAST(:sequences AS bigint[]), CAST(:numbers AS smallint[])))"
_ENTRIES_CHOSEN = text(f"{_ENTRY} AND (line.sequence, line.number) IN {_CHOSEN}")
_ENTRIES_OF_JOURNAL = text(f"{_ENTRY} AND journal.id = :journal_id")

_ENTRIES_FREE = text(
    f"{_ENTRY} AND line.accounting_on BETWEEN :since AND :until AND NOT EXISTS ("
    "SELECT FROM matched_entry WHERE active AND (matched_entry.pool, matched_entry.sequence, matched_entry.number)"
    " = (line.pool, line.sequence, line.number))"
)

# The matches that the rules made and may work out again.
_BY_RULES = text(
    "SELECT bank_match.id, bank_match.rule,"  # noqa: S608 (the words are ours)
    " ARRAY(SELECT line_id FROM matched_line WHERE match_id = bank_match.id) AS lines,"
    " ARRAY(SELECT ARRAY[sequence, number] FROM matched_entry WHERE match_id = bank_match.id) AS entries"
    " FROM bank_match WHERE pool = :pool AND account = :account AND county IS NOT DISTINCT FROM :county"
    f" AND undone_by IS NULL AND NOT {_STAYS}"
)
_SHOWN = select(
    bank_match,
    literal_column("ARRAY(SELECT line_id FROM matched_line WHERE match_id = bank_match.id)").label("lines"),
    literal_column("ARRAY(SELECT ARRAY[sequence, number] FROM matched_entry WHERE match_id = bank_match.id)").label(
        "entries"
    ),
)
_OF_STATEMENT = text(
    "SELECT DISTINCT matched_line.match_id FROM matched_line JOIN bank_line ON bank_line.id = matched_line.line_id"
    " WHERE matched_line.active AND bank_line.bank_statement_id = :statement"
)
_TAKEN = text(
    "SELECT EXISTS (SELECT FROM matched_line WHERE active AND line_id = ANY(:lines))"  # noqa: S608 (the words are ours)
    " OR EXISTS (SELECT FROM matched_entry WHERE active AND pool = :pool"
    f" AND (sequence, number) IN {_CHOSEN})"
)
_UNDO = text("UPDATE bank_match SET undone_by = :by, undone_at = :at, undone_reason = :reason WHERE id = ANY(:ids)")


def _at(place: Place) -> dict[str, Any]:
    return {"pool": place.pool, "account": place.account, "county": place.county}


async def lines_up(connection: AsyncConnection, place: Place, *, open_from: date) -> list[Line]:
    """The lines that the rules may match."""
    return [_line(row) for row in await connection.execute(_LINES_UP, {**_at(place), "open_from": open_from})]


async def entries_up(connection: AsyncConnection, place: Place, *, since: date, open_from: date) -> list[Entry]:
    """The entries that the rules may match, of the periods from `since` on."""
    said = {**_at(place), "since": since, "open_from": open_from}
    return [_entry(row) for row in await connection.execute(_ENTRIES_UP, said)]


async def lines(connection: AsyncConnection, place: Place, ids: Sequence[UUID]) -> list[Line]:
    """Those of these lines that lie in a place, matched or not."""
    return [_line(row) for row in await connection.execute(_LINES_CHOSEN, {**_at(place), "ids": list(ids)})]


async def entries(connection: AsyncConnection, place: Place, keys: Sequence[tuple[int, int]]) -> list[Entry]:
    """Those of these entries that stand in a place, matched or not."""
    said = {"sequences": [sequence for sequence, _ in keys], "numbers": [number for _, number in keys]}
    return [_entry(row) for row in await connection.execute(_ENTRIES_CHOSEN, {**_at(place), **said})]


async def entries_of_journal(connection: AsyncConnection, place: Place, journal_id: UUID) -> list[Entry]:
    return [
        _entry(row) for row in await connection.execute(_ENTRIES_OF_JOURNAL, {**_at(place), "journal_id": journal_id})
    ]


async def free_entries(connection: AsyncConnection, place: Place, *, since: date, until: date) -> list[Entry]:
    """The entries of some days that no match holds."""
    said = {**_at(place), "since": since, "until": until}
    return [_entry(row) for row in await connection.execute(_ENTRIES_FREE, said)]


async def by_rules(connection: AsyncConnection, place: Place, *, open_from: date) -> dict[Any, UUID]:
    """The matches that the rules made and may work out again, by their keys (see `Match.key`)."""
    rows = await connection.execute(_BY_RULES, {**_at(place), "open_from": open_from})
    return {(row.rule, frozenset(row.lines), frozenset(map(tuple, row.entries))): row.id for row in rows}


async def add(
    connection: AsyncConnection,
    place: Place,
    matches: Sequence[Match],
    *,
    by: str,
    at: datetime,
    reason: str | None = None,
    not_before: date = date.min,
) -> list[UUID]:
    """Write matches with all that they hold, in three statements however many they are.

    Until `not_before` what they hold counts as outstanding, however old it is.
    """
    made = [(new_id(), each) for each in matches]
    await insert_rows(
        connection,
        matched_line,
        [{"match_id": of, "line_id": line.id, "active": True} for of, each in made for line in each.lines],
    )
    await insert_rows(
        connection,
        matched_entry,
        [
            {"match_id": of, "pool": place.pool, "sequence": entry.key[0], "number": entry.key[1], "active": True}
            for of, each in made
            for entry in each.entries
        ],
    )
    await insert_rows(
        connection,
        bank_match,
        [
            {
                "id": of,
                **_at(place),
                "rule": each.rule,
                "amount_fen": each.amount_fen,
                "last_on": max(each.last_on, not_before),
                "reason": reason,
                "made_by": by,
                "made_at": at,
            }
            for of, each in made
        ],
    )
    return [of for of, _ in made]


async def undo(connection: AsyncConnection, ids: Sequence[UUID], *, by: str, at: datetime, reason: str | None) -> None:
    """Set free what these matches hold."""
    if not ids:
        return
    await connection.execute(_UNDO, {"ids": list(ids), "by": by, "at": at, "reason": reason})
    for table in ("matched_line", "matched_entry"):
        freed = text(f"UPDATE {table} SET active = false WHERE match_id = ANY(:ids)")  # noqa: S608 (names are ours)
        await connection.execute(freed, {"ids": list(ids)})


async def of_statement(connection: AsyncConnection, statement_id: UUID) -> list[UUID]:
    """The matches that hold a line which a statement brought."""
    return list((await connection.execute(_OF_STATEMENT, {"statement": statement_id})).scalars())


async def held(connection: AsyncConnection, match: Match, pool: str) -> bool:
    """Whether something that a match would hold stands in another one."""
    said = {
        "lines": [each.id for each in match.lines],
        "pool": pool,
        "sequences": [each.key[0] for each in match.entries],
        "numbers": [each.key[1] for each in match.entries],
    }
    return bool(await connection.scalar(_TAKEN, said))


async def shown(connection: AsyncConnection, match_id: UUID) -> Any:
    """A match with the ids of its lines and the places of its entries; None where there is none."""
    return (await connection.execute(_SHOWN.where(bank_match.c.id == match_id))).one_or_none()


async def page(
    connection: AsyncConnection, *, pool: str, scope: Scope, undone: bool, after: UUID | None, count: int
) -> Sequence[Row[*tuple[Any, ...]]]:
    """A pool's matches in scope, newest first: those that hold, or those that were undone."""
    region = func.coalesce(bank_match.c.county, bank_match.c.pool)
    statement = _SHOWN.where(bank_match.c.pool == pool, within(scope, region=region))
    statement = statement.where(bank_match.c.undone_by.is_not(None) if undone else bank_match.c.undone_by.is_(None))
    if after is not None:
        statement = statement.where(bank_match.c.id < after)
    return (await connection.execute(statement.order_by(bank_match.c.id.desc()).limit(count))).all()


def _line(row: Any) -> Line:
    return Line(row.id, row.content_id, row.booked_on, row.amount_fen, row.reference, row.end_to_end_id)


def _entry(row: Any) -> Entry:
    return Entry(
        key=(row.sequence, row.number),
        journal_id=row.journal_id,
        day=row.happened_on,
        accounting_on=row.accounting_on,
        amount_fen=row.amount_fen,
        reference=row.reference,
        common={
            "correction": row.correction,
            "organization": row.organization_id,
            "county": row.county,
            "scheme": row.scheme,
            "source": row.source,
            "payer": row.payer,
        },
    )
