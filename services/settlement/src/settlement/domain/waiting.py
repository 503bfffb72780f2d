"""Who was already disabled when joining waits until an unbroken coverage has lasted long enough.

"Joining" is the first day of the first coverage, where it lies after the day on which the plan
began; "already disabled" is an onset stated, or a grade in force, before it.
"""

from datetime import date, timedelta

from changhu_common.periods import joined, months_after

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
        completes = months_after(run.start, months)
        lasts = run.end is None or completes - ONE_DAY <= run.end
        if lasts and completes <= on:
            return None
        earliest = completes if lasts else None
    # A coverage that broke off counts for nothing: whoever joins anew waits anew.
    return earliest or months_after(on, months)


def _disabled_before(facts: Facts, joining: date) -> bool:
    stated = facts.disabled_since is not None and facts.disabled_since < joining
    return stated or any(grade.days.start < joining for grade in facts.grades)
