"""Pairs that may be one person wait on a clerk's list; a clerk enters their merge or says that they are two."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database
from changhu_common.errors import Conflict, NotFound
from changhu_common.roles import Caller
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.likeness import SIGNS
from enrollment.storage import candidates, persons
from enrollment.storage.identities import Identities

PAGE_CANDIDATES_MAX = 500


class CandidateDismissed(Conflict):
    """A pair is dismissed once."""

    code = "merge_candidate.dismissed"
    title = "该疑似重复已排除"


@dataclass(frozen=True, slots=True)
class Sign:
    """Why two records may be one person's."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class CandidateRecord:
    """One of the two, masked; `insured_since` is the first day of its coverage, None without any."""

    person_id: UUID
    pool: str
    county: str
    name: str
    resident_number: str
    insured_since: str | None
    died: bool


@dataclass(frozen=True, slots=True)
class CandidateView:
    """A pair (疑似重复登记); of two pools it is not merged: each pool has its own record of a person."""

    candidate_id: UUID
    records: Sequence[CandidateRecord]
    signs: Sequence[Sign]
    one_pool: bool
    status: str
    reason: str | None
    decided_by: str | None
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class CandidatePage:
    candidates: Sequence[CandidateView]
    next: UUID | None


class Candidates:
    """The clerk's list."""

    def __init__(self, database: Database, identities: Identities) -> None:
        self._database = database
        self._identities = identities

    async def page(self, *, caller: Caller, pool: str, status: str, after: UUID | None, limit: int) -> CandidatePage:
        async with self._database.read() as connection:
            rows = await candidates.page(
                connection, caller.scope, pool=pool, status=status, after=after, limit=limit + 1
            )
            views = await self._views(connection, caller, rows[:limit])
        return CandidatePage(views, views[-1].candidate_id if len(rows) > limit else None)

    async def dismiss(self, *, caller: Caller, asked: AskedChange, candidate_id: UUID, reason: str) -> CandidateView:
        async with self._database.change(asked) as tx:
            found = await candidates.get(tx.connection, candidate_id, caller.scope)
            if found is None:
                raise NotFound("没有这条疑似重复，或不在您的权限范围内。")
            if found.status != "open":
                raise CandidateDismissed("这条疑似重复已由经办人员排除；确为同一人的可直接录入合并。")
            row = await candidates.dismiss(
                tx.connection, candidate_id, reason=reason, decided_by=caller.subject, decided_at=tx.now
            )
            tx.record(
                AuditEntry("merge_candidate.dismissed", "merge_candidate", candidate_id, after={"reason": reason})
            )
            return tx.answer((await self._views(tx.connection, caller, [row]))[0])

    async def _views(
        self, connection: AsyncConnection, caller: Caller, rows: Sequence[Row[Any]]
    ) -> list[CandidateView]:
        ids = {each for row in rows for each in (row.person_id, row.other_id)}
        known = {row.id: row for row in await persons.get(connection, ids, caller.scope)}
        insured = await persons.insurance(connection, ids)
        records = {each: self._record(known[each], insured[each]) for each in ids if each in known}
        return [
            CandidateView(
                candidate_id=row.id,
                records=[records[row.person_id], records[row.other_id]],
                signs=[Sign(each, SIGNS[each]) for each in row.signs],
                one_pool=row.pool == row.other_pool,
                status=row.status,
                reason=row.reason,
                decided_by=row.decided_by,
                decided_at=row.decided_at,
            )
            for row in rows
        ]

    def _record(self, row: Row[Any], insured: persons.Insurance) -> CandidateRecord:
        identity = self._identities.masked(row)
        return CandidateRecord(
            person_id=row.id,
            pool=row.pool,
            county=row.county,
            name=identity.name,
            resident_number=identity.resident_number,
            insured_since=str(insured.coverage[0].start) if insured.coverage else None,
            died=row.died_on is not None,
        )
