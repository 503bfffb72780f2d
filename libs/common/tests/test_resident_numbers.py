"""A number is refused for the right reason, and is never told whole by accident."""

from datetime import date, timedelta

import pytest
from changhu_common.resident_numbers import (
    InvalidOrganisationCode,
    InvalidResidentNumber,
    ResidentNumber,
    Sex,
    masked,
    organisation_code,
)
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric, uscc

TODAY = date(2026, 7, 1)


def number(county: str = "211102", born: str = "19500101", sequence: str = "123") -> str:
    body = county + born + sequence
    return body + ric.calc_check_digit(body + "0")


def reason(text: str) -> str:
    with pytest.raises(InvalidResidentNumber) as refused:
        ResidentNumber.parse(text, today=TODAY)
    return refused.value.detail


def test_a_number_tells_birth_date_and_sex() -> None:
    man = ResidentNumber.parse(number(sequence="123"), today=TODAY)
    woman = ResidentNumber.parse(number(sequence="124"), today=TODAY)
    assert man.birth_date == date(1950, 1, 1)
    assert (man.sex, woman.sex) == (Sex.MALE, Sex.FEMALE)


def test_someone_born_before_the_counties_were_coded_is_accepted() -> None:
    assert ResidentNumber.parse(number(county="211102", born="19310918"), today=TODAY)


def test_a_dissolved_county_keeps_its_numbers() -> None:
    assert ResidentNumber.parse(number(county="211121", born="19700101"), today=TODAY)


@pytest.mark.parametrize("area", ["810000", "820000", "830000"])
def test_residence_permits_of_hong_kong_macao_and_taiwan_are_accepted(area: str) -> None:
    assert ResidentNumber.parse(number(county=area), today=TODAY)


def test_spaces_around_and_a_small_x_are_forgiven() -> None:
    ends_in_x = next(n for i in range(1000) if (n := number(sequence=f"{i:03d}")).endswith("X"))
    assert ResidentNumber.parse(f" {ends_in_x.lower()} ", today=TODAY).text == ends_in_x


def test_a_wrong_check_digit_is_refused() -> None:
    text = number()
    assert "校验码" in reason(text[:-1] + ("1" if text[-1] != "1" else "2"))


def test_an_unknown_county_is_refused() -> None:
    assert "行政区划" in reason(number(county="211199"))
    assert "行政区划" in reason(number(county="990000"))


def test_a_day_that_does_not_exist_is_refused() -> None:
    assert "出生日期" in reason(number(born="19500230"))


def test_a_future_birth_date_is_refused_and_today_is_not() -> None:
    assert "晚于今天" in reason(number(born=f"{TODAY + timedelta(days=1):%Y%m%d}"))
    assert ResidentNumber.parse(number(born=f"{TODAY:%Y%m%d}"), today=TODAY)


@pytest.mark.parametrize("text", ["2.11102E+17", "2.11102195001011E+17", "2e17"])
def test_scientific_notation_has_its_own_reason(text: str) -> None:
    assert "科学计数法" in reason(text)


@pytest.mark.parametrize("text", ["", "211102500101123", number() + "0", number().replace("1", "１"), "x" * 18])
def test_anything_but_eighteen_plain_characters_is_refused(text: str) -> None:
    assert "18 位" in reason(text)


@given(st.text(max_size=40) | st.from_regex(r"\A[0-9]{17}[0-9Xx]\Z"))
def test_no_input_breaks_the_check_and_no_reason_repeats_the_input(text: str) -> None:
    try:
        told = repr(ResidentNumber.parse(text, today=TODAY))
    except InvalidResidentNumber as refused:
        told = refused.detail
    assert len(text.strip()) < 8 or text.strip() not in told


@given(st.from_regex(r"\A[0-9]{17}[0-9X]\Z"))
def test_the_mask_never_leaks_the_middle(text: str) -> None:
    shown = masked(text)
    assert shown == text[:4] + "*" * 10 + text[-4:]


@given(st.text(max_size=11))
def test_a_short_text_is_masked_whole(text: str) -> None:
    assert set(masked(text)) <= {"*"}


def test_neither_str_nor_repr_nor_format_shows_the_number() -> None:
    value = ResidentNumber(number())
    for shown in (str(value), repr(value), f"{value}", repr([value])):
        assert value.text not in shown
        assert "2111**********" in shown


@pytest.mark.parametrize("code", ["91110000600037341L", " 91110000600037341l "])
def test_an_organisation_code_is_kept_in_capitals(code: str) -> None:
    assert organisation_code(code) == "91110000600037341L"


def test_an_organisation_registered_elsewhere_has_a_letter_in_front() -> None:
    body = "Y1211100MB1234567"
    assert organisation_code(body + uscc.calc_check_digit(body))


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("91110000600037342L", "校验码"),
        ("9111000060003734", "18 位"),
        ("9111000060003734OL", "18 位"),
        ("9.1110E+17", "科学计数法"),
    ],
)
def test_a_wrong_organisation_code_is_refused(code: str, why: str) -> None:
    with pytest.raises(InvalidOrganisationCode) as refused:
        organisation_code(code)
    assert why in refused.value.detail
