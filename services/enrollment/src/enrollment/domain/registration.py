"""Who may be registered with what: every rule is asked, and every fault found is told.

A claim is what a clerk or a file says; a registration is a claim that broke no rule.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from changhu_common.errors import FieldError, InvalidInput, NotFound, Refusal
from changhu_common.resident_numbers import InvalidResidentNumber, ResidentNumber
from changhu_common.roles import Scope
from changhu_policies import Pack
from changhu_policies.vocabulary import CATEGORIES, MARKS

from enrollment.domain.coming_of_age import age_rules, of_age_on
from enrollment.domain.family import NO_GUARDIAN, GuardianMissing, asks_guardian

NAME_CHARACTERS_MAX = 100  # the longest names, transcribed ones, have some fifty


class NameMissing(InvalidInput):
    """A person is registered under a name."""

    code = "person.name_missing"
    title = "缺少姓名"


class CountyUnknown(InvalidInput):
    """No pool has such a county."""

    code = "county.unknown"
    title = "县区不存在"


class CategoryUnknown(InvalidInput):
    """There is no such insured category (参保类别)."""

    code = "category.unknown"
    title = "参保类别不存在"


class CategoryNotInsured(InvalidInput):
    """The pool does not insure this category; `pool.insured` decides."""

    code = "category.not_insured"
    title = "本统筹区不含该类参保人"


class MarkUnknown(InvalidInput):
    """There is no such mark (人员标识)."""

    code = "mark.unknown"
    title = "人员标识不存在"


class PeriodInvalid(InvalidInput):
    """Days need a first one, and cannot end before it."""

    code = "period.invalid"
    title = "起止日期有误"


class TooOld(InvalidInput):
    """A category for the young is for those who are younger; `coverage.until_age` decides."""

    code = "coverage.too_old"
    title = "已超过该参保类别的年龄"


class BaseNegative(InvalidInput):
    """A contribution base (缴费基数) is not below zero."""

    code = "contribution_base.negative"
    title = "缴费基数不能为负"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What is said of one person and one coverage; `None` and empty texts say nothing."""

    name: str
    resident_number: str
    county: str
    category: str
    start: date | None
    end: date | None = None
    base_fen: int | None = None
    marks: tuple[str, ...] | None = None
    phone: str | None = None
    # Whether a guardian is named, or known; a file's are looked at all together.
    guarded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A claim that may be registered (参保登记). `marks` None leaves those of a known person as they are."""

    name: str
    resident_number: ResidentNumber
    pool: str
    county: str
    category: str
    start: date
    end: date | None
    base_fen: int | None
    marks: tuple[str, ...] | None
    phone: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Territory:
    """The counties there are, the packs (by county) of those that the caller may change, and the day."""

    counties: Collection[str]
    packs: Mapping[str, Pack]
    scope: Scope
    today: date


Rule = Callable[[Claim, Territory], Refusal | None]


def _fault(refusal: type[Refusal], field: str, reason: str) -> Refusal:
    return refusal(f"{reason}。", errors=[FieldError(field, reason)])


def name_is_given(claim: Claim, _: Territory) -> Refusal | None:
    if not claim.name:
        return _fault(NameMissing, "name", "请填写姓名")
    if len(claim.name) > NAME_CHARACTERS_MAX:
        return _fault(NameMissing, "name", f"姓名超过 {NAME_CHARACTERS_MAX} 个字符；请核对")
    return None


def county_is_known(claim: Claim, territory: Territory) -> Refusal | None:
    if claim.county in territory.counties:
        return None
    return _fault(CountyUnknown, "county", "县区代码不在统筹区的县区表中；请填写六位代码")


def county_is_the_callers(claim: Claim, territory: Territory) -> Refusal | None:
    if claim.county not in territory.counties or claim.county in territory.packs:
        return None
    return _fault(NotFound, "county", "该县区不在您的权限范围内")


def category_exists(claim: Claim, _: Territory) -> Refusal | None:
    if claim.category in CATEGORIES:
        return None
    return _fault(CategoryUnknown, "category", f"参保类别应为：{'、'.join(CATEGORIES.values())}")


def category_is_insured(claim: Claim, territory: Territory) -> Refusal | None:
    pack = territory.packs.get(claim.county)
    if pack is None or claim.category not in CATEGORIES or pack.insures(claim.category):
        return None
    return _fault(CategoryNotInsured, "category", f"{pack.name}的参保范围不含{CATEGORIES[claim.category]}")


def marks_exist(claim: Claim, _: Territory) -> Refusal | None:
    if set(claim.marks or ()) <= MARKS.keys():
        return None
    return _fault(MarkUnknown, "marks", f"人员标识应为：{'、'.join(MARKS.values())}")


def period_is_in_order(claim: Claim, _: Territory) -> Refusal | None:
    if claim.start is None:
        return _fault(PeriodInvalid, "start", "请填写参保日期")
    if claim.end is not None and claim.end < claim.start:
        return _fault(PeriodInvalid, "end", "停保日期早于参保日期")
    return None


def base_is_not_negative(claim: Claim, _: Territory) -> Refusal | None:
    if claim.base_fen is None or claim.base_fen >= 0:
        return None
    return _fault(BaseNegative, "base_fen", "缴费基数不能为负数")


def young_enough(claim: Claim, territory: Territory) -> Refusal | None:
    pack = territory.packs.get(claim.county)
    if pack is None or claim.start is None or not (rules := age_rules(pack=pack, category=claim.category)):
        return None
    try:
        born = ResidentNumber(claim.resident_number.strip().upper()).birth_date
    except InvalidResidentNumber:
        return None  # what is wrong with the number is told by itself
    if claim.start < (day := of_age_on(born=born, rules=rules)):
        return None
    category = CATEGORIES[claim.category]
    return _fault(TooOld, "category", f"该人员自 {day} 起已超过{category}的年龄；请按其他参保类别登记")


def guardian_is_named(claim: Claim, territory: Territory) -> Refusal | None:
    pack = territory.packs.get(claim.county)
    if claim.guarded or pack is None or claim.start is None:
        return None
    if not asks_guardian(pack=pack, category=claim.category, marks=claim.marks or (), on=claim.start):
        return None
    return GuardianMissing(
        f"{NO_GUARDIAN}，请填写监护人的参保人编号。", errors=[FieldError("guardian_id", NO_GUARDIAN)]
    )


RULES: tuple[Rule, ...] = (
    name_is_given,
    county_is_known,
    county_is_the_callers,
    category_exists,
    category_is_insured,
    marks_exist,
    period_is_in_order,
    base_is_not_negative,
    young_enough,
    guardian_is_named,
)

COVERAGE_RULES: tuple[Rule, ...] = (
    category_exists,
    category_is_insured,
    period_is_in_order,
    base_is_not_negative,
    young_enough,
    guardian_is_named,
)


def faults_of(claim: Claim, territory: Territory, rules: Sequence[Rule] = RULES) -> list[Refusal]:
    """Everything that is wrong with a claim."""
    return [fault for rule in rules if (fault := rule(claim, territory)) is not None]


def refusal_of(faults: Sequence[Refusal]) -> Refusal:
    """What to raise: what is out of scope before all else, one fault as itself, several together."""
    for fault in faults:
        if isinstance(fault, NotFound) or len(faults) == 1:
            return fault
    return InvalidInput(
        "登记内容有多处错误，请按 errors 逐项改正。",
        errors=[error for fault in faults for error in fault.errors],
    )


def refuse(faults: Sequence[Refusal]) -> None:
    """Raise what is wrong, if anything is."""
    if faults:
        raise refusal_of(faults)


def checked(claim: Claim, territory: Territory) -> Registration | list[Refusal]:
    """The registration that a claim comes to, or everything that is wrong with it."""
    faults = faults_of(claim, territory)
    try:
        number = ResidentNumber.parse(claim.resident_number, today=territory.today)
    except InvalidResidentNumber as invalid:
        return [*faults, _fault(InvalidResidentNumber, "resident_number", invalid.detail)]
    if faults or claim.start is None:
        return faults
    return Registration(
        name=claim.name,
        resident_number=number,
        pool=territory.packs[claim.county].pool,
        county=claim.county,
        category=claim.category,
        start=claim.start,
        end=claim.end,
        base_fen=claim.base_fen,
        marks=None if claim.marks is None else tuple(sorted(set(claim.marks))),
        phone=claim.phone,
    )


def registered(claim: Claim, territory: Territory) -> Registration:
    """The registration that a claim comes to; raises what is wrong with it."""
    entered = checked(claim, territory)
    if isinstance(entered, Registration):
        return entered
    raise refusal_of(entered)
