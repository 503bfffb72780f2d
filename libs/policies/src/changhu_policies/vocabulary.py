"""The words that a pack, an event and a question may use, each with its Chinese name.

A word that is not here does not exist: whoever reads input refuses it. What the words mean in a
city (who insures which category, which mode is paid how) is said by that city's pack alone.
"""

from typing import Final, Literal

Status = Literal["stated", "supplied", "assumed", "missing"]

# From the firmest to the weakest: a decision is as firm as the weakest value that it rests on.
STATUSES: Final[dict[str, str]] = {
    "stated": "文件规定",
    "supplied": "经办补录",
    "assumed": "暂按理解",
    "missing": "文件未定",
}

# Whose insurance the money is (险种人群), in the books and in a budget.
SCHEMES: Final[dict[str, str]] = {"employees": "职工", "residents": "城乡居民"}

CATEGORIES: Final = {
    "employee": "在职职工",
    "retiree": "退休人员",
    "flexible": "灵活就业人员",
    "resident": "城乡居民",
    "minor": "未成年人",
}

MODES: Final = {"home": "居家护理", "community": "社区护理", "institution": "机构护理"}

MARKS: Final = {
    "medical_assistance": "医疗救助对象",
    "bankrupt_firm_retiree": "改制破产企业退休人员",
    "no_personal_account": "无个人账户（单建统筹）",
    "destitute": "特困人员",
    "low_income": "低保对象",
    "poverty_monitored": "防止返贫致贫对象",
    "orphan": "孤儿、事实无人抚养儿童",
}

# What a rule about the payer may ask besides the marks: a relative's account was named.
FAMILY_ACCOUNT: Final = "family_account"

# Whose account may pay (近亲属), seen from the person who is insured.
RELATIONS: Final = {
    "spouse": "配偶",
    "parent": "父母",
    "child": "子女",
    "sibling": "兄弟姐妹",
    "grandparent": "祖父母、外祖父母",
    "grandchild": "孙子女、外孙子女",
}

# Through whom a minor is insured (监护人), seen from the minor.
GUARDIANS: Final = {
    "parent": "父母",
    "grandparent": "祖父母、外祖父母",
    "sibling": "兄姐",
    "other": "其他监护人",
}

PAYERS: Final = {
    "employer": "用人单位",
    "employer_medical_contribution": "单位职工医保费划出",
    "own_medical_contribution": "本人职工医保费划出",
    "personal_account": "本人医保个人账户",
    "family_account": "家庭成员医保个人账户",
    "person": "本人缴纳",
    "pension": "养老金代扣",
    "medical_fund_surplus": "职工医保统筹基金累计结余",
    "medical_assistance_fund": "医疗救助资金",
    "treasury": "财政资助",
    "government": "政府补助",
}

SHARES: Final = {"employer": "单位（或统筹）部分", "person": "个人部分", "government": "政府部分"}

OTHER_BENEFITS: Final = {
    "work_injury_care_fee": "工伤保险生活护理费",
    "disability_subsidy": "重度残疾人护理补贴",
    "elderly_subsidy": "经济困难高龄失能老年人补贴",
    "third_party": "第三方责任赔付",
}

# Why a person was assessed and how it ended (评估事由): what an assessment fee's shares may differ by.
FEE_CAUSES: Final = {
    "first_passed": "首次评估通过",
    "passed_later": "前次未通过、再次申请后通过",
    "failed": "评估未通过",
    "periodic": "按规定定期复评",
    "requested": "有效期内本人要求的复评",
    "disputed": "异议后的复评",
}

# Yearly figures per person in fen, by the year that they measure.
STATISTICS: Final = {
    "city_resident_disposable_income": "全市居民人均可支配收入",
    "province_resident_disposable_income": "全省居民人均可支配收入",
    "province_average_wage": "全省社会平均工资",
}


def weakest(*statuses: Status) -> Status:
    """What a decision that rests on all of these may claim to be."""
    order: tuple[Status, ...] = ("missing", "assumed", "supplied")
    return next((status for status in order if status in statuses), "stated")
