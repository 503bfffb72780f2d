"""What was concluded of a person, and taking a conclusion back."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from changhu_common.database import AskedChange, Database
from changhu_common.errors import NotFound
from changhu_common.roles import Caller
from changhu_policies.projection import SuppliedValues

from assessment.domain.validity import RevokedBefore
from assessment.storage import conclusions, facts
from assessment.storage.tables import MERGED
from assessment.usecases.applications import NO_PERSON
from assessment.usecases.concluding import revoke
from assessment.usecases.fees import follow
from assessment.usecases.views import ConclusionView


@dataclass(frozen=True, slots=True)
class PersonConclusions:
    """A person's conclusions in the order in which they were made."""

    person_id: UUID
    conclusions: Sequence[ConclusionView]


class Conclusions:
    """Reading and revoking conclusions."""

    def __init__(self, database: Database, supplied: SuppliedValues) -> None:
        self._database = database
        self._supplied = supplied

    async def of_person(self, *, caller: Caller, person_id: UUID) -> PersonConclusions:
        async with self._database.read() as connection:
            person_id = await MERGED.survivor(connection, person_id)
            person = await facts.person_of(connection, person_id)
            scope = await MERGED.widened(connection, caller.scope)
            if person is None or not scope.covers(pool=person.pool, county=person.county, person=person_id):
                raise NotFound(NO_PERSON)
            rows = await conclusions.of_person(connection, person_id)
        return PersonConclusions(person_id, [ConclusionView.of(row) for row in rows])

    async def revoke(self, *, caller: Caller, asked: AskedChange, conclusion_id: UUID, reason: str) -> ConclusionView:
        """Void a conclusion from its first day (撤销); raises RevokedBefore."""
        async with self._database.change(asked) as tx:
            row = await conclusions.find(tx.connection, conclusion_id, scope=caller.scope)
            if row is not None:
                await facts.lock_person(tx.connection, row.merged_id or row.person_id)
                row = await conclusions.find(tx.connection, conclusion_id, scope=caller.scope)
            if row is None:
                raise NotFound("没有这份结论，或不在您的权限范围内。")
            if row.revoked_on is not None:
                raise RevokedBefore(f"该结论已于{row.revoked_on.isoformat()}撤销。")
            await revoke(tx, row, reason=reason)
            await follow(tx, self._supplied, persons=[row.person_id])
            revoked = await conclusions.find(tx.connection, conclusion_id, scope=caller.scope)
            assert revoked is not None
            return tx.answer(ConclusionView.of(revoked))
