"""What a bank's accounts moved, page by page; for a line that no rule matched, what it most likely is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from changhu_common.database import Database
from changhu_common.errors import FieldError, InvalidInput, NotFound
from changhu_common.roles import Caller
from changhu_policies.reconciliation import reconciliation_rules
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.bank_accounts import Place
from fund_ledger.domain.journal import voucher_number
from fund_ledger.domain.pages import AfterEntry, after_entry, wrong_after
from fund_ledger.domain.statement_rows import masked_number
from fund_ledger.domain.suggestions import Suggestion, suggested
from fund_ledger.storage import bank_accounts, matches, outstanding
from fund_ledger.storage.bank_secrets import BankSecrets
from fund_ledger.storage.outstanding import AfterLine
from fund_ledger.usecases.books import refuse_other_pools

ROWS_PER_PAGE_MAX = 1_000

# What a person looks for lies within a quarter on either side; beyond it nothing is likely.
SUGGESTED_DAYS = timedelta(days=92)


@dataclass(frozen=True, slots=True)
class BankLineView:
    """A line (流水); above zero came in, in fen. `rule` is what matched it, if anything did.

    The other party is named, because who paid is what a clerk matches by; of its number the end is shown.
    """

    line_id: UUID
    bank_account_id: UUID
    booked_on: date
    amount_fen: int
    reference: str | None
    end_to_end_id: str | None
    counterparty: str
    counterparty_number: str
    remark: str
    match_id: UUID | None
    rule: str | None


@dataclass(frozen=True, slots=True)
class BankLinePage:
    lines: Sequence[BankLineView]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class FreeEntryView:
    """An entry (分录) that no match holds; `entry` is how a match names it."""

    entry: str
    voucher: str
    title: str
    accounting_on: date
    happened_on: date
    county: str
    payer: str | None
    organization_id: UUID | None
    reference: str | None
    amount_fen: int


@dataclass(frozen=True, slots=True)
class FreeEntryPage:
    entries: Sequence[FreeEntryView]
    next_after: str | None


class BankLines:
    """Lines, free entries and suggestions."""

    def __init__(self, database: Database, secrets: BankSecrets) -> None:
        self._database = database
        self._secrets = secrets

    async def lines(
        self,
        *,
        caller: Caller,
        pool: str,
        account_id: UUID | None,
        since: date,
        until: date,
        matched: bool | None,
        after: str | None,
    ) -> BankLinePage:
        """A pool's lines in the order of their days; matched ones, unmatched ones, or (None) both."""
        refuse_other_pools(caller, pool)
        async with self._database.read() as connection:
            seen = [row.id for row in await bank_accounts.of_pool(connection, pool, scope=caller.scope)]
            if account_id is not None and account_id not in seen:
                raise NotFound("没有这个银行账户, 或不在您的权限范围内。")
            rows = await outstanding.line_page(
                connection,
                [account_id] if account_id else seen,
                since=since,
                until=until,
                matched=matched,
                after=_after_line(after),
                count=ROWS_PER_PAGE_MAX,
            )
        last = rows[-1] if len(rows) == ROWS_PER_PAGE_MAX else None
        return BankLinePage([self._line(row) for row in rows], f"{last.booked_on}/{last.id}" if last else None)

    async def entries(
        self, *, caller: Caller, place: Place, since: date, until: date, after: str | None
    ) -> FreeEntryPage:
        """The entries of a place that no match holds, in the order of their days."""
        if not caller.scope.covers(pool=place.pool, county=place.county):
            raise NotFound(f"没有统筹区 {place.pool} 的账, 或不在您的权限范围内。")
        if place.account not in reconciliation_rules().bank_accounts:
            raise InvalidInput("这个科目不对应银行账户。", errors=[FieldError("account", "不对应银行账户")])
        async with self._database.read() as connection:
            rows = await outstanding.entry_page(
                connection, place, since=since, until=until, after=after_entry(after), count=ROWS_PER_PAGE_MAX
            )
        last = rows[-1] if len(rows) == ROWS_PER_PAGE_MAX else None
        return FreeEntryPage(
            [_entry(row) for row in rows],
            str(AfterEntry(last.accounting_on, last.sequence, last.number)) if last else None,
        )

    async def suggestions(self, *, caller: Caller, line_id: UUID) -> list[Suggestion]:
        """What a line may be, the most likely first."""
        async with self._database.read() as connection:
            place = await line_place(connection, caller, line_id)
            (line,) = await matches.lines(connection, place, [line_id])
            free = await matches.free_entries(
                connection, place, since=line.day - SUGGESTED_DAYS, until=line.day + SUGGESTED_DAYS
            )
        return suggested(line=line, entries=free, rules=reconciliation_rules().matching)

    def _line(self, row: Any) -> BankLineView:
        said = self._secrets.said_of(row.id, row.said)
        return BankLineView(
            line_id=row.id,
            bank_account_id=row.bank_account_id,
            booked_on=row.booked_on,
            amount_fen=row.amount_fen,
            reference=row.reference,
            end_to_end_id=row.end_to_end_id,
            counterparty=said.counterparty,
            counterparty_number=masked_number(said.counterparty_number) if said.counterparty_number else "",
            remark=said.remark,
            match_id=row.match_id,
            rule=row.rule,
        )


async def line_place(connection: AsyncConnection, caller: Caller, line_id: UUID) -> Place:
    """Where a line lies; NotFound where there is none in scope."""
    row = await bank_accounts.of_line(connection, line_id, scope=caller.scope)
    if row is None:
        raise NotFound("没有这笔流水, 或不在您的权限范围内。")
    return bank_accounts.place_of(row)


def _entry(row: Any) -> FreeEntryView:
    return FreeEntryView(
        entry=f"{row.sequence}/{row.number}",
        voucher=voucher_number(row.year, row.voucher),
        title=row.title,
        accounting_on=row.accounting_on,
        happened_on=row.happened_on,
        county=row.county,
        payer=row.payer,
        organization_id=row.organization_id,
        reference=row.reference,
        amount_fen=row.amount_fen,
    )


def _after_line(after: str | None) -> AfterLine | None:
    if after is None:
        return None
    try:
        day, line_id = after.split("/")
        return AfterLine(date.fromisoformat(day), UUID(line_id))
    except ValueError as error:
        raise wrong_after() from error
