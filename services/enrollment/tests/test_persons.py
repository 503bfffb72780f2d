"""A person is registered once a pool, insured in one category a day, and shown masked to whoever may see him."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from changhu_common.events.enrollment import (
    CoverageEnded,
    CoverageResumed,
    CoverageSuspended,
    PersonDied,
    PersonEnrolled,
    PersonState,
    PersonUpdated,
)
from changhu_common.periods import SHANGHAI
from changhu_common.roles import Role
from httpx import Response
from sqlalchemy import text

from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]
Who = dict[str, str]


def refused(answer: Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    problem: dict[str, Any] = answer.json()
    return problem


async def counts(enrollment: Running, *tables: str) -> list[int]:
    async with enrollment.database.read() as connection:
        return [await connection.scalar(text(f'SELECT count(*) FROM "{each}"')) or 0 for each in tables]


async def test_a_person_is_registered_and_told(enrollment: Running, enrol: Enrol, people: SimpleNamespace) -> None:
    told = await enrol(marks=["low_income", "low_income"])
    assert told["name"] == "张**"
    assert told["resident_number"] == "2111**********" + people.number(1)[-4:]
    assert told["marks"] == ["low_income"]
    assert told["coverage"][0]["bases"] == [{"since": "2026-01-01", "base_fen": 543_210}]
    (event,) = await enrollment.told()
    assert isinstance(event, PersonEnrolled)
    assert (event.pool, event.county, event.revision) == ("211100", "211102", 1)
    assert [(each.category, str(each.start), each.end) for each in event.coverage] == [("employee", "2026-01-01", None)]


async def test_nothing_that_is_kept_shows_who_it_is(enrollment: Running, enrol: Enrol, people: SimpleNamespace) -> None:
    await enrol(phone="13912345678")
    async with enrollment.database.read() as connection:
        kept = ""
        for table in ("person", "audit", "outbox", "request"):
            rows = await connection.execute(text(f'SELECT * FROM "{table}"'))
            kept += "".join(
                cell.decode("latin-1") if isinstance(cell, bytes) else str(cell) for row in rows for cell in row
            )
    for secret in (people.number(1), "张三丰", "张三丰".encode().decode("latin-1"), "13912345678"):
        assert secret not in kept


async def test_a_person_is_found_by_the_number(
    enrollment: Running, enrol: Enrol, clerk: Who, people: SimpleNamespace
) -> None:
    told = await enrol()
    answer = await enrollment.post("/persons/search", clerk, {"resident_number": people.number(1)})
    assert [each["person_id"] for each in answer.json()["persons"]] == [told["person_id"]]
    nobody = await enrollment.post("/persons/search", clerk, {"resident_number": people.number(2)})
    assert nobody.json() == {"persons": []}


async def test_the_same_number_is_registered_once(
    enrollment: Running, enrol: Enrol, clerk: Who, people: SimpleNamespace
) -> None:
    await enrol()
    refused(await enrollment.post("/persons", clerk, people.person(1)), 409, "person.already_enrolled")
    assert await counts(enrollment, "person", "outbox") == [1, 1]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "wrong checksum": ({}, "resident_number.invalid"),
    "future birth date": ({}, "resident_number.invalid"),
    "scientific notation": ({}, "resident_number.invalid"),
    "unknown county": ({"county": "999999"}, "county.unknown"),
    "unknown category": ({"coverage": {"category": "pilot"}}, "category.unknown"),
    "a category that the pool does not insure": ({"coverage": {"category": "resident"}}, "category.not_insured"),
    "negative base": ({"coverage": {"base_fen": -1}}, "contribution_base.negative"),
    "end before start": ({"coverage": {"end": "2025-12-31"}}, "period.invalid"),
    "unknown mark": ({"marks": ["famous"]}, "mark.unknown"),
    "no name": ({"name": "  "}, "person.name_missing"),
    "unknown field": ({"nickname": "x"}, "input.invalid"),
    "no date": ({"coverage": {"start": "tomorrow"}}, "input.invalid"),
}


async def test_bad_input_is_refused_and_leaves_nothing(
    enrollment: Running, clerk: Who, people: SimpleNamespace
) -> None:
    valid = people.number(1)
    numbers = {
        "wrong checksum": valid[:-1] + ("1" if valid[-1] != "1" else "2"),
        "future birth date": people.number(1, born=2030_01_01),
        "scientific notation": "2.11102E+17",
    }
    for what, (more, code) in BAD.items():
        number = numbers.get(what, valid)
        body = people.person(1, **{**more, "resident_number": number})
        problem = refused(await enrollment.post("/persons", clerk, body), 422, code)
        assert number not in str(problem), what
        assert problem["errors"][0]["field"], what
    assert await counts(enrollment, "person", "coverage", "outbox", "audit", "request") == [0] * 5


async def test_several_faults_are_told_together(enrollment: Running, clerk: Who, people: SimpleNamespace) -> None:
    body = people.person(1, county="999999", coverage={"category": "pilot", "base_fen": -1})
    problem = refused(await enrollment.post("/persons", clerk, body), 422, "input.invalid")
    assert [each["field"] for each in problem["errors"]] == ["county", "category", "base_fen"]


async def test_who_may_ask(enrollment: Running, clerk: Who, people: SimpleNamespace) -> None:
    body = people.person(1)
    refused(await enrollment.post("/persons", {}, body), 401, "auth.token_invalid")
    refused(await enrollment.post("/persons", enrollment.token(Role.CASHIER), body), 403, "auth.role_missing")
    refused(await enrollment.client.post("/persons", headers=clerk, json=body), 400, "idempotency.key_missing")
    other = enrollment.token(Role.ENROLLMENT_CLERK, region="211122")
    refused(await enrollment.post("/persons", other, body), 404, "not_found")
    assert await counts(enrollment, "person", "outbox", "audit") == [0, 0, 0]


async def test_a_key_answers_the_same_again_and_is_not_for_another_body(
    enrollment: Running, clerk: Who, people: SimpleNamespace
) -> None:
    first = await enrollment.post("/persons", clerk, people.person(1), key="k")
    again = await enrollment.post("/persons", clerk, people.person(1), key="k")
    assert (again.status_code, again.json()) == (201, first.json())
    refused(await enrollment.post("/persons", clerk, people.person(2), key="k"), 422, "idempotency.key_reused")
    assert await counts(enrollment, "person", "outbox") == [1, 1]


async def test_a_countys_clerk_sees_and_changes_that_countys_persons_alone(
    enrollment: Running, enrol: Enrol, people: SimpleNamespace
) -> None:
    person = (await enrol())["person_id"]
    own = enrollment.token(Role.ENROLLMENT_CLERK, region="211102")
    other = enrollment.token(Role.ENROLLMENT_CLERK, region="211122")
    assert (await enrollment.get(f"/persons/{person}", own)).status_code == 200
    refused(await enrollment.get(f"/persons/{person}", other), 404, "not_found")
    refused(await enrollment.get(f"/persons/{person}/dues", other), 404, "not_found")
    assert (await enrollment.get("/persons", other, pool="211100")).json()["persons"] == []
    found = await enrollment.post("/persons/search", other, {"resident_number": people.number(1)})
    assert found.json()["persons"] == []
    for path, body in (
        ("coverage", {"category": "retiree", "start": "2027-01-01"}),
        ("suspensions", {"start": "2026-07-01", "reason": "欠费"}),
        ("death", {"died_on": "2026-06-30"}),
        ("details", {"name": "李四"}),
        ("other-benefits", {"kind": "third_party", "start": "2026-07-01"}),
        ("hospital-stays", {"start": "2026-07-01"}),
    ):
        refused(await enrollment.post(f"/persons/{person}/{path}", other, body), 404, "not_found")
    assert len(await enrollment.told()) == 1


async def test_an_insured_person_sees_himself_alone(enrollment: Running, enrol: Enrol) -> None:
    mine, others = (await enrol(1))["person_id"], (await enrol(2))["person_id"]
    me = enrollment.token(Role.INSURED_PERSON, person=mine)
    assert (await enrollment.get(f"/persons/{mine}", me)).status_code == 200
    refused(await enrollment.get(f"/persons/{others}", me), 404, "not_found")


async def test_pages_follow_one_another(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    ids = [(await enrol(n))["person_id"] for n in range(3)]
    first = (await enrollment.get("/persons", clerk, pool="211100", limit=2)).json()
    rest = (await enrollment.get("/persons", clerk, pool="211100", limit=2, after=first["next"])).json()
    assert [each["person_id"] for each in first["persons"] + rest["persons"]] == ids
    assert rest["next"] is None


async def test_coverage_does_not_overlap(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    told = await enrol()
    path = f"/persons/{told['person_id']}/coverage"
    retired = {"category": "retiree", "start": "2026-09-01", "base_fen": 321_777}
    refused(await enrollment.post(path, clerk, retired), 409, "coverage.overlaps")
    first = told["coverage"][0]["coverage_id"]
    ended = await enrollment.post(f"{path}/{first}/end", clerk, {"end": "2026-08-31"})
    assert ended.status_code == 200
    added = await enrollment.post(path, clerk, retired)
    assert added.status_code == 201
    assert [each["category"] for each in added.json()["coverage"]] == ["employee", "retiree"]
    refused(await enrollment.post(f"{path}/{first}/end", clerk, {"end": "2026-09-01"}), 409, "coverage.overlaps")
    refused(await enrollment.post(f"{path}/{first}/end", clerk, {"end": "2025-09-01"}), 422, "period.invalid")
    refused(await enrollment.post(f"{path}/{uuid4()}/end", clerk, {"end": "2026-09-01"}), 404, "not_found")
    assert [type(each) for each in await enrollment.told()] == [PersonEnrolled, CoverageEnded, PersonUpdated]


async def test_every_event_carries_the_whole_state_and_the_next_revision(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    told = await enrol()
    at = f"/persons/{told['person_id']}"
    suspended = await enrollment.post(f"{at}/suspensions", clerk, {"start": "2026-07-01", "reason": "欠费"})
    suspension = suspended.json()["suspensions"][0]["suspension_id"]
    again = {"start": "2026-07-10", "end": "2026-07-11", "reason": "欠费"}
    refused(await enrollment.post(f"{at}/suspensions", clerk, again), 409, "suspension.overlaps")
    await enrollment.post(f"{at}/suspensions/{suspension}/end", clerk, {"end": "2026-07-15"})
    await enrollment.post(f"{at}/details", clerk, {"county": "211122"})
    refused(await enrollment.post(f"{at}/death", clerk, {"died_on": "2026-07-02"}), 422, "period.invalid")
    await enrollment.post(f"{at}/death", clerk, {"died_on": "2026-06-30"})
    events: list[PersonState] = await enrollment.told()
    assert [type(each) for each in events] == [
        PersonEnrolled,
        CoverageSuspended,
        CoverageResumed,
        PersonUpdated,
        PersonDied,
    ]
    assert [each.revision for each in events] == [1, 2, 3, 4, 5]
    last = events[-1]
    assert (last.county, str(last.died_on), len(last.coverage)) == ("211122", "2026-06-30", 1)
    assert [(str(each.start), str(each.end)) for each in last.suspensions] == [("2026-07-01", "2026-07-15")]
    more = {"category": "retiree", "start": "2027-01-01"}
    refused(await enrollment.post(f"{at}/coverage", clerk, more), 409, "person.dead")


async def test_what_others_are_not_told_of_makes_no_event(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    told = await enrol()
    at = f"/persons/{told['person_id']}"
    corrected = await enrollment.post(f"{at}/details", clerk, {"name": "李四", "marks": ["destitute"]})
    assert (corrected.json()["name"], corrected.json()["marks"]) == ("李*", ["destitute"])
    coverage = told["coverage"][0]["coverage_id"]
    base = await enrollment.post(f"{at}/coverage/{coverage}/base", clerk, {"since": "2026-07", "base_fen": 600_000})
    assert [each["since"] for each in base.json()["coverage"][0]["bases"]] == ["2026-01-01", "2026-07-01"]
    bad = {"since": "2026-07", "base_fen": -1}
    refused(await enrollment.post(f"{at}/coverage/{coverage}/base", clerk, bad), 422, "contribution_base.negative")
    assert len(await enrollment.told()) == 1


async def test_marks_that_change_from_a_day_on_leave_what_held_before(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    at = f"/persons/{(await enrol(marks=['no_personal_account']))['person_id']}"
    body = {"marks": ["medical_assistance"], "marks_since": "2026-06-01"}
    told = await enrollment.post(f"{at}/details", clerk, body)
    assert told.json()["marks"] == ["medical_assistance"]
    again = await enrollment.post(f"{at}/details", clerk, body)
    assert again.json()["marks"] == ["medical_assistance"]
    for day, marks in (("2026-05-31", ["no_personal_account"]), ("2026-06-01", ["medical_assistance"])):
        assert (await enrollment.get(f"{at}/timeline", clerk, on=day)).json()["marks"] == marks
    payers = {}
    for period in ("2026-05", "2026-06"):
        found = await enrollment.post("/contribution-runs", clerk, {"pool": "211100", "period": period})
        payers[period] = [each["payer"] for each in found.json()["totals"]][1:]
    assert payers == {"2026-05": ["person"], "2026-06": ["medical_assistance_fund"]}
    refused(await enrollment.post(f"{at}/details", clerk, {"marks": []}), 409, "mark.has_days")
    refused(await enrollment.post(f"{at}/details", clerk, {"marks_since": "2026-06-01"}), 422, "input.invalid")


async def test_a_mark_comes_and_goes_with_its_days(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    at = f"/persons/{(await enrol())['person_id']}"
    await enrollment.post(f"{at}/hardships", clerk, {"kind": "destitute", "start": "2026-07-10", "end": "2026-07-20"})
    for day, marks in ((9, []), (10, ["destitute"]), (20, ["destitute"]), (21, [])):
        enrollment.advance_to(datetime(2026, 7, day, 9, tzinfo=SHANGHAI))
        assert (await enrollment.get(at, enrollment.token(Role.ENROLLMENT_CLERK))).json()["marks"] == marks


async def test_no_two_at_once_insure_a_person_twice(enrollment: Running, enrol: Enrol) -> None:
    person = (await enrol())["person_id"]
    statement = (
        'INSERT INTO coverage (id, pool, person_id, category, start, "end")'
        " SELECT gen_random_uuid(), pool, id, 'retiree', '2030-01-01', '2030-12-31' FROM person WHERE id = :person"
    )
    with pytest.raises(Exception, match="ex_coverage_days"):
        async with enrollment.database.engine.begin() as connection:
            await connection.execute(text(statement), {"person": person})
