"""Whether a service may be paid at all: each rule is one sentence, and every rule that speaks is heard.

A rule sees one service with the person's facts and the pack, and answers with findings or with
nothing. Rules do not know of each other; what a service costs the fund comes after them.
"""

from collections.abc import Callable
from datetime import date
from typing import Final, NamedTuple

from changhu_common.periods import months_after
from changhu_policies import Pack, Value, catalogues
from changhu_policies.parameters import NO_LEVEL
from changhu_policies.vocabulary import MODES, OTHER_BENEFITS

from settlement.domain.facts import Coverage, Facts, Grade, Service
from settlement.domain.findings import Finding, informs, stops
from settlement.domain.waiting import late_since, waiting_ends

Findings = tuple[Finding, ...]
NOTHING: Final[Findings] = ()


class Case(NamedTuple):
    """One service in question. A named tuple, because one is made for every line of a whole city."""

    pack: Pack
    facts: Facts
    service: Service
    day: date
    coverage: Coverage | None
    grade: Grade | None
    level: str | None


Rule = Callable[[Case], Findings]


def insured_on_the_day(case: Case) -> Findings:
    """Only who is insured is paid for."""
    if case.coverage is not None:
        return NOTHING
    return (stops(case.pack.value("pool.insured", on=case.day), "not_insured", "服务当日未参保"),)


def coverage_not_suspended(case: Case) -> Findings:
    """A suspended coverage (暂停参保) pays or does not, as the pack says."""
    if not any(case.day in days for days in case.facts.suspensions):
        return NOTHING
    effect = case.pack.value("coverage.suspended", on=case.day)
    if effect.value == "informs":
        return (informs(effect, "coverage_suspended", "服务当日参保暂停，不影响支付"),)
    return (stops(effect, "coverage_suspended", "服务当日参保处于暂停状态"),)


def alive_on_the_day(case: Case) -> Findings:
    """Nothing is given to somebody who has died; the day of death itself still counts."""
    if case.facts.died_on is None or case.day <= case.facts.died_on:
        return NOTHING
    return (stops(case.pack.value("coverage.death", on=case.day), "after_death", "服务日期在参保人死亡之后"),)


def benefits_have_begun(case: Case) -> Findings:
    """A category's contributions may begin before its benefits do."""
    if case.coverage is None:
        return NOTHING
    begins = case.pack.value("benefit.begins", on=case.day, category=case.coverage.category)
    if case.day >= begins.value:
        return NOTHING
    return (stops(begins, "benefits_not_begun", f"该类参保人自{begins.value}起享受待遇"),)


def waiting_period_is_over(case: Case) -> Findings:
    """Who was disabled before joining, or joined late or anew, waits (等待期)."""
    waiting = case.pack.value("benefit.waiting", on=case.day)
    if waiting.value == "disabled_before_joining":
        return _not_disabled_before_joining(case, waiting)
    since = joined_late(case)
    if since is None:
        return NOTHING
    months = case.pack.value("benefit.waiting_months", on=case.day)
    ends = months_after(since, months.value)
    if case.day >= ends:
        return NOTHING
    return (stops(waiting, "waiting", f"{since}起参保，等待期{months.value}个月，自{ends}起支付"),)


def _not_disabled_before_joining(case: Case, waiting: Value) -> Findings:
    months = case.pack.value("benefit.waiting_months", on=case.day)
    ends = waiting_ends(facts=case.facts, plan_began=case.pack.start, months=months.value, on=case.day)
    if ends is None:
        return NOTHING
    return (stops(waiting, "waiting", f"参保前已失能，须连续参保满{months.value}个月，最早自{ends}起支付"),)


def joined_late(case: Case) -> date | None:
    """Since when somebody is insured who joined late, or anew after a break, where the pack asks for it."""
    if case.pack.value("benefit.waiting", on=case.day).value != "joined_late_or_anew":
        return None

    def begin(category: str) -> date:
        begins: date = case.pack.value("benefit.begins", on=case.day, category=category).value
        return begins

    return late_since(facts=case.facts, benefits_begin=begin, on=case.day)


def graded_on_the_day(case: Case) -> Findings:
    """Only who was assessed is paid for."""
    if case.grade is not None:
        return NOTHING
    return (stops(case.pack.value("benefit.condition", on=case.day), "not_assessed", "服务当日没有有效的失能等级"),)


def grade_reaches_a_level(case: Case) -> Findings:
    """The pack says which grades of which scale are paid for."""
    if case.grade is None:
        return NOTHING
    if case.level is None:
        condition = case.pack.value("benefit.condition", on=case.day)
        return (stops(condition, "scale_not_recognised", f"本统筹区未采用量表{case.grade.scale}的等级"),)
    if case.level != NO_LEVEL:
        return NOTHING
    level = case.pack.value("benefit.level", on=case.day, scale=case.grade.scale, grade=case.grade.grade)
    return (stops(level, "grade_too_low", f"失能等级{case.grade.grade}级未达到待遇等级"),)


def provider_has_agreement(case: Case) -> Findings:
    """Only a designated provider (定点机构) is paid, for the modes of its agreement."""
    service = case.service
    on_the_day = [
        agreement
        for agreement in case.facts.agreements
        if agreement.provider == service.provider and case.day in agreement.days
    ]
    if any(service.mode in agreement.modes for agreement in on_the_day):
        return NOTHING
    scope = case.pack.value("benefit.scope", on=case.day)
    if not on_the_day:
        return (stops(scope, "no_agreement", "服务当日该机构没有有效的定点协议"),)
    return (stops(scope, "mode_not_agreed", f"该机构的定点协议不含{MODES[service.mode]}"),)


def item_in_catalogue(case: Case) -> Findings:
    """Only items of the catalogue (服务项目目录) are paid."""
    catalogue = case.pack.value("benefit.catalogue", on=case.day)
    if case.service.item in catalogues()[catalogue.value]:
        return NOTHING
    return (stops(catalogue, "item_not_in_catalogue", f"项目{case.service.item}不在服务项目目录内"),)


def item_has_price(case: Case) -> Findings:
    """Without a price in the provider's list of the day nothing can be paid."""
    if case.service.cost_fen is not None:
        return NOTHING
    scope = case.pack.value("benefit.scope", on=case.day)
    return (stops(scope, "no_price", f"服务当日该机构没有项目{case.service.item}的价格"),)


def not_in_hospital(case: Case) -> Findings:
    """A hospital stay, its first and last day included, stops payment or does not, as the pack says."""
    if not any(case.day in stay for stay in case.facts.hospital_stays):
        return NOTHING
    effect = case.pack.value("benefit.hospital_stay", on=case.day)
    if effect.value == "informs":
        return (informs(effect, "in_hospital", "服务当日在住院期间，请核实；不影响支付"),)
    return (stops(effect, "in_hospital", "住院期间暂停待遇"),)


def not_paid_by_others(case: Case) -> Findings:
    """What another scheme or a third party pays is not paid twice; some benefits only inform."""
    findings = NOTHING
    for kind in sorted({other.kind for other in case.facts.other_benefits if case.day in other.days}):
        effect = case.pack.value("benefit.other_benefit", on=case.day, benefit=kind)
        if effect.value == "excludes":
            findings += (stops(effect, kind, f"服务当日有{OTHER_BENEFITS[kind]}，不重复支付"),)
        else:
            findings += (informs(effect, kind, f"服务当日有{OTHER_BENEFITS[kind]}，不影响支付"),)
    return findings


SERVICE_RULES: Final[tuple[Rule, ...]] = (
    insured_on_the_day,
    coverage_not_suspended,
    alive_on_the_day,
    benefits_have_begun,
    waiting_period_is_over,
    graded_on_the_day,
    grade_reaches_a_level,
    provider_has_agreement,
    item_in_catalogue,
    item_has_price,
    not_in_hospital,
    not_paid_by_others,
)
