"""Two pools' people at work, and the money that moves with a person between them."""

from dataclasses import dataclass
from typing import Any

import httpx
from changhu_common.roles import Role

from tests.support.running import Running

Who = dict[str, str]
HERE, THERE = "211100", "330300"
PAID = {"paid_on": "2026-07-01", "bank_reference": "Z1"}
RECEIVED = {"amount_fen": 50_000, "received_on": "2026-07-01", "bank_reference": "Z1"}
RETURNED = {"returned_on": "2026-07-01", "bank_reference": "T1", "reason": "账号有误"}


@dataclass
class City:
    """One pool's people at work, in a service that other pools use too."""

    running: Running
    pool: str
    county: str

    def who(self, role: Role, number: int = 1) -> Who:
        return self.running.token(role, region=self.pool, subject=f"{role}-{self.pool}-{number}")

    @property
    def clerk(self) -> Who:
        return self.who(Role.ENROLLMENT_CLERK)

    @property
    def cashier(self) -> Who:
        return self.who(Role.CASHIER)

    async def supply(self, value: str) -> None:
        """Say how much goes along, by a paper of later than the document."""
        body = {"pool": self.pool, "parameter": "transfer.money", "value": value, "from": "2026-01-01", "source": "函"}
        entered = await self.made("/policy-values", body, self.who(Role.POLICY_ENTRY))
        await self.made(f"/policy-values/{entered['value_id']}/approval", {}, self.who(Role.POLICY_APPROVAL))

    async def post(self, path: str, body: Any, who: Who | None = None) -> httpx.Response:
        return await self.running.post(path, who or self.clerk, body)

    async def made(self, path: str, body: Any, who: Who | None = None) -> Any:
        answer = await self.post(path, body, who)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    async def leave(self, person: dict[str, Any], *, to: str = THERE, end: str = "2026-06-30") -> str:
        """A person leaves; the transfer."""
        body = {"coverage_id": person["coverage"][-1]["coverage_id"], "end": end, "other_pool": to}
        return str((await self.made(f"/persons/{person['person_id']}/transfers-out", body))["transfer_id"])

    async def arrive(self, person: str, *, come_from: str = HERE) -> str:
        """A person comes; the transfer."""
        coverage = {"category": "employee", "start": "2026-07-01", "base_fen": 543_210}
        body = {"coverage": coverage, "other_pool": come_from, "recognised_months": 6}
        await self.made(f"/persons/{person}/transfers-in", body)
        told = (await self.running.get(f"/persons/{person}/transfers", self.clerk)).json()
        return str(told[-1]["transfer_id"])

    async def decide(self, transfer: str, amount_fen: int | None = 50_000) -> httpx.Response:
        return await self.post(f"/transfers/{transfer}/money", {"amount_fen": amount_fen})

    async def sent(self, transfer: str, amount_fen: int | None = 50_000, reference: str = "Z1") -> str:
        """Decide, approve and pay; the sum."""
        decided = await self.decide(transfer, amount_fen)
        assert decided.status_code == 201, decided.text
        money = str(decided.json()["money_id"])
        await self.made(f"/transfer-money/{money}/approval", None, self.who(Role.ACCOUNTANT))
        await self.made(f"/transfer-money/{money}/payment", {**PAID, "bank_reference": reference}, self.cashier)
        return money

    async def ends(self, **asked: str) -> list[dict[str, Any]]:
        answer = await self.running.get("/transfer-money/ends", self.clerk, pool=self.pool, **asked)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["ends"]
        return found
