"""A balance adjustment (银行存款余额调节表): with what one side alone knows added, books and bank say the same.

What is left is a difference that nobody has explained.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One place's balances at the end of a day, in fen; each sum of outstanding items is above zero or nothing."""

    books_fen: int
    bank_received_fen: int
    bank_paid_fen: int
    books_adjusted_fen: int
    bank_fen: int
    books_received_fen: int
    books_paid_fen: int
    bank_adjusted_fen: int
    difference_fen: int


def adjusted(*, books_fen: int, bank_fen: int, lines: Iterable[int], entries: Iterable[int]) -> Adjustment:
    """Adjust both balances by what is outstanding (未达账项): lines that one side lacks, entries the other."""
    bank_received, bank_paid = _sides(lines)
    books_received, books_paid = _sides(entries)
    books_adjusted = books_fen + bank_received - bank_paid
    bank_adjusted = bank_fen + books_received - books_paid
    return Adjustment(
        books_fen=books_fen,
        bank_received_fen=bank_received,
        bank_paid_fen=bank_paid,
        books_adjusted_fen=books_adjusted,
        bank_fen=bank_fen,
        books_received_fen=books_received,
        books_paid_fen=books_paid,
        bank_adjusted_fen=bank_adjusted,
        difference_fen=bank_adjusted - books_adjusted,
    )


def _sides(amounts: Iterable[int]) -> tuple[int, int]:
    received = paid = 0
    for fen in amounts:
        if fen > 0:
            received += fen
        else:
            paid -= fen
    return received, paid
