"""Before the month: what is supplied and budgeted, who is insured, and who may assess and care."""

from datetime import date
from uuid import UUID

from changhu_common.roles import Role
from changhu_policies import load_pack

from changhu_standalone.story.cast import Cast
from changhu_standalone.story.city import CAREGIVERS_A_PROVIDER, INSTITUTION_FACTOR, PRICES_FEN
from changhu_standalone.story.office import Desk, StoryFailed

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


class Beginnings(Cast):
    """Everything that stands before anybody applies."""

    care_budget_fen = CARE_BUDGET_FEN

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
