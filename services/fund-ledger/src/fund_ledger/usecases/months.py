"""A fund month by month (月度收支): what came in, what went out, what was left and how long it would last."""

from collections.abc import Sequence
from dataclasses import dataclass

from changhu_common.database import Database
from changhu_common.errors import FieldError, InvalidInput
from changhu_common.periods import Month
from changhu_common.roles import Caller
from changhu_policies.accounting import chart

from fund_ledger.domain.reports import MonthAmounts, months_of_reserve, months_of_surplus, written_months
from fund_ledger.storage import totals
from fund_ledger.usecases.books import anchor_of, refuse_other_pools
from fund_ledger.usecases.reports import RESERVE_MONTHS, Part

MONTHS_MAX = 360


@dataclass(frozen=True, slots=True)
class MonthResult:
    """One month, in fen: the surplus at its end, and months of reserve (None where nothing was spent)."""

    month: str
    income_fen: int
    expense_fen: int
    result_fen: int
    surplus_fen: int
    reserve: str | None


@dataclass(frozen=True, slots=True)
class Months:
    """Consecutive months; `anchor` is the entry of the chain up to which they were counted."""

    pool: str
    since: str
    until: str
    months: Sequence[MonthResult]
    anchor: str | None


class MonthlyReports:
    """What is asked of the books for many months at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def months(self, *, caller: Caller, pool: str, since: Month, until: Month, part: Part) -> Months:
        """Income, expense, surplus and reserve of each month; a year end's own journals do not count."""
        refuse_other_pools(caller, pool)
        count = (until.year - since.year) * 12 + until.number - since.number + 1
        if not 0 < count <= MONTHS_MAX:
            reason = f"须不晚于截止月份，且至多 {MONTHS_MAX} 个月"
            raise InvalidInput("起止月份有误。", errors=[FieldError("since", reason)])
        kinds = {number: account.kind for number, account in chart().accounts.items()}
        async with self._database.read() as connection:
            moved = await totals.by_month(
                connection, pool=pool, until=until.last, scope=caller.scope, county=part.county, scheme=part.scheme
            )
            anchor = await anchor_of(connection, pool)
        standing = months_of_surplus(moved=moved, kinds=kinds, since=since, until=until, average_over=RESERVE_MONTHS)
        return Months(pool, str(since), str(until), [_result(each) for each in standing], anchor)


def _result(each: MonthAmounts) -> MonthResult:
    reserve = months_of_reserve(
        surplus_fen=each.surplus_fen, expense_fen=each.recent_expense_fen, months=each.recent_months
    )
    return MonthResult(
        month=str(each.month),
        income_fen=each.income_fen,
        expense_fen=each.expense_fen,
        result_fen=each.income_fen - each.expense_fen,
        surplus_fen=each.surplus_fen,
        reserve=written_months(reserve),
    )
