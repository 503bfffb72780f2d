"""A registry with what a story needs: an organisation under agreement, a caregiver, a person, a confirmed plan."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from changhu_common.events.enrollment import CoveragePeriod, PersonEnrolled
from changhu_common.ids import new_id
from changhu_common.periods import SHANGHAI
from changhu_common.roles import Role
from provider_registry.app import SERVICE
from sqlalchemy import text

from tests.support.running import Deploy, Running

POOL = "211100"
COUNTY = "211102"
ITEMS = ["LC01", "LC12", "MC03"]
NOON = datetime(2026, 7, 10, 12, 0, tzinfo=SHANGHAI)
NOW = datetime(2026, 7, 31, 20, 0, tzinfo=SHANGHAI)


class World:
    """The running registry, who speaks to it, and what stands in it."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.clerk, self.other_clerk, self.auditor = (
            running.token(role, subject=subject)
            for role, subject in (
                (Role.REGISTRY_CLERK, "clerk-1"),
                (Role.REGISTRY_CLERK, "clerk-2"),
                (Role.AUDITOR, "auditor"),
            )
        )

    async def post(self, path: str, who: dict[str, str], body: Any = None, **more: Any) -> httpx.Response:
        return await self.running.post(path, who, body, **more)

    async def made(self, path: str, who: dict[str, str], body: Any = None) -> Any:
        """The answer to a POST that must succeed."""
        answer = await self.post(path, who, body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    async def refused(self, path: str, who: dict[str, str], body: Any = None, **more: Any) -> tuple[int, str]:
        """Status and code of a POST that must be refused, and must leave nothing behind."""
        before = await self.rows()
        answer = await self.post(path, who, body, **more)
        assert answer.status_code >= 400, answer.text
        assert await self.rows() == before
        return answer.status_code, answer.json()["code"]

    async def rows(self) -> dict[str, list[Any]]:
        """Everything that stands in the registry but its memory of requests."""
        tables = ("organization", "agreement", "staff", "price", "care_plan", "visit", "person", "outbox", "audit")
        async with self.running.database.read() as connection:
            return {
                table: list((await connection.execute(text(f'SELECT * FROM "{table}" ORDER BY id'))).all())
                for table in tables
            }

    def staff_token(self, organization_id: str, *, region: str = COUNTY) -> dict[str, str]:
        return self.running.token(
            Role.PROVIDER_STAFF, region=region, organisation=UUID(organization_id), subject=f"office-{organization_id}"
        )

    def caregiver_token(self, organization_id: str, account: str) -> dict[str, str]:
        return self.running.token(Role.CAREGIVER, region=COUNTY, organisation=UUID(organization_id), subject=account)

    async def organization(self, *, county: str = COUNTY, kind: str = "care_provider", **more: Any) -> str:
        body = {"pool": POOL, "county": county, "kind": kind, "name": "颐和护理站", **more}
        return str((await self.made("/organizations", self.clerk, body))["organization_id"])

    async def agreement(self, organization_id: str, *, modes: tuple[str, ...] = ("home",), **days: str) -> str:
        days = days or {"start": "2026-01-01"}
        path = f"/organizations/{organization_id}/agreements"
        agreement_id = (await self.made(path, self.clerk, {"modes": list(modes), **days}))["agreement_id"]
        await self.made(f"/agreements/{agreement_id}/approval", self.other_clerk, {})
        return str(agreement_id)

    async def caregiver(self, organization_id: str, *, account: str = "nurse-1", start: str = "2026-01-01") -> str:
        body = {"name": "王小明", "roles": ["caregiver"], "account": account, "start": start}
        path = f"/organizations/{organization_id}/staff"
        return str((await self.made(path, self.staff_token(organization_id), body))["staff_id"])

    async def person(self, *, county: str = COUNTY, pool: str = POOL, died_on: date | None = None) -> str:
        person_id = new_id()
        await self.running.hear(enrolled(person_id, pool=pool, county=county, died_on=died_on))
        return str(person_id)

    async def plan(self, organization_id: str, person_id: str, **more: Any) -> str:
        body = {
            "person_id": person_id,
            "organization_id": organization_id,
            "mode": "home",
            "items": ITEMS,
            "start": "2026-07-01",
            **more,
        }
        return str((await self.made("/care-plans", self.staff_token(organization_id), body))["plan_id"])

    async def confirmed_plan(self, organization_id: str, person_id: str, **more: Any) -> str:
        plan_id = await self.plan(organization_id, person_id, **more)
        await self.made(f"/care-plans/{plan_id}/confirmation", self.clerk, {"signed_document": "档案 17 号"})
        return plan_id


class Story(World):
    """A world in which visits can be recorded."""

    noon = NOON

    organization_id: str
    agreement_id: str
    staff_id: str
    person_id: str
    office: dict[str, str]

    async def begin(self) -> None:
        self.organization_id = await self.organization()
        self.agreement_id = await self.agreement(self.organization_id)
        self.office = self.staff_token(self.organization_id)
        self.staff_id = await self.caregiver(self.organization_id)
        self.person_id = await self.person()
        await self.confirmed_plan(self.organization_id, self.person_id)

    def visit(self, reference: str = "V1", *, at: datetime = NOON, minutes: int = 60, **more: Any) -> dict[str, Any]:
        place = {"latitude": 41.12, "longitude": 122.07, "address": "某小区 1 号楼"}
        return {
            "visit": reference,
            "organization_id": self.organization_id,
            "person_id": self.person_id,
            "mode": "home",
            "staff_id": self.staff_id,
            "check_in": {"at": at.isoformat(), "place": place},
            "check_out": {"at": (at + timedelta(minutes=minutes)).isoformat(), "place": place},
            "items": [{"item": "LC12", "quantity": 1}],
            **more,
        }


def enrolled(
    person_id: UUID,
    *,
    revision: int = 1,
    pool: str = POOL,
    county: str = COUNTY,
    died_on: date | None = None,
) -> PersonEnrolled:
    coverage = CoveragePeriod(coverage_id=new_id(), category="employee", start=date(2015, 1, 1))
    return PersonEnrolled(
        person_id=person_id, pool=pool, county=county, revision=revision, coverage=(coverage,), died_on=died_on
    )


@pytest.fixture
async def world(deploy: Deploy) -> World:
    return World(await deploy(SERVICE))


@pytest.fixture
async def story(deploy: Deploy) -> Story:
    running = await deploy(SERVICE)
    running.advance_to(NOW)
    story = Story(running)
    await story.begin()
    return story
