"""A person moves from one city to another with money: each city's books have its end, and the two ends agree."""

import random
from datetime import date
from typing import Any

from changhu_common.roles import Role
from changhu_standalone.story.chapters import at
from changhu_standalone.story.office import Desk
from fund_ledger.app import SERVICE as FUND_LEDGER

from tests.scenarios.cities import Cities
from tests.support.running import Deploy, hear_shuffled

PANJIN, WENZHOU = "211100", "330300"
SENT = 123_456
MONEY = {"bank_reference": "HB-2026-1101"}


async def books(cities: Cities, pool: str) -> dict[str, int]:
    told = await cities.office.get("fund-ledger", f"/pools/{pool}/trial-balance", cities.desk(pool, Role.AUDITOR))
    assert told["balanced"]
    return {each["account"]: each["balance_fen"] for each in told["accounts"]}


async def ends(cities: Cities, pool: str) -> list[tuple[str, int, int]]:
    told = await cities.office.get("enrollment", "/transfer-money/ends", cities.desk(pool, Role.AUDITOR), pool=pool)
    return [(each["status"], each["sent_fen"], each["received_fen"]) for each in told["ends"]]


class Mover:
    """A person who leaves Panjin for Wenzhou, and those who move the money."""

    def __init__(self, cities: Cities, person: str) -> None:
        self.cities = cities
        self.person = person

    async def ask(self, path: str, body: Any, desk: Desk) -> Any:
        return await self.cities.office.post("enrollment", path, body, desk)

    async def leave(self) -> str:
        clerk = self.cities.desk(PANJIN, Role.ENROLLMENT_CLERK)
        told = await self.cities.office.get("enrollment", f"/persons/{self.person}", clerk)
        body = {
            "coverage_id": told["coverage"][0]["coverage_id"],
            "end": "2026-10-31",
            "other_pool": WENZHOU,
            "reference": "联系函1",
        }
        return str((await self.ask(f"/persons/{self.person}/transfers-out", body, clerk))["transfer_id"])

    async def arrive(self, person: str) -> str:
        clerk = self.cities.desk(WENZHOU, Role.ENROLLMENT_CLERK)
        coverage = {"category": "employee", "start": "2026-11-01"}
        body = {"coverage": coverage, "other_pool": PANJIN, "recognised_months": 82, "reference": "联系函1"}
        await self.ask(f"/persons/{person}/transfers-in", body, clerk)
        (told,) = await self.cities.office.get("enrollment", f"/persons/{person}/transfers", clerk)
        return str(told["transfer_id"])

    async def send(self, transfer: str) -> str:
        """Three people: one decides, one approves, one pays."""
        desks = (self.cities.desk(PANJIN, each) for each in (Role.ENROLLMENT_CLERK, Role.ACCOUNTANT, Role.CASHIER))
        clerk, accountant, cashier = desks
        money = str((await self.ask(f"/transfers/{transfer}/money", {"amount_fen": SENT}, clerk))["money_id"])
        await self.ask(f"/transfer-money/{money}/approval", {}, accountant)
        await self.ask(f"/transfer-money/{money}/payment", {"paid_on": "2026-11-02", **MONEY}, cashier)
        return money


async def test_a_person_moves_with_money_and_both_cities_books_agree(cities: Cities, deploy: Deploy) -> None:
    await cities.supply(PANJIN, "transfer.money", "agreed", **{"from": "2026-01-01"})
    mover = Mover(cities, await cities.enrol(PANJIN, "211102", "employee", base_fen=543_210, serial=1))
    left = await mover.leave()
    # He was insured in the other city once before: the same number, another record.
    wenzhou = await cities.enrol(WENZHOU, "330381", "employee", base_fen=None, serial=1, end="2020-12-31")
    arrived = await mover.arrive(wenzhou)
    cities.clock.advance_to(at(date(2026, 11, 6), 9))
    money = await mover.send(left)
    assert await ends(cities, PANJIN) == await ends(cities, WENZHOU) == [("not_received", SENT, 0)]

    received = {"amount_fen": SENT, "received_on": "2026-11-03", **MONEY}
    cashier = cities.desk(WENZHOU, Role.CASHIER)
    came = await mover.ask(f"/transfers/{arrived}/receipts", received, cashier)
    assert await ends(cities, PANJIN) == await ends(cities, WENZHOU) == [("agreed", SENT, SENT)]
    await cities.office.quiet()
    assert await books(cities, PANJIN) == {"5201": SENT, "1003": -SENT}
    assert await books(cities, WENZHOU) == {"4301": -SENT, "1003": SENT}

    # It was for another person: sent back, and come back.
    back = {"returned_on": "2026-11-05", "bank_reference": "HB-2026-1105", "reason": "重复划转"}
    await mover.ask(f"/transfer-money/{came['money_id']}/return", back, cities.desk(WENZHOU, Role.CASHIER, 2))
    assert await ends(cities, PANJIN) == [("not_received", SENT, 0)]
    await mover.ask(f"/transfer-money/{money}/return", back, cities.desk(PANJIN, Role.CASHIER))
    assert await ends(cities, PANJIN) == []
    await cities.office.quiet()
    for pool in (PANJIN, WENZHOU):
        assert not any((await books(cities, pool)).values())

    # Made again from doubled and shuffled events, both cities' books are the same.
    ledger = await deploy(FUND_LEDGER)
    await hear_shuffled(ledger, cities.heard("enrollment.contribution"), random.Random(1))
    for pool in (PANJIN, WENZHOU):
        who = ledger.token(Role.AUDITOR, region=pool)
        again = (await ledger.get(f"/pools/{pool}/trial-balance", who, on="2026-11-06")).json()
        told = await cities.office.get("fund-ledger", f"/pools/{pool}/trial-balance", cities.desk(pool, Role.AUDITOR))
        assert again["accounts"] == told["accounts"]
        assert all(each["debit_fen"] == each["credit_fen"] == SENT for each in again["accounts"])
