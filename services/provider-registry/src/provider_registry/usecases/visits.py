"""Visits are recorded many at a time: the good ones are written and told, each bad one is answered with why.

A visit's id follows from its organisation and the id that the organisation's system gave it, so it may
be sent again, late and in any batch. Of two visits that exclude each other the one recorded first
stands; within a batch that is the earlier one, wherever the list has it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import NotFound, Refusal
from changhu_common.events.care import (
    DeliveredItem,
    Service,
    ServiceCorrected,
    ServiceDelivered,
    ServiceVoided,
)
from changhu_common.ids import named_id
from changhu_common.roles import Caller, Role
from sqlalchemy.ext.asyncio import AsyncConnection

from provider_registry.domain.agreement import Agreement
from provider_registry.domain.plan import Plan
from provider_registry.domain.staff import Staff
from provider_registry.domain.visit import (
    Facts,
    IdentityChanged,
    OfAnotherCaregiver,
    Visit,
    VisitDiffers,
    VisitVoided,
    findings,
)
from provider_registry.storage import agreements, organizations, persons, plans, staff, visits
from provider_registry.storage.tables import MERGED

DIFFERS = "这个编号的服务记录内容不同; 如需更改, 请使用更正 (correction) 并写明原因。"
ANOTHERS = "护理人员只能上传和更正本人的服务记录。"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What one place of a batch holds: a visit, or why it cannot be read as one."""

    reference: str | None
    visit: Visit | Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitAnswer:
    visit_id: UUID
    status: str
    revision: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedVisit:
    """The first rule that a visit breaks, and all of them."""

    index: int
    visit: str | None
    code: str
    detail: str
    findings: Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswer:
    """How many were recorded now, how many were known before, and which were rejected."""

    recorded: int
    known: int
    rejected: Sequence[RejectedVisit]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one visit: a status, or the refusals that it met."""

    status: str = ""
    refusals: Sequence[Refusal] = ()


RECORDED, KNOWN = Outcome("recorded"), Outcome("known")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Everything that a batch of visits is checked against, looked up at once."""

    now: datetime
    organizations: Mapping[UUID, organizations.Found]
    agreements: Sequence[Agreement]
    whose: Mapping[UUID, UUID]
    people: Mapping[UUID, persons.Found]
    staff: Mapping[UUID, Staff]
    plans: Mapping[tuple[UUID, UUID], Sequence[Plan]]
    elsewhere: set[UUID]

    def person_of(self, visit: Visit) -> persons.Found | None:
        """Who was visited, by whatever record the visit names."""
        return self.people.get(self.whose[visit.person_id])

    def facts(self, visit: Visit) -> Facts:
        person = self.person_of(visit)
        return Facts(
            now=self.now,
            pool=self.organizations[visit.organization_id].pool,
            person_pool=person.pool if person else None,
            agreements=[each for each in self.agreements if each.organization_id == visit.organization_id],
            staff=self.staff.get(visit.staff_id),
            plans=self.plans.get((self.whose[visit.person_id], visit.organization_id), ()),
            caregiver_elsewhere=visit.id in self.elsewhere,
        )


class Visits:
    """What was done for whom."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, *, asked: AskedChange, caller: Caller, visit: Visit) -> VisitAnswer:
        """Record one visit, or raise the first rule that it breaks with all of them."""
        async with self._database.change(asked) as transaction:
            (outcome,) = await _recorded(transaction, caller, [visit])
            if outcome.refusals:
                raise _first(outcome.refusals)
            return transaction.answer(VisitAnswer(visit_id=visit.id, status=outcome.status))

    async def record_batch(self, *, asked: AskedChange, caller: Caller, sent: Sequence[Sent]) -> BatchAnswer:
        """Record those visits that can be, in one transaction; the others are answered by their index."""
        async with self._database.change(asked) as transaction:
            readable = [(index, each.visit) for index, each in enumerate(sent) if isinstance(each.visit, Visit)]
            outcomes = {
                index: Outcome(refusals=[each.visit])
                for index, each in enumerate(sent)
                if isinstance(each.visit, Refusal)
            }
            done = await _recorded(transaction, caller, [visit for _, visit in readable])
            outcomes.update((index, outcome) for (index, _), outcome in zip(readable, done, strict=True))
            statuses = [outcome.status for outcome in outcomes.values()]
            return transaction.answer(
                BatchAnswer(
                    recorded=statuses.count(RECORDED.status),
                    known=statuses.count(KNOWN.status),
                    rejected=[
                        _rejected(index, sent[index].reference, outcome.refusals)
                        for index, outcome in sorted(outcomes.items())
                        if outcome.refusals
                    ],
                )
            )

    async def correct(
        self, *, asked: AskedChange, caller: Caller, visit_id: UUID, corrected: Visit, reason: str
    ) -> VisitAnswer:
        """The record was wrong (更正): this is what happened, under a new revision."""
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            standing = await _standing(connection, caller, visit_id)
            records = await MERGED.records(connection, [standing.person_id])
            if corrected.id != visit_id or corrected.person_id not in records:
                raise IdentityChanged("更正须保留原机构、原编号和原参保人; 否则请作废后重新上传。")
            # It goes on being told of the record that it was recorded for.
            corrected = replace(corrected, person_id=standing.person_id)
            around = await _surroundings(transaction, caller, [corrected])
            standing = await _standing(connection, caller, visit_id, lock=True)
            _refuse_of_another(caller, around, corrected)
            if corrected.digest == standing.digest:
                same = VisitAnswer(visit_id=visit_id, status=KNOWN.status, revision=standing.revision)
                return transaction.answer(same)
            if refusals := findings(visit=corrected, facts=around.facts(corrected)):
                raise _first(refusals)
            revision = standing.revision + 1
            await visits.correct(connection, corrected, revision=revision)
            before = visits.as_visit(standing)
            transaction.record(
                AuditEntry(
                    "visit.corrected",
                    "visit",
                    visit_id,
                    before=_audited(before),
                    after={**_audited(corrected), "reason": reason, "revision": revision},
                )
            )
            _tell(transaction, ServiceCorrected, corrected, standing.pool, standing.county, revision)
            return transaction.answer(VisitAnswer(visit_id=visit_id, status="corrected", revision=revision))

    async def void(self, *, asked: AskedChange, caller: Caller, visit_id: UUID, reason: str) -> VisitAnswer:
        """The visit did not take place (作废)."""
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            standing = await _standing(connection, caller, visit_id)
            await persons.locked(connection, [standing.person_id])
            standing = await _standing(connection, caller, visit_id, lock=True)
            revision = standing.revision + 1
            await visits.void(connection, visit_id, revision=revision)
            visit = visits.as_visit(standing)
            transaction.record(
                AuditEntry(
                    "visit.voided",
                    "visit",
                    visit_id,
                    before=_audited(visit),
                    after={"voided": True, "reason": reason, "revision": revision},
                )
            )
            _tell(transaction, ServiceVoided, visit, standing.pool, standing.county, revision)
            return transaction.answer(VisitAnswer(visit_id=visit_id, status="voided", revision=revision))


async def _recorded(transaction: Transaction, caller: Caller, sent: Sequence[Visit]) -> list[Outcome]:
    """What becomes of each visit, in the order in which they were sent; the good ones are written and told."""
    connection = transaction.connection
    around = await _surroundings(transaction, caller, sent)
    known = await visits.known(connection, {each.id for each in sent if each.organization_id in around.organizations})
    outcomes: dict[int, Outcome] = {}
    accepted: dict[UUID, tuple[int, Visit]] = {}
    free_from: dict[UUID, datetime] = {}
    for index in sorted(range(len(sent)), key=lambda each: sent[each].place_in_order):
        visit = sent[index]
        try:
            _refuse_out_of_scope(around, visit)
            _refuse_of_another(caller, around, visit)
        except Refusal as refusal:
            outcomes[index] = Outcome(refusals=[refusal])
            continue
        digests = known.get(visit.id)
        if digests is not None:
            outcomes[index] = _again(visit, digests, around.whose)
            continue
        facts = around.facts(visit)
        if visit.started_at < free_from.get(visit.staff_id, visit.started_at):
            facts = facts.with_caregiver_elsewhere()
        if refusals := findings(visit=visit, facts=facts):
            outcomes[index] = Outcome(refusals=refusals)
            continue
        outcomes[index] = RECORDED
        accepted[visit.id] = (index, visit)
        known[visit.id] = (visit.digest, visit.digest)
        free_from[visit.staff_id] = max(visit.ended_at, free_from.get(visit.staff_id, visit.ended_at))
    new = [visit for _, visit in accepted.values()]
    written = await _written(transaction, around, new)
    if lost := accepted.keys() - written:
        # Somebody recorded them, for another person and by another caregiver, while this was checked.
        now_known = await visits.known(connection, lost)
        outcomes.update((accepted[each][0], _again(accepted[each][1], now_known[each], around.whose)) for each in lost)
    return [outcomes[index] for index in range(len(sent))]


async def _written(transaction: Transaction, around: Surroundings, new: Sequence[Visit]) -> set[UUID]:
    """Write, audit and tell visits in order of time, then id; returns the ids of those that were new indeed."""
    people = {each.id: around.person_of(each) for each in new}
    pools = {visit: (person.pool, person.county) for visit, person in people.items() if person is not None}
    written = await visits.add(
        transaction.connection, [(each, *pools[each.id]) for each in new], recorded_at=transaction.now
    )
    for each in new:
        if each.id in written:
            transaction.record(AuditEntry("visit.recorded", "visit", each.id, after=_audited(each)))
            _tell(transaction, ServiceDelivered, each, *pools[each.id], 1)
    return written


async def _surroundings(transaction: Transaction, caller: Caller, sent: Sequence[Visit]) -> Surroundings:
    """Look up, with a statement each, what these visits are checked against; people, then staff are locked."""
    connection = transaction.connection
    found = await organizations.of_ids(connection, {each.organization_id for each in sent}, scope=caller.scope)
    mine = [each for each in sent if each.organization_id in found]
    # One after the other: a deadlock needs two who lock in different order.
    whose = await MERGED.records(connection, {each.person_id for each in sent})
    people = await persons.locked(connection, whose)
    members = await staff.locked(connection, {each.staff_id for each in mine})
    return Surroundings(
        now=transaction.now,
        organizations=found,
        agreements=await agreements.of_organizations(connection, found),
        whose=whose,
        people=people,
        staff=members,
        plans=await plans.confirmed(connection, whose=whose),
        elsewhere=await visits.elsewhere(connection, mine),
    )


async def _standing(connection: AsyncConnection, caller: Caller, visit_id: UUID, *, lock: bool = False) -> visits.Found:
    """A visit that the caller may change; NotFound, OfAnotherCaregiver or VisitVoided."""
    found = await visits.of_id(connection, visit_id, scope=caller.scope, lock=lock)
    if found is None:
        raise NotFound("没有这条服务记录, 或不在您的权限范围内。")
    if not may_see(caller, found):
        raise OfAnotherCaregiver(ANOTHERS)
    if found.voided:
        raise VisitVoided("这条服务记录已经作废, 不能再更改。")
    return found


def speaks_for(caller: Caller, *, pool: str, county: str, organization_id: UUID) -> bool:
    """Whether the caller is more to the organisation than one of its caregivers."""
    above = replace(caller, grants=tuple(each for each in caller.grants if each.role is not Role.CAREGIVER))
    return above.scope.covers(pool=pool, county=county, organisation=organization_id)


def may_see(caller: Caller, row: visits.Found) -> bool:
    """A caregiver sees and changes his own visits alone."""
    return row.account == caller.subject or speaks_for(
        caller, pool=row.pool, county=row.organization_county, organization_id=row.organization_id
    )


def _refuse_out_of_scope(around: Surroundings, visit: Visit) -> None:
    if visit.organization_id not in around.organizations:
        raise NotFound("没有这个机构, 或不在您的权限范围内。")


def _refuse_of_another(caller: Caller, around: Surroundings, visit: Visit) -> None:
    member = around.staff.get(visit.staff_id)
    if member is None or member.account == caller.subject:
        return
    of = around.organizations[visit.organization_id]
    if not speaks_for(caller, pool=of.pool, county=of.county, organization_id=of.id):
        raise OfAnotherCaregiver(ANOTHERS)


def _again(visit: Visit, digests: tuple[bytes, bytes], whose: Mapping[UUID, UUID]) -> Outcome:
    """Known where nothing differs but by which of the person's records it was sent."""
    person = whose[visit.person_id]
    by_record = (replace(visit, person_id=each) for each in whose if whose[each] == person)
    if visit.digest in digests or any(each.digest in digests for each in by_record):
        return KNOWN
    return Outcome(refusals=[VisitDiffers(DIFFERS, visit_id=str(visit.id))])


def _tell(transaction: Transaction, kind: type[Service], visit: Visit, pool: str, county: str, revision: int) -> None:
    transaction.emit(
        kind(
            visit_id=visit.id,
            person_id=visit.person_id,
            organization_id=visit.organization_id,
            pool=pool,
            county=county,
            revision=revision,
            mode=visit.mode,  # type: ignore[arg-type]  # only modes come in
            staff_id=visit.staff_id,
            started_at=visit.started_at,
            ended_at=visit.ended_at,
            items=tuple(DeliveredItem(item=item, quantity=quantity) for item, quantity in sorted(visit.items)),
        ),
        event_id=named_id("provider-registry.service", visit.id, revision),
    )


def _audited(visit: Visit) -> dict[str, object]:
    """What the audit row keeps: everything but the addresses, which tell where a person lives."""
    content = visit.content
    return {
        **content,
        "check_in_place": {**content["check_in_place"], "address": None},
        "check_out_place": {**content["check_out_place"], "address": None},
    }


def _first(refusals: Sequence[Refusal]) -> Refusal:
    first = refusals[0]
    first.members = {**first.members, "findings": _told(refusals)}
    return first


def _rejected(index: int, reference: str | None, refusals: Sequence[Refusal]) -> RejectedVisit:
    first = refusals[0]
    return RejectedVisit(index=index, visit=reference, code=first.code, detail=first.detail, findings=_told(refusals))


def _told(refusals: Sequence[Refusal]) -> list[dict[str, object]]:
    return [
        {"code": each.code, "detail": each.detail, "errors": [error.as_json() for error in each.errors]}
        for each in refusals
    ]
