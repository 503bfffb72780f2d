"""Two records may be one person where what a mistyped, corrected or other document leaves as it was is alike.

A number says birth day, sex, the area of the first registration and a place in a sequence. Whoever is
registered twice has two numbers: under a mistyped one, under one that the police corrected or gave anew,
or under that of a residence permit. The name is written as it sounds or as it is printed.
"""

import re
import unicodedata
from typing import Final

# A sign (疑似重复依据), in the order of the digests that are kept of a person.
SIGNS: Final = {
    "born": "姓名、出生日期和性别相同",
    "number": "姓名、号码的地区和顺序号相同，出生日期不同",
    "phone": "姓名和手机号相同",
}
# Spaces and the points between the parts of a name are typed in many ways.
_BETWEEN = re.compile(r"[\s·・•‧∙.．]")


def alike(*, name: str, number: str, phone: str | None) -> dict[str, str | None]:
    """What a record has in common with another of the same person, by sign; None where it says nothing."""
    called = _BETWEEN.sub("", unicodedata.normalize("NFKC", name)).casefold()
    digits = re.sub(r"\D", "", phone or "")
    # Cut by place (GB 11643): a stored number was checked when it came in.
    sex = int(number[16]) % 2
    return {
        "born": f"{called}\0{number[6:14]}\0{sex}",
        "number": f"{called}\0{number[:6]}\0{number[14:17]}",
        "phone": f"{called}\0{digits}" if digits else None,
    }
