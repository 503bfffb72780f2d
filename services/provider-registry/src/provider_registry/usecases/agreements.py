"""Agreements are entered by one clerk and approved by another; what changes of them is told with its days."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database
from changhu_common.events.provider import (
    AgreementState,
    AgreementSuspension,
    ProviderDesignated,
    ProviderResumed,
    ProviderSuspended,
    ProviderTerminated,
    ServiceMode,
)
from changhu_common.ids import new_id
from changhu_common.periods import DateRange
from changhu_common.roles import Caller

from provider_registry.domain import agreement as rules
from provider_registry.domain.agreement import Agreement, Status
from provider_registry.storage import agreements, organizations
from provider_registry.storage.tables import agreement as table
from provider_registry.usecases.organizations import AgreementView, agreement_view


class Agreements:
    """What happens to agreements."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enter(
        self,
        *,
        asked: AskedChange,
        caller: Caller,
        organization_id: UUID,
        modes: Sequence[ServiceMode],
        days: DateRange,
    ) -> AgreementView:
        """Enter an agreement (签订); it holds once another clerk approved it."""
        async with self._database.change(asked) as transaction:
            await organizations.of_id(transaction.connection, organization_id, scope=caller.scope, lock=True)
            new = Agreement(
                id=new_id(),
                organization_id=organization_id,
                modes=tuple(dict.fromkeys(modes)),
                days=days,
                suspensions=(),
                status=Status.ENTERED,
                revision=0,
                entered_by=caller.subject,
            )
            await agreements.add(transaction.connection, new)
            view = agreement_view(new)
            transaction.record(AuditEntry("agreement.entered", "agreement", new.id, after=view))
            return transaction.answer(view)

    async def approve(self, *, asked: AskedChange, caller: Caller, agreement_id: UUID) -> AgreementView:
        """The agreement (批准) holds on its days."""
        return await self._change(
            asked,
            caller,
            agreement_id,
            "agreement.approved",
            lambda standing: rules.approved(agreement=standing, by=caller.subject),
            tells=ProviderDesignated,
            decided_by=caller.subject,
        )

    async def reject(self, *, asked: AskedChange, caller: Caller, agreement_id: UUID, reason: str) -> AgreementView:
        """The agreement does not come about; its days are free for another."""
        return await self._change(
            asked,
            caller,
            agreement_id,
            "agreement.rejected",
            lambda standing: rules.rejected(agreement=standing),
            reason=reason,
            decided_by=caller.subject,
        )

    async def suspend(
        self, *, asked: AskedChange, caller: Caller, agreement_id: UUID, days: DateRange
    ) -> AgreementView:
        """The agreement (中止) is without effect on these days."""
        return await self._change(
            asked,
            caller,
            agreement_id,
            "agreement.suspended",
            lambda standing: rules.suspended(agreement=standing, days=days),
            tells=ProviderSuspended,
        )

    async def resume(self, *, asked: AskedChange, caller: Caller, agreement_id: UUID, on: date) -> AgreementView:
        """The suspension ends (恢复) the day before `on`."""
        return await self._change(
            asked,
            caller,
            agreement_id,
            "agreement.resumed",
            lambda standing: rules.resumed(agreement=standing, on=on),
            tells=ProviderResumed,
        )

    async def terminate(self, *, asked: AskedChange, caller: Caller, agreement_id: UUID, end: date) -> AgreementView:
        """The agreement (解除) ends with that day."""
        return await self._change(
            asked,
            caller,
            agreement_id,
            "agreement.terminated",
            lambda standing: rules.terminated(agreement=standing, end=end),
            tells=ProviderTerminated,
        )

    async def _change(
        self,
        asked: AskedChange,
        caller: Caller,
        agreement_id: UUID,
        action: str,
        changed: Callable[[Agreement], Agreement],
        *,
        tells: type[AgreementState] | None = None,
        reason: str | None = None,
        **columns: Any,
    ) -> AgreementView:
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            of = await organizations.owner(connection, table.c.id, agreement_id, scope=caller.scope)
            standing = await agreements.of_id(connection, agreement_id)
            new = changed(standing)
            await agreements.change(connection, new, **columns)
            view = agreement_view(new)
            before = agreement_view(standing)
            transaction.record(
                AuditEntry(action, "agreement", new.id, before=before, after={"agreement": view, "reason": reason})
            )
            if tells is not None:
                transaction.emit(_state(tells, new, of))
            return transaction.answer(view)


def _state(kind: type[AgreementState], agreement: Agreement, of: organizations.Found) -> AgreementState:
    return kind(
        agreement_id=agreement.id,
        organization_id=agreement.organization_id,
        pool=of.pool,
        county=of.county,
        kind=of.kind,
        name=of.name,
        revision=agreement.revision,
        modes=agreement.modes,  # type: ignore[arg-type]  # only modes come in
        start=agreement.days.start,
        end=agreement.days.end,
        suspensions=tuple(AgreementSuspension(start=each.start, end=each.end) for each in agreement.suspensions),
    )
