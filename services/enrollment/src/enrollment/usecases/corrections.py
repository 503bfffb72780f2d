"""A past month is counted again with what is known by now; the exact difference is due or credited, nothing is edited.

A mark without dated records holds always; the county stays that of the due, whose books the money is in.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.ids import new_id
from changhu_common.periods import Month
from changhu_common.roles import Caller
from changhu_common.rows import ROWS_PER_STATEMENT
from changhu_policies import Pack, PolicyNotInForce
from sqlalchemy import Row

from enrollment.domain.account import CellKey, differences, parts_by_cell
from enrollment.domain.contribution import ContributionRule, Part, contribution_rule
from enrollment.storage import accounts, persons, recounts, runs
from enrollment.storage.rules_in_sql import rule_of_json
from enrollment.usecases.contribution_runs import PERSONS_SHOWN_MAX, unknown_run
from enrollment.usecases.territories import SUPPLIED, refuse_outside_pool


@dataclass(frozen=True, slots=True)
class DifferenceView:
    """One payer's additional due, or (below zero) credit, with what it rests on."""

    person_id: UUID
    period: str
    county: str
    category: str
    payer: str
    fen: int
    clause: str
    status: str


@dataclass(frozen=True, slots=True)
class CorrectionView:
    """What a correction (补退核定) came to; the first hundred differences, and who has no base to count on."""

    correction_id: UUID
    run_id: UUID
    period: str
    persons: int
    raised_fen: int
    lowered_fen: int
    differences: Sequence[DifferenceView]
    without_base: int
    persons_without_base: Sequence[UUID]


class _Rules:
    """The rules of a month, one for each position that people are in."""

    def __init__(self, pack: Pack, month: Month) -> None:
        self.pack = pack
        self.month = month
        self._known: dict[tuple[Any, ...], ContributionRule | None] = {}

    def of(self, row: Row[Any]) -> ContributionRule | None:
        """None where nobody is insured any more, or collection from the category had not begun."""
        if row.category is None:
            return None
        case = (row.category, row.county, tuple(row.marks), row.family_account)
        if case not in self._known:
            self._known[case] = self._rule(*case)
        return self._known[case]

    def still(self, position: Row[Any]) -> bool:
        """Whether a position is counted by the very rule that counted it in the run."""
        rule = self.of(position)
        return rule is not None and rule == rule_of_json(position.rule, pack_version=rule.pack_version)

    def _rule(self, category: str, county: str, marks: tuple[str, ...], family: bool) -> ContributionRule | None:
        try:
            return contribution_rule(
                pack=self.pack,
                category=category,
                county=county,
                marks=marks,
                family_account=family,
                on=self.month.last,
            )
        except PolicyNotInForce:
            return None

    @property
    def gone(self) -> Part:
        """Why nothing is due any more: whoever is not insured owes nothing."""
        insured = self.pack.value("pool.insured", on=self.month.last)
        return Part(payer="", fen=0, clause=insured.clause, status=insured.status)


@dataclass(slots=True)
class _Found:
    """What a correction has come to so far."""

    persons: int = 0
    raised_fen: int = 0
    lowered_fen: int = 0
    shown: list[DifferenceView] = field(default_factory=list)
    without_base: list[UUID] = field(default_factory=list)

    def count(self, rows: Sequence[dict[str, Any]]) -> None:
        self.persons += len({each["person_id"] for each in rows})
        self.raised_fen += sum(each["fen"] for each in rows if each["fen"] > 0)
        self.lowered_fen -= sum(each["fen"] for each in rows if each["fen"] < 0)
        for each in rows[: PERSONS_SHOWN_MAX - len(self.shown)]:
            self.shown.append(DifferenceView(**{name: each[name] for name in DifferenceView.__dataclass_fields__}))


class Corrections:
    """Corrections of past months (补缴、退费核定)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def correct(
        self,
        *,
        caller: Caller,
        asked: AskedChange,
        run_id: UUID,
        reason: str,
        person_ids: Collection[UUID] | None,
    ) -> CorrectionView:
        """Count a run's dues again, everybody's or these persons'; once nothing is new, nothing is written twice."""
        async with self._database.change(asked) as tx:
            run = await runs.get(tx.connection, run_id, for_update=True)
            if run is None:
                raise unknown_run()
            if person_ids is None:
                refuse_outside_pool(caller.scope, run.pool)
            elif len(await persons.get(tx.connection, person_ids, caller.scope)) < len(set(person_ids)):
                raise persons.unknown_person()
            month = Month.parse(run.month)
            rules = _Rules(await SUPPLIED.pack(tx.connection, run.pool), month)
            found = _Found()
            correction_id = new_id()
            asked_for = {"run_id": run_id, "reason": reason, "corrected_by": caller.subject, "corrected_at": tx.now}
            await accounts.open_correction(tx.connection, {"id": correction_id, **asked_for})
            await self._count(tx, run, rules, correction_id, person_ids, found)
            sums = {"persons": found.persons, "raised_fen": found.raised_fen, "lowered_fen": found.lowered_fen}
            await accounts.close_correction(tx.connection, correction_id, sums)
            after = {"correction_id": correction_id, "reason": reason, **sums}
            tx.record(AuditEntry("contribution_run.corrected", "contribution_run", run_id, after=after))
            return tx.answer(
                CorrectionView(
                    correction_id=correction_id,
                    run_id=run_id,
                    period=run.month,
                    **sums,
                    differences=found.shown,
                    without_base=len(found.without_base),
                    persons_without_base=found.without_base[:PERSONS_SHOWN_MAX],
                )
            )

    async def _count(
        self,
        tx: Transaction,
        run: Row[Any],
        rules: _Rules,
        correction_id: UUID,
        person_ids: Collection[UUID] | None,
        found: _Found,
    ) -> None:
        """Find and store the differences, a few thousand persons at a time."""
        as_they_were = await recounts.begin(tx.connection, run, rules.month, persons=person_ids)
        await recounts.set_aside(tx.connection, [each for each in as_they_were if rules.still(each)])
        after = runs.FIRST_ID
        while page := await recounts.page(tx.connection, after=after, limit=ROWS_PER_STATEMENT):
            after = page[-1].record_id
            owed = await accounts.of_run(tx.connection, run.id, [row.person_id for row in page])
            rows: list[dict[str, Any]] = []
            for row in page:
                rule = rules.of(row)
                if rule is not None and rule.needs_base and row.base_fen is None:
                    found.without_base.append(row.person_id)
                    continue
                known = owed.get(row.person_id)
                cells = {cell.key: cell.owed_fen for cell in known.cells} if known else {}
                rows += _of_person(row, rule, cells, rules)
            found.count(rows)
            ids = {"correction_id": correction_id, "run_id": run.id}
            await accounts.add_differences(tx.connection, [{"id": new_id(), **ids, **each} for each in rows])


def _of_person(
    row: Row[Any], rule: ContributionRule | None, owed: dict[CellKey, int], rules: _Rules
) -> list[dict[str, Any]]:
    base_fen = row.base_fen if rule is not None and rule.needs_base else None
    parts = rule.due(base_fen).parts if rule is not None else ()
    found = parts_by_cell(county=row.county, category=row.category or "", parts=parts)
    return [
        {
            "person_id": row.person_id,
            "period": row.period,
            **each.key._asdict(),
            "fen": each.part.fen,
            "base_fen": base_fen,
            "clause": each.part.clause,
            "status": each.part.status,
            "readings": each.part.readings,
            "pack_version": rules.pack.version,
        }
        for each in differences(owed=owed, found=found, gone=rules.gone)
    ]
