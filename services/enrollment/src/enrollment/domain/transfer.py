"""Months insured here are what another pool may recognise (转移接续): those of the unbroken coverage, up to its end."""

from collections.abc import Sequence
from datetime import date

from changhu_common.periods import DateRange, joined, months_after


def months_insured(coverage: Sequence[tuple[DateRange, int]], *, until: date) -> int:
    """Whole months of the unbroken coverage that reaches `until`, with those recognised when it began."""
    for run in joined(days for days, _ in coverage):
        if until in run:
            recognised = sum(months for days, months in coverage if days.start == run.start)
            whole = 0
            while months_after(run.start, whole + 1).toordinal() <= until.toordinal() + 1:
                whole += 1
            return recognised + whole
    return 0
