"""A city's file is taken in at once and worked off beside the requests; a kill in the middle leaves nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from changhu_common.events.enrollment import PersonEnrolled
from changhu_common.roles import Role
from enrollment.domain import whole_file
from enrollment.storage.identities import Identities
from enrollment.usecases import loading
from enrollment.usecases.imports import Imports
from httpx import Response
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]
Who = dict[str, str]
Send = Callable[..., Awaitable[Response]]

ASKED_LATER = {"Prefer": "respond-async"}


@pytest.fixture(autouse=True)
def _small_cities(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done for millions of rows is done here for some."""
    monkeypatch.setattr(loading, "FIRST_LOAD_ROWS_MIN", 5)
    monkeypatch.setattr(loading, "COMPARED_ROWS_MIN", 0)
    monkeypatch.setattr(loading, "ROWS_PER_COPY", 4)


@pytest.fixture
def imports(enrollment: Running) -> Imports:
    return Imports(enrollment.database, Identities(enrollment.resources.settings))


@pytest.fixture
def send(enrollment: Running, clerk: Who) -> Send:
    async def sent(content: bytes, *, choice: str = "good", form: str = "csv", **more: Any) -> Response:
        params = {"format": form, "choice": choice}
        return await enrollment.post(
            "/persons/imports", clerk, content=content, params=params, headers=ASKED_LATER, **more
        )

    return sent


async def view(enrollment: Running, who: Who, answer: Response) -> dict[str, Any]:
    found: dict[str, Any] = (await enrollment.get(f"/imports/{answer.json()['import_id']}", who)).json()
    return found


async def ask(enrollment: Running, query: str, **values: Any) -> Any:
    async with enrollment.database.read() as connection:
        return await connection.scalar(text(query), values)


async def standing_in(enrollment: Running, partition: str) -> Any:
    """How many persons stand in a partition."""
    return await ask(
        enrollment, "SELECT count(*) FROM person WHERE tableoid = CAST(:name AS regclass)", name=f"pools.{partition}"
    )


async def test_a_file_is_taken_in_and_worked_off(
    enrollment: Running, imports: Imports, send: Send, clerk: Who, people: SimpleNamespace
) -> None:
    answer = await send(people.csv(*(people.row(n) for n in range(10)), people.row(10, 县区="999999")))
    assert (answer.status_code, answer.json()["status"], answer.json()["rows"]) == (202, "waiting", 0)
    assert await ask(enrollment, "SELECT count(*) FROM person") == 0
    assert await imports.waiting() == 1
    assert await imports.work_off()
    done = await view(enrollment, clerk, answer)
    assert (done["status"], done["rows"], done["checked"], done["written"]) == ("done", 11, 11, 10)
    assert (done["loaded"], done["rejected"], done["errors"][0]["line"]) == (10, 1, 12)
    assert not await imports.work_off()
    assert await ask(enrollment, "SELECT count(*) FROM import_part") == 0
    assert len(await enrollment.told(PersonEnrolled)) == 10


async def test_what_waits_cannot_be_read_in_the_database(
    enrollment: Running, send: Send, people: SimpleNamespace
) -> None:
    await send(people.csv(people.row(1)))
    assert people.number(1).encode() not in await ask(enrollment, "SELECT content FROM import_part")


async def test_a_file_sent_again_under_its_key_is_taken_in_once(
    imports: Imports, send: Send, people: SimpleNamespace
) -> None:
    content = people.csv(people.row(1))
    first, again = await send(content, key="k"), await send(content, key="k")
    assert (again.status_code, again.json()) == (202, first.json())
    assert await imports.waiting() == 1


async def test_a_load_cut_off_leaves_nothing_and_begins_again(
    enrollment: Running, imports: Imports, send: Send, clerk: Who, people: SimpleNamespace
) -> None:
    answer = await send(people.csv(*(people.row(n) for n in range(12))))
    seen: list[int] = []
    half = asyncio.Event()

    async def cut_off(import_id: Any, **counted: int) -> None:
        seen.append(counted.get("written", 0))
        if seen[-1] >= 8:
            half.set()
            await asyncio.sleep(60)

    whole, imports._progress = imports._progress, cut_off  # type: ignore[method-assign]
    task = asyncio.create_task(imports.work_off())
    await half.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for table in ("person", "coverage", "outbox", "contribution_base"):
        assert await ask(enrollment, f"SELECT count(*) FROM {table}") == 0
    assert (await view(enrollment, clerk, answer))["status"] == "waiting"
    imports._progress = whole  # type: ignore[method-assign]
    assert await imports.work_off()
    assert (await view(enrollment, clerk, answer))["loaded"] == 12
    assert await ask(enrollment, "SELECT count(*) FROM outbox") == 12


async def test_a_file_that_cannot_be_read_is_refused_with_its_reason(
    enrollment: Running, imports: Imports, send: Send, clerk: Who, people: SimpleNamespace
) -> None:
    answer = await send(people.csv().replace("县区".encode(), "县城".encode()))
    assert await imports.work_off()
    done = await view(enrollment, clerk, answer)
    assert (done["status"], done["refusal"]["code"]) == ("refused", "file.invalid")
    assert {each["field"] for each in done["refusal"]["errors"]} == {"县城", "county"}
    assert await imports.waiting() == 0


async def test_a_file_of_bad_rows_is_refused_whole(
    enrollment: Running,
    imports: Imports,
    send: Send,
    clerk: Who,
    people: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(whole_file, "BAD_ROWS_MAX", 2)
    answer = await send(people.csv(*(people.row(n, 县区="999999") for n in range(3)), people.row(4)))
    assert await imports.work_off()
    assert (await view(enrollment, clerk, answer))["refusal"]["code"] == "import.too_many_bad_rows"
    assert await ask(enrollment, "SELECT count(*) FROM person") == 0


async def test_a_pools_first_load_gets_a_partition_that_holds_every_rule(
    enrollment: Running, imports: Imports, send: Send, clerk: Who, enrol: Enrol, people: SimpleNamespace
) -> None:
    await send(people.csv(*(people.row(n) for n in range(6))))
    assert await imports.work_off()
    assert await standing_in(enrollment, "person_211100") == 6
    assert await standing_in(enrollment, "person_others") == 0
    assert await ask(enrollment, "SELECT count(*) FROM person WHERE recorded_at IS NULL") == 0
    # Whoever comes later stands beside them, under the same rules.
    by_hand = await enrol(20)
    assert await standing_in(enrollment, "person_211100") == 7
    again = await enrollment.post("/persons", clerk, people.person(3))
    assert again.json()["code"] == "person.already_enrolled"
    person = (await enrollment.get("/persons", clerk, pool="211100", limit=1)).json()["persons"][0]
    overlapping = {"category": "retiree", "start": "2026-03-01"}
    answer = await enrollment.post(f"/persons/{person['person_id']}/coverage", clerk, overlapping)
    assert answer.json()["code"] == "coverage.overlaps"
    assert by_hand["person_id"] != person["person_id"]


_SECOND_COVERAGE = text(
    """
    INSERT INTO coverage (id, pool, person_id, category, start, "end", alone)
    SELECT gen_random_uuid(), pool, person_id, 'resident', :start, :last, :alone
    FROM coverage WHERE person_id = :person ORDER BY start LIMIT 1
    """
)


@pytest.fixture
async def loaded_first(enrollment: Running, imports: Imports, send: Send, people: SimpleNamespace) -> dict[str, Any]:
    """Somebody of a first load, whose only coverage ends with March, as he gets another one."""
    await send(people.csv(*(people.row(n, 停保日期="2026-03-31") for n in range(6))))
    assert await imports.work_off()
    person = await ask(enrollment, "SELECT person_id FROM coverage WHERE alone ORDER BY id LIMIT 1")
    return {"person": person, "start": date(2026, 4, 1), "last": None, "alone": False}


async def test_whoever_came_with_the_first_load_is_compared_once_another_coverage_comes(
    enrollment: Running, loaded_first: dict[str, Any]
) -> None:
    async with enrollment.database.engine.begin() as connection:
        await connection.execute(_SECOND_COVERAGE, loaded_first)
    assert await ask(enrollment, "SELECT count(*) FROM coverage WHERE NOT alone") == 2
    for start, last in ((date(2026, 5, 1), None), (date(2026, 1, 15), date(2026, 2, 1))):
        with pytest.raises(IntegrityError, match="ex_coverage_211100_days"):
            async with enrollment.database.engine.begin() as connection:
                await connection.execute(_SECOND_COVERAGE, {**loaded_first, "start": start, "last": last})


async def test_nobody_says_of_a_coverage_that_it_is_the_only_one(
    enrollment: Running, loaded_first: dict[str, Any]
) -> None:
    async with enrollment.database.engine.begin() as connection:
        await connection.execute(_SECOND_COVERAGE, {**loaded_first, "alone": True})
        await connection.execute(text("UPDATE coverage SET alone = true"))
    assert await ask(enrollment, "SELECT count(*) FROM coverage WHERE alone") == 0


async def test_two_who_insure_somebody_at_once_are_compared_with_each_other(
    enrollment: Running, loaded_first: dict[str, Any]
) -> None:
    async def insure() -> bool:
        try:
            async with enrollment.database.engine.begin() as connection:
                await connection.execute(_SECOND_COVERAGE, loaded_first)
                await asyncio.sleep(0.05)
        except IntegrityError:
            return False
        return True

    assert sorted(await asyncio.gather(insure(), insure())) == [False, True]


async def test_a_pool_with_persons_is_loaded_beside_them(
    enrollment: Running, imports: Imports, send: Send, clerk: Who, enrol: Enrol, people: SimpleNamespace
) -> None:
    await enrol(1)
    answer = await send(people.csv(*(people.row(n) for n in range(2, 9))))
    assert await imports.work_off()
    assert (await view(enrollment, clerk, answer))["loaded"] == 7
    assert await standing_in(enrollment, "person_others") == 8


async def test_the_runtime_role_makes_no_table_of_its_own(enrollment: Running) -> None:
    for statement in ("CREATE TABLE pools.mine (id int)", "SELECT begin_first_load('x; drop table person')"):
        with pytest.raises(Exception, match=r"permission denied|not a pool"):
            async with enrollment.database.engine.begin() as connection:
                await connection.execute(text(statement))


async def test_imports_are_listed_the_latest_first_page_by_page_for_whom_they_concern(
    enrollment: Running, send: Send, clerk: Who, people: SimpleNamespace
) -> None:
    sent = [(await send(people.csv(people.row(n)))).json()["import_id"] for n in range(3)]
    first = (await enrollment.get("/imports", clerk, limit=2)).json()
    assert [each["import_id"] for each in first["imports"]] == sent[:0:-1]
    assert {each["status"] for each in first["imports"]} == {"waiting"}
    rest = (await enrollment.get("/imports", clerk, limit=2, before=first["next"])).json()
    assert ([each["import_id"] for each in rest["imports"]], rest["next"]) == (sent[:1], None)
    other = enrollment.token(Role.ENROLLMENT_CLERK, region="330300")
    assert (await enrollment.get("/imports", other)).json() == {"imports": [], "next": None}


async def test_the_sender_alone_and_the_pools_clerks_see_how_far_it_is(
    enrollment: Running, send: Send, people: SimpleNamespace
) -> None:
    answer = await send(people.csv(people.row(1)))
    other = enrollment.token(Role.ENROLLMENT_CLERK, region="330300")
    assert (await enrollment.get(f"/imports/{answer.json()['import_id']}", other)).status_code == 404
