"""Every row of Panjin's document, as it was read by hand: a changed value, clause or status fails here."""

from datetime import date
from typing import Any

import pytest
from changhu_policies import PolicyMissing, Value, load_pack

POOL = "211100"
ON = date(2026, 7, 1)
PEOPLE = ("employee", "retiree", "flexible")

# parameter · qualifiers · value as written · clause · status
RULES: list[tuple[str, dict[str, Any], Any, str, str]] = [
    ("pool.in_force", {}, date(2021, 1, 1), "文末施行条款", "stated"),
    ("pool.insured", {}, ["employee", "retiree", "flexible"], "二(四)", "stated"),
    ("contribution.collection", {}, "monthly", "二(五)1", "stated"),
    *(("contribution.base", {"category": each}, "own", "二(五)2", "stated") for each in PEOPLE),
    ("contribution.shares", {}, ["employer", "person"], "二(五)1–2", "stated"),
    ("contribution.rate", {"category": "employee", "share": "employer"}, "0.2%", "二(五)1–2", "stated"),
    ("contribution.rate", {"category": "employee", "share": "person"}, "0.2%", "二(五)1–2", "stated"),
    ("contribution.rate", {"category": "flexible", "share": "employer"}, "0.2%", "二(五)2", "stated"),
    ("contribution.rate", {"category": "flexible", "share": "person"}, "0.2%", "二(五)2", "stated"),
    ("contribution.rate", {"category": "retiree", "share": "employer"}, "0.2%", "二(五)1–2", "stated"),
    ("contribution.rate", {"category": "retiree", "share": "person"}, "0.2%", "二(五)1–2", "stated"),
    ("contribution.rounding", {}, "each_share", "二(五)2", "stated"),
    ("contribution.payer", {"category": "employee", "share": "employer"}, "employer_medical_contribution",
     "二(五)1–2", "stated"),
    ("contribution.payer", {"category": "employee", "share": "person"}, "personal_account", "二(五)1–2", "stated"),
    ("contribution.payer", {"category": "flexible", "share": "employer"}, "own_medical_contribution",
     "二(五)2", "stated"),
    ("contribution.payer", {"category": "flexible", "share": "person"}, "person", "二(五)2", "assumed"),
    ("contribution.payer", {"category": "retiree", "share": "employer"}, "medical_fund_surplus",
     "二(五)1–2", "stated"),
    ("contribution.payer", {"category": "retiree", "share": "person"}, "personal_account", "二(五)1–2", "stated"),
    *(("contribution.payer_by_mark", {"category": each, "mark": "medical_assistance"}, "medical_assistance_fund",
       "二(五)3", "stated") for each in PEOPLE),
    ("contribution.payer_by_mark", {"category": "retiree", "mark": "bankrupt_firm_retiree"}, "treasury",
     "二(五)3", "stated"),
    *(("contribution.payer_by_mark", {"category": each, "mark": "no_personal_account"}, "person",
       "二(五)1", "stated") for each in PEOPLE),
    ("contribution.mark_order", {}, ["medical_assistance", "bankrupt_firm_retiree", "no_personal_account"],
     "二(四)–(五)", "assumed"),
    ("coverage.suspended", {}, "stops_benefits", "二(六)2", "assumed"),
    ("coverage.death", {}, "stops_benefits", "二(六)1", "assumed"),
    ("transfer.money", {}, "none", "三(七)", "assumed"),
    ("assessment.scale", {}, "national-2021", "二(六)2", "assumed"),
    ("assessment.disabled_months_min", {}, 6, "二(六)2", "stated"),
    ("assessment.acceptance_days", {}, 5, "二(六)2", "assumed"),
    ("assessment.conclusion_days", {}, 30, "二(六)2", "assumed"),
    ("assessment.validity_months", {}, 24, "二(六)4", "assumed"),
    *(("benefit.begins", {"category": each}, date(2021, 1, 1), "文末施行条款", "stated") for each in PEOPLE),
    ("benefit.catalogue", {}, "national-2025", "二(六)1", "assumed"),
    *(("benefit.level", {"scale": "national-2021", "grade": grade}, level, "二(六)3", "assumed")
      for grade, level in enumerate(("none", "none", "none", "三", "二", "一"))),
    ("benefit.ratio", {"mode": "home"}, "80%", "二(六)3", "stated"),
    ("benefit.ratio", {"mode": "institution"}, "70%", "二(六)3", "stated"),
    ("benefit.deductible", {}, "none", "二(六)3", "stated"),
    ("benefit.limit.period", {}, "month", "二(六)3", "stated"),
    ("benefit.limit.base", {},
     {"statistic": "city_resident_disposable_income", "years_back": 1, "divided_by": 12}, "二(六)3", "stated"),
    ("benefit.limit.ratio", {"level": "一"}, "70%", "二(六)3", "stated"),
    ("benefit.limit.ratio", {"level": "二"}, "60%", "二(六)3", "stated"),
    ("benefit.limit.ratio", {"level": "三"}, "50%", "二(六)3", "stated"),
    ("benefit.limit.rounding", {}, "once", "二(六)3", "assumed"),
    ("benefit.limit.caps", {}, "fund_payment", "二(六)3", "assumed"),
    ("benefit.limit.use", {}, "in_order_of_time", "二(六)3", "assumed"),
    ("benefit.waiting", {}, "disabled_before_joining", "二(六)2", "assumed"),
    ("benefit.waiting_months", {}, 24, "二(六)2", "stated"),
    ("benefit.hospital_stay", {}, "informs", "二(六)1", "assumed"),
    ("settlement.deposit_ratio", {}, "0%", "三(八)", "assumed"),
    ("benefit.other_benefit", {"benefit": "work_injury_care_fee"}, "excludes", "二(六)1", "assumed"),
    ("benefit.other_benefit", {"benefit": "third_party"}, "excludes", "二(六)1", "assumed"),
    ("benefit.other_benefit", {"benefit": "disability_subsidy"}, "informs", "二(六)4", "assumed"),
    ("benefit.other_benefit", {"benefit": "elderly_subsidy"}, "informs", "二(六)4", "assumed"),
    ("fund.startup_fen", {}, 5_000_000_000, "二(五)4", "stated"),
    ("fund.startup_source", {}, "medical_fund_surplus", "二(五)4", "stated"),
    ("budget.hard_stop", {}, "stops", "三(八)", "assumed"),
]  # fmt: skip

MISSING: list[tuple[str, dict[str, Any], str]] = [
    ("contribution.base_by_mark", {"category": "retiree", "mark": "no_personal_account"}, "二(五)2"),
    ("assessment.publicity_days", {}, "二(六)2"),
    ("assessment.objection_days", {}, "二(六)2"),
    ("assessment.fee_fen", {}, "三(九)"),
    ("assessment.fee_fund_share", {}, "三(九)"),
    ("assessment.periodic_days", {}, "二(六)4"),
    ("catalogue.local", {}, "二(六)1"),
    ("catalogue.prices", {}, "三(八)"),
    ("benefit.ratio", {"mode": "community"}, "二(六)3"),
    ("budget.warning_level", {}, "三(八)"),
    ("handling.fee_share", {}, "三(九)"),
    ("city_resident_disposable_income", {}, "二(六)3"),
]

# What is told rather than counted: the words that its text must hold.
TOLD: list[tuple[str, str, str, str]] = [
    ("pool.beyond_trial", "继续适用", "二(四)–(五)", "assumed"),
    ("pool.not_insured", "城乡居民和未成年人", "二(四)–(五)", "assumed"),
    ("pool.coordination", "市级统筹", "三(七)", "stated"),
    ("pool.information_system", "信息系统", "三(九)", "stated"),
    ("contribution.principle", "同比例分担", "二(五)1", "stated"),
    ("contribution.provisional", "起步阶段", "二(五)1", "stated"),
    ("contribution.subsidy", "全额资助", "二(五)3", "stated"),
    ("assessment.priority", "失能老年人、重度残疾人", "二(四)", "stated"),
    ("assessment.condition", "规范诊疗", "二(六)2", "stated"),
    ("assessment.records", "档案管理", "三(八)", "stated"),
    ("provider.care_management", "准入、退出", "三(八)", "stated"),
    ("provider.staff", "规范培训", "三(八)", "stated"),
    ("provider.records", "档案管理", "三(八)", "stated"),
    ("provider.standards", "规范服务标准", "三(八)", "stated"),
    ("benefit.scope", "定点护理机构", "二(六)1", "stated"),
    ("benefit.condition", "6个月以上", "二(六)2", "stated"),
    ("benefit.exclusions", "第三方", "二(六)1", "stated"),
    ("benefit.other_policies", "衔接", "二(六)4", "stated"),
    ("benefit.modes", "上门护理", "二(六)3", "assumed"),
    ("benefit.adjustment", "动态调整", "二(六)4", "stated"),
    ("settlement.cost_control", "预算管理", "三(八)", "stated"),
    ("settlement.payment", "付费方式", "三(八)", "stated"),
    ("fund.accounts", "单独建账", "三(七)", "stated"),
    ("fund.supervision", "举报投诉、信息披露、内部控制、欺诈防范", "三(七)", "stated"),
    ("fund.budget", "预算管理", "三(八)", "stated"),
    ("handling.commission", "招标", "三(九)", "stated"),
    ("handling.supervision", "绩效评价", "三(九)", "stated"),
]


def named(parameter: str, qualifiers: dict[str, Any]) -> str:
    return "-".join([parameter, *map(str, qualifiers.values())])


@pytest.mark.parametrize(("parameter", "qualifiers", "written", "clause", "status"), RULES,
                         ids=[named(rule[0], rule[1]) for rule in RULES])  # fmt: skip
def test_the_row_says_what_the_document_says(
    parameter: str, qualifiers: dict[str, Any], written: Any, clause: str, status: str
) -> None:
    value = load_pack(POOL).value(parameter, on=ON, **qualifiers)
    assert (value.written, value.clause, value.status) == (written, clause, status)
    assert value.start == (date.min if parameter == "pool.in_force" else date(2021, 1, 1))


@pytest.mark.parametrize(("parameter", "words", "clause", "status"), TOLD, ids=[told[0] for told in TOLD])
def test_the_row_tells_what_the_document_tells(parameter: str, words: str, clause: str, status: str) -> None:
    value = load_pack(POOL).value(parameter, on=ON)
    assert words in value.value
    assert (value.clause, value.status) == (clause, status)


@pytest.mark.parametrize(("parameter", "qualifiers", "clause"), MISSING,
                         ids=[named(one[0], one[1]) for one in MISSING])  # fmt: skip
def test_the_row_names_what_the_document_leaves_open(parameter: str, qualifiers: dict[str, Any], clause: str) -> None:
    with pytest.raises(PolicyMissing) as refusal:
        load_pack(POOL).value(parameter, on=ON, **qualifiers)
    assert refusal.value.members == {"parameter": parameter, "pool": POOL, "clause": clause}


def test_no_value_of_the_pack_escapes_these_tables() -> None:
    def known(value: Value) -> tuple[str, frozenset[tuple[str, str | int]]]:
        return value.parameter, frozenset(value.qualifiers)

    tables = {(rule[0], frozenset(rule[1].items())) for rule in RULES}
    tables |= {(one[0], frozenset(one[1].items())) for one in MISSING}
    tables |= {(name, frozenset()) for name, *_ in TOLD}
    assert {known(value) for value in load_pack(POOL).values()} == tables


def test_every_reading_is_explained() -> None:
    readings = [value for value in load_pack(POOL).values() if value.status == "assumed"]
    assert readings
    assert all(len(value.reading) > 10 for value in readings)


def test_counties_are_the_pools_own_table() -> None:
    assert load_pack(POOL).counties == {
        "211102": "双台子区", "211103": "兴隆台区", "211104": "大洼区", "211122": "盘山县",
    }  # fmt: skip
