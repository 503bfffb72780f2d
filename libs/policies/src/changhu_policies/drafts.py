"""A draft document (征求意见稿) decides nothing until a deployment says that it may.

`CHANGHU_DRAFT_POOLS` names the pools whose drafts run, or says `all`. Whoever only asks what a draft
would come to needs no leave, and is told that a draft answered.
"""

import os
from typing import Final

from changhu_common.errors import Refusal

from changhu_policies.folders import pools
from changhu_policies.pack import load_pack

SETTING: Final = "CHANGHU_DRAFT_POOLS"
ALL: Final = "all"


class DraftNotAdmitted(Refusal):
    """The pool's document is a draft, and this deployment does not run it."""

    code = "policy.draft"
    title = "政策尚在征求意见"
    status = 409

    def __init__(self, *, pool: str) -> None:
        super().__init__(
            f"统筹区{pool}的文件是征求意见稿，本系统未启用；确需试运行的，请运维在{SETTING}中写明该统筹区。", pool=pool
        )


def admitted(pool: str) -> bool:
    """Whether this deployment runs the pool's pack: always, unless it is a draft that nobody named."""
    named = os.environ.get(SETTING, "").replace(" ", "").split(",")
    return ALL in named or pool in named or not load_pack(pool).draft


def admitted_pools() -> tuple[str, ...]:
    return tuple(pool for pool in pools() if admitted(pool))


def refuse_draft(pool: str) -> None:
    """Raise DraftNotAdmitted for a draft that this deployment does not run."""
    if pool in pools() and not admitted(pool):
        raise DraftNotAdmitted(pool=pool)
