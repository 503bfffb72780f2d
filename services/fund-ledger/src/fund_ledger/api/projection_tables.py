"""What a projection says to a reader: how each variant goes, from what it starts, and everything that it assumes.

People are shown as whole numbers, and not at all where they are few; amounts to the fen.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, Final

from changhu_common.money import yuan
from changhu_policies.values import OPEN_END
from changhu_policies.vocabulary import CATEGORIES, MARKS, PAYERS, SCHEMES, SHARES, STATUSES

from fund_ledger.api.tables import Column, Fen, Row, Table, amount, counties_of
from fund_ledger.domain.assumptions import RATES, VARIANTS, Assumptions, Mortality, Said
from fund_ledger.domain.course import TOTAL, UNASSIGNED, Course, Flow
from fund_ledger.domain.prevalence import SHOWN_MIN, shown
from fund_ledger.domain.projected import Projected
from fund_ledger.domain.reports import written_months

TITLE: Final = "基金收支测算"
SCHEME_NAMES: Final = {TOTAL: "合计", UNASSIGNED: "未分险种人群", **SCHEMES}
WORDS: Final = {**CATEGORIES, **MARKS, **PAYERS, **SHARES}  # a share is called as whoever owes it
SEX_NAMES: Final = {"female": "女", "male": "男", None: ""}
FEW: Final = f"少于 {SHOWN_MIN}"


def tables_of(found: Projected) -> list[Table]:
    """Everything in order: the outcome, the middle, the other variants, scheme by scheme, counties, what is assumed."""
    courses = sorted(found.courses, key=lambda course: course.variant != "middle")
    return [
        _outcome(found),
        *(_course(found, course, scheme) for course in courses for scheme in schemes_shown(found)),
        *_counties(found),
        *_policy(found),
        assumptions_table(found),
    ]


def schemes_shown(found: Projected) -> list[str]:
    """The whole fund, and each scheme where that is not the same; money of no scheme has no course of its own."""
    schemes = found.schemes
    return [TOTAL, *(scheme for scheme in schemes if scheme != UNASSIGNED and len(schemes) > 1)]


def flows_of(course: Course, scheme: str) -> list[Flow]:
    """The years of a scheme, or of the whole fund."""
    return [each for each in (course.totals if scheme == TOTAL else course.flows) if each.scheme == scheme]


def _table(found: Projected, title: str, columns: Sequence[Column], rows: Sequence[Row], notes: Sequence[str]) -> Table:
    return Table(title, found.pool, found.days, columns, rows, notes, found.anchor)


def _outcome(found: Projected) -> Table:
    columns = [
        Column("方案", 16),
        Column("险种人群", 12),
        amount("期初结余", 20),
        amount("末年年末结余", 20),
        Column("末年可支付月数", 16, numbers=True),
        Column("基金用尽年份", 14, numbers=True),
    ]
    rows = []
    for course in found.courses:
        for scheme in (TOTAL, *(found.schemes if len(found.schemes) > 1 else ())):
            last = flows_of(course, scheme)[-1]
            opening = found.basis.opening
            begins = sum(opening.values()) if scheme == TOTAL else opening.get(scheme, 0)
            out = course.runs_out(None if scheme == TOTAL else scheme)
            cells = [VARIANTS[course.variant], SCHEME_NAMES[scheme], Fen(begins), Fen(last.balance_fen)]
            rows.append(Row([*cells, written_months(last.reserve), out or "测算期内不会"], strong=scheme == TOTAL))
    return _table(found, TITLE, columns, rows, notes_of(found))


def _course(found: Projected, course: Course, scheme: str) -> Table:
    columns = [
        Column("年度", 8),
        Column("参保人数", 12, numbers=True),
        Column("失能人数", 11, numbers=True),
        amount("收入", 19),
        amount("其中保险费", 19),
        amount("支出", 19),
        amount("其中待遇", 19),
        amount("年末结余", 20),
        Column("可支付月数", 13, numbers=True),
    ]
    rows = [
        Row(
            [
                str(each.year),
                people_shown(each.people),
                people_shown(sum(each.disabled.values())),
                *map(Fen, (each.income_fen, each.contributions_fen, each.expense_fen, each.benefits_fen)),
                Fen(each.balance_fen),
                written_months(each.reserve),
            ]
        )
        for each in flows_of(course, scheme)
    ]
    return _table(found, f"{VARIANTS[course.variant]} {SCHEME_NAMES[scheme]}", columns, rows, ())


def _counties(found: Projected) -> Iterator[Table]:
    """What each county's people come to in the middle, first and last year; of one county alone nothing is new."""
    middle = next(course for course in found.courses if course.variant == "middle")
    first, last = found.basis.first_year, found.basis.first_year + found.years - 1
    at = {(each.county, each.year): each for each in middle.counties}
    counties = sorted({county for county, _ in at})
    if len(counties) < 2:
        return
    columns = [Column("县（市、区）", 16)]
    for year in (first, last):
        columns += [Column(f"{year} 年参保人数", 14, numbers=True), amount(f"{year} 年保险费", 20, "sum")]
    names, rows = counties_of(found.pool), []
    for county in counties:
        cells: list[Any] = [names.get(county, county)]
        for year in (first, last):
            held = at.get((county, year))
            cells += [people_shown(held.people), Fen(held.contributions_fen)] if held else ["0", Fen(0)]
        rows.append(Row(cells))
    note = "保险费按县（市、区）分别舍入，合计与各年保险费可相差数分；待遇不分县测算。"
    yield _table(found, "中方案 分县（市、区）", columns, rows, [note])


def people_shown(count: float) -> str:
    """A number of people for a reader."""
    whole = shown({"": count})[""]
    return FEW if whole is None else f"{whole:,}"


def assumptions_table(found: Projected) -> Table:
    columns = [
        Column("假设", 34),
        Column("低方案", 11, numbers=True),
        Column("中方案", 11, numbers=True),
        Column("高方案", 11, numbers=True),
        Column("依据", 10),
        Column("来源或理由", 40),
    ]
    rows = [
        Row([name, *numbers, STATUSES[status], source])
        for name, numbers, status, source in assumptions_said(found.assumed)
    ]
    return _table(found, "测算假设", columns, rows, [f"假设文件：{found.assumed.title}"])


def _policy(found: Projected) -> Iterator[Table]:
    """What the pack says that contributions follow, each value with how firm it is."""
    columns = [
        Column("政策参数（缴费）", 22),
        Column("适用", 18),
        Column("取值", 24),
        Column("起", 10),
        Column("止", 10),
        Column("依据", 9),
        Column("条款和理解", 34),
    ]
    rows = [Row(list(cells)) for cells in policy_said(found)]
    if rows:
        yield _table(found, "政策参数", columns, rows, [f"{found.document}，版本 {found.pack_version}"])


def policy_said(found: Projected) -> Iterator[tuple[str, str, str, str, str, str, str]]:
    """Each value of the pack in words: name, for whom, what, from, to, how firm, clause and reading."""
    for each in found.policy:
        whom = " ".join(WORDS.get(str(word), str(word)) for word in each.key)
        said = STATUSES["missing"] if each.status == "missing" else _policy_written(each.written)
        until = "" if each.end == OPEN_END else str(each.end)
        grounds = "；".join(filter(None, (each.clause, each.remark)))
        yield each.title, whom, said, str(each.start), until, STATUSES[each.status], grounds


def _policy_written(written: Any) -> str:
    if isinstance(written, list):
        return "、".join(map(_policy_written, written))
    if isinstance(written, dict):
        return "，".join(f"{name}={_policy_written(each)}" for name, each in written.items())
    return WORDS.get(str(written), str(written))


Line = tuple[str, tuple[str, str, str], str, str]


def assumptions_said(assumed: Assumptions) -> Iterator[Line]:
    """Every assumption in words: its name, the three numbers, how firm it is, and its source."""
    for name, title in RATES.items():
        yield _said(title, assumed.rates[name])
    yield from _mortality_said(assumed.mortality)
    for joining in assumed.entrants:
        yield _said(f"每年新参保：{CATEGORIES[joining.category]} {joining.age} 岁，占现有人数", joining.share)
    for leaving in assumed.leavers:
        yield _said(f"每年退出参保：{CATEGORIES[leaving.category]}", leaving.share)
    for change in assumed.changes:
        title = f"{SEX_NAMES[change.sex]}{CATEGORIES[change.origin]}转为{CATEGORIES[change.target]}"
        age = f"{change.age} 岁"
        yield title, (age, age, age), change.status, change.source
    for item in assumed.items:
        title = f"{SCHEMES[item.scheme]} {item.name}"
        if item.of_contributions:
            yield _said(f"{title}，占保险费", item.amount)
        else:
            yield _said(f"{title}，元/年", item.amount, written=_yuan)
            yield _said(f"{title}，年增长率", item.growth)
    for sick in assumed.prevalence:
        title = f"失能率：{SCHEMES[sick.scheme]} {SEX_NAMES[sick.sex]} {sick.age_from} 岁起 {sick.grade}"
        yield _said(title, sick.rate)
    for paid in assumed.benefits:
        title = f"人均基金支付：{SCHEMES[paid.scheme]} {paid.grade}，{paid.since} 年起，元/年"
        yield _said(title, paid.fen, written=_yuan)


def _mortality_said(mortality: Mortality) -> Iterator[Line]:
    yield _said("死亡率系数", mortality.factor, written=lambda number: f"{float(number):g}")
    for sex, held in (("female", mortality.female), ("male", mortality.male)):
        steps = "，".join(f"{age} 岁起 {percent(rate)}" for age, rate in held)
        yield f"年死亡率（{SEX_NAMES[sex]}）：{steps}", ("", "", ""), mortality.status, mortality.source


def percent(number: Fraction) -> str:
    return f"{float(number * 100):.6g}%"


def _yuan(number: Fraction) -> str:
    return yuan(round(number))


def _said(name: str, said: Said, *, written: Any = percent) -> Line:
    low, middle, high = (written(number) for number in said.numbers)
    return name, (low, middle, high), said.status, said.source


def chart_notes(found: Projected, *, whole: bool = False) -> list[str]:
    """What stands below a chart: the yearly rates, each with how firm it is; as a whole everything that is assumed."""
    said = [
        f"{name} {'／'.join(numbers if len(set(numbers)) > 1 else numbers[:1])}（{STATUSES[status]}）"
        for name, numbers, status, _ in assumptions_said(found.assumed)
    ]
    rest = "" if whole else f"。另有 {len(said) - len(RATES)} 项见「测算假设」"
    return [
        f"假设（低／中／高方案）：{'；'.join(said if whole else said[: len(RATES)])}{rest}。",
        f"政策版本 {found.pack_version}；数据截至 {found.on}。",
    ]


def notes_of(found: Projected) -> list[str]:
    """What a reader must know beside the numbers."""
    basis = found.basis
    draft = "（征求意见稿）" if found.draft else ""
    notes = [
        f"政策：{found.document}{draft}，版本 {found.pack_version}。",
        f"人口、评估结论和期初结余截至 {found.on}。{_paid_said(found)}",
        "人数为期望值；金额按分精确计算，每年每险种人群舍入一次。首年保险费为现有参保人员按政策应缴额乘以征缴率，"
        "以后各年按政策对现有人员的应缴额随各县各类人数增减。",
        "没有文件依据的数值均为假设，逐项列在「测算假设」中；测算不是预测。",
    ]
    if (found.on.month, found.on.day) != (12, 31) or found.on.year + 1 != basis.first_year:
        notes.append(f"期初结余不含 {found.on} 之后、{basis.first_year} 年以前的收支。")
    if unpriced := sorted({category for course in found.courses for category in course.unpriced}):
        names = "、".join(CATEGORIES[category] for category in unpriced)
        notes.append(f"目前没有{names}，今后转入者的应缴额无从计算，未计其保险费。")
    if len(found.schemes) == 1:
        notes.append("账上未分险种人群的结余（如启动资金）计入唯一的险种人群。")
    if found.without_base:
        notes.append(f"缺少缴费基数、未计保险费的人数：{people_shown(found.without_base)}。")
    if came_back := sum(basis.returned.values()):
        notes.append(f"账上同期待遇支出比已拨付数少 {yuan(came_back)} 元（退回、追回等），已按险种人群扣除。")
    if found.unassigned_fen:
        notes.append(f"已拨付而不能归入险种人群的 {yuan(found.unassigned_fen)} 元未计入。")
    return notes


def _paid_said(found: Projected) -> str:
    said = sorted({SCHEMES[each.scheme] for each in found.assumed.benefits})
    assumed = f"{'、'.join(said)}的待遇，有假设的等级和年份按假设的人均支付。" if said else ""
    if not found.basis.settled:
        return assumed
    months = f"{found.settled_since} 至 {found.on} 已拨付的 {found.basis.settled_months} 个月"
    return f"{assumed}{'其余' if said else ''}待遇按 {months}折算为全年。"
