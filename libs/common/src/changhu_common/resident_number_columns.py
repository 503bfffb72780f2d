"""A column of resident numbers is checked by the rules that one number is checked by, all rows at once."""

from datetime import date

import polars as pl
from stdnum.cn import ric

from changhu_common.resident_numbers import InvalidResidentNumber, ResidentNumber

# GB 11643 weighs a number's first seventeen digits like this; with the check digit the sum leaves 1 over 11.
_WEIGHTS = tuple(2 ** (17 - at) % 11 for at in range(17))
_SHAPE = r"^[0-9]{17}[0-9X]$"


def valid_numbers(numbers: pl.Series, *, today: date) -> pl.Series:
    """Which of the numbers `ResidentNumber.parse` takes as they are (capital X, no outer spaces)."""
    shaped = numbers.str.contains(_SHAPE).fill_null(value=False)
    stem = pl.col("number").str.slice(0, 17).cast(pl.Int64, strict=False)
    weighed = sum((stem // 10 ** (16 - at) % 10 * weight for at, weight in enumerate(_WEIGHTS)), pl.lit(0))
    last = pl.col("number").str.slice(17, 1).replace("X", "10").cast(pl.Int64, strict=False)
    born = pl.col("number").str.slice(6, 8).str.to_date("%Y%m%d", strict=False)
    county = pl.col("number").str.slice(0, 6)
    frame = numbers.filter(shaped).rename("number").to_frame()
    known = [each for each in frame.select(county.unique()).to_series() if county_exists(each)]
    found = frame.select(
        ((weighed + last) % 11 == 1) & (born <= today) & (born.dt.year() > 0) & county.is_in(known)
    ).to_series()
    all_of_them = pl.DataFrame({"shaped": shaped}).with_row_index()
    valid = pl.DataFrame({"index": all_of_them.filter("shaped")["index"], "valid": found})
    joined = all_of_them.join(valid, on="index", how="left", maintain_order="left")
    return joined["valid"].fill_null(value=False)


def county_exists(code: str) -> bool:
    """Whether a number may begin so: asked of the rule itself, with the rest of a number that is valid."""
    stem = f"{code}19491231002"
    try:
        ResidentNumber(stem + str(ric.calc_check_digit(stem + "0")))
    except InvalidResidentNumber:
        return False
    return True
