"""What a person paid of his own leaves the fund once, however often he leaves and whoever pays it back."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from changhu_common.events.enrollment import ContributionRefunded, TransferMoneyPaid
from changhu_common.roles import Role
from enrollment.domain.transfer_money import still_away

from services.enrollment.tests.transfer_story import HERE, PAID, RETURNED, THERE, City

Enrol = Callable[..., Awaitable[dict[str, Any]]]
BANK = {"received_on": "2026-07-01", "reference": "回单"}
ANEW = {"category": "employee", "start": "2026-07-01", "base_fen": 543_210}


class Payer:
    """Somebody in a pool whose rule is that own payments go along, and June's dues there."""

    def __init__(self, city: City, told: dict[str, Any], run: str) -> None:
        self.city = city
        self.told = told
        self.person: str = told["person_id"]
        self.coverage: str = told["coverage"][0]["coverage_id"]
        self.run = run

    async def pays(self, amount_fen: int) -> None:
        paid = {"person_id": self.person, "payer": "personal_account", "amount_fen": amount_fen}
        await self.city.made(f"/contribution-runs/{self.run}/payments", {**BANK, "payments": [paid]})

    async def void(self) -> Any:
        return await self.city.post(f"/persons/{self.person}/coverage/{self.coverage}/void", {"reason": "录错"})

    async def leave(self, to: str = THERE) -> Any:
        body = {"coverage_id": self.coverage, "end": "2026-06-30", "other_pool": to}
        return await self.city.post(f"/persons/{self.person}/transfers-out", body)

    async def come_back_and_leave(self) -> str:
        """Insured here for July once more, then gone again; the transfer out."""
        self.city.running.advance_to(datetime(2026, 8, 20, 1, tzinfo=UTC))
        arrival = {"coverage": ANEW, "other_pool": THERE, "recognised_months": 0}
        await self.city.made(f"/persons/{self.person}/transfers-in", arrival)
        now = (await self.city.running.get(f"/persons/{self.person}", self.city.clerk)).json()
        return await self.city.leave(now, end="2026-07-31")

    async def owes_nothing(self) -> None:
        """The end is corrected to May, and June counted again."""
        await self.city.made(f"/persons/{self.person}/coverage/{self.coverage}/end", {"end": "2026-05-31"})
        await self.city.made(f"/contribution-runs/{self.run}/corrections", {"reason": "停保日期更正"})

    async def refund(self, amount_fen: int = 1086) -> Any:
        body = {"person_id": self.person, "category": "employee", "payer": "personal_account", "reason": "多缴"}
        return await self.city.post(f"/contribution-runs/{self.run}/refunds", {**body, "amount_fen": amount_fen})

    async def refunded(self, refund: Any) -> Any:
        path = f"/refunds/{refund.json()['refund_id']}/approval"
        return await self.city.post(path, {"refunded_on": "2026-07-01"}, self.city.who(Role.ACCOUNTANT))


@pytest.fixture
async def payer(here: City, enrol: Enrol) -> Payer:
    await here.supply("own_payments")
    told = await enrol(1)
    run = (await here.made("/contribution-runs", {"pool": HERE, "period": "2026-06"}))["run_id"]
    return Payer(here, told, run)


async def paid_fen(city: City) -> list[int]:
    return [each.amount_fen for each in await city.running.told(TransferMoneyPaid)]


async def test_a_coverage_whose_money_went_along_is_not_left_again(here: City, payer: Payer) -> None:
    await payer.pays(1000)
    money = await here.sent(await here.leave(payer.told), None)
    again = await payer.leave("441500")
    assert (again.status_code, again.json()["code"]) == (409, "transfer_money.of_coverage")
    await here.made(f"/transfer-money/{money}/return", RETURNED, here.cashier)
    assert (await payer.leave("441500")).status_code == 201


async def test_of_two_departures_from_one_coverage_one_takes_money_along(here: City, payer: Payer) -> None:
    await payer.pays(1000)
    first, second = [await here.leave(payer.told, to=each) for each in (THERE, "441500")]
    assert (await here.decide(first, None)).status_code == 201
    again = await here.decide(second, None)
    assert (again.status_code, again.json()["code"]) == (409, "transfer_money.of_coverage")


async def test_a_coverage_whose_money_went_along_is_not_taken_out(here: City, payer: Payer) -> None:
    await payer.pays(1000)
    money = (await here.decide(await here.leave(payer.told), None)).json()["money_id"]
    refused = await payer.void()
    assert (refused.status_code, refused.json()["code"]) == (409, "transfer_money.of_coverage")
    await here.made(f"/transfer-money/{money}/withdrawal", {"reason": "录错"})
    assert (await payer.void()).status_code == 200


async def test_who_comes_back_without_money_and_leaves_again_takes_nothing_along_twice(
    here: City, payer: Payer
) -> None:
    await payer.pays(1000)
    await here.sent(await here.leave(payer.told), None)
    again = await here.decide(await payer.come_back_and_leave(), None)
    assert (again.status_code, again.json()["code"]) == (422, "transfer_money.nothing_to_send")


async def test_what_came_back_with_a_person_goes_along_again(here: City, payer: Payer) -> None:
    await payer.pays(1000)
    await here.sent(await here.leave(payer.told), None)
    left = await payer.come_back_and_leave()
    transfers = (await here.running.get(f"/persons/{payer.person}/transfers", here.clerk)).json()
    (came,) = [each["transfer_id"] for each in transfers if each["direction"] == "in"]
    received = {"amount_fen": 600, "received_on": "2026-07-02", "bank_reference": "Z9"}
    await here.made(f"/transfers/{came}/receipts", received, here.cashier)
    await here.sent(left, None, reference="Z2")
    assert await paid_fen(here) == [1000, 600]


async def test_what_went_along_is_not_refunded_too(here: City, payer: Payer) -> None:
    await payer.pays(1086)
    money = await here.sent(await here.leave(payer.told), None)
    await payer.owes_nothing()
    refused = await payer.refund()
    assert (refused.status_code, refused.json()["code"]) == (422, "refund.went_along")
    assert refused.json()["refundable_fen"] == 0
    await here.made(f"/transfer-money/{money}/return", RETURNED, here.cashier)
    assert (await payer.refunded(await payer.refund())).status_code == 200


async def test_a_refund_that_was_entered_before_the_money_went_along_is_not_approved(here: City, payer: Payer) -> None:
    await payer.pays(1086)
    left = await here.leave(payer.told)
    await payer.owes_nothing()
    refund = await payer.refund()
    # The correction was a mistake, and the money goes along; then June is taken out again.
    await here.made(f"/persons/{payer.person}/coverage/{payer.coverage}/end", {"end": "2026-06-30"})
    await here.made(f"/contribution-runs/{payer.run}/corrections", {"reason": "停保日期更正"})
    await here.sent(left, None)
    await payer.owes_nothing()
    refused = await payer.refunded(refund)
    assert (refused.status_code, refused.json()["code"]) == (422, "refund.went_along")
    assert await here.running.told(ContributionRefunded) == []


async def test_what_was_refunded_since_the_approval_is_not_paid_to_the_other_pool(here: City, payer: Payer) -> None:
    await payer.pays(1086)
    money = (await here.decide(await here.leave(payer.told), None)).json()["money_id"]
    await here.made(f"/transfer-money/{money}/approval", None, here.who(Role.ACCOUNTANT))
    await payer.owes_nothing()
    assert (await payer.refunded(await payer.refund())).status_code == 200
    refused = await here.post(f"/transfer-money/{money}/payment", PAID, here.cashier)
    assert (refused.status_code, refused.json()["code"]) == (422, "transfer_money.nothing_to_send")
    assert await paid_fen(here) == []


async def test_what_was_paid_too_much_after_the_money_went_along_is_refunded(here: City, payer: Payer) -> None:
    await payer.pays(1000)
    await here.sent(await here.leave(payer.told), None)
    await payer.pays(86)
    await payer.owes_nothing()
    assert (await payer.refund()).json()["refundable_fen"] == 86
    assert (await payer.refunded(await payer.refund(86))).status_code == 200


@pytest.mark.parametrize(
    ("sums", "away"),
    [
        ([], 0),
        ([("out", 10), ("in", 4)], 6),
        ([("in", 5), ("out", 10)], 10),
        ([("out", 10), ("in", 15), ("out", 10)], 10),
    ],
)
def test_what_comes_beyond_what_was_away_counts_for_nothing(sums: list[tuple[str, int]], away: int) -> None:
    assert still_away(sums) == away
