"""An agreement (协议) holds on its days, less those of its suspensions (中止); another person approves it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID

from changhu_common.errors import Conflict, PostsNotSeparated
from changhu_common.periods import DateRange

ONE_DAY = timedelta(days=1)


class Status(StrEnum):
    ENTERED = "entered"
    APPROVED = "approved"
    REJECTED = "rejected"


class AgreementOverlap(Conflict):
    """The organisation has another agreement on some of the days."""

    code = "agreement.overlap"
    title = "协议期重叠"


class AgreementDecided(Conflict):
    """It was approved or rejected before."""

    code = "agreement.decided"
    title = "协议已经审批"


class AgreementNotApproved(Conflict):
    """Only an approved agreement can be suspended, resumed or terminated."""

    code = "agreement.not_approved"
    title = "协议未经审批"


class SuspensionUnfit(Conflict):
    """The days lie outside the agreement, or some of them are suspended already."""

    code = "agreement.suspension_unfit"
    title = "中止期不符"


class NotSuspended(Conflict):
    """There is no suspension to be ended."""

    code = "agreement.not_suspended"
    title = "协议未中止"


class EndUnfit(Conflict):
    """The last day is before the first, or after the end that stands."""

    code = "agreement.end_unfit"
    title = "终止日期不符"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """An agreement as it stands; `suspensions` are in order and never overlap."""

    id: UUID
    organization_id: UUID
    modes: tuple[str, ...]
    days: DateRange
    suspensions: tuple[DateRange, ...]
    status: Status
    revision: int
    entered_by: str

    def in_force(self, *, on: date, mode: str) -> bool:
        return (
            self.status is Status.APPROVED
            and mode in self.modes
            and on in self.days
            and not any(on in each for each in self.suspensions)
        )


def approved(*, agreement: Agreement, by: str) -> Agreement:
    _refuse_decided(agreement)
    if by == agreement.entered_by:
        raise PostsNotSeparated("协议由您录入, 须由另一位经办人员审批。")
    return replace(agreement, status=Status.APPROVED, revision=agreement.revision + 1)


def rejected(*, agreement: Agreement) -> Agreement:
    """Whoever entered it may withdraw it as well."""
    _refuse_decided(agreement)
    return replace(agreement, status=Status.REJECTED)


def suspended(*, agreement: Agreement, days: DateRange) -> Agreement:
    _refuse_unapproved(agreement)
    if agreement.days.overlap(days) != days:
        raise SuspensionUnfit("中止期须在协议期之内, 请核对起止日期。")
    if any(each.overlap(days) for each in agreement.suspensions):
        raise SuspensionUnfit("其中有些日期已经中止, 请核对起止日期。")
    return _changed(agreement, suspensions=(*agreement.suspensions, days))


def resumed(*, agreement: Agreement, on: date) -> Agreement:
    """From `on` the agreement holds again; a suspension that begins that very day goes altogether."""
    _refuse_unapproved(agreement)
    current = next((each for each in agreement.suspensions if on in each), None)
    if current is None:
        raise NotSuspended(f"协议在 {on} 没有中止, 不需要恢复。")
    others = [each for each in agreement.suspensions if each != current]
    before = [DateRange(current.start, on - ONE_DAY)] if current.start < on else []
    return _changed(agreement, suspensions=(*others, *before))


def terminated(*, agreement: Agreement, end: date) -> Agreement:
    _refuse_unapproved(agreement)
    if end not in agreement.days:
        raise EndUnfit("终止日期须在协议期之内, 请核对日期。")
    return replace(agreement, days=DateRange(agreement.days.start, end), revision=agreement.revision + 1)


def _changed(agreement: Agreement, *, suspensions: Sequence[DateRange]) -> Agreement:
    return replace(
        agreement,
        suspensions=tuple(sorted(suspensions, key=lambda each: each.start)),
        revision=agreement.revision + 1,
    )


def _refuse_decided(agreement: Agreement) -> None:
    if agreement.status is not Status.ENTERED:
        raise AgreementDecided("这份协议已经审批过, 请刷新后查看。")


def _refuse_unapproved(agreement: Agreement) -> None:
    if agreement.status is not Status.APPROVED:
        raise AgreementNotApproved("协议尚未审批通过, 请先办理审批。")
