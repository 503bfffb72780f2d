"""Whoever has not paid a run is suspended in one step, and whoever has paid since goes on in another.

When that happens is the clerk's decision: what a suspension means for benefits is the pack's
(`coverage.suspended`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import FieldError
from changhu_common.events.enrollment import CoverageResumed, CoverageSuspended, PersonState
from changhu_common.periods import day_of
from changhu_common.roles import Caller

from enrollment.domain.registration import PeriodInvalid
from enrollment.storage import arrears, persons, runs
from enrollment.usecases.accounts import ARREARS_PAGE_MAX, open_run
from enrollment.usecases.telling import tell


@dataclass(frozen=True, slots=True)
class ArrearsChange:
    """How many persons were suspended or go on, and how many were left as they are."""

    run_id: UUID
    persons: int
    left: int


class Arrears:
    """Suspension of those in arrears (欠费暂停) and its end."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def suspend(self, *, caller: Caller, asked: AskedChange, run_id: UUID, start: date) -> ArrearsChange:
        """Suspend from a day on whoever still owes something of a run; who is suspended already or died is left."""
        async with self._database.change(asked) as tx:
            run = await open_run(tx.connection, run_id, caller)
            changed, left = 0, 0
            async for page in run.pages(tx.connection):
                # Whoever moved to another county since is that county's to suspend.
                owing = {account.person_id for account, _ in page}
                ids = sorted(row.id for row in await persons.get(tx.connection, owing, caller.scope))
                await persons.lock_records(tx.connection, ids, caller.scope)
                reason = f"欠缴{page[0][0].period}长期护理保险费"
                made = await arrears.suspend(tx.connection, ids, run_id=run_id, start=start, reason=reason)
                await _told(tx, CoverageSuspended, made, {"run_id": run_id, "start": start, "reason": reason})
                changed, left = changed + len(made), left + len(owing) - len(made)
            return tx.answer(ArrearsChange(run_id=run_id, persons=changed, left=left))

    async def resume(self, *, caller: Caller, asked: AskedChange, run_id: UUID, end: date) -> ArrearsChange:
        """End on a day, the last suspended one, what a run's arrears suspended, for all who owe nothing of it now."""
        async with self._database.change(asked) as tx:
            if end > day_of(tx.now):
                raise PeriodInvalid("暂停的截止日期晚于今天，请核对。", errors=[FieldError("end", "晚于今天")])
            run = await open_run(tx.connection, run_id, caller)
            changed, left, at = 0, 0, runs.FIRST_ID
            while ids := await _suspended(tx, run_id, caller, after=at):
                at = ids[-1]
                still = await run.in_arrears(tx.connection, ids)
                paid = [each for each in ids if each not in still]
                await persons.lock_records(tx.connection, paid, caller.scope)
                ended = await arrears.resume(tx.connection, paid, run_id=run_id, end=end)
                await _told(tx, CoverageResumed, ended, {"run_id": run_id, "end": end})
                changed, left = changed + len(ended), left + len(ids) - len(ended)
            return tx.answer(ArrearsChange(run_id=run_id, persons=changed, left=left))


async def _suspended(tx: Transaction, run_id: UUID, caller: Caller, *, after: UUID) -> Sequence[UUID]:
    return await arrears.suspended(tx.connection, run_id, caller.scope, after=after, limit=ARREARS_PAGE_MAX)


async def _told(
    tx: Transaction, event: type[PersonState], changed: Mapping[UUID, UUID], after: Mapping[str, Any]
) -> None:
    """Tell a page of persons, and write it down before the next one: a city's arrears do not fit into memory."""
    await tell(tx, dict.fromkeys(changed, event))
    action = "coverage.suspended" if event is CoverageSuspended else "suspension.ended"
    tx.record(*(AuditEntry(action, "suspension", changed[each], after=after) for each in sorted(changed)))
    await tx.flush()
