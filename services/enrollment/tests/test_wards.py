"""A file registers minors through guardians who are registered too, or stand in the same file."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from changhu_common.field_encryption import IndexKey
from changhu_common.roles import Role
from enrollment.domain import whole_file
from enrollment.domain.family import GUARDIAN_A_MINOR, GUARDIAN_DEAD, NO_GUARDIAN
from enrollment.storage.identities import Identities
from enrollment.usecases import loading
from enrollment.usecases.imports import Imports
from httpx import Response
from pydantic import SecretStr
from sqlalchemy import text

from tests.support.running import Running

Who = dict[str, str]
Load = Callable[..., Awaitable[Response]]
COUNTY, OTHER_COUNTY = "530402", "530403"
GUARDIAN, RELATION = "监护人公民身份号码", "监护关系"


WAYS = {
    "row by row": {},
    "compared as a whole": {"COMPARED_ROWS_MIN": 0},
    "a first load": {"COMPARED_ROWS_MIN": 0, "FIRST_LOAD_ROWS_MIN": 1},
}


@pytest.fixture(autouse=True, params=WAYS)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHANGHU_DRAFT_POOLS", "530400")
    for limit, rows in WAYS[request.param].items():
        monkeypatch.setattr(loading, limit, rows)


@pytest.fixture
def clerk(enrollment: Running) -> Who:
    return enrollment.token(Role.ENROLLMENT_CLERK, region="530400")


@pytest.fixture
def load(enrollment: Running, clerk: Who, people: SimpleNamespace) -> Load:
    """Send a file of these rows."""

    async def sent(*rows: dict[str, str], choice: str = "good", who: Who = clerk) -> Response:
        content = people.csv(*rows, header=(*people.header, GUARDIAN, RELATION))
        return await enrollment.post(
            "/persons/imports", who, content=content, params={"format": "csv", "choice": choice}
        )

    return sent


@pytest.fixture
def adult(people: SimpleNamespace) -> Callable[..., dict[str, str]]:
    def row(n: int, **cells: str) -> dict[str, str]:
        return {**people.row(n, 县区=COUNTY), GUARDIAN: "", RELATION: "", **cells}

    return row


@pytest.fixture
def child(people: SimpleNamespace) -> Callable[..., dict[str, str]]:
    """The n-th child, with the given adult as guardian."""

    def row(n: int, of: int | None = None, **cells: str) -> dict[str, str]:
        told = {"公民身份号码": people.number(n, born=2015_01_01), "参保类别": "未成年人", "缴费基数": ""}
        named = {GUARDIAN: "" if of is None else people.number(of), RELATION: ""}
        return {**people.row(n, 县区=COUNTY, **told), **named, **cells}

    return row


def told(answer: Response) -> tuple[int, int, int, int]:
    assert answer.status_code == 201, answer.text
    body = answer.json()
    return body["rows"], body["loaded"], body["unchanged"], body["rejected"]


def errors(answer: Response) -> list[tuple[int, str, str]]:
    return [(each["line"], each["field"], each["reason"]) for each in answer.json()["errors"]]


async def guardians(enrollment: Running) -> list[tuple[str | None, str]]:
    """Relation and first day of every guardian that is kept."""
    query = "SELECT relation, since FROM guardian ORDER BY person_id, since"
    async with enrollment.database.read() as connection:
        return [(row.relation, str(row.since)) for row in await connection.execute(text(query))]


async def test_a_minor_comes_with_a_guardian_of_the_same_file_or_one_registered_before(
    enrollment: Running, load: Load, adult: Any, child: Any
) -> None:
    rows = [child(1, of=10, 监护关系="父母"), adult(10), child(2, of=10)]
    assert told(await load(*rows, choice="all")) == (3, 3, 0, 0)
    assert sorted(await guardians(enrollment), key=str) == [("parent", "2026-01-01"), (None, "2026-01-01")]
    assert told(await load(child(3, of=10, 监护关系="grandparent"), choice="all")) == (1, 1, 0, 0)
    assert told(await load(*rows, choice="all")) == (3, 0, 3, 0)
    assert len(await guardians(enrollment)) == 3
    async with enrollment.database.read() as connection:
        audited = await connection.scalar(text("SELECT count(*) FROM audit WHERE action = 'guardian.named'"))
    assert audited == 3


async def test_a_minor_whose_guardian_is_wanting_or_unfit_is_told_by_line_and_the_others_are_loaded(
    enrollment: Running, load: Load, clerk: Who, adult: Any, child: Any, people: SimpleNamespace
) -> None:
    await load(adult(10), adult(11), child(1, of=10))
    dead = (await enrollment.post("/persons/search", clerk, {"resident_number": people.number(11)})).json()["persons"]
    await enrollment.post(f"/persons/{dead[0]['person_id']}/death", clerk, {"died_on": "2026-06-30"})
    answer = await load(
        child(20),
        child(21, of=99),
        child(22, of=11),
        child(23, 监护人公民身份号码=people.number(1, born=2015_01_01)),
        child(24, of=10, 监护关系="邻居"),
        child(25, 监护关系="父母"),
        child(26, 监护人公民身份号码=people.number(26, born=2015_01_01)),
        child(27, 监护人公民身份号码="123"),
        child(28, of=10),
        child(29, 人员标识="orphan"),
    )
    assert told(answer) == (10, 2, 0, 8)
    found = errors(answer)
    assert [(line, field) for line, field, _ in found] == [
        *((line, "guardian_number") for line in (2, 3, 4, 5)),
        (6, "guardian_relation"),
        *((line, "guardian_number") for line in (7, 8, 9)),
    ]
    reasons = {line: reason for line, _, reason in found}
    assert (reasons[2], reasons[4], reasons[5]) == (NO_GUARDIAN, GUARDIAN_DEAD, GUARDIAN_A_MINOR)
    assert "请先登记监护人" in reasons[3]
    assert "父母" in reasons[6]


async def test_a_file_of_minors_without_guardians_is_refused_whole(
    load: Load, adult: Any, child: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_file, "BAD_ROWS_MAX", 2)
    answer = await load(adult(10), *(child(n) for n in range(3)))
    assert (answer.status_code, answer.json()["code"]) == (422, "import.too_many_bad_rows")
    assert told(await load(adult(10), child(1), child(2)))[3] == 2


async def test_all_or_nothing_loads_nobody_where_one_minor_has_no_guardian(
    enrollment: Running, load: Load, adult: Any, child: Any
) -> None:
    answer = await load(adult(10), child(1, of=10), child(2), choice="all")
    assert told(answer) == (3, 0, 0, 1)
    assert await guardians(enrollment) == []
    async with enrollment.database.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM person")) == 0


async def test_who_has_a_guardian_may_come_again_without_one_and_gets_another_from_today(
    enrollment: Running, load: Load, adult: Any, child: Any
) -> None:
    await load(adult(10), adult(11), child(1, of=10))
    assert told(await load(child(1))) == (1, 0, 1, 0)
    assert told(await load(adult(10), child(1, of=11))) == (2, 1, 1, 0)
    assert await guardians(enrollment) == [(None, "2026-01-01"), (None, "2026-07-01")]
    assert told(await load(child(1, of=11, 监护关系="其他监护人"))) == (1, 1, 0, 0)
    assert await guardians(enrollment) == [(None, "2026-01-01"), ("other", "2026-07-01")]


async def test_a_guardian_whose_own_row_is_bad_or_who_needs_one_himself_is_no_guardian(
    load: Load, adult: Any, child: Any
) -> None:
    answer = await load(adult(10, 县区="999999"), child(1, of=10), adult(12), adult(11, 监护人公民身份号码=""))
    assert [(line, field) for line, field, _ in errors(answer)] == [(2, "county"), (3, "guardian_number")]
    assert told(answer)[1] == 2


async def test_a_countys_clerk_names_guardians_of_that_county_alone(
    enrollment: Running, load: Load, adult: Any, child: Any
) -> None:
    await load(adult(10, 县区=OTHER_COUNTY))
    county = enrollment.token(Role.ENROLLMENT_CLERK, region=COUNTY)
    assert [line for line, *_ in errors(await load(child(1, of=10), who=county))] == [2]
    assert told(await load(child(1, of=10))) == (1, 1, 0, 0)


async def test_a_guardian_under_two_records_is_the_one_person_whose_number_is_given(
    enrollment: Running, load: Load, clerk: Who, adult: Any, child: Any, people: SimpleNamespace
) -> None:
    await load(adult(10, 停保日期="2026-03-31"), adult(11, 参保日期="2026-04-01"))
    ids = []
    for n in (10, 11):
        found = await enrollment.post("/persons/search", clerk, {"resident_number": people.number(n)})
        ids.append(found.json()["persons"][0]["person_id"])
    body = {"survivor_id": ids[1], "merged_id": ids[0], "reason": "重复登记"}
    entered = await enrollment.post("/merges", clerk, body)
    other = enrollment.token(Role.ENROLLMENT_CLERK, region="530400", subject="另一人")
    approved = await enrollment.post(f"/merges/{entered.json()['merge_id']}/approval", other, {})
    assert approved.status_code == 200, approved.text
    assert told(await load(child(1, of=10), choice="all")) == (1, 1, 0, 0)
    assert told(await load(child(1, of=11), choice="all")) == (1, 0, 1, 0)
    async with enrollment.database.read() as connection:
        named = (await connection.execute(text("SELECT guardian_id FROM guardian"))).scalars().all()
    assert [str(each) for each in named] == [ids[1]]


async def test_a_guardian_who_still_stands_under_an_older_key_is_found(
    enrollment: Running, load: Load, clerk: Who, adult: Any, child: Any, people: SimpleNamespace
) -> None:
    await load(adult(10))
    before = enrollment.resources.settings
    key = {"2": SecretStr(IndexKey.generated().written())}
    both = before.model_copy(update={"index_keys": {**before.index_keys, **key}, "index_key_current": "2"})
    content = people.csv(child(1, of=10), child(2, of=99), header=(*people.header, GUARDIAN, RELATION))
    params, later = {"format": "csv", "choice": "good"}, {"Prefer": "respond-async"}
    sent = await enrollment.post("/persons/imports", clerk, content=content, params=params, headers=later)
    assert await Imports(enrollment.database, Identities(both)).work_off()
    done = (await enrollment.get(f"/imports/{sent.json()['import_id']}", clerk)).json()
    assert (done["loaded"], [each["line"] for each in done["errors"]]) == (1, [3])
    assert len(await guardians(enrollment)) == 1
