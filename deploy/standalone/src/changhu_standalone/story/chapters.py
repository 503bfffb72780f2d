"""The story itself: a month from enrolment to the fund's books, its settling, and the month after.

Each chapter happens at its moment: the clock is moved there first, and only once nothing is on its
way any more. A chapter told again does nothing again.
"""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from changhu_common.clock import FileClock
from changhu_common.periods import SHANGHAI, Month
from changhu_common.roles import Role
from changhu_policies import load_pack

from changhu_standalone.story.city import (
    CAREGIVERS_A_PROVIDER,
    INSTITUTION_FACTOR,
    PRICES_FEN,
    City,
    PlannedVisit,
)
from changhu_standalone.story.office import Desk, Office, StoryFailed

# What the operators of the generated city supply. The figures are the story's, not any city's.
YEARLY_INCOME_FEN = 4_320_000
PUBLICITY_DAYS = 7
OBJECTION_DAYS = 5
ASSESSMENT_FEE_FEN = 30_000
ASSESSMENT_FEE_SHARE = "85%"
CARE_BUDGET_FEN = 10_000_000_000  # more than a city of any size spends in the story
FEE_BUDGET_FEN = 10_000_000  # more than the applications of the story cost

# What care is paid from (社会保险待遇支出), and what assessments are (其他支出).
BENEFITS, ASSESSMENT_FEES = "5001", "5401"

ASSESSMENT_STAFF = (("expert", "expert"), ("expert", "expert"), ("assessor", "assessor"), ("assessor", "assessor"))
VISITS_A_BATCH = 500

# Applicants with a story of their own: whose insurance ends in the month, and of whom another benefit is learned late.
LEAVES = 2
LATE_BENEFIT_OF = 3

Chapter = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Told:
    """What the story brought about, service by service, for the table at its end."""

    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    received_fen: int = 0
    startup_fen: int = 0
    paid_fen: int = 0
    statements: dict[Month, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))


class Story:
    """The chapters in order. `tell` yields a chapter's title before the chapter begins."""

    care_budget_fen = CARE_BUDGET_FEN

    def __init__(self, *, city: City, office: Office, clock: FileClock) -> None:
        self.city = city
        self.office = office
        self.clock = clock
        self.told = Told()
        self.people: list[UUID] = []
        self.providers: list[UUID] = []
        self.caregivers: dict[tuple[int, int], tuple[UUID, Desk]] = {}
        self.assessors: list[tuple[UUID, Desk]] = []
        self.assessment_organization: UUID | None = None

    def desk(self, role: Role, number: int = 1, **more: Any) -> Desk:
        """The holder of a post in the city; the second holder is another person."""
        return Desk(f"{role}-{number}", (role,), self.city.pool, **more)

    @property
    def chapters(self) -> Sequence[tuple[str, datetime, Chapter]]:
        """Every chapter with its title and moment, in order of time."""
        month, following = self.city.months
        before, after = month.plus(-1), following.plus(1)
        told: list[tuple[str, datetime, Chapter]] = [
            ("补录参数, 启动资金到账", at(before.first, 9), self._supply),
            ("基金预算编制和审批", at(before.first, 10), self._budget),
            ("导入参保人员", at(before.first, 10), self._enrol),
            ("机构定点, 人员登记, 价格公示", at(before.first, 11), self._designate),
            ("失能评估: 申请, 受理, 现场评估, 公示", at(before.first + timedelta(days=2), 9), self._assess),
            ("公示期满, 发布评估结论", at(before.first + timedelta(days=20), 9), self._publish),
            ("护理服务计划", at(before.first + timedelta(days=24), 9), self._plan),
            ("迟到的事实", at(following.first + timedelta(days=19), 9), self._learn_late),
        ]
        for of_month, then in ((month, following), (following, after)):
            told.append((f"{of_month} 保险费征收", at(of_month.first + timedelta(days=9), 10), self._collect(of_month)))
            told += [
                (f"{of_month} 第 {week + 1} 周护理服务", at(day, 20), self._care(of_month, week))
                for week, day in enumerate(week_ends(of_month))
            ]
            told.append((f"{of_month} 结算", at(then.first + timedelta(days=4), 9), self._settle(of_month)))
            told.append((f"{of_month} 拨付", at(then.first + timedelta(days=14), 9), self._pay(of_month)))
        return sorted(told, key=lambda chapter: chapter[1])

    async def tell(self) -> AsyncIterator[str]:
        """Tell the whole story; what is on its way has arrived before the clock moves on."""
        for title, moment, chapter in self.chapters:
            self.clock.advance_to(moment)
            yield title
            await chapter()
            await self.office.quiet()

    # -- before the month

    async def _supply(self) -> None:
        year = self.city.months[0].year - 1
        whole_year = {"from": date(year, 1, 1), "to": date(year, 12, 31)}
        from_now = {"from": date(year + 1, 1, 1)}
        for parameter, value, days in (
            ("city_resident_disposable_income", YEARLY_INCOME_FEN, whole_year),
            ("assessment.publicity_days", PUBLICITY_DAYS, from_now),
            ("assessment.objection_days", OBJECTION_DAYS, from_now),
            ("assessment.fee_fen", ASSESSMENT_FEE_FEN, from_now),
            ("assessment.fee_fund_share", ASSESSMENT_FEE_SHARE, from_now),
        ):
            entered = await self.office.post(
                "enrollment",
                "/policy-values",
                {"pool": self.city.pool, "parameter": parameter, "value": value, "source": "演示用补录", **days},
                self.desk(Role.POLICY_ENTRY),
            )
            await self.office.post(
                "enrollment", f"/policy-values/{entered['value_id']}/approval", {}, self.desk(Role.POLICY_APPROVAL)
            )
            self.told.counts["enrollment"]["补录参数"] += 1
        amount_fen = load_pack(self.city.pool).value("fund.startup_fen", on=self.clock.today()).value
        await self.office.post(
            "enrollment",
            "/startup-money",
            {
                "pool": self.city.pool,
                "amount_fen": amount_fen,
                "received_on": self.city.months[0].plus(-1).first,
                "reference": "QD-1",
            },
            self.desk(Role.ENROLLMENT_CLERK),
        )
        self.told.startup_fen = amount_fen

    async def _budget(self) -> None:
        """One drafts the year's budget, another approves it: from then on a statement must fit to be paid."""
        year = self.city.months[0].year
        bounds = {BENEFITS: self.care_budget_fen, ASSESSMENT_FEES: FEE_BUDGET_FEN}
        lines = [{"account": account, "amount_fen": fen} for account, fen in bounds.items()]
        drafted = await self.office.post(
            "fund-ledger",
            f"/pools/{self.city.pool}/budgets/{year}",
            {"reason": "年度预算", "attachment": "演示用批复", "lines": lines},
            self.desk(Role.ACCOUNTANT),
        )
        path = f"/budgets/{drafted['budget']['budget_id']}/approval"
        await self.office.post("fund-ledger", path, {}, self.desk(Role.ACCOUNTANT, 2))
        self.told.counts["fund-ledger"]["预算行数"] += len(lines)

    async def _enrol(self) -> None:
        clerk = self.desk(Role.ENROLLMENT_CLERK)
        loaded = await self.office.upload(
            "enrollment", "/persons/imports?format=csv&choice=all", self.city.enrolment_file(), clerk
        )
        if loaded["rejected"]:
            raise StoryFailed(f"参保名单有 {loaded['rejected']} 行有误: {loaded['errors'][:3]}")
        self.told.counts["enrollment"]["参保人员"] = loaded["loaded"]
        for applicant in self.city.applicants:
            number = applicant.resident.resident_number
            found = await self.office.post("enrollment", "/persons/search", {"resident_number": number}, clerk)
            self.people.append(UUID(found["persons"][0]["person_id"]))

    async def _designate(self) -> None:
        self.assessment_organization = await self._organization("失能评估中心", "assessment_organization", ["home"])
        for number, (role, kind) in enumerate(ASSESSMENT_STAFF):
            roles = (Role.ASSESSMENT_EXPERT,) if role == "expert" else (Role.ASSESSOR,)
            desk = Desk(f"assessment-staff-{number}", roles, self.city.pool, self.assessment_organization)
            staff = await self._staff(self.assessment_organization, f"评估{number}", kind, desk.account)
            self.assessors.append((staff, desk))
        for number, (name, modes) in enumerate((("居家护理站", ["home"]), ("护理院", ["institution", "home"]))):
            provider = await self._organization(name, "care_provider", modes)
            self.providers.append(provider)
            for caregiver in range(CAREGIVERS_A_PROVIDER):
                account = f"caregiver-{number}-{caregiver}"
                desk = Desk(account, (Role.CAREGIVER,), self.city.pool, provider)
                self.caregivers[number, caregiver] = (
                    await self._staff(provider, f"护理员{number}{caregiver}", "caregiver", account),
                    desk,
                )
            factor = INSTITUTION_FACTOR if number == 1 else 100
            start = self.city.months[0].plus(-1).first
            await self.office.post(
                "provider-registry",
                f"/organizations/{provider}/prices",
                {
                    "prices": [
                        {"item": item, "price_fen": price * factor // 100, "start": start}
                        for item, price in PRICES_FEN.items()
                    ]
                },
                self._provider_desk(number),
            )
            self.told.counts["provider-registry"]["公示价格"] += len(PRICES_FEN)

    async def _organization(self, name: str, kind: str, modes: list[str]) -> UUID:
        clerk, other = self.desk(Role.REGISTRY_CLERK), self.desk(Role.REGISTRY_CLERK, 2)
        county = sorted(load_pack(self.city.pool).counties)[0]
        made = await self.office.post(
            "provider-registry",
            "/organizations",
            {"pool": self.city.pool, "county": county, "kind": kind, "name": name},
            clerk,
        )
        agreement = await self.office.post(
            "provider-registry",
            f"/organizations/{made['organization_id']}/agreements",
            {"modes": modes, "start": self.city.months[0].plus(-1).first},
            clerk,
        )
        await self.office.post("provider-registry", f"/agreements/{agreement['agreement_id']}/approval", {}, other)
        self.told.counts["provider-registry"]["定点机构"] += 1
        return UUID(made["organization_id"])

    async def _staff(self, organization: UUID, name: str, role: str, account: str) -> UUID:
        made = await self.office.post(
            "provider-registry",
            f"/organizations/{organization}/staff",
            {"name": name, "roles": [role], "account": account, "start": self.city.months[0].plus(-1).first},
            self.desk(Role.REGISTRY_CLERK),
        )
        self.told.counts["provider-registry"]["登记人员"] += 1
        return UUID(made["staff_id"])

    def _provider_desk(self, number: int) -> Desk:
        return Desk(f"provider-{number}", (Role.PROVIDER_STAFF,), self.city.pool, self.providers[number])

    # -- assessment

    async def _assess(self) -> None:
        clerk = self.desk(Role.ASSESSMENT_CLERK)
        experts = [each for each in self.assessors if Role.ASSESSMENT_EXPERT in each[1].roles]
        for person, applicant in zip(self.people, self.city.applicants, strict=True):
            made = await self.office.post(
                "assessment",
                "/applications",
                {"person_id": person, "disabled_since": applicant.disabled_since},
                Desk(f"person-{person}", (Role.INSURED_PERSON,), self.city.pool, person=person),
            )
            of = f"/applications/{made['application_id']}"
            self.told.counts["assessment"]["申请"] += 1
            await self.office.post("assessment", f"{of}/acceptance", {}, clerk)
            visitors = [self.assessors[0], self.assessors[2]]
            await self.office.post(
                "assessment",
                f"{of}/assignment",
                {"organization_id": self.assessment_organization, "staff_ids": [staff for staff, _ in visitors]},
                clerk,
            )
            await self.office.post(
                "assessment",
                f"{of}/visit",
                {
                    "visited_at": at(self.city.months[0].plus(-1).first + timedelta(days=2), 8),
                    "scale": "national-2021",
                    "scores": applicant.scores,
                    "guardian_present": True,
                },
                visitors[1][1],
            )
            for _, expert in experts:
                await self.office.post("assessment", f"{of}/confirmations", {}, expert)
            state = await self.office.get("assessment", of, clerk)
            if state["status"] == "confirmed":
                start = self.clock.today()
                await self.office.post("assessment", f"{of}/publicity", {"start": start}, clerk)

    async def _publish(self) -> None:
        clerk = self.desk(Role.ASSESSMENT_CLERK)
        await self.office.post("assessment", "/publications", {"pool": self.city.pool}, clerk)
        for person in self.people:
            conclusions = await self.office.get("assessment", f"/persons/{person}/conclusions", clerk)
            for conclusion in conclusions["conclusions"]:
                self.told.counts["assessment"][f"结论 {conclusion['grade']} 级"] += 1

    # -- care

    async def _plan(self) -> None:
        planned: dict[int, set[str]] = defaultdict(set)
        for visit in self.city.visits:
            planned[visit.applicant].update(item for item, _ in visit.items)
        for number, items in planned.items():
            applicant, person = self.city.applicants[number], self.people[number]
            plan = await self.office.post(
                "provider-registry",
                "/care-plans",
                {
                    "person_id": person,
                    "organization_id": self.providers[applicant.provider],
                    "mode": applicant.mode,
                    "items": sorted(items),
                    "start": self.city.months[0].first,
                },
                self._provider_desk(applicant.provider),
            )
            await self.office.post(
                "provider-registry",
                f"/care-plans/{plan['plan_id']}/confirmation",
                {},
                Desk(f"person-{person}", (Role.INSURED_PERSON,), self.city.pool, person=person),
            )
            self.told.counts["provider-registry"]["护理计划"] += 1

    def _care(self, month: Month, week: int) -> Chapter:
        async def care() -> None:
            ends = week_ends(month)
            first = ends[week - 1] + timedelta(days=1) if week else month.first
            visits = [
                visit for visit in self.city.visits if first <= visit.begins.date() <= ends[week] and not visit.late
            ]
            await self._send_visits(visits)
            # A phone that heard no answer sends again.
            await self._send_visits([visit for visit in visits if visit.repeated])

        return care

    async def _send_visits(self, visits: Sequence[PlannedVisit]) -> None:
        for number in range(len(self.providers)):
            of_provider = [visit for visit in visits if visit.provider == number]
            for first in range(0, len(of_provider), VISITS_A_BATCH):
                answer = await self.office.post(
                    "provider-registry",
                    "/visits/batch",
                    {"visits": [self._visit(visit) for visit in of_provider[first : first + VISITS_A_BATCH]]},
                    self._provider_desk(number),
                )
                counts = self.told.counts["provider-registry"]
                counts["护理服务记录"] += answer["recorded"]
                counts["重复上报"] += answer["known"]
                counts["不予记录"] += len(answer["rejected"])

    def _visit(self, visit: PlannedVisit) -> dict[str, Any]:
        staff, _ = self.caregivers[visit.provider, visit.caregiver]
        place = {"latitude": 41.12, "longitude": 122.07}
        return {
            "visit": visit.number,
            "organization_id": self.providers[visit.provider],
            "person_id": self.people[visit.applicant],
            "mode": visit.mode,
            "staff_id": staff,
            "check_in": {"at": visit.begins, "place": place},
            "check_out": {"at": visit.ends, "place": place},
            "items": [{"item": item, "quantity": quantity} for item, quantity in visit.items],
        }

    # -- money

    def _collect(self, month: Month) -> Chapter:
        async def collect() -> None:
            clerk = self.desk(Role.ENROLLMENT_CLERK)
            run = await self.office.post(
                "enrollment", "/contribution-runs", {"pool": self.city.pool, "period": str(month)}, clerk
            )
            receipt = await self.office.post(
                "enrollment",
                f"/contribution-runs/{run['run_id']}/receipts",
                {"received_on": month.first + timedelta(days=9), "reference": f"ZS-{month}"},
                clerk,
            )
            self.told.counts["enrollment"]["应缴人次"] += run["persons"]
            self.told.counts["enrollment"]["实收笔数"] += len(receipt["receipt_ids"])
            self.told.received_fen += receipt["received_fen"]

        return collect

    def _settle(self, month: Month) -> Chapter:
        async def settle() -> None:
            # Everybody is assessed once, before the first month.
            assessed = [self.assessment_organization] if month == self.city.months[0] else []
            for organization in [*self.providers, *assessed]:
                statement = await self.office.post(
                    "settlement",
                    "/statements",
                    {"organization_id": organization, "month": str(month)},
                    self.desk(Role.SETTLEMENT_ENTRY),
                )
                of = f"/statements/{statement['statement_id']}"
                await self.office.post("settlement", f"{of}/review", {}, self.desk(Role.SETTLEMENT_REVIEW))
                await self.office.post("settlement", f"{of}/approval", {}, self.desk(Role.SETTLEMENT_APPROVAL))
                self.told.statements[month].append(statement)
                self.told.counts["settlement"]["结算单"] += 1
                self.told.counts["settlement"]["其中调整"] += statement["adjustments"]

        return settle

    def _pay(self, month: Month) -> Chapter:
        async def pay() -> None:
            for number, statement in enumerate(self.told.statements[month]):
                paid = await self.office.post(
                    "settlement",
                    f"/statements/{statement['statement_id']}/payment",
                    {
                        "bank_reference": f"BF-{month}-{number}",
                        "paid_on": month.plus(1).first + timedelta(days=14),
                    },
                    self.desk(Role.CASHIER),
                )
                self.told.counts["settlement"]["拨付笔数"] += paid["payments"]
                self.told.paid_fen += statement["fund_fen"]

        return pay

    async def _learn_late(self) -> None:
        """Visits that a phone kept to itself, and a care fee of work injury that nobody had told of."""
        await self._send_visits([visit for visit in self.city.visits if visit.late])
        await self.office.post(
            "enrollment",
            f"/persons/{self.people[LATE_BENEFIT_OF]}/other-benefits",
            {
                "kind": "work_injury_care_fee",
                "start": self.city.months[0].first + timedelta(days=19),
                "end": self.city.months[0].last,
                "reference": "GS-1",
            },
            self.desk(Role.ENROLLMENT_CLERK),
        )
        self.told.counts["enrollment"]["迟到的事实"] += 1


def story_begins(city: City) -> datetime:
    """The moment of the first chapter."""
    return at(city.months[0].plus(-1).first, 9)


def at(day: date, hour: int) -> datetime:
    """An hour of a day in the city."""
    return datetime.combine(day, time(hour), SHANGHAI)


def week_ends(month: Month) -> list[date]:
    """The days on which a month's weeks are told: the 7th, the 14th, the 21st and the last."""
    return [month.first + timedelta(days=n) for n in (6, 13, 20)] + [month.last]
