"""How a year's budget is executed, as the books and the reservations stand now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from changhu_common.clock import Clock
from changhu_common.database import Database
from changhu_common.money import yuan
from changhu_common.roles import Caller, Scope
from changhu_policies import Value
from changhu_policies.accounting import chart
from changhu_policies.vocabulary import STATUSES

from fund_ledger.domain.budgets import BUDGETED_KINDS
from fund_ledger.domain.execution import LineExecution, execution, percent
from fund_ledger.storage import budgets, reservations
from fund_ledger.usecases.books import refuse_other_pools
from fund_ledger.usecases.reserving import Rules, rules_of

NO_BUDGET = "该年度没有经批准的预算：不预警，也不控制拨付。"
NO_LEVEL = "预算预警比例（budget.warning_level）文件未定、也未补录：不预警。"
NOT_BINDING = "超预算只提示，不控制拨付。"


@dataclass(frozen=True, slots=True)
class RuleView:
    """What decides warning or stopping, and what it rests on."""

    parameter: str
    value: str
    status: str
    clause: str
    reading: str


@dataclass(frozen=True, slots=True)
class TotalExecution:
    """All lines of income, or of expense, that are shown."""

    kind: str
    budget_fen: int | None
    reserved_fen: int
    spent_fen: int
    free_fen: int | None
    percent: str | None


@dataclass(frozen=True, slots=True)
class Execution:
    """A year's execution (预算执行情况), in fen; `notes` say what does not hold and why.

    What a statement of an earlier year still holds draws on the running one: `carried_in_fen` is what came so
    into this year, `carried_out_fen` what went from this year into the running one.
    """

    pool: str
    year: int
    on: date
    budget_id: UUID | None
    version: int | None
    rules: Sequence[RuleView]
    notes: Sequence[str]
    carried_in_fen: int
    carried_out_fen: int
    lines: Sequence[LineExecution]
    totals: Sequence[TotalExecution]


class Executions:
    """Reads the execution of budgets."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of_year(self, *, caller: Caller, pool: str, year: int) -> Execution:
        """A year's execution, as far as the caller may see; what is reserved now belongs to the running year."""
        refuse_other_pools(caller, pool)
        today = self._clock.today()
        kinds = {number: account.kind for number, account in chart().accounts.items()}
        budgeted = [number for number, kind in kinds.items() if kind in BUDGETED_KINDS]
        async with self._database.read() as connection:
            version = await budgets.in_force(connection, pool, year)
            lines = await budgets.lines(connection, version.id) if version else None
            spent = await budgets.executed(connection, pool, year, budgeted)
            held = await reservations.held(connection, pool, year=today.year)
            rules = await rules_of(connection, pool, today) if version else Rules(None, None)
        reserved = held if year == today.year else {}
        seen = {key: fen for key, fen in held.items() if caller.scope.covers(pool=pool, county=key[0].county)}
        came = sum(fen for (_, month), fen in seen.items() if int(month[:4]) < year == today.year)
        went = sum(fen for (_, month), fen in seen.items() if int(month[:4]) == year < today.year)
        shown = execution(
            lines=lines,
            spent={(at, str(month)): fen for (at, month), fen in spent.items()},
            reserved=reserved,
            kinds=kinds,
            warning_level=rules.level,
        )
        if not caller.scope.covers(pool=pool):
            shown = [part for line in shown if (part := _seen(line, pool, caller.scope))]
        return Execution(
            pool=pool,
            year=year,
            on=today,
            budget_id=version.id if version else None,
            version=version.version if version else None,
            rules=[_rule(value) for value in (rules.hard_stop, rules.warning_level) if value],
            notes=[*(_notes(rules) if version else [NO_BUDGET]), *_carried(came, went, today.year)],
            carried_in_fen=came,
            carried_out_fen=went,
            lines=shown,
            totals=[_total(kind, [line for line in shown if line.kind == kind]) for kind in BUDGETED_KINDS],
        )


def _seen(line: LineExecution, pool: str, scope: Scope) -> LineExecution | None:
    """A line for who sees some counties: of a line of the whole pool their own books, without its amounts."""
    if line.county is not None:
        return line if scope.covers(pool=pool, county=line.county) else None
    books = [each for each in line.books if scope.covers(pool=pool, county=each.county)]
    if not books:
        return None
    return replace(
        line,
        budget_fen=None,
        free_fen=None,
        percent=None,
        state="ok",
        reserved_fen=sum(each.reserved_fen for each in books),
        spent_fen=sum(each.spent_fen for each in books),
        books=books,
    )


def _rule(value: Value) -> RuleView:
    return RuleView(value.parameter, str(value.written), STATUSES[value.status], value.clause, value.reading)


def _notes(rules: Rules) -> list[str]:
    return [NOT_BINDING] * (not rules.binding) + [NO_LEVEL] * (rules.level is None)


def _carried(came_fen: int, went_fen: int, running: int) -> list[str]:
    """What was moved at the turn of the year, in words."""
    came = f"以前年度批准、至今未支付的 {yuan(came_fen)} 元按付款年度列支，占用本年预算（已计入已占用）。"
    went = f"本年批准、年末未支付的 {yuan(went_fen)} 元按付款年度列支，已转为占用 {running} 年预算。"
    return [came] * bool(came_fen) + [went] * bool(went_fen)


def _total(kind: str, lines: Sequence[LineExecution]) -> TotalExecution:
    reserved_fen, spent_fen = sum(each.reserved_fen for each in lines), sum(each.spent_fen for each in lines)
    budgeted = [each.budget_fen for each in lines if each.budget_fen is not None]
    budget_fen = sum(budgeted) if len(budgeted) == len(lines) and lines else None
    return TotalExecution(
        kind=kind,
        budget_fen=budget_fen,
        reserved_fen=reserved_fen,
        spent_fen=spent_fen,
        free_fen=None if budget_fen is None else budget_fen - reserved_fen - spent_fen,
        percent=None if budget_fen is None else percent(reserved_fen + spent_fen, budget_fen),
    )
