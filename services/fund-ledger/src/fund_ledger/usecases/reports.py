"""Reports of the books: on any day, over any days, compared with any others, as far as the caller may see."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from changhu_common.database import Database
from changhu_common.errors import FieldError, InvalidInput, NotFound
from changhu_common.periods import Month
from changhu_common.roles import Caller
from changhu_policies.accounting import Chart, chart

from fund_ledger.domain.journal import voucher_number
from fund_ledger.domain.pages import AfterEntry, after_entry
from fund_ledger.domain.reports import Group, Split, balance_sheet, income_statement, months_of_reserve, written_months
from fund_ledger.storage import details, totals
from fund_ledger.usecases.books import anchor_of, refuse_other_pools

LINES_PER_PAGE_MAX = 1_000
LINES_PRINTED_MAX = 20_000  # some six hundred pages
LINES_LISTED_MAX = 100_000  # in a workbook
RESERVE_MONTHS = 12  # a year's expense knows every season


@dataclass(frozen=True, slots=True)
class Days:
    """Days, both included; a balance is that of the last one."""

    since: date
    until: date

    def __post_init__(self) -> None:
        if self.until < self.since:
            raise InvalidInput("起始日期不能晚于截止日期。", errors=[FieldError("since", "晚于截止日期")])


@dataclass(frozen=True, slots=True)
class Part:
    """The part of the books that is asked for; None is all that the caller may see."""

    county: str | None = None
    scheme: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A report with its groups; amounts in fen; `anchor` is the last entry of the chain that it counts."""

    pool: str
    title: str
    since: date | None
    until: date
    compared_since: date | None
    compared_until: date | None
    groups: Sequence[Group]
    document: str
    status: str
    reading: str
    anchor: str | None


@dataclass(frozen=True, slots=True)
class DetailLine:
    accounting_on: date
    happened_on: date
    voucher: str
    title: str
    county: str
    scheme: str | None
    payer: str | None
    organization_id: UUID | None
    debit_fen: int
    credit_fen: int
    balance_fen: int


@dataclass(frozen=True, slots=True)
class Detail:
    """An account's lines (科目明细账) with its balance before them; `next_after` asks for those behind."""

    pool: str
    account: str
    name: str
    since: date
    until: date
    opening_fen: int
    lines: Sequence[DetailLine]
    next_after: str | None
    anchor: str | None


@dataclass(frozen=True, slots=True)
class Reserve:
    """Months of reserve (基金可支付月数): the surplus over the average monthly expense of whole months before."""

    pool: str
    on: date
    surplus_fen: int
    expense_fen: int
    months_counted: int
    months: str | None
    anchor: str | None


class Reports:
    """What is asked of the books at the end of a month."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def balance_sheet(
        self, *, caller: Caller, pool: str, on: date, compared_on: date | None, split: Split, part: Part
    ) -> Report:
        """The balance sheet (资产负债表) of a day."""
        refuse_other_pools(caller, pool)
        async with self._database.read() as connection:
            now, then = [
                await totals.by_book(
                    connection, pool=pool, until=day, scope=caller.scope, county=part.county, scheme=part.scheme
                )
                if day
                else None
                for day in (on, compared_on)
            ]
            anchor = await anchor_of(connection, pool)
        groups = balance_sheet(balances=now or (), compared=then, accounts=chart().accounts, split=split)
        return _report(pool, "资产负债表", None, on, None, compared_on, groups, anchor)

    async def income_statement(
        self, *, caller: Caller, pool: str, days: Days, compared: Days | None, split: Split, part: Part
    ) -> Report:
        """The statement of income and expense (收支表) of a range of days."""
        refuse_other_pools(caller, pool)
        async with self._database.read() as connection:
            now, then = [
                await totals.by_book(
                    connection,
                    pool=pool,
                    since=each.since,
                    until=each.until,
                    with_carries=False,
                    scope=caller.scope,
                    county=part.county,
                    scheme=part.scheme,
                )
                if each
                else None
                for each in (days, compared)
            ]
            anchor = await anchor_of(connection, pool)
        groups = income_statement(balances=now or (), compared=then, accounts=chart().accounts, split=split)
        return _report(
            pool,
            "收支表",
            days.since,
            days.until,
            compared.since if compared else None,
            compared.until if compared else None,
            groups,
            anchor,
        )

    async def detail(
        self,
        *,
        caller: Caller,
        pool: str,
        account: str,
        days: Days,
        after: str | None,
        part: Part,
        whole: int | None = None,
    ) -> Detail:
        """An account's lines, a page at a time; with `whole` all of them, refused where they are more than so many."""
        refuse_other_pools(caller, pool)
        count = LINES_PER_PAGE_MAX if whole is None else whole + 1
        if account not in chart().accounts:
            raise NotFound(f"没有科目 {account}。")
        place = after_entry(after)
        wanted: dict[str, Any] = {
            "pool": pool,
            "account": account,
            "since": days.since,
            "until": days.until,
            "scope": caller.scope,
            "county": part.county,
            "scheme": part.scheme,
        }
        async with self._database.read() as connection:
            before = await totals.by_book(
                connection,
                pool=pool,
                until=days.since - timedelta(days=1),
                scope=caller.scope,
                county=part.county,
                scheme=part.scheme,
            )
            opening = sum(each.fen for each in before if each.account == account)
            if place:
                opening += await details.sum_until(connection, place=place, **wanted)
            rows = await details.lines(connection, after=place, count=count, **wanted)
            anchor = await anchor_of(connection, pool)
        if whole is not None and len(rows) > whole:
            reason = f"分录超过 {whole:,} 行，请缩短期间，或按县、按险种人群分别导出"
            raise InvalidInput(f"{reason}。", errors=[FieldError("since", reason)])
        balance, lines = opening, []
        for row in rows:
            balance += row.amount_fen
            lines.append(_detail_line(row, balance))
        last = rows[-1] if whole is None and len(rows) == count else None
        return Detail(
            pool=pool,
            account=account,
            name=chart().accounts[account].name,
            since=days.since,
            until=days.until,
            opening_fen=opening,
            lines=lines,
            next_after=str(AfterEntry(last.accounting_on, last.sequence, last.number)) if last else None,
            anchor=anchor,
        )

    async def reserve(self, *, caller: Caller, pool: str, on: date) -> Reserve:
        """How long the fund lasts if it is spent as in the whole months before."""
        refuse_other_pools(caller, pool)
        kinds = {number: account.kind for number, account in chart().accounts.items()}
        month = Month.of(on)
        async with self._database.read() as connection:
            first = await totals.first_day(connection, pool)
            begins = max(month.plus(-RESERVE_MONTHS), Month.of(first)) if first else month
            stands = await totals.by_book(connection, pool=pool, until=on, scope=caller.scope)
            spent = await totals.by_book(
                connection,
                pool=pool,
                since=begins.first,
                until=month.first - timedelta(days=1),
                with_carries=False,
                scope=caller.scope,
            )
            anchor = await anchor_of(connection, pool)
        surplus = -sum(each.fen for each in stands if kinds[each.account] in {"balance", "income", "expense"})
        expense = sum(each.fen for each in spent if kinds[each.account] == "expense")
        counted = max((month.year - begins.year) * 12 + month.number - begins.number, 0)
        months = months_of_reserve(surplus_fen=surplus, expense_fen=expense, months=counted)
        return Reserve(
            pool=pool,
            on=on,
            surplus_fen=surplus,
            expense_fen=expense,
            months_counted=counted,
            months=written_months(months),
            anchor=anchor,
        )


def _report(
    pool: str,
    title: str,
    since: date | None,
    until: date,
    compared_since: date | None,
    compared_until: date | None,
    groups: Sequence[Group],
    anchor: str | None,
) -> Report:
    rests_on: Chart = chart()
    return Report(
        pool=pool,
        title=title,
        since=since,
        until=until,
        compared_since=compared_since,
        compared_until=compared_until,
        groups=groups,
        document=rests_on.document,
        status=rests_on.status,
        reading=rests_on.reading,
        anchor=anchor,
    )


def _detail_line(row: Any, balance_fen: int) -> DetailLine:
    return DetailLine(
        accounting_on=row.accounting_on,
        happened_on=row.happened_on,
        voucher=voucher_number(row.year, row.voucher),
        title=row.title,
        county=row.county,
        scheme=row.scheme,
        payer=row.payer,
        organization_id=row.organization_id,
        debit_fen=max(row.amount_fen, 0),
        credit_fen=max(-row.amount_fen, 0),
        balance_fen=balance_fen,
    )
