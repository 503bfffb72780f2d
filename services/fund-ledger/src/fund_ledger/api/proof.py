"""Proving the books over HTTP."""

from datetime import date
from typing import Annotated

from changhu_common.auth import allow
from changhu_common.clock import Clock
from changhu_common.roles import Caller, Role
from fastapi import APIRouter, Query

from fund_ledger.usecases.proof import Anchor, EntryPage, Proof, Proofs

Reader = Annotated[Caller, allow(Role.ACCOUNTANT, Role.AUDITOR)]
After = Annotated[int, Query(ge=0, le=2**62)]


def proof_router(proofs: Proofs, clock: Clock) -> APIRouter:
    router = APIRouter(tags=["proof"])

    @router.get("/pools/{pool}/proof")
    async def prove(
        caller: Reader,
        pool: str,
        after: After = 0,
        known: Annotated[str | None, Query(pattern="^[0-9a-f]{64}$")] = None,
    ) -> Proof:
        """Follow the chain behind an entry; `known` is its hash, as an anchor has it."""
        return await proofs.prove(caller=caller, pool=pool, after=after, known=bytes.fromhex(known) if known else None)

    @router.get("/pools/{pool}/entries")
    async def entries(caller: Reader, pool: str, after: After = 0) -> EntryPage:
        """The entries behind one, as canonical lines; empty at the end."""
        return await proofs.entries(caller=caller, pool=pool, after=after)

    @router.get("/pools/{pool}/anchor")
    async def anchor(caller: Reader, pool: str, on: date | None = None) -> Anchor:
        """Where the books stood at the end of a day, today where none is given."""
        return await proofs.anchor(caller=caller, pool=pool, on=on or clock.today())

    return router
