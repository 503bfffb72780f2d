"""Facts of other bureaus come in bulk, once; what contradicts what is known waits for a clerk and is told then."""

import csv
import io
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from changhu_common.events.enrollment import (
    HardshipRecorded,
    HospitalStayRecorded,
    HospitalStayVoided,
    OtherBenefitEnded,
    OtherBenefitRecorded,
    PersonDied,
)
from changhu_common.roles import Role

from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]
Who = dict[str, str]
BENEFIT = ("公民身份号码", "待遇类型", "起始日期", "截止日期")
STAY = ("公民身份号码", "起始日期", "截止日期", "凭证号")
DEATH = ("公民身份号码", "死亡日期")
HARDSHIP = ("公民身份号码", "人员标识", "起始日期", "截止日期")


def table(head: tuple[str, ...], *rows: tuple[str, ...]) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([head, *rows])
    return buffer.getvalue().encode("utf-8-sig")


@pytest.fixture
def send(enrollment: Running, clerk: Who) -> Callable[..., Awaitable[dict[str, Any]]]:
    async def sent(kind: str, content: bytes, *, choice: str = "all", who: Who | None = None) -> dict[str, Any]:
        params = {"pool": "211100", "kind": kind, "choice": choice}
        answer = await enrollment.post("/facts/imports", who or clerk, content=content, params=params)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return sent


async def conflicts(enrollment: Running, clerk: Who, status: str = "open") -> list[dict[str, Any]]:
    answer = await enrollment.get("/conflicts", clerk, pool="211100", status=status)
    found: list[dict[str, Any]] = answer.json()["conflicts"]
    return found


async def test_benefits_are_recorded_and_told_once(
    enrollment: Running, enrol: Enrol, people: SimpleNamespace, send: Any
) -> None:
    for n in (1, 2):
        await enrol(n)
    content = table(
        BENEFIT,
        (people.number(1), "工伤保险生活护理费", "2026-05-01", ""),
        (people.number(2), "disability_subsidy", "2026/5/1", "2026-05-31"),
    )
    first = await send("other_benefits", content)
    assert (first["recorded"], first["unchanged"], first["conflicts"], first["rejected"]) == (2, 0, 0, 0)
    again = await send("other_benefits", content)
    assert (again["recorded"], again["unchanged"]) == (0, 2)
    events = await enrollment.told(OtherBenefitRecorded)
    assert [(each.kind, str(each.start)) for each in events] == [
        ("work_injury_care_fee", "2026-05-01"),
        ("disability_subsidy", "2026-05-01"),
    ]


async def test_a_later_file_ends_what_was_open(
    enrollment: Running, enrol: Enrol, people: SimpleNamespace, send: Any
) -> None:
    await enrol(1)
    row = (people.number(1), "elderly_subsidy", "2026-05-01")
    await send("other_benefits", table(BENEFIT, (*row, "")))
    assert (await send("other_benefits", table(BENEFIT, (*row, "2026-06-30"))))["recorded"] == 1
    (ended,) = await enrollment.told(OtherBenefitEnded)
    assert (str(ended.end), ended.revision) == ("2026-06-30", 2)


async def test_bad_rows_are_told_by_line_and_only_good_ones_taken_where_asked(
    enrollment: Running, enrol: Enrol, clerk: Who, people: SimpleNamespace, send: Any
) -> None:
    await enrol(1)
    content = table(
        STAY,
        (people.number(1), "2026-06-01", "2026-06-10", "A1"),
        (people.number(2), "2026-06-01", "", ""),
        (people.number(1), "2026-06-20", "2026-06-11", ""),
        ("2.11102E+17", "2026-06-01", "", ""),
        (people.number(1), "明天", "", ""),
    )
    none = await send("hospital_stays", content)
    assert (none["recorded"], none["rejected"]) == (0, 4)
    assert [(each["line"], each["field"]) for each in none["errors"]] == [
        (3, "resident_number"),
        (4, "end"),
        (5, "resident_number"),
        (6, "start"),
    ]
    assert await enrollment.told(HospitalStayRecorded) == []
    good = await send("hospital_stays", content, choice="good")
    assert (good["recorded"], good["rejected"]) == (1, 4)
    at = f"/facts/imports/{good['import_id']}/errors"
    errors = (await enrollment.get(at, clerk)).content.decode("utf-8-sig")
    assert "错误原因" in errors
    assert people.number(2) in errors
    other = enrollment.token(Role.ENROLLMENT_CLERK, subject="another")
    assert (await enrollment.get(at, other)).status_code == 404


async def test_what_overlaps_waits_for_a_clerk_and_takes_the_place_of_what_was_known_when_accepted(
    enrollment: Running, enrol: Enrol, clerk: Who, people: SimpleNamespace, send: Any
) -> None:
    person = (await enrol(1))["person_id"]
    known = {"start": "2026-06-01", "end": "2026-06-10"}
    stay = (await enrollment.post(f"/persons/{person}/hospital-stays", clerk, known)).json()["stay_id"]
    content = table(STAY, (people.number(1), "2026-06-08", "2026-06-20", ""))
    for _ in range(2):
        assert (await send("hospital_stays", content))["conflicts"] == 1
    (found,) = await conflicts(enrollment, clerk)
    assert (found["clash"], found["known"], found["person_id"]) == ("overlaps", [stay], person)
    assert len(await enrollment.told(HospitalStayRecorded)) == 1
    at = f"/conflicts/{found['conflict_id']}/resolution"
    body = {"resolution": "accept", "reason": "医院已更正"}
    assert (await enrollment.post(at, clerk, body)).json()["status"] == "accepted"
    assert (await enrollment.post(at, clerk, body)).json()["code"] == "conflict.already_resolved"
    (voided,) = await enrollment.told(HospitalStayVoided)
    assert str(voided.stay_id) == stay
    _, recorded = await enrollment.told(HospitalStayRecorded)
    assert (str(recorded.start), str(recorded.end)) == ("2026-06-08", "2026-06-20")
    assert (await send("hospital_stays", content))["unchanged"] == 1


async def test_what_was_rejected_stays_rejected_when_it_comes_again(
    enrollment: Running, enrol: Enrol, clerk: Who, people: SimpleNamespace, send: Any
) -> None:
    person = (await enrol(1))["person_id"]
    await enrollment.post(f"/persons/{person}/death", clerk, {"died_on": "2026-06-30"})
    content = table(DEATH, (people.number(1), "2026-06-15"))
    await send("deaths", content)
    (found,) = await conflicts(enrollment, clerk)
    assert found["clash"] == "death_differs"
    body = {"resolution": "reject", "reason": "死亡证明为准"}
    await enrollment.post(f"/conflicts/{found['conflict_id']}/resolution", clerk, body)
    await send("deaths", content)
    assert await conflicts(enrollment, clerk) == []
    assert len(await enrollment.told(PersonDied)) == 1


async def test_deaths_are_told_and_one_before_a_stay_waits(
    enrollment: Running, enrol: Enrol, clerk: Who, people: SimpleNamespace, send: Any
) -> None:
    await enrol(1)
    person = (await enrol(2))["person_id"]
    await enrollment.post(f"/persons/{person}/hospital-stays", clerk, {"start": "2026-06-20"})
    content = table(DEATH, (people.number(1), "2026-06-15"), (people.number(2), "2026-06-15"))
    found = await send("deaths", content)
    assert (found["recorded"], found["conflicts"]) == (1, 1)
    (waiting,) = await conflicts(enrollment, clerk)
    assert (waiting["person_id"], waiting["clash"]) == (person, "alive_later")
    body = {"resolution": "accept", "reason": "住院登记有误"}
    await enrollment.post(f"/conflicts/{waiting['conflict_id']}/resolution", clerk, body)
    events = await enrollment.told(PersonDied)
    assert {str(each.died_on) for each in events} == {"2026-06-15"}
    assert len(events) == 2


async def test_a_hardship_list_marks_its_days_and_a_past_month_is_corrected_by_it(
    enrollment: Running, enrol: Enrol, clerk: Who, people: SimpleNamespace, send: Any
) -> None:
    person = (await enrol(1))["person_id"]
    runs = {}
    for period in ("2026-05", "2026-07"):
        answer = await enrollment.post("/contribution-runs", clerk, {"pool": "211100", "period": period})
        runs[period] = answer.json()["run_id"]
    content = table(HARDSHIP, (people.number(1), "医疗救助对象", "2026-06-01", ""))
    assert (await send("hardship", content))["recorded"] == 1
    (event,) = await enrollment.told(HardshipRecorded)
    assert (event.kind, str(event.start)) == ("medical_assistance", "2026-06-01")
    assert (await enrollment.get(f"/persons/{person}", clerk)).json()["marks"] == ["medical_assistance"]
    found = {}
    for period, run in runs.items():
        answer = await enrollment.post(f"/contribution-runs/{run}/corrections", clerk, {"reason": "困难名单"})
        found[period] = [(each["payer"], each["fen"]) for each in answer.json()["differences"]]
    assert found == {"2026-05": [], "2026-07": [("medical_assistance_fund", 1086), ("personal_account", -1086)]}


async def test_days_of_a_mark_that_holds_always_wait_for_a_clerk(
    enrollment: Running, enrol: Enrol, clerk: Who, people: SimpleNamespace, send: Any
) -> None:
    at = f"/persons/{(await enrol(1, marks=['medical_assistance']))['person_id']}"
    content = table(HARDSHIP, (people.number(1), "医疗救助对象", "2026-08-01", ""))
    loaded = await send("hardship", content)
    assert (loaded["recorded"], loaded["conflicts"], loaded["rejected"]) == (0, 1, 0)
    assert (await enrollment.get(at, clerk)).json()["marks"] == ["medical_assistance"]
    (waiting,) = await conflicts(enrollment, clerk)
    assert (waiting["clash"], waiting["known"]) == ("holds_always", [])
    body = {"resolution": "accept", "reason": "民政部门核定"}
    await enrollment.post(f"/conflicts/{waiting['conflict_id']}/resolution", clerk, body)
    assert (await enrollment.get(at, clerk)).json()["marks"] == []
    assert (await send("hardship", content))["unchanged"] == 1


async def test_a_countys_clerk_reaches_that_countys_persons_alone(
    enrollment: Running, enrol: Enrol, clerk: Who, people: SimpleNamespace, send: Any
) -> None:
    await enrol(1)
    county = enrollment.token(Role.ENROLLMENT_CLERK, region="211122")
    content = table(DEATH, (people.number(1), "2026-06-15"))
    assert (await send("deaths", content, who=county))["rejected"] == 1
    params = {"pool": "330300", "kind": "deaths"}
    assert (await enrollment.post("/facts/imports", county, content=content, params=params)).status_code == 404
