"""However visits are cut into batches, ordered and sent again, the same rows and the same facts are left."""

import asyncio
from datetime import timedelta
from typing import Any

from changhu_standalone.postgres import EmbeddedPostgres
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import NullPool, create_engine, make_url, text

Story = Any

VISITS = 12


@st.composite
def sendings(draw: st.DrawFn) -> list[list[int]]:
    """Every visit at least once, some again, in any order, cut into batches anywhere."""
    again = draw(st.lists(st.integers(0, VISITS - 1), max_size=VISITS))
    order = draw(st.permutations([*range(VISITS), *again]))
    cuts = sorted(draw(st.sets(st.integers(1, len(order) - 1), max_size=6)))
    return [list(order[start:end]) for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True)]


async def left_by(story: Story, visits: list[dict[str, Any]], batches: list[list[int]]) -> tuple[Any, Any]:
    """The rows and events that are left after sending visits in these batches."""
    recorded = 0
    for batch in batches:
        answer = await story.made("/visits/batch", story.office, {"visits": [visits[n] for n in batch]})
        recorded += answer["recorded"]
    async with story.running.database.read() as connection:
        rows = (await connection.execute(text("SELECT * FROM visit ORDER BY id"))).all()
        told = (await connection.execute(text("SELECT event_id, key, value FROM outbox ORDER BY event_id"))).all()
    assert recorded == len(rows) == len(told)
    return rows, told


async def a_month_of(story: Story) -> list[dict[str, Any]]:
    """Good visits to two people, and bad ones that are bad by themselves."""
    people = [story.person_id, await story.person()]
    await story.confirmed_plan(story.organization_id, people[1])
    visits = [
        story.visit(f"V{n}", at=story.noon + timedelta(hours=n), person_id=people[n % 2]) for n in range(VISITS - 4)
    ]
    return [
        *visits,
        story.visit("reversed", minutes=-1),
        story.visit("outside", at=story.noon - timedelta(days=20)),
        story.visit("unknown", items=[{"item": "XX99", "quantity": 1}]),
        story.visit("wrong mode", mode="institution"),
    ]


async def test_any_split_and_order_of_the_same_visits_leaves_the_same(story: Story, postgres: EmbeddedPostgres) -> None:
    visits = await a_month_of(story)
    database = make_url(story.running.database.url).database
    assert database is not None
    owner = create_engine(postgres.url(database, "provider_registry_owner", driver="psycopg"), poolclass=NullPool)
    loop = asyncio.get_running_loop()
    expected: list[Any] = []

    @settings(max_examples=20, deadline=None)
    @given(sendings())
    def the_same_is_left(batches: list[list[int]]) -> None:
        with owner.begin() as connection:
            connection.execute(text("TRUNCATE visit, outbox"))
        left = asyncio.run_coroutine_threadsafe(left_by(story, visits, batches), loop).result()
        expected.append(left)
        assert left == expected[0]
        assert len(left[0]) == VISITS - 4

    await asyncio.to_thread(the_same_is_left)


async def test_two_who_send_the_same_visits_at_once_record_each_once(story: Story) -> None:
    visits = await a_month_of(story)
    answers = await asyncio.gather(
        *(story.made("/visits/batch", story.office, {"visits": order}) for order in (visits, visits[::-1], visits))
    )
    assert sum(each["recorded"] for each in answers) == VISITS - 4
    assert sum(each["known"] for each in answers) == 2 * (VISITS - 4)


async def test_two_who_send_one_id_for_different_people_at_once_record_one_of_them(story: Story) -> None:
    person_id, staff_id = await story.person(), await story.caregiver(story.organization_id, account="nurse-2")
    await story.confirmed_plan(story.organization_id, person_id)
    answers = await asyncio.gather(
        story.post("/visits", story.office, story.visit()),
        story.post("/visits", story.office, story.visit(person_id=person_id, staff_id=staff_id)),
    )
    assert sorted(each.status_code for each in answers) == [201, 409]
