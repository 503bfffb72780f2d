"""What a person owes for a period is the due and every difference found later; neither is ever edited.

A cell (缴费账目) is what one payer owes for one county and category. Money that came in as a total,
without names, is the cell's and nobody's own: it settles everybody once the cell is full.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from enrollment.domain.contribution import Part


class CellKey(NamedTuple):
    """Whose books, in which insured category, from which source of money."""

    county: str
    category: str
    payer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One person's part of a cell, in fen. `difference_fen` is the sum of what was found later."""

    key: CellKey
    due_fen: int = 0
    difference_fen: int = 0
    paid_fen: int = 0
    refunded_fen: int = 0

    @property
    def owed_fen(self) -> int:
        return self.due_fen + self.difference_fen

    @property
    def outstanding_fen(self) -> int:
        """What is still to come from the person's payer; below zero it is a credit."""
        return self.owed_fen - self.paid_fen + self.refunded_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTotal:
    """A cell over everybody, in fen; `named_fen` is what of the net receipts is known to be whose."""

    key: CellKey
    owed_fen: int
    received_fen: int
    named_fen: int

    @property
    def outstanding_fen(self) -> int:
        return self.owed_fen - self.received_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a cell of a person has to change by: an additional due, or (below zero) a credit."""

    key: CellKey
    part: Part


def differences(*, owed: Mapping[CellKey, int], found: Mapping[CellKey, Part], gone: Part) -> list[Difference]:
    """What leads exactly from what is owed to what was found; `gone` explains a cell nothing is due in any more."""
    made = []
    for key in sorted(owed.keys() | found.keys()):
        part = found.get(key, gone)
        fen = (part.fen if key in found else 0) - owed.get(key, 0)
        if fen:
            explained = Part(payer=key.payer, fen=fen, clause=part.clause, status=part.status, readings=part.readings)
            made.append(Difference(key=key, part=explained))
    return made


def parts_by_cell(*, county: str, category: str, parts: Iterable[Part]) -> dict[CellKey, Part]:
    """What is due by cell; a payer who stands in for two shares owes one sum."""
    found: dict[CellKey, Part] = {}
    for part in parts:
        key = CellKey(county, category, part.payer)
        known = found.get(key)
        found[key] = (
            part
            if known is None
            else Part(
                payer=part.payer,
                fen=known.fen + part.fen,
                clause=known.clause if known.clause == part.clause else f"{known.clause}；{part.clause}",
                status=min(known.status, part.status, key=("assumed", "supplied", "stated").index),
                readings=known.readings + tuple(each for each in part.readings if each not in known.readings),
            )
        )
    return found


def refundable_fen(*, own: Cell, total: CellTotal) -> int:
    """What may be paid back to one person's payer: never more than the person's credit or the cell's.

    Who paid by name has what was paid too much. For the others the money came as a total: their
    credit is what was taken off their due, as far as nameless money is there to pay it back from.
    """
    if own.paid_fen:
        credit = -own.outstanding_fen
    else:
        credit = min(-own.difference_fen - own.refunded_fen, total.received_fen - total.named_fen)
    return max(0, min(credit, -total.outstanding_fen))


def allocated(*, amount_fen: int, cells: Iterable[Cell]) -> tuple[list[tuple[CellKey, int]], int]:
    """One payment over the cells that are still open, in order; what is left over comes second."""
    taken = []
    for cell in cells:
        fen = min(amount_fen, max(0, cell.outstanding_fen))
        if fen:
            taken.append((cell.key, fen))
            amount_fen -= fen
    return taken, amount_fen
