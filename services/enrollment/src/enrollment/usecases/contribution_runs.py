"""A month's contributions are due once from everybody insured in it; run again, those added since are counted.

A value that the pack is missing for anybody stops the run before anything is written.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database
from changhu_common.errors import FieldError, InvalidInput, NotFound
from changhu_common.periods import Month, day_of
from changhu_common.roles import Caller
from changhu_policies import Pack, PolicyNotInForce
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.contribution import ContributionRule, contribution_rule
from enrollment.storage import persons, runs
from enrollment.storage.merge_tables import MERGED
from enrollment.storage.rules_in_sql import rule_of_json
from enrollment.usecases.territories import SUPPLIED, refuse_outside_pool

PERSONS_SHOWN_MAX = 100


class MonthInFuture(InvalidInput):
    """A month's contributions are not due before it begins."""

    code = "contribution_run.month_in_future"
    title = "征缴月份尚未开始"


@dataclass(frozen=True, slots=True)
class RunTotal:
    """What one payer owes for one county and category, and what of it came in, in fen.

    `raised_fen` and `lowered_fen` are differences found after the run, `refunded_fen` was paid back.
    """

    county: str
    category: str
    payer: str
    period: str
    due_fen: int
    received_fen: int
    raised_fen: int
    lowered_fen: int
    refunded_fen: int
    outstanding_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run as it stands (应征核定); a county's clerk sees the county's totals."""

    run_id: UUID
    pool: str
    period: str
    persons: int
    due_fen: int
    received_fen: int
    outstanding_fen: int
    totals: Sequence[RunTotal]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult(RunView):
    """What a run did: whom it added, and who could not be counted for want of a base (the first hundred)."""

    added: int
    without_base: int
    persons_without_base: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class DuePart:
    """What one payer owes, by which clause, and how firmly."""

    payer: str
    fen: int
    clause: str
    status: str
    readings: Sequence[str]


@dataclass(frozen=True, slots=True)
class DueView:
    """What a person owes for a period, and why."""

    run_id: UUID
    period: str
    county: str
    category: str
    base_fen: int | None
    due_fen: int
    parts: Sequence[DuePart]
    pack_version: str


class ContributionRuns:
    """The monthly run (征缴核定), and what it found due."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self, *, caller: Caller, asked: AskedChange, pool: str, month: Month) -> RunResult:
        """Find and store what everybody of a pool owes for a month."""
        refuse_outside_pool(caller.scope, pool)
        async with self._database.change(asked) as tx:
            if month > Month.of(day_of(tx.now)):
                raise MonthInFuture("征缴月份尚未开始，请核对。", errors=[FieldError("period", "晚于本月")])
            pack = await SUPPLIED.pack(tx.connection, pool)
            pack.refuse_before_start(month.last)
            run = await runs.open_run(tx.connection, pool, month)
            await runs.find_candidates(tx.connection, run, month)
            rules: defaultdict[ContributionRule, list[Row[Any]]] = defaultdict(list)
            for case in await runs.cases(tx.connection):
                if (rule := _rule(pack, case, month)) is not None:
                    rules[rule].append(case)
            added = await runs.add_dues(tx.connection, run, rules)
            on_bases = [case for rule, counted in rules.items() if rule.needs_base for case in counted]
            without_base = await runs.without_base(tx.connection, on_bases)
            run = await runs.sum_up(tx.connection, run.id)
            after = {"persons": run.persons, "due_fen": run.due_fen, "added": added, "pack_version": pack.version}
            tx.record(AuditEntry("contribution_run.counted", "contribution_run", run.id, after=after))
            view = await self._view(tx.connection, run, caller)
            return tx.answer(
                RunResult(
                    **{each: getattr(view, each) for each in RunView.__dataclass_fields__},
                    added=added,
                    without_base=len(without_base),
                    persons_without_base=sorted(without_base)[:PERSONS_SHOWN_MAX],
                )
            )

    async def get(self, *, caller: Caller, run_id: UUID) -> RunView:
        async with self._database.read() as connection:
            run = await runs.get(connection, run_id)
            if run is None:
                raise unknown_run()
            return await self._view(connection, run, caller)

    async def _view(self, connection: AsyncConnection, run: Row[Any], caller: Caller) -> RunView:
        whole = caller.scope.covers(pool=run.pool)
        totals = await runs.totals(connection, run.id, caller.scope)
        if not totals and not whole:
            raise unknown_run()
        due_fen = sum(each.due_fen for each in totals)
        received_fen = sum(each.received_fen for each in totals)
        return RunView(
            run_id=run.id,
            pool=run.pool,
            period=run.month,
            persons=run.persons,
            due_fen=due_fen,
            received_fen=received_fen,
            outstanding_fen=sum(runs.outstanding_fen(each) for each in totals),
            totals=[
                RunTotal(
                    county=each.county,
                    category=each.category,
                    payer=each.payer,
                    period=each.period,
                    due_fen=each.due_fen,
                    received_fen=each.received_fen,
                    raised_fen=each.raised_fen,
                    lowered_fen=each.lowered_fen,
                    refunded_fen=each.refunded_fen,
                    outstanding_fen=runs.outstanding_fen(each),
                )
                for each in totals
            ],
        )

    async def dues_of(self, *, caller: Caller, person_id: UUID) -> Sequence[DueView]:
        """Everything that was found due for a person, the latest first, with the reason of each part."""
        async with self._database.read() as connection:
            if not await persons.get(connection, [person_id], caller.scope):
                raise persons.unknown_person()
            rows = await runs.dues_of(connection, list(await MERGED.records(connection, [person_id])))
        return [_due_view(row) for row in rows]


def _rule(pack: Pack, case: Row[Any], month: Month) -> ContributionRule | None:
    """The rule of a position; None where collection from its category has not begun."""
    try:
        return contribution_rule(
            pack=pack,
            category=case.category,
            county=case.county,
            marks=case.marks,
            family_account=case.family_account,
            on=month.last,
        )
    except PolicyNotInForce:
        return None


def _due_view(row: Row[Any]) -> DueView:
    """A due with its reasons: those of the rule that counted it, or its own where it kept them."""
    parts = [DuePart(**part) for part in row.parts] if row.rule is None else _explained(row)
    return DueView(
        run_id=row.run_id,
        period=row.period,
        county=row.county,
        category=row.category,
        base_fen=row.base_fen,
        due_fen=row.due_fen,
        parts=parts,
        pack_version=row.pack_version or row.rule_version,
    )


def _explained(row: Row[Any]) -> list[DuePart]:
    found = rule_of_json(row.rule, pack_version=row.rule_version).due(row.base_fen)
    return [DuePart(part.payer, part.fen, part.clause, part.status, part.readings) for part in found.parts]


def unknown_run() -> NotFound:
    return NotFound("没有这次征缴核定，或不在您的权限范围内。")
