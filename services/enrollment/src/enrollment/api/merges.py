"""Two records of one person over HTTP: found, looked at, merged by two people, and taken apart again."""

from typing import Annotated, Literal
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.requests import Asked
from changhu_common.roles import Caller, Role
from fastapi import APIRouter, Query

from enrollment.api.circumstances import Clerk
from enrollment.api.persons import Body, Void
from enrollment.usecases.candidates import PAGE_CANDIDATES_MAX, CandidatePage, Candidates, CandidateView
from enrollment.usecases.merges import PAGE_MERGES_MAX, MergePage, MergePreview, Merges, MergeView

Watcher = Annotated[Caller, allow(Role.ENROLLMENT_CLERK, Role.AUDITOR)]


class NewMerge(Body):
    survivor_id: UUID
    merged_id: UUID
    reason: Annotated[str, Void.model_fields["reason"]]


def merges_router(merges: Merges, candidates: Candidates) -> APIRouter:
    router = APIRouter(tags=["merges"])

    @router.get("/merge-candidates")
    async def candidates_of(
        caller: Watcher,
        pool: str,
        status: Literal["open", "dismissed"] = "open",
        after: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_CANDIDATES_MAX)] = 100,
    ) -> CandidatePage:
        """Pairs that may be one person (疑似重复登记), each with the reasons why."""
        return await candidates.page(caller=caller, pool=pool, status=status, after=after, limit=limit)

    @router.post("/merge-candidates/{candidate_id}/dismissal")
    async def dismiss(caller: Clerk, asked: Asked, candidate_id: UUID, body: Void) -> CandidateView:
        """They are two people: the pair stays away from the list."""
        return await candidates.dismiss(caller=caller, asked=asked, candidate_id=candidate_id, reason=body.reason)

    @router.get("/merges/preview")
    async def preview(caller: Watcher, survivor_id: UUID, merged_id: UUID) -> MergePreview:
        """What a merge would do, and what stands against it (合并预览)."""
        return await merges.preview(caller=caller, survivor_id=survivor_id, merged_id=merged_id)

    @router.post("/merges", status_code=201)
    async def enter(caller: Clerk, asked: Asked, body: NewMerge) -> MergeView:
        """Enter a merge of two records of one pool (登记合并)."""
        return await merges.enter(caller=caller, asked=asked, **body.model_dump())

    @router.get("/merges")
    async def page(
        caller: Watcher,
        pool: str,
        status: Literal["entered", "approved", "rejected"] | None = None,
        person_id: UUID | None = None,
        after: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MERGES_MAX)] = 100,
    ) -> MergePage:
        return await merges.page(caller=caller, pool=pool, status=status, person_id=person_id, after=after, limit=limit)

    @router.get("/merges/{merge_id}")
    async def merge(caller: Watcher, merge_id: UUID) -> MergeView:
        return await merges.get(caller=caller, merge_id=merge_id)

    @router.post("/merges/{merge_id}/approval")
    async def approve(caller: Clerk, asked: Asked, merge_id: UUID) -> MergeView:
        """Approve a merge or a reversal that another person entered."""
        return await merges.approve(caller=caller, asked=asked, merge_id=merge_id)

    @router.post("/merges/{merge_id}/rejection")
    async def reject(caller: Clerk, asked: Asked, merge_id: UUID, body: Void) -> MergeView:
        """Send a merge back, or withdraw one's own."""
        return await merges.reject(caller=caller, asked=asked, merge_id=merge_id, reason=body.reason)

    @router.post("/merges/{merge_id}/reversal", status_code=201)
    async def reverse(caller: Clerk, asked: Asked, merge_id: UUID, body: Void) -> MergeView:
        """Enter the reversal of an approved merge (撤销合并)."""
        return await merges.reverse(caller=caller, asked=asked, merge_id=merge_id, reason=body.reason)

    return router
