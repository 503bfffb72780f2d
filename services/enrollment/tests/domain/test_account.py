"""Differences lead exactly from what is owed to what was found, and no more is paid back than came in too much."""

from changhu_policies.vocabulary import PAYERS
from enrollment.domain.account import (
    Cell,
    CellKey,
    CellTotal,
    allocated,
    differences,
    parts_by_cell,
    refundable_fen,
)
from enrollment.domain.contribution import Part
from hypothesis import given
from hypothesis import strategies as st

GONE = Part(payer="", fen=0, clause="一", status="stated")
FEN = st.integers(0, 10**9)
KEYS = st.builds(CellKey, st.just("1"), st.sampled_from(["employee", "retiree"]), st.sampled_from(list(PAYERS)))


@given(st.dictionaries(KEYS, FEN), st.lists(st.tuples(st.sampled_from(list(PAYERS)), FEN)))
def test_what_is_owed_and_the_differences_are_what_was_found(
    owed: dict[CellKey, int], due: list[tuple[str, int]]
) -> None:
    parts = [Part(payer=payer, fen=fen, clause="二", status="stated") for payer, fen in due]
    found = parts_by_cell(county="1", category="employee", parts=parts)
    made = differences(owed=owed, found=found, gone=GONE)
    after = dict(owed)
    for each in made:
        assert each.part.fen
        after[each.key] = after.get(each.key, 0) + each.part.fen
    assert {key: fen for key, fen in after.items() if fen} == {key: part.fen for key, part in found.items() if part.fen}
    assert sum(part.fen for part in found.values()) == sum(fen for _, fen in due)


@given(FEN, st.lists(st.tuples(FEN, FEN)))
def test_a_payment_is_taken_whole_and_no_cell_beyond_what_is_open(amount: int, cells: list[tuple[int, int]]) -> None:
    made = [Cell(key=CellKey("1", str(n), "person"), due_fen=due, paid_fen=paid) for n, (due, paid) in enumerate(cells)]
    taken, over = allocated(amount_fen=amount, cells=made)
    assert sum(fen for _, fen in taken) + over == amount
    outstanding = {cell.key: cell.outstanding_fen for cell in made}
    assert all(0 < fen <= outstanding[key] for key, fen in taken)
    assert not over or sum(fen for _, fen in taken) == sum(max(0, fen) for fen in outstanding.values())


@given(FEN, FEN, FEN, FEN, FEN, FEN)
def test_never_more_goes_back_than_the_person_or_the_cell_has_too_much(
    due: int, lowered: int, paid: int, owed: int, received: int, named: int
) -> None:
    key = CellKey("1", "employee", "person")
    own = Cell(key=key, due_fen=due, difference_fen=-lowered, paid_fen=paid)
    total = CellTotal(key=key, owed_fen=owed, received_fen=received, named_fen=min(named, received))
    may = refundable_fen(own=own, total=total)
    assert 0 <= may <= max(0, received - owed)
    assert may <= max(0, paid - own.owed_fen) if paid else may <= lowered
