"""What a person owes is the due and every difference found later; what was paid too much goes back by two people."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from changhu_common.events.enrollment import ContributionReceived, ContributionRefunded
from changhu_common.roles import Role
from sqlalchemy import text

from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]
Who = dict[str, str]
JULY = {"pool": "211100", "period": "2026-07"}
BANK = {"received_on": "2026-07-01", "reference": "B1"}


async def run(enrollment: Running, clerk: Who) -> str:
    answer = await enrollment.post("/contribution-runs", clerk, JULY)
    assert answer.status_code == 201, answer.text
    return f"/contribution-runs/{answer.json()['run_id']}"


async def set_base(enrollment: Running, clerk: Who, told: dict[str, Any], base_fen: int) -> None:
    at = f"/persons/{told['person_id']}/coverage/{told['coverage'][0]['coverage_id']}/base"
    answer = await enrollment.post(at, clerk, {"since": "2026-07", "base_fen": base_fen})
    assert answer.status_code == 200, answer.text


async def correct(enrollment: Running, clerk: Who, at: str, **more: Any) -> dict[str, Any]:
    answer = await enrollment.post(f"{at}/corrections", clerk, {"reason": "基数申报有误", **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def accountant(enrollment: Running) -> Who:
    return enrollment.token(Role.ACCOUNTANT)


async def test_a_base_learned_late_makes_the_exact_difference_due_and_edits_nothing(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    told = await enrol(1)
    await enrol(2)
    at = await run(enrollment, clerk)
    before = (await enrollment.get(f"/persons/{told['person_id']}/dues", clerk)).json()
    await set_base(enrollment, clerk, told, 1_000_000)
    found = await correct(enrollment, clerk, at)
    assert (found["persons"], found["raised_fen"], found["lowered_fen"]) == (1, 4000 - 2172, 0)
    assert [(each["payer"], each["fen"], bool(each["clause"])) for each in found["differences"]] == [
        ("employer_medical_contribution", 914, True),
        ("personal_account", 914, True),
    ]
    assert (await enrollment.get(f"/persons/{told['person_id']}/dues", clerk)).json() == before
    seen = (await enrollment.get(at, clerk)).json()
    assert (seen["due_fen"], seen["outstanding_fen"]) == (2 * 2172, 2172 + 4000)


async def test_counted_again_with_nothing_new_nothing_is_due_twice(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    told = await enrol(1)
    at = await run(enrollment, clerk)
    await set_base(enrollment, clerk, told, 1_000_000)
    await correct(enrollment, clerk, at)
    again = await correct(enrollment, clerk, at)
    assert (again["persons"], again["differences"]) == (0, [])
    rerun = await enrollment.post("/contribution-runs", clerk, JULY)
    assert rerun.json()["outstanding_fen"] == 4000


async def test_a_base_set_back_takes_its_difference_back(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    told = await enrol(1)
    at = await run(enrollment, clerk)
    await set_base(enrollment, clerk, told, 1_000_000)
    await correct(enrollment, clerk, at)
    await set_base(enrollment, clerk, told, 543_210)
    found = await correct(enrollment, clerk, at)
    assert (found["persons"], found["raised_fen"], found["lowered_fen"]) == (1, 0, 4000 - 2172)


async def test_a_category_learned_late_is_credited_in_one_and_due_in_the_other(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    told = await enrol(1)
    at = await run(enrollment, clerk)
    coverage = f"/persons/{told['person_id']}/coverage"
    await enrollment.post(f"{coverage}/{told['coverage'][0]['coverage_id']}/end", clerk, {"end": "2026-06-30"})
    await enrollment.post(coverage, clerk, {"category": "retiree", "start": "2026-07-01", "base_fen": 321_777})
    found = await correct(enrollment, clerk, at)
    assert [(each["category"], each["payer"], each["fen"]) for each in found["differences"]] == [
        ("employee", "employer_medical_contribution", -1086),
        ("employee", "personal_account", -1086),
        ("retiree", "medical_fund_surplus", 644),
        ("retiree", "personal_account", 644),
    ]
    (account,) = (await enrollment.get(f"/persons/{told['person_id']}/account", clerk)).json()
    assert account["outstanding_fen"] == 1288


async def test_a_death_learned_late_takes_the_whole_due_back(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    told = await enrol(1)
    at = await run(enrollment, clerk)
    await enrollment.post(f"/persons/{told['person_id']}/death", clerk, {"died_on": "2026-06-30"})
    found = await correct(enrollment, clerk, at)
    assert (found["raised_fen"], found["lowered_fen"]) == (0, 2172)
    assert all(each["clause"] for each in found["differences"])


async def test_a_county_corrects_its_own_persons_and_not_the_whole_run(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    told = await enrol(1)
    other = await enrol(2, county="211122")
    at = await run(enrollment, clerk)
    county = enrollment.token(Role.ENROLLMENT_CLERK, region="211102")
    await set_base(enrollment, clerk, told, 1_000_000)
    await set_base(enrollment, clerk, other, 1_000_000)
    body = {"reason": "基数申报有误"}
    assert (await enrollment.post(f"{at}/corrections", county, body)).status_code == 404
    theirs = {**body, "persons": [other["person_id"]]}
    assert (await enrollment.post(f"{at}/corrections", county, theirs)).status_code == 404
    assert (await correct(enrollment, county, at, persons=[told["person_id"]]))["persons"] == 1


async def test_who_paid_in_part_or_not_at_all_is_in_arrears_until_the_rest_comes_late(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    first, second = [(await enrol(n))["person_id"] for n in (1, 2)]
    at = await run(enrollment, clerk)
    paid = {"person_id": first, "payer": "personal_account", "amount_fen": 1000}
    answer = await enrollment.post(f"{at}/payments", clerk, {**BANK, "payments": [paid]})
    assert (answer.status_code, answer.json()["received_fen"]) == (201, 1000)
    page = (await enrollment.get(f"{at}/arrears", clerk, limit=1)).json()
    assert [(each["person_id"], each["outstanding_fen"]) for each in page["accounts"]] == [(first, 1172)]
    rest = (await enrollment.get(f"{at}/arrears", clerk, after=page["next"])).json()
    assert [(each["person_id"], each["outstanding_fen"]) for each in rest["accounts"]] == [(second, 2172)]
    late = [
        {"person_id": first, "payer": "personal_account", "amount_fen": 86},
        {"person_id": first, "payer": "employer_medical_contribution", "amount_fen": 1086},
    ]
    await enrollment.post(f"{at}/payments", clerk, {**BANK, "payments": late})
    left = (await enrollment.get(f"{at}/arrears", clerk)).json()
    assert [each["person_id"] for each in left["accounts"]] == [second]
    assert sum(each.amount_fen for each in await enrollment.told(ContributionReceived)) == 2172


async def test_a_total_that_is_full_leaves_nobody_in_arrears(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    await enrol(1)
    at = await run(enrollment, clerk)
    await enrollment.post(f"{at}/receipts", clerk, BANK)
    assert (await enrollment.get(f"{at}/arrears", clerk)).json()["accounts"] == []


async def test_a_payment_beyond_what_the_person_owes_is_refused_whole(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    first, second = [(await enrol(n))["person_id"] for n in (1, 2)]
    at = await run(enrollment, clerk)
    lines = [{"person_id": each, "payer": "personal_account", "amount_fen": 1086} for each in (first, second, first)]
    answer = await enrollment.post(f"{at}/payments", clerk, {**BANK, "payments": lines})
    assert (answer.status_code, answer.json()["code"]) == (422, "receipt.exceeds_due")
    assert answer.json()["errors"][0]["field"] == "payments.2.amount_fen"
    unknown = [{**lines[0], "payer": "pension"}]
    assert (await enrollment.post(f"{at}/payments", clerk, {**BANK, "payments": unknown})).status_code == 404
    assert await enrollment.told(ContributionReceived) == []


async def test_a_refund_is_entered_by_one_and_paid_by_another_and_only_of_a_credit(
    enrollment: Running, enrol: Enrol, clerk: Who, accountant: Who
) -> None:
    told = await enrol(1)
    await enrol(2)
    at = await run(enrollment, clerk)
    await enrollment.post(f"{at}/receipts", clerk, BANK)
    body = {
        "person_id": told["person_id"],
        "category": "employee",
        "payer": "personal_account",
        "amount_fen": 586,
        "reason": "基数调低",
    }
    early = await enrollment.post(f"{at}/refunds", clerk, body)
    assert (early.status_code, early.json()["code"]) == (422, "refund.exceeds_credit")
    await set_base(enrollment, clerk, told, 250_000)
    await correct(enrollment, clerk, at)
    entered = await enrollment.post(f"{at}/refunds", clerk, body)
    assert (entered.status_code, entered.json()["status"]) == (201, "entered")
    assert await enrollment.told(ContributionRefunded) == []
    approval = f"/refunds/{entered.json()['refund_id']}/approval"
    both = enrollment.token(Role.ENROLLMENT_CLERK, Role.ACCOUNTANT, subject=f"{Role.ENROLLMENT_CLERK}@211100")
    assert (await enrollment.post(approval, both, {})).json()["code"] == "post.not_separated"
    approved = await enrollment.post(approval, accountant, {})
    assert (approved.status_code, approved.json()["refunded_on"]) == (200, "2026-07-01")
    assert (await enrollment.post(approval, accountant, {})).json()["code"] == "refund.already_approved"
    (event,) = await enrollment.told(ContributionRefunded)
    assert (event.county, event.payer, event.amount_fen, event.period) == ("211102", "personal_account", 586, "2026-07")
    again = await enrollment.post(f"{at}/refunds", clerk, {**body, "amount_fen": 1})
    assert again.json()["code"] == "refund.exceeds_credit"


async def test_two_entries_for_one_credit_are_paid_once(
    enrollment: Running, enrol: Enrol, clerk: Who, accountant: Who
) -> None:
    told = await enrol(1)
    at = await run(enrollment, clerk)
    paid = {"person_id": told["person_id"], "payer": "personal_account", "amount_fen": 1086}
    await enrollment.post(f"{at}/payments", clerk, {**BANK, "payments": [paid]})
    await enrollment.post(f"/persons/{told['person_id']}/death", clerk, {"died_on": "2026-06-30"})
    await correct(enrollment, clerk, at)
    body = {**paid, "category": "employee", "reason": "死亡"}
    entered = [(await enrollment.post(f"{at}/refunds", clerk, body)).json()["refund_id"] for _ in range(2)]
    first, second = [await enrollment.post(f"/refunds/{each}/approval", accountant, {}) for each in entered]
    assert (first.status_code, second.json()["code"]) == (200, "refund.exceeds_credit")


async def test_what_was_found_and_paid_cannot_be_changed_in_the_database(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    told = await enrol(1)
    at = await run(enrollment, clerk)
    await set_base(enrollment, clerk, told, 1_000_000)
    await correct(enrollment, clerk, at)
    for table in ("difference", "person_receipt"):
        async with enrollment.database.engine.connect() as connection:
            with pytest.raises(Exception, match=r"permission denied|append-only"):
                await connection.execute(text(f"DELETE FROM {table}"))


async def test_a_missing_value_stops_a_correction_with_its_name_before_anything_is_written(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    first = await enrol(1)
    other = await enrol(2, coverage={"category": "retiree", "base_fen": 321_777})
    at = await run(enrollment, clerk)
    await set_base(enrollment, clerk, first, 1_000_000)
    await enrollment.post(f"/persons/{other['person_id']}/details", clerk, {"marks": ["no_personal_account"]})
    answer = await enrollment.post(f"{at}/corrections", clerk, {"reason": "基数申报有误"})
    assert (answer.status_code, answer.json()["code"]) == (422, "policy.missing")
    assert answer.json()["parameter"] == "contribution.base_by_mark"
    async with enrollment.database.read() as connection:
        for table in ("correction", "difference"):
            assert await connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0
