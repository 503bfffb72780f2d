"""An auditor follows the chain: here against the books themselves, and anywhere else from an export."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from changhu_common.database import Database
from changhu_common.errors import NotFound
from changhu_common.roles import Caller
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.chain import BEGINNING, FORMAT, Break, Head, first_break
from fund_ledger.domain.journal import voucher_number
from fund_ledger.storage import books, journals, proof
from fund_ledger.usecases.books import refuse_part_of_pool

ENTRIES_PER_PAGE_MAX = 5_000  # some megabytes
ENTRIES_PER_PROOF_MAX = 100_000  # a few seconds; whoever proves more goes on where it ended


@dataclass(frozen=True, slots=True)
class Proof:
    """How far the chain was followed, and whether it holds; `complete` where that is its end."""

    pool: str
    after: int
    sequence: int
    hash: str
    complete: bool
    holds: bool
    broken_at: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Entries as they are hashed, one canonical line each."""

    format: str
    pool: str
    entries: Sequence[str]
    after: int


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a pool's books stood at the end of a day: whoever keeps it can prove all before it."""

    format: str
    pool: str
    on: date
    sequence: int
    voucher: str
    hash: str


class Proofs:
    """What proves that the books are as they were written."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prove(self, *, caller: Caller, pool: str, after: int = 0, known: bytes | None = None) -> Proof:
        """Follow the chain behind an entry, from the hash that the caller knows or from that in the books."""
        refuse_part_of_pool(caller, pool)
        async with self._database.read() as connection:
            end = await books.find(connection, pool)
            if end is None or after > end.sequence:
                raise NotFound(f"统筹区 {pool} 的账上没有第 {after} 号之后的凭证。")
            begins = known or await journals.hash_at(connection, pool=pool, sequence=after)
            head = Head(pool=pool, sequence=after, hash=begins if after else BEGINNING)
            broken: Break | None = None
            while broken is None and head.sequence < min(end.sequence, after + ENTRIES_PER_PROOF_MAX):
                page = await journals.entries(connection, pool=pool, after=head.sequence, count=ENTRIES_PER_PAGE_MAX)
                if not page:
                    broken = Break(head.sequence + 1, "缺少凭证")
                else:
                    broken, head = first_break(entries=page, head=head)
            complete = broken is None and head.sequence >= end.sequence
            if complete:
                broken = await self._whole(connection, pool, head, end)
        return Proof(
            pool=pool,
            after=after,
            sequence=head.sequence,
            hash=head.hash.hex(),
            complete=complete,
            holds=broken is None,
            broken_at=broken.sequence if broken else None,
            reason=broken.reason if broken else None,
        )

    @staticmethod
    async def _whole(connection: AsyncConnection, pool: str, head: Head, end: Head) -> Break | None:
        """What only the whole of the books can say."""
        if (head.sequence, head.hash) != (end.sequence, end.hash):
            return Break(head.sequence, "末张凭证与账簿记载不符")
        for row in await proof.years(connection, pool):
            if not row.vouchers == row.last == (end.numbers or {}).get(str(row.year)):
                return Break(head.sequence, f"{row.year} 年凭证号有缺号")
        if day := await proof.first_different_day(connection, pool):
            return Break(head.sequence, f"{day} 的日汇总与分录合计不符")
        return None

    async def entries(self, *, caller: Caller, pool: str, after: int) -> EntryPage:
        """The next entries behind one, as an export keeps them."""
        refuse_part_of_pool(caller, pool)
        async with self._database.read() as connection:
            page = await journals.entries(connection, pool=pool, after=after, count=ENTRIES_PER_PAGE_MAX)
        return EntryPage(
            format=FORMAT,
            pool=pool,
            entries=[entry.canonical().decode() for entry in page],
            after=page[-1].sequence if page else after,
        )

    async def anchor(self, *, caller: Caller, pool: str, on: date) -> Anchor:
        """The anchor (锚) of a day, to be printed and kept elsewhere."""
        refuse_part_of_pool(caller, pool)
        async with self._database.read() as connection:
            last = await journals.last_booked(connection, pool=pool, on=on)
        if last is None:
            raise NotFound(f"统筹区 {pool} 在 {on} 及以前没有记账。")
        return Anchor(
            format=FORMAT,
            pool=pool,
            on=on,
            sequence=last.sequence,
            voucher=voucher_number(last.year, last.number),
            hash=last.hash.hex(),
        )
