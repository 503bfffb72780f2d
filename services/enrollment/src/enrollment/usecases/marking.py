"""Marks that change from a day on become dated records, many persons in a few statements, each told."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import Transaction
from changhu_common.errors import FieldError
from changhu_common.ids import new_id
from changhu_common.periods import day_of
from changhu_policies.vocabulary import MARKS
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.marks import ONE_DAY, MarkChange, MarkHasDays, mark_change
from enrollment.domain.reported import Reported
from enrollment.storage import marks, persons, reports
from enrollment.storage.tables import hardship
from enrollment.usecases.circumstances import HARDSHIP, void_facts
from enrollment.usecases.reports import end_facts, record_facts

CHANGED = "人员标识变更"


@dataclass(frozen=True, slots=True)
class Marking:
    """A person (the row, locked) and exactly the marks that hold from a day on."""

    person: Row[Any]
    wanted: Collection[str]
    since: date


async def change_marks(tx: Transaction, markings: Sequence[Marking], *, reference: str) -> None:
    """Let these marks hold from these days on; the days before stay as they were."""
    if not markings:
        return
    ids = [each.person.id for each in markings]
    dated = await reports.known_facts(tx.connection, hardship, ids)
    insured_since = await persons.insured_since(tx.connection, ids)
    changes = [
        (
            each,
            mark_change(
                wanted=each.wanted,
                marks=each.person.marks,
                dated=dated[each.person.id],
                insured_since=insured_since.get(each.person.id, each.since),
                since=each.since,
            ),
        )
        for each in markings
    ]
    added = [
        (each.person, Reported(kind=mark, start=days.start, end=days.end, reference=reference), new_id())
        for each, change in changes
        for mark, days in change.added
    ]
    ends: dict[UUID, tuple[Row[Any], date | None]] = {
        record: (each.person, each.since - ONE_DAY) for each, change in changes for record in change.ended
    }
    await end_facts(tx, HARDSHIP, ends)
    for each, change in changes:
        await _void(tx, each.person, change)
    await record_facts(tx, HARDSHIP, added)
    kept: dict[UUID, Sequence[str]] = {
        each.person.id: [mark for mark in each.person.marks if mark not in change.dropped]
        for each, change in changes
        if change.dropped
    }
    if kept:
        await persons.set_marks(tx.connection, kept)
    await marks.set_marks_of_day(tx.connection, ids, today=day_of(tx.now))


async def refuse_days(connection: AsyncConnection, person: Row[Any], wanted: Collection[str]) -> None:
    """MarkHasDays where a mark that changes without a day has days."""
    if dated := set(wanted).symmetric_difference(person.marks) & await marks.marks_with_days(connection, person.id):
        named = "、".join(MARKS[each] for each in sorted(dated))
        reason = f"{named}有起止日期；请填写 marks_since（自哪一天起），或在困难身份记录上更正"
        raise MarkHasDays(f"{reason}。", errors=[FieldError("marks_since", reason)])


async def _void(tx: Transaction, owner: Row[Any], change: MarkChange) -> None:
    if change.voided:
        rows = await tx.connection.execute(select(hardship).where(hardship.c.id.in_(change.voided)))
        await void_facts(tx, HARDSHIP, owner, rows.all(), CHANGED)
