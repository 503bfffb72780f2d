"""What holds of a contribution in every pool, whatever its document says."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from changhu_policies import Pack, PolicyMissing, PolicyNotInForce, Supplied, load_pack, pools, statistic_record
from changhu_policies.vocabulary import CATEGORIES, MARKS, STATISTICS
from enrollment.domain.contribution import Contribution, contribution_rule
from hypothesis import assume, given
from hypothesis import strategies as st


@dataclass(frozen=True)
class Asked:
    pool: str
    category: str
    county: str
    on: date
    base_fen: int
    marks: tuple[str, ...]
    family_account: bool
    figure: int


# Few enough that each pool's pack with them is read once.
FIGURES = (0, 1, 3_000_000, 3_000_500, 9_612_345, 999_999_999)


def positions() -> Iterator[tuple[str, str, str]]:
    for pool in pools():
        pack = load_pack(pool)
        yield from ((pool, each, county) for each in CATEGORIES if pack.insures(each) for county in pack.counties)


asked = st.builds(
    lambda position, **more: Asked(*position, **more),
    position=st.sampled_from(list(positions())),
    on=st.dates(date(2020, 1, 1), date(2031, 12, 31)),
    base_fen=st.integers(0, 10**9),
    marks=st.lists(st.sampled_from(sorted(MARKS)), unique=True, max_size=4).map(tuple),
    family_account=st.booleans(),
    figure=st.sampled_from(FIGURES),
)


def pack_of(pool: str, figure: int) -> Pack:
    records = [statistic_record(pool, name, year, figure) for name in STATISTICS for year in range(2019, 2032)]
    return load_pack(pool, Supplied.from_records(records))


def due(said: Asked, **changed: Any) -> Contribution | None:
    """What is due; None where the document leaves something open, or has not begun."""
    about: dict[str, Any] = {"category": said.category, "county": said.county, "on": said.on, "marks": said.marks,
             "family_account": said.family_account} | changed  # fmt: skip
    try:
        return contribution_rule(pack=pack_of(said.pool, said.figure), **about).due(said.base_fen)
    except (PolicyMissing, PolicyNotInForce):
        return None


@given(asked)
def test_parts_add_up_and_none_is_empty_and_no_payer_owes_twice_by_one_clause(said: Asked) -> None:
    found = due(said)
    assume(found is not None)
    assert found is not None
    assert found.due_fen == sum(part.fen for part in found.parts)
    assert all(part.fen > 0 and part.clause for part in found.parts)
    assert len({(part.payer, part.clause) for part in found.parts}) == len(found.parts)
    assert all(part.readings for part in found.parts if part.status == "assumed")


@given(asked, st.randoms(use_true_random=False))
def test_the_order_in_which_marks_are_named_changes_nothing(said: Asked, chance: Any) -> None:
    turned = list(said.marks) * 2
    chance.shuffle(turned)
    assert due(said, marks=turned) == due(said)


@given(asked)
def test_who_pays_never_changes_what_is_due(said: Asked) -> None:
    found, plain = due(said), due(said, marks=(), family_account=False)
    assume(found is not None and plain is not None)
    assert found is not None
    assert plain is not None
    assert (found.due_fen, found.period) == (plain.due_fen, plain.period)


@given(asked, st.integers(0, 10**6))
def test_a_higher_base_never_owes_less(said: Asked, more: int) -> None:
    rule = None
    try:
        rule = contribution_rule(
            pack=pack_of(said.pool, said.figure), category=said.category, county=said.county, on=said.on
        )
    except (PolicyMissing, PolicyNotInForce):
        assume(False)
    assert rule is not None
    assert rule.due(said.base_fen).due_fen <= rule.due(said.base_fen + more).due_fen


@given(st.dates(date(2026, 1, 1), date(2032, 12, 31)), st.sampled_from(FIGURES))
def test_the_residents_rate_of_a_day_is_that_of_the_last_september(on: date, figure: int) -> None:
    said = Asked("530400", "resident", "530402", on, 0, (), False, figure)
    autumn = on.year if on.month >= 9 else on.year - 1
    found = due(said)
    if autumn < 2027:
        assert found is None
        return
    per_mille_halves = {2027: 15, 2028: 20}.get(autumn, 30)
    total = (2 * figure * per_mille_halves + 10_000) // 20_000
    assert found is not None
    assert (found.due_fen, found.period) == (total, str(autumn + 1))
    paid = {part.payer: part.fen for part in found.parts}
    assert 0 <= paid.get("government", 0) - paid.get("person", 0) <= 1


@pytest.mark.parametrize("pool", pools())
def test_every_insured_category_of_every_county_is_answered_or_names_what_is_missing(pool: str) -> None:
    pack = pack_of(pool, 3_000_000)

    def answered(category: str, county: str) -> bool:
        rule = contribution_rule(pack=pack, category=category, county=county, on=date(2030, 5, 1))
        return rule.due(500_000).due_fen > 0 or not rule.shares

    for _, category, county in (each for each in positions() if each[0] == pool):
        try:
            told = answered(category, county)
        except PolicyMissing as refusal:
            told = refusal.members["pool"] == pool and "未载明" not in refusal.members["clause"]
        assert told, (category, county)
