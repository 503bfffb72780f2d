"""An application's way, from entry to a grade that others can rely on."""

from datetime import UTC, date, datetime

import pytest
from assessment.domain.steps import STEPS, State, Step, WrongState, require_step
from changhu_common.events.assessment import AssessmentPublished
from changhu_common.roles import Role

from services.assessment.tests.assessment_story import COUNTY, LIGHTEST, POOL, SCALE, Story, done, enrolled, refused
from tests.support.running import Deploy


@pytest.fixture
async def story(deploy: Deploy) -> Story:
    return await Story.begin(deploy)


async def test_a_person_gets_a_grade_after_its_publicity(story: Story) -> None:
    application = done(await story.apply(), 201)
    assert application["status"] == "submitted"
    application_id = application["application_id"]
    assert done(await story.step(application_id, "acceptance", {}))["status"] == "accepted"
    assert done(await story.assign(application_id))["status"] == "assigned"
    visit = done(await story.visit(application_id))
    assert (visit["grade"], visit["totals"], visit["bands"]["adl"]) == (
        5,
        {"adl": 0, "cognition": 0, "perception": 0},
        "severe",
    )
    first = done(await story.step(application_id, "confirmations", {}, story.staff("expert")))
    assert first["status"] == "visited"
    second = done(await story.step(application_id, "confirmations", {}, story.staff("other-expert")))
    assert (second["status"], second["confirmations"], second["level"]) == ("confirmed", 2, "一")
    public = done(await story.step(application_id, "publicity", {"start": "2026-07-01"}))
    assert (public["status"], public["ends_on"]) == ("publicity", "2026-07-08")
    story.pass_days(8)
    published = await story.publish_over()
    (told,) = await story.service.told(AssessmentPublished)
    assert [str(told.conclusion_id)] == published
    assert told.person_id == story.person_id
    assert (told.scale, told.scale_version, told.grade, told.revision) == ("national-2021", SCALE.version, 5, 1)
    assert (told.start, told.end) == (date(2026, 7, 9), date(2028, 7, 8))
    assert (told.disabled_since, told.published_on) == (date(2025, 6, 1), date(2026, 7, 9))
    assert await story.status(application_id) == "published"


async def test_the_file_of_an_application_holds_everything(story: Story) -> None:
    application = await story.publicised()
    file = done(await story.service.get(f"/applications/{application}", story.clerk))
    (only,) = file["rounds"]
    assert only["staff_ids"] == [str(story.assessor.staff_id), str(story.expert.staff_id)]
    assert only["visit"]["scale"] == "national-2021"
    assert len(only["visit"]["scores"]) == 17
    assert {each["staff_id"] for each in only["confirmations"]} == {
        str(story.expert.staff_id),
        str(story.other_expert.staff_id),
    }
    assert (file["status"], file["possible"], file["publicity_ends_on"]) == (
        "publicity",
        ["objection", "publication"],
        "2026-07-08",
    )


async def test_an_answer_is_due_in_working_days(story: Story) -> None:
    application = done(await story.apply(), 201)
    assert application["due_on"] == "2026-07-08"
    accepted = done(await story.step(application["application_id"], "acceptance", {}))
    assert accepted["due_on"] == "2026-08-12"


async def test_no_calendar_holds_an_application_up(story: Story) -> None:
    story.service.advance_to(datetime(2026, 12, 1, 1, tzinfo=UTC))
    application = done(await story.apply(), 201)["application_id"]
    accepted = done(await story.step(application, "acceptance", {}))
    assert accepted["due_on"] is None
    assert "2027" in accepted["due_missing"]


@pytest.mark.parametrize("state", State)
def test_a_step_that_a_state_does_not_know_is_refused_with_what_is_possible(state: State) -> None:
    for step in Step:
        if step in STEPS[state]:
            require_step(step=step, state=state)
            continue
        with pytest.raises(WrongState) as wrong:
            require_step(step=step, state=state)
        assert wrong.value.members["possible"] == list(STEPS[state])


async def test_a_step_out_of_turn_writes_nothing(story: Story) -> None:
    application = done(await story.apply(), 201)["application_id"]
    async with story.nothing_written():
        problem = refused(await story.assign(application), "application.wrong_state")
        assert (problem["state"], problem["possible"]) == ("submitted", ["acceptance", "refusal"])
        assert problem["status"] == 409
        refused(await story.visit(application), "application.wrong_state")
        refused(await story.step(application, "confirmations", {}, story.staff("expert")), "application.wrong_state")
        refused(await story.step(application, "publicity", {"start": "2026-07-01"}), "application.wrong_state")
        refused(await story.step(application, "objection", {"reason": "不同意"}), "application.wrong_state")


async def test_a_request_sent_again_is_one_application(story: Story) -> None:
    body = {"person_id": str(story.person_id), "disabled_since": "2025-06-01"}
    first = await story.service.post("/applications", story.clerk, body, key="k")
    async with story.nothing_written():
        again = await story.service.post("/applications", story.clerk, body, key="k")
        assert (again.status_code, again.json()) == (201, first.json())
        other = await story.service.post(
            "/applications", story.clerk, {**body, "disabled_since": "2025-05-01"}, key="k"
        )
        refused(other, "idempotency.key_reused")


async def test_a_change_without_a_key_is_refused(story: Story) -> None:
    async with story.nothing_written():
        answer = await story.service.client.post("/applications", headers=story.clerk, json={})
        assert answer.status_code == 400
        refused(answer, "idempotency.key_missing")


async def test_a_field_that_nobody_knows_is_refused(story: Story) -> None:
    problem = refused(await story.apply(resident_number="x"), "input.invalid")
    assert [each["field"] for each in problem["errors"]] == ["resident_number"]


async def test_who_may_not_is_told_so(story: Story) -> None:
    application = await story.accepted()
    of = f"/applications/{application}"
    async with story.nothing_written():
        assert (await story.service.get(of, {})).status_code == 401
        assert (await story.service.client.post(f"{of}/acceptance", headers={})).status_code == 401
        auditor = story.service.token(Role.AUDITOR)
        assert done(await story.service.get(of, auditor))["status"] == "accepted"
        for step, body in (("refusal", {"reason": "x"}), ("visit", {}), ("confirmations", {}), ("publicity", {})):
            refused(await story.step(application, step, body, auditor), "auth.role_missing")
        refused(await story.step(application, "confirmations", {}, story.clerk), "auth.role_missing")
        elsewhere = story.service.token(Role.ASSESSMENT_CLERK, region="211122")
        assert (await story.service.get(of, elsewhere)).status_code == 404
        for step, body in (("refusal", {"reason": "x"}), ("publicity", {"start": "2026-07-01"})):
            answer = await story.step(application, step, body, elsewhere)
            assert answer.status_code == 404
            refused(answer, "not_found")
        answer = await story.service.get(f"/persons/{story.person_id}/conclusions", elsewhere)
        assert answer.status_code == 404


async def test_insured_people_see_their_own_applications_alone(story: Story) -> None:
    other = enrolled(type(story.person_id)(int=1))
    await story.service.hear(other)
    body = {"person_id": str(story.person_id), "disabled_since": "2025-06-01"}
    own = done(await story.service.post("/applications", story.insured(), body), 201)["application_id"]
    await story.apply(person_id=str(other.person_id))
    listed = done(await story.service.get("/applications", story.insured(), pool=POOL))["applications"]
    assert [each["application_id"] for each in listed] == [own]
    for foreign in (other.person_id, type(story.person_id)(int=2)):  # known or not, it is told alike
        answer = await story.service.post("/applications", story.insured(), {**body, "person_id": str(foreign)})
        assert answer.status_code == 404
    conclusions = done(await story.service.get(f"/persons/{story.person_id}/conclusions", story.insured()))
    assert conclusions == {"person_id": str(story.person_id), "conclusions": []}
    answer = await story.service.get(f"/persons/{other.person_id}/conclusions", story.insured())
    assert answer.status_code == 404


async def test_assessors_of_an_organisation_see_what_it_was_assigned(story: Story) -> None:
    application = await story.accepted()
    done(await story.assign(application))
    for organisation, status in ((story.first, 200), (story.second, 404)):
        who = story.service.token(Role.ASSESSOR, organisation=organisation)
        assert (await story.service.get(f"/applications/{application}", who)).status_code == status


async def test_applications_are_listed_by_state_page_by_page(story: Story) -> None:
    people = [story.person_id, *(type(story.person_id)(int=number) for number in range(1, 4))]
    await story.service.hear(*(enrolled(person) for person in people[1:]))
    made = [done(await story.apply(person_id=str(person)), 201)["application_id"] for person in people]
    done(await story.step(made[3], "refusal", {"reason": "材料不全"}))
    asked = {"pool": POOL, "status": "submitted", "limit": 2}
    first = done(await story.service.get("/applications", story.clerk, **asked))
    assert [each["application_id"] for each in first["applications"]] == made[:2]
    rest = done(await story.service.get("/applications", story.clerk, after=first["next"], **asked))
    assert ([each["application_id"] for each in rest["applications"]], rest["next"]) == (made[2:3], None)
    county = story.service.token(Role.ASSESSMENT_CLERK, region=COUNTY)
    assert len(done(await story.service.get("/applications", county, pool=POOL))["applications"]) == 4


async def test_what_does_not_reach_a_benefit_level_is_delivered_at_once(story: Story) -> None:
    application = await story.confirmed(scores=LIGHTEST)
    (told,) = await story.service.told(AssessmentPublished)
    assert (told.grade, told.start, told.published_on) == (0, story.today, story.today)
    assert await story.status(application) == "delivered"
    (conclusion,) = await story.conclusions()
    assert (conclusion["grade"], conclusion["level"]) == (0, None)
    refused(await story.step(application, "publicity", {"start": str(story.today)}), "application.wrong_state")
