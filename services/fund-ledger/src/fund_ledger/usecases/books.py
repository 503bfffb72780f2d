"""The books: events are booked once, and anybody entitled can ask what stands in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from changhu_common.database import Database, Transaction
from changhu_common.errors import NotFound
from changhu_common.events import Envelope
from changhu_common.events.ledger import JournalPosted, PostedLine
from changhu_common.ids import named_id
from changhu_common.periods import day_of
from changhu_common.roles import Caller
from changhu_policies.accounting import chart

from fund_ledger.domain.journal import Journal
from fund_ledger.domain.posting import journal_for
from fund_ledger.storage import journals


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
    """A trial balance (试算平衡表) of what happened up to a day. In balanced books the two totals agree."""

    pool: str
    on: date
    accounts: Sequence[AccountBalance]
    debit_fen: int
    credit_fen: int
    balanced: bool
    document: str
    status: str
    reading: str


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
    """A journal as it stands in the books."""

    journal_id: UUID
    pool: str
    title: str
    source: str
    source_event_id: UUID
    happened_on: date
    booked_on: date
    lines: Sequence[BookedLine]


class Books:
    """What is booked, and what is asked of the books."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def book(self, transaction: Transaction, envelopes: Sequence[Envelope]) -> None:
        """Book a batch of events, in two statements however many they are."""
        booked_on = day_of(transaction.now)
        rules = chart().rules
        made = [journal_for(envelope=each, rules=rules, booked_on=booked_on) for each in envelopes]
        written = await journals.add(transaction.connection, [each for each in made if each is not None])
        for each in written:
            transaction.emit(_posted(each), event_id=named_id("fund-ledger.journal-posted", each.id))

    async def trial_balance(self, *, caller: Caller, pool: str, on: date, by_county: bool = False) -> TrialBalance:
        """The balance of every account on a day; NotFound where nothing of the pool is in scope."""
        if not any(pool.startswith(part.region_prefix[:4]) for part in caller.scope.parts):
            raise NotFound(f"没有统筹区 {pool} 的账, 或不在您的权限范围内。")
        async with self._database.read() as connection:
            rows = await journals.balances(connection, pool=pool, on=on, by_county=by_county, scope=caller.scope)
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
        )

    async def journal_of(self, *, caller: Caller, source_event_id: UUID) -> BookedJournal:
        """The journal that an event made; NotFound where it made none, or none in scope."""
        async with self._database.read() as connection:
            found = await journals.of_source(connection, source_event_id=source_event_id, scope=caller.scope)
        if found is None:
            raise NotFound("没有由这个事件生成的凭证, 或不在您的权限范围内。")
        head, lines = found
        return BookedJournal(
            journal_id=head.id,
            pool=head.pool,
            title=head.title,
            source=head.source,
            source_event_id=head.source_event_id,
            happened_on=head.happened_on,
            booked_on=head.booked_on,
            lines=[
                BookedLine(
                    account=row.account,
                    name=chart().accounts[row.account].name,
                    county=row.county,
                    scheme=row.scheme,
                    payer=row.payer,
                    organization_id=row.organization_id,
                    amount_fen=row.amount_fen,
                )
                for row in lines
            ],
        )


def _posted(journal: Journal) -> JournalPosted:
    return JournalPosted(
        journal_id=journal.id,
        pool=journal.pool,
        source=journal.source,
        source_event_id=journal.source_event_id,
        happened_on=journal.happened_on,
        booked_on=journal.booked_on,
        lines=tuple(
            PostedLine(account=line.account, county=line.county, amount_fen=line.amount_fen) for line in journal.lines
        ),
    )
