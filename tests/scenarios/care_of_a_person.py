"""One person's way from application to a paid statement, asked of the services over HTTP, in whichever pool."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from changhu_common.clock import FileClock
from changhu_common.roles import Role
from changhu_standalone.story.city import scores_for
from changhu_standalone.story.office import Desk, Office

ASSESSING = ("assessor", "assessor", "expert", "expert")
ROLES = {"assessor": Role.ASSESSOR, "expert": Role.ASSESSMENT_EXPERT}


@dataclass
class CareOfAPerson:
    """A person of a county, the assessment organisation and the provider of that county."""

    office: Office
    clock: FileClock
    pool: str
    county: str
    person: str
    mode: str

    def desk(self, role: Role, number: int = 1, organisation: UUID | None = None) -> Desk:
        return Desk(f"{role}-{self.pool}-{number}", (role,), self.pool, organisation)

    @property
    def insured(self) -> Desk:
        return Desk(f"person-{self.person}", (Role.INSURED_PERSON,), self.pool, person=UUID(self.person))

    async def post(self, service: str, path: str, body: Any, desk: Desk) -> Any:
        return await self.office.post(service, path, body, desk)

    async def apply(self) -> str:
        """Apply for an assessment and have it accepted; returns the application's path."""
        since = self.clock.today() - timedelta(days=400)
        made = await self.post(
            "assessment", "/applications", {"person_id": self.person, "disabled_since": since}, self.insured
        )
        path = f"/applications/{made['application_id']}"
        await self.post("assessment", f"{path}/acceptance", {}, self.desk(Role.ASSESSMENT_CLERK))
        return path

    async def assess(self, *, grade: int) -> UUID:
        """Find this grade, as two assessors and two experts would; returns the organisation that they are of.

        What reaches a benefit level is put up for publicity, any other grade is delivered at once.
        """
        path, clerk = await self.apply(), self.desk(Role.ASSESSMENT_CLERK)
        organisation = await self._organisation("assessment_organization", "失能评估中心", ["home"])
        staff = [await self._staff(organisation, kind, number) for number, kind in enumerate(ASSESSING)]
        visitors = [staff[0][0], staff[2][0]]
        await self.office.quiet()
        await self.post(
            "assessment", f"{path}/assignment", {"organization_id": organisation, "staff_ids": visitors}, clerk
        )
        visit = {
            "visited_at": self.clock.now() - timedelta(hours=1),
            "scale": "national-2021",
            "scores": scores_for(Random(1), grade),
            "guardian_present": True,
        }
        await self.post("assessment", f"{path}/visit", visit, staff[0][1])
        for _, expert in staff[2:]:
            confirmed = await self.post("assessment", f"{path}/confirmations", {}, expert)
        if confirmed["level"] is not None:
            await self.post("assessment", f"{path}/publicity", {"start": self.clock.today()}, clerk)
        return organisation

    async def publish(self) -> None:
        """Publish what the pool's publicity is over for."""
        await self.post("assessment", "/publications", {"pool": self.pool}, self.desk(Role.ASSESSMENT_CLERK))
        await self.office.quiet()

    async def visited(self, when: datetime, *, item: str, price_fen: int) -> UUID:
        """A provider with an agreement and a price cares once for the person; returns the provider."""
        provider = await self._organisation("care_provider", "护理院", [self.mode])
        desk = self.desk(Role.PROVIDER_STAFF, organisation=provider)
        caregiver, _ = await self._staff(provider, "caregiver", 9)
        first = when.date().replace(day=1)
        await self.post(
            "provider-registry",
            f"/organizations/{provider}/prices",
            {"prices": [{"item": item, "price_fen": price_fen, "start": first}]},
            desk,
        )
        of = {"person_id": self.person, "organization_id": provider, "mode": self.mode}
        planned = await self.post("provider-registry", "/care-plans", {**of, "items": [item], "start": first}, desk)
        await self.post("provider-registry", f"/care-plans/{planned['plan_id']}/confirmation", {}, self.insured)
        place = {"latitude": 30.0, "longitude": 110.0}
        visit = {
            **of,
            "visit": f"{self.pool}-1",
            "staff_id": caregiver,
            "check_in": {"at": when, "place": place},
            "check_out": {"at": when + timedelta(hours=1), "place": place},
            "items": [{"item": item, "quantity": 1}],
        }
        answer = await self.post("provider-registry", "/visits/batch", {"visits": [visit]}, desk)
        assert answer["recorded"] == 1, answer
        await self.office.quiet()
        return provider

    async def settled(self, provider: UUID, month: str, *, paid_on: date) -> dict[str, Any]:
        """The provider's statement of a month, closed, reviewed, approved and paid by four people."""
        body = {"organization_id": provider, "month": month}
        closed = await self.post("settlement", "/statements", body, self.desk(Role.SETTLEMENT_ENTRY))
        path = f"/statements/{closed['statement_id']}"
        await self.post("settlement", f"{path}/review", {}, self.desk(Role.SETTLEMENT_REVIEW))
        await self.post("settlement", f"{path}/approval", {}, self.desk(Role.SETTLEMENT_APPROVAL))
        await self.office.quiet()
        payment = {"bank_reference": f"BF-{self.pool}", "paid_on": paid_on, "transfer_fen": closed["fund_fen"]}
        await self.post("settlement", f"{path}/payment", payment, self.desk(Role.CASHIER))
        await self.office.quiet()
        return dict(closed)

    async def month(self, month: str) -> dict[str, Any]:
        path = f"/persons/{self.person}/months/{month}"
        return dict(await self.office.get("settlement", path, self.desk(Role.AUDITOR)))

    async def _organisation(self, kind: str, name: str, modes: list[str]) -> UUID:
        clerk, other = self.desk(Role.REGISTRY_CLERK), self.desk(Role.REGISTRY_CLERK, 2)
        made = await self.post(
            "provider-registry",
            "/organizations",
            {"pool": self.pool, "county": self.county, "kind": kind, "name": name},
            clerk,
        )
        start = self.clock.today().replace(day=1)
        agreement = await self.post(
            "provider-registry",
            f"/organizations/{made['organization_id']}/agreements",
            {"modes": modes, "start": start},
            clerk,
        )
        await self.post("provider-registry", f"/agreements/{agreement['agreement_id']}/approval", {}, other)
        await self.office.quiet()
        return UUID(made["organization_id"])

    async def _staff(self, organisation: UUID, kind: str, number: int) -> tuple[UUID, Desk]:
        account = f"{kind}-{self.pool}-{number}"
        body = {"name": f"人员{number}", "roles": [kind], "account": account, "start": self.clock.today()}
        path = f"/organizations/{organisation}/staff"
        made = await self.post("provider-registry", path, body, self.desk(Role.REGISTRY_CLERK))
        return UUID(made["staff_id"]), Desk(account, (ROLES.get(kind, Role.CAREGIVER),), self.pool, organisation)
