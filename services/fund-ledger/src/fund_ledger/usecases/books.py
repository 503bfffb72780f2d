"""The books: events are booked once, and anybody entitled can ask what stands in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from changhu_common.database import Database, Transaction
from changhu_common.errors import NotFound
from changhu_common.events import Envelope
from changhu_common.periods import day_of
from changhu_common.roles import Caller
from changhu_policies import pools
from changhu_policies.accounting import chart
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.chain import Entry
from fund_ledger.domain.journal import voucher_number
from fund_ledger.domain.periods import refuse_outside_books
from fund_ledger.domain.posting import journal_for
from fund_ledger.storage import books, journals, totals
from fund_ledger.usecases.bank_references import keep_references
from fund_ledger.usecases.posting import post


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """An account's debits, credits and balance (debit positive), in fen."""

    account: str
    name: str
    county: str | None
    debit_fen: int
    credit_fen: int
    balance_fen: int


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """A trial balance (试算平衡表) of what happened up to a day. In balanced books the two totals agree.

    `anchor` (锚) is the last entry of the chain that it counts, as `sequence:hash`.
    """

    pool: str
    on: date
    accounts: Sequence[AccountBalance]
    debit_fen: int
    credit_fen: int
    balanced: bool
    document: str
    status: str
    reading: str
    anchor: str | None


@dataclass(frozen=True, slots=True)
class BookedLine:
    account: str
    name: str
    county: str
    scheme: str | None
    payer: str | None
    organization_id: UUID | None
    amount_fen: int


@dataclass(frozen=True, slots=True)
class BookedJournal:
    """A journal as it stands in the books; `note` says where it belongs to a period that was closed."""

    journal_id: UUID
    pool: str
    title: str
    source: str
    source_event_id: UUID
    happened_on: date
    booked_on: date
    lines: Sequence[BookedLine]
    voucher: str
    accounting_on: date
    booked_at: datetime
    note: str | None
    reverses: UUID | None
    sequence: int
    hash: str


class Books:
    """What is booked, and what is asked of the books."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def book(self, transaction: Transaction, envelopes: Sequence[Envelope]) -> list[Entry]:
        """Book a batch of events, in a few statements however many they are; returns what is new."""
        rules = chart().rules
        made = [(each, journal) for each in envelopes if (journal := journal_for(envelope=each, rules=rules))]
        refuse_outside_books(days={journal.happened_on for _, journal in made}, today=day_of(transaction.now))
        await keep_references(transaction, made)
        return await post(transaction, [journal for _, journal in made])

    async def trial_balance(
        self, *, caller: Caller, pool: str, on: date, by_county: bool = False, as_happened: bool = False
    ) -> TrialBalance:
        """The balance of every account on a day; NotFound where nothing of the pool is in scope."""
        refuse_other_pools(caller, pool)
        async with self._database.read() as connection:
            rows = await totals.balances(
                connection, pool=pool, on=on, by_county=by_county, scope=caller.scope, as_happened=as_happened
            )
            anchor = await anchor_of(connection, pool)
        accounts = [
            AccountBalance(
                account=row.account,
                name=chart().accounts[row.account].name,
                county=row.county if by_county else None,
                debit_fen=row.debit_fen,
                credit_fen=row.credit_fen,
                balance_fen=row.debit_fen - row.credit_fen,
            )
            for row in rows
        ]
        debit_fen = sum(each.debit_fen for each in accounts)
        credit_fen = sum(each.credit_fen for each in accounts)
        return TrialBalance(
            pool=pool,
            on=on,
            accounts=accounts,
            debit_fen=debit_fen,
            credit_fen=credit_fen,
            balanced=debit_fen == credit_fen,
            document=chart().document,
            status=chart().status,
            reading=chart().reading,
            anchor=anchor,
        )

    async def journal_of(self, *, caller: Caller, source_event_id: UUID) -> BookedJournal:
        """The journal that an event made; NotFound where it made none, or none in scope."""
        async with self._database.read() as connection:
            found = await journals.of_source(connection, source_event_id, scope=caller.scope)
        if found is None:
            raise NotFound("没有由这个事件生成的凭证, 或不在您的权限范围内。")
        return booked_journal(found)


async def anchor_of(connection: AsyncConnection, pool: str) -> str | None:
    """The last entry of a pool's chain at the moment that this connection sees; None where nothing was booked."""
    head = await books.find(connection, pool)
    return f"{head.sequence}:{head.hash.hex()}" if head and head.sequence else None


def refuse_other_pools(caller: Caller, pool: str) -> None:
    """NotFound where there is no such pool, or the caller sees nothing of it."""
    if pool not in pools() or not any(pool.startswith(part.region_prefix[:4]) for part in caller.scope.parts):
        raise NotFound(f"没有统筹区 {pool} 的账, 或不在您的权限范围内。")


def refuse_part_of_pool(caller: Caller, pool: str) -> None:
    """NotFound for whoever does not see the whole pool: what follows is not one county's."""
    if not caller.scope.covers(pool=pool):
        raise NotFound(f"没有统筹区 {pool} 的账, 或不在您的权限范围内。")


def booked_journal(entry: Entry) -> BookedJournal:
    """An entry for a reader."""
    note = f"发生于 {entry.happened_on}, 所属期间已结账, 记入 {entry.accounting_on:%Y-%m}" if entry.late else None
    return BookedJournal(
        journal_id=entry.id,
        pool=entry.pool,
        title=entry.title,
        source=entry.source,
        source_event_id=entry.source_event_id,
        happened_on=entry.happened_on,
        booked_on=day_of(entry.booked_at),
        voucher=voucher_number(entry.year, entry.number),
        accounting_on=entry.accounting_on,
        booked_at=entry.booked_at,
        note=note,
        reverses=entry.reverses,
        sequence=entry.sequence,
        hash=entry.hash.hex(),
        lines=[
            BookedLine(
                account=line.account,
                name=chart().accounts[line.account].name,
                county=line.county,
                scheme=line.scheme,
                payer=line.payer,
                organization_id=line.organization_id,
                amount_fen=line.amount_fen,
            )
            for line in entry.lines
        ],
    )
