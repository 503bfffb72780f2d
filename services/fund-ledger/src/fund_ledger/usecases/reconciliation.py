"""Books, banks and the tax bureau side by side at a month's end, and what of it keeps the month from being closed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any
from uuid import UUID

from changhu_common.database import Database
from changhu_common.periods import Month
from changhu_common.roles import Caller
from changhu_policies.accounting import chart
from changhu_policies.reconciliation import reconciliation_rules
from sqlalchemy.ext.asyncio import AsyncConnection

from fund_ledger.domain.bank_accounts import Place
from fund_ledger.domain.journal import voucher_number
from fund_ledger.domain.periods import Check
from fund_ledger.domain.reconciliation import Adjustment, adjusted
from fund_ledger.domain.statements import gaps, uncovered
from fund_ledger.storage import bank_accounts, outstanding, statements
from fund_ledger.usecases.books import refuse_other_pools
from fund_ledger.usecases.tax_receipts import TaxComparison, compare

ITEMS_TOLD_MAX = 1_000  # the sums have all of them; who has more outstanding asks for the lists page by page


@dataclass(frozen=True, slots=True)
class BankBalance:
    """What one bank says at the end of the month; `missing` are days of it that no statement covers."""

    bank_account_id: UUID
    name: str
    number: str
    balance_fen: int | None
    missing: Sequence[date]
    breaks: Sequence[str]


@dataclass(frozen=True, slots=True)
class OutstandingLine:
    """A line that the books do not know by then; `settled_on` is when they did, if they do by now."""

    line_id: UUID
    booked_on: date
    reference: str | None
    amount_fen: int
    settled_on: date | None


@dataclass(frozen=True, slots=True)
class OutstandingEntry:
    """An entry that the bank does not know by then; `settled_on` is when it did, if it does by now."""

    entry: str
    voucher: str
    title: str
    accounting_on: date
    county: str
    amount_fen: int
    settled_on: date | None


@dataclass(frozen=True, slots=True)
class PlaceReconciliation:
    """One place's balance adjustment (银行存款余额调节表); None while a bank's balance is not known."""

    account: str
    account_name: str
    county: str | None
    banks: Sequence[BankBalance]
    adjustment: Adjustment | None
    lines: Sequence[OutstandingLine]
    entries: Sequence[OutstandingEntry]
    lines_unmatched: int


@dataclass(frozen=True, slots=True)
class CountyReconciliation:
    """A county's contributions by way of the tax bureau, in fen; None where there is no file of the month."""

    county: str
    booked_fen: int
    bank_fen: int
    tax_fen: int | None
    booked_not_at_bank_fen: int
    tax_less_booked_fen: int | None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The three-way report (三方对账) of a month."""

    pool: str
    month: str
    on: date
    places: Sequence[PlaceReconciliation]
    counties: Sequence[CountyReconciliation]
    tax: TaxComparison
    holds: bool
    notes: Sequence[str]
    document: str
    status: str
    reading: str


class Reconciliations:
    """Reconciliation (对账)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def report(self, *, caller: Caller, pool: str, month: Month) -> Reconciliation:
        """A month's report, as far as the caller may see."""
        refuse_other_pools(caller, pool)
        async with self._database.read() as connection:
            rows = await bank_accounts.of_pool(connection, pool, scope=caller.scope)
            places = await _places(connection, rows, month)
            tax, confirmed = await compare(connection, pool=pool, month=month, scope=caller.scope)
        rules = reconciliation_rules()
        return Reconciliation(
            pool=pool,
            month=str(month),
            on=month.last,
            places=places,
            counties=_counties(tax, confirmed),
            tax=tax,
            holds=all(map(_holds, places)) and not _differing(tax),
            notes=_notes(places, tax),
            document=rules.document,
            status=rules.status,
            reading=rules.reading,
        )


async def bank_checks(connection: AsyncConnection, pool: str, month: Month) -> list[Check]:
    """What of the banks' accounts keeps a month from being closed (银行对账检查)."""
    rows = await bank_accounts.of_pool(connection, pool)
    places = await _places(connection, rows, month)
    if not places:
        return [Check("bank_lines_unmatched", "银行流水均已勾对", True, "本月没有登记的银行账户, 未与银行对账")]
    short = [bank.number for place in places for bank in place.banks if bank.missing or bank.breaks]
    unmatched = sum(place.lines_unmatched for place in places)
    differing = [
        f"{place.account} 相差 {place.adjustment.difference_fen} 分"
        for place in places
        if place.adjustment and place.adjustment.difference_fen
    ]
    return [
        Check(
            "bank_statements_missing", "银行对账单齐全且衔接", not short, f"对账单不全或不衔接的账户: {_told(short)}"
        ),
        Check("bank_lines_unmatched", "银行流水均已勾对", not unmatched, f"未勾对的银行流水 {unmatched} 笔"),
        Check("bank_difference", "银行余额调节相符", not differing, f"调节后仍有差额的科目: {_told(differing)}"),
    ]


def _told(each: Sequence[str]) -> str:
    return "、".join(each) or "无"


async def _places(connection: AsyncConnection, rows: Sequence[Any], month: Month) -> list[PlaceReconciliation]:
    """Every place with an account that is compared in the month."""
    told = []
    for place, of_place in groupby(rows, bank_accounts.place_of):
        accounts = list(of_place)
        compared = [
            row for row in accounts if row.since <= month.last and (row.until is None or row.until >= month.first)
        ]
        if compared:
            # What an account that is closed by now left outstanding is still outstanding.
            since = min(row.since for row in accounts)
            told.append(await _place(connection, place, compared, since=since, month=month))
    return told


async def _place(
    connection: AsyncConnection, place: Place, rows: Sequence[Any], *, since: date, month: Month
) -> PlaceReconciliation:
    banks = [await _bank(connection, row, month) for row in rows]
    lines = await outstanding.lines(connection, place, month.last)
    entries = await outstanding.entries(connection, place, since=since, on=month.last)
    balances = [bank.balance_fen for bank in banks if bank.balance_fen is not None]
    adjustment = None
    if len(balances) == len(banks):
        adjustment = adjusted(
            books_fen=await outstanding.books_balance(connection, place, month.last),
            bank_fen=sum(balances),
            lines=[row.amount_fen for row in lines],
            entries=[row.amount_fen for row in entries],
        )
    return PlaceReconciliation(
        account=place.account,
        account_name=chart().accounts[place.account].name,
        county=place.county,
        banks=banks,
        adjustment=adjustment,
        lines=[_line(row) for row in lines[:ITEMS_TOLD_MAX]],
        entries=[_entry(row) for row in entries[:ITEMS_TOLD_MAX]],
        lines_unmatched=sum(row.match_id is None for row in lines),
    )


async def _bank(connection: AsyncConnection, row: Any, month: Month) -> BankBalance:
    known = [statements.known(each) for each in await statements.of_account(connection, row.id)]
    first, last = max(row.since, month.first), min(row.until or month.last, month.last)
    return BankBalance(
        bank_account_id=row.id,
        name=row.name,
        number=f"****{row.number_end}",
        balance_fen=await statements.balance(connection, row.id, month.last),
        missing=uncovered(known=known, since=first, until=last),
        breaks=[
            f"{each.after} 期末与 {each.before} 期初相差 {each.difference_fen} 分"
            for each in gaps(known)
            if each.difference_fen and first <= each.before <= last
        ],
    )


def _holds(place: PlaceReconciliation) -> bool:
    complete = not any(bank.missing or bank.breaks for bank in place.banks)
    return bool(complete and place.adjustment and not place.adjustment.difference_fen and not place.lines_unmatched)


def _differing(tax: TaxComparison) -> int:
    """How many cells differ where there is a file; what one has too much, another may lack."""
    return sum(bool(each.difference_fen) for each in tax.cells) if tax.file_id else 0


def _counties(tax: TaxComparison, confirmed: dict[str, int]) -> list[CountyReconciliation]:
    told = []
    for county in sorted({each.county for each in tax.cells}):
        cells = [each for each in tax.cells if each.county == county]
        booked, collected = sum(each.booked_fen for each in cells), sum(each.tax_fen for each in cells)
        at_bank = confirmed.get(county, 0)
        told.append(
            CountyReconciliation(
                county=county,
                booked_fen=booked,
                bank_fen=at_bank,
                tax_fen=collected if tax.file_id else None,
                booked_not_at_bank_fen=booked - at_bank,
                tax_less_booked_fen=collected - booked if tax.file_id else None,
            )
        )
    return told


def _notes(places: Sequence[PlaceReconciliation], tax: TaxComparison) -> list[str]:
    notes = []
    if not places:
        notes.append("本月没有登记的银行账户, 未与银行对账")
    if tax.file_id is None:
        notes.append(f"税务部门 {tax.month} 的入库文件还没有导入")
    if differing := _differing(tax):
        notes.append(f"税务部门 {tax.month} 的入库与入账有 {differing} 项不一致, 请按县区、险种和资金来源逐项核对")
    for place in places:
        for bank in place.banks:
            if bank.missing:
                notes.append(f"账户 {bank.number} 自 {bank.missing[0]} 起有 {len(bank.missing)} 天没有对账单")
            notes += [f"账户 {bank.number}: {each}" for each in bank.breaks]
        if place.lines_unmatched:
            notes.append(f"{place.account} {place.account_name} 有 {place.lines_unmatched} 笔银行流水未勾对")
    return notes


def _line(row: Any) -> OutstandingLine:
    return OutstandingLine(row.id, row.booked_on, row.reference, row.amount_fen, row.settled_on)


def _entry(row: Any) -> OutstandingEntry:
    return OutstandingEntry(
        entry=f"{row.sequence}/{row.number}",
        voucher=voucher_number(row.year, row.voucher),
        title=row.title,
        accounting_on=row.accounting_on,
        county=row.county,
        amount_fen=row.amount_fen,
        settled_on=row.settled_on,
    )
