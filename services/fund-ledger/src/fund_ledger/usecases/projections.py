"""A projection over HTTP is asked for, made beside the requests, and then kept as it was made.

What it rests on lives in other services. Whoever deploys the ledger together with them says how it is
gathered; a ledger that stands alone refuses to project.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

import structlog
from changhu_common.database import Actor, AskedChange, AuditEntry, Database
from changhu_common.errors import Conflict, FieldError, InvalidInput, NotFound, Refusal
from changhu_common.ids import new_id
from changhu_common.roles import Caller
from changhu_common.stopping import work_until

from fund_ledger.domain.assumptions import Assumptions
from fund_ledger.domain.projected import Projected, ProjectionAsked
from fund_ledger.storage import projections
from fund_ledger.usecases.books import refuse_part_of_pool

PROJECTIONS_PER_PAGE_MAX = 100
WAITING_MAX = 5  # of a pool: a big city takes minutes, and who sends it again need not wait for it twice

# How often is looked whether one was asked for.
LOOK_SECONDS = 2.0

# Whoever made it and tells nothing for so long is gone; another begins anew.
SILENT_SECONDS = 600

ACTOR = Actor("projections", "schedule")

log = structlog.get_logger(__name__)

# How many steps of how many are done, and what is done now.
Tell = Callable[[int, int, str], Awaitable[None]]


class Gather(Protocol):
    """Counts and sums of the services that own people, grades and payments, and what becomes of them."""

    async def __call__(self, asked: ProjectionAsked, assumed: Assumptions, tell: Tell) -> Projected: ...


class NotHere(Refusal):
    """Nobody said how to gather what a projection rests on."""

    code = "projection.not_here"
    title = "本部署不能在线测算"
    status = 501


class NotReady(Conflict):
    """The projection is still being made, or could not be made."""

    code = "projection.not_ready"
    title = "测算尚未完成"


class TooManyWaiting(Conflict):
    """So many projections of a pool wait already."""

    code = "projection.too_many_waiting"
    title = "等待的测算过多"


STATUSES: Mapping[str, str] = {"waiting": "等待测算", "running": "正在测算", "made": "已完成", "failed": "未能完成"}


@dataclass(frozen=True, slots=True)
class ProjectionView:
    """A projection and how far it is: `done` of `total` steps; `problem` says why it could not be made."""

    projection_id: UUID
    pool: str
    title: str
    on: date
    first_year: int
    years: int
    status: str
    status_text: str
    done: int
    total: int
    step: str
    asked_by: str
    asked_at: datetime
    made_at: datetime | None
    problem: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Edge:
    """How assumptions are read as they were sent, and a projection is written in each form, by who asked for it."""

    read: Callable[[Mapping[str, Any]], Assumptions]
    write: Callable[[Projected, str], Mapping[str, bytes]]


class Projections:
    """Projections (基金收支测算)."""

    def __init__(self, database: Database, edge: Edge, gather: Gather | None) -> None:
        self._database = database
        self._edge = edge
        self._gather = gather

    async def ask(
        self, *, caller: Caller, asked: AskedChange, wanted: ProjectionAsked, said: Mapping[str, Any]
    ) -> ProjectionView:
        """Ask for a projection under assumptions as they were written (`said`)."""
        refuse_part_of_pool(caller, wanted.pool)
        if self._gather is None:
            raise NotHere("账务服务单独部署时看不到参保和评估数据; 请在数据所在的机器上运行 changhu ledger project。")
        assumed = self._edge.read(said)
        async with self._database.change(asked) as transaction:
            if wanted.on > self._database.clock.today():
                raise InvalidInput("数据截止日不能晚于今天。", errors=[FieldError("on", "晚于今天")])
            if await projections.waiting(transaction.connection, wanted.pool) >= WAITING_MAX:
                raise TooManyWaiting(f"已有 {WAITING_MAX} 项测算在等待, 请等其中一项完成后再提交。")
            made = new_id()
            row = {
                "id": made,
                "pool": wanted.pool,
                "title": assumed.title,
                "on": wanted.on,
                "first_year": wanted.first_year,
                "years": wanted.years,
                "assumptions": dict(said),
                "status": "waiting",
                "done": 0,
                "total": 0,
                "step": "",
                "asked_by": caller.subject,
                "asked_name": caller.name,
                "asked_at": transaction.now,
            }
            await projections.add(transaction.connection, row)
            transaction.record(AuditEntry("projection.asked", "projection", made, after=row))
            return transaction.answer(_view(await projections.one(transaction.connection, made)))

    async def some(self, *, caller: Caller, pool: str, after: UUID | None) -> list[ProjectionView]:
        """A pool's projections, newest first; `after` is the last one of the page before."""
        refuse_part_of_pool(caller, pool)
        async with self._database.read() as connection:
            rows = await projections.some(connection, pool=pool, after=after, count=PROJECTIONS_PER_PAGE_MAX)
        return [_view(row) for row in rows]

    async def one(self, *, caller: Caller, projection_id: UUID) -> ProjectionView:
        async with self._database.read() as connection:
            return _view(_in_scope(caller, await projections.one(connection, projection_id)))

    async def file(self, *, caller: Caller, projection_id: UUID, form: str) -> bytes:
        """What was made of it, as it was made; NotReady until then."""
        async with self._database.read() as connection:
            row = _in_scope(caller, await projections.one(connection, projection_id))
            found = await projections.file(connection, projection_id, form)
        if found is None:
            reason = (row.problem or {}).get("detail") or f"已完成 {row.done}/{row.total} 步, 请稍后再取"
            raise NotReady(f"{STATUSES[row.status]}: {reason}。".replace("。。", "。"), status_of_projection=row.status)
        return found

    async def make_next(self) -> bool:
        """Make the projection that has waited longest; False where none waits."""
        async with self._database.change(ACTOR) as transaction:
            row = await projections.take(transaction.connection, silent_seconds=SILENT_SECONDS)
        if row is None or self._gather is None:
            return False
        try:
            files = await self._made(row)
        except Refusal as refusal:
            await self._end(row.id, {}, refusal.problem())
        except Exception as failure:
            log.exception("projection failed", projection_id=str(row.id), error=repr(failure))
            await self._end(row.id, {}, {"code": "internal", "detail": "系统出现错误, 已记录; 请联系运维。"})
        else:
            await self._end(row.id, files, None)
        return True

    async def _made(self, row: Any) -> Mapping[str, bytes]:
        assert self._gather is not None
        wanted = ProjectionAsked(pool=row.pool, on=row.on, first_year=row.first_year, years=row.years)

        async def tell(done: int, total: int, step: str) -> None:
            async with self._database.change(ACTOR) as transaction:
                await projections.tell(transaction.connection, row.id, done=done, total=total, step=step)

        found = await self._gather(wanted, self._edge.read(row.assumptions), tell)
        # Beside the event loop: drawing a document takes seconds.
        return await asyncio.to_thread(self._edge.write, found, row.asked_name)

    async def _end(self, projection_id: UUID, files: Mapping[str, bytes], problem: Mapping[str, Any] | None) -> None:
        status = "failed" if problem else "made"
        async with self._database.change(ACTOR) as transaction:
            if await projections.end(
                transaction.connection, projection_id, status=status, made_at=transaction.now, problem=problem
            ):
                await projections.keep_files(transaction.connection, projection_id, files)
                transaction.record(AuditEntry(f"projection.{status}", "projection", projection_id, after=problem))

    async def run(self, stop: asyncio.Event) -> None:
        """Make what is asked for until `stop`."""
        if self._gather is not None:
            await work_until(stop, self.make_next, name="projections", idle_seconds=LOOK_SECONDS)


def _in_scope(caller: Caller, row: Any) -> Any:
    if row is None or not caller.scope.covers(pool=row.pool):
        raise NotFound("没有这项测算, 或不在您的权限范围内。")
    return row


def _view(row: Any) -> ProjectionView:
    return ProjectionView(
        projection_id=row.id,
        pool=row.pool,
        title=row.title,
        on=row.on,
        first_year=row.first_year,
        years=row.years,
        status=row.status,
        status_text=STATUSES[row.status],
        done=row.done,
        total=row.total,
        step=row.step,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        made_at=row.made_at,
        problem=row.problem,
    )
