"""A month is due once from everybody insured in it, explained part by part, and never more comes in than is due."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from changhu_common.events.enrollment import ContributionReceived, StartupMoneyReceived
from changhu_common.roles import Role
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]
Who = dict[str, str]
JULY = {"pool": "211100", "period": "2026-07"}


async def run(enrollment: Running, clerk: Who, body: dict[str, str] = JULY) -> dict[str, Any]:
    answer = await enrollment.post("/contribution-runs", clerk, body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_run_totals_what_everybody_owes(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    await enrol(1)
    await enrol(2, county="211122")
    await enrol(3, coverage={"category": "retiree", "base_fen": 321_777})
    await enrol(4, coverage={"start": "2026-08-01"})
    await enrol(5, coverage={"end": "2026-06-30"})
    found = await run(enrollment, clerk)
    assert (found["persons"], found["added"], found["due_fen"]) == (3, 3, 2 * 2172 + 1288)
    totals = [(each["county"], each["category"], each["payer"], each["due_fen"]) for each in found["totals"]]
    assert totals == [
        ("211102", "employee", "employer_medical_contribution", 1086),
        ("211102", "employee", "personal_account", 1086),
        ("211102", "retiree", "medical_fund_surplus", 644),
        ("211102", "retiree", "personal_account", 644),
        ("211122", "employee", "employer_medical_contribution", 1086),
        ("211122", "employee", "personal_account", 1086),
    ]


async def test_run_again_nothing_is_doubled_and_who_was_added_since_is_counted(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    await enrol(1)
    first = await run(enrollment, clerk)
    again = await run(enrollment, clerk)
    assert again == {**first, "added": 0}
    await enrol(2)
    later = await run(enrollment, clerk)
    assert (later["run_id"], later["persons"], later["added"]) == (first["run_id"], 2, 1)
    assert later["due_fen"] == 2 * first["due_fen"]
    seen = await enrollment.get(f"/contribution-runs/{first['run_id']}", clerk)
    assert seen.json().items() <= later.items()


async def test_two_runs_at_once_count_everybody_once(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    await enrol(1)
    found = await asyncio.gather(*(run(enrollment, clerk) for _ in range(3)))
    assert sorted(each["added"] for each in found) == [0, 0, 1]
    assert {each["due_fen"] for each in found} == {2172}


async def test_a_due_is_explained_by_clause_status_and_pack(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    person = (await enrol(1, coverage={"category": "flexible"}))["person_id"]
    found = await run(enrollment, clerk)
    (due,) = (await enrollment.get(f"/persons/{person}/dues", clerk)).json()
    assert (due["run_id"], due["period"], due["base_fen"], due["due_fen"]) == (
        found["run_id"],
        "2026-07",
        543_210,
        2172,
    )
    assert due["pack_version"]
    statuses = {each["payer"]: (each["fen"], each["status"], bool(each["readings"])) for each in due["parts"]}
    assert statuses == {"own_medical_contribution": (1086, "stated", False), "person": (1086, "assumed", True)}
    assert all(each["clause"] for each in due["parts"])


@pytest.mark.parametrize("column", ["person_id", "run_id", "rule_id"])
async def test_a_due_of_a_person_run_or_rule_that_does_not_exist_is_refused(
    enrollment: Running, enrol: Enrol, clerk: Who, column: str
) -> None:
    await enrol(1)
    await run(enrollment, clerk)
    chosen = {each: each for each in ("person_id", "run_id", "rule_id")} | {column: "gen_random_uuid()"}
    copied = f"""
        INSERT INTO due (person_id, period, run_id, county, category, base_fen, due_fen, parts, rule_id)
        SELECT {chosen["person_id"]}, '2020-01', {chosen["run_id"]}, county, category, base_fen, due_fen, parts,
            {chosen["rule_id"]} FROM due
    """
    with pytest.raises(IntegrityError, match="that does not exist"):
        async with enrollment.database.engine.begin() as connection:
            await connection.execute(text(copied))


async def test_the_base_of_the_month_counts(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    told = await enrol(1)
    at = f"/persons/{told['person_id']}/coverage/{told['coverage'][0]['coverage_id']}/base"
    await enrollment.post(at, clerk, {"since": "2026-07", "base_fen": 1_000_000})
    assert (await run(enrollment, clerk))["due_fen"] == 4000
    assert (await run(enrollment, clerk, {"pool": "211100", "period": "2026-06"}))["due_fen"] == 2172


async def test_a_mark_with_days_counts_in_the_months_that_begin_with_it(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    person = (await enrol(1))["person_id"]
    days = {"kind": "medical_assistance", "start": "2026-03-10", "end": "2026-05-31"}
    assert (await enrollment.post(f"/persons/{person}/hardships", clerk, days)).status_code == 201
    payers = {}
    for month in ("2026-03", "2026-04", "2026-05", "2026-06"):
        totals = (await run(enrollment, clerk, {"pool": "211100", "period": month}))["totals"]
        payers[month] = {each["payer"] for each in totals} - {"employer_medical_contribution"}
    assert payers == {
        "2026-03": {"personal_account"},
        "2026-04": {"medical_assistance_fund"},
        "2026-05": {"medical_assistance_fund"},
        "2026-06": {"personal_account"},
    }


async def test_who_changed_category_within_the_month_is_counted_once(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    told = await enrol(1, coverage={"end": "2026-07-15"})
    retired = {"category": "retiree", "start": "2026-07-16", "base_fen": 321_777}
    await enrollment.post(f"/persons/{told['person_id']}/coverage", clerk, retired)
    found = await run(enrollment, clerk)
    assert (found["persons"], found["due_fen"]) == (1, 2172)


async def test_who_has_no_base_is_named_and_counted_once_there_is_one(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    told = await enrol(1, coverage={"base_fen": None})
    found = await run(enrollment, clerk)
    assert (found["added"], found["without_base"]) == (0, 1)
    assert found["persons_without_base"] == [told["person_id"]]
    at = f"/persons/{told['person_id']}/coverage/{told['coverage'][0]['coverage_id']}/base"
    await enrollment.post(at, clerk, {"since": "2026-01", "base_fen": 543_210})
    assert (await run(enrollment, clerk))["due_fen"] == 2172


async def test_the_dead_owe_nothing_after_the_month_of_death(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    person = (await enrol(1))["person_id"]
    await enrollment.post(f"/persons/{person}/death", clerk, {"died_on": "2026-06-30"})
    assert (await run(enrollment, clerk))["persons"] == 0
    assert (await run(enrollment, clerk, {"pool": "211100", "period": "2026-06"}))["persons"] == 1


async def test_a_missing_value_stops_the_run_before_anything_is_written(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    await enrol(1)
    await enrol(2, marks=["no_personal_account"], coverage={"category": "retiree", "base_fen": 321_777})
    answer = await enrollment.post("/contribution-runs", clerk, JULY)
    assert (answer.status_code, answer.json()["code"]) == (422, "policy.missing")
    assert answer.json()["parameter"] == "contribution.base_by_mark"
    async with enrollment.database.read() as connection:
        for table in ("due", "contribution_run", "run_total"):
            assert await connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0


async def test_months_that_cannot_be_due_are_refused(enrollment: Running, clerk: Who) -> None:
    for period, code in (
        ("2026-08", "contribution_run.month_in_future"),
        ("2020-12", "policy.not_in_force"),
        ("July", "input.invalid"),
    ):
        answer = await enrollment.post("/contribution-runs", clerk, {"pool": "211100", "period": period})
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    for who, pool in ((clerk, "330300"), (enrollment.token(Role.ENROLLMENT_CLERK, region="211102"), "211100")):
        answer = await enrollment.post("/contribution-runs", who, {**JULY, "pool": pool})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_countys_clerk_sees_and_receives_that_countys_money_alone(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    await enrol(1)
    await enrol(2, county="211122")
    at = f"/contribution-runs/{(await run(enrollment, clerk))['run_id']}"
    county = enrollment.token(Role.ENROLLMENT_CLERK, region="211122")
    assert {each["county"] for each in (await enrollment.get(at, county)).json()["totals"]} == {"211122"}
    stranger = enrollment.token(Role.ENROLLMENT_CLERK, region="211103")
    assert (await enrollment.get(at, stranger)).status_code == 404
    body = {"received_on": "2026-07-01", "reference": "B1"}
    assert (await enrollment.post(f"{at}/receipts", stranger, body)).status_code == 404
    received = await enrollment.post(f"{at}/receipts", county, body)
    assert (received.json()["received_fen"], received.json()["outstanding_fen"]) == (2172, 0)
    assert (await enrollment.get(at, clerk)).json()["outstanding_fen"] == 2172


async def test_receipts_are_told_by_county_category_and_payer(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    await enrol(1)
    at = f"/contribution-runs/{(await run(enrollment, clerk))['run_id']}/receipts"
    part = {"county": "211102", "category": "employee", "payer": "personal_account", "amount_fen": 1000}
    body = {"received_on": "2026-07-01", "reference": "B1"}
    first = await enrollment.post(at, clerk, {**body, "amounts": [part]})
    assert (first.status_code, first.json()["received_fen"], first.json()["outstanding_fen"]) == (201, 1000, 1172)
    rest = await enrollment.post(at, clerk, body)
    assert (rest.json()["received_fen"], rest.json()["outstanding_fen"]) == (1172, 0)
    nothing = await enrollment.post(at, clerk, body)
    assert nothing.json() == {"receipt_ids": [], "received_fen": 0, "outstanding_fen": 0}
    events = await enrollment.told(ContributionReceived)
    assert [(each.payer, each.amount_fen, each.period) for each in events] == [
        ("personal_account", 1000, "2026-07"),
        ("employer_medical_contribution", 1086, "2026-07"),
        ("personal_account", 86, "2026-07"),
    ]
    assert {str(each.receipt_id) for each in events} == {*first.json()["receipt_ids"], *rest.json()["receipt_ids"]}


async def test_more_than_is_due_is_refused_whole(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    await enrol(1)
    at = f"/contribution-runs/{(await run(enrollment, clerk))['run_id']}/receipts"
    part = {"county": "211102", "category": "employee", "payer": "personal_account"}
    body = {"received_on": "2026-07-01", "reference": "B1"}
    for amounts, status, code in (
        ([{**part, "amount_fen": 1087}], 422, "receipt.exceeds_due"),
        ([{**part, "amount_fen": 1000}, {**part, "amount_fen": 87}], 422, "receipt.exceeds_due"),
        ([{**part, "amount_fen": 1, "payer": "pension"}], 404, "not_found"),
        ([{**part, "amount_fen": -1}], 422, "input.invalid"),
    ):
        answer = await enrollment.post(at, clerk, {**body, "amounts": amounts})
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    tomorrow = await enrollment.post(at, clerk, {**body, "received_on": "2026-07-02"})
    assert tomorrow.json()["code"] == "receipt.in_future"
    slip = await enrollment.post(at, clerk, {**body, "received_on": "1026-07-01"})
    assert (slip.status_code, slip.json()["errors"][0]["field"]) == (422, "received_on")
    assert await enrollment.told(ContributionReceived) == []


async def test_whatever_the_bases_the_parts_add_up_and_what_came_in_is_what_was_due(
    enrollment: Running, clerk: Who, people: SimpleNamespace
) -> None:
    cases: list[list[int]] = []
    people_so_far = 0

    # Only drawn inside hypothesis, which cannot wait; all of it goes through one deployment.
    @settings(max_examples=8, deadline=None, database=None)
    @given(st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
    def draw(bases: list[int]) -> None:
        cases.append(bases)

    draw()
    for bases in cases:
        rows = [
            people.row(people_so_far + n, 缴费基数=f"{base // 100}.{base % 100:02d}") for n, base in enumerate(bases)
        ]
        people_so_far += len(bases)
        params = {"format": "csv", "choice": "all"}
        loaded = await enrollment.post("/persons/imports", clerk, content=people.csv(*rows), params=params)
        assert loaded.json()["loaded"] == len(bases)
    found = await run(enrollment, clerk)
    assert found["persons"] == people_so_far
    assert found["due_fen"] == sum(each["due_fen"] for each in found["totals"])
    assert found["due_fen"] == sum(2 * ((base * 2 + 500) // 1000) for bases in cases for base in bases)
    body = {"received_on": "2026-07-01", "reference": "B1"}
    received = await enrollment.post(f"/contribution-runs/{found['run_id']}/receipts", clerk, body)
    assert received.json()["received_fen"] == found["due_fen"]
    async with enrollment.database.read() as connection:
        parts = await connection.scalar(
            text("SELECT sum(part.fen) FROM due, jsonb_to_recordset(parts) AS part (fen bigint)")
        )
    assert parts == found["due_fen"]


async def test_the_start_up_money_is_the_packs_and_comes_once(enrollment: Running, clerk: Who) -> None:
    body = {"pool": "211100", "amount_fen": 5_000_000_000, "received_on": "2026-07-01", "reference": "B1"}
    other = await enrollment.post("/startup-money", clerk, {**body, "amount_fen": 4_999_999_999})
    assert (other.status_code, other.json()["code"]) == (422, "startup_money.amount_differs")
    county = enrollment.token(Role.ENROLLMENT_CLERK, region="211102")
    assert (await enrollment.post("/startup-money", county, body)).status_code == 404
    first = await enrollment.post("/startup-money", clerk, body)
    assert (first.status_code, first.json()["payer"]) == (201, "medical_fund_surplus")
    again = await enrollment.post("/startup-money", clerk, body)
    assert (again.status_code, again.json()["code"]) == (409, "startup_money.already_received")
    (event,) = await enrollment.told(StartupMoneyReceived)
    assert (event.county, event.amount_fen) == ("211100", 5_000_000_000)
