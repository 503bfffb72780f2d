"""A limit is a statistic of an earlier year, its part for the period, a ratio for the level: rounded once."""

from datetime import date, timedelta
from functools import lru_cache

from changhu_common.money import round_half_up, yuan
from changhu_common.periods import DateRange, Month
from changhu_policies import Pack, PolicyMissing, Value
from changhu_policies.parameters import NO_LEVEL

from settlement.domain.facts import Coverage, Facts, Grade
from settlement.domain.findings import Finding, informs

ONE_DAY = timedelta(days=1)
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
    base, figure, ratio = _parts(pack, day, category, county, grade, level)
    return round_half_up(ratio.value * int(figure.value) / base.value.divided_by)


def _parts(
    pack: Pack, day: date, category: str | None, county: str | None, grade: int, level: str
) -> tuple[Value, Value, Value]:
    """What a limit is made of: its base, the statistic that the base names, and the ratio."""
    base = pack.value("benefit.limit.base", on=day)
    ratio = pack.value("benefit.limit.ratio", on=day, category=category, county=county, grade=grade, level=level)
    return base, pack.statistic(base.value.statistic, day.year - base.value.years_back), ratio


def limit_period(pack: Pack, day: date) -> DateRange | None:
    """The days that share one limit with `day`: its month, its calendar year; None where there is no limit."""
    period = pack.value("benefit.limit.period", on=day).value
    if period == "none":
        return None
    whole = Month.of(day).days if period == "month" else DateRange(date(day.year, 1, 1), date(day.year, 12, 31))
    return of_one_kind(pack, day, whole)


def of_one_kind(pack: Pack, day: date, whole: DateRange) -> DateRange:
    """The days of `whole` around `day` for which `benefit.limit.period` says the same: where it changes, a period ends.

    So no two periods share a day, also where the rules begin, or change from months to years, within a year.
    """
    assert whole.end is not None
    first, last, kind = whole.start, whole.end, _kind(pack, day)
    said = list(pack.tables["benefit.limit.period"])
    changes = {
        pack.start,
        *(value.start for value in said),
        *(value.end + ONE_DAY for value in said if value.end < last),
    }
    for change in sorted(changes):
        if first < change <= day and _kind(pack, change - ONE_DAY) != kind:
            first = change
        if day < change <= last and _kind(pack, change) != kind:
            last = change - ONE_DAY
    return DateRange(first, last)


def _kind(pack: Pack, day: date) -> str:
    if day < pack.start:
        return "not_in_force"
    try:
        found = pack.find("benefit.limit.period", on=day)
    except PolicyMissing:
        return "missing"
    return "missing" if found is None else str(found.value)


def limit_at_the_end(pack: Pack, facts: Facts, days: DateRange) -> int | None:
    """The limit for the grade of the last of these days on which there is one."""
    last, coverage, grade = _last_graded(facts, days)
    return limit_on(pack, last, coverage=coverage, grade=grade)


def limit_reasons(pack: Pack, facts: Facts, days: DateRange) -> tuple[Finding, ...]:
    """Why that limit is what it is: each value that it is made of, with its clause; nothing where there is none."""
    last, coverage, grade = _last_graded(facts, days)
    level = level_of(pack, last, grade)
    period = pack.find("benefit.limit.period", on=last)
    if grade is None or level is None or level == NO_LEVEL or period is None or period.value == "none":
        return ()
    category, county = (coverage.category, coverage.county) if coverage else (None, None)
    base, figure, ratio = _parts(pack, last, category, county, grade.grade, level)
    caps, use = (pack.value(f"benefit.limit.{name}", on=last) for name in ("caps", "use"))
    return (
        informs(period, "limit_period", {"month": "限额按月计算", "year": "限额按年计算"}[period.value]),
        informs(
            base, "limit_base", f"限额基数取{base.value.years_back}年前的{figure.title}，除以{base.value.divided_by}"
        ),
        informs(figure, "limit_statistic", f"{figure.start.year}年{figure.title}{yuan(int(figure.value))}元"),
        informs(ratio, "limit_ratio", f"限额比例{ratio.written}"),
        informs(
            caps,
            "limit_caps",
            {"fund_payment": "限额限基金支付额", "eligible_cost": "限额限计入支付的费用"}[caps.value],
        ),
        informs(use, "limit_use", "限额按服务时间先后使用"),
    )


def _last_graded(facts: Facts, days: DateRange) -> tuple[date, Coverage | None, Grade | None]:
    """The last of these days on which there is a grade, with the coverage and the grade of it."""
    shared = [(both.end or date.max, each) for each in facts.grades if (both := each.days.overlap(days))]
    if not shared:
        return days.start, None, None
    last, grade = max(shared, key=lambda pair: pair[0])
    return last, next((each for each in facts.coverage if last in each.days), None), grade
