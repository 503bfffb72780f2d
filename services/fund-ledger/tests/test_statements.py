"""A bank statement is taken whole or not at all, once, and says what does not fit."""

import asyncio
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from changhu_common.field_encryption import FieldKey, IndexKey
from changhu_common.roles import Role
from changhu_common.table_files import table_file
from fund_ledger.storage.bank_secrets import BankSecrets
from fund_ledger.usecases.bank_lines import line_place
from pydantic import SecretStr
from sqlalchemy import text

from tests.support.banks import (
    HEAD,
    NUMBER,
    OTHER_NUMBER,
    Moved,
    camt,
    load,
    register,
    registered,
    table,
    told,
)
from tests.support.ledgers import COUNTY, OTHER_COUNTY, POOL, contribution, rows
from tests.support.running import Running

JULY = {"since": "2026-07-01", "until": "2026-07-31"}
DAY, LATER = date(2026, 7, 6), date(2026, 7, 20)
TWO = [Moved(DAY, 100_00, "R1", "E1", "某某公司", "保费"), Moved(LATER, -30_00, "R2")]
EMPTIED = [TWO[0], Moved(LATER, -100_00, "R2")]


@pytest.fixture(autouse=True)
def in_august(ledger: Running) -> None:
    ledger.advance_to(datetime(2026, 8, 20, 1, 0, tzinfo=UTC))


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def lines(ledger: Running) -> list[Any]:
    return [(row.booked_on, row.amount_fen) for row in await rows(ledger, "SELECT * FROM bank_line ORDER BY booked_on")]


async def test_an_account_is_shown_by_the_end_of_its_number_alone(ledger: Running) -> None:
    account = (await register(ledger)).json()
    listed = await ledger.get(f"/pools/{POOL}/bank-accounts", ledger.token(Role.AUDITOR))
    assert listed.json() == [account]
    assert (account["number"], account["account_name"]) == ("****2345", "财政专户存款")
    (stored,) = await rows(ledger, "SELECT number, number_index FROM bank_account")
    assert b"62220208" not in stored.number + stored.number_index


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ({}, (409, "bank_account.known")),
        ({"number": "6222-0208-0001-2345"}, (409, "bank_account.known")),
        ({"number": OTHER_NUMBER, "county": COUNTY}, (409, "bank_account.place_divided")),
        ({"number": OTHER_NUMBER, "account": "4001"}, (422, "input.invalid")),
        ({"number": OTHER_NUMBER, "county": "999999"}, (404, "not_found")),
        ({"number": "12 34"}, (422, "input.invalid")),
        ({"number": OTHER_NUMBER, "colour": "red"}, (422, "input.invalid")),
    ],
)
async def test_a_registration_that_does_not_fit_is_refused(
    ledger: Running, said: dict[str, Any], refused: tuple[int, str]
) -> None:
    await registered(ledger)
    assert code(await register(ledger, **said)) == refused
    assert len(await rows(ledger, "SELECT FROM bank_account")) == 1


async def test_an_account_of_another_county_is_not_there(ledger: Running) -> None:
    account_id = await registered(ledger, county=COUNTY)
    other = ledger.token(Role.ACCOUNTANT, region=OTHER_COUNTY)
    assert (await ledger.get(f"/pools/{POOL}/bank-accounts", other)).json() == []
    assert (await ledger.get(f"/bank-accounts/{account_id}/statements", other)).status_code == 404
    sent = await ledger.post(f"/bank-accounts/{account_id}/statements", other, content=table(TWO))
    assert sent.status_code == 404


async def test_a_table_is_taken_line_by_line(ledger: Running) -> None:
    answer = await told(ledger, await registered(ledger), TWO)
    assert (answer["outcome"], answer["lines"], answer["new_lines"], answer["gaps"]) == ("loaded", 2, 2, [])
    assert await lines(ledger) == [(DAY, 100_00), (LATER, -30_00)]
    page = await ledger.get(f"/pools/{POOL}/bank-lines", ledger.token(Role.AUDITOR), matched=False)
    first = page.json()["lines"][0]
    assert (first["reference"], first["end_to_end_id"], first["counterparty"], first["remark"]) == (
        "R1",
        "E1",
        "某某公司",
        "保费",
    )
    assert first["counterparty_number"] == "****7890"
    (stored,) = await rows(ledger, "SELECT said FROM bank_line WHERE amount_fen > 0")
    assert "某某公司".encode() not in stored.said


async def test_a_spreadsheet_and_a_message_say_the_same_as_a_table(ledger: Running) -> None:
    account_id = await registered(ledger)
    await told(ledger, account_id, TWO)
    cells = [tuple(line.split(",")) for line in table(TWO).decode().splitlines()]
    sheet = table_file(cells[0], cells[1:], form="xlsx", sheet="对账单")
    for content, beside in (
        (sheet, {**JULY, "opening_fen": 0, "closing_fen": 70_00}),
        (camt(TWO, since=date(2026, 7, 1), until=date(2026, 7, 31)), {}),
        (camt(TWO, since=date(2026, 7, 1), until=date(2026, 7, 31), version="02"), {}),
    ):
        answer = await load(ledger, account_id, content, **beside)
        assert (answer.json()["outcome"], answer.json()["new_lines"]) == ("known", 0), answer.text
    assert len(await lines(ledger)) == 2


@pytest.mark.parametrize("version", ["02", "08"])
async def test_a_message_is_taken_with_what_it_says_of_itself(ledger: Running, version: str) -> None:
    summary = (
        "<TxsSummry><TtlNtries><NbOfNtries>2</NbOfNtries><Sum>130.00</Sum></TtlNtries>"
        "<TtlCdtNtries><Sum>100.00</Sum></TtlCdtNtries><TtlDbtNtries><Sum>30.00</Sum></TtlDbtNtries></TxsSummry>"
    )
    pending = '<Ntry><Amt Ccy="CNY">5.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>PDNG</Sts></Ntry>'
    content = camt(
        TWO, since=date(2026, 7, 1), until=date(2026, 7, 31), version=version, summary=summary, entry=pending
    )
    answer = (await load(ledger, await registered(ledger), content)).json()
    assert (answer["outcome"], answer["new_lines"]) == ("loaded", 2)
    assert (answer["statements"][0]["number"], answer["statements"][0]["form"]) == ("S1", "camt.053")
    page = (await ledger.get(f"/pools/{POOL}/bank-lines", ledger.token(Role.AUDITOR))).json()
    assert [(each["end_to_end_id"], each["counterparty"]) for each in page["lines"]] == [("E1", "某某公司"), (None, "")]


def changed(old: str, new: str) -> bytes:
    return table(TWO).decode().replace(old, new).encode()


@pytest.mark.parametrize(
    ("content", "beside", "refused", "field"),
    [
        (table(TWO), {"closing_fen": 71_00}, "bank_statement.uneven", "closing_fen"),
        (table(TWO), {"count": 3}, "bank_statement.uneven", "count"),
        (table(TWO), {"income_fen": 1}, "bank_statement.uneven", "income_fen"),
        (table(TWO), {"expense_fen": 1}, "bank_statement.uneven", "expense_fen"),
        (table(TWO, number=OTHER_NUMBER), {}, "bank_statement.other_account", None),
        (changed(f"{NUMBER},2026-07-20", f"{OTHER_NUMBER},2026-07-20"), {}, "bank_statement.rows_invalid", "number"),
        (changed("100.00,", "100.001,"), {}, "bank_statement.rows_invalid", "income"),
        (changed("人民币,R1", "USD,R1"), {}, "bank_statement.rows_invalid", "currency"),
        (changed("2026-07-20", "2026-08-01"), {}, "bank_statement.rows_invalid", "booked_on"),
        (changed("2026-07-20", "2026-07-32"), {}, "bank_statement.rows_invalid", "booked_on"),
        (changed(",,30.00", ",5.00,30.00"), {}, "bank_statement.rows_invalid", "income"),
        (changed("70.00,", "71.00,"), {}, "bank_statement.rows_invalid", "balance"),
        (table(TWO), {"until": "2026-08-20"}, "input.invalid", "until"),
        (table(TWO), {"since": "2026-06-30"}, "input.invalid", "since"),
        (table(TWO), {"until": "2026-06-30"}, "bank_statement.rows_invalid", "booked_on"),
        (changed("账号", "卡号"), {}, "file.invalid", "卡号"),
        (table(TWO).decode().encode("utf-16"), {}, "file.invalid", None),
        (table_file(("账号",), [], form="xlsx", sheet="x")[:-100], {}, "file.invalid", None),
        (b"", {}, "file.invalid", None),
    ],
)
async def test_a_bad_statement_is_refused_and_nothing_is_kept(
    ledger: Running, content: bytes, beside: dict[str, Any], refused: str, field: str | None
) -> None:
    account_id = await registered(ledger)
    answer = await load(ledger, account_id, content, **{**JULY, "opening_fen": 0, "closing_fen": 70_00, **beside})
    assert code(answer) == (422, refused)
    assert field in [None, *(error["field"] for error in answer.json().get("errors", []))]
    assert not await lines(ledger)
    assert not await rows(ledger, "SELECT FROM bank_statement")


async def test_every_bad_row_is_told(ledger: Running) -> None:
    content = changed("100.00,", "1.234,").decode().replace("30.00,", "x,").encode()
    answer = await load(ledger, await registered(ledger), content, **JULY, opening_fen=0, closing_fen=70_00)
    wrong = [(error["line"], error["field"]) for error in answer.json()["errors"]]
    assert wrong == [(2, "income"), (2, "balance"), (3, "expense")]


async def test_a_table_needs_its_days_and_balances_told_beside_it(ledger: Running) -> None:
    answer = await load(ledger, await registered(ledger), table(TWO), since="2026-07-01", opening_fen=0)
    assert [error["field"] for error in answer.json()["errors"]] == ["until", "closing_fen"]


async def test_a_table_may_run_backwards_and_write_thousands_apart(ledger: Running) -> None:
    moved = [Moved(DAY, 1_234_567_00), Moved(LATER, -1_00)]
    text = table(moved).decode().splitlines()
    content = "\n".join([HEAD, text[2], text[1].replace("1234567.00,,", '"1,234,567.00",,')]).encode()
    answer = await load(ledger, await registered(ledger), content, **JULY, opening_fen=0, closing_fen=1_234_566_00)
    assert answer.json()["new_lines"] == 2


async def test_what_a_bank_takes_back_in_red_counts_in_the_column_where_it_stands(ledger: Running) -> None:
    moved = [f"{NUMBER},{DAY},{each}" for each in ("100.00,", "-100.00,", ",-5.00")]
    content = "\n".join(["账号,交易日期,收入金额,支出金额", *moved]).encode()
    beside = {**JULY, "opening_fen": 0, "closing_fen": 5_00}
    account_id = await registered(ledger)
    by_sign = await load(ledger, account_id, content, **beside, income_fen=105_00, expense_fen=100_00)
    assert code(by_sign) == (422, "bank_statement.uneven")
    answer = await load(ledger, account_id, content, **beside, income_fen=0, expense_fen=-5_00)
    assert (answer.status_code, answer.json().get("new_lines")) == (201, 3), answer.text


async def test_a_file_sent_again_changes_nothing_and_says_so(ledger: Running) -> None:
    account_id = await registered(ledger)
    first, second = [await told(ledger, account_id, TWO) for _ in range(2)]
    assert (second["outcome"], second["new_lines"], second["statements"]) == ("known", 0, first["statements"])
    assert len(await lines(ledger)) == 2


async def test_a_day_on_which_nothing_moved_is_not_another_such_day(ledger: Running) -> None:
    account_id = await registered(ledger)
    for day in (date(2026, 7, 1), date(2026, 7, 2)):
        assert (await told(ledger, account_id, [], since=day, until=day))["outcome"] == "loaded"


async def test_equal_lines_of_a_day_are_as_many_as_the_bank_says(ledger: Running) -> None:
    answer = await told(ledger, await registered(ledger), [Moved(DAY, 5_00)] * 3)
    assert answer["new_lines"] == 3


async def test_of_a_statement_that_overlaps_only_new_days_are_taken(ledger: Running) -> None:
    account_id = await registered(ledger)
    await told(ledger, account_id, TWO, until=date(2026, 7, 20))
    more = [*TWO, Moved(date(2026, 7, 25), 7_00)]
    answer = await told(ledger, account_id, more[1:], since=date(2026, 7, 15), opening_fen=100_00)
    assert (answer["outcome"], answer["lines"], answer["new_lines"], answer["gaps"]) == ("loaded", 2, 1, [])
    assert len(await lines(ledger)) == 3


@pytest.mark.parametrize(
    ("moved", "since", "opening_fen", "reason"),
    [
        ([Moved(LATER, -31_00, "R2")], date(2026, 7, 15), 100_00, "本文件 1 笔, 已导入 0 笔"),
        ([Moved(LATER, -30_00, "R9")], date(2026, 7, 15), 100_00, "R9"),
        ([], date(2026, 7, 15), 100_00, "本文件 0 笔, 已导入 1 笔"),
        ([Moved(LATER, -30_00, "R2")], date(2026, 7, 15), 90_00, "日初余额: 本文件 90.00, 已导入 100.00"),
    ],
)
async def test_a_statement_that_contradicts_an_earlier_one_is_refused_with_what_differs(
    ledger: Running, moved: list[Moved], since: date, opening_fen: int, reason: str
) -> None:
    account_id = await registered(ledger)
    await told(ledger, account_id, TWO, until=date(2026, 7, 20))
    closing = opening_fen + sum(each.fen for each in moved)
    content = table(moved, opening_fen=opening_fen)
    beside = {"since": since, "until": "2026-07-31", "opening_fen": opening_fen, "closing_fen": closing}
    answer = await load(ledger, account_id, content, **beside)
    assert code(answer) == (409, "bank_statement.contradicts")
    assert any(reason in error["reason"] for error in answer.json()["errors"])
    assert len(await lines(ledger)) == 2


async def test_a_gap_between_statements_is_told(ledger: Running) -> None:
    account_id = await registered(ledger)
    await told(ledger, account_id, TWO[:1], until=date(2026, 7, 10))
    answer = await told(ledger, account_id, TWO[1:], since=date(2026, 7, 15), opening_fen=90_00)
    gap = {"after": "2026-07-10", "before": "2026-07-15", "days": 4, "difference_fen": -10_00}
    assert answer["gaps"] == [gap]
    listed = await ledger.get(f"/bank-accounts/{account_id}/statements", ledger.token(Role.AUDITOR))
    assert (listed.json()["gaps"], listed.json()["missing_since"]) == ([gap], "2026-07-11")


async def closing(ledger: Running, account_id: str, until: str) -> httpx.Response:
    return await ledger.post(f"/bank-accounts/{account_id}/closing", ledger.token(Role.ACCOUNTANT), {"until": until})


async def test_a_closed_account_has_no_later_statements(ledger: Running) -> None:
    account_id = await registered(ledger)
    await told(ledger, account_id, EMPTIED, until=date(2026, 7, 20))
    assert code(await closing(ledger, account_id, "2026-07-19")) == (422, "input.invalid")
    assert (await closing(ledger, account_id, "2026-07-20")).json()["until"] == "2026-07-20"
    answer = await load(ledger, account_id, table([]), **JULY, opening_fen=0, closing_fen=0)
    assert code(answer) == (422, "input.invalid")


async def test_an_account_is_closed_once_and_when_its_bank_says_that_nothing_is_left(ledger: Running) -> None:
    account_id = await registered(ledger)
    assert code(await closing(ledger, account_id, "2026-07-20")) == (409, "bank_account.not_settled")
    await told(ledger, account_id, EMPTIED[:1], until=date(2026, 7, 10))
    assert code(await closing(ledger, account_id, "2026-07-10")) == (409, "bank_account.not_settled")
    await told(ledger, account_id, EMPTIED[1:], since=date(2026, 7, 11), until=LATER, opening_fen=100_00)
    assert code(await closing(ledger, account_id, "2026-12-31")) == (409, "bank_account.not_settled")
    assert (await closing(ledger, account_id, "2026-07-20")).status_code == 200
    assert code(await closing(ledger, account_id, "2026-08-31")) == (409, "bank_account.closed")


async def test_an_accounts_last_statement_is_not_voided_by_one_person_alone(ledger: Running) -> None:
    account_id = await registered(ledger)
    last = (await told(ledger, account_id, EMPTIED, until=LATER))["statements"][0]
    assert (await closing(ledger, account_id, "2026-07-20")).status_code == 200
    assert code(await void(ledger, last)) == (409, "bank_statement.needed")
    assert code(await reopening(ledger, account_id, by="accountant@211100")) == (403, "post.not_separated")
    assert (await reopening(ledger, account_id, by="li")).json()["until"] is None
    assert code(await reopening(ledger, account_id, by="li")) == (409, "bank_account.not_closed")
    assert (await void(ledger, last)).status_code == 200


async def test_a_closed_accounts_place_stays_its_own_so_that_its_closing_can_be_taken_back(ledger: Running) -> None:
    account_id = await registered(ledger)
    await told(ledger, account_id, EMPTIED, until=LATER)
    assert (await closing(ledger, account_id, "2026-07-20")).status_code == 200
    divided = await register(ledger, number=OTHER_NUMBER, county=COUNTY)
    assert code(divided) == (409, "bank_account.place_divided")
    assert (await reopening(ledger, account_id, by="li")).json()["until"] is None


async def test_a_closing_of_a_closed_month_is_not_taken_back(ledger: Running) -> None:
    account_id = await registered(ledger)
    await told(ledger, account_id, [], until=LATER)
    await closing(ledger, account_id, "2026-07-20")
    who = ledger.token(Role.ACCOUNTANT)
    assert (await ledger.post(f"/pools/{POOL}/periods/2026-07/closing", who, {})).status_code == 200
    assert code(await reopening(ledger, account_id, by="li")) == (409, "bank_account.end_period_closed")


async def reopening(ledger: Running, account_id: str, *, by: str) -> httpx.Response:
    who = ledger.token(Role.ACCOUNTANT, subject=by)
    return await ledger.post(f"/bank-accounts/{account_id}/reopening", who, {"reason": "登记有误"})


async def test_what_was_taken_is_never_changed(ledger: Running) -> None:
    await told(ledger, await registered(ledger), TWO)
    for statement in (
        "UPDATE bank_line SET amount_fen = 1",
        "UPDATE bank_statement SET closing_fen = 1",
        "DELETE FROM bank_line",
        "DELETE FROM bank_account",
        "UPDATE bank_account SET account = '1002'",
        "UPDATE bank_line SET voided = false",
    ):
        with pytest.raises(Exception, match=r"permission denied|append-only"):
            await write(ledger, statement)


async def write(ledger: Running, statement: str) -> None:
    async with ledger.database.engine.begin() as connection:
        await connection.execute(text(statement))


async def void(ledger: Running, statement: dict[str, Any], **where: Any) -> httpx.Response:
    path = f"/bank-statements/{statement['statement_id']}/voiding"
    return await ledger.post(path, ledger.token(Role.ACCOUNTANT, **where), {"reason": "银行更正"})


async def test_a_statement_that_the_bank_took_back_makes_room_for_the_right_one(ledger: Running) -> None:
    account_id = await registered(ledger)
    await ledger.hear(contribution(100_00, received_on=DAY))
    wrong = (await told(ledger, account_id, [TWO[0], Moved(LATER, -31_00, "R2")]))["statements"][0]
    voided = await void(ledger, wrong)
    assert (voided.json()["void_reason"], voided.json()["voided_by"]) == ("银行更正", "accountant@211100")
    page = await ledger.get(f"/pools/{POOL}/bank-lines", ledger.token(Role.AUDITOR))
    assert page.json()["lines"] == []
    answer = await told(ledger, account_id, TWO)
    assert (answer["outcome"], answer["new_lines"], answer["matching"]["new"]) == ("loaded", 2, {"amount": 1})
    listed = (await ledger.get(f"/bank-accounts/{account_id}/statements", ledger.token(Role.AUDITOR))).json()
    assert [each["statement_id"] for each in listed["voided"]] == [wrong["statement_id"]]
    assert len(await rows(ledger, "SELECT FROM bank_line")) == 4


async def test_a_statement_that_was_voided_by_mistake_is_taken_again(ledger: Running) -> None:
    account_id = await registered(ledger)
    first = (await told(ledger, account_id, TWO))["statements"][0]
    await void(ledger, first)
    again = await told(ledger, account_id, TWO)
    assert (again["outcome"], again["new_lines"]) == ("loaded", 2)
    assert code(await void(ledger, first)) == (409, "bank_statement.voided")


async def test_a_line_of_a_voided_statement_is_not_there_and_its_draft_is_booked_unmatched(ledger: Running) -> None:
    statement = (await told(ledger, await registered(ledger), TWO[1:], opening_fen=30_00))["statements"][0]
    zhang, li = (ledger.token(Role.ACCOUNTANT, subject=who) for who in ("zhang", "li"))
    (line,) = await rows(ledger, "SELECT id FROM bank_line")
    body = {"template": "bank_charge.paid", "county": COUNTY, "reason": "银行扣收", "attachment": "回单 3"}
    draft = (await ledger.post(f"/bank-lines/{line.id}/draft", zhang, body)).json()
    assert (await void(ledger, statement)).status_code == 200
    assert (await ledger.get(f"/bank-lines/{line.id}/suggestions", zhang)).status_code == 404
    assert (await ledger.post(f"/bank-lines/{line.id}/draft", zhang, body)).status_code == 404
    assert (await ledger.post(f"/drafts/{draft['draft_id']}/approval", li, {})).status_code == 200
    assert (await ledger.get(f"/pools/{POOL}/matches", zhang)).json() == []


async def test_a_line_whose_statement_is_voided_while_its_suggestions_are_sought_answers_as_before(
    ledger: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = (await told(ledger, await registered(ledger), TWO[:1]))["statements"][0]
    (line,) = await rows(ledger, "SELECT id FROM bank_line")

    async def placed(*args: Any) -> Any:
        place = await line_place(*args)
        assert (await void(ledger, statement)).status_code == 200
        return place

    monkeypatch.setattr("fund_ledger.usecases.bank_lines.line_place", placed)
    path = f"/bank-lines/{line.id}/suggestions"
    assert (await ledger.get(path, ledger.token(Role.AUDITOR))).status_code == 200
    monkeypatch.undo()
    assert (await ledger.get(path, ledger.token(Role.AUDITOR))).status_code == 404


async def test_a_statement_on_which_a_later_one_rests_is_voided_after_it(ledger: Running) -> None:
    account_id = await registered(ledger)
    first = (await told(ledger, account_id, TWO, until=date(2026, 7, 20)))["statements"][0]
    later = (await told(ledger, account_id, TWO[1:], since=date(2026, 7, 15), opening_fen=100_00))["statements"][0]
    assert code(await void(ledger, first)) == (409, "bank_statement.needed")
    assert [(await void(ledger, each)).status_code for each in (later, first)] == [200, 200]
    assert code(await void(ledger, first, region=COUNTY)) == (404, "not_found")


async def test_two_who_send_one_statement_at_once_take_it_once(ledger: Running) -> None:
    account_id = await registered(ledger)
    answers = await asyncio.gather(*(told(ledger, account_id, TWO) for _ in range(4)))
    assert sorted(each["outcome"] for each in answers) == ["known", "known", "known", "loaded"]
    assert len(await lines(ledger)) == 2


async def test_numbers_and_parties_move_over_to_a_new_key_and_say_what_they_said(ledger: Running) -> None:
    await told(ledger, await registered(ledger), TWO)
    before = ledger.resources.settings
    field, index = {"k2": FieldKey.generated().written()}, {"2": IndexKey.generated().written()}
    both = before.model_copy(
        update={
            "field_keys": before.field_keys | {name: SecretStr(key) for name, key in field.items()},
            "index_keys": before.index_keys | {name: SecretStr(key) for name, key in index.items()},
            "field_key_current": "k2",
            "index_key_current": "2",
        }
    )
    rekeying = BankSecrets(both).rekeying(ledger.database)
    assert [await rekeying.move(each, asyncio.Event()) for each in rekeying.tables] == [0, 0]
    new = BankSecrets(
        both.model_copy(
            update={
                "field_keys": {"k2": both.field_keys["k2"]},
                "index_keys": {"2": both.index_keys["2"]},
            }
        )
    )
    (account,) = await rows(ledger, "SELECT * FROM bank_account")
    (line,) = await rows(ledger, "SELECT * FROM bank_line WHERE said IS NOT NULL")
    assert new.number_of(account.id, account.number) == "6222020800012345"
    assert new.candidates("6222020800012345") == [account.number_index]
    assert new.said_of(line.id, line.said).counterparty == "某某公司"
