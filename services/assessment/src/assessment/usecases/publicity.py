"""What reaches the benefit level is shown in public, may be objected to, and takes effect when its days are over."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

import structlog
from changhu_common.clock import Clock
from changhu_common.database import Actor, AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import NotFound, Refusal
from changhu_common.periods import day_of
from changhu_common.roles import Caller, Scope, ScopePart
from changhu_common.stopping import work_until
from changhu_policies.projection import SuppliedValues

from assessment.domain.acceptance import ApplicationOpen
from assessment.domain.publicity import (
    ObjectionLate,
    PublicityRunning,
    ReviewFinal,
    last_day,
    refuse_mistimed,
)
from assessment.domain.steps import FIRST_ROUND, State, Step
from assessment.storage import applications, facts
from assessment.usecases.applications import locked
from assessment.usecases.concluding import conclude
from assessment.usecases.fees import follow_applications
from assessment.usecases.views import AnyRow

# What one request publishes: its answer names each, and all of it is one transaction.
PUBLICATIONS_MAX = 500

# How often the loop looks whether a day is over; a conclusion's days do not depend on it.
LOOK_SECONDS = 60.0

ONE_DAY = timedelta(days=1)
ITSELF = Actor("loop:publicity", "system")
EVERYWHERE = Scope(parts=frozenset({ScopePart(region_prefix="")}))

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicityView:
    """A conclusion's days in public (公示期), both ends included; it may take effect on the day after `ends_on`."""

    application_id: UUID
    status: str
    start: date
    ends_on: date
    days: int
    clause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectionView:
    application_id: UUID
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationsView:
    """The conclusions that took effect; `more` where the request left some for the next one."""

    published: Sequence[UUID]
    more: bool = False


class Publicity:
    """Publicity (公示), objections (异议) and publication (公布)."""

    def __init__(self, database: Database, supplied: SuppliedValues, clock: Clock) -> None:
        self._database = database
        self._supplied = supplied
        self._clock = clock

    async def begin(self, *, caller: Caller, asked: AskedChange, application_id: UUID, start: date) -> PublicityView:
        """Show the conclusion in public from a day on; raises PublicityMistimed, PolicyMissing."""
        async with self._database.change(asked) as tx:
            row = await locked(tx, application_id, caller, Step.PUBLICITY)
            refuse_mistimed(start=start, today=day_of(tx.now))
            pack = await self._supplied.pack(tx.connection, row.pool)
            days = pack.value("assessment.publicity_days", on=start)
            ends_on = last_day(start=start, days=days.value)
            await applications.change(
                tx.connection, row.id, state=State.PUBLICITY, publicity_start=start, publicity_ends_on=ends_on
            )
            after = {"start": start, "ends_on": ends_on, "pack_version": pack.version}
            tx.record(AuditEntry("publicise", "application", row.id, after=after))
            return tx.answer(
                PublicityView(
                    application_id=row.id,
                    status=State.PUBLICITY,
                    start=start,
                    ends_on=ends_on,
                    days=days.value,
                    clause=days.clause,
                )
            )

    async def object(self, *, caller: Caller, asked: AskedChange, application_id: UUID, reason: str) -> ObjectionView:
        """Object (异议), once: others assess again. Raises ObjectionLate, ReviewFinal."""
        async with self._database.change(asked) as tx:
            row = await locked(tx, application_id, caller, Step.OBJECTION)
            if row.round != FIRST_ROUND:
                raise ReviewFinal("复评结论为最终结论，不能再提出异议；情况变化的请重新申请。")
            today = day_of(tx.now)
            last = await self._last_day_to_object(tx, row)
            if today > last:
                raise ObjectionLate(f"异议须在{last.isoformat()}之前（含当日）提出。", last_day=last.isoformat())
            if known := await _another_open(tx, row):
                raise ApplicationOpen("该参保人另有未办结的申请，请先办结。", application_id=str(known))
            await applications.add_objection(
                tx.connection,
                {
                    "application_id": row.id,
                    "reason": reason,
                    "objected_by": caller.subject,
                    "objected_on": today,
                },
            )
            await applications.change(tx.connection, row.id, state=State.OBJECTED)
            tx.record(AuditEntry("object", "application", row.id, before={"status": row.state}))
            return tx.answer(ObjectionView(application_id=row.id, status=State.OBJECTED))

    async def publish_one(self, *, caller: Caller, asked: AskedChange, application_id: UUID) -> PublicationsView:
        """Let one conclusion take effect; raises PublicityRunning before its publicity is over."""
        async with self._database.change(asked) as tx:
            row = await locked(tx, application_id, caller, Step.PUBLICATION)
            if day_of(tx.now) <= row.publicity_ends_on:
                raise PublicityRunning(
                    f"公示至{row.publicity_ends_on.isoformat()}，期满后次日起方可公布。",
                    ends_on=row.publicity_ends_on.isoformat(),
                )
            return tx.answer(PublicationsView(published=await self._publish(tx, [row])))

    async def publish_over(self, *, caller: Caller, asked: AskedChange, pool: str) -> PublicationsView:
        """Let everything of a pool take effect whose publicity is over."""
        if not any(pool.startswith(part.region_prefix[:4]) for part in caller.scope.parts):
            raise NotFound(f"没有统筹区 {pool}，或不在您的权限范围内。")
        async with self._database.change(asked) as tx:
            rows = await applications.lock_publicised(
                tx.connection,
                over_before=day_of(tx.now),
                pool=pool,
                limit=PUBLICATIONS_MAX + 1,
                scope=caller.scope,
            )
            # In sorted order, as whoever keeps the news of persons writes them.
            await facts.lock_persons(tx.connection, {each for row in rows for each in (row.person_id, row.whose)})
            published = await self._publish(tx, rows[:PUBLICATIONS_MAX])
            return tx.answer(PublicationsView(published=published, more=len(rows) > PUBLICATIONS_MAX))

    async def run(self, stop: asyncio.Event) -> None:
        """Publish by itself what is over, until `stop`."""
        await work_until(stop, self.publish_by_itself, name="publication", idle_seconds=LOOK_SECONDS)

    async def publish_by_itself(self) -> None:
        """Publish whatever is over, each application on its own: one that lacks a parameter holds up no other."""
        after: UUID | None = None
        while True:
            async with self._database.read() as connection:
                over = await applications.publicised(
                    connection, over_before=self._clock.today(), after=after, limit=PUBLICATIONS_MAX
                )
            for application_id in over:
                await self._publish_alone(application_id)
            if len(over) < PUBLICATIONS_MAX:
                return
            after = over[-1]

    async def _publish_alone(self, application_id: UUID) -> None:
        try:
            async with self._database.change(ITSELF) as tx:
                row = await applications.lock(tx.connection, application_id, scope=EVERYWHERE)
                if row is not None and row.state == State.PUBLICITY:
                    await self._publish(tx, [row])
        except Refusal as refusal:
            log.warning("conclusion waits", application_id=str(application_id), code=refusal.code)

    async def _publish(self, tx: Transaction, rows: Sequence[AnyRow]) -> list[UUID]:
        published = []
        for row in rows:
            visit = await applications.visit_of(tx.connection, row.id, row.round)
            assert visit is not None
            # The day after the publicity, whenever somebody gets round to it: nobody's grade waits for a clerk.
            start = row.publicity_ends_on + ONE_DAY
            published.append(await conclude(tx, self._supplied, application=row, visit=visit, start=start))
            await applications.change(tx.connection, row.id, state=State.PUBLISHED)
        await follow_applications(tx, self._supplied, [row.id for row in rows])
        return published

    async def _last_day_to_object(self, tx: Transaction, row: AnyRow) -> date:
        """While it is public; what was delivered at once, for the pack's `assessment.objection_days`."""
        if row.state == State.PUBLICITY:
            ends_on: date = row.publicity_ends_on
            return ends_on
        confirmed = await applications.confirmations_of(tx.connection, row.id, row.round)
        delivered_on = max(day_of(each.confirmed_at) for each in confirmed)
        pack = await self._supplied.pack(tx.connection, row.pool)
        return last_day(start=delivered_on, days=pack.value("assessment.objection_days", on=delivered_on).value)


async def _another_open(tx: Transaction, row: AnyRow) -> UUID | None:
    """Another application of the person that is under way, which a review of this one would run beside."""
    person_id = await facts.lock_person(tx.connection, row.person_id)
    return await applications.open_of(tx.connection, person_id, besides=row.id)
