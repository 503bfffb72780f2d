"""Manual journals over HTTP: entry, approval, rejection, reversal, and those that come again."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.errors import FieldError, InvalidInput
from changhu_common.periods import Month
from changhu_common.requests import Asked, MonthText
from changhu_common.roles import Caller, Role
from changhu_policies.accounting import chart
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StrictInt, model_validator

from fund_ledger.api.periods import Reason
from fund_ledger.domain.journal import Line
from fund_ledger.usecases.books import BookedJournal
from fund_ledger.usecases.drafts import Drafts, DraftView, Entered
from fund_ledger.usecases.recurring import Recurring, RecurringView

Accountant = Annotated[Caller, allow(Role.ACCOUNTANT)]
Reader = Annotated[Caller, allow(Role.ACCOUNTANT, Role.AUDITOR)]

Title = Annotated[str, Field(min_length=1, max_length=100)]
Attachment = Annotated[str, Field(min_length=1, max_length=200, description="附件: 原始凭证的编号或存放处")]
Amount = Annotated[StrictInt, Field(description="分; 借方为正, 贷方为负")]
Scheme = Literal["employees", "residents"]

RECURRING_MONTHS_MAX = 120  # ten years: what goes on longer is looked at again


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class EnteredLine(_Body):
    account: str
    county: str
    amount_fen: Amount
    scheme: Scheme | None = None
    payer: str | None = None
    organization_id: UUID | None = None


class FromTemplate(_Body):
    """A template of the chart with one amount."""

    name: str
    county: str
    amount_fen: Annotated[StrictInt, Field(gt=0)]
    scheme: Scheme | None = None
    payer: str | None = None
    organization_id: UUID | None = None

    def lines(self, pool: str) -> list[Line]:
        template = chart().templates.get(self.name)
        if template is None:
            known = "、".join(chart().templates)
            raise InvalidInput("没有这个凭证模板。", errors=[FieldError("template.name", f"只能是{known}")])
        return [
            Line(
                account=line.account.otherwise,
                amount_fen=line.signed(self.amount_fen),
                county=pool if line.book == "pool" else self.county,
                scheme=self.scheme,
                payer=self.payer,
                organization_id=self.organization_id,
            )
            for line in template.lines
        ]


class TemplateLine(BaseModel):
    side: Literal["debit", "credit"]
    account: str
    name: str
    book: Literal["county", "pool"]


class TemplateView(BaseModel):
    """A template (凭证模板) and what it rests on; each of its lines moves the whole amount."""

    name: str
    title: str
    lines: list[TemplateLine]
    document: str
    clause: str
    status: str


def template_views() -> list[TemplateView]:
    known = chart()
    return [
        TemplateView(
            name=each.name,
            title=each.title,
            lines=[
                TemplateLine(
                    side=line.side,
                    account=line.account.otherwise,
                    name=known.accounts[line.account.otherwise].name,
                    book=line.book,
                )
                for line in each.lines
            ],
            document=known.document,
            clause=each.clause,
            status=each.status,
        )
        for each in known.templates.values()
    ]


class Entry(_Body):
    """What every manual journal says: lines, or a template."""

    title: Title | None = None
    reason: Reason
    attachment: Attachment
    lines: list[EnteredLine] = []
    template: FromTemplate | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Entry":
        if bool(self.lines) == (self.template is not None):
            raise ValueError("分录 (lines) 和模板 (template) 填写其一")
        if self.lines and not self.title:
            raise ValueError("填写分录时须写明摘要 (title)")
        return self

    def entered(self, pool: str) -> Entered:
        if self.template is not None:
            lines = self.template.lines(pool)
            title = self.title or chart().templates[self.template.name].title
        else:
            lines = [Line(**line.model_dump()) for line in self.lines]
            title = self.title or ""
        return Entered(title=title, reason=self.reason, attachment=self.attachment, lines=lines)


class NewDraft(Entry):
    happened_on: date


class Repeated(Entry):
    """A manual journal that comes again on a day of every month, or on its last where there is no such day."""

    day_of_month: Annotated[StrictInt, Field(ge=1, le=31)]
    first_month: MonthText
    last_month: MonthText

    @model_validator(mode="after")
    def _some_months(self) -> "Repeated":
        months = len(list(Month.parse(self.first_month).until(Month.parse(self.last_month))))
        if not 1 <= months <= RECURRING_MONTHS_MAX:
            raise ValueError(f"起止月份须为 1 至 {RECURRING_MONTHS_MAX} 个月")
        return self


class Ending(_Body):
    last_month: MonthText


class Reversal(_Body):
    happened_on: date
    reason: Reason
    attachment: Attachment


class Rejection(_Body):
    reason: Reason


class Step(_Body):
    """A step that says nothing but that it is taken."""


def drafts_router(drafts: Drafts, recurring: Recurring) -> APIRouter:
    router = APIRouter(tags=["manual journals"])

    @router.post("/pools/{pool}/drafts", status_code=201)
    async def enter(caller: Accountant, asked: Asked, pool: str, new: NewDraft) -> DraftView:
        """Enter a manual journal (人工凭证录入)."""
        return await drafts.enter(
            caller=caller, asked=asked, pool=pool, happened_on=new.happened_on, entered=new.entered(pool)
        )

    @router.get("/templates")
    async def templates(_: Reader) -> list[TemplateView]:
        """What can be booked from a template, and by which clause."""
        return template_views()

    @router.get("/pools/{pool}/drafts")
    async def some(
        caller: Reader,
        pool: str,
        status: Literal["entered", "approved", "rejected"] | None = None,
        after: UUID | None = None,
    ) -> list[DraftView]:
        """Manual journals, newest first."""
        return await drafts.some(caller=caller, pool=pool, status=status, after=after)

    @router.get("/drafts/{draft_id}")
    async def one(caller: Reader, draft_id: UUID) -> DraftView:
        """A manual journal with its reason and attachment."""
        return await drafts.one(caller=caller, draft_id=draft_id)

    @router.post("/drafts/{draft_id}/approval")
    async def approve(caller: Accountant, asked: Asked, draft_id: UUID, _: Step) -> BookedJournal:
        """Approve it (审批); never who entered it."""
        return await drafts.approve(caller=caller, asked=asked, draft_id=draft_id)

    @router.post("/drafts/{draft_id}/rejection")
    async def reject(caller: Accountant, asked: Asked, draft_id: UUID, rejection: Rejection) -> DraftView:
        """Send it back (退回)."""
        return await drafts.reject(caller=caller, asked=asked, draft_id=draft_id, reason=rejection.reason)

    @router.post("/journals/{journal_id}/reversal", status_code=201)
    async def reverse(caller: Accountant, asked: Asked, journal_id: UUID, reversal: Reversal) -> DraftView:
        """Enter the reversal (冲销) of a booked journal; another person approves it."""
        return await drafts.reverse(
            caller=caller,
            asked=asked,
            journal_id=journal_id,
            happened_on=reversal.happened_on,
            reason=reversal.reason,
            attachment=reversal.attachment,
        )

    @router.get("/pools/{pool}/recurring")
    async def recurrences(caller: Reader, pool: str) -> list[RecurringView]:
        """What comes again every month (定期凭证), newest first."""
        return await recurring.some(caller=caller, pool=pool)

    @router.post("/recurring/{recurring_id}/ending")
    async def end(caller: Accountant, asked: Asked, recurring_id: UUID, ending: Ending) -> RecurringView:
        """Let it end with an earlier month (提前终止)."""
        last = Month.parse(ending.last_month)
        return await recurring.end(caller=caller, asked=asked, recurring_id=recurring_id, last=last)

    @router.post("/pools/{pool}/recurring", status_code=201)
    async def repeat(caller: Accountant, asked: Asked, pool: str, repeated: Repeated) -> RecurringView:
        """Let a manual journal come again every month, as a draft."""
        return await recurring.repeat(
            caller=caller,
            asked=asked,
            pool=pool,
            day=repeated.day_of_month,
            first=Month.parse(repeated.first_month),
            last=Month.parse(repeated.last_month),
            entered=repeated.entered(pool),
        )

    return router
