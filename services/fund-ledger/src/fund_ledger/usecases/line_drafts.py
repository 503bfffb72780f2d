"""A line that the books lack (a bank's charge, interest) becomes a manual journal in one step.

It is a draft like any other: somebody else approves it, and in that moment the two are matched.
"""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database
from changhu_common.errors import Conflict, FieldError, InvalidInput
from changhu_common.roles import Caller
from changhu_policies.accounting import RuleLine, Template, chart
from changhu_policies.reconciliation import reconciliation_rules

from fund_ledger.domain.bank_accounts import Place
from fund_ledger.domain.journal import Line
from fund_ledger.domain.matching import DRAFTED, AlreadyMatched, Match
from fund_ledger.storage import line_drafts, matches
from fund_ledger.usecases.bank_lines import line_place
from fund_ledger.usecases.drafts import DraftView, Entered, enter_draft, refuse_bad
from fund_ledger.usecases.matching import hold_place


class LineDrafted(Conflict):
    """A manual journal was drafted from this line before, and nobody sent it back."""

    code = "bank_line.drafted"
    title = "流水已补记"


@dataclass(frozen=True, slots=True)
class FromLine:
    """What a person adds to a line: by which template it is booked, and in whose book."""

    template: str
    county: str
    scheme: str | None
    reason: str
    attachment: str


class LineDrafts:
    """Manual journals from lines (由流水补记)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def draft(self, *, caller: Caller, asked: AskedChange, line_id: UUID, said: FromLine) -> DraftView:
        """Draft the journal of a line that nothing in the books stands against."""
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            place = await line_place(connection, caller, line_id)
            await hold_place(connection, caller, place)
            await line_place(connection, caller, line_id)  # its statement may have been voided until now
            (line,) = await matches.lines(connection, place, [line_id])
            if await matches.held(connection, Match(DRAFTED, (line,), ()), place.pool):
                raise AlreadyMatched("这笔流水已经勾对, 不需要补记。")
            if await line_drafts.standing(connection, line_id):
                raise LineDrafted("这笔流水已有补记的凭证, 请审批或退回那一张。")
            title, lines = booked_lines(place=place, amount_fen=line.amount_fen, said=said)
            refuse_bad(caller, place.pool, lines)
            entered = Entered(title, said.reason, said.attachment, lines)
            view = await enter_draft(transaction, caller, place.pool, line.day, entered)
            await line_drafts.add(connection, draft_id=view.draft_id, line_id=line_id)
            transaction.record(AuditEntry("bank_line.drafted", "bank_line", line_id, after={"draft": view.draft_id}))
            return view


def booked_lines(*, place: Place, amount_fen: int, said: FromLine) -> tuple[str, list[Line]]:
    """A template's title and its lines for an amount that moved at a place, whose account takes that of the template.

    InvalidInput where no template is called so, or it moves no money, or moves it the other way or elsewhere.
    """
    template = chart().templates.get(said.template)
    moving = reconciliation_rules().bank_accounts
    if template is None or len(_money(template, moving)) != 1:
        known = "、".join(name for name, each in chart().templates.items() if len(_money(each, moving)) == 1)
        raise _wrong("template", f"只能是{known}")
    (money,) = _money(template, moving)
    if (money.signed(1) > 0) != (amount_fen > 0):
        raise _wrong("template", f"“{template.title}”与流水的收付方向不符")
    if place.county not in (None, said.county):
        raise _wrong("county", f"账户是 {place.county} 的, 只能记入该县（市、区）的账")
    return template.title, [
        Line(
            account=place.account if each is money else each.account.otherwise,
            county=place.pool if each.book == "pool" else said.county,
            scheme=said.scheme,
            amount_fen=each.signed(abs(amount_fen)),
        )
        for each in template.lines
    ]


def _money(template: Template, moving: Collection[str]) -> list[RuleLine]:
    """The lines of a template that stand where money lies."""
    return [each for each in template.lines if each.account.otherwise in moving]


def _wrong(field: str, reason: str) -> InvalidInput:
    return InvalidInput("这笔流水不能这样补记。", errors=[FieldError(field, reason)])
