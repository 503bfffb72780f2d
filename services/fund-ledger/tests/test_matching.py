"""Lines and entries find each other by the rules, people do the rest, and nothing that was done is lost."""

import asyncio
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from changhu_common.ids import new_id
from changhu_common.roles import Role
from fund_ledger.domain.bank_accounts import Place
from fund_ledger.domain.clearing import CLAIM
from fund_ledger.usecases.line_drafts import FromLine, booked_lines
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support.banks import ACCOUNT, Moved, registered, told
from tests.support.ledgers import (
    COUNTY,
    OTHER_COUNTY,
    POOL,
    assert_kept,
    balances,
    contribution,
    payment,
    reversal,
    rows,
)
from tests.support.running import Running

MONDAY, FRIDAY = date(2026, 7, 20), date(2026, 7, 17)


@pytest.fixture(autouse=True)
def in_august(ledger: Running) -> None:
    ledger.advance_to(datetime(2026, 8, 20, 1, 0, tzinfo=UTC))


def accountant(ledger: Running, by: str = "zhang", **where: Any) -> dict[str, str]:
    return ledger.token(Role.ACCOUNTANT, subject=by, **where)


async def run(ledger: Running) -> dict[str, Any]:
    (answer,) = (await ledger.post(f"/pools/{POOL}/matching", accountant(ledger), {})).json()
    result: dict[str, Any] = answer
    return result


async def lines(ledger: Running, **wanted: Any) -> list[dict[str, Any]]:
    answer = await ledger.get(f"/pools/{POOL}/bank-lines", accountant(ledger), **wanted)
    found: list[dict[str, Any]] = answer.json()["lines"]
    return found


async def entries(ledger: Running) -> list[dict[str, Any]]:
    answer = await ledger.get(f"/pools/{POOL}/accounts/{ACCOUNT}/unmatched-entries", accountant(ledger))
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


async def matches(ledger: Running, **wanted: Any) -> list[dict[str, Any]]:
    answer = await ledger.get(f"/pools/{POOL}/matches", accountant(ledger), **wanted)
    found: list[dict[str, Any]] = answer.json()
    return found


async def by_hand(
    ledger: Running, found: list[dict[str, Any]], free: list[dict[str, Any]], *, by: str = "zhang", **where: Any
) -> httpx.Response:
    body = {
        "account": ACCOUNT,
        "lines": [each["line_id"] for each in found],
        "entries": [each["entry"] for each in free],
        "reason": "回单核对一致",
    }
    return await ledger.post(f"/pools/{POOL}/matches", accountant(ledger, by, **where), body)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize(
    ("booked", "moved", "rule"),
    [
        ([payment(500, bank_reference="B7")], [Moved(date(2026, 7, 2), -500, "B7")], "reference"),
        ([payment(500, bank_reference="B7")], [Moved(date(2026, 7, 2), -500, "", "B7")], "end_to_end"),
        (
            [payment(500, bank_reference="B7"), payment(-20, bank_reference="B7")],
            [Moved(date(2026, 7, 2), -480, "B7")],
            "entries_of_reference",
        ),
        (
            [payment(500, bank_reference="B7")],
            [Moved(MONDAY, -200, "B7"), Moved(MONDAY, -300, "B7")],
            "lines_of_reference",
        ),
        (
            [payment(500, bank_reference="B7"), payment(40, bank_reference="B7")],
            [Moved(MONDAY, -200, "B7"), Moved(MONDAY, -340, "B7")],
            "all_of_reference",
        ),
        (
            [payment(500, bank_reference="B7"), reversal(500, bank_reference="B7")],
            [Moved(MONDAY, -500, "B7"), Moved(MONDAY, 500, "B7")],
            "reference",
        ),
        ([], [Moved(MONDAY, -500, "B7"), Moved(MONDAY, 500, "B7")], "returned"),
        ([contribution(700, received_on=FRIDAY)], [Moved(MONDAY, 700)], "amount"),
        ([contribution(700, received_on=MONDAY)], [Moved(date(2026, 7, 15), 700)], "amount"),
        (
            [contribution(700, received_on=FRIDAY), contribution(50, payer="employer", received_on=FRIDAY)],
            [Moved(MONDAY, 750)],
            "entries_of_source",
        ),
        (
            [contribution(700, received_on=FRIDAY), contribution(50, category="minor", received_on=FRIDAY)],
            [Moved(MONDAY, 750)],
            "entries_of_county",
        ),
        ([contribution(700, received_on=MONDAY)], [Moved(MONDAY, 300), Moved(MONDAY, 400)], "lines_of_day"),
    ],
)
async def test_a_rule_matches_what_agrees(ledger: Running, booked: list[Any], moved: list[Moved], rule: str) -> None:
    account_id = await registered(ledger)
    if booked:
        await ledger.hear(*booked)
    answer = (await told(ledger, account_id, moved))["matching"]
    assert (set(answer["new"]), answer["lines_left"], answer["entries_left"]) == ({rule}, 0, 0)
    assert await lines(ledger, matched=False) == []
    assert {each["rule"] for each in await lines(ledger, matched=True)} == {rule}


@pytest.mark.parametrize(
    ("booked", "moved"),
    [
        (contribution(700, received_on=MONDAY), Moved(MONDAY, 701)),
        (contribution(700, received_on=MONDAY), Moved(MONDAY, -700)),
        (contribution(700, received_on=date(2026, 7, 24)), Moved(MONDAY, 700)),
        (payment(700, bank_reference="B7", paid_on=date(2026, 8, 1)), Moved(MONDAY, -700, "B8")),
        (contribution(700, received_on=date(2026, 6, 30)), Moved(date(2026, 7, 1), 700)),
    ],
)
async def test_what_does_not_agree_is_left_to_people(ledger: Running, booked: Any, moved: Moved) -> None:
    account_id = await registered(ledger)
    await ledger.hear(booked)
    answer = (await told(ledger, account_id, [moved]))["matching"]
    assert (answer["new"], answer["lines_left"]) == ({}, 1)


async def test_a_journal_and_its_reversal_need_no_bank(ledger: Running) -> None:
    await registered(ledger)
    await ledger.hear(contribution(700))
    (booked,) = await rows(ledger, "SELECT id FROM journal")
    body = {"happened_on": "2026-08-20", "reason": "记错", "attachment": "说明"}
    draft = (await ledger.post(f"/journals/{booked.id}/reversal", accountant(ledger), body)).json()
    await ledger.post(f"/drafts/{draft['draft_id']}/approval", accountant(ledger, "li"), {})
    assert (await run(ledger))["new"] == {"reversed": 1}
    assert await entries(ledger) == []


async def test_what_is_booked_later_is_matched_when_somebody_asks(ledger: Running) -> None:
    account_id = await registered(ledger)
    assert (await told(ledger, account_id, [Moved(MONDAY, 700)]))["matching"]["lines_left"] == 1
    await ledger.hear(contribution(700))
    assert ((await run(ledger))["new"], (await run(ledger))["new"]) == ({"amount": 1}, {})


async def test_a_nearer_entry_takes_the_place_of_one_that_the_rules_had_matched(ledger: Running) -> None:
    account_id = await registered(ledger)
    await ledger.hear(contribution(700, received_on=FRIDAY))
    await told(ledger, account_id, [Moved(MONDAY, 700)])
    await ledger.hear(contribution(700, received_on=MONDAY))
    answer = await run(ledger)
    assert (answer["new"], answer["taken_back"], answer["entries_left"]) == ({"amount": 1}, 1, 1)
    assert [each["happened_on"] for each in await entries(ledger)] == [str(FRIDAY)]
    (undone,) = await matches(ledger, undone=True)
    assert undone["undone_reason"] is None


async def test_entries_of_before_the_account_are_matched_by_hand_alone(ledger: Running) -> None:
    account_id = await registered(ledger)
    await ledger.hear(contribution(700, received_on=date(2026, 6, 30)))
    await told(ledger, account_id, [Moved(date(2026, 7, 1), 700)])
    assert (await by_hand(ledger, await lines(ledger), await entries(ledger))).status_code == 201


async def test_a_match_by_hand_stays_when_the_rules_run(ledger: Running) -> None:
    account_id = await registered(ledger)
    await ledger.hear(contribution(700, received_on=FRIDAY))
    far = date(2026, 7, 2)
    await told(ledger, account_id, [Moved(far, 700)])
    made = await by_hand(ledger, await lines(ledger), await entries(ledger))
    assert (made.status_code, made.json()["title"], made.json()["made_by"]) == (201, "手工勾对", "zhang")
    await ledger.hear(contribution(700, received_on=far))
    assert (await run(ledger))["new"] == {}
    assert (await lines(ledger))[0]["match_id"] == made.json()["match_id"]


async def test_what_a_person_took_apart_is_left_to_people_and_stays_on_record(ledger: Running) -> None:
    account_id = await registered(ledger)
    await ledger.hear(contribution(700))
    await told(ledger, account_id, [Moved(MONDAY, 700)])
    (match,) = await matches(ledger)
    path = f"/matches/{match['match_id']}/undoing"
    undone = await ledger.post(path, accountant(ledger, "li"), {"reason": "不是同一笔"})
    assert (undone.json()["undone_by"], undone.json()["undone_reason"]) == ("li", "不是同一笔")
    assert code(await ledger.post(path, accountant(ledger), {"reason": "x"})) == (409, "match.undone")
    assert ((await run(ledger))["new"], len(await lines(ledger, matched=False))) == ({}, 1)
    assert [each["match_id"] for each in await matches(ledger, undone=True)] == [match["match_id"]]
    assert (await by_hand(ledger, await lines(ledger), await entries(ledger))).status_code == 201


async def test_a_match_by_hand_needs_equal_sides_of_one_place(ledger: Running) -> None:
    account_id = await registered(ledger)
    await ledger.hear(contribution(700, received_on=date(2026, 7, 1)))
    await told(ledger, account_id, [Moved(MONDAY, 701), Moved(MONDAY, -701, "R")])
    found, free = await lines(ledger), await entries(ledger)
    assert code(await by_hand(ledger, found[:1], free)) == (422, "match.uneven")
    assert code(await by_hand(ledger, found[:1], [])) == (422, "match.uneven")
    assert code(await by_hand(ledger, [], [])) == (422, "match.uneven")
    assert code(await by_hand(ledger, [{"line_id": str(new_id())}], free)) == (404, "not_found")
    assert code(await by_hand(ledger, found[:1], free, region=COUNTY)) == (404, "not_found")
    assert code(await by_hand(ledger, found[:1], [{"entry": "0/1"}])) == (422, "input.invalid")
    assert (await by_hand(ledger, found, [])).status_code == 201
    assert code(await by_hand(ledger, found, [])) == (409, "match.taken")


async def test_two_clerks_who_match_one_line_at_once_make_one_match(ledger: Running) -> None:
    account_id = await registered(ledger)
    await ledger.hear(*[contribution(700, received_on=date(2026, 7, 1)) for _ in range(2)])
    await told(ledger, account_id, [Moved(MONDAY, 700)])
    found, free = await lines(ledger), await entries(ledger)
    answers = await asyncio.gather(
        *(by_hand(ledger, found, [each], by=by) for each, by in zip(free, ("zhang", "li"), strict=True))
    )
    assert sorted(each.status_code for each in answers) == [201, 409]
    assert len(await matches(ledger)) == 1


async def test_the_database_itself_refuses_a_line_in_two_matches_and_uneven_sides(ledger: Running) -> None:
    account_id = await registered(ledger)
    await ledger.hear(contribution(700))
    await told(ledger, account_id, [Moved(MONDAY, 700), Moved(MONDAY, 5)])
    copied = (
        "INSERT INTO bank_match SELECT (jsonb_populate_record(bank_match, jsonb_build_object('id', gen_random_uuid())"
        ")).* FROM bank_match"
    )
    for statement, reason in (
        ("INSERT INTO matched_line SELECT gen_random_uuid(), line_id, true FROM matched_line", "ix_matched_line_once"),
        (
            "INSERT INTO matched_entry SELECT gen_random_uuid(), pool, sequence, number, true FROM matched_entry",
            "ix_matched_entry_once",
        ),
        (copied, "the two sides of a match differ"),
        (
            "INSERT INTO matched_line SELECT match_id, bank_line.id, true FROM matched_line, bank_line"
            " WHERE bank_line.amount_fen = 5",
            "written with all that it holds",
        ),
        ("UPDATE bank_match SET amount_fen = 1", "permission denied"),
        ("DELETE FROM bank_match", "permission denied"),
        ("UPDATE matched_line SET active = true", "append-only"),
    ):
        with pytest.raises(DBAPIError, match=reason):
            async with ledger.database.engine.begin() as connection:
                await connection.execute(text(statement))


async def test_suggestions_come_with_the_most_likely_first(ledger: Running) -> None:
    account_id = await registered(ledger)
    organisation = new_id()
    await ledger.hear(
        payment(700, bank_reference="X", paid_on=date(2026, 7, 1)),
        payment(650, bank_reference="B7", paid_on=MONDAY),
        payment(300, bank_reference="Y", paid_on=date(2026, 7, 2), organization_id=organisation),
        payment(400, bank_reference="Z", paid_on=date(2026, 7, 2), organization_id=organisation),
    )
    await told(ledger, account_id, [Moved(MONDAY, -700, "B7")])
    (line,) = await lines(ledger, matched=False)
    answer = await ledger.get(f"/bank-lines/{line['line_id']}/suggestions", accountant(ledger))
    told_of = [(each["reason"], each["missing_fen"], len(each["entries"])) for each in answer.json()]
    assert told_of[0] == ("金额一致", 0, 1)
    assert told_of[1][1:] == (0, 2)
    assert told_of[2] == ("参考号一致, 相差 -0.50 元", -50, 1)
    hidden = await ledger.get(f"/bank-lines/{line['line_id']}/suggestions", accountant(ledger, region=OTHER_COUNTY))
    assert hidden.status_code == 404


async def draft(ledger: Running, line_id: str, *, template: str = "bank_charge.paid", **said: Any) -> httpx.Response:
    body = {"template": template, "county": COUNTY, "reason": "银行扣收", "attachment": "回单 3", **said}
    return await ledger.post(f"/bank-lines/{line_id}/draft", accountant(ledger), body)


async def test_a_charge_that_the_books_lack_is_drafted_approved_and_matched(ledger: Running) -> None:
    account_id = await registered(ledger)
    await told(ledger, account_id, [Moved(MONDAY, -15_00, "F1")])
    (line,) = await lines(ledger)
    drafted = (await draft(ledger, line["line_id"])).json()
    assert (drafted["title"], drafted["happened_on"]) == ("支付银行手续费", str(MONDAY))
    assert code(await draft(ledger, line["line_id"])) == (409, "bank_line.drafted")
    approval = f"/drafts/{drafted['draft_id']}/approval"
    assert (await ledger.post(approval, accountant(ledger), {})).json()["code"] == "journal.same_person"
    assert (await ledger.post(approval, accountant(ledger, "li"), {})).status_code == 200
    (match,) = await matches(ledger)
    assert (match["rule"], match["amount_fen"]) == ("drafted", -15_00)
    assert await balances(ledger, on=str(MONDAY)) == {"1003": -15_00, "5401": 15_00}
    assert code(await draft(ledger, line["line_id"])) == (409, "match.taken")
    await assert_kept(ledger)


async def test_a_draft_that_was_sent_back_can_be_made_again(ledger: Running) -> None:
    account_id = await registered(ledger)
    await told(ledger, account_id, [Moved(MONDAY, 15_00)])
    (line,) = await lines(ledger)
    drafted = (await draft(ledger, line["line_id"], template="interest.received")).json()
    rejection = f"/drafts/{drafted['draft_id']}/rejection"
    await ledger.post(rejection, accountant(ledger, "li"), {"reason": "县区不对"})
    again = await draft(ledger, line["line_id"], template="interest.received", county=OTHER_COUNTY)
    assert again.status_code == 201


@pytest.mark.parametrize("template", ["interest.received", "government_subsidy.received", "guess"])
async def test_a_template_that_moves_no_money_this_way_is_refused(ledger: Running, template: str) -> None:
    account_id = await registered(ledger)
    await told(ledger, account_id, [Moved(MONDAY, -15_00)])
    (line,) = await lines(ledger)
    assert code(await draft(ledger, line["line_id"], template=template)) == (422, "input.invalid")
    assert not await rows(ledger, "SELECT FROM draft")


def test_a_template_of_several_books_is_booked_in_each() -> None:
    said = FromLine("claim.received", COUNTY, None, "依据文件", "回单 3")
    _, booked = booked_lines(place=Place(POOL, "1002"), amount_fen=15_00, said=said)
    assert {(each.account, each.county, each.amount_fen) for each in booked} == {
        ("1002", COUNTY, 15_00),
        (CLAIM, COUNTY, -15_00),
        (CLAIM, POOL, 15_00),
        ("4101", POOL, -15_00),
    }


async def test_a_line_of_a_countys_account_is_booked_in_that_countys_book(ledger: Running) -> None:
    account_id = await registered(ledger, county=COUNTY, account="1004")
    await told(ledger, account_id, [Moved(MONDAY, -15_00)])
    (line,) = await lines(ledger)
    assert code(await draft(ledger, line["line_id"], county=OTHER_COUNTY)) == (422, "input.invalid")
    drafted = (await draft(ledger, line["line_id"])).json()
    assert {each["account"] for each in drafted["lines"]} == {"1004", "5401"}
    await ledger.post(f"/drafts/{drafted['draft_id']}/approval", accountant(ledger, "li"), {})
    assert [each["rule"] for each in await matches(ledger)] == ["drafted"]


async def test_pages_of_lines_and_entries_follow_on(ledger: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fund_ledger.usecases.bank_lines.ROWS_PER_PAGE_MAX", 2)
    account_id = await registered(ledger)
    await ledger.hear(*[contribution(10 + n, received_on=date(2026, 7, 1)) for n in range(5)])
    await told(ledger, account_id, [Moved(MONDAY, 100 + n, f"R{n}") for n in range(5)])
    for path, what in (
        (f"/pools/{POOL}/bank-lines", "lines"),
        (f"/pools/{POOL}/accounts/{ACCOUNT}/unmatched-entries", "entries"),
    ):
        seen: list[int] = []
        after: dict[str, Any] = {}
        while True:
            page = (await ledger.get(path, accountant(ledger), **after)).json()
            seen += [each["amount_fen"] for each in page[what]]
            if page["next_after"] is None:
                break
            after = {"after": page["next_after"]}
        assert len(seen) == len(set(seen)) == 5
        assert (await ledger.get(path, accountant(ledger), after="x")).status_code == 422


@pytest.mark.parametrize("after", [f"2026-07-01/{10**20}/1", "2026-07-01/1/40000", "2026-07-01/-1/1"])
@pytest.mark.parametrize("what", ["unmatched-entries", "lines"])
async def test_no_page_ends_where_nothing_can_be_booked(ledger: Running, what: str, after: str) -> None:
    path = f"/pools/{POOL}/accounts/{ACCOUNT}/{what}"
    answer = await ledger.get(path, accountant(ledger), since="2026-07-01", until="2026-07-31", after=after)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "after")
