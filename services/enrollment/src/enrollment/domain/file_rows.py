"""A clerk's file is read cell by cell into claims; what cannot be read is said, never guessed."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import TypeVar

from changhu_common.bulk_files import BulkColumn
from changhu_common.cells import read_day, read_fen
from changhu_common.errors import FieldError
from changhu_common.resident_numbers import InvalidResidentNumber, ResidentNumber
from changhu_policies.vocabulary import CATEGORIES, GUARDIANS, MARKS

from enrollment.domain.family import OWN_GUARDIAN
from enrollment.domain.registration import Claim, Registration, Territory, checked

COLUMNS = (
    BulkColumn("name", "姓名"),
    BulkColumn("resident_number", "公民身份号码"),
    BulkColumn("county", "县区"),
    BulkColumn("category", "参保类别"),
    BulkColumn("start", "参保日期"),
    BulkColumn("end", "停保日期", required=False),
    BulkColumn("base_yuan", "缴费基数", required=False),
    BulkColumn("marks", "人员标识", required=False),
    BulkColumn("guardian_number", "监护人公民身份号码", required=False),
    BulkColumn("guardian_relation", "监护关系", required=False),
)

T = TypeVar("T")

# What the rules call a field, where the file's column is called otherwise.
_COLUMN_OF = {"base_fen": "base_yuan"}

_CATEGORY_CODES = {term: code for code, term in CATEGORIES.items()}
_MARK_CODES = {term: code for code, term in MARKS.items()}
GUARDIAN_CODES = {**{term: code for code, term in GUARDIANS.items()}, **{code: code for code in GUARDIANS}}
_BETWEEN_MARKS = re.compile(r"\s*[;；]\s*")


def _marks(text: str) -> tuple[str, ...]:
    return tuple(_MARK_CODES.get(mark, mark) for mark in _BETWEEN_MARKS.split(text) if mark)


def _guardian_faults(cells: Mapping[str, str | None], *, today: date) -> Iterator[tuple[str, str]]:
    """What is wrong with how a row names a guardian, by column."""
    number, relation = cells["guardian_number"], cells["guardian_relation"]
    if relation is not None and relation not in GUARDIAN_CODES:
        yield "guardian_relation", f"监护关系应为：{'、'.join(GUARDIANS.values())}"
    if number is None:
        if relation is not None:
            yield "guardian_number", "填写了监护关系的，还须填写监护人的公民身份号码"
        return
    try:
        parsed = ResidentNumber.parse(number, today=today).text
    except InvalidResidentNumber as invalid:
        yield "guardian_number", invalid.detail
        return
    if parsed == (cells["resident_number"] or "").upper():
        yield "guardian_number", OWN_GUARDIAN


def read_row(
    cells: Mapping[str, str | None], territory: Territory, *, line: int
) -> tuple[Registration | None, list[FieldError]]:
    """What a row registers; None with everything that is wrong with it, by column."""
    errors: dict[str, str] = {}

    def read(column: str, reader: Callable[[str], T]) -> T | None:
        cell = cells[column]
        try:
            return None if cell is None else reader(cell)
        except ValueError as error:
            errors[column] = str(error)
            return None

    category = cells["category"] or ""
    claim = Claim(
        name=cells["name"] or "",
        resident_number=cells["resident_number"] or "",
        county=cells["county"] or "",
        category=_CATEGORY_CODES.get(category, category),
        start=read("start", read_day),
        end=read("end", read_day),
        base_fen=read("base_yuan", read_fen),
        marks=read("marks", _marks),
        # Who is registered through a guardian may have one already: that is looked up for all rows together.
        guarded=True,
    )
    errors |= _guardian_faults(cells, today=territory.today)
    found = checked(claim, territory)
    for fault in () if isinstance(found, Registration) else found:
        for error in fault.errors:
            errors.setdefault(_COLUMN_OF.get(error.field, error.field), error.reason)
    if isinstance(found, Registration) and not errors:
        return found, []
    return None, [FieldError(column, reason, line) for column, reason in errors.items()]
