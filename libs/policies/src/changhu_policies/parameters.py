"""Every parameter that code may ask for: its name, its shape, what it may vary by, the file it stands in.

This table is the contract between packs and code. Code names a parameter and says all it knows
of the case (category, mode, grade, …); a pack says by which of these its value differs. A city
whose rule has a shape that is not here needs a new shape, never an `if` about the city.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

from changhu_policies.shapes import (
    Shape,
    age,
    base,
    collection,
    count,
    day,
    limit_base,
    one_of,
    ratio,
    rounding,
    some_of,
    steps,
    text,
    texts,
)
from changhu_policies.vocabulary import CATEGORIES, MARKS, PAYERS, RELATIONS, SHARES, STATISTICS

# What a value may differ by. A `mark` may join several with "+": all of them must be there.
Qualifier = Literal["category", "county", "mode", "scale", "grade", "level", "mark", "share", "benefit", "cause"]
QUALIFIERS: Final[tuple[Qualifier, ...]] = (
    "category", "county", "mode", "scale", "grade", "level", "mark", "share", "benefit", "cause",
)  # fmt: skip

# The level of a grade that reaches none.
NO_LEVEL: Final = "none"

# Who waits (等待期): nobody; who was disabled before joining; who joined late, or anew after a break.
WAITING: Final = ("none", "disabled_before_joining", "joined_late_or_anew")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One name: what it is called, the shape of its value, what it may vary by, and its file.

    Of the qualifiers in `whole` a pack that varies by them must name every value there is, so
    that no person falls between two entries; `needed` parameters stand in every pack.
    """

    name: str
    title: str
    shape: Shape
    by: tuple[Qualifier, ...] = ()
    whole: tuple[Qualifier, ...] = ()
    needed: bool = False
    file: str = ""


def _file(file: str, *parameters: Parameter, **narrative: str) -> tuple[Parameter, ...]:
    """The parameters of one file; what a document only tells (supervision, handling) is a text."""
    told = (Parameter(name.replace("__", "."), title, text, QUALIFIERS) for name, title in narrative.items())
    return tuple(replace(each, file=file) for each in (*parameters, *told))


_BY_PERSON: tuple[Qualifier, ...] = ("category", "county", "mark")
_BY_CARE: tuple[Qualifier, ...] = ("category", "county", "mode", "grade", "level")
_PEOPLE: tuple[Qualifier, ...] = ("category", "county")

_POOL = _file(
    "pool",
    Parameter("pool.in_force", "施行日期", day, needed=True),
    Parameter("pool.insured", "参保范围", some_of(*CATEGORIES), needed=True),
    Parameter("pool.insured_persons", "参保人数", count, by=("county",), whole=("county",)),
    Parameter("pool.insured_goal", "参保确保数", count, by=("county",), whole=("county",)),
    Parameter("pool.insured_goal_hoped", "参保力争数", count, by=("county",), whole=("county",)),
    pool__coordination="基金统筹与管理",
    pool__beyond_trial="试点期后的效力",
    pool__not_insured="不在参保范围的人群",
    pool__validity="文件有效期",
    pool__information_system="信息系统",
    pool__phases="推进步骤",
    pool__county_codes="县（市、区）代码",
    pool__goal="参保目标",
    pool__reports="工作报送",
)

_ENROLLMENT = _file(
    "enrollment",
    Parameter("contribution.collection", "征收方式", collection, by=_BY_PERSON, whole=_PEOPLE, needed=True),
    Parameter("contribution.base", "缴费基数", base, by=_BY_PERSON, whole=_PEOPLE, needed=True),
    # A mark's own base stands apart, so that nobody has to repeat the rule for those without one.
    Parameter("contribution.base_by_mark", "特定人群缴费基数", base, by=_BY_PERSON),
    Parameter("contribution.shares", "缴费分担方", some_of(*SHARES), by=_BY_PERSON, whole=_PEOPLE, needed=True),
    Parameter("contribution.rate", "费率", ratio, by=(*_BY_PERSON, "share"), whole=_PEOPLE, needed=True),
    Parameter("contribution.payer", "资金来源", one_of(*PAYERS), by=(*_BY_PERSON, "share"), whole=_PEOPLE, needed=True),
    Parameter("contribution.payer_by_mark", "特定人群个人部分的资金来源", one_of(*PAYERS), by=_BY_PERSON),
    Parameter("contribution.subsidy_fen", "定额资助标准", count, by=_BY_PERSON),
    Parameter("contribution.mark_order", "特定人群的先后次序", texts, needed=True),
    Parameter("contribution.family_relations", "可共济的近亲属", some_of(*RELATIONS)),
    Parameter("contribution.rounding", "分担的取整", rounding, by=_BY_PERSON, whole=_PEOPLE, needed=True),
    Parameter("coverage.guardian", "监护人登记", one_of("required"), by=("category",)),
    Parameter("coverage.guardian_waived", "免登记监护人的人群", some_of(*MARKS)),
    # In whole years: a category is for those who are younger.
    Parameter("coverage.until_age", "参保终止年龄", age, by=("category",)),
    Parameter("coverage.suspended", "暂停参保期间的待遇", one_of("stops_benefits", "informs"), needed=True),
    Parameter("coverage.death", "死亡后的待遇", one_of("stops_benefits"), needed=True),
    # What moves with whoever leaves for another pool: nothing, what was paid out of his own pocket, or what both agree.
    Parameter("transfer.money", "随同关系转移的资金", one_of("none", "own_payments", "agreed"), needed=True),
    contribution__principle="筹资原则",
    contribution__method="缴纳方式",
    contribution__provisional="起步阶段的安排",
    contribution__subsidy="资助参保",
    contribution__family_account="家庭共济",
    contribution__medical_rate="职工医保费率的调整",
    contribution__first_year="首年缴费",
    contribution__minors="未成年人参保",
    contribution__last_year="“上年度”的所指",
    contribution__government_split="政府补助的分担",
    coverage__transfer="转移接续",
)

_ASSESSMENT = _file(
    "assessment",
    Parameter("assessment.scale", "评估量表", text, needed=True),
    Parameter("assessment.disabled_months_min", "失能持续月数", count, needed=True),
    Parameter("assessment.acceptance_days", "受理答复工作日", count),
    Parameter("assessment.conclusion_days", "作出结论工作日", count),
    Parameter("assessment.publicity_days", "公示天数", count, needed=True),
    Parameter("assessment.objection_days", "异议申请天数", count),
    Parameter("assessment.validity_months", "结论有效月数", count, by=("grade",), needed=True),
    Parameter("assessment.fee_fen", "评估费标准", count, by=("county", "cause"), whole=("cause",), needed=True),
    Parameter("assessment.fee_fund_share", "评估费基金负担比例", ratio, by=("cause",), whole=("cause",), needed=True),
    Parameter("assessment.periodic_days", "定期复评可提前申请的天数", count, needed=True),
    Parameter("assessment.organization_months_min", "评估机构运营月数", count),
    Parameter("assessment.organization_staff_min", "评估机构评估人员数", count),
    Parameter("assessment.organization_experts_min", "评估机构评估专家数", count),
    Parameter("assessment.organization_full_time_min", "评估机构专职评估员数", count),
    Parameter("assessment.first_review_days", "定点初审工作日", count),
    Parameter("assessment.insured_per_organization", "每家评估机构的参保人数", count),
    assessment__condition="申请条件",
    assessment__priority="优先保障人群",
    assessment__records="记录与档案",
    assessment__procedure="评估程序",
    assessment__committee="评估委员会与专家库",
    assessment__staff="评估人员",
    assessment__recognition="结果互认",
    assessment__fee="评估费",
    assessment__organizations="评估机构条件",
    assessment__designation="评估机构确定",
    assessment__planning="评估机构规划",
    assessment__running="评估机构运行",
    assessment__exit="评估机构退出",
)

_PROVIDERS = _file(
    "provider-registry",
    Parameter("provider.care_management", "服务机构管理", text, needed=True),
    Parameter("catalogue.local", "本市服务项目目录", text),
    Parameter("catalogue.prices", "本市服务项目价格", text),
    provider__staff="护理人员",
    provider__training="护理培训",
    provider__goal="服务机构落地目标",
    provider__planning="服务机构规划",
    provider__records="服务记录与档案",
    provider__standards="服务标准",
    provider__equipment="辅助器具与智能设备",
)

_SETTLEMENT = _file(
    "settlement",
    Parameter("benefit.begins", "待遇起始日", day, by=("category",), whole=("category",), needed=True),
    Parameter("benefit.scope", "支付范围", text, needed=True),
    Parameter("benefit.condition", "待遇条件", text, needed=True),
    Parameter("benefit.catalogue", "支付目录", text, needed=True),
    Parameter("benefit.level", "等级的待遇档次", text, by=("scale", "grade"), needed=True),
    Parameter("benefit.ratio", "基金支付比例", ratio, by=_BY_CARE, whole=("category", "mode"), needed=True),
    Parameter("benefit.deductible", "起付标准", one_of("none"), needed=True),
    Parameter("benefit.limit.period", "限额周期", one_of("month", "year", "none"), needed=True),
    Parameter("benefit.limit.base", "限额基数", limit_base, needed=True),
    Parameter("benefit.limit.ratio", "限额比例", ratio, by=("category", "county", "grade", "level"), needed=True),
    Parameter("benefit.limit.caps", "限额对象", one_of("fund_payment", "eligible_cost"), needed=True),
    Parameter("benefit.limit.rounding", "限额的取整", one_of("once"), needed=True),
    Parameter("benefit.limit.use", "限额使用次序", one_of("in_order_of_time"), needed=True),
    Parameter("benefit.waiting", "等待期规则", one_of(*WAITING), needed=True),
    Parameter("benefit.waiting_months", "等待期月数", count),
    Parameter("benefit.reduced_steps", "等待期满后待遇阶段性调低", steps),
    Parameter("benefit.unbroken_supplement", "连续参保的支付比例倾斜", ratio, by=("category",), whole=("category",)),
    Parameter("benefit.hospital_stay", "住院期间的待遇", one_of("stops_benefits", "informs"), needed=True),
    Parameter(
        "benefit.other_benefit",
        "与其他待遇的关系",
        one_of("excludes", "informs"),
        by=("benefit",),
        whole=("benefit",),
        needed=True,
    ),
    Parameter("settlement.deposit_ratio", "质量保证金比例", ratio, needed=True),
    benefit__exclusions="不予支付",
    benefit__other_policies="政策衔接",
    benefit__modes="服务方式",
    benefit__adjustment="待遇调整",
    benefit__payment="支付方式",
    benefit__incentive="激励约束",
    benefit__suspension="暂停支付",
    benefit__hospital_days="住院的首尾两日",
    benefit__differences="差别化待遇",
    settlement__cost_control="费用控制",
    settlement__payment="付费方式",
)

_LEDGER = _file(
    "fund-ledger",
    Parameter("fund.startup_fen", "启动资金", count),
    Parameter("fund.startup_source", "启动资金来源", one_of(*PAYERS)),
    Parameter("fund.county_clearing", "分县清算", one_of("surplus_then_treasury", "none")),
    Parameter("budget.hard_stop", "超预算的支付", one_of("stops", "informs")),
    Parameter("budget.warning_level", "预算预警比例", ratio),
    # By one of these an agreement pays the commissioned insurer: a share of money, or fen a year.
    Parameter("handling.fee_share", "经办服务费比例", ratio),
    Parameter("handling.fee_per_person_fen", "经办服务费每人每年标准", count),
    Parameter("handling.fee_fixed_fen", "经办服务费年定额", count),
    # The statistics are here because finance supplies them; a pack says which clause asks for each.
    *(Parameter(name, title, count) for name, title in STATISTICS.items()),
    fund__accounts="基金核算",
    fund__supervision="基金监管",
    fund__deficit="缺口分担",
    fund__clearing="清算",
    fund__budget="预决算",
    fund__analysis="精算与运行监控",
    fund__adjustment="筹资和待遇调整",
    handling__service="经办服务",
    handling__commission="委托经办",
    handling__supervision="经办监督",
    handling__insurers="商业保险衔接",
    handling__data="数据共享",
)

PARAMETERS: Final[dict[str, Parameter]] = {
    each.name: each for each in (*_POOL, *_ENROLLMENT, *_ASSESSMENT, *_PROVIDERS, *_SETTLEMENT, *_LEDGER)
}
FILES: Final = ("pool", "enrollment", "assessment", "provider-registry", "settlement", "fund-ledger")
