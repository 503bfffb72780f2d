"""One person, two assessment organisations and their people: what most tests begin with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from assessment.app import SERVICE
from assessment.storage.tables import METADATA
from changhu_common.events.care import CarePlanConfirmed
from changhu_common.events.enrollment import CoveragePeriod, PersonEnrolled
from changhu_common.events.policy import PolicyValueApproved
from changhu_common.events.provider import ProviderDesignated, StaffRegistered, StaffRole
from changhu_common.ids import new_id
from changhu_common.periods import SHANGHAI, day_of
from changhu_common.roles import Role
from changhu_policies import scales
from sqlalchemy import select

from tests.support.running import Deploy, Running

POOL, COUNTY = "211100", "211102"
SCALE = scales()["national-2021"]
HEAVIEST = {item.key: min(item.options) for dimension in SCALE.dimensions for item in dimension.items}
LIGHTEST = {item.key: max(item.options) for dimension in SCALE.dimensions for item in dimension.items}


def at(day: date, hour: int = 9) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=SHANGHAI)


def enrolled(person_id: UUID, *, revision: int = 1, **more: Any) -> PersonEnrolled:
    told = {
        "pool": POOL,
        "county": COUNTY,
        "coverage": (CoveragePeriod(coverage_id=new_id(), category="employee", start=date(2015, 1, 1)),),
        **more,
    }
    return PersonEnrolled(person_id=person_id, revision=revision, **told)


def designated(organization_id: UUID, *, kind: str = "assessment_organization", **more: Any) -> ProviderDesignated:
    told = {"agreement_id": new_id(), "revision": 1, "start": date(2026, 1, 1), **more}
    return ProviderDesignated.model_validate(
        {
            "organization_id": organization_id,
            "pool": POOL,
            "county": COUNTY,
            "kind": kind,
            "name": "一",
            "modes": (),
            **told,
        }
    )


def registered(organization_id: UUID, account: str, *roles: StaffRole, **more: Any) -> StaffRegistered:
    told = {"staff_id": new_id(), "revision": 1, "start": date(2026, 1, 1), **more}
    return StaffRegistered(organization_id=organization_id, pool=POOL, account=account, roles=roles, **told)


def supplied(parameter: str, value: Any, **more: Any) -> PolicyValueApproved:
    told = {"start": date(2026, 1, 1), "approved_at": at(date(2026, 6, 1)), **more}
    return PolicyValueApproved(
        value_id=new_id(),
        pool=POOL,
        parameter=parameter,
        value=value,
        source="test",
        entered_by="a",
        approved_by="b",
        **told,
    )


def cared_for(person_id: UUID, organization_id: UUID) -> CarePlanConfirmed:
    return CarePlanConfirmed(
        plan_id=new_id(),
        person_id=person_id,
        organization_id=organization_id,
        pool=POOL,
        revision=1,
        mode="home",
        items=("LC12",),
        start=date(2026, 1, 1),
    )


@dataclass
class Story:
    """The service with a person who may apply, and two organisations that may assess."""

    service: Running
    person_id: UUID = field(default_factory=new_id)
    first: UUID = field(default_factory=new_id)
    second: UUID = field(default_factory=new_id)

    def __post_init__(self) -> None:
        self.assessor = registered(self.first, "assessor", "assessor")
        self.expert = registered(self.first, "expert", "expert")
        self.other_expert = registered(self.first, "other-expert", "expert")
        self.staff_of_second = [
            registered(self.second, "assessor-2", "assessor"),
            registered(self.second, "expert-2", "expert"),
            registered(self.second, "other-expert-2", "expert"),
        ]

    @classmethod
    async def begin(cls, deploy: Deploy, *, publicity_days: int | None = 7) -> "Story":
        story = cls(await deploy(SERVICE))
        await story.service.hear(
            enrolled(story.person_id),
            designated(story.first),
            designated(story.second),
            story.assessor,
            story.expert,
            story.other_expert,
            *story.staff_of_second,
        )
        if publicity_days is not None:
            await story.service.hear(supplied("assessment.publicity_days", publicity_days))
        return story

    @property
    def today(self) -> date:
        return day_of(self.service.clock.now())

    def pass_days(self, days: int) -> None:
        self.service.advance_to(self.service.clock.now() + timedelta(days=days))

    @property
    def clerk(self) -> dict[str, str]:
        return self.service.token(Role.ASSESSMENT_CLERK)

    def staff(self, account: str) -> dict[str, str]:
        return self.service.token(Role.ASSESSOR, Role.ASSESSMENT_EXPERT, subject=account)

    def insured(self) -> dict[str, str]:
        return self.service.token(Role.INSURED_PERSON, subject="citizen", person=self.person_id)

    async def apply(self, **more: Any) -> httpx.Response:
        body = {"person_id": str(self.person_id), "disabled_since": "2025-06-01", **more}
        return await self.service.post("/applications", self.clerk, body)

    async def step(self, application: str, name: str, body: Any = None, who: Any = None) -> httpx.Response:
        return await self.service.post(f"/applications/{application}/{name}", who or self.clerk, body)

    async def accepted(self, **more: Any) -> str:
        application = done(await self.apply(**more), 201)["application_id"]
        done(await self.step(application, "acceptance", {}))
        return str(application)

    async def assign(
        self, application: str, *staff: StaffRegistered, organization: UUID | None = None
    ) -> httpx.Response:
        body = {
            "organization_id": str(organization or self.first),
            "staff_ids": [str(each.staff_id) for each in staff or (self.assessor, self.expert)],
        }
        return await self.step(application, "assignment", body)

    async def visit(self, application: str, *, who: str = "assessor", **more: Any) -> httpx.Response:
        body = {
            "visited_at": self.service.clock.now().isoformat(),
            "scale": "national-2021",
            "scores": HEAVIEST,
            "guardian_present": True,
            **more,
        }
        return await self.step(application, "visit", body, self.staff(who))

    async def visited(self, *, scores: dict[str, int] = HEAVIEST, **more: Any) -> str:
        application = await self.accepted(**more)
        done(await self.assign(application))
        done(await self.visit(application, scores=scores))
        return application

    async def confirmed(self, *, scores: dict[str, int] = HEAVIEST) -> str:
        application = await self.visited(scores=scores)
        for account in ("expert", "other-expert"):
            done(await self.step(application, "confirmations", {}, self.staff(account)))
        return application

    async def publicised(self) -> str:
        application = await self.confirmed()
        done(await self.step(application, "publicity", {"start": str(self.today)}))
        return application

    async def publish_over(self) -> list[str]:
        answer = await self.service.post("/publications", self.clerk, {"pool": POOL})
        published: list[str] = done(answer, 201)["published"]
        return published

    async def published(self) -> str:
        """The id of a conclusion in force."""
        await self.publicised()
        self.pass_days(8)
        (conclusion,) = await self.publish_over()
        return conclusion

    async def status(self, application: str) -> str:
        return str(done(await self.service.get(f"/applications/{application}", self.clerk))["status"])

    @asynccontextmanager
    async def nothing_written(self) -> AsyncIterator[None]:
        """What happens inside leaves no row anywhere: no state, no audit row, no event, no remembered answer."""
        before = await self._content()
        yield
        assert await self._content() == before

    async def _content(self) -> dict[str, list[str]]:
        async with self.service.database.read() as connection:
            return {
                table.name: sorted(map(repr, await connection.execute(select(table))))
                for table in METADATA.sorted_tables
            }

    async def conclusions(self) -> list[dict[str, Any]]:
        answer = await self.service.get(f"/persons/{self.person_id}/conclusions", self.clerk)
        told: list[dict[str, Any]] = done(answer)["conclusions"]
        return told


def done(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


def refused(answer: httpx.Response, code: str, *findings: str) -> dict[str, Any]:
    """The problem, once its code is the one and its findings are those."""
    body: dict[str, Any] = answer.json()
    assert body.get("code") == code, answer.text
    assert answer.status_code >= 400
    assert answer.headers["content-type"] == "application/problem+json"
    if findings:
        assert [each["code"] for each in body["findings"]] == list(findings)
    return body
