"""People are sent, they score on site, and two experts confirm what the scores come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import FieldError, InvalidInput, NotFound, PostsNotSeparated
from changhu_common.periods import day_of
from changhu_common.roles import Caller
from changhu_policies import scales
from changhu_policies.projection import SuppliedValues
from sqlalchemy.ext.asyncio import AsyncConnection

from assessment.domain.assignment import ASSIGNMENT_RULES, AssignmentRefused, Interests, Team
from assessment.domain.confirmation import (
    CONFIRMATION_RULES,
    CONFIRMATIONS_MIN,
    ConfirmationRefused,
    ConfirmedBefore,
    Confirming,
    NotAssigned,
    StaffReleased,
    VisitMistimed,
)
from assessment.domain.findings import findings_of
from assessment.domain.grading import grade_scores
from assessment.domain.steps import FIRST_ROUND, REVIEW_ROUND, State, Step, require_step
from assessment.storage import applications, facts
from assessment.storage.tables import MERGED
from assessment.usecases.applications import NO_APPLICATION, locked
from assessment.usecases.concluding import benefit_level, conclude
from assessment.usecases.fees import follow_applications
from assessment.usecases.views import AnyRow, VisitView


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What an assessor brings from a visit."""

    visited_at: datetime
    scale: str
    scores: Mapping[str, int]
    guardian_present: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentView:
    application_id: UUID
    status: str
    round: int
    organization_id: UUID
    staff_ids: Sequence[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedView:
    """Where an application stands after a confirmation; `conclusion_id` once its conclusion took effect."""

    application_id: UUID
    status: str
    confirmations: int
    grade: int
    level: str | None
    conclusion_id: UUID | None


class Assessments:
    """Assignment, the visit on site, and the experts' confirmations, for the first round and for a review."""

    def __init__(self, database: Database, supplied: SuppliedValues) -> None:
        self._database = database
        self._supplied = supplied

    async def assign(
        self,
        *,
        caller: Caller,
        asked: AskedChange,
        application_id: UUID,
        organization_id: UUID,
        staff_ids: Sequence[UUID],
    ) -> AssignmentView:
        """Send people of an organisation (派员); raises AssignmentRefused with every finding."""
        async with self._database.change(asked) as tx:
            row = await locked(tx, application_id, caller, Step.ASSIGNMENT)
            round_ = REVIEW_ROUND if row.state == State.OBJECTED else row.round
            today = day_of(tx.now)
            team = Team(
                organization_id=organization_id,
                staff_ids=staff_ids,
                members=await facts.members_of(tx.connection, staff_ids=staff_ids, pool=row.pool, on=today),
                agreements=await facts.agreements_of(tx.connection, organization_id=organization_id, pool=row.pool),
                interests=await _interests(tx.connection, row, round_),
                on=today,
            )
            if found := findings_of(rules=ASSIGNMENT_RULES, case=team):
                raise AssignmentRefused("请改派：", found)
            before = await applications.assignment_of(tx.connection, row.id, round_)
            await applications.assign(
                tx.connection,
                {
                    "application_id": row.id,
                    "round": round_,
                    "organization_id": organization_id,
                    "members": [
                        {
                            "staff_id": str(member.staff_id),
                            "account": member.account,
                            "person_id": member.person_id and str(member.person_id),
                            "expert": member.expert,
                        }
                        for member in team.members
                    ],
                    "assigned_on": today,
                    "assigned_by": caller.subject,
                },
            )
            await applications.change(
                tx.connection, row.id, state=State.ASSIGNED, round=round_, organization_id=organization_id
            )
            tx.record(
                AuditEntry(
                    "assign",
                    "application",
                    row.id,
                    before=[member["staff_id"] for member in before.members] if before else None,
                    after={"organization_id": organization_id, "staff_ids": staff_ids, "round": round_},
                )
            )
            return tx.answer(
                AssignmentView(
                    application_id=row.id,
                    status=State.ASSIGNED,
                    round=round_,
                    organization_id=organization_id,
                    staff_ids=staff_ids,
                )
            )

    async def record_visit(
        self, *, caller: Caller, asked: AskedChange, application_id: UUID, observed: Observed
    ) -> VisitView:
        """Record the visit (现场评估) with its scores; raises NotAssigned, VisitMistimed, InvalidInput."""
        async with self._database.change(asked) as tx:
            row = await locked(tx, application_id, caller, Step.VISIT)
            assignment = await applications.assignment_of(tx.connection, row.id, row.round)
            assert assignment is not None
            if caller.subject not in {member["account"] for member in assignment.members}:
                raise NotAssigned("只有被指派的评估人员可以提交本次评估，请核对账号或联系经办人改派。")
            visited_on = day_of(observed.visited_at)
            if observed.visited_at > tx.now or visited_on < assignment.assigned_on:
                raise VisitMistimed("现场评估时间不能早于派员当日，也不能晚于提交之时，请核对。")
            await _refuse_released(tx, row, assignment, caller.subject, visited_on)
            pack = await self._supplied.pack(tx.connection, row.pool)
            _refuse_other_scale(observed.scale, pack.value("assessment.scale", on=visited_on).value)
            scale = scales()[observed.scale]
            grading = grade_scores(scale=scale, scores=observed.scores)
            await applications.add_visit(
                tx.connection,
                {
                    "application_id": row.id,
                    "round": row.round,
                    "visited_at": observed.visited_at,
                    "guardian_present": observed.guardian_present,
                    "scale": scale.id,
                    "scale_version": scale.version,
                    "scores": dict(observed.scores),
                    "totals": dict(grading.totals),
                    "bands": dict(grading.bands),
                    "reasons": list(grading.reasons),
                    "status": grading.status,
                    "grade": grading.grade,
                    "pack_version": pack.version,
                    "recorded_by": caller.subject,
                    "recorded_at": tx.now,
                },
            )
            await applications.change(tx.connection, row.id, state=State.VISITED)
            tx.record(AuditEntry("visit", "application", row.id, after={"round": row.round, "grade": grading.grade}))
            visit = await applications.visit_of(tx.connection, row.id, row.round)
            assert visit is not None
            return tx.answer(VisitView.of(visit))

    async def confirm(self, *, caller: Caller, asked: AskedChange, application_id: UUID) -> ConfirmedView:
        """An expert confirms (专家确认); with the second confirmation the conclusion stands.

        Below the benefit level it is delivered at once, and a review's is final: both take effect today.
        """
        async with self._database.change(asked) as tx:
            row, visit = await self._to_confirm(tx, application_id, caller)
            known = {each.account for each in await applications.confirmations_of(tx.connection, row.id, row.round)}
            level = await benefit_level(tx, self._supplied, row.pool, visit)
            state, conclusion_id = State(row.state), None
            if len(known) >= CONFIRMATIONS_MIN:
                if level is not None and row.round == FIRST_ROUND:
                    state = State.CONFIRMED
                else:
                    state = State.PUBLISHED if level is not None else State.DELIVERED
                    conclusion_id = await conclude(
                        tx, self._supplied, application=row, visit=visit, start=day_of(tx.now)
                    )
                await applications.change(tx.connection, row.id, state=state)
                await follow_applications(tx, self._supplied, [row.id])
            return tx.answer(
                ConfirmedView(
                    application_id=row.id,
                    status=state,
                    confirmations=len(known),
                    grade=visit.grade,
                    level=level,
                    conclusion_id=conclusion_id,
                )
            )

    async def _to_confirm(self, tx: Transaction, application_id: UUID, caller: Caller) -> tuple[AnyRow, AnyRow]:
        """Write the caller's confirmation, if the caller is an expert who may; the application and its visit."""
        today = day_of(tx.now)
        row = await _locked_for_expert(tx, application_id, caller, today)
        visit = await applications.visit_of(tx.connection, row.id, row.round)
        assert visit is not None
        if visit.recorded_by == caller.subject:
            raise PostsNotSeparated("提交评估得分的人员不能确认自己的结论，请由另一名专家确认。")
        experts = await facts.experts_of(tx.connection, account=caller.subject, pool=row.pool, on=today)
        interests = await _interests(tx.connection, row, row.round)
        if found := findings_of(rules=CONFIRMATION_RULES, case=Confirming(experts=experts, interests=interests)):
            raise ConfirmationRefused("请由另一名专家确认：", found)
        confirmed = await applications.confirmations_of(tx.connection, row.id, row.round)
        staff_ids = {expert.staff_id for expert in experts}
        if any(each.account == caller.subject or each.staff_id in staff_ids for each in confirmed):
            raise ConfirmedBefore("您已确认过这一结论，须由另一名专家再确认。")
        expert = next((each for each in experts if each.organization_id == row.organization_id), experts[0])
        await applications.add_confirmation(
            tx.connection,
            {
                "application_id": row.id,
                "round": row.round,
                "account": caller.subject,
                "staff_id": expert.staff_id,
                "confirmed_at": tx.now,
            },
        )
        tx.record(AuditEntry("confirm", "application", row.id, after={"round": row.round, "staff_id": expert.staff_id}))
        return row, visit


async def _refuse_released(tx: Transaction, row: AnyRow, assignment: AnyRow, account: str, on: date) -> None:
    """Whoever was sent must still serve the organisation on the day of the visit."""
    staff_ids = [UUID(member["staff_id"]) for member in assignment.members if member["account"] == account]
    members = await facts.members_of(tx.connection, staff_ids=staff_ids, pool=row.pool, on=on)
    if not any(on in member.days for member in members):
        raise StaffReleased("现场评估当日您已不在该评估机构登记，请联系经办人改派。")


async def _locked_for_expert(tx: Transaction, application_id: UUID, caller: Caller, today: date) -> AnyRow:
    """The application, in scope of the caller or of an organisation of the same pool that the expert serves."""
    serving = await facts.organizations_of_expert(tx.connection, account=caller.subject, on=today)
    row = await applications.lock(tx.connection, application_id, scope=caller.scope, serving=serving)
    if row is None:
        raise NotFound(NO_APPLICATION)
    require_step(step=Step.CONFIRMATION, state=State(row.state))
    return row


async def _interests(connection: AsyncConnection, row: AnyRow, round_: int) -> Interests:
    """Whom the applicant is close to, who cares for them, and who took part before, where this is a review."""
    organizations: set[UUID] = set()
    accounts: set[str] = set()
    persons: set[UUID] = set()
    if round_ == REVIEW_ROUND:
        first = await applications.assignment_of(connection, row.id, FIRST_ROUND)
        assert first is not None
        organizations.add(first.organization_id)
        accounts.update(member["account"] for member in first.members)
        persons.update(UUID(member["person_id"]) for member in first.members if member["person_id"])
        confirmed = await applications.confirmations_of(connection, row.id, FIRST_ROUND)
        accounts.update(each.account for each in confirmed)
    relatives = {UUID(each["person_id"]) for each in row.relatives if each["person_id"]}
    return Interests(
        person_id=row.whose,
        relative_accounts=frozenset(each["account"] for each in row.relatives if each["account"]),
        relative_persons=frozenset((await MERGED.records(connection, relatives)).values()),
        carers=await facts.carers_of(connection, row.person_id),
        earlier_organizations=frozenset(organizations),
        earlier_accounts=frozenset(accounts),
        earlier_persons=frozenset((await MERGED.records(connection, persons)).values()),
    )


def _refuse_other_scale(named: str, used: str) -> None:
    if named != used:
        raise InvalidInput(
            f"本统筹区当日使用量表 {used}。", errors=[FieldError("scale", f"本统筹区当日使用量表 {used}")]
        )
