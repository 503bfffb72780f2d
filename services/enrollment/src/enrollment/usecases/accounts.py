"""A person's contribution account: what is owed, what was paid, what is still open, period by period."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from changhu_common.database import Database
from changhu_common.roles import Caller, Scope
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.account import Cell, CellKey, CellTotal
from enrollment.storage import accounts, persons, runs
from enrollment.usecases.contribution_runs import unknown_run

ARREARS_PAGE_MAX = 1_000


@dataclass(frozen=True, slots=True)
class CellView:
    """What one payer owes for a person, in fen; `outstanding_fen` below zero is a credit."""

    county: str
    category: str
    payer: str
    due_fen: int
    difference_fen: int
    paid_fen: int
    refunded_fen: int
    outstanding_fen: int


@dataclass(frozen=True, slots=True)
class AccountView:
    """A person's account of one run (缴费账目)."""

    run_id: UUID
    person_id: UUID
    period: str
    outstanding_fen: int
    cells: Sequence[CellView]


@dataclass(frozen=True, slots=True)
class ArrearsPage:
    """Who has not paid (欠费), in the order of ids; `next` is the `after` of the page that follows.

    `nameless_fen` came in as totals of cells that are still open: it is some of these people's, nobody
    said whose.
    """

    accounts: Sequence[AccountView]
    nameless_fen: int
    next: UUID | None


def _view(account: accounts.Account, cells: Sequence[Cell]) -> AccountView:
    return AccountView(
        run_id=account.run_id,
        person_id=account.person_id,
        period=account.period,
        outstanding_fen=sum(cell.outstanding_fen for cell in cells),
        cells=[
            CellView(
                **cell.key._asdict(),
                due_fen=cell.due_fen,
                difference_fen=cell.difference_fen,
                paid_fen=cell.paid_fen,
                refunded_fen=cell.refunded_fen,
                outstanding_fen=cell.outstanding_fen,
            )
            for cell in cells
        ],
    )


Owing = tuple[accounts.Account, Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run with the cells in which something is still open; a cell that is full in total owes nothing more.

    `seen` are those of them that the caller may see: whoever moved owes some of a run to another county.
    """

    run_id: UUID
    scope: Scope
    open: Mapping[CellKey, CellTotal]
    seen: Collection[CellKey]

    @property
    def nameless_fen(self) -> int:
        return sum(self.open[key].received_fen - self.open[key].named_fen for key in self.seen)

    async def owing(self, connection: AsyncConnection, ids: Sequence[UUID]) -> list[Owing]:
        """Those of these persons who still owe something that the caller may see, with the cells in which they do."""
        return await self._owing(connection, ids, self.seen)

    async def in_arrears(self, connection: AsyncConnection, ids: Sequence[UUID]) -> set[UUID]:
        """Those of these persons who still owe something, wherever."""
        return {account.person_id for account, _ in await self._owing(connection, ids, self.open)}

    async def _owing(self, connection: AsyncConnection, ids: Sequence[UUID], keys: Collection[CellKey]) -> list[Owing]:
        found = (await accounts.of_run(connection, self.run_id, ids)).values()
        owed = [
            (each, [cell for cell in each.cells if cell.key in keys and cell.outstanding_fen > 0]) for each in found
        ]
        return [(each, cells) for each, cells in owed if cells]

    async def pages(self, connection: AsyncConnection, *, after: UUID = runs.FIRST_ID) -> AsyncIterator[list[Owing]]:
        """Everybody in arrears (欠费), a page at a time, in the order of ids."""
        while ids := await accounts.persons_of_run(
            connection, self.run_id, self.scope, after=after, limit=ARREARS_PAGE_MAX
        ):
            after = ids[-1]
            if owing := await self.owing(connection, ids):
                yield owing


async def open_run(connection: AsyncConnection, run_id: UUID, caller: Caller) -> OpenRun:
    """What of a run is open; NotFound where none of it is in the caller's scope."""
    run = await runs.get(connection, run_id)
    seen = await runs.totals(connection, run_id, caller.scope)
    if run is None or not (seen or caller.scope.covers(pool=run.pool)):
        raise unknown_run()
    totals = await accounts.totals(connection, run_id)
    still_open = {key: total for key, total in totals.items() if total.outstanding_fen > 0}
    of_caller = {CellKey(each.county, each.category, each.payer) for each in seen}
    return OpenRun(run_id, caller.scope, still_open, of_caller & still_open.keys())


class Accounts:
    """Enquiries about what persons owe and paid."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_person(self, *, caller: Caller, person_id: UUID) -> Sequence[AccountView]:
        async with self._database.read() as connection:
            if not await persons.get(connection, [person_id], caller.scope):
                raise persons.unknown_person()
            return [_view(each, each.cells) for each in await accounts.of_person(connection, person_id)]

    async def arrears(self, *, caller: Caller, run_id: UUID, after: UUID | None, limit: int) -> ArrearsPage:
        """Who still owes something of a run."""
        async with self._database.read() as connection:
            run = await open_run(connection, run_id, caller)
            found: list[AccountView] = []
            async for owing in run.pages(connection, after=after or runs.FIRST_ID):
                found += [_view(*each) for each in owing]
                if len(found) > limit:
                    break
        page = found[:limit]
        return ArrearsPage(
            accounts=page,
            nameless_fen=run.nameless_fen,
            next=page[-1].person_id if len(found) > limit else None,
        )
