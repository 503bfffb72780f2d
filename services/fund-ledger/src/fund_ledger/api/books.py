"""Asking the books over HTTP."""

from datetime import date
from typing import Annotated
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.clock import Clock
from changhu_common.roles import Caller, Role
from fastapi import APIRouter, Response

from fund_ledger.api.files import Form, Made, as_file
from fund_ledger.api.tables import trial_balance_table
from fund_ledger.usecases.books import BookedJournal, Books, TrialBalance

Reader = Annotated[Caller, allow(Role.ACCOUNTANT, Role.AUDITOR)]


def books_router(books: Books, clock: Clock) -> APIRouter:
    router = APIRouter(tags=["books"])

    @router.get("/pools/{pool}/trial-balance", response_model=TrialBalance)
    async def trial_balance(
        caller: Reader,
        pool: str,
        on: date | None = None,
        by_county: bool = False,
        as_happened: bool = False,
        format: Form = "json",
    ) -> TrialBalance | Response:
        """The trial balance (试算平衡表) on a day, today where none is given.

        It is that of the periods; `as_happened` also counts back what came after its period was closed.
        """
        told = await books.trial_balance(
            caller=caller, pool=pool, on=on or clock.today(), by_county=by_county, as_happened=as_happened
        )
        made = Made(caller.name, clock.now())
        return told if format == "json" else await as_file(format, [trial_balance_table(told)], made)

    @router.get("/journals/by-source/{source_event_id}")
    async def journal_of(caller: Reader, source_event_id: UUID) -> BookedJournal:
        """The journal (记账凭证) that an event made."""
        return await books.journal_of(caller=caller, source_event_id=source_event_id)

    return router
