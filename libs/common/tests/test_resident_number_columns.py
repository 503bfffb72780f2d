"""A column of resident numbers is judged as one number is."""

from datetime import date

import polars as pl
from changhu_common.resident_number_columns import valid_numbers
from changhu_common.resident_numbers import InvalidResidentNumber, ResidentNumber
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.cn import ric

TODAY = date(2026, 7, 1)


def _with_check_digit(stem: str) -> str:
    return stem + str(ric.calc_check_digit(stem + "0"))


numbers = st.one_of(
    st.builds(
        lambda county, born, serial: _with_check_digit(f"{county}{born:%Y%m%d}{serial:03d}"),
        st.sampled_from(["211102", "330302", "999999", "110105", "830000"]),
        st.dates(date(1890, 1, 1), date(2030, 1, 1)),
        st.integers(0, 999),
    ),
    st.from_regex(r"[0-9]{17}[0-9X]", fullmatch=True),
    st.sampled_from(["", "2.11102E+17", "21110219500230001X", "x", "２１１１０２１９５００１０１００１３"]),
)


@settings(deadline=None)  # the first question loads the table of counties
@given(st.lists(st.none() | numbers, max_size=30))
def test_a_column_is_judged_as_its_numbers_are(texts: list[str | None]) -> None:
    def valid(text: str | None) -> bool:
        try:
            return text is not None and bool(ResidentNumber.parse(text, today=TODAY))
        except InvalidResidentNumber:
            return False

    assert valid_numbers(pl.Series(texts, dtype=pl.String), today=TODAY).to_list() == [valid(text) for text in texts]
