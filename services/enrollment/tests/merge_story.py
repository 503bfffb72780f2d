"""A person under two records, the two clerks who merge them, and a month that was due under both."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from changhu_common.roles import Role

from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]


Who = dict[str, str]


JULY = {"pool": "211100", "period": "2026-07"}


BANK = {"received_on": "2026-06-30", "reference": "回单1"}


EARLIER = {"start": "2026-01-01", "end": "2026-05-31"}


class Two:
    """A person under two records, and the two clerks who merge them."""

    def __init__(self, running: Running, survivor: dict[str, Any], merged: dict[str, Any]) -> None:
        self.running = running
        self.told = survivor
        self.survivor: str = survivor["person_id"]
        self.merged: str = merged["person_id"]
        self.log_in()

    def log_in(self) -> None:
        self.clerk, self.other = (
            self.running.token(Role.ENROLLMENT_CLERK, subject=each) for each in ("clerk-1", "clerk-2")
        )

    async def post(self, path: str, body: Any = None, who: Who | None = None) -> httpx.Response:
        return await self.running.post(path, who or self.clerk, body)

    async def get(self, path: str, **params: Any) -> Any:
        answer = await self.running.get(path, self.clerk, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def made(self, path: str, body: Any = None, who: Who | None = None) -> Any:
        answer = await self.post(path, body, who)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    async def enter(self) -> httpx.Response:
        body = {"survivor_id": self.survivor, "merged_id": self.merged, "reason": "号码录入有误，重复登记"}
        return await self.post("/merges", body)

    async def merge(self) -> str:
        """Enter and approve; the merge's id."""
        entered = await self.enter()
        assert entered.status_code == 201, entered.text
        merge_id = str(entered.json()["merge_id"])
        await self.made(f"/merges/{merge_id}/approval", {}, self.other)
        return merge_id

    async def owed(self, person_id: str) -> int:
        """What is still to come from a person's payers over all periods, in fen; below zero a surplus."""
        return sum(each["outstanding_fen"] for each in await self.get(f"/persons/{person_id}/account"))

    async def take_back(self, merge_id: str) -> None:
        entered = await self.made(f"/merges/{merge_id}/reversal", {"reason": "同名不同人"})
        await self.made(f"/merges/{entered['merge_id']}/approval", {}, self.other)


async def twice_due(two: Two) -> tuple[str, dict[str, Any]]:
    """July due and paid by name under both records, then the second coverage taken out."""
    run = (await two.made("/contribution-runs", JULY))["run_id"]
    payments = [
        {"person_id": each, "payer": "personal_account", "amount_fen": 1086} for each in (two.survivor, two.merged)
    ]
    await two.made(f"/contribution-runs/{run}/payments", {**BANK, "payments": payments})
    coverage = (await two.get(f"/persons/{two.merged}"))["coverage"][0]["coverage_id"]
    await two.made(f"/persons/{two.merged}/coverage/{coverage}/void", {"reason": "重复参保"})
    return run, (await two.enter()).json()
