"""What the fund's budget answers to a statement that was approved: kept, too much, or free again."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict

from changhu_common.events.ledger import BOOK
from changhu_common.events.registry import Event


class BudgetShortfall(BaseModel):
    """What was asked of one line of the budget beside what is free there, in fen.

    A line without a county is the whole pool's, one without a scheme is for all of them.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    account: str
    county: str | None = None
    scheme: str | None = None
    asked_fen: int
    free_fen: int


class BudgetAnswer(Event):
    """What the budget (预算) of a pool's `year` answers to a statement; of several the highest `revision` holds."""

    TOPIC = BOOK
    KEY = "pool"

    pool: str
    year: int
    statement_id: UUID
    organization_id: UUID
    revision: int
    fund_fen: int


class BudgetReserved(BudgetAnswer):
    """`fund_fen` is kept for the statement (预算占用): it may be paid.

    `basis` says why: `within_budget`, `no_budget` (there is none), `not_binding` (it exceeds a budget
    that only informs), `let_through` (two people released it) or `nothing_asked`. `warned` where a
    line reaches its warning level by it.
    """

    TYPE = "budget.reserved"

    basis: str
    warned: bool = False


class BudgetExceeded(BudgetAnswer):
    """The statement's `fund_fen` does not fit (超预算): two people release it, or the budget is raised."""

    TYPE = "budget.exceeded"

    short: tuple[BudgetShortfall, ...]


class BudgetReleased(BudgetAnswer):
    """`fund_fen` that was kept for the statement is free again (释放): it was `rejected`, or `settled` for less."""

    TYPE = "budget.released"

    reason: str


BUDGET_EVENTS: tuple[type[Event], ...] = (BudgetReserved, BudgetExceeded, BudgetReleased)
