"""A city's story as events: somebody insured and graded, an organisation with prices, visits.

The limit of grade 5 in July 2026 is 2,520 yuan (the statistic of 2025 stands in `income`); home
visits are paid at 80 %.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from changhu_common.events import Event
from changhu_common.events.assessment import AssessmentFeeDue, AssessmentPublished, FeeFinding
from changhu_common.events.budget import BudgetAnswer, BudgetReserved
from changhu_common.events.care import DeliveredItem, ServiceDelivered
from changhu_common.events.enrollment import CoveragePeriod, PersonEnrolled
from changhu_common.events.policy import PolicyValueApproved
from changhu_common.events.provider import AgreementState, Price, PricesPublished, ProviderDesignated
from changhu_common.ids import new_id
from changhu_common.roles import Role
from settlement.app import SERVICE

from tests.support.running import Deploy, Running

POOL = "211100"
COUNTY = "211102"
ENTRY, REVIEW, APPROVAL, CASHIER = (
    Role.SETTLEMENT_ENTRY,
    Role.SETTLEMENT_REVIEW,
    Role.SETTLEMENT_APPROVAL,
    Role.CASHIER,
)


def at(day: int, month: int = 7, hour: int = 9) -> datetime:
    """A moment of 2026, by the clock of Shanghai."""
    return datetime(2026, month, day, tzinfo=UTC) + timedelta(hours=hour - 8)


def income(year: int = 2025, fen: int = 4_320_000, **more: Any) -> PolicyValueApproved:
    said: dict[str, Any] = {
        "value_id": new_id(),
        "pool": POOL,
        "parameter": "city_resident_disposable_income",
        "value": fen,
        "start": date(year, 1, 1),
        "end": date(year, 12, 31),
        "source": "统计公报",
        "entered_by": "a",
        "approved_by": "b",
        "approved_at": at(1, hour=8),
    }
    return PolicyValueApproved(**said | more)


def insured(person_id: UUID, *, revision: int = 1, start: date = date(2015, 1, 1), **more: Any) -> PersonEnrolled:
    coverage = (CoveragePeriod(coverage_id=new_id(), category=more.pop("category", "employee"), start=start),)
    said: dict[str, Any] = {"person_id": person_id, "pool": POOL, "county": COUNTY}
    said |= {"revision": revision, "coverage": coverage}
    return PersonEnrolled(**said | more)


def graded(person_id: UUID, *, grade: int = 5, **more: Any) -> AssessmentPublished:
    said: dict[str, Any] = {
        "conclusion_id": new_id(),
        "person_id": person_id,
        "pool": POOL,
        "revision": 1,
        "scale": "national-2021",
        "scale_version": "2021",
        "grade": grade,
        "start": date(2026, 1, 1),
        "end": date(2027, 12, 31),
        "published_on": date(2026, 1, 1),
        "pack_version": "v",
    }
    return AssessmentPublished(**said | more)


def fee(person_id: UUID, organization_id: UUID, fen: int = 30_001, fund_fen: int | None = None, **more: Any) -> Any:
    """An assessment on 6 July, by default paid by the fund alone."""
    fund_fen = fen if fund_fen is None else fund_fen
    finding = {"clause": "六(一)3", "text": "首次评估通过，基金负担100%", "status": "stated"}
    said: dict[str, Any] = {
        "fee_id": new_id(),
        "application_id": new_id(),
        "round": 1,
        "person_id": person_id,
        "organization_id": organization_id,
        "pool": POOL,
        "county": COUNTY,
        "revision": 1,
        "cause": "first_passed",
        "assessed_on": date(2026, 7, 6),
        "fee_fen": fen,
        "fund_fen": fund_fen,
        "person_fen": fen - fund_fen,
        "findings": (FeeFinding(code="fee_share", parameter="assessment.fee_fund_share", **finding),),
        "pack_version": "v",
    }
    return AssessmentFeeDue(**said | more)


def designated(organization_id: UUID, **more: Any) -> AgreementState:
    said: dict[str, Any] = {
        "agreement_id": organization_id,
        "organization_id": organization_id,
        "pool": POOL,
        "county": COUNTY,
        "kind": "care_provider",
        "name": "甲护理院",
        "revision": 1,
        "modes": ("home", "institution"),
        "start": date(2026, 1, 1),
    }
    return ProviderDesignated(**said | more)


def prices(organization_id: UUID, *, revision: int = 1, **items: int) -> PricesPublished:
    """A price list from 1 January 2026; by default LC12 at 100 yuan and LC01 at 20 yuan."""
    return PricesPublished(
        organization_id=organization_id,
        pool=POOL,
        revision=revision,
        prices=tuple(
            Price(item=item, price_fen=fen, start=date(2026, 1, 1))
            for item, fen in (items or {"LC12": 10_000, "LC01": 2_000}).items()
        ),
    )


def visit(
    person_id: UUID, organization_id: UUID, when: datetime, items: Mapping[str, int] | None = None, **more: Any
) -> ServiceDelivered:
    said: dict[str, Any] = {
        "visit_id": new_id(),
        "person_id": person_id,
        "organization_id": organization_id,
        "pool": POOL,
        "county": COUNTY,
        "revision": 1,
        "mode": "home",
        "staff_id": UUID(int=1),
        "started_at": when,
        "ended_at": when + timedelta(hours=1),
        "items": tuple(DeliveredItem(item=item, quantity=many) for item, many in (items or {"LC12": 1}).items()),
    }
    return ServiceDelivered(**said | more)


def again(kind: type[Event], event: Event, **changed: Any) -> Any:
    """The same thing at its next revision, told as another fact."""
    said = event.model_dump()
    return kind(**said | {"revision": said["revision"] + 1} | changed)


@dataclass
class Settlement:
    """The service with a person and an organisation in it."""

    running: Running
    person: UUID = field(default_factory=new_id)
    organisation: UUID = field(default_factory=new_id)

    @property
    def lag(self) -> dict[str, int]:
        """How far the service's consumer is behind, by topic."""
        return self.running.bus.behind

    def who(self, *roles: Role, **more: Any) -> dict[str, str]:
        return self.running.token(*roles, **more)

    async def hear(self, *events: Any) -> None:
        await self.running.hear(*events)

    def home(self) -> list[Event]:
        """All that a paid visit leans on."""
        return [
            income(),
            insured(self.person),
            graded(self.person),
            designated(self.organisation),
            prices(self.organisation),
        ]

    def visit(self, when: datetime, items: Mapping[str, int] | None = None, **more: Any) -> ServiceDelivered:
        return visit(self.person, self.organisation, when, items, **more)

    async def month(self, month: str = "2026-07", person: UUID | None = None) -> dict[str, Any]:
        answer = await self.running.get(f"/persons/{person or self.person}/months/{month}", self.who(Role.AUDITOR))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def close(self, month: str = "2026-07", **more: Any) -> httpx.Response:
        body = {"organization_id": str(self.organisation), "month": month}
        return await self.running.post("/statements", self.who(ENTRY), body, **more)

    async def step(self, statement_id: str, step: str, role: Role, **body: Any) -> httpx.Response:
        return await self.running.post(f"/statements/{statement_id}/{step}", self.who(role), body)

    async def budget(self, statement_id: str, answer: type[BudgetAnswer] = BudgetReserved, **said: Any) -> None:
        """Let the fund's budget answer, by default that the statement may be paid."""
        usual: dict[str, Any] = {"pool": POOL, "year": 2026, "revision": 1, "fund_fen": 0}
        usual |= {"statement_id": statement_id, "organization_id": self.organisation}
        usual |= {"basis": "within_budget"} if answer is BudgetReserved else {}
        await self.hear(answer(**usual | said))

    async def approved(self, month: str = "2026-07", *, reserved: bool = True) -> dict[str, Any]:
        """Close a month and take its statement up to approval; the budget bears it unless the test says otherwise."""
        closed = await self.close(month)
        assert closed.status_code == 201, closed.text
        statement_id = closed.json()["statement_id"]
        for step, role in (("review", REVIEW), ("approval", APPROVAL)):
            answer = await self.step(statement_id, step, role)
            assert answer.status_code == 200, answer.text
        if reserved:
            await self.budget(statement_id)
        return dict(answer.json())

    async def pay(self, statement_id: str, reference: str = "B1") -> httpx.Response:
        """The bank moves today what is due, and the cashier records it."""
        due = (await self.running.get(f"/statements/{statement_id}/transfer", self.who(CASHIER))).json()
        bank = {"bank_reference": reference, "paid_on": self.running.clock.today().isoformat()}
        # Where nothing is due, the test is about the refusal.
        return await self.step(statement_id, "payment", CASHIER, **bank, transfer_fen=due.get("transfer_fen", 0))

    async def paid(self, month: str = "2026-07") -> dict[str, Any]:
        statement = await self.approved(month)
        answer = await self.pay(statement["statement_id"])
        assert answer.status_code == 200, answer.text
        return statement

    async def statement(self, statement_id: str) -> dict[str, Any]:
        answer = await self.running.get(f"/statements/{statement_id}", self.who(Role.AUDITOR))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


async def deployed(deploy: Deploy) -> Settlement:
    return Settlement(await deploy(SERVICE))
