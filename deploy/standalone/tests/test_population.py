"""The invented people of a whole city are as many as its document counts, and each has a number of his own."""

from datetime import date
from fractions import Fraction

from changhu_common.bulk_files import read_bulk
from changhu_common.resident_number_columns import valid_numbers
from changhu_standalone.story.population import WholeCity
from enrollment.domain.file_rows import COLUMNS

DAY = date(2022, 7, 15)


def test_a_city_counts_as_its_document_does() -> None:
    city = WholeCity.of("330300", scale=Fraction(1), on=DAY)
    assert city.persons == 2_408_700
    assert (city.counts["330302"], city.counts["330303"], city.counts["330371"]) == (585_700, 146_900, 80_000)


def test_everybody_has_a_valid_number_of_his_own() -> None:
    city = WholeCity.of("330300", scale=Fraction(1, 100), on=DAY)
    rows = read_bulk(city.file(), COLUMNS).rows
    assert rows.height == 24_087
    assert rows["resident_number"].n_unique() == rows.height
    assert valid_numbers(rows["resident_number"], today=DAY).all()
    assert dict(rows.group_by("county").len().rows()) == dict(city.counts)


def test_a_changed_file_says_something_new_of_one_in_a_hundred() -> None:
    city = WholeCity.of("330300", scale=Fraction(1, 100), on=DAY)
    before, after = (read_bulk(city.text(changed=changed), COLUMNS).rows for changed in (False, True))
    changed = before["marks"].eq_missing(after["marks"]).not_().sum()
    assert round(100 * changed / before.height) == 1
