"""A care plan is drafted by an organisation and confirmed by the person, or by a clerk who holds the paper."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database
from changhu_common.events.care import CarePlanConfirmed
from changhu_common.events.provider import ServiceMode
from changhu_common.ids import new_id
from changhu_common.periods import DateRange
from changhu_common.roles import Caller

from provider_registry.domain import plan as rules
from provider_registry.domain.catalogue import refuse_unknown_items
from provider_registry.domain.plan import Status
from provider_registry.storage import organizations, persons, plans
from provider_registry.storage.tables import MERGED


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    plan_id: UUID
    organization_id: UUID
    person_id: UUID
    mode: str
    items: Sequence[str]
    start: date
    end: date | None
    status: str


class Plans:
    """What care was agreed on with whom."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def draft(
        self,
        *,
        asked: AskedChange,
        caller: Caller,
        organization_id: UUID,
        person_id: UUID,
        mode: ServiceMode,
        items: Sequence[str],
        days: DateRange,
    ) -> PlanView:
        refuse_unknown_items(items=items, field="items")
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            of = await organizations.of_id(connection, organization_id, scope=caller.scope)
            if of.kind != "care_provider":
                raise rules.NotCareProvider("护理计划只能由护理服务机构制定。")
            person_id = await MERGED.survivor(connection, person_id)
            known = (await persons.locked(connection, [person_id])).get(person_id)
            rules.refuse_unfit_person(
                pool=of.pool,
                person_pool=known.pool if known else None,
                died_on=known.died_on if known else None,
                start=days.start,
            )
            new = PlanView(
                plan_id=new_id(),
                organization_id=organization_id,
                person_id=person_id,
                mode=mode,
                items=sorted(set(items)),
                start=days.start,
                end=days.end,
                status=Status.DRAFT.value,
            )
            await plans.add(
                connection,
                id=new.plan_id,
                organization_id=organization_id,
                person_id=person_id,
                mode=mode,
                items=new.items,
                start=new.start,
                end=new.end,
                status=Status.DRAFT,
                revision=0,
                entered_by=caller.subject,
            )
            transaction.record(AuditEntry("care_plan.drafted", "care_plan", new.plan_id, after=new))
            return transaction.answer(new)

    async def confirm(
        self, *, asked: AskedChange, caller: Caller, plan_id: UUID, signed_document: str | None
    ) -> PlanView:
        """The person (or who acts for them) confirms; a clerk does so only with the signed document's name."""
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            scope = await MERGED.widened(connection, caller.scope)
            person_id = (await plans.of_id(connection, plan_id, scope=scope)).person_id
            # The person before the plan: everybody who tells something of a person locks in this order.
            await persons.locked(connection, [person_id])
            plan = await plans.of_id(connection, plan_id, scope=scope, lock=True)
            if plan.status != Status.DRAFT:
                raise rules.PlanConfirmed("这份护理计划已经确认过, 不需要再次确认。")
            if person_id not in scope.persons and not signed_document:
                raise rules.DocumentMissing("代为确认须写明参保人或其监护人签字的文件 (signed_document)。")
            revision = plan.revision + 1
            await plans.change(
                connection,
                plan_id,
                status=Status.CONFIRMED,
                revision=revision,
                confirmed_by=caller.subject,
                confirmed_at=transaction.now,
                signed_document=signed_document,
            )
            transaction.record(
                AuditEntry(
                    "care_plan.confirmed",
                    "care_plan",
                    plan_id,
                    before={"status": Status.DRAFT},
                    after={"status": Status.CONFIRMED, "signed_document": signed_document},
                )
            )
            transaction.emit(
                CarePlanConfirmed(
                    plan_id=plan_id,
                    person_id=person_id,
                    organization_id=plan.organization_id,
                    pool=plan.pool,
                    revision=revision,
                    mode=plan.mode,
                    items=tuple(plan.items),
                    start=plan.start,
                    end=plan.end,
                )
            )
            return transaction.answer(_view(plan, Status.CONFIRMED, await MERGED.survivor(connection, person_id)))

    async def of_id(self, *, caller: Caller, plan_id: UUID) -> PlanView:
        async with self._database.read() as connection:
            found = await plans.of_id(connection, plan_id, scope=await MERGED.widened(connection, caller.scope))
            return _view(found, found.status, await MERGED.survivor(connection, found.person_id))

    async def page(
        self, *, caller: Caller, organization_id: UUID | None, person_id: UUID | None, after: UUID | None, limit: int
    ) -> list[PlanView]:
        async with self._database.read() as connection:
            rows = await plans.page(
                connection,
                scope=await MERGED.widened(connection, caller.scope),
                organization_id=organization_id,
                records=None if person_id is None else await MERGED.records(connection, [person_id]),
                after=after,
                limit=limit,
            )
            merged = await MERGED.survivors(connection, {row.person_id for row in rows})
        return [_view(row, row.status, merged.get(row.person_id, row.person_id)) for row in rows]


def _view(row: plans.Found, status: str, person_id: UUID) -> PlanView:
    return PlanView(
        plan_id=row.id,
        organization_id=row.organization_id,
        person_id=person_id,
        mode=row.mode,
        items=row.items,
        start=row.start,
        end=row.end,
        status=str(status),
    )
