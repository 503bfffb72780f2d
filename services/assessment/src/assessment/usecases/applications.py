"""A person applies, and the agency answers whether the application is accepted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import NotFound
from changhu_common.ids import new_id
from changhu_common.periods import day_of
from changhu_common.roles import Caller
from changhu_policies import Pack
from changhu_policies.projection import SuppliedValues
from sqlalchemy.ext.asyncio import AsyncConnection

from assessment.domain.acceptance import (
    ACCEPTANCE_RULES,
    Applicant,
    ApplicationOpen,
    NotAcceptable,
    OnsetAhead,
    PersonUnknown,
)
from assessment.domain.findings import findings_of
from assessment.domain.steps import State, Step, require_step
from assessment.storage import applications, conclusions, facts, fees
from assessment.storage.tables import MERGED
from assessment.usecases.views import (
    AnyRow,
    ApplicationFile,
    ApplicationView,
    ConclusionView,
    ConfirmationView,
    FeeView,
    RoundView,
    VisitView,
)

NO_APPLICATION = "没有这份申请，或不在您的权限范围内。"
NO_PERSON = "没有这个参保人，或不在您的权限范围内。"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """A relative whom the applicant names (亲属): their person id, or the account that they log in with."""

    person_id: UUID | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a person applies with. `agent` says how who acts is related (代办关系), not their name."""

    person_id: UUID
    disabled_since: date
    channel: str | None = None
    agent: str | None = None
    relatives: Sequence[Relative] = ()


@dataclass(frozen=True, slots=True)
class ApplicationPage:
    """Some applications; `next` is where the following page begins, if there is one."""

    applications: Sequence[ApplicationView]
    next: UUID | None


class Applications:
    """Applications from their entry to their acceptance, and what anybody entitled may read of them."""

    def __init__(self, database: Database, supplied: SuppliedValues) -> None:
        self._database = database
        self._supplied = supplied

    async def submit(self, *, caller: Caller, asked: AskedChange, submission: Submission) -> ApplicationView:
        """Enter an application; raises PersonUnknown, ApplicationOpen, OnsetAhead."""
        async with self._database.change(asked) as tx:
            today = day_of(tx.now)
            person_id = await facts.lock_person(tx.connection, submission.person_id)
            person = await facts.person_of(tx.connection, person_id)
            scope = await MERGED.widened(tx.connection, caller.scope)
            if person is None and (scope.parts or person_id in scope.persons):
                raise PersonUnknown("参保登记的消息尚未送达本系统，请稍后重试；一直如此请核对参保登记。")
            if person is None or not scope.covers(pool=person.pool, county=person.county, person=person_id):
                raise NotFound(NO_PERSON)
            if submission.disabled_since > today:
                raise OnsetAhead("失能起始日期不能晚于申请当日，请核对。")
            if known := await applications.open_of(tx.connection, person.person_id):
                raise ApplicationOpen("该参保人有尚未办结的申请，请先办结。", application_id=str(known))
            application_id = new_id()
            await applications.add(
                tx.connection,
                {
                    "id": application_id,
                    "pool": person.pool,
                    "county": person.county,
                    "person_id": person.person_id,
                    "state": State.SUBMITTED,
                    "round": 1,
                    "applied_on": today,
                    "applied_by": caller.subject,
                    "disabled_since": submission.disabled_since,
                    "channel": submission.channel,
                    "agent": submission.agent,
                    "relatives": [
                        {"person_id": each.person_id and str(each.person_id), "account": each.account}
                        for each in submission.relatives
                    ],
                },
            )
            tx.record(
                AuditEntry(
                    "submit",
                    "application",
                    application_id,
                    after={"person_id": person.person_id, "disabled_since": submission.disabled_since},
                )
            )
            return tx.answer(await self._view(tx, application_id, caller))

    async def accept(self, *, caller: Caller, asked: AskedChange, application_id: UUID) -> ApplicationView:
        """Accept (受理); raises NotAcceptable with everything that stands against it."""
        async with self._database.change(asked) as tx:
            row = await locked(tx, application_id, caller, Step.ACCEPTANCE)
            today = day_of(tx.now)
            pack = await self._supplied.pack(tx.connection, row.pool)
            person = await facts.person_of(tx.connection, row.whose)
            assert person is not None  # an application is only entered for a known person
            found = findings_of(
                rules=ACCEPTANCE_RULES,
                case=Applicant(
                    coverage=facts.read_periods(person.coverage),
                    died_on=person.died_on,
                    disabled_since=row.disabled_since,
                    applied_on=row.applied_on,
                    months_min=pack.value("assessment.disabled_months_min", on=row.applied_on),
                    insured=pack.value("pool.insured", on=today),
                    on=today,
                ),
            )
            if found:
                raise NotAcceptable("不能受理；如不予受理请写明原因：", found)
            await applications.change(tx.connection, row.id, state=State.ACCEPTED, accepted_on=today)
            tx.record(AuditEntry("accept", "application", row.id, after={"pack_version": pack.version}))
            return tx.answer(await self._view(tx, row.id, caller))

    async def refuse(self, *, caller: Caller, asked: AskedChange, application_id: UUID, reason: str) -> ApplicationView:
        """Do not accept (不予受理), for a reason that the applicant is told."""
        async with self._database.change(asked) as tx:
            row = await locked(tx, application_id, caller, Step.REFUSAL)
            await applications.change(
                tx.connection, row.id, state=State.REFUSED, refused_on=day_of(tx.now), refusal_reason=reason
            )
            tx.record(AuditEntry("refuse", "application", row.id))
            return tx.answer(await self._view(tx, row.id, caller))

    async def file(self, *, caller: Caller, application_id: UUID) -> ApplicationFile:
        """An application with its rounds, objection, conclusions and fees."""
        async with self._database.read() as connection:
            row = await applications.find(connection, application_id, scope=caller.scope)
            if row is None:
                raise NotFound(NO_APPLICATION)
            objection = await applications.objection_of(connection, row.id)
            return ApplicationFile.of(
                row,
                pack=await self._supplied.pack(connection, row.pool),
                channel=row.channel,
                agent=row.agent,
                rounds=[
                    round_
                    for number in range(1, row.round + 1)
                    if (round_ := await _round(connection, row, number)) is not None
                ],
                objection_reason=objection.reason if objection else None,
                conclusions=[ConclusionView.of(each) for each in await conclusions.of_application(connection, row.id)],
                fees=[FeeView.of(each) for each in await fees.of_applications(connection, [row.id])],
            )

    async def page(
        self, *, caller: Caller, pool: str, state: State | None, after: UUID | None, limit: int
    ) -> ApplicationPage:
        async with self._database.read() as connection:
            rows = await applications.page(
                connection, pool=pool, state=state, after=after, limit=limit + 1, scope=caller.scope
            )
            pack: Pack | None = await self._supplied.pack(connection, pool) if rows else None
        shown = [ApplicationView.of(row, pack=pack) for row in rows[:limit] if pack is not None]
        return ApplicationPage(shown, shown[-1].application_id if len(rows) > limit else None)

    async def _view(self, tx: Transaction, application_id: UUID, caller: Caller) -> ApplicationView:
        row = await applications.find(tx.connection, application_id, scope=caller.scope)
        assert row is not None
        return ApplicationView.of(row, pack=await self._supplied.pack(tx.connection, row.pool))


async def locked(tx: Transaction, application_id: UUID, caller: Caller, step: Step) -> AnyRow:
    """The application in the caller's scope, locked, in a state that knows the step."""
    row = await applications.lock(tx.connection, application_id, scope=caller.scope)
    if row is None:
        raise NotFound(NO_APPLICATION)
    require_step(step=step, state=State(row.state))
    return row


async def _round(connection: AsyncConnection, row: AnyRow, number: int) -> RoundView | None:
    assignment = await applications.assignment_of(connection, row.id, number)
    if assignment is None:
        return None
    visit = await applications.visit_of(connection, row.id, number)
    return RoundView(
        round=number,
        organization_id=assignment.organization_id,
        staff_ids=[UUID(member["staff_id"]) for member in assignment.members],
        assigned_on=assignment.assigned_on,
        visit=VisitView.of(visit) if visit else None,
        confirmations=[
            ConfirmationView(staff_id=each.staff_id, confirmed_at=each.confirmed_at)
            for each in await applications.confirmations_of(connection, row.id, number)
        ],
    )
