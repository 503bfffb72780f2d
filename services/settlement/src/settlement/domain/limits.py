"""A limit is a statistic of an earlier year, its part for the period, a ratio for the level: rounded once."""

from datetime import date
from functools import lru_cache

from changhu_common.money import round_half_up
from changhu_common.periods import DateRange, Month
from changhu_policies import Pack
from changhu_policies.parameters import NO_LEVEL

from settlement.domain.facts import Coverage, Facts, Grade

LIMITS_KEPT_MAX = 20_000  # days × levels of the packs in use


def level_of(pack: Pack, day: date, grade: Grade | None) -> str | None:
    """The pool's benefit level (待遇档次) of a grade; None where the pool does not read that scale."""
    if grade is None:
        return None
    level = pack.find("benefit.level", on=day, scale=grade.scale, grade=grade.grade)
    return None if level is None else str(level.value)


def limit_on(pack: Pack, day: date, *, coverage: Coverage | None, grade: Grade | None) -> int | None:
    """The limit (限额) that a day's grade gives for its period; None without a level or a limit.

    The pack's `benefit.limit.*` decide; PolicyMissing where the statistic is wanting.
    """
    level = level_of(pack, day, grade)
    if grade is None or level is None or level == NO_LEVEL:
        return None
    category, county = (coverage.category, coverage.county) if coverage else (None, None)
    return _limit(pack, day, category, county, grade.grade, level)


@lru_cache(maxsize=LIMITS_KEPT_MAX)
def _limit(pack: Pack, day: date, category: str | None, county: str | None, grade: int, level: str) -> int | None:
    if pack.value("benefit.limit.period", on=day).value == "none":
        return None
    base = pack.value("benefit.limit.base", on=day).value
    ratio = pack.value("benefit.limit.ratio", on=day, category=category, county=county, grade=grade, level=level)
    figure = pack.statistic(base.statistic, day.year - base.years_back)
    return round_half_up(ratio.value * int(figure.value) / base.divided_by)


def limit_period(pack: Pack, day: date) -> DateRange | None:
    """The days that share one limit with `day`: its month, its calendar year; None where there is no limit."""
    period = pack.value("benefit.limit.period", on=day).value
    if period == "none":
        return None
    return Month.of(day).days if period == "month" else DateRange(date(day.year, 1, 1), date(day.year, 12, 31))


def limit_at_the_end(pack: Pack, facts: Facts, days: DateRange) -> int | None:
    """The limit for the grade of the last of these days on which there is one."""
    shared = [(both.end or date.max, each) for each in facts.grades if (both := each.days.overlap(days))]
    if not shared:
        return None
    last, grade = max(shared, key=lambda pair: pair[0])
    coverage = next((each for each in facts.coverage if last in each.days), None)
    return limit_on(pack, last, coverage=coverage, grade=grade)
