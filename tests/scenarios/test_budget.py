"""A month that the budget cannot bear: its statements wait until two people let them through, or it is raised."""

import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from changhu_common.clock import FileClock
from changhu_common.periods import Month
from changhu_common.roles import Role
from changhu_policies import load_pack
from changhu_standalone.deployment import Standalone
from changhu_standalone.story.beginnings import ASSESSMENT_FEES, BENEFITS, FEE_BUDGET_FEN
from changhu_standalone.story.cast import Chapter
from changhu_standalone.story.chapters import Story, story_begins
from changhu_standalone.story.city import City, build_city
from changhu_standalone.story.office import Office, StoryFailed
from changhu_standalone.story.report import prove

POOL = "211100"


def city() -> City:
    counties = sorted(load_pack(POOL).counties)
    return build_city(pool=POOL, counties=counties, month=Month(2026, 7), people=60, applications=4, seed=11)


class TightStory(Story):
    """The story of a city whose budget for care is a fen: nothing fits until people decide so."""

    care_budget_fen = 1

    def _pay(self, month: Month) -> Chapter:
        pay = super()._pay(month)

        async def decide_and_pay() -> None:
            waiting = await self.waiting()
            if month == self.city.months[0]:
                await self.release(waiting, pay)
            else:
                await self.raise_budget(sum(each["fund_fen"] for each in waiting))
            await self.office.quiet()
            assert await self.waiting() == []
            await pay()

        return decide_and_pay

    async def waiting(self) -> list[dict[str, Any]]:
        path, who = f"/pools/{POOL}/reservations", self.desk(Role.ACCOUNTANT)
        told: list[dict[str, Any]] = await self.office.get("fund-ledger", path, who, status="waiting")
        return told

    async def release(self, waiting: list[dict[str, Any]], pay: Callable[[], Awaitable[None]]) -> None:
        """Nothing of the month is paid until two let each of its statements through."""
        with pytest.raises(StoryFailed, match=r"statement\.awaits_budget.*超出基金预算"):
            await pay()
        for each in waiting:
            of = f"/reservations/{each['statement_id']}/release"
            await self.office.post("fund-ledger", of, {"reason": "追加预算正在报批"}, self.desk(Role.ACCOUNTANT))
            with pytest.raises(StoryFailed, match=r"post\.not_separated"):
                await self.office.post("fund-ledger", f"{of}/approval", {}, self.desk(Role.ACCOUNTANT))
            await self.office.post("fund-ledger", f"{of}/approval", {}, self.desk(Role.ACCOUNTANT, 2))

    async def raise_budget(self, waiting_fen: int) -> None:
        """Another version bears what was spent, and what waits."""
        bounds = {BENEFITS: self.told.paid_fen + waiting_fen, ASSESSMENT_FEES: FEE_BUDGET_FEN}
        lines = [{"account": account, "amount_fen": fen} for account, fen in bounds.items()]
        drafted = await self.office.post(
            "fund-ledger",
            f"/pools/{POOL}/budgets/2026",
            {"reason": "追加", "attachment": "追加批复", "lines": lines},
            self.desk(Role.ACCOUNTANT),
        )
        path = f"/budgets/{drafted['budget']['budget_id']}/approval"
        await self.office.post("fund-ledger", path, {}, self.desk(Role.ACCOUNTANT, 2))


async def test_what_does_not_fit_waits_until_two_release_it_or_the_budget_is_raised() -> None:
    # Not pytest's own folder: PostgreSQL's user could not walk in.
    folder = Path(tempfile.mkdtemp(prefix="changhu-budget-"))
    clock = FileClock(folder / "clock")
    standalone = Standalone(folder, clock=clock)
    standalone.server.durable = False
    standalone.start()
    try:
        clock.advance_to(story_begins(city()))
        async with standalone.clients(standalone.app()) as clients:
            story = TightStory(city=city(), office=Office(clients=clients, issuer=standalone.issuer), clock=clock)
            async for _ in story.tell():
                pass
            proof, _ = await prove(story)
            path, who = f"/pools/{POOL}/budgets/2026/execution", story.desk(Role.AUDITOR)
            executed = await story.office.get("fund-ledger", path, who)
    finally:
        standalone.stop()
        shutil.rmtree(folder, ignore_errors=True)
    assert proof.holds
    assert proof.settled_fen > 0
    spent = executed["totals"][1]
    assert (spent["reserved_fen"], spent["spent_fen"]) == (0, proof.settled_fen)
