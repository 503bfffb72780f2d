"""A batch asks each side for what its payers owe, and each line of the answer is booked once or told why not."""

import csv
import io
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from changhu_common.events.enrollment import ContributionReceived
from changhu_common.roles import Role

from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]
Who = dict[str, str]
JULY = {"pool": "211100", "period": "2026-07"}
BANK = {"received_on": "2026-07-01", "reference": "回盘1"}
HEAD = ("明细号", "扣款结果", "实扣金额", "失败原因")


def table(*rows: tuple[str, ...], head: tuple[str, ...] = HEAD) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([head, *rows])
    return buffer.getvalue().encode("utf-8-sig")


async def make(enrollment: Running, clerk: Who, side: str = "account") -> dict[str, Any]:
    await enrollment.post("/contribution-runs", clerk, JULY)
    answer = await enrollment.post("/withholding-batches", clerk, {**JULY, "side": side})
    assert answer.status_code == 201, answer.text
    batch: dict[str, Any] = answer.json()
    return batch


async def answered(enrollment: Running, clerk: Who, batch: dict[str, Any], content: bytes) -> dict[str, Any]:
    at = f"/withholding-batches/{batch['batch_id']}/result"
    answer = await enrollment.post(at, clerk, content=content, params=BANK)
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def lines_of(enrollment: Running, clerk: Who, batch: dict[str, Any]) -> list[dict[str, str]]:
    answer = await enrollment.get(f"/withholding-batches/{batch['batch_id']}/file", clerk)
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


async def test_each_side_is_asked_for_its_own_payers(
    enrollment: Running, enrol: Enrol, clerk: Who, people: SimpleNamespace
) -> None:
    first = (await enrol(1))["person_id"]
    second = (await enrol(2, coverage={"category": "flexible"}))["person_id"]
    account, tax = [await make(enrollment, clerk, side) for side in ("account", "tax")]
    assert (account["items"], account["amount_fen"], tax["items"], tax["amount_fen"]) == (1, 1086, 1, 1086)
    (asked,) = await lines_of(enrollment, clerk, account)
    assert (asked["参保人编号"], asked["应扣金额"], asked["资金来源"]) == (first, "10.86", "本人医保个人账户")
    assert (asked["姓名"], asked["公民身份号码"][4:14]) == ("张**", "*" * 10)
    (taxed,) = await lines_of(enrollment, clerk, tax)
    assert (taxed["参保人编号"], taxed["公民身份号码"]) == (second, people.number(2))


async def test_answers_are_matched_line_by_line(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    for n in range(1, 7):
        await enrol(n)
    batch = await make(enrollment, clerk)
    content = table(
        ("1", "成功", "10.86", ""),
        ("2", "部分成功", "4.00", ""),
        ("3", "失败", "", "余额不足"),
        ("99", "成功", "10.86", ""),
        ("4", "成功", "10.85", ""),
        ("5", "失败", "1.00", "余额不足"),
        ("6", "失败", "", ""),
    )
    found = await answered(enrollment, clerk, batch, content)
    assert (found["paid"], found["part"], found["failed"], found["rejected"]) == (1, 1, 1, 4)
    assert [(each["line"], each["field"]) for each in found["errors"]] == [
        (5, "number"),
        (6, "amount"),
        (7, "amount"),
        (8, "reason"),
    ]
    assert found["received_fen"] == 1486
    (event,) = await enrollment.told(ContributionReceived)
    assert (event.payer, event.amount_fen) == ("personal_account", 1486)
    seen = (await enrollment.get(f"/withholding-batches/{batch['batch_id']}", clerk)).json()
    assert {each["status"]: each["items"] for each in seen["counts"]} == {"failed": 1, "paid": 1, "part": 1, "sent": 3}


async def test_an_answer_sent_again_doubles_nothing_and_another_one_is_refused(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    await enrol(1)
    batch = await make(enrollment, clerk)
    content = table(("1", "成功", "10.86", ""), ("1", "成功", "10.86", ""))
    first = await answered(enrollment, clerk, batch, content)
    assert (first["paid"], first["unchanged"]) == (1, 1)
    again = await answered(enrollment, clerk, batch, content)
    assert (again["paid"], again["unchanged"], again["received_fen"]) == (0, 2, 0)
    other = await answered(enrollment, clerk, batch, table(("1", "失败", "", "余额不足")))
    assert (other["failed"], other["rejected"]) == (0, 1)
    assert len(await enrollment.told(ContributionReceived)) == 1


async def test_what_is_out_is_not_asked_for_again_and_what_failed_is(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    for n in (1, 2):
        await enrol(n)
    first = await make(enrollment, clerk)
    assert (first["items"], (await make(enrollment, clerk))["items"]) == (2, 0)
    await answered(enrollment, clerk, first, table(("1", "部分成功", "4.00", "")))
    second = await make(enrollment, clerk)
    assert (second["items"], second["amount_fen"]) == (1, 686)
    closed = await enrollment.post(f"/withholding-batches/{first['batch_id']}/close", clerk, {})
    assert {each["status"] for each in closed.json()["counts"]} == {"part", "failed"}
    assert (await make(enrollment, clerk))["amount_fen"] == 1086


async def test_what_was_paid_otherwise_meanwhile_is_told_and_not_booked(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    await enrol(1)
    batch = await make(enrollment, clerk)
    await enrollment.post(f"/contribution-runs/{batch['run_id']}/receipts", clerk, BANK)
    found = await answered(enrollment, clerk, batch, table(("1", "成功", "10.86", "")))
    assert (found["paid"], found["rejected"]) == (0, 1)
    assert "其他方式" in found["errors"][0]["reason"]


async def test_an_answer_may_carry_what_was_asked(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    await enrol(1)
    batch = await make(enrollment, clerk)
    (asked,) = await lines_of(enrollment, clerk, batch)
    content = table((*asked.values(), "成功", "10.86"), head=(*asked, "扣款结果", "实扣金额"))
    assert (await answered(enrollment, clerk, batch, content))["paid"] == 1


async def test_a_batch_is_the_pools(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    await enrol(1)
    batch = await make(enrollment, clerk)
    county = enrollment.token(Role.ENROLLMENT_CLERK, region="211102")
    assert (await enrollment.post("/withholding-batches", county, {**JULY, "side": "tax"})).status_code == 404
    for at in ("", "/file"):
        assert (await enrollment.get(f"/withholding-batches/{batch['batch_id']}{at}", county)).status_code == 404
    never = {**JULY, "period": "2026-06", "side": "tax"}
    assert (await enrollment.post("/withholding-batches", clerk, never)).status_code == 404
