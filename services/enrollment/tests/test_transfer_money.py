"""Money that moves with a person: decided by the pool's rule, by three people, and both ends are compared."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from changhu_common.events.enrollment import (
    TransferMoney,
    TransferMoneyPaid,
    TransferMoneyPaymentReturned,
    TransferMoneyReceiptReturned,
    TransferMoneyReceived,
)
from changhu_common.roles import Role
from changhu_policies.drafts import ALL, SETTING
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.enrollment.tests.transfer_story import HERE, PAID, RECEIVED, RETURNED, THERE, City
from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]


async def test_what_is_paid_is_told_by_county_category_and_amount_and_never_whose_it_is(here: City, left: str) -> None:
    money = await here.sent(left)
    (event,) = await here.running.told(TransferMoneyPaid)
    assert (str(event.money_id), event.county, event.category, event.amount_fen) == (
        money,
        "211102",
        "employee",
        50_000,
    )
    assert (str(event.paid_on), event.bank_reference, event.other_pool) == ("2026-07-01", "Z1", THERE)
    assert "person_id" not in event.model_dump()


async def test_money_goes_to_the_books_of_the_county_of_the_day_of_the_transfer(here: City, left: str) -> None:
    (person,) = {
        each["person_id"] for each in (await here.running.get("/persons", here.clerk, pool=HERE)).json()["persons"]
    }
    await here.made(f"/persons/{person}/details", {"county": "211122", "county_since": "2026-07-01"})
    await here.sent(left)
    assert [each.county for each in await here.running.told(TransferMoneyPaid)] == ["211102"]


async def test_without_a_rule_no_money_goes_along(here: City, enrol: Enrol) -> None:
    refused = await here.decide(await here.leave(await enrol(1)))
    assert (refused.status_code, refused.json()["code"]) == (422, "transfer_money.none_goes_along")
    assert refused.json()["clause"]


async def test_where_the_document_leaves_it_open_the_missing_value_is_named(
    enrollment: Running, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, ALL)
    city = City(enrollment, "530400", "530402")
    coverage = {"category": "employee", "start": "2026-09-01"}
    person = await city.made("/persons", people.person(1, county=city.county, coverage=coverage))
    refused = await city.decide(await city.leave(person, end="2026-12-31"))
    assert (refused.json()["code"], refused.json()["parameter"]) == ("policy.missing", "transfer.money")


async def test_an_agreed_amount_is_entered(here: City, left: str) -> None:
    refused = await here.decide(left, None)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "amount_fen")


async def test_what_a_person_paid_himself_is_computed_from_his_account(here: City, enrol: Enrol) -> None:
    await here.supply("own_payments")
    person, other = await enrol(1), await enrol(2)
    await here.made("/contribution-runs", {"pool": HERE, "period": "2026-05"})
    run = (await here.made("/contribution-runs", {"pool": HERE, "period": "2026-06"}))["run_id"]
    paid = {"person_id": person["person_id"], "payer": "personal_account", "amount_fen": 1000}
    bank = {"received_on": "2026-07-01", "reference": "回单"}
    await here.made(f"/contribution-runs/{run}/payments", {**bank, "payments": [paid]})
    left = await here.leave(person)
    wrong = await here.decide(left, 999)
    assert (wrong.json()["code"], wrong.json()["amount_fen"]) == ("transfer_money.amount_differs", 1000)
    await here.sent(left, None)
    assert [each.amount_fen for each in await here.running.told(TransferMoneyPaid)] == [1000]
    assert (await here.decide(left, None)).json()["code"] == "transfer_money.nothing_to_send"
    # The others' part of the cell came without names: it is full, and settles everybody.
    await here.made(f"/contribution-runs/{run}/receipts", bank)
    assert (await here.decide(left, None)).json()["amount_fen"] == 86
    assert (await here.decide(await here.leave(other), None)).json()["amount_fen"] == 1086


async def test_a_computed_sum_is_approved_only_while_the_account_still_comes_to_it(here: City, enrol: Enrol) -> None:
    await here.supply("own_payments")
    person = await enrol(1)
    run = (await here.made("/contribution-runs", {"pool": HERE, "period": "2026-06"}))["run_id"]
    bank = {"received_on": "2026-07-01", "reference": "回单"}

    async def pays(amount_fen: int) -> None:
        paid = {"person_id": person["person_id"], "payer": "personal_account", "amount_fen": amount_fen}
        await here.made(f"/contribution-runs/{run}/payments", {**bank, "payments": [paid]})

    await pays(1000)
    money = (await here.decide(await here.leave(person), None)).json()["money_id"]
    await pays(86)
    refused = await here.post(f"/transfer-money/{money}/approval", None, here.who(Role.ACCOUNTANT))
    assert (refused.status_code, refused.json()["code"]) == (422, "transfer_money.amount_differs")


async def test_entry_approval_and_payment_are_three_people(here: City, left: str) -> None:
    money = (await here.decide(left)).json()["money_id"]
    everything = here.running.token(
        Role.ENROLLMENT_CLERK, Role.ACCOUNTANT, Role.CASHIER, subject=f"{Role.ENROLLMENT_CLERK}-{HERE}-1"
    )
    refused = await here.post(f"/transfer-money/{money}/approval", None, everything)
    assert (refused.status_code, refused.json()["code"]) == (403, "post.not_separated")
    early = await here.post(f"/transfer-money/{money}/payment", PAID, here.cashier)
    assert (early.status_code, early.json()["code"]) == (409, "transfer_money.not_in_step")
    await here.made(f"/transfer-money/{money}/approval", None, here.who(Role.ACCOUNTANT))
    own = await here.post(f"/transfer-money/{money}/payment", PAID, everything)
    assert own.json()["code"] == "post.not_separated"
    await here.made(f"/transfer-money/{money}/payment", PAID, here.cashier)
    again = await here.post(f"/transfer-money/{money}/payment", PAID, here.cashier)
    assert (again.status_code, again.json()["money_status"]) == (409, "settled")
    assert len(await here.running.told(TransferMoneyPaid)) == 1


async def test_one_sum_of_a_transfer_waits_at_a_time_and_a_withdrawn_one_makes_room(here: City, left: str) -> None:
    money = (await here.decide(left)).json()["money_id"]
    assert (await here.decide(left)).json()["code"] == "transfer_money.waiting"
    withdrawn = await here.made(f"/transfer-money/{money}/withdrawal", {"reason": "金额有误"})
    assert (withdrawn["status"], withdrawn["withdrawal_reason"]) == ("withdrawn", "金额有误")
    assert (await here.decide(left, 40_000)).status_code == 201


async def test_the_same_bank_transfer_is_not_paid_twice(here: City, left: str) -> None:
    await here.sent(left)
    money = (await here.decide(left)).json()["money_id"]
    await here.made(f"/transfer-money/{money}/approval", None, here.who(Role.ACCOUNTANT))
    again = await here.post(f"/transfer-money/{money}/payment", PAID, here.cashier)
    assert (again.status_code, again.json()["code"]) == (409, "transfer_money.already_recorded")


async def test_what_came_back_is_told_as_a_reversal_and_may_be_paid_again(here: City, left: str) -> None:
    money = await here.sent(left)
    before = await here.post(f"/transfer-money/{money}/return", {**RETURNED, "returned_on": "2026-06-30"}, here.cashier)
    assert (before.status_code, before.json()["code"]) == (422, "period.invalid")
    returned = await here.made(f"/transfer-money/{money}/return", RETURNED, here.cashier)
    assert (returned["status"], returned["return_reason"]) == ("returned", "账号有误")
    again = await here.sent(left)
    told = await here.running.told(TransferMoney)
    assert [(str(each.money_id), type(each)) for each in told] == [
        (money, TransferMoneyPaid),
        (money, TransferMoneyPaymentReturned),
        (again, TransferMoneyPaid),
    ]


async def test_money_that_comes_is_recorded_once_whatever_the_rule_here_says(there: City, people: Any) -> None:
    person = (await there.made("/persons", people.person(1, county=there.county, coverage={"end": "2026-01-31"})))[
        "person_id"
    ]
    transfer = await there.arrive(person)
    await there.made(f"/transfers/{transfer}/receipts", RECEIVED, there.cashier)
    again = await there.post(f"/transfers/{transfer}/receipts", RECEIVED, there.cashier)
    assert (again.status_code, again.json()["code"]) == (409, "transfer_money.already_recorded")
    (event,) = await there.running.told(TransferMoneyReceived)
    assert (event.pool, event.county, event.amount_fen, event.bank_reference) == (THERE, there.county, 50_000, "Z1")


async def test_what_was_received_is_sent_back_by_another(there: City, people: Any) -> None:
    person = (await there.made("/persons", people.person(1, county=there.county, coverage={"end": "2026-01-31"})))[
        "person_id"
    ]
    received = await there.made(f"/transfers/{await there.arrive(person)}/receipts", RECEIVED, there.cashier)
    at = f"/transfer-money/{received['money_id']}/return"
    own = await there.post(at, RETURNED, there.cashier)
    assert (own.status_code, own.json()["code"]) == (403, "post.not_separated")
    await there.made(at, RETURNED, there.who(Role.CASHIER, 2))
    (event,) = await there.running.told(TransferMoneyReceiptReturned)
    assert (str(event.money_id), event.amount_fen) == (received["money_id"], 50_000)


async def test_who_leaves_takes_money_along_and_does_not_bring_any(here: City, left: str) -> None:
    refused = await here.post(f"/transfers/{left}/receipts", RECEIVED)
    assert (refused.status_code, refused.json()["code"]) == (409, "transfer_money.other_direction")


async def test_a_person_does_not_transfer_to_his_own_pool(here: City, enrol: Enrol) -> None:
    person = await enrol(1)
    body = {"coverage_id": person["coverage"][0]["coverage_id"], "end": "2026-06-30", "other_pool": HERE}
    refused = await here.post(f"/persons/{person['person_id']}/transfers-out", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "transfer.within_pool")


async def test_another_countys_money_does_not_exist(here: City, left: str) -> None:
    money = await here.sent(left)
    other = here.running.token(Role.ENROLLMENT_CLERK, Role.ACCOUNTANT, Role.CASHIER, region="211122")
    assert (await here.running.get(f"/transfer-money/{money}", other)).status_code == 404
    assert (await here.post(f"/transfers/{left}/money", {"amount_fen": 1}, other)).status_code == 404
    assert (await here.post(f"/transfer-money/{money}/return", RETURNED, other)).status_code == 404
    listed = (await here.running.get("/transfer-money", other, pool=HERE)).json()
    assert listed == {"money": [], "next": None}
    assert (await here.running.get("/transfer-money/ends", other, pool=HERE)).json()["ends"] == []


async def test_the_county_of_the_day_handles_the_money_of_who_moved_and_the_new_one_is_told_so(
    here: City, left: str
) -> None:
    (person,) = (await here.running.get("/persons", here.clerk, pool=HERE)).json()["persons"]
    moved = {"county": "211122", "county_since": "2026-07-01"}
    await here.made(f"/persons/{person['person_id']}/details", moved)
    new = here.running.token(Role.ENROLLMENT_CLERK, region="211122")
    refused = await here.post(f"/transfers/{left}/money", {"amount_fen": 5}, new)
    assert (refused.status_code, refused.json()["code"]) == (403, "transfer_money.other_county")
    assert refused.json()["county"] == "211102"
    clerk, accountant, cashier = [
        here.running.token(role, region="211102", subject=role)
        for role in (Role.ENROLLMENT_CLERK, Role.ACCOUNTANT, Role.CASHIER)
    ]
    money = (await here.made(f"/transfers/{left}/money", {"amount_fen": 5}, clerk))["money_id"]
    await here.made(f"/transfer-money/{money}/approval", None, accountant)
    await here.made(f"/transfer-money/{money}/payment", PAID, cashier)
    assert [each.county for each in await here.running.told(TransferMoneyPaid)] == ["211102"]


async def test_the_county_of_the_day_receives_the_money_of_who_moved(there: City, people: Any) -> None:
    coverage = {"end": "2026-01-31"}
    person = (await there.made("/persons", people.person(1, county=there.county, coverage=coverage)))["person_id"]
    transfer = await there.arrive(person)
    there.running.advance_to(datetime(2026, 7, 20, 1, tzinfo=UTC))
    await there.made(f"/persons/{person}/details", {"county": "330302", "county_since": "2026-07-10"})
    new, old = [there.running.token(Role.CASHIER, region=each) for each in ("330302", there.county)]
    refused = await there.post(f"/transfers/{transfer}/receipts", RECEIVED, new)
    assert (refused.status_code, refused.json()["code"]) == (403, "transfer_money.other_county")
    assert (await there.made(f"/transfers/{transfer}/receipts", RECEIVED, old))["county"] == there.county


async def test_sums_are_listed_by_status_page_by_page(here: City, left: str, enrol: Enrol) -> None:
    first = await here.sent(left)
    second = (await here.decide(await here.leave(await enrol(2)))).json()["money_id"]
    page = (await here.running.get("/transfer-money", here.clerk, pool=HERE, limit=1)).json()
    assert ([each["money_id"] for each in page["money"]], page["next"]) == ([first], first)
    rest = (await here.running.get("/transfer-money", here.clerk, pool=HERE, limit=1, after=first)).json()
    assert ([each["money_id"] for each in rest["money"]], rest["next"]) == ([second], None)
    waiting = (await here.running.get("/transfer-money", here.clerk, pool=HERE, status="entered")).json()
    assert [each["money_id"] for each in waiting["money"]] == [second]


async def moved(here: City, there: City, people: Any, n: int) -> tuple[str, str]:
    """The n-th person moves from one pool to the other; both transfers."""
    gone = await here.leave(await here.made("/persons", people.person(n)))
    come = await there.made("/persons", people.person(n, county=there.county, coverage={"end": "2026-01-31"}))
    return gone, await there.arrive(come["person_id"])


async def test_both_ends_of_a_move_are_compared_and_each_pool_sees_its_own_person(
    here: City, there: City, people: Any
) -> None:
    await here.supply("agreed")
    ends = [await moved(here, there, people, n) for n in range(1, 6)]
    for (gone, come), sent, received in zip(ends, (100, 100, 0, 100, 0), (100, 0, 100, 90, 0), strict=True):
        if sent:
            await here.sent(gone, sent)
        if received:
            await there.made(f"/transfers/{come}/receipts", {**RECEIVED, "amount_fen": received})
    found = await here.ends()
    assert [(each["status"], each["sent_fen"], each["received_fen"]) for each in found] == [
        ("agreed", 100, 100),
        ("not_received", 100, 0),
        ("not_sent", 0, 100),
        ("differing", 100, 90),
    ]
    assert {(each["from_pool"], each["to_pool"]) for each in found} == {(HERE, THERE)}
    assert all(each["left_person_id"] and each["arrived_person_id"] is None for each in found)
    assert [each["status"] for each in await there.ends(status="differing")] == ["differing"]
    assert all(each["arrived_person_id"] and each["left_person_id"] is None for each in await there.ends())


async def test_what_came_back_is_not_sent(here: City, there: City, people: Any) -> None:
    await here.supply("agreed")
    gone, come = await moved(here, there, people, 1)
    money = await here.sent(gone)
    await there.made(f"/transfers/{come}/receipts", RECEIVED)
    await here.made(f"/transfer-money/{money}/return", RETURNED, here.cashier)
    assert [each["status"] for each in await here.ends()] == ["not_sent"]


@pytest.mark.parametrize(
    "change",
    ["amount_fen = 1", "settled_on = '2026-07-02'", "settled_by = NULL, settled_on = NULL, bank_reference = NULL"],
)
async def test_the_database_keeps_what_was_settled(here: City, left: str, change: str) -> None:
    await here.sent(left)
    with pytest.raises(IntegrityError):
        async with here.running.database.engine.begin() as connection:
            await connection.execute(text(f"UPDATE transfer_money SET {change}"))
