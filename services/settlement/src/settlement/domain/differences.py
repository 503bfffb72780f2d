"""A statement holds the exact difference between what a line comes to now and what statements hold already.

Money stands in a book: a person, a month of service, a county, a category, and what it is for. What a
line had in the book of another person or month is taken back there in full; fund money never stays in
another category's book. The county of money that was settled stays: who moves takes no old bill along.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from changhu_common.events.settlement import PaymentKind

# What is told as the category of who was never insured: the fund pays nothing there.
NOT_INSURED = "none"


@dataclass(frozen=True, slots=True)
class Amounts:
    """Cost, and its two parts, in fen; a difference may be negative."""

    cost_fen: int = 0
    fund_fen: int = 0
    person_fen: int = 0

    def __post_init__(self) -> None:
        if self.fund_fen + self.person_fen != self.cost_fen:
            raise ValueError(f"the parts do not add up to the cost: {self.fund_fen} + {self.person_fen}")

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(
            self.cost_fen + other.cost_fen, self.fund_fen + other.fund_fen, self.person_fen + other.person_fen
        )

    def __neg__(self) -> "Amounts":
        return Amounts(-self.cost_fen, -self.fund_fen, -self.person_fen)

    def __sub__(self, other: "Amounts") -> "Amounts":
        return self + -other


NOTHING = Amounts()


@dataclass(frozen=True, slots=True)
class Book:
    """Where money stands. `category` is None for who was never insured: the fund pays nothing there."""

    person_id: UUID
    month: str
    county: str
    category: str | None
    kind: PaymentKind = "care"


def differences(*, book: Book, now: Amounts, settled: Mapping[Book, Amounts]) -> dict[Book, Amounts]:
    """What has to be added, book by book, so that `settled` comes to `now`; zeros are left out."""
    same_month = [
        each for each in settled if (each.person_id, each.month, each.kind) == (book.person_id, book.month, book.kind)
    ]
    here = replace(book, county=same_month[0].county) if same_month else book
    added: dict[Book, Amounts] = {}
    stays = NOTHING
    for each, had in settled.items():
        if each == here or (each in same_month and had.fund_fen == 0):
            stays += had
        else:
            added[each] = -had
    added[here] = now - stays
    return {each: amounts for each, amounts in added.items() if amounts != NOTHING}
