"""Each city charges by its own document; what that leaves open stops a run by name until it is supplied."""

from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from changhu_common.events.enrollment import StartupMoneyReceived
from changhu_common.periods import SHANGHAI
from changhu_common.roles import Role
from changhu_policies import load_pack
from changhu_policies.drafts import SETTING
from changhu_policies.folders import read_pack
from enrollment.usecases.simulations import Simulations
from httpx import Response
from sqlalchemy import text

from tests.support.running import Running

PANJIN, WENZHOU, YUXI, SHANWEI = "211100", "330300", "530400", "441500"
COUNTY = {PANJIN: "211102", WENZHOU: "330382", YUXI: "530402", SHANWEI: "441502"}
WAGE, INCOME = "province_average_wage", "province_resident_disposable_income"
Parts = dict[str, int]


class City:
    """One pool's clerks: one registers and runs, one enters values, another approves them."""

    def __init__(self, enrollment: Running, people: SimpleNamespace, pool: str) -> None:
        self.enrollment = enrollment
        self.people = people
        self.pool = pool

    def who(self, role: Role) -> dict[str, str]:
        return self.enrollment.token(role, region=self.pool)

    @property
    def clerk(self) -> dict[str, str]:
        return self.who(Role.ENROLLMENT_CLERK)

    async def enrol(self, n: int, category: str, *, base_fen: int | None = None, **more: Any) -> Response:
        coverage = {"category": category, "start": "2022-01-01", "base_fen": base_fen, **more.pop("coverage", {})}
        body = self.people.person(n, **{"county": COUNTY[self.pool], "coverage": coverage, **more})
        return await self.enrollment.post("/persons", self.clerk, body)

    async def person(self, n: int, category: str, **more: Any) -> str:
        answer = await self.enrol(n, category, **more)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["person_id"])

    async def run(self, period: str) -> Response:
        return await self.enrollment.post("/contribution-runs", self.clerk, {"pool": self.pool, "period": period})

    async def charged(self, period: str) -> dict[str, Any]:
        answer = await self.run(period)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def dues(self, person: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.enrollment.get(f"/persons/{person}/dues", self.clerk)).json()
        return found

    async def owes(self, person: str) -> dict[str, Parts]:
        """What a person owes, by period and payer."""
        return {
            each["period"]: {part["payer"]: part["fen"] for part in each["parts"]} for each in await self.dues(person)
        }

    async def stops(self, period: str, parameter: str) -> None:
        """The run stops with the name of what is missing, and nothing is written."""
        answer = await self.run(period)
        assert (answer.status_code, answer.json()["code"]) == (422, "policy.missing"), answer.text
        assert (answer.json()["parameter"], answer.json()["pool"]) == (parameter, self.pool)
        async with self.enrollment.database.read() as connection:
            for table in ("contribution_run", "due", "due_rule", "run_total"):
                assert await connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0

    async def supply(self, parameter: str, value: Any, *, since: str = "2022-01-01", **more: Any) -> None:
        body = {
            "pool": self.pool,
            "parameter": parameter,
            "value": value,
            "from": since,
            "source": "市医保局文件",
            **more,
        }
        entered = await self.enrollment.post("/policy-values", self.who(Role.POLICY_ENTRY), body)
        assert entered.status_code == 201, entered.text
        at = f"/policy-values/{entered.json()['value_id']}/approval"
        approved = await self.enrollment.post(at, self.who(Role.POLICY_APPROVAL), {})
        assert approved.status_code == 200, approved.text

    async def statistic(self, name: str, year: int, fen: int) -> None:
        await self.supply(name, fen, since=f"{year}-01-01", to=f"{year}-12-31")


CityOf = Callable[[str], City]


@pytest.fixture(autouse=True)
def _drafts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "all")


@pytest.fixture
def city(enrollment: Running, people: SimpleNamespace) -> CityOf:
    return lambda pool: City(enrollment, people, pool)


def at(enrollment: Running, year: int, month: int) -> None:
    enrollment.advance_to(datetime(year, month, 20, 9, tzinfo=SHANGHAI))


def statuses(due: dict[str, Any]) -> set[str]:
    return {part["status"] for part in due["parts"]}


async def test_a_flat_yearly_contribution_is_due_once_a_year_in_whichever_month_it_is_run(city: CityOf) -> None:
    wenzhou = city(WENZHOU)
    people = {
        category: await wenzhou.person(n, category) for n, category in enumerate(("employee", "flexible", "retiree"))
    }
    first = await wenzhou.charged("2026-03")
    assert (first["persons"], first["due_fen"]) == (3, 30_000)
    assert (await wenzhou.charged("2026-07"))["due_fen"] == 0
    assert await wenzhou.owes(people["employee"]) == {
        "2026": {"employer_medical_contribution": 5000, "personal_account": 5000}
    }
    assert await wenzhou.owes(people["flexible"]) == {
        "2026": {"own_medical_contribution": 5000, "personal_account": 5000}
    }
    assert await wenzhou.owes(people["retiree"]) == {"2026": {"person": 10_000}}
    (due,) = await wenzhou.dues(people["retiree"])
    assert statuses(due) == {"assumed"}
    assert all(part["clause"] and part["readings"] for part in due["parts"])


async def test_a_county_whose_amount_the_document_does_not_say_stops_the_run_until_it_is_supplied(
    city: CityOf,
) -> None:
    wenzhou = city(WENZHOU)
    person = await wenzhou.person(1, "employee")
    urban = await wenzhou.person(2, "employee", county="330302")
    await wenzhou.stops("2026-03", "contribution.base")
    await wenzhou.supply("contribution.base", {"flat_fen": 9000}, qualifiers={"county": "330302"})
    assert (await wenzhou.charged("2026-03"))["due_fen"] == 19_000
    (due,) = await wenzhou.dues(urban)
    assert all("补录依据：市医保局文件" in part["readings"] for part in due["parts"])
    assert (await wenzhou.owes(person))["2026"]["personal_account"] == 5000


async def test_an_assumed_reading_is_replaced_by_an_approved_one_and_cited(city: CityOf) -> None:
    wenzhou = city(WENZHOU)
    person = await wenzhou.person(1, "retiree")
    await wenzhou.supply("contribution.payer", "pension", qualifiers={"category": "retiree", "share": "person"})
    await wenzhou.charged("2026-03")
    (due,) = await wenzhou.dues(person)
    assert {part["payer"]: part["fen"] for part in due["parts"]} == {"pension": 10_000}
    assert "补录依据：市医保局文件" in due["parts"][0]["readings"]
    assert due["pack_version"] != load_pack(WENZHOU).version


async def test_residents_are_not_insured_where_the_document_insures_employees_alone(city: CityOf) -> None:
    answer = await city(PANJIN).enrol(1, "resident")
    assert (answer.status_code, answer.json()["code"]) == (422, "category.not_insured")


MARKED: dict[str, tuple[str, list[str], Parts]] = {
    "in work": ("employee", [], {"employer_medical_contribution": 1086, "personal_account": 1086}),
    "in work without an account": (
        "employee", ["no_personal_account"], {"employer_medical_contribution": 1086, "person": 1086},
    ),
    "assisted": (
        "employee", ["medical_assistance"], {"employer_medical_contribution": 1086, "medical_assistance_fund": 1086},
    ),
    "flexible": ("flexible", [], {"own_medical_contribution": 1086, "person": 1086}),
    "flexible and assisted": (
        "flexible", ["medical_assistance"], {"own_medical_contribution": 1086, "medical_assistance_fund": 1086},
    ),
    "retired": ("retiree", [], {"medical_fund_surplus": 1086, "personal_account": 1086}),
    "retired from a bankrupt firm": (
        "retiree", ["bankrupt_firm_retiree"], {"medical_fund_surplus": 1086, "treasury": 1086},
    ),
    "assisted before all": (
        "retiree",
        ["bankrupt_firm_retiree", "medical_assistance"],
        {"medical_fund_surplus": 1086, "medical_assistance_fund": 1086},
    ),
}  # fmt: skip


async def test_every_source_of_money_of_a_monthly_contribution_pays_its_part(city: CityOf) -> None:
    panjin = city(PANJIN)
    found = {}
    for n, (case, (category, marks, _)) in enumerate(MARKED.items()):
        found[case] = await panjin.person(n, category, base_fen=543_210, marks=marks)
    await panjin.charged("2026-07")
    assert {case: await panjin.owes(person) for case, person in found.items()} == {
        case: {"2026-07": parts} for case, (*_, parts) in MARKED.items()
    }


async def test_the_phases_of_a_plan_begin_each_in_its_year(enrollment: Running, city: CityOf) -> None:
    at(enrollment, 2029, 10)
    yuxi = city(YUXI)
    worker = await yuxi.person(1, "employee", base_fen=543_210)
    flexible = await yuxi.person(2, "flexible")
    resident = await yuxi.person(3, "resident")
    child = await yuxi.person(4, "minor", coverage={"guardian_id": worker, "guardian_relation": "parent"})
    await yuxi.stops("2026-10", WAGE)
    for year in (2025, 2026, 2027, 2028):
        await yuxi.statistic(WAGE, year, 9_600_000)
        await yuxi.statistic(INCOME, year, 3_000_000)
    october = await yuxi.charged("2026-10")
    assert (october["persons"], {each["category"] for each in october["totals"]}) == (2, {"employee", "flexible"})
    for period in ("2027-09", "2028-09", "2029-09"):
        await yuxi.charged(period)
    assert await yuxi.owes(resident) == {
        "2028": {"government": 2250, "person": 2250},
        "2029": {"government": 3000, "person": 3000},
        "2030": {"government": 4500, "person": 4500},
    }
    assert (await yuxi.owes(worker))["2026-10"] == {"employer": 815, "person": 815}
    assert (await yuxi.owes(flexible))["2026-10"] == {"person": 1440}
    assert await yuxi.owes(child) == {"2028": {}, "2029": {}, "2030": {}}
    (due, *_) = await yuxi.dues(flexible)
    assert "补录依据：市医保局文件" in due["parts"][0]["readings"]
    before = await yuxi.run("2026-08")
    assert (before.status_code, before.json()["code"]) == (422, "policy.not_in_force")


async def test_subsidies_pay_in_full_or_their_amount_and_a_relatives_account_the_rest(
    enrollment: Running, city: CityOf
) -> None:
    at(enrollment, 2027, 10)
    yuxi = city(YUXI)
    holder = await yuxi.person(1, "employee", base_fen=543_210)
    destitute = await yuxi.person(2, "resident", marks=["destitute"])
    poor = await yuxi.person(3, "resident", marks=["low_income"])
    helped = await yuxi.person(4, "resident", marks=["poverty_monitored"])
    consent = {"holder_id": holder, "relation": "child", "consented_on": "2027-08-01", "reference": "授权书"}
    assert (await enrollment.post(f"/persons/{helped}/family-accounts", yuxi.clerk, consent)).status_code == 201
    await yuxi.statistic(INCOME, 2026, 3_000_000)
    await yuxi.stops("2027-09", "contribution.subsidy_fen")
    for mark in ("low_income", "poverty_monitored"):
        qualifiers = {"category": "resident", "mark": mark}
        await yuxi.supply("contribution.subsidy_fen", 1000, since="2027-09-01", qualifiers=qualifiers)
    await yuxi.charged("2027-09")
    assert await yuxi.owes(destitute) == {"2028": {"government": 4500}}
    assert await yuxi.owes(poor) == {"2028": {"government": 3250, "person": 1250}}
    assert await yuxi.owes(helped) == {"2028": {"government": 3250, "family_account": 1250}}


async def test_a_relatives_account_pays_in_the_months_that_begin_with_consent_in_the_simulation_too(
    enrollment: Running, city: CityOf
) -> None:
    at(enrollment, 2027, 2)
    yuxi = city(YUXI)
    holder = await yuxi.person(1, "employee", base_fen=1_000_000)
    person = await yuxi.person(2, "employee", base_fen=1_000_000)
    consent = {"holder_id": holder, "relation": "spouse", "consented_on": "2026-10-15", "reference": "授权书"}
    made = (await enrollment.post(f"/persons/{person}/family-accounts", yuxi.clerk, consent)).json()
    await enrollment.post(
        f"/family-accounts/{made['family_account_id']}/revocation", yuxi.clerk, {"revoked_on": "2026-11-30"}
    )
    payers: Parts = {}
    for period in ("2026-09", "2026-10", "2026-11", "2026-12"):
        for each in (await yuxi.charged(period))["totals"]:
            payers[each["payer"]] = payers.get(each["payer"], 0) + each["due_fen"]
    assert payers == {"employer": 8 * 1500, "person": 7 * 1500, "family_account": 1500}
    simulations = Simulations(enrollment.database)
    assert (await simulations.simulate(pool=YUXI, year=2026, draft=read_pack(YUXI))).now.due_from == payers


# What a run asks for, in this order; the figures are the test's.
SHANWEI_VALUES: dict[str, Any] = {
    "pool.in_force": "2026-01-01",
    "contribution.collection": "monthly",
    "contribution.shares": ["employer", "person"],
    "contribution.base": "own",
    "contribution.rounding": "each_share",
    "contribution.rate": "0.1%",
    "contribution.payer": "personal_account",
}


async def test_a_draft_without_its_numbers_stops_at_each_until_all_are_supplied(city: CityOf) -> None:
    shanwei = city(SHANWEI)
    person = await shanwei.person(1, "employee", base_fen=1_000_000)
    for parameter, value in SHANWEI_VALUES.items():
        await shanwei.stops("2026-07", parameter)
        await shanwei.supply(parameter, value)
    await shanwei.charged("2026-07")
    assert await shanwei.owes(person) == {"2026-07": {"personal_account": 2000}}
    (due,) = await shanwei.dues(person)
    assert statuses(due) == {"supplied"}
    assert due["pack_version"].startswith("draft-")


async def test_start_up_money_is_what_the_document_says_or_is_missing_by_name(
    enrollment: Running, city: CityOf
) -> None:
    body = {"amount_fen": 5_000_000_000, "received_on": "2026-07-01", "reference": "B1"}
    panjin, wenzhou = city(PANJIN), city(WENZHOU)
    first = await enrollment.post("/startup-money", panjin.clerk, {"pool": PANJIN, **body})
    assert (first.status_code, first.json()["payer"]) == (201, "medical_fund_surplus")
    none = await enrollment.post("/startup-money", wenzhou.clerk, {"pool": WENZHOU, **body})
    assert (none.json()["code"], none.json()["parameter"]) == ("policy.missing", "fund.startup_fen")
    assert len(await enrollment.told(StartupMoneyReceived)) == 1
