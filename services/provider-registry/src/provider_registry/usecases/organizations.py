"""Organisations are entered by the clerks of their county or pool; everybody else sees his own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database
from changhu_common.errors import Conflict, FieldError, InvalidInput, NotFound
from changhu_common.events.provider import OrganizationKind
from changhu_common.ids import new_id
from changhu_common.roles import Caller
from changhu_policies import load_pack, refuse_draft
from stdnum.cn import uscc as credit_code

from provider_registry.domain.agreement import Agreement
from provider_registry.storage import agreements, organizations

PAGE_MAX = 200


class OrganizationKnown(Conflict):
    """The legal entity is entered already, in this pool and kind."""

    code = "organization.known"
    title = "机构已经登记"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationView:
    organization_id: UUID
    pool: str
    county: str
    kind: str
    name: str
    uscc: str | None
    registered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    start: date
    end: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementView:
    agreement_id: UUID
    organization_id: UUID
    modes: Sequence[str]
    start: date
    end: date | None
    suspensions: Sequence[Days]
    status: str
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationDetail:
    organization: OrganizationView
    agreements: Sequence[AgreementView]
    price_revision: int


class Organizations:
    """What is known of organisations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(
        self,
        *,
        asked: AskedChange,
        caller: Caller,
        pool: str,
        county: str,
        kind: OrganizationKind,
        name: str,
        uscc: str | None,
    ) -> OrganizationView:
        """Enter an organisation; it may do nothing before it has an agreement."""
        if not caller.scope.covers(pool=pool, county=county):
            raise NotFound(f"没有县区 {county}, 或不在您的权限范围内。")
        refuse_draft(pool)
        if county not in load_pack(pool).counties:
            raise InvalidInput("县区不属于这个统筹区。", errors=[FieldError("county", "不是该统筹区的县区代码")])
        if uscc is not None and not credit_code.is_valid(uscc):
            raise InvalidInput("统一社会信用代码有误。", errors=[FieldError("uscc", "校验码不符")])
        async with self._database.change(asked) as transaction:
            new = OrganizationView(
                organization_id=new_id(),
                pool=pool,
                county=county,
                kind=kind,
                name=name,
                uscc=uscc,
                registered_at=transaction.now,
            )
            await organizations.add(
                transaction.connection,
                taken=OrganizationKnown("这个统一社会信用代码的同类机构已在本统筹区登记。"),
                id=new.organization_id,
                pool=pool,
                county=county,
                kind=kind,
                name=name,
                uscc=uscc,
                registered_at=transaction.now,
            )
            transaction.record(AuditEntry("organization.registered", "organization", new.organization_id, after=new))
            return transaction.answer(new)

    async def detail(self, *, caller: Caller, organization_id: UUID) -> OrganizationDetail:
        async with self._database.read() as connection:
            found = await organizations.of_id(connection, organization_id, scope=caller.scope)
            of_it = await agreements.of_organizations(connection, [organization_id])
        return OrganizationDetail(
            organization=_view(found),
            agreements=[agreement_view(each) for each in of_it],
            price_revision=found.price_revision,
        )

    async def page(
        self, *, caller: Caller, pool: str | None, kind: str | None, after: UUID | None, limit: int
    ) -> list[OrganizationView]:
        async with self._database.read() as connection:
            rows = await organizations.page(
                connection, scope=caller.scope, pool=pool, kind=kind, after=after, limit=min(limit, PAGE_MAX)
            )
        return [_view(row) for row in rows]


def agreement_view(agreement: Agreement) -> AgreementView:
    return AgreementView(
        agreement_id=agreement.id,
        organization_id=agreement.organization_id,
        modes=agreement.modes,
        start=agreement.days.start,
        end=agreement.days.end,
        suspensions=[Days(start=each.start, end=each.end) for each in agreement.suspensions],
        status=agreement.status.value,
        revision=agreement.revision,
    )


def _view(row: organizations.Found) -> OrganizationView:
    return OrganizationView(
        organization_id=row.id,
        pool=row.pool,
        county=row.county,
        kind=row.kind,
        name=row.name,
        uscc=row.uscc,
        registered_at=row.registered_at,
    )
