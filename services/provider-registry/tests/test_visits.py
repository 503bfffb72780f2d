"""A visit is recorded once, where it fits its own day; what is told of it never says what it costs."""

from datetime import timedelta
from typing import Any

from changhu_common.events.care import ServiceDelivered

Story = Any


async def test_a_visit_that_fits_is_recorded_and_told(story: Story) -> None:
    answer = await story.post("/visits", story.office, story.visit())
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "recorded"
    (told,) = await story.running.told(ServiceDelivered)
    assert str(told.visit_id) == answer.json()["visit_id"]
    assert (told.county, told.revision, told.items[0].item, told.items[0].quantity) == ("211102", 1, "LC12", 1)


async def test_the_same_visit_sent_again_is_known(story: Story) -> None:
    first = await story.made("/visits", story.office, story.visit())
    again = await story.made("/visits", story.office, story.visit())
    assert again == {**first, "status": "known"}
    assert len(await story.running.told(ServiceDelivered)) == 1


async def test_a_batch_records_the_good_visits_and_answers_the_bad_ones_by_index(story: Story) -> None:
    await story.made("/visits", story.office, story.visit("V0", at=story.noon - timedelta(days=1)))
    answer = await story.made(
        "/visits/batch",
        story.office,
        {
            "visits": [
                story.visit("V0", at=story.noon - timedelta(days=1)),
                story.visit("V1"),
                story.visit("V2", minutes=-5),
                story.visit("V3", at=story.noon + timedelta(hours=2)),
                {"visit": "V4"},
            ]
        },
    )
    assert (answer["recorded"], answer["known"]) == (2, 1)
    rejected = [(each["index"], each["visit"], each["code"]) for each in answer["rejected"]]
    assert rejected == [(2, "V2", "visit.times_reversed"), (4, "V4", "input.invalid")]
    assert len(await story.running.told(ServiceDelivered)) == 3
