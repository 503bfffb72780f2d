"""A whole file is checked by column, and every rule is asked once for all rows that say the same.

What a column cannot vouch for is read again row by row, so that a clerk reads the same reasons
whether a file has one row or millions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

import polars as pl
from changhu_common.bulk_files import LINE, BulkFile
from changhu_common.errors import FieldError, InvalidInput
from changhu_common.resident_number_columns import valid_numbers
from changhu_common.resident_numbers import ResidentNumber
from stdnum.cn import ric

from enrollment.domain.coming_of_age import age_rules, of_age_on
from enrollment.domain.family import asks_guardian
from enrollment.domain.file_rows import GUARDIAN_CODES, read_row
from enrollment.domain.registration import NAME_CHARACTERS_MAX, Registration, Territory

# Whoever sends more bad rows than this has sent the wrong file: nobody corrects them one by one.
BAD_ROWS_MAX = 100_000

# What most rows of a file share with many others, and so is checked once for all of them.
SHARED = ("county", "category", "start", "end", "marks")
# Stands in where the rules are asked about the rest of a row: born today, so that no category's age is an obstacle.
_SOMEBODY = {"name": "某", "base_yuan": None, "guardian_number": None, "guardian_relation": None}
_YUAN = r"^([0-9]{1,12})(?:\.([0-9]{1,2})0*)?$"


class TooManyBadRows(InvalidInput):
    """A file with so many bad rows is not loaded, not even its good rows."""

    code = "import.too_many_bad_rows"
    title = "错误行过多"


@dataclass(frozen=True, slots=True)
class GoodRow:
    """A row without a fault of its own."""

    line: int
    entered: Registration


@dataclass(frozen=True, slots=True)
class WholeFile:
    """What a file says: its good rows (line, name, number, position, base_fen), and what is wrong with the others.

    `positions` holds, at a row's position, the registration that it shares with others but for name,
    number and base. `wards` (line, number, position, guardian, relation) are those good rows that name a
    guardian, or for whom the pack asks one: then `guardian` may be null.
    """

    file: BulkFile
    good: pl.DataFrame
    positions: Sequence[Registration]
    wards: pl.DataFrame
    errors: Sequence[FieldError]

    def without(self, errors: Sequence[FieldError]) -> Self:
        """The same file when these rows, too, cannot be taken; TooManyBadRows where nobody would correct them all."""
        _refuse_too_many(len(self.errors) + len(errors))
        refused = pl.Series([error.line for error in errors], dtype=pl.Int64).implode()
        kept = {name: getattr(self, name).filter(~pl.col(LINE).is_in(refused)) for name in ("good", "wards")}
        return replace(self, errors=sorted((*self.errors, *errors), key=lambda error: error.line or 0), **kept)

    def rows(self, good: pl.DataFrame) -> list[GoodRow]:
        """Some of the good rows, one by one."""
        return [
            GoodRow(
                line,
                replace(self.positions[position], name=name, resident_number=ResidentNumber(number), base_fen=base_fen),
            )
            for line, name, number, position, base_fen in good.iter_rows()
        ]


def whole_file(file: BulkFile, territory: Territory) -> WholeFile:
    """Check every row of a file."""
    unreadable = [error.line for error in file.errors]
    # What was found wrong in reading a row is the reason of what else is wrong with it.
    rows = file.rows if not unreadable else file.rows.filter(~pl.col(LINE).is_in(unreadable))
    shared = rows.select(SHARED).unique(maintain_order=True).with_row_index("position")
    positions: list[Registration] = []
    vouched: list[int | None] = []
    somebody = {**_SOMEBODY, "resident_number": _newborn(territory.today)}
    for cells in shared.select(SHARED).iter_rows(named=True):
        entered, _ = read_row({**somebody, **cells}, territory, line=0)
        vouched.append(None if entered is None else len(positions))
        if entered is not None:
            positions.append(entered)
    shared = shared.with_columns(position=pl.Series(vouched, dtype=pl.Int64))
    rows = rows.join(shared, on=SHARED, how="left", nulls_equal=True, maintain_order="left")
    number = pl.col("resident_number").str.to_uppercase()
    guardian = pl.col("guardian_number").str.to_uppercase()
    yuan = pl.col("base_yuan")
    rows = rows.with_columns(
        number=number,
        guardian=guardian,
        relation=pl.col("guardian_relation").replace_strict(GUARDIAN_CODES, default=None, return_dtype=pl.String),
        # The first of a number is loaded, good or not; the others say where it stands.
        first=pl.col(LINE).first().over(number),
        base_fen=yuan.str.extract(_YUAN, 1).cast(pl.Int64) * 100
        + yuan.str.extract(_YUAN, 2).fill_null("0").str.pad_end(2, "0").cast(pl.Int64),
    )
    length = pl.col("name").str.len_chars()
    good = (
        pl.col("position").is_not_null()
        & (length <= NAME_CHARACTERS_MAX)
        & (yuan.is_null() | pl.col("base_fen").is_not_null())
        & valid_numbers(rows["number"], today=territory.today)
        & (pl.col("first") == pl.col(LINE))
        & _guardian_is_readable(rows, today=territory.today)
    ).fill_null(value=False)
    rows = rows.with_columns(good=good)
    rows = rows.with_columns(good=pl.col("good") & ~pl.col(LINE).is_in(_too_old(rows, positions, territory).implode()))
    bad = rows.filter(~pl.col("good"))
    _refuse_too_many(bad.height + len(file.errors))
    errors = sorted([*file.errors, *_faults(bad, territory)], key=lambda error: error.line or 0)
    chosen = rows.filter("good")
    asked = [number for number, each in enumerate(positions) if _asks_guardian(each, territory)]
    warded = pl.col("guardian").is_not_null() | pl.col("position").is_in(asked)
    return WholeFile(
        file=file,
        good=chosen.select(LINE, "name", "number", "position", "base_fen"),
        positions=positions,
        wards=chosen.filter(warded).select(LINE, "number", "position", "guardian", "relation"),
        errors=errors,
    )


def _newborn(today: date) -> str:
    body = f"110105{today:%Y%m%d}002"
    return body + str(ric.calc_check_digit(body + "0"))


def _too_old(rows: pl.DataFrame, positions: Sequence[Registration], territory: Territory) -> pl.Series:
    """The lines of those who are too old for their category; each birth date is asked once."""
    rules = {
        number: said
        for number, each in enumerate(positions)
        if (said := age_rules(pack=territory.packs[each.county], category=each.category))
    }
    if not rules:
        return pl.Series(dtype=pl.Int64)
    young = rows.filter(pl.col("good") & pl.col("position").is_in(list(rules))).select(
        LINE, "position", born=pl.col("number").str.slice(6, 8)
    )
    asked = young.select("position", "born").unique()
    old = [
        positions[position].start >= of_age_on(born=_date(born), rules=rules[position])
        for position, born in asked.iter_rows()
    ]
    chosen = asked.filter(pl.Series(old, dtype=pl.Boolean))
    return young.join(chosen, on=["position", "born"], how="semi")[LINE]


def _date(written: str) -> date:
    return date(int(written[:4]), int(written[4:6]), int(written[6:]))


def _refuse_too_many(bad_rows: int) -> None:
    if bad_rows > BAD_ROWS_MAX:
        raise TooManyBadRows(f"错误行超过 {BAD_ROWS_MAX} 行；请核对是否选错文件或列")


def _guardian_is_readable(rows: pl.DataFrame, *, today: date) -> pl.Expr:
    """Either nobody is named, or another person by a number that exists, in a relation that does."""
    unnamed = pl.col("guardian").is_null() & pl.col("guardian_relation").is_null()
    if rows["guardian"].null_count() == rows.height:
        return unnamed
    named = valid_numbers(rows["guardian"], today=today) & (pl.col("guardian") != pl.col("number"))
    return unnamed | (named & (pl.col("guardian_relation").is_null() | pl.col("relation").is_not_null()))


def _asks_guardian(entered: Registration, territory: Territory) -> bool:
    pack = territory.packs[entered.county]
    return asks_guardian(pack=pack, category=entered.category, marks=entered.marks or (), on=entered.start)


def _faults(bad: pl.DataFrame, territory: Territory) -> Iterator[FieldError]:
    for row in bad.iter_rows(named=True):
        line = row[LINE]
        _, faults = read_row(row, territory, line=line)
        yield from faults
        if row["number"] is not None and row["first"] != line:
            yield FieldError("resident_number", f"与第 {row['first']} 行是同一人", line)
