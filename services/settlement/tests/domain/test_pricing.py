"""A visit costs what the list of its day says; the day is Shanghai's."""

from datetime import UTC, date, datetime
from uuid import UUID

from changhu_common.periods import DateRange
from settlement.domain.counting import category_on
from settlement.domain.facts import Coverage
from settlement.domain.pricing import Price, Visit, priced

PRICES = {
    "LC12": [
        Price(price_fen=100, days=DateRange(date(2026, 1, 1), date(2026, 6, 30))),
        Price(price_fen=120, days=DateRange(date(2026, 7, 1))),
    ]
}


def visit(*items: tuple[str, int], at: datetime = datetime(2026, 7, 3, tzinfo=UTC)) -> Visit:
    return Visit(
        visit_id=UUID(int=1),
        person_id=UUID(int=2),
        organization_id=UUID(int=3),
        pool="211100",
        county="211102",
        mode="home",
        started_at=at,
        items=items,
    )


def test_an_item_costs_its_price_times_its_quantity() -> None:
    (item,) = priced(visit(("LC12", 3)), PRICES)
    assert item.service.cost_fen == 360


def test_the_price_is_that_of_the_day_in_shanghai() -> None:
    (item,) = priced(visit(("LC12", 1), at=datetime(2026, 6, 30, 16, 0, tzinfo=UTC)), PRICES)
    assert item.price_fen == 120
    (item,) = priced(visit(("LC12", 1), at=datetime(2026, 6, 30, 15, 59, tzinfo=UTC)), PRICES)
    assert item.price_fen == 100


def test_an_item_that_the_list_does_not_have_has_no_cost() -> None:
    (item,) = priced(visit(("LC01", 1)), PRICES)
    assert item.service.cost_fen is None


def test_an_item_named_twice_is_one_line() -> None:
    (item,) = priced(visit(("LC12", 1), ("LC12", 2)), PRICES)
    assert item.quantity == 3


def test_of_two_prices_for_a_day_the_one_that_began_later_holds() -> None:
    both = {"LC12": [*PRICES["LC12"], Price(price_fen=90, days=DateRange(date(2026, 7, 2)))]}
    (item,) = priced(visit(("LC12", 1)), both)
    assert item.price_fen == 90


def test_a_line_has_the_same_id_whenever_it_is_made() -> None:
    assert priced(visit(("LC12", 1)), PRICES)[0].line_id == priced(visit(("LC12", 5)), {})[0].line_id


def test_a_day_without_coverage_takes_the_category_of_the_nearest() -> None:
    coverage = [
        Coverage(category="employee", days=DateRange(date(2020, 1, 1), date(2026, 6, 30))),
        Coverage(category="retiree", days=DateRange(date(2026, 7, 10))),
    ]
    days = {date(2026, 6, 30): "employee", date(2026, 7, 2): "employee", date(2026, 7, 8): "retiree"}
    assert {day: category_on(coverage, day) for day in days} == days
    assert category_on([], date(2026, 7, 1)) is None
