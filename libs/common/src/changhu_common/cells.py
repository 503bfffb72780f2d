"""A cell of a clerk's file is read as it is meant, or the reason says how it should be written; nothing is guessed."""

import re
from datetime import date

from changhu_common.money import FEN_PER_YUAN

_DATE = re.compile(r"([0-9]{4})([-/])([0-9]{1,2})\2([0-9]{1,2})")
_YUAN = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,2})0*)?")


def read_day(text: str) -> date:
    """A day written 2026-07-01 or 2026/7/1; a ValueError tells the clerk how."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError("日期应写成 2026-07-01 或 2026/7/1")
    try:
        return date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        raise ValueError("没有这一天；请核对日期") from None


def read_fen(text: str) -> int:
    """An amount in yuan, as fen; a third decimal is a ValueError unless it is 0."""
    found = _YUAN.fullmatch(text)
    if found is None:
        raise ValueError("金额应以元为单位，只写数字，最多两位小数，不写千位逗号")
    fen = int(found[2]) * FEN_PER_YUAN + int((found[3] or "").ljust(2, "0"))
    return -fen if found[1] else fen
