"""A line that the books lack (a bank's charge, interest) becomes a manual journal in one step.

It is a draft like any other: somebody else approves it, and in that moment the two are matched.
"""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database
from changhu_common.errors import Conflict, FieldError, InvalidInput
from changhu_common.roles import Caller
from changhu_policies.accounting import Template, chart
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
    """A template's title and its two lines for an amount that moved at a place: that side is the place's account.

    InvalidInput where no template is called so, or it moves no money, or moves it the other way.
    """
    template = chart().templates.get(said.template)
    moving = reconciliation_rules().bank_accounts
    if template is None or not _moves(template, moving):
        known = "、".join(name for name, each in chart().templates.items() if _moves(each, moving))
        raise _wrong(f"只能是{known}")
    money, other = sorted(template.lines, key=lambda each: each.account.otherwise not in moving)
    if (money.signed(1) > 0) != (amount_fen > 0):
        raise _wrong(f"“{template.title}”与流水的收付方向不符")
    return template.title, [
        Line(account=place.account, county=said.county, scheme=said.scheme, amount_fen=amount_fen),
        Line(account=other.account.otherwise, county=said.county, scheme=said.scheme, amount_fen=-amount_fen),
    ]


def _moves(template: Template, moving: Collection[str]) -> bool:
    """Whether a template has two lines, and one of them is where money lies."""
    return sorted(each.account.otherwise in moving for each in template.lines) == [False, True]


def _wrong(reason: str) -> InvalidInput:
    return InvalidInput("这笔流水不能用这个凭证模板补记。", errors=[FieldError("template", reason)])
