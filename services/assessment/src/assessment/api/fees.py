"""Assessment fees over HTTP."""

from typing import Annotated
from uuid import UUID

from changhu_common.auth import allow
from changhu_common.roles import Caller, Role
from fastapi import APIRouter, Query

from assessment.domain.fees import FeeStatus
from assessment.usecases.fees import FeePage, Fees

PAGE_MAX = 500

Reader = Annotated[
    Caller,
    allow(Role.ASSESSMENT_CLERK, Role.PROVIDER_STAFF, Role.SETTLEMENT_ENTRY, Role.POLICY_ENTRY, Role.AUDITOR),
]


def fees_router(fees: Fees) -> APIRouter:
    router = APIRouter(tags=["fees"])

    @router.get("/fees")
    async def page(
        caller: Reader,
        pool: str,
        status: FeeStatus | None = None,
        after: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    ) -> FeePage:
        """评估费；status=undecided 列出待补录参数的。"""
        return await fees.page(caller=caller, pool=pool, status=status, after=after, limit=limit)

    return router
