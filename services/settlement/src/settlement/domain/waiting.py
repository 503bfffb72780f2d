"""Some wait (等待期) until an unbroken coverage has lasted long enough, as the pack says who.

Either who was already disabled when joining: "joining" is the first day of the first coverage,
where it lies after the day on which the plan began; "already disabled" is an onset stated, or a
grade in force, before it. Or who joined late, or anew after a break: whose unbroken coverage began
after the benefits of its first category did.
"""

from collections.abc import Callable
from datetime import date, timedelta

from changhu_common.periods import DateRange, joined, months_after

from settlement.domain.facts import Facts

ONE_DAY = timedelta(days=1)


def waiting_ends(*, facts: Facts, plan_began: date, months: int, on: date) -> date | None:
    """The first day that may be paid, if it lies after `on`; None for who does not wait, or no longer."""
    if not facts.coverage:
        return None
    joining = min(coverage.days.start for coverage in facts.coverage)
    if joining <= plan_began or not _disabled_before(facts, joining):
        return None
    earliest: date | None = None
    for run in joined(coverage.days for coverage in facts.coverage):
        if run.start > on:
            break
        completes = months_after(_counted_from(facts, run), months)
        lasts = run.end is None or completes - ONE_DAY <= run.end
        if lasts and completes <= on:
            return None
        earliest = completes if lasts else None
    # A coverage that broke off counts for nothing: whoever joins anew waits anew.
    return earliest or months_after(on, months)


def late_since(*, facts: Facts, benefits_begin: Callable[[str], date], on: date) -> date | None:
    """The first day of the unbroken coverage of a day, where that was late; None for who was in time."""
    for run in joined(coverage.days for coverage in facts.coverage):
        if on in run:
            category = min(each.category for each in facts.coverage if each.days.start == run.start)
            counted_from = _counted_from(facts, run)
            return counted_from if counted_from > benefits_begin(category) else None
    return None


def _counted_from(facts: Facts, run: DateRange) -> date:
    """Where an unbroken coverage begins to count: months recognised on a transfer (转移接续) lie before it."""
    recognised = sum(each.recognised_months for each in facts.coverage if each.days.start == run.start)
    return months_after(run.start, -recognised) if recognised else run.start


def _disabled_before(facts: Facts, joining: date) -> bool:
    stated = facts.disabled_since is not None and facts.disabled_since < joining
    return stated or any(grade.days.start < joining for grade in facts.grades)
