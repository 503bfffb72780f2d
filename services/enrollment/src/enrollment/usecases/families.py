"""A relative's account pays while that relative's consent stands; a minor is insured through a guardian."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import Conflict, FieldError, InvalidInput, NotFound
from changhu_common.ids import new_id
from changhu_common.periods import day_of
from changhu_common.roles import Caller
from sqlalchemy import Row

from enrollment.domain.family import permitted_by, refuse_unfit_guardian, refuse_unfit_holder
from enrollment.storage import families, persons
from enrollment.usecases.territories import SUPPLIED


class FamilyAccountKnown(Conflict):
    """One relative's account pays at a time."""

    code = "family_account.already_registered"
    title = "已登记家庭共济"


class FamilyAccountRevoked(Conflict):
    """Consent is taken back once."""

    code = "family_account.already_revoked"
    title = "家庭共济已撤销"


class ConsentDayInvalid(InvalidInput):
    """Consent is given and taken back on days that have come, in this order."""

    code = "family_account.day_invalid"
    title = "日期有误"


@dataclass(frozen=True, slots=True)
class FamilyAccountView:
    """A relative's account that pays (家庭共济): the relation, its clause, the consent and its end."""

    family_account_id: UUID
    person_id: UUID
    holder_id: UUID
    relation: str
    clause: str
    consented_on: date
    reference: str
    revoked_on: date | None


@dataclass(frozen=True, slots=True)
class NamedGuardian:
    """Who is to be a guardian; `relation` is seen from the ward, None where nobody said."""

    guardian_id: UUID
    relation: str | None = None


@dataclass(frozen=True, slots=True)
class GuardianView:
    """A guardian (监护人) from a day on, until a later one."""

    person_id: UUID
    guardian_id: UUID
    relation: str | None
    since: date


async def name_guardian(tx: Transaction, *, caller: Caller, ward: Row[Any], named: NamedGuardian, since: date) -> None:
    """Keep who is somebody's guardian from a day on; NotFound or GuardianUnfit where he cannot be."""
    found = await families.kin(tx.connection, named.guardian_id, caller.scope, on=day_of(tx.now))
    refuse_unfit_guardian(ward=ward.id, pool=ward.pool, guardian=found)
    row = {"person_id": ward.id, "since": since, "guardian_id": named.guardian_id, "relation": named.relation}
    await families.set_guardian(tx.connection, row)
    tx.record(AuditEntry("guardian.named", "person", ward.id, after=row))


class Families:
    """Family accounts and guardians."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(
        self,
        *,
        caller: Caller,
        asked: AskedChange,
        person_id: UUID,
        holder_id: UUID,
        relation: str,
        consented_on: date,
        reference: str,
    ) -> FamilyAccountView:
        """Let a relative's account pay, from the day of that relative's consent."""
        async with self._database.change(asked) as tx:
            row = await persons.lock(tx.connection, person_id, caller.scope)
            if consented_on > day_of(tx.now):
                raise ConsentDayInvalid("同意日期晚于今天。", errors=[FieldError("consented_on", "晚于今天")])
            holder = await families.kin(tx.connection, holder_id, caller.scope, on=day_of(tx.now))
            refuse_unfit_holder(person_id=person_id, pool=row.pool, holder=holder)
            pack = await SUPPLIED.pack(tx.connection, row.pool)
            # Consent may be given before the collection begins that it is for.
            clause = permitted_by(pack=pack, relation=relation, on=max(consented_on, pack.start))
            known = await families.accounts_of(tx.connection, person_id)
            if any(each.revoked_on is None for each in known):
                raise FamilyAccountKnown("该人员已登记家庭共济账户；更换的请先撤销原登记。")
            made: dict[str, Any] = {
                "id": new_id(),
                "person_id": person_id,
                "holder_id": holder_id,
                "relation": relation,
                "clause": clause,
                "consented_on": consented_on,
                "reference": reference,
            }
            await families.add_account(tx.connection, made)
            await families.say_family_account(tx.connection, person_id, there=True)
            tx.record(AuditEntry("family_account.registered", "person", person_id, after=made))
            return tx.answer(_view(await families.account(tx.connection, made["id"])))

    async def revoke(
        self, *, caller: Caller, asked: AskedChange, family_account_id: UUID, revoked_on: date
    ) -> FamilyAccountView:
        """Take the consent back: the day is the last one on which the account pays."""
        async with self._database.change(asked) as tx:
            found = await families.account(tx.connection, family_account_id)
            if found is None:
                raise NotFound("没有这条家庭共济登记，或不在您的权限范围内。")
            await persons.lock(tx.connection, found.person_id, caller.scope)
            found = await families.account(tx.connection, family_account_id)
            if found is None or found.revoked_on is not None:
                raise FamilyAccountRevoked("该家庭共济登记已撤销。")
            if not found.consented_on <= revoked_on <= day_of(tx.now):
                reason = "应在同意日期与今天之间"
                raise ConsentDayInvalid(f"撤销日期{reason}。", errors=[FieldError("revoked_on", reason)])
            await families.revoke(tx.connection, family_account_id, revoked_on)
            await families.say_family_account(tx.connection, found.person_id, there=False)
            after = {"family_account_id": family_account_id, "revoked_on": revoked_on}
            tx.record(AuditEntry("family_account.revoked", "person", found.person_id, after=after))
            return tx.answer(_view(await families.account(tx.connection, family_account_id)))

    async def of_person(self, *, caller: Caller, person_id: UUID) -> Sequence[FamilyAccountView]:
        async with self._database.read() as connection:
            if not await persons.get(connection, [person_id], caller.scope):
                raise persons.unknown_person()
            return [_view(row) for row in await families.accounts_of(connection, person_id)]

    async def guardians(self, *, caller: Caller, person_id: UUID) -> Sequence[GuardianView]:
        """Whoever was named, the latest first."""
        async with self._database.read() as connection:
            if not await persons.get(connection, [person_id], caller.scope):
                raise persons.unknown_person()
            rows = await families.guardians_of(connection, person_id)
        return [_guardian_view(row) for row in rows]

    async def name(
        self, *, caller: Caller, asked: AskedChange, person_id: UUID, named: NamedGuardian, since: date
    ) -> GuardianView:
        """Name a person's guardian from a day on (变更监护人); the earlier ones stay readable."""
        async with self._database.change(asked) as tx:
            ward = await persons.lock(tx.connection, person_id, caller.scope)
            await name_guardian(tx, caller=caller, ward=ward, named=named, since=since)
            rows = await families.guardians_of(tx.connection, person_id)
            return tx.answer(next(_guardian_view(row) for row in rows if row.since == since))


def _guardian_view(row: Row[Any]) -> GuardianView:
    return GuardianView(row.person_id, row.guardian_id, row.relation, row.since)


def _view(row: Row[Any] | None) -> FamilyAccountView:
    assert row is not None
    return FamilyAccountView(
        family_account_id=row.id,
        person_id=row.person_id,
        holder_id=row.holder_id,
        relation=row.relation,
        clause=row.clause,
        consented_on=row.consented_on,
        reference=row.reference,
        revoked_on=row.revoked_on,
    )
