"""Fees of commissioned insurers over HTTP: entry, correction, review, approval, rejection, payment, return."""

from typing import Annotated, Literal
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.errors import FieldError, InvalidInput
from changhu_common.requests import Asked
from changhu_common.resident_numbers import organisation_code
from changhu_common.roles import Caller, Role
from changhu_policies.shapes import ratio
from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from settlement.api.returns import Return
from settlement.api.statements import REFERENCE_CHARACTERS_MAX, TEXT_CHARACTERS_MAX, Payment, Rejection, Step
from settlement.domain.handling_fee import FeePeriod, Method
from settlement.usecases.handling_entry import Counted, HandlingEntry, Insurer
from settlement.usecases.handling_fees import HandlingFees
from settlement.usecases.handling_views import HandlingFeeDetail, HandlingFeeView

Reader = Annotated[
    Caller,
    allow(
        Role.SETTLEMENT_ENTRY,
        Role.SETTLEMENT_REVIEW,
        Role.SETTLEMENT_APPROVAL,
        Role.CASHIER,
        Role.ACCOUNTANT,
        Role.AUDITOR,
    ),
]

BASIS_ROWS_MAX = 200  # counties times schemes of the biggest pool, with room
QUANTITY_MAX = 10**15  # ten thousand billion yuan in fen

Text = Annotated[str, Field(min_length=1, max_length=TEXT_CHARACTERS_MAX)]
Name = Annotated[str, Field(min_length=1, max_length=REFERENCE_CHARACTERS_MAX)]


def _is_period(text: str) -> str:
    try:
        FeePeriod.parse(text)
    except ValueError:
        raise ValueError("须为年度、季度或月份, 如 2026、2026-Q3、2026-07") from None
    return text


PeriodText = Annotated[str, AfterValidator(_is_period)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class BasisRow(_Body):
    """What a county and scheme has of the basis: fen, persons or a weight; without a county it is the whole pool's."""

    county: str | None = None
    scheme: Literal["employees", "residents"] | None = None
    quantity: int = Field(ge=0, le=QUANTITY_MAX, strict=True)


class FeeTerms(_Body):
    """By which agreement (经办协议), counted from what (with its source), less what the performance takes off.

    `performance` is what the review of the insurer's work found (绩效考核), `deduction` the percentage, as in `2.5%`,
    that it takes off.
    """

    agreement: Name
    method: Method
    basis_name: Name | None = None
    basis_source: Name | None = None
    basis: list[BasisRow] = Field(default=[], max_length=BASIS_ROWS_MAX)
    performance: Text | None = None
    deduction: str = Field(default="0%", pattern=r"^[0-9]{1,3}(\.[0-9]{1,6})?%$")

    def counted(self) -> Counted:
        """The terms as they are counted; InvalidInput where they leave out what an auditor asks for."""
        errors = []
        if self.basis and not self.basis_name:
            errors.append(FieldError("basis_name", "请写明计费基数是什么，如“2026年保费收入”"))
        if self.basis and not self.basis_source:
            errors.append(FieldError("basis_source", "请写明计费基数的来源，如报表或文件编号"))
        deduction = None
        try:
            deduction = ratio(self.deduction)
        except ValueError:
            errors.append(FieldError("deduction", "绩效扣减须在0%到100%之间"))
        if deduction and not self.performance:
            errors.append(FieldError("performance", "请写明扣减所依据的绩效考核结果，如得分和文号"))
        if errors or deduction is None:
            raise InvalidInput("经办服务费的计费条件有误，请更正后重新提交。", errors=errors)
        return Counted(
            agreement=self.agreement,
            method=self.method,
            basis=[(row.county, row.scheme, row.quantity) for row in self.basis],
            basis_name=self.basis_name,
            basis_source=self.basis_source,
            performance=self.performance,
            deduction=deduction,
            deduction_written=self.deduction if deduction else None,
        )


class InsurerBody(_Body):
    """The insurer's unified social credit code (统一社会信用代码) and name."""

    code: Name
    name: Name

    def known(self) -> Insurer:
        return Insurer(code=organisation_code(self.code), name=self.name)


class NewFee(FeeTerms):
    """A fee for a year (2026), quarter (2026-Q3) or month (2026-07) that is over."""

    pool: str
    insurer: InsurerBody
    period: PeriodText


class Correction(FeeTerms):
    """What a paid fee should have been, and why."""

    reason: Text


def handling_fees_router(entry: HandlingEntry, fees: HandlingFees) -> APIRouter:
    router = APIRouter(prefix="/handling-fees", tags=["handling fees"])

    @router.post("", status_code=201)
    async def enter(
        caller: Annotated[Caller, allow(Role.SETTLEMENT_ENTRY)], asked: Asked, new: NewFee
    ) -> HandlingFeeDetail:
        """Enter what an insurer is due for a period (经办服务费录入)."""
        return await entry.enter(
            caller=caller,
            asked=asked,
            pool=new.pool,
            insurer=new.insurer.known(),
            period=FeePeriod.parse(new.period),
            said=new.counted(),
        )

    @router.get("")
    async def some(
        caller: Reader,
        pool: str | None = None,
        organization_id: UUID | None = None,
        period: PeriodText | None = None,
        status: str | None = None,
        budget: Literal["asked", "reserved", "exceeded"] | None = None,
        after: UUID | None = None,
    ) -> list[HandlingFeeView]:
        """Fees, newest first; `after` is the last one of the page before."""
        return await fees.some(
            caller=caller,
            pool=pool,
            organization_id=organization_id,
            period=period,
            status=status,
            budget=budget,
            after=after,
        )

    @router.get("/{fee_id}")
    async def one(caller: Reader, fee_id: UUID) -> HandlingFeeDetail:
        """A fee with its computation, its clause and who bears it."""
        return await fees.one(caller=caller, fee_id=fee_id)

    @router.post("/{fee_id}/correction", status_code=201)
    async def correct(
        caller: Annotated[Caller, allow(Role.SETTLEMENT_ENTRY)], asked: Asked, fee_id: UUID, correction: Correction
    ) -> HandlingFeeDetail:
        """Correct a paid fee by the difference (经办服务费更正)."""
        return await entry.correct(
            caller=caller, asked=asked, fee_id=fee_id, reason=correction.reason, said=correction.counted()
        )

    @router.post("/{fee_id}/review")
    async def review(
        caller: Annotated[Caller, allow(Role.SETTLEMENT_REVIEW)], asked: Asked, fee_id: UUID, _: Step
    ) -> HandlingFeeView:
        """Review (复核)."""
        return await fees.review(caller=caller, asked=asked, fee_id=fee_id)

    @router.post("/{fee_id}/approval")
    async def approve(
        caller: Annotated[Caller, allow(Role.SETTLEMENT_APPROVAL)], asked: Asked, fee_id: UUID, _: Step
    ) -> HandlingFeeView:
        """Approve (审批)."""
        return await fees.approve(caller=caller, asked=asked, fee_id=fee_id)

    @router.post("/{fee_id}/rejection")
    async def reject(
        caller: Annotated[Caller, allow(Role.SETTLEMENT_REVIEW, Role.SETTLEMENT_APPROVAL)],
        asked: Asked,
        fee_id: UUID,
        rejection: Rejection,
    ) -> HandlingFeeView:
        """Send back (退回)."""
        return await fees.reject(caller=caller, asked=asked, fee_id=fee_id, reason=rejection.reason)

    @router.post("/{fee_id}/payment")
    async def pay(
        caller: Annotated[Caller, allow(Role.CASHIER)], asked: Asked, fee_id: UUID, payment: Payment
    ) -> HandlingFeeView:
        """Record that the bank paid, or that what a correction takes back came in (拨付)."""
        return await fees.pay(
            caller=caller,
            asked=asked,
            fee_id=fee_id,
            bank_reference=payment.bank_reference,
            paid_on=payment.paid_on,
        )

    @router.post("/{fee_id}/return")
    async def record_return(
        caller: Annotated[Caller, allow(Role.CASHIER)], asked: Asked, fee_id: UUID, said: Return
    ) -> HandlingFeeView:
        """Record that the bank sent the fee back (退汇)."""
        return await fees.record_return(
            caller=caller,
            asked=asked,
            fee_id=fee_id,
            bank_reference=said.bank_reference,
            returned_on=said.returned_on,
            reason=said.reason,
        )

    return router
