"""Matching over HTTP: by the rules, by hand, and taken apart again."""

import re
from typing import Annotated
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from fund_ledger.api.periods import Reason, Step
from fund_ledger.domain.bank_accounts import Place
from fund_ledger.usecases.matching import Matching, MatchingView, MatchView

Accountant = Annotated[Caller, allow(Role.ACCOUNTANT)]
Reader = Annotated[Caller, allow(Role.ACCOUNTANT, Role.AUDITOR)]

MATCHES_PER_PAGE_MAX = 200
ITEMS_MAX = 2_000  # of one match by hand: an organisation's month is some hundred people

_ENTRY = re.compile(r"[1-9][0-9]{0,17}/[1-9][0-9]{0,3}")


def _is_entry(text: str) -> str:
    if not _ENTRY.fullmatch(text):
        raise ValueError("an entry is written as in the list of unmatched entries: 12/1")
    return text


EntryText = Annotated[str, AfterValidator(_is_entry)]


class ByHand(BaseModel):
    """Lines and entries that are the same money: either side may be empty where the other comes to zero."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    account: str
    county: str | None = None
    lines: Annotated[list[UUID], Field(max_length=ITEMS_MAX)] = []
    entries: Annotated[list[EntryText], Field(max_length=ITEMS_MAX)] = []
    reason: Reason

    def entry_keys(self) -> list[tuple[int, int]]:
        keys = (each.split("/") for each in self.entries)
        return [(int(sequence), int(number)) for sequence, number in keys]


class Undoing(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    reason: Reason


def matching_router(matching: Matching) -> APIRouter:
    router = APIRouter(tags=["matching"])

    @router.post("/pools/{pool}/matching")
    async def run(caller: Accountant, asked: Asked, pool: str, _: Step) -> list[MatchingView]:
        """Let the rules match what they can (自动勾对)."""
        return await matching.run(caller=caller, asked=asked, pool=pool)

    @router.post("/pools/{pool}/matches", status_code=201)
    async def by_hand(caller: Accountant, asked: Asked, pool: str, made: ByHand) -> MatchView:
        """Match by hand (手工勾对)."""
        return await matching.by_hand(
            caller=caller,
            asked=asked,
            place=Place(pool, made.account, made.county),
            lines=made.lines,
            entries=made.entry_keys(),
            reason=made.reason,
        )

    @router.get("/pools/{pool}/matches")
    async def some(caller: Reader, pool: str, undone: bool = False, after: UUID | None = None) -> list[MatchView]:
        """Matches, newest first: those that hold, or those that were undone."""
        return await matching.some(caller=caller, pool=pool, undone=undone, after=after, count=MATCHES_PER_PAGE_MAX)

    @router.post("/matches/{match_id}/undoing")
    async def undo(caller: Accountant, asked: Asked, match_id: UUID, undoing: Undoing) -> MatchView:
        """Take a match apart (撤销勾对); it stays on record."""
        return await matching.undo(caller=caller, asked=asked, match_id=match_id, reason=undoing.reason)

    return router
