"""Booked journals as an accountant looks for them and files them: with who entered and who approved what people did."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import Database
from changhu_common.errors import FieldError, InvalidInput, NotFound
from changhu_common.roles import Caller
from changhu_policies.accounting import chart

from fund_ledger.domain.journal import voucher_number
from fund_ledger.storage import vouchers
from fund_ledger.usecases.books import BookedLine, anchor_of, refuse_other_pools
from fund_ledger.usecases.reports import Days, Part

VOUCHERS_PER_PAGE_MAX = 200
VOUCHERS_PRINTED_MAX = 1_000  # what somebody files in a day
VOUCHERS_LISTED_MAX = 20_000  # in a workbook


@dataclass(frozen=True, slots=True)
class Voucher:
    """A voucher (记账凭证): a booked journal with the lines that the caller may see, in fen.

    `entered_by` and what follows is said of what people booked; an event's journal has its source alone.
    """

    journal_id: UUID
    pool: str
    voucher: str
    title: str
    source: str
    source_event_id: UUID
    happened_on: date
    accounting_on: date
    note: str | None
    reverses: UUID | None
    sequence: int
    hash: str
    lines: Sequence[BookedLine]
    entered_by: str | None
    approved_by: str | None
    reason: str | None
    attachment: str | None


@dataclass(frozen=True, slots=True)
class VoucherPage:
    """Vouchers in the order of the chain; `next_after` asks for those behind."""

    pool: str
    since: date
    until: date
    vouchers: Sequence[Voucher]
    next_after: int | None
    anchor: str | None


@dataclass(frozen=True, slots=True)
class Sought:
    """What a voucher must have; None is whatever."""

    account: str | None = None
    organization_id: UUID | None = None
    source: str | None = None


class Vouchers:
    """Booked journals (记账凭证)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def some(
        self, *, caller: Caller, pool: str, days: Days, sought: Sought, part: Part, after: int, whole: int | None = None
    ) -> VoucherPage:
        """Those of some accounting days; with `whole` all of them, refused where they are more than so many."""
        refuse_other_pools(caller, pool)
        accounts = chart().accounts
        if sought.account is not None and sought.account not in accounts:
            raise NotFound(f"没有科目 {sought.account}。")
        wanted = vouchers.Wanted(
            pool=pool,
            since=days.since,
            until=days.until,
            accounts=[sought.account] if sought.account else list(accounts),
            county=part.county,
            scheme=part.scheme,
            organization_id=sought.organization_id,
            source=sought.source,
        )
        count = VOUCHERS_PER_PAGE_MAX if whole is None else whole + 1
        async with self._database.read() as connection:
            heads = await vouchers.page(connection, wanted, scope=caller.scope, after=after, count=count)
            lines = await vouchers.lines(connection, pool, [head.sequence for head in heads], scope=caller.scope)
            anchor = await anchor_of(connection, pool)
        if whole is not None and len(heads) > whole:
            reason = f"凭证超过 {whole:,} 张, 请缩短期间或增加筛选条件"
            raise InvalidInput(f"{reason}。", errors=[FieldError("since", reason)])
        return VoucherPage(
            pool=pool,
            since=days.since,
            until=days.until,
            vouchers=[_voucher(head, lines[head.sequence]) for head in heads],
            next_after=heads[-1].sequence if whole is None and len(heads) == count else None,
            anchor=anchor,
        )

    async def one(self, *, caller: Caller, journal_id: UUID) -> Voucher:
        """A booked journal; NotFound where none of its lines is in scope."""
        async with self._database.read() as connection:
            head = await vouchers.one(connection, journal_id)
            lines = await vouchers.lines(connection, head.pool, [head.sequence], scope=caller.scope) if head else {}
        if head is None or not lines:
            raise NotFound("没有这张凭证, 或不在您的权限范围内。")
        return _voucher(head, lines[head.sequence])


def _voucher(head: Any, lines: Sequence[Any]) -> Voucher:
    late = head.accounting_on != head.happened_on
    accounts = chart().accounts
    return Voucher(
        journal_id=head.id,
        pool=head.pool,
        voucher=voucher_number(head.year, head.number),
        title=head.title,
        source=head.source,
        source_event_id=head.source_event_id,
        happened_on=head.happened_on,
        accounting_on=head.accounting_on,
        note=f"发生于 {head.happened_on}, 所属期间已结账, 记入 {head.accounting_on:%Y-%m}" if late else None,
        reverses=head.reverses,
        sequence=head.sequence,
        hash=head.hash.hex(),
        lines=[
            BookedLine(
                account=row.account,
                name=accounts[row.account].name,
                county=row.county,
                scheme=row.scheme,
                payer=row.payer,
                organization_id=row.organization_id,
                amount_fen=row.amount_fen,
            )
            for row in lines
        ],
        entered_by=head.entered_by,
        approved_by=head.decided_by,
        reason=head.reason,
        attachment=head.attachment,
    )
