"""A visit is recorded once, where it fits its own day; what is told of it never says what it costs."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from changhu_common.events.care import ServiceCorrected, ServiceDelivered, ServiceVoided
from changhu_common.ids import named_id
from sqlalchemy import text

Story = Any

DAY = timedelta(days=1)


def code_of(answer: Any) -> str:
    return str(answer.json()["code"])


async def test_a_visit_that_fits_is_recorded_and_told_without_a_price(story: Story) -> None:
    answer = await story.post("/visits", story.office, story.visit())
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "recorded"
    (told,) = await story.running.told(ServiceDelivered)
    assert str(told.visit_id) == answer.json()["visit_id"]
    assert (told.county, told.revision, told.started_at) == ("211102", 1, story.noon)
    assert told.model_dump(mode="json")["items"] == [{"item": "LC12", "quantity": 1}]


async def test_a_visits_id_follows_from_its_organisation_and_the_callers_id(story: Story) -> None:
    answer = await story.made("/visits", story.office, story.visit("机构-7"))
    assert answer["visit_id"] == str(named_id("provider-registry.visit", story.organization_id, "机构-7"))


async def test_the_same_visit_sent_again_is_known(story: Story) -> None:
    first = await story.made("/visits", story.office, story.visit())
    again = await story.made("/visits", story.office, story.visit())
    assert again == {**first, "status": "known"}
    assert len(await story.running.told(ServiceDelivered)) == 1


async def test_the_order_of_items_and_the_time_zone_make_no_other_visit(story: Story) -> None:
    items = [{"item": "LC12", "quantity": 1}, {"item": "LC01", "quantity": 2}]
    visit = story.visit(items=items)
    await story.made("/visits", story.office, visit)
    visit["check_in"]["at"] = "2026-07-10T04:00:00Z"
    assert (await story.made("/visits", story.office, {**visit, "items": items[::-1]}))["status"] == "known"


async def test_other_content_under_a_known_id_asks_for_the_correction(story: Story) -> None:
    await story.made("/visits", story.office, story.visit())
    assert await story.refused("/visits", story.office, story.visit(minutes=61)) == (409, "visit.differs")


async def test_a_visit_weeks_late_is_checked_against_its_own_day(story: Story) -> None:
    late = story.visit(at=story.noon)
    await story.made(f"/agreements/{story.agreement_id}/termination", story.clerk, {"end": "2026-07-10"})
    await story.made(f"/staff/{story.staff_id}/release", story.office, {"end": "2026-07-10"})
    assert (await story.made("/visits", story.office, late))["status"] == "recorded"
    after = story.visit("V2", at=story.noon + DAY)
    assert await story.refused("/visits", story.office, after) == (422, "visit.without_agreement")


BROKEN_RULES: list[tuple[dict[str, Any], str]] = [
    ({"minutes": -1}, "visit.times_reversed"),
    ({"minutes": 0}, "visit.times_reversed"),
    ({"minutes": 24 * 60 + 1}, "visit.too_long"),
    ({"days": 30}, "visit.in_future"),
    ({"days": -300}, "visit.without_agreement"),
    ({"mode": "institution"}, "visit.without_agreement"),
    ({"days": -20}, "visit.outside_plan"),
    ({"items": [{"item": "LC02", "quantity": 1}]}, "visit.outside_plan"),
    ({"items": [{"item": "XX99", "quantity": 1}]}, "item.unknown"),
    ({"items": [{"item": "LC12", "quantity": 0}]}, "visit.items_unfit"),
    ({"items": [{"item": "LC12", "quantity": 1}] * 2}, "visit.items_unfit"),
    ({"items": []}, "visit.items_unfit"),
    ({"staff_id": str(uuid4())}, "visit.staff_unknown"),
    ({"person_id": str(uuid4())}, "person.unknown"),
    ({"items": [{"item": "LC12", "quantity": 1.5}]}, "input.invalid"),
    ({"items": [{"item": "LC12", "quantity": 10**20}]}, "input.invalid"),
    ({"visit": "a\u0000b"}, "input.invalid"),
    ({"price_fen": 1}, "input.invalid"),
    *(
        ({"check_in": {"at": at, "place": {"latitude": 0, "longitude": 0}}}, "input.invalid")
        for at in ("0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00", "2026-07-10T12:00:00", "x")
    ),
]


async def test_a_visit_that_breaks_a_rule_is_refused_with_its_code(story: Story) -> None:
    for change, code in BROKEN_RULES:
        more = dict(change)
        at = story.noon + DAY * more.pop("days", 0)
        visit = story.visit(at=at, minutes=more.pop("minutes", 60)) | more
        assert await story.refused("/visits", story.office, visit) == (422, code), change


async def test_every_rule_that_a_visit_breaks_is_told(story: Story) -> None:
    visit = story.visit(minutes=-5, mode="institution", items=[{"item": "XX99", "quantity": 0}])
    problem = (await story.post("/visits", story.office, visit)).json()
    assert [each["code"] for each in problem["findings"]] == [
        "visit.times_reversed",
        "visit.without_agreement",
        "item.unknown",
        "visit.items_unfit",
        "visit.outside_plan",
    ]


async def test_no_visit_counts_on_a_suspended_day(story: Story) -> None:
    path = f"/agreements/{story.agreement_id}"
    await story.made(f"{path}/suspension", story.clerk, {"start": "2026-07-09"})
    await story.made(f"{path}/resumption", story.clerk, {"on": "2026-07-11"})
    assert await story.refused("/visits", story.office, story.visit()) == (422, "visit.without_agreement")
    await story.made("/visits", story.office, story.visit(at=story.noon + DAY))


async def test_a_plan_that_nobody_confirmed_covers_no_visit(story: Story) -> None:
    person_id = await story.person()
    await story.plan(story.organization_id, person_id)
    visit = story.visit(person_id=person_id)
    assert await story.refused("/visits", story.office, visit) == (422, "visit.outside_plan")


async def test_a_caregiver_is_not_in_two_places_at_once(story: Story) -> None:
    await story.made("/visits", story.office, story.visit())
    other = await story.person()
    await story.confirmed_plan(story.organization_id, other)
    overlapping = story.visit("V2", at=story.noon + timedelta(minutes=59), person_id=other)
    assert await story.refused("/visits", story.office, overlapping) == (409, "visit.caregiver_elsewhere")
    following = story.visit("V2", at=story.noon + timedelta(minutes=60), person_id=other)
    await story.made("/visits", story.office, following)


async def test_two_visits_of_one_caregiver_in_one_batch_exclude_each_other(story: Story) -> None:
    later, earlier = story.visit("A", at=story.noon + timedelta(minutes=30)), story.visit("B")
    for visits in ([later, earlier], [earlier, later]):
        answer = await story.made("/visits/batch", story.office, {"visits": visits})
        ((visit, code),) = [(each["visit"], each["code"]) for each in answer["rejected"]]
        assert (visit, code) == ("A", "visit.caregiver_elsewhere")


async def test_whether_it_is_paid_is_no_reason_not_to_record_it(story: Story) -> None:
    """A visit on the day of death is evidence like any other; settlement does not pay it."""
    dead = await story.person(died_on=story.noon.date())
    await story.confirmed_plan(story.organization_id, dead)
    await story.made("/visits", story.office, story.visit(at=story.noon + DAY, person_id=dead))


async def test_a_person_of_another_pool_is_unknown(story: Story) -> None:
    elsewhere = await story.person(pool="330300", county="330302")
    visit = story.visit(person_id=elsewhere)
    assert await story.refused("/visits", story.office, visit) == (422, "person.unknown")


async def test_a_batch_records_the_good_visits_and_answers_the_bad_ones_by_index(story: Story) -> None:
    known = story.visit("V0", at=story.noon - DAY)
    await story.made("/visits", story.office, known)
    visits = [
        known,
        story.visit("V1"),
        story.visit("V2", minutes=-5),
        story.visit("V3", at=story.noon + timedelta(hours=2)),
        {"visit": "V4"},
        "nonsense",
        story.visit("V6", organization_id=str(uuid4())),
        story.visit("V1", minutes=61),
    ]
    answer = await story.made("/visits/batch", story.office, {"visits": visits})
    assert (answer["recorded"], answer["known"]) == (2, 1)
    assert [(each["index"], each["visit"], each["code"]) for each in answer["rejected"]] == [
        (2, "V2", "visit.times_reversed"),
        (4, "V4", "input.invalid"),
        (5, None, "input.invalid"),
        (6, "V6", "not_found"),
        (7, "V1", "visit.differs"),
    ]
    assert all(each["detail"] for each in answer["rejected"])
    assert len(await story.running.told(ServiceDelivered)) == 3


async def test_what_cannot_even_be_stored_is_answered_like_any_other_bad_visit(story: Story) -> None:
    content = r'{"visits": [{"visit": "a\u0000\ud800b", "\u0000": 1}, 7, null, {"visit": {"x": []}}]}'
    answer = await story.post("/visits/batch", {**story.office, "Content-Type": "application/json"}, content=content)
    assert answer.status_code == 201, answer.text
    assert [each["code"] for each in answer.json()["rejected"]] == ["input.invalid"] * 4
    assert answer.json()["rejected"][0]["visit"] == "a??b"


async def test_a_batch_has_a_size(story: Story) -> None:
    for count in (0, 501):
        assert await story.refused("/visits/batch", story.office, {"visits": [{}] * count}) == (422, "input.invalid")


async def test_events_of_a_person_stand_in_order_of_time_whatever_the_order_of_the_list(story: Story) -> None:
    visits = [story.visit(f"V{n}", at=story.noon + timedelta(hours=n)) for n in (3, 1, 2)]
    await story.made("/visits/batch", story.office, {"visits": visits})
    started = [each.started_at for each in await story.running.told(ServiceDelivered)]
    assert started == sorted(started)


async def test_a_correction_keeps_what_was_before_and_tells_the_next_revision(story: Story) -> None:
    first = await story.made("/visits", story.office, story.visit())
    body = {**story.visit(minutes=90), "reason": "签退漏记"}
    answer = await story.made(f"/visits/{first['visit_id']}/correction", story.office, body)
    assert (answer["status"], answer["revision"]) == ("corrected", 2)
    (told,) = await story.running.told(ServiceCorrected)
    assert (told.revision, told.ended_at - told.started_at) == (2, timedelta(minutes=90))
    async with story.running.database.read() as connection:
        audit = (await connection.execute(text("SELECT * FROM audit WHERE action = 'visit.corrected'"))).one()
    assert (audit.before["ended_at"][11:16], audit.after["ended_at"][11:16]) == ("05:00", "05:30")
    assert audit.after["reason"] == "签退漏记"
    assert audit.before["check_in_place"]["address"] is None


async def test_after_a_correction_what_was_sent_first_is_still_known(story: Story) -> None:
    first = await story.made("/visits", story.office, story.visit())
    path = f"/visits/{first['visit_id']}/correction"
    await story.made(path, story.office, {**story.visit(minutes=90), "reason": "签退漏记"})
    assert (await story.made("/visits", story.office, story.visit()))["status"] == "known"
    assert (await story.made("/visits", story.office, story.visit(minutes=90)))["status"] == "known"
    again = await story.made(path, story.office, {**story.visit(minutes=90), "reason": "又一次"})
    assert again["revision"] == 2


async def test_a_correction_obeys_the_rules_of_a_visit_and_keeps_its_identity(story: Story) -> None:
    first = await story.made("/visits", story.office, story.visit())
    await story.made("/visits", story.office, story.visit("V2", at=story.noon + timedelta(hours=1)))
    path = f"/visits/{first['visit_id']}/correction"
    other = await story.person()
    for changed, expected in (
        (story.visit(minutes=61), (409, "visit.caregiver_elsewhere")),
        (story.visit(minutes=-1), (422, "visit.times_reversed")),
        (story.visit("V9"), (422, "visit.identity_changed")),
        (story.visit(person_id=other), (422, "visit.identity_changed")),
    ):
        assert await story.refused(path, story.office, {**changed, "reason": "更正"}) == expected
    assert await story.refused(path, story.office, story.visit(minutes=30)) == (422, "input.invalid")


async def test_a_voided_visit_frees_its_caregiver_and_stays_void(story: Story) -> None:
    first = await story.made("/visits", story.office, story.visit())
    path = f"/visits/{first['visit_id']}"
    answer = await story.made(f"{path}/void", story.office, {"reason": "未上门"})
    assert (answer["status"], answer["revision"]) == ("voided", 2)
    (told,) = await story.running.told(ServiceVoided)
    assert (told.revision, told.VOID) == (2, True)
    await story.made("/visits", story.office, story.visit("V2"))
    again = {"reason": "再次"}
    assert await story.refused(f"{path}/void", story.office, again) == (409, "visit.voided")
    correction = {**story.visit(minutes=30), **again}
    assert await story.refused(f"{path}/correction", story.office, correction) == (409, "visit.voided")


async def test_visits_are_read_by_month_page_by_page(story: Story) -> None:
    days = [story.noon + timedelta(days=n) for n in (0, 1, 2)]
    visits = [story.visit(f"V{n}", at=at) for n, at in enumerate(days)]
    await story.made("/visits/batch", story.office, {"visits": visits})
    july = {"organization_id": story.organization_id, "month": "2026-07", "limit": 2}
    first = (await story.running.get("/visits", story.office, **july)).json()
    assert [each["visit"] for each in first] == ["V0", "V1"]
    second = (await story.running.get("/visits", story.office, **july, after=first[-1]["visit_id"])).json()
    assert [each["visit"] for each in second] == ["V2"]
    june = await story.running.get("/visits", story.office, **{**july, "month": "2026-06"})
    assert june.json() == []
    for month in ("2026-7", "2026-13", "9999-12"):
        wrong = await story.running.get("/visits", story.office, **{**july, "month": month})
        assert (wrong.status_code, code_of(wrong)) == (422, "input.invalid")
