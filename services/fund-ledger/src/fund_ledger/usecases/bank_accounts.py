"""The banks' accounts that a pool's books are compared with; a number is shown by its end alone."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database
from changhu_common.errors import NotFound
from changhu_common.ids import new_id
from changhu_common.roles import Caller, Scope
from changhu_policies import load_pack, pools
from changhu_policies.accounting import chart
from changhu_policies.reconciliation import reconciliation_rules
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.bank_accounts import (
    BankAccountKnown,
    Place,
    checked_number,
    refuse_closed_start,
    refuse_closing,
    refuse_divided,
    refuse_reopening,
)
from fund_ledger.storage import bank_accounts, books, statements
from fund_ledger.storage.bank_secrets import BankSecrets
from fund_ledger.usecases.books import refuse_other_pools
from fund_ledger.usecases.matching import open_from


@dataclass(frozen=True, slots=True)
class BankAccountView:
    """A bank account and the account of the books that it stands for; compared from `since` to `until`."""

    bank_account_id: UUID
    pool: str
    name: str
    bank: str
    number: str
    account: str
    account_name: str
    county: str | None
    since: date
    until: date | None


@dataclass(frozen=True, slots=True)
class NewBankAccount:
    """What a person registers."""

    place: Place
    number: str
    name: str
    bank: str
    since: date


class BankAccounts:
    """Bank accounts (银行账户)."""

    def __init__(self, database: Database, secrets: BankSecrets) -> None:
        self._database = database
        self._secrets = secrets

    async def register(self, *, caller: Caller, asked: AskedChange, new: NewBankAccount) -> BankAccountView:
        """Register an account (登记账户), to be compared from its first day on."""
        place = new.place
        if place.pool not in pools() or not caller.scope.covers(pool=place.pool, county=place.county):
            raise NotFound(f"没有统筹区 {place.pool}, 或不在您的权限范围内。")
        number = checked_number(
            number=new.number,
            place=place,
            bank_accounts=reconciliation_rules().bank_accounts,
            counties=load_pack(place.pool).counties,
        )
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            # Two who register take turns, and a closing sees the account or is over before it.
            head = (await books.lock(connection, [place.pool]))[place.pool]
            refuse_closed_start(since=new.since, open_from=head.open_from)
            known = await bank_accounts.by_number(connection, self._secrets.candidates(number))
            if known is not None:
                raise BankAccountKnown("这个账号已经登记, 请在账户列表中查看。")
            others = await bank_accounts.of_pool(connection, place.pool)
            refuse_divided(place=place, known=[bank_accounts.place_of(x) for x in others if x.account == place.account])
            account_id = new_id()
            told = {
                "id": account_id,
                "pool": place.pool,
                "name": new.name,
                "bank": new.bank,
                "number_end": number[-4:],
                "account": place.account,
                "county": place.county,
                "since": new.since,
                "until": None,
                "closed_by": None,
                "registered_by": caller.subject,
                "registered_at": transaction.now,
            }
            await bank_accounts.add(connection, {**told, **self._secrets.sealed_number(account_id, number)})
            transaction.record(AuditEntry("bank_account.registered", "bank_account", account_id, after=told))
            return transaction.answer(_view(await account_in_scope(connection, caller.scope, account_id)))

    async def close(self, *, caller: Caller, asked: AskedChange, account_id: UUID, until: date) -> BankAccountView:
        """Say on which day an account was closed at the bank (销户), empty; after it no statement is expected."""
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            row = await account_in_scope(connection, caller.scope, account_id)
            held = await bank_accounts.hold(connection, row.pool, row.account)
            row = next(each for each in held if each.id == account_id)
            known = map(statements.known, await statements.of_account(connection, account_id))
            refuse_closing(
                until=until,
                closed_on=row.until,
                open_from=await open_from(connection, row.pool),
                last=max(known, key=lambda each: each.until, default=None),
            )
            await bank_accounts.change(connection, account_id, until=until, closed_by=caller.subject)
            before = {"until": None}
            transaction.record(AuditEntry("bank_account.closed", "bank_account", account_id, before, {"until": until}))
            return transaction.answer(_view(await account_in_scope(connection, caller.scope, account_id)))

    async def reopen(self, *, caller: Caller, asked: AskedChange, account_id: UUID, reason: str) -> BankAccountView:
        """Take a closing back (撤销销户): somebody other than who closed the account; it is compared again."""
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            row = await account_in_scope(connection, caller.scope, account_id)
            held = await bank_accounts.hold(connection, row.pool, row.account)
            row = next(each for each in held if each.id == account_id)
            refuse_reopening(
                until=row.until,
                closed_by=row.closed_by,
                by=caller.subject,
                open_from=await open_from(connection, row.pool),
            )
            await bank_accounts.change(connection, account_id, until=None, closed_by=None)
            before, after = {"until": row.until, "closed_by": row.closed_by}, {"until": None, "reason": reason}
            transaction.record(AuditEntry("bank_account.reopened", "bank_account", account_id, before, after))
            return transaction.answer(_view(await account_in_scope(connection, caller.scope, account_id)))

    async def some(self, *, caller: Caller, pool: str) -> list[BankAccountView]:
        """A pool's accounts in the order of the books."""
        refuse_other_pools(caller, pool)
        async with self._database.read() as connection:
            return [_view(row) for row in await bank_accounts.of_pool(connection, pool, scope=caller.scope)]


async def account_in_scope(connection: AsyncConnection, scope: Scope, account_id: UUID) -> Any:
    """An account's row; NotFound where there is none in scope."""
    row = await bank_accounts.one(connection, account_id, scope=scope)
    if row is None:
        raise NotFound("没有这个银行账户, 或不在您的权限范围内。")
    return row


def _view(row: Any) -> BankAccountView:
    return BankAccountView(
        bank_account_id=row.id,
        pool=row.pool,
        name=row.name,
        bank=row.bank,
        number=f"****{row.number_end}",
        account=row.account,
        account_name=chart().accounts[row.account].name,
        county=row.county,
        since=row.since,
        until=row.until,
    )
