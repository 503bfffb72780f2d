"""What an organisation owes and nothing is left to offset comes back as money, by three people and to the fen."""

import asyncio
from datetime import date
from typing import Any

import httpx
import pytest
from changhu_common.events.care import ServiceVoided
from changhu_common.events.settlement import RecoveryCancelled, RecoveryDecided, RecoveryReceived, RecoveryWrittenOff
from changhu_common.ids import new_id
from changhu_common.roles import Role
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.settlement.tests.settlement_story import (
    APPROVAL,
    CASHIER,
    COUNTY,
    ENTRY,
    POOL,
    REVIEW,
    Settlement,
    again,
    at,
    deployed,
    designated,
    graded,
    insured,
    visit,
)
from tests.support.running import Deploy

AUGUST, SEPTEMBER, OCTOBER = at(2, month=8), at(2, month=9), at(2, month=10)
OTHER_COUNTY = "211122"


@pytest.fixture
async def settlement(deploy: Deploy) -> Settlement:
    """August's statement of an organisation that owes 80 yuan, because a visit of July never was."""
    settlement = await deployed(deploy)
    july = settlement.visit(at(3))
    await settlement.hear(*settlement.home(), july)
    settlement.running.advance_to(AUGUST)
    await settlement.paid()
    await settlement.hear(again(ServiceVoided, july))
    settlement.running.advance_to(SEPTEMBER)
    return settlement


async def enter(settlement: Settlement, *statements: str, **said: Any) -> httpx.Response:
    body = {"organization_id": str(settlement.organisation), "statements": statements, "reason": "协议已终止"}
    return await settlement.running.post("/recoveries", settlement.who(ENTRY), body | said)


async def step(settlement: Settlement, recovery_id: str, what: str, role: Role, **body: Any) -> httpx.Response:
    return await settlement.running.post(f"/recoveries/{recovery_id}/{what}", settlement.who(role), body)


async def receive(settlement: Settlement, recovery_id: str, fen: int, **said: Any) -> httpx.Response:
    usual = {"received_on": settlement.running.clock.today().isoformat(), "bank_reference": "R1"}
    return await step(settlement, recovery_id, "receipts", CASHIER, amount_fen=fen, **usual | said)


async def decided(settlement: Settlement, *statements: str, **said: Any) -> str:
    entered = await enter(settlement, *statements, **said)
    assert entered.status_code == 201, entered.text
    recovery_id: str = entered.json()["recovery_id"]
    approved = await step(settlement, recovery_id, "approval", APPROVAL)
    assert approved.status_code == 200, approved.text
    return recovery_id


async def owed(settlement: Settlement) -> str:
    """August's statement, approved."""
    statement_id: str = (await settlement.approved("2026-08"))["statement_id"]
    return statement_id


async def shown(settlement: Settlement, recovery_id: str) -> dict[str, Any]:
    answer = await settlement.running.get(f"/recoveries/{recovery_id}", settlement.who(Role.AUDITOR))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def status_of(settlement: Settlement, statement_id: str) -> str:
    return str((await settlement.statement(statement_id))["statement"]["status"])


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


async def test_a_recovery_is_decided_by_two_and_told_without_the_words_of_its_reason(settlement: Settlement) -> None:
    statement_id = await owed(settlement)
    entered = (await enter(settlement, statement_id, due_on="2026-09-30")).json()
    assert (entered["status"], entered["amount_fen"]) == ("entered", 8_000)
    own = await settlement.running.post(
        f"/recoveries/{entered['recovery_id']}/approval", settlement.who(APPROVAL, subject=f"{ENTRY}@211100"), {}
    )
    assert code_of(own) == (403, "post.not_separated")
    assert (await step(settlement, entered["recovery_id"], "approval", APPROVAL)).json()["status"] == "decided"
    (told,) = await settlement.running.told(RecoveryDecided)
    assert (told.amount_fen, [str(each) for each in told.statements]) == (8_000, [statement_id])
    assert "协议已终止" not in told.model_dump_json()
    assert await status_of(settlement, statement_id) == "recovering"


async def test_what_is_recovered_is_not_offset(settlement: Settlement) -> None:
    await decided(settlement, await owed(settlement))
    await settlement.hear(settlement.visit(at(3, month=9), {"LC12": 2}))
    settlement.running.advance_to(OCTOBER)
    due = await settlement.approved("2026-09")
    paid = (await settlement.pay(due["statement_id"], "B2")).json()
    assert (paid["transfer_fen"], paid["settled"]) == (16_000, [due["statement_id"]])


async def test_money_comes_in_by_parts_until_nothing_is_open(settlement: Settlement) -> None:
    statement_id = await owed(settlement)
    recovery_id = await decided(settlement, statement_id)
    first = (await receive(settlement, recovery_id, 3_001)).json()
    assert (first["status"], first["received_fen"], first["open_fen"]) == ("decided", 3_001, 4_999)
    last = (await receive(settlement, recovery_id, 4_999, bank_reference="R2")).json()
    assert (last["status"], last["open_fen"]) == ("received", 0)
    told = await settlement.running.told(RecoveryReceived)
    assert [(each.fund_fen, each.payments, each.county) for each in told] == [(3_001, 0, COUNTY), (4_999, 1, COUNTY)]
    assert await status_of(settlement, statement_id) == "recovered"


async def test_what_comes_in_is_divided_over_counties_and_offsets_what_the_fund_owes_there(
    settlement: Settlement,
) -> None:
    other = new_id()
    old = visit(other, settlement.organisation, at(4, month=8), {"LC12": 3})
    await settlement.hear(insured(other, county=OTHER_COUNTY), graded(other), old)
    await settlement.paid("2026-08")
    await settlement.hear(again(ServiceVoided, old), settlement.visit(at(1, month=9)))
    settlement.running.advance_to(OCTOBER)
    statement = await settlement.approved("2026-09")
    assert statement["fund_fen"] == 8_000 - 24_000
    recovery_id = await decided(settlement, statement["statement_id"])
    for fen in (1_000, 15_000):
        assert (await receive(settlement, recovery_id, fen, bank_reference=f"R{fen}")).status_code == 201
    told = await settlement.running.told(RecoveryReceived)
    assert [(each.county, each.fund_fen, each.payments) for each in told] == [
        (COUNTY, -500, 0),
        (OTHER_COUNTY, 1_500, 0),
        (COUNTY, -7_500, 1),
        (OTHER_COUNTY, 22_500, 1),
    ]


async def test_never_more_than_is_owed_comes_in(settlement: Settlement) -> None:
    recovery_id = await decided(settlement, await owed(settlement))
    refused = await receive(settlement, recovery_id, 8_001)
    assert (*code_of(refused), refused.json()["open_fen"]) == (422, "recovery.exceeds_open", 8_000)
    answers = await asyncio.gather(*(receive(settlement, recovery_id, 5_000, bank_reference=f"R{n}") for n in range(3)))
    assert sorted(each.status_code for each in answers) == [201, 422, 422]
    assert (await shown(settlement, recovery_id))["recovery"]["open_fen"] == 3_000


async def test_the_same_money_is_recorded_once_unless_it_was_reversed(settlement: Settlement) -> None:
    recovery_id = await decided(settlement, await owed(settlement))
    assert (await receive(settlement, recovery_id, 100)).status_code == 201
    refused = await receive(settlement, recovery_id, 100)
    assert code_of(refused) == (409, "recovery.receipt_known")
    path = f"receipts/{refused.json()['receipt_id']}/reversal"
    await step(settlement, recovery_id, path, CASHIER, reason="金额记错")
    assert (await receive(settlement, recovery_id, 90)).json()["received_fen"] == 90


async def test_two_take_it_back_while_nothing_came_in(settlement: Settlement) -> None:
    statement_id = await owed(settlement)
    recovery_id = await decided(settlement, statement_id)
    early = await step(settlement, recovery_id, "cancellation/approval", APPROVAL)
    assert code_of(early) == (409, "recovery.cancellation_not_asked")
    await step(settlement, recovery_id, "cancellation", REVIEW, reason="可在下月抵扣")
    own = await settlement.running.post(
        f"/recoveries/{recovery_id}/cancellation/approval", settlement.who(APPROVAL, subject=f"{REVIEW}@211100"), {}
    )
    assert code_of(own) == (403, "post.not_separated")
    done = await step(settlement, recovery_id, "cancellation/approval", APPROVAL)
    assert done.json()["status"] == "cancelled"
    assert len(await settlement.running.told(RecoveryCancelled)) == 1
    assert await status_of(settlement, statement_id) == "approved"
    assert (await enter(settlement, statement_id)).status_code == 201


async def test_what_one_asks_to_take_back_another_may_let_stand(settlement: Settlement) -> None:
    recovery_id = await decided(settlement, await owed(settlement))
    path, reason = "cancellation/rejection", {"reason": "不再有服务可抵扣"}
    early = await step(settlement, recovery_id, path, APPROVAL, **reason)
    assert code_of(early) == (409, "recovery.cancellation_not_asked")
    await step(settlement, recovery_id, "cancellation", REVIEW, reason="可在下月抵扣")
    asker = settlement.who(APPROVAL, subject=f"{REVIEW}@211100")
    own = await settlement.running.post(f"/recoveries/{recovery_id}/{path}", asker, reason)
    assert code_of(own) == (403, "post.not_separated")
    await receive(settlement, recovery_id, 1)
    stands = (await step(settlement, recovery_id, path, APPROVAL, **reason)).json()
    assert (stands["status"], stands["cancellation_asked_by"]) == ("decided", None)
    assert stands["cancellation_rejection_reason"] == "不再有服务可抵扣"
    approved = await step(settlement, recovery_id, "cancellation/approval", APPROVAL)
    assert code_of(approved) == (409, "recovery.cancellation_not_asked")


async def test_a_cancellation_that_was_rejected_may_be_asked_again(settlement: Settlement) -> None:
    recovery_id = await decided(settlement, await owed(settlement))
    await step(settlement, recovery_id, "cancellation", REVIEW, reason="可在下月抵扣")
    await step(settlement, recovery_id, "cancellation/rejection", APPROVAL, reason="请写明依据")
    again_ = (await step(settlement, recovery_id, "cancellation", REVIEW, reason="下月有结算单")).json()
    assert (again_["cancellation_reason"], again_["cancellation_rejected_by"]) == ("下月有结算单", None)
    done = await step(settlement, recovery_id, "cancellation/approval", APPROVAL)
    assert done.json()["status"] == "cancelled"


async def test_it_cannot_be_taken_back_once_money_came_in(settlement: Settlement) -> None:
    recovery_id = await decided(settlement, await owed(settlement))
    await step(settlement, recovery_id, "cancellation", REVIEW, reason="有误")
    await receive(settlement, recovery_id, 1)
    refused = await step(settlement, recovery_id, "cancellation/approval", APPROVAL)
    assert code_of(refused) == (409, "recovery.money_came_in")


async def test_two_write_off_what_will_not_come_in_and_nothing_offsets_it(settlement: Settlement) -> None:
    statement_id = await owed(settlement)
    recovery_id = await decided(settlement, statement_id)
    await receive(settlement, recovery_id, 3_000)
    early = await step(settlement, recovery_id, "write-off/approval", APPROVAL)
    assert code_of(early) == (409, "recovery.write_off_not_asked")
    await step(settlement, recovery_id, "write-off", REVIEW, reason="机构破产，余款无法收回")
    twice = await step(settlement, recovery_id, "write-off", ENTRY, reason="破产")
    assert code_of(twice) == (409, "recovery.write_off_asked")
    own = await settlement.running.post(
        f"/recoveries/{recovery_id}/write-off/approval", settlement.who(APPROVAL, subject=f"{REVIEW}@211100"), {}
    )
    assert code_of(own) == (403, "post.not_separated")
    done = (await step(settlement, recovery_id, "write-off/approval", APPROVAL)).json()
    assert (done["status"], done["received_fen"], done["written_off_fen"], done["open_fen"]) == (
        "written_off", 3_000, 5_000, 0,
    )  # fmt: skip
    (told,) = await settlement.running.told(RecoveryWrittenOff)
    assert (told.amount_fen, [(str(each.statement_id), each.fund_fen, each.payments) for each in told.parts]) == (
        5_000, [(statement_id, 5_000, 1)],
    )  # fmt: skip
    await settlement.hear(settlement.visit(at(3, month=9), {"LC12": 2}))
    settlement.running.advance_to(OCTOBER)
    due = await settlement.approved("2026-09")
    assert (await settlement.pay(due["statement_id"], "B2")).json()["transfer_fen"] == 16_000
    assert await status_of(settlement, statement_id) == "written_off"


async def test_what_was_written_off_is_over(settlement: Settlement) -> None:
    statement_id = await owed(settlement)
    recovery_id = await decided(settlement, statement_id)
    await receive(settlement, recovery_id, 3_000)
    await step(settlement, recovery_id, "write-off", REVIEW, reason="机构破产")
    await step(settlement, recovery_id, "write-off/approval", APPROVAL)
    (receipt,) = (await shown(settlement, recovery_id))["receipts"]
    path = f"receipts/{receipt['receipt_id']}/reversal"
    for refused in (
        await receive(settlement, recovery_id, 1, bank_reference="R2"),
        await step(settlement, recovery_id, path, CASHIER, reason="记错"),
        await step(settlement, recovery_id, "write-off", REVIEW, reason="再次"),
    ):
        assert code_of(refused) == (409, "recovery.wrong_status")
    assert code_of(await enter(settlement, statement_id)) == (409, "recovery.statement_not_open")


async def test_what_came_in_after_a_write_off_was_asked_makes_it_asked_anew(settlement: Settlement) -> None:
    recovery_id = await decided(settlement, await owed(settlement))
    await step(settlement, recovery_id, "write-off", REVIEW, reason="机构破产")
    await receive(settlement, recovery_id, 3_000)
    refused = await step(settlement, recovery_id, "write-off/approval", APPROVAL)
    assert (*code_of(refused), refused.json()["open_fen"]) == (409, "recovery.write_off_not_asked", 5_000)
    anew = await step(settlement, recovery_id, "write-off", ENTRY, reason="清算终结")
    assert (anew.json()["write_off_fen"], anew.json()["write_off_reason"]) == (5_000, "清算终结")
    assert (await step(settlement, recovery_id, "write-off/approval", APPROVAL)).json()["written_off_fen"] == 5_000


async def test_a_receipt_recorded_by_mistake_is_reversed_once(settlement: Settlement) -> None:
    statement_id = await owed(settlement)
    recovery_id = await decided(settlement, statement_id)
    await receive(settlement, recovery_id, 8_000)
    (receipt,) = (await shown(settlement, recovery_id))["receipts"]
    path = f"receipts/{receipt['receipt_id']}/reversal"
    undone = (await step(settlement, recovery_id, path, CASHIER, reason="记错机构")).json()
    assert (undone["status"], undone["open_fen"]) == ("decided", 8_000)
    assert await status_of(settlement, statement_id) == "recovering"
    told = await settlement.running.told(RecoveryReceived)
    assert [(each.fund_fen, each.payments) for each in told] == [(8_000, 1), (-8_000, -1)]
    assert code_of(await step(settlement, recovery_id, path, CASHIER, reason="再次")) == (
        409, "recovery.receipt_reversed",
    )  # fmt: skip


async def test_only_what_is_approved_and_owed_is_recovered(settlement: Settlement) -> None:
    closed = (await settlement.close("2026-08")).json()["statement_id"]
    assert code_of(await enter(settlement, closed)) == (409, "recovery.statement_not_open")
    for what, role in (("review", REVIEW), ("approval", APPROVAL)):
        await settlement.step(closed, what, role)
    assert code_of(await enter(settlement, str(new_id()))) == (404, "not_found")
    recovery_id = (await enter(settlement, closed)).json()["recovery_id"]
    assert code_of(await enter(settlement, closed)) == (409, "recovery.statement_not_open")
    assert code_of(await step(settlement, recovery_id, "approval", APPROVAL)) == (409, "statement.awaits_budget")
    await settlement.budget(closed)
    assert (await step(settlement, recovery_id, "approval", APPROVAL)).status_code == 200


async def test_what_is_owed_is_recovered_for_the_pool_of_its_statements_wherever_the_organisation_is_now(
    settlement: Settlement,
) -> None:
    statement_id = await owed(settlement)
    moved = {"agreement_id": new_id(), "pool": "210200", "county": "210203", "start": date(2026, 9, 1)}
    await settlement.hear(designated(settlement.organisation, **moved))
    body = {"organization_id": str(settlement.organisation), "statements": [statement_id], "reason": "协议已终止"}
    for region, status in (("210200", 404), (POOL, 201)):
        entered = await settlement.running.post("/recoveries", settlement.who(ENTRY, region=region), body)
        assert entered.status_code == status, entered.text
    assert (entered.json()["pool"], entered.json()["county"]) == (POOL, COUNTY)


async def test_an_organisation_that_is_owed_owes_nothing(settlement: Settlement) -> None:
    await settlement.hear(settlement.visit(at(1, month=8), {"LC12": 4}))
    statement_id = await owed(settlement)
    assert code_of(await enter(settlement, statement_id)) == (422, "recovery.nothing_owed")


async def test_what_was_offset_before_the_approval_is_not_recovered_too(settlement: Settlement) -> None:
    statement_id = await owed(settlement)
    recovery_id = (await enter(settlement, statement_id)).json()["recovery_id"]
    await settlement.hear(settlement.visit(at(3, month=9), {"LC12": 2}))
    settlement.running.advance_to(OCTOBER)
    due = await settlement.approved("2026-09")
    await settlement.pay(due["statement_id"], "B2")
    refused = await step(settlement, recovery_id, "approval", APPROVAL)
    assert (*code_of(refused), refused.json()["statement_id"]) == (409, "recovery.statement_not_open", statement_id)
    sent = await step(settlement, recovery_id, "rejection", APPROVAL, reason="已抵扣")
    assert (sent.json()["status"], sent.json()["rejection_reason"]) == ("rejected", "已抵扣")


async def test_what_is_overdue_is_listed_with_its_days(settlement: Settlement) -> None:
    recovery_id = await decided(settlement, await owed(settlement), due_on="2026-09-20")

    async def overdue() -> list[tuple[str, int]]:
        listed = await settlement.running.get("/recoveries", settlement.who(Role.AUDITOR), overdue=True)
        return [(each["recovery_id"], each["overdue_days"]) for each in listed.json()]

    assert await overdue() == []
    settlement.running.advance_to(at(30, month=9))
    assert await overdue() == [(recovery_id, 10)]
    await receive(settlement, recovery_id, 8_000)
    assert await overdue() == []


async def test_a_term_lies_not_in_the_past(settlement: Settlement) -> None:
    refused = await enter(settlement, await owed(settlement), due_on="2026-09-01")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "due_on")


async def test_who_may_do_and_see_what(settlement: Settlement) -> None:
    recovery_id = await decided(settlement, await owed(settlement))
    path, running = f"/recoveries/{recovery_id}", settlement.running
    asked = [
        (settlement.who(Role.PROVIDER_STAFF, organisation=settlement.organisation), 200),
        (settlement.who(Role.PROVIDER_STAFF, organisation=new_id()), 404),
        (settlement.who(Role.AUDITOR, region=OTHER_COUNTY), 404),
        (settlement.who(Role.INSURED_PERSON, person=settlement.person), 403),
    ]
    assert [(await running.get(path, who)).status_code for who, _ in asked] == [each[1] for each in asked]
    assert (await running.get("/recoveries", settlement.who(Role.AUDITOR, region="330300"))).json() == []
    body = {"amount_fen": 1, "received_on": "2026-09-02", "bank_reference": "R"}
    decider = settlement.who(CASHIER, subject=f"{APPROVAL}@211100")
    assert code_of(await running.post(f"{path}/receipts", decider, body)) == (403, "post.not_separated")


async def test_the_database_lets_no_more_come_in_than_is_owed(settlement: Settlement) -> None:
    recovery_id = await decided(settlement, await owed(settlement))
    more = (
        "WITH came AS (INSERT INTO recovery_receipt (id, recovery_id, amount_fen, received_on, bank_reference,"
        " recorded_by, recorded_at) VALUES (gen_random_uuid(), :id, :fen, '2026-09-02', 'R', 'x', now()) RETURNING id)"
        " INSERT INTO recovery_receipt_part SELECT came.id, recovery_id, statement_id, county, category, kind, :part"
        " FROM came, recovery_part WHERE recovery_id = :id"
    )
    for fen, part in ((9_000, 9_000), (5_000, 4_000)):
        with pytest.raises(DBAPIError, match=r"never_more_than_owed|do not add up"):
            async with settlement.running.database.engine.begin() as connection:
                await connection.execute(text(more), {"id": recovery_id, "fen": fen, "part": part})
    for statement in ("UPDATE recovery_part SET received_fen = 1", "DELETE FROM recovery_receipt"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with settlement.running.database.engine.begin() as connection:
                await connection.execute(text(statement))
