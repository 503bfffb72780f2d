"""Lines follow the facts: each says what it costs, what the fund pays of it, and by which clause."""

import asyncio
from datetime import date
from typing import Any

import pytest
from changhu_common.bus.port import Message
from changhu_common.database import Actor
from changhu_common.events import Envelope
from changhu_common.events.assessment import AssessmentRevoked
from changhu_common.events.care import ServiceCorrected, ServiceVoided
from changhu_common.events.cloudevents import encode
from changhu_common.events.enrollment import HospitalStayRecorded
from changhu_common.ids import new_id
from changhu_common.roles import Role
from settlement.storage.accounts import ask_recount
from settlement.usecases import facts
from settlement.usecases.recounting import Recounting
from sqlalchemy import event, text

from services.settlement.tests.settlement_story import (
    POOL,
    Settlement,
    again,
    at,
    deployed,
    designated,
    graded,
    income,
    insured,
    prices,
    visit,
)
from tests.support.running import Deploy


@pytest.fixture
async def settlement(deploy: Deploy) -> Settlement:
    return await deployed(deploy)


def codes(line: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in line["findings"]}


async def test_each_item_of_a_visit_is_a_line_with_its_price_of_the_day(settlement: Settlement) -> None:
    await settlement.hear(*settlement.home(), settlement.visit(at(3), {"LC12": 2, "LC01": 1}))
    month = await settlement.month()
    assert sorted((line["item"], line["quantity"], line["price_fen"], line["fund_fen"]) for line in month["lines"]) == [
        ("LC01", 1, 2_000, 1_600),
        ("LC12", 2, 10_000, 16_000),
    ]


async def test_a_line_shows_the_clause_and_its_status(settlement: Settlement) -> None:
    await settlement.hear(*settlement.home(), settlement.visit(at(3)))
    ((line,), limit) = (await settlement.month())["lines"], (await settlement.month())["limit"]
    (paid,) = [finding for finding in line["findings"] if finding["code"] == "paid_by_ratio"]
    assert (paid["clause"], paid["status"], paid["parameter"]) == ("二(六)3", "stated", "benefit.ratio")
    assert (limit["limit_fen"], limit["used_fen"], limit["left_fen"]) == (252_000, 8_000, 244_000)


async def test_a_limit_shows_each_value_that_it_is_made_of_and_what_was_read_into_it(settlement: Settlement) -> None:
    await settlement.hear(*settlement.home(), settlement.visit(at(3)))
    shown = {each["code"]: each for each in (await settlement.month())["limit"]["findings"]}
    assert shown["limit_statistic"]["text"] == "2025年全市居民人均可支配收入43,200.00元"
    assert (shown["limit_ratio"]["clause"], shown["limit_ratio"]["status"]) == ("二(六)3", "stated")
    assert shown["limit_caps"]["status"] == "assumed"
    assert shown["limit_caps"]["reading"]


async def test_an_item_without_a_price_is_not_paid_until_its_price_comes(settlement: Settlement) -> None:
    *home, _ = settlement.home()
    await settlement.hear(*home, settlement.visit(at(3)))
    (line,) = (await settlement.month())["lines"]
    assert (line["status"], codes(line), line["cost_fen"]) == ("not_paid", {"no_price"}, 0)
    await settlement.hear(prices(settlement.organisation))
    (line,) = (await settlement.month())["lines"]
    assert (line["status"], line["fund_fen"]) == ("paid", 8_000)


async def test_the_limit_caps_a_month_and_what_is_above_it_is_the_persons(settlement: Settlement) -> None:
    visits = [settlement.visit(at(day), {"LC12": 10}) for day in (3, 4, 5, 6, 7)]
    await settlement.hear(*settlement.home(), *visits)
    month = await settlement.month()
    assert [line["fund_fen"] for line in month["lines"]] == [80_000, 80_000, 80_000, 12_000, 0]
    assert [line["status"] for line in month["lines"]] == ["paid"] * 4 + ["not_paid"]
    assert month["limit"]["left_fen"] == 0


async def test_each_visit_takes_up_the_limit_where_those_before_it_left_it(settlement: Settlement) -> None:
    await settlement.hear(*settlement.home())
    for day in (3, 4, 6, 5, 7):
        await settlement.hear(settlement.visit(at(day), {"LC12": 10}))
    month = await settlement.month()
    assert [line["fund_fen"] for line in month["lines"]] == [80_000, 80_000, 80_000, 12_000, 0]
    assert month["limit"]["left_fen"] == 0


async def test_a_visit_that_cannot_be_decided_leaves_the_whole_period_undecided(settlement: Settlement) -> None:
    organisation = designated(settlement.organisation, modes=("home", "community"), revision=2)
    await settlement.hear(*settlement.home(), organisation, settlement.visit(at(3)))
    assert [line["status"] for line in (await settlement.month())["lines"]] == ["paid"]
    await settlement.hear(visit(settlement.person, settlement.organisation, at(21), mode="community"))
    assert [line["status"] for line in (await settlement.month())["lines"]] == ["undecided", "undecided"]


async def test_a_visit_that_arrives_late_takes_its_place_in_time(settlement: Settlement) -> None:
    await settlement.hear(*settlement.home(), *(settlement.visit(at(day), {"LC12": 10}) for day in (4, 5, 6)))
    await settlement.hear(settlement.visit(at(3), {"LC12": 10}))
    assert [line["fund_fen"] for line in (await settlement.month())["lines"]] == [80_000, 80_000, 80_000, 12_000]


async def test_a_missing_value_leaves_the_period_undecided_until_it_comes(settlement: Settlement) -> None:
    _, *home = settlement.home()
    await settlement.hear(*home, settlement.visit(at(3)))
    month = await settlement.month()
    assert (month["undecided"], month["lines"][0]["status"], month["lines"][0]["fund_fen"]) == (1, "undecided", None)
    (finding,) = month["lines"][0]["findings"]
    assert (finding["code"], finding["status"], finding["clause"]) == ("policy.missing", "missing", "二(六)3")
    assert month["limit"]["problem"]["code"] == "policy.missing"
    assert month["limit"]["problem"]["parameter"] == "city_resident_disposable_income"
    await settlement.hear(income())
    month = await settlement.month()
    assert (month["undecided"], month["fund_fen"], month["limit"]["problem"]) == (0, 8_000, None)


async def test_a_supplied_value_that_nobody_can_read_is_parked_alone(settlement: Settlement) -> None:
    wrong = income(parameter="benefit.condition", value="x", start=date(2026, 1, 1), end=None)
    await settlement.hear(*settlement.home(), wrong, settlement.visit(at(3)))
    assert (await settlement.month())["fund_fen"] == 8_000
    (parked,) = (await settlement.running.get("/dead-letters", settlement.who(Role.OPERATOR))).json()
    assert parked["event_type"] == "policy_value.approved.v1"


async def test_a_corrected_visit_moves_to_its_person_and_month(settlement: Settlement) -> None:
    other = new_id()
    made = settlement.visit(at(3))
    await settlement.hear(*settlement.home(), insured(other), graded(other), made)
    await settlement.hear(again(ServiceCorrected, made, person_id=other, started_at=at(3, month=8)))
    while await Recounting(settlement.running.database).work_off():
        pass
    assert (await settlement.month())["lines"] == []
    assert (await settlement.month("2026-08", other))["fund_fen"] == 8_000


async def test_a_voided_visit_leaves_nothing_but_a_void_line(settlement: Settlement) -> None:
    made = settlement.visit(at(3))
    await settlement.hear(*settlement.home(), made)
    await settlement.hear(again(ServiceVoided, made))
    await settlement.hear(made)
    month = await settlement.month()
    assert (month["lines"], month["limit"]["left_fen"]) == ([], 252_000)
    async with settlement.running.database.read() as connection:
        assert await connection.scalar(text("SELECT status FROM line")) == "void"


async def test_a_revoked_conclusion_is_void_from_its_first_day(settlement: Settlement) -> None:
    conclusion = graded(settlement.person)
    home = [each for each in settlement.home() if type(each) is not type(conclusion)]
    await settlement.hear(*home, conclusion, settlement.visit(at(3)))
    await settlement.hear(again(AssessmentRevoked, conclusion))
    (line,) = (await settlement.month())["lines"]
    assert (line["status"], codes(line)) == ("not_paid", {"not_assessed"})


async def test_a_hospital_stay_is_shown_where_it_only_informs(settlement: Settlement) -> None:
    stay = HospitalStayRecorded(
        stay_id=new_id(), person_id=settlement.person, pool=POOL, revision=1, start=date(2026, 7, 2)
    )
    await settlement.hear(*settlement.home(), settlement.visit(at(3)), stay)
    (line,) = (await settlement.month())["lines"]
    assert line["status"] == "paid"
    assert "in_hospital" in codes(line)


async def test_a_service_before_the_rules_began_is_not_paid(settlement: Settlement) -> None:
    await settlement.hear(*settlement.home(), settlement.visit(at(3).replace(year=2020)))
    (line,) = (await settlement.month("2020-07"))["lines"]
    assert (line["status"], codes(line)) == ("not_paid", {"not_in_force"})


async def test_too_many_persons_for_one_transaction_wait_in_the_queue(
    settlement: Settlement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "RECOUNT_PERSONS_MAX", 2)
    people = [new_id() for _ in range(3)]
    told = [event for person in people for event in (insured(person), graded(person))]
    visits = [visit(person, settlement.organisation, at(3)) for person in people]
    await settlement.hear(income(), designated(settlement.organisation), *told, *visits)
    await settlement.hear(prices(settlement.organisation))
    recounting = Recounting(settlement.running.database)
    assert (await recounting.waiting(), (await settlement.month(person=people[0]))["fund_fen"]) == (3, 0)
    assert await recounting.work_off() == 3
    assert [(await settlement.month(person=each))["fund_fen"] for each in people] == [8_000] * 3
    assert await recounting.waiting() == 0


async def test_a_batch_takes_a_few_statements_however_many_visits_it_brings(settlement: Settlement) -> None:
    await settlement.hear(*settlement.home())
    seen: list[str] = []
    engine = settlement.running.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *said: seen.append(said[2]))
    await settlement.hear(*(visit(new_id(), settlement.organisation, at(3)) for _ in range(300)))
    assert len(seen) < 30


async def test_whoever_is_known_has_a_limit_before_the_first_service(settlement: Settlement) -> None:
    await settlement.hear(*settlement.home())
    answer = await settlement.running.get(
        f"/persons/{settlement.person}/limit", settlement.who(Role.AUDITOR), on="2026-07-15"
    )
    told = answer.json()
    assert (told["limit_fen"], told["left_fen"], told["start"]) == (252_000, 252_000, "2026-07-01")


async def test_a_rebuild_from_the_facts_changes_nothing(settlement: Settlement) -> None:
    await settlement.hear(*settlement.home(), *(settlement.visit(at(day)) for day in range(1, 20)))
    rebuilt = await Recounting(settlement.running.database).rebuild()
    assert (rebuilt.persons, rebuilt.lines_changed) == (1, 0)


async def test_a_pack_that_changed_since_the_last_count_is_counted_again(settlement: Settlement) -> None:
    await settlement.hear(*settlement.home(), settlement.visit(at(3)))
    async with settlement.running.database.change(Actor("test", "test")) as transaction:
        await transaction.connection.execute(text("UPDATE limit_period SET pack_version = 'of yesterday'"))
    recounting = Recounting(settlement.running.database)
    await recounting.catch_up()
    assert await recounting.work_off() == 1
    await recounting.catch_up()
    assert await recounting.waiting() == 0


@pytest.mark.parametrize("quantity", [0, -1])
async def test_a_visit_with_less_than_one_of_an_item_is_parked(settlement: Settlement, quantity: int) -> None:
    await settlement.hear(
        *settlement.home(), settlement.visit(at(3)), visit(new_id(), settlement.organisation, at(3), {"LC12": quantity})
    )
    assert (await settlement.month())["fund_fen"] == 8_000
    (parked,) = (await settlement.running.get("/dead-letters", settlement.who(Role.OPERATOR))).json()
    assert "InvalidInput" in parked["error"]


async def test_the_loop_works_off_what_waits_and_stops_when_told(settlement: Settlement) -> None:
    await settlement.hear(*settlement.home(), settlement.visit(at(3)))
    recounting = Recounting(settlement.running.database)
    async with settlement.running.database.change(Actor("test", "test")) as transaction:
        await ask_recount(transaction.connection, [settlement.person])
    stop = asyncio.Event()
    loop = asyncio.create_task(recounting.run(stop))
    async with asyncio.timeout(10):
        while await recounting.waiting():
            await asyncio.sleep(0.02)
        stop.set()
        await loop


async def test_an_unknown_version_is_parked_and_can_be_put_back(settlement: Settlement) -> None:
    await settlement.hear(*settlement.home())
    told = encode(Envelope(id=new_id(), source="test", time=at(3), event=settlement.visit(at(3))))
    newer = Message(told.topic, told.key, {**told.headers, "ce_type": "service.delivered.v9"}, told.value)
    broken = Message(told.topic, "x", {**told.headers, "ce_id": str(new_id())}, b"{}")
    await settlement.hear(newer, broken)
    assert (await settlement.month())["lines"] == []
    parked = (await settlement.running.get("/dead-letters", settlement.who(Role.OPERATOR))).json()
    assert {each["event_type"] for each in parked} == {"service.delivered.v9", "service.delivered.v1"}
    async with settlement.running.database.engine.begin() as connection:
        await connection.execute(
            text('UPDATE parked SET headers = headers || \'{"ce_type": "service.delivered.v1"}\', value = :value'),
            {"value": told.value},
        )
    await settlement.running.post("/dead-letters/replay", settlement.who(Role.OPERATOR))
    assert settlement.running.worker.consumer is not None
    await settlement.running.worker.consumer.replay_asked()
    assert (await settlement.month())["fund_fen"] == 8_000
