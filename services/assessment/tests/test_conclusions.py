"""A person has one grade a day; a later conclusion cuts the earlier short, a revoked one gives its days back."""

from datetime import date
from uuid import uuid4

import pytest
from assessment.storage.tables import application, assignment, conclusion, visit
from assessment.usecases.standings import Standings
from changhu_common.events.assessment import AssessmentPublished, AssessmentRevoked
from changhu_common.roles import Role
from psycopg.errors import ExclusionViolation, InsufficientPrivilege
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from services.assessment.tests.assessment_story import Story, done, refused
from tests.support.running import Deploy

REVOKED = {"reason": "抽查发现评估失实"}


@pytest.fixture
async def story(deploy: Deploy) -> Story:
    return await Story.begin(deploy)


async def test_a_later_conclusion_cuts_the_earlier_one_short(story: Story) -> None:
    first = await story.published()
    story.pass_days(180)
    second = await story.published()
    told = await story.service.told(AssessmentPublished)
    assert [(str(each.conclusion_id), each.revision) for each in told] == [(first, 1), (first, 2), (second, 1)]
    assert (told[0].start, told[0].end) == (date(2026, 7, 9), date(2028, 7, 8))
    assert (told[1].start, told[1].end) == (date(2026, 7, 9), date(2027, 1, 12))
    assert (told[2].start, told[2].end) == (date(2027, 1, 13), date(2029, 1, 12))


async def test_a_revoked_conclusion_is_void_and_gives_back_what_it_took(story: Story) -> None:
    first = await story.published()
    story.pass_days(180)
    second = await story.published()
    revoked = done(await story.service.post(f"/conclusions/{second}/revocation", story.clerk, REVOKED))
    assert (revoked["void"], revoked["revision"]) == (True, 2)
    (told,) = await story.service.told(AssessmentRevoked)
    assert (str(told.conclusion_id), told.revision) == (second, 2)
    last = (await story.service.told(AssessmentPublished))[-1]
    assert (str(last.conclusion_id), last.revision, last.end) == (first, 3, date(2028, 7, 8))


async def test_a_conclusion_is_revoked_once_and_by_who_may(story: Story) -> None:
    only = await story.published()
    of = f"/conclusions/{only}/revocation"
    async with story.nothing_written():
        refused(await story.service.post(of, story.service.token(Role.AUDITOR), REVOKED), "auth.role_missing")
        elsewhere = story.service.token(Role.ASSESSMENT_CLERK, region="211122")
        assert (await story.service.post(of, elsewhere, REVOKED)).status_code == 404
        assert (await story.service.post(f"/conclusions/{uuid4()}/revocation", story.clerk, REVOKED)).status_code == 404
    done(await story.service.post(of, story.clerk, REVOKED))
    async with story.nothing_written():
        refused(await story.service.post(of, story.clerk, REVOKED), "conclusion.revoked")


async def test_every_step_is_audited_without_a_name_or_a_reason(story: Story) -> None:
    only = await story.published()
    done(await story.service.post(f"/conclusions/{only}/revocation", story.clerk, REVOKED))
    audit = story.service.database.spine.audit
    async with story.service.database.read() as connection:
        rows = (await connection.execute(select(audit).order_by(audit.c.id))).all()
    assert [row.action for row in rows] == [
        "submit", "accept", "assign", "visit", "confirm", "confirm", "publicise", "publish", "decide_fee",
        "change_days", "revoke", "decide_fee",
    ]  # fmt: skip
    assert REVOKED["reason"] not in repr(rows)


async def test_the_database_refuses_two_grades_on_a_day(story: Story) -> None:
    await story.published()
    async with story.service.database.engine.connect() as connection:
        row = (await connection.execute(select(conclusion))).one()._mapping
        with pytest.raises(IntegrityError) as twice:
            await connection.execute(insert(conclusion).values({**row, "id": uuid4(), "place": 2, "round": 2}))
        assert isinstance(twice.value.orig, ExclusionViolation)


async def test_the_database_refuses_a_second_open_application(story: Story) -> None:
    await story.accepted()
    async with story.service.database.engine.connect() as connection:
        row = (await connection.execute(select(application))).one()._mapping
        with pytest.raises(IntegrityError):
            await connection.execute(insert(application).values({**row, "id": uuid4()}))


async def test_what_was_found_on_site_is_never_changed(story: Story) -> None:
    for statement in ("UPDATE visit SET grade = 5", "DELETE FROM confirmation", "DELETE FROM objection"):
        async with story.service.database.engine.connect() as connection:
            with pytest.raises(ProgrammingError) as refusal:
                await connection.execute(text(statement))
            assert isinstance(refusal.value.orig, InsufficientPrivilege)


def test_no_table_has_room_for_a_name_or_an_id_number() -> None:
    columns = {column.name for table in (application, assignment, visit, conclusion) for column in table.columns}
    assert not columns & {"name", "resident_number", "phone", "address"}


async def test_who_stands_at_a_grade_on_a_day_is_told_without_those_revoked(story: Story) -> None:
    only = await story.published()
    standings = Standings(story.service.database)
    there = {("national-2021", 5): [story.person_id]}
    assert await standings.by_grade(pool="211100", on=date(2026, 7, 9)) == there
    assert not await standings.by_grade(pool="211100", on=date(2026, 7, 8))
    assert not await standings.by_grade(pool="330300", on=date(2026, 7, 9))
    done(await story.service.post(f"/conclusions/{only}/revocation", story.clerk, REVOKED))
    assert not await standings.by_grade(pool="211100", on=date(2026, 7, 9))
