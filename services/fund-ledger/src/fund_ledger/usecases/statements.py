"""A bank's statement is taken once: what is known already changes nothing, and the answer says so."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from changhu_common.bulk_files import read_bulk
from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import FieldError, InvalidInput, NotFound
from changhu_common.ids import new_id
from changhu_common.periods import day_of
from changhu_common.roles import Caller
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.camt import is_xml, read_camt
from fund_ledger.domain.statement_rows import COLUMNS, read_rows
from fund_ledger.domain.statements import (
    NO_CONTROL,
    ONE_DAY,
    Control,
    Gap,
    Statement,
    StatementLine,
    StatementNeeded,
    StatementVoided,
    content_ids,
    gaps,
    new_days,
    refuse_uneven,
    uncovered,
)
from fund_ledger.storage import bank_accounts, matches, statements
from fund_ledger.storage.bank_secrets import BankSecrets
from fund_ledger.usecases.bank_accounts import account_in_scope
from fund_ledger.usecases.matching import MatchingView, match_place, open_from

FILE_BYTES_MAX = 32 * 1024 * 1024  # a year of a busy account; an XML of that size unfolds to some ten times as much


@dataclass(frozen=True, slots=True)
class Beside:
    """What a table does not say of itself: its days, balances (fen) and control totals."""

    since: date | None = None
    until: date | None = None
    opening_fen: int | None = None
    closing_fen: int | None = None
    control: Control = NO_CONTROL


@dataclass(frozen=True, slots=True)
class StatementView:
    """A statement that was taken, and how many of its lines were new."""

    statement_id: UUID
    number: str | None
    since: date
    until: date
    opening_fen: int
    closing_fen: int
    lines: int
    new_lines: int
    form: str
    loaded_by: str
    loaded_at: datetime
    voided_by: str | None
    voided_at: datetime | None
    void_reason: str | None


@dataclass(frozen=True, slots=True)
class LoadView:
    """What a file came to, and the statements that were taken from it.

    `known`: everything in it was told before by the statements that are named here, and nothing changed.
    """

    outcome: Literal["loaded", "known"]
    statements: Sequence[StatementView]
    lines: int
    new_lines: int
    gaps: Sequence[Gap]
    matching: MatchingView | None


@dataclass(frozen=True, slots=True)
class StatementsView:
    """An account's statements, where they do not follow on, and the first day that no statement covers, if any."""

    statements: Sequence[StatementView]
    voided: Sequence[StatementView]
    gaps: Sequence[Gap]
    missing_since: date | None


class Statements:
    """Bank statements (银行对账单)."""

    def __init__(self, database: Database, secrets: BankSecrets) -> None:
        self._database = database
        self._secrets = secrets

    async def load(
        self, *, caller: Caller, asked: AskedChange, account_id: UUID, content: bytes, beside: Beside
    ) -> LoadView:
        """Take a statement, all of it or nothing, and let the rules match what is new."""
        async with self._database.read() as connection:
            account = await account_in_scope(connection, caller.scope, account_id)
        number = self._secrets.number_of(account.id, account.number)
        form, told = await asyncio.to_thread(_read, content, number, beside)
        file_hash = hashlib.sha256(content).digest()
        # A day is told whole, so one that still runs is not told yet.
        yesterday = day_of(self._database.clock.now()) - ONE_DAY
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            held = await bank_accounts.hold(connection, account.pool, account.account)
            account = next(row for row in held if row.id == account_id)
            new: list[StatementView] = []
            for each in told:
                refuse_uneven(statement=each, since=account.since, until=min(yesterday, account.until or yesterday))
                new += await self._take(transaction, account_id, each, form, file_hash)
            matching = await match_place(transaction, bank_accounts.place_of(account)) if new else None
            stand = await statements.of_account(connection, account_id)
            known = [row for row in stand if any(row.since <= it.until and row.until >= it.since for it in told)]
            return transaction.answer(
                LoadView(
                    outcome="loaded" if new else "known",
                    statements=new or [_view(row._asdict()) for row in known],
                    lines=sum(len(each.lines) for each in told),
                    new_lines=sum(each.new_lines for each in new),
                    gaps=gaps(map(statements.known, stand)),
                    matching=matching,
                )
            )

    async def _take(
        self, transaction: Transaction, account_id: UUID, told: Statement, form: str, file_hash: bytes
    ) -> list[StatementView]:
        """Write a statement with its new lines; nothing where every day of it was told before."""
        connection = transaction.connection
        rows = map(statements.known, await statements.of_account(connection, account_id))
        known = [each for each in rows if each.since <= told.until and each.until >= told.since]
        first = min([told.since, *(each.since for each in known)])
        lines = await statements.lines_between(connection, account_id, first, told.until)
        new = new_days(statement=told, known=known, lines=lines)
        if not uncovered(known=known, since=told.since, until=told.until):
            return []
        statement_id = new_id()
        row = {
            "id": statement_id,
            "bank_account_id": account_id,
            "since": told.since,
            "until": told.until,
            "opening_fen": told.opening_fen,
            "closing_fen": told.closing_fen,
            "lines": len(told.lines),
            "new_lines": len(new),
            "form": form,
            "number": told.number,
            "content_hash": file_hash,
            "loaded_by": transaction.actor.subject,
            "loaded_at": transaction.now,
            "voided_by": None,
            "voided_at": None,
            "void_reason": None,
        }
        await statements.add(connection, row, self._line_rows(account_id, statement_id, new))
        shown = {name: value for name, value in row.items() if name != "content_hash"}
        transaction.record(AuditEntry("bank_statement.loaded", "bank_statement", statement_id, after=shown))
        return [_view(row)]

    def _line_rows(self, account_id: UUID, statement_id: UUID, lines: Sequence[StatementLine]) -> list[dict[str, Any]]:
        named = [(new_id(), *each) for each in content_ids(account_id=account_id, lines=lines)]
        return [
            {
                "id": line_id,
                "content_id": content_id,
                "bank_account_id": account_id,
                "bank_statement_id": statement_id,
                "booked_on": line.booked_on,
                "amount_fen": line.amount_fen,
                "reference": line.reference,
                "end_to_end_id": line.end_to_end_id,
                "said": self._secrets.seal_said(line_id, line.said),
                "voided": False,
            }
            for line_id, content_id, line in named
        ]

    async def void(self, *, caller: Caller, asked: AskedChange, statement_id: UUID, reason: str) -> StatementView:
        """Void a statement that the bank took back (作废): its lines no longer stand, and what they matched is free."""
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            row = await statements.one(connection, statement_id)
            if row is None:
                raise NotFound("没有这份对账单, 或不在您的权限范围内。")
            account = await account_in_scope(connection, caller.scope, row.bank_account_id)
            await bank_accounts.hold(connection, account.pool, account.account)
            await self._refuse_needed(connection, account, statement_id)
            by, at = caller.subject, transaction.now
            # Without a reason of its own: entries that were matched with its lines are the rules' again.
            held = await matches.of_statement(connection, statement_id)
            await matches.undo(connection, held, by=by, at=at, reason=None)
            await statements.void(connection, statement_id, by=by, at=at, reason=reason)
            await match_place(transaction, bank_accounts.place_of(account))
            after = {"reason": reason, "matches": held}
            transaction.record(AuditEntry("bank_statement.voided", "bank_statement", statement_id, after=after))
            return transaction.answer(_view((await statements.one(connection, statement_id))._asdict()))

    @staticmethod
    async def _refuse_needed(connection: AsyncConnection, account: Any, statement_id: UUID) -> None:
        row = await statements.one(connection, statement_id)
        if row.voided_at is not None:
            raise StatementVoided("这份对账单已经作废, 请刷新列表。")
        if account.until is not None and row.until >= account.until:
            raise StatementNeeded(
                f"账户已于 {account.until} 销户, 这份对账单是销户的依据; 确需作废, 请先由另一名会计撤销销户。"
            )
        if row.since < await open_from(connection, account.pool):
            raise StatementNeeded("对账单的期间已结账; 确需作废请先反结账。")
        others = await statements.of_account(connection, account.id)
        later = [x for x in others if x.id > row.id and x.since <= row.until and x.until >= row.since]
        if later:
            raise StatementNeeded(
                f"后来导入的 {later[0].since} 至 {later[0].until} 的对账单与它重叠, 只补充了新的日期; 请先作废那一份。"
            )

    async def some(self, *, caller: Caller, account_id: UUID) -> StatementsView:
        """An account's statements in the order of their days."""
        async with self._database.read() as connection:
            account = await account_in_scope(connection, caller.scope, account_id)
            rows = await statements.of_account(connection, account_id)
            voided = await statements.of_account(connection, account_id, voided=True)
        known = [statements.known(row) for row in rows]
        last = max((each.until for each in known), default=None)
        missing = uncovered(known=known, since=account.since, until=last) if last else [account.since]
        return StatementsView(
            statements=[_view(row._asdict()) for row in rows],
            voided=[_view(row._asdict()) for row in voided],
            gaps=gaps(known),
            missing_since=missing[0] if missing else None,
        )


def _read(content: bytes, number: str, beside: Beside) -> tuple[str, list[Statement]]:
    if len(content) > FILE_BYTES_MAX:
        raise InvalidInput(f"文件超过 {FILE_BYTES_MAX // 1024**2} MB; 请分段导出后分别上传。")
    if is_xml(content):
        if beside != Beside():
            raise InvalidInput("camt.053 文件自带期间、余额和控制总额, 不要另行填写。")
        return "camt.053", read_camt(content=content, number=number)
    return ("xlsx" if content.startswith(b"PK") else "csv"), [_read_table(content, number, beside)]


def _read_table(content: bytes, number: str, beside: Beside) -> Statement:
    since, until = beside.since, beside.until
    opening_fen, closing_fen = beside.opening_fen, beside.closing_fen
    if since is None or until is None or opening_fen is None or closing_fen is None:
        named = {"since": since, "until": until, "opening_fen": opening_fen, "closing_fen": closing_fen}
        raise InvalidInput(
            "请按对账单填写起止日期和期初、期末余额（分）。",
            errors=[FieldError(name, "CSV、XLSX 文件须另行填写") for name, value in named.items() if value is None],
        )
    return Statement(
        since=since,
        until=until,
        opening_fen=opening_fen,
        closing_fen=closing_fen,
        lines=read_rows(
            file=read_bulk(content, COLUMNS), number=number, since=since, until=until, opening_fen=opening_fen
        ),
        control=beside.control,
    )


def _view(row: Mapping[str, Any]) -> StatementView:
    return StatementView(
        statement_id=row["id"],
        number=row["number"],
        since=row["since"],
        until=row["until"],
        opening_fen=row["opening_fen"],
        closing_fen=row["closing_fen"],
        lines=row["lines"],
        new_lines=row["new_lines"],
        form=row["form"],
        loaded_by=row["loaded_by"],
        loaded_at=row["loaded_at"],
        voided_by=row["voided_by"],
        voided_at=row["voided_at"],
        void_reason=row["void_reason"],
    )
