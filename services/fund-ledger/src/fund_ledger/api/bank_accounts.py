"""Bank accounts, their statements and lines over HTTP; a statement's file is the body."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from fund_ledger.api.periods import Reason
from fund_ledger.domain.bank_accounts import Place
from fund_ledger.domain.statements import Control
from fund_ledger.domain.suggestions import Suggestion
from fund_ledger.usecases.bank_accounts import BankAccounts, BankAccountView, NewBankAccount
from fund_ledger.usecases.bank_lines import BankLinePage, BankLines, FreeEntryPage
from fund_ledger.usecases.drafts import DraftView
from fund_ledger.usecases.line_drafts import FromLine, LineDrafts
from fund_ledger.usecases.statements import Beside, LoadView, Statements, StatementsView, StatementView

Accountant = Annotated[Caller, allow(Role.ACCOUNTANT)]
Reader = Annotated[Caller, allow(Role.ACCOUNTANT, Role.AUDITOR)]

Name = Annotated[str, Field(min_length=1, max_length=100)]
Fen = Annotated[int | None, Query(ge=-(10**15), le=10**15, description="分; CSV、XLSX 文件须填写")]
Total = Annotated[int | None, Query(ge=-(10**15), le=10**15, description="控制总额, 分; 红字多于蓝字时为负")]

EARLIEST, LATEST = date(2000, 1, 1), date(2999, 12, 31)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class NewAccount(_Body):
    """A bank account; `account` is that of the books, `county` given where one county's money alone lies in it."""

    name: Name
    bank: Name
    number: Annotated[str, Field(min_length=1, max_length=60)]
    account: str
    county: str | None = None
    since: date


class Closing(_Body):
    until: date


class Reopening(_Body):
    reason: Reason


class Voiding(_Body):
    reason: Reason


class DraftOfLine(_Body):
    """By which template a line is booked, and in whose book."""

    template: str
    county: str
    scheme: Literal["employees", "residents"] | None = None
    reason: Reason
    attachment: Annotated[str, Field(min_length=1, max_length=200)]


def bank_accounts_router(accounts: BankAccounts, statements: Statements) -> APIRouter:
    router = APIRouter(tags=["bank accounts"])

    @router.post("/pools/{pool}/bank-accounts", status_code=201)
    async def register(caller: Accountant, asked: Asked, pool: str, new: NewAccount) -> BankAccountView:
        """Register a bank account (登记银行账户) and the account of the books that it stands for."""
        place = Place(pool, new.account, new.county)
        told = NewBankAccount(place=place, number=new.number, name=new.name, bank=new.bank, since=new.since)
        return await accounts.register(caller=caller, asked=asked, new=told)

    @router.get("/pools/{pool}/bank-accounts")
    async def some(caller: Reader, pool: str) -> list[BankAccountView]:
        """A pool's bank accounts."""
        return await accounts.some(caller=caller, pool=pool)

    @router.post("/bank-accounts/{account_id}/closing")
    async def close(caller: Accountant, asked: Asked, account_id: UUID, closing: Closing) -> BankAccountView:
        """Say on which day an account was closed at the bank (销户)."""
        return await accounts.close(caller=caller, asked=asked, account_id=account_id, until=closing.until)

    @router.post("/bank-accounts/{account_id}/reopening")
    async def reopen(caller: Accountant, asked: Asked, account_id: UUID, reopening: Reopening) -> BankAccountView:
        """Take a closing back (撤销销户); never who closed the account."""
        return await accounts.reopen(caller=caller, asked=asked, account_id=account_id, reason=reopening.reason)

    @router.post("/bank-accounts/{account_id}/statements", status_code=201)
    async def load(
        caller: Accountant,
        asked: Asked,
        request: Request,
        account_id: UUID,
        since: date | None = None,
        until: date | None = None,
        opening_fen: Fen = None,
        closing_fen: Fen = None,
        count: Annotated[int | None, Query(ge=0, description="控制笔数")] = None,
        income_fen: Total = None,
        expense_fen: Total = None,
    ) -> LoadView:
        """Take a statement (导入对账单): CSV, XLSX or camt.053. Sent again, or known already, it changes nothing."""
        beside = Beside(
            since=since,
            until=until,
            opening_fen=opening_fen,
            closing_fen=closing_fen,
            control=Control(count=count, income_fen=income_fen, expense_fen=expense_fen),
        )
        return await statements.load(
            caller=caller, asked=asked, account_id=account_id, content=await request.body(), beside=beside
        )

    @router.post("/bank-statements/{statement_id}/voiding")
    async def void(caller: Accountant, asked: Asked, statement_id: UUID, voiding: Voiding) -> StatementView:
        """Void a statement that the bank took back (作废); the right one can then be taken."""
        return await statements.void(caller=caller, asked=asked, statement_id=statement_id, reason=voiding.reason)

    @router.get("/bank-accounts/{account_id}/statements")
    async def taken(caller: Reader, account_id: UUID) -> StatementsView:
        """An account's statements, and where they do not follow on from each other."""
        return await statements.some(caller=caller, account_id=account_id)

    return router


def bank_lines_router(lines: BankLines, drafts: LineDrafts) -> APIRouter:
    router = APIRouter(tags=["bank lines"])

    @router.get("/pools/{pool}/bank-lines")
    async def some(
        caller: Reader,
        pool: str,
        bank_account_id: UUID | None = None,
        since: date = EARLIEST,
        until: date = LATEST,
        matched: bool | None = None,
        after: str | None = None,
    ) -> BankLinePage:
        """Lines (银行流水) in the order of their days; `matched=false` are those that wait for somebody."""
        return await lines.lines(
            caller=caller,
            pool=pool,
            account_id=bank_account_id,
            since=since,
            until=until,
            matched=matched,
            after=after,
        )

    @router.get("/pools/{pool}/accounts/{account}/unmatched-entries")
    async def entries(
        caller: Reader,
        pool: str,
        account: str,
        county: str | None = None,
        since: date = EARLIEST,
        until: date = LATEST,
        after: str | None = None,
    ) -> FreeEntryPage:
        """The entries of an account that no match holds (未勾对分录)."""
        place = Place(pool, account, county)
        return await lines.entries(caller=caller, place=place, since=since, until=until, after=after)

    @router.get("/bank-lines/{line_id}/suggestions")
    async def suggestions(caller: Reader, line_id: UUID) -> list[Suggestion]:
        """What a line may be, the most likely first (勾对建议)."""
        return await lines.suggestions(caller=caller, line_id=line_id)

    @router.post("/bank-lines/{line_id}/draft", status_code=201)
    async def draft(caller: Accountant, asked: Asked, line_id: UUID, said: DraftOfLine) -> DraftView:
        """Draft the manual journal of a line that the books lack (补记); approved, it is matched."""
        return await drafts.draft(caller=caller, asked=asked, line_id=line_id, said=FromLine(**said.model_dump()))

    return router
