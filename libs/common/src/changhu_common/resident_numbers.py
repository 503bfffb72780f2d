"""A resident number is checked once, where it comes in, and is never shown whole by accident.

GB 11643: six digits of a county (GB/T 2260), eight of the birth date, three in sequence (odd for
men), one check digit or X. Only `text` holds it whole: `str` and `repr` are masked.
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Self

from stdnum import numdb
from stdnum.cn import ric, uscc
from stdnum.exceptions import InvalidComponent

from changhu_common.errors import InvalidInput

KEPT_AT_EACH_END = 4
SCIENTIFIC = re.compile(r"\d+(\.\d*)?[eE]\+?\d+")
# Residence permits of Taiwan compatriots carry GB 11643 numbers, but their area is missing in stdnum.
TAIWAN = "830000"


class InvalidResidentNumber(InvalidInput):
    """Not a number that GB 11643 allows; the detail says why and never repeats the number."""

    code = "resident_number.invalid"
    title = "公民身份号码有误"


class InvalidOrganisationCode(InvalidInput):
    """Not a code that GB 32100 allows."""

    code = "organisation_code.invalid"
    title = "统一社会信用代码有误"


class Sex(StrEnum):
    """性别, as the sequence digits of a resident number tell it."""

    MALE = "male"
    FEMALE = "female"


def masked(text: str) -> str:
    """The first and last four characters with stars between; a text too short to hide in is all stars."""
    hidden = len(text) - 2 * KEPT_AT_EACH_END
    if hidden < KEPT_AT_EACH_END:
        return "*" * len(text)
    return text[:KEPT_AT_EACH_END] + "*" * hidden + text[-KEPT_AT_EACH_END:]


@lru_cache(maxsize=8192)  # China has some 3,000 counties, and as many that were dissolved
def _county_exists(code: str) -> bool:
    # Any time counts: the code is that of the first registration, which for most old people was
    # decades after the birth, and old numbers keep the codes of counties that are gone. (stdnum's own
    # check wants the county to exist in the year of birth and refuses most people born before 1984.)
    return code == TAIWAN or any("county" in found for _, found in numdb.get("cn/loc").info(code))


@dataclass(frozen=True, slots=True, repr=False)
class ResidentNumber:
    """A valid resident number (公民身份号码), GB 11643; also on residence permits of 港澳台 residents."""

    text: str

    def __post_init__(self) -> None:
        if fault := _fault(self.text):
            raise InvalidResidentNumber(fault)

    @classmethod
    def parse(cls, text: str, *, today: date) -> Self:
        """Read what a person or a file gave; outer spaces and a small x are forgiven, nothing else."""
        number = cls(text.strip().upper())
        if number.birth_date > today:
            raise InvalidResidentNumber("出生日期晚于今天，请核对证件后重新填写")
        return number

    @property
    def birth_date(self) -> date:
        return ric.get_birth_date(self.text)

    @property
    def sex(self) -> Sex:
        return Sex.MALE if int(self.text[16]) % 2 else Sex.FEMALE

    @property
    def masked(self) -> str:
        return masked(self.text)

    def __str__(self) -> str:
        return self.masked

    def __repr__(self) -> str:
        return f"ResidentNumber({self.masked})"


def _fault(text: str) -> str | None:
    """What is wrong with the number, for a clerk to read, or None."""
    if SCIENTIFIC.fullmatch(text):
        return "号码被表格软件存成了科学计数法，末几位已丢失；请把该列设为文本格式后按证件重新填写"
    if not re.fullmatch(r"[0-9]{17}[0-9X]", text):
        return f"应为 18 位（17 位数字加 1 位数字或 X），实为 {len(text)} 个字符；请按证件重新填写"
    if text[-1] != ric.calc_check_digit(text):
        return "校验码不符，号码中至少有一位有误；请按证件核对"
    try:
        ric.get_birth_date(text)
    except InvalidComponent:
        return "第 7 至 14 位不是真实的出生日期；请按证件核对"
    if not _county_exists(text[:6]):
        return "前 6 位不是已知的县级行政区划代码；请按证件核对"
    return None


def organisation_code(text: str) -> str:
    """The unified social credit code (统一社会信用代码), GB 32100, as it is kept: 18 capitals and digits."""
    code = text.strip().upper()
    if SCIENTIFIC.fullmatch(code):
        raise InvalidOrganisationCode("代码被表格软件存成了科学计数法，末几位已丢失；请按证照重新填写")
    # Not stdnum's own check: it wants a digit in front, where GB 32100 also has a Y (其他).
    if not re.fullmatch(r"[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}", code):
        raise InvalidOrganisationCode("应为 18 位数字或大写字母（不含 I、O、S、V、Z）；请按证照重新填写")
    if code[-1] != uscc.calc_check_digit(code):
        raise InvalidOrganisationCode("校验码不符，代码中至少有一位有误；请按证照核对")
    return code
