"""Money is an int in fen and a rate is an exact Fraction; rounding is half up, once an amount.

A document names the amount that it defines (a month's contribution, a limit, the fund's part);
that amount is rounded to the fen and nothing before it is.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction

FEN_PER_YUAN = 100

UNITS = ((100_000_000, "亿元"), (10_000, "万元"), (1, "元"))


def round_half_up(amount: Fraction) -> int:
    """Round an exact amount to the fen, halves away from zero, so a correction mirrors its original."""
    whole, rest = divmod(abs(amount.numerator), amount.denominator)
    fen = whole + (2 * rest >= amount.denominator)
    return fen if amount >= 0 else -fen


def spread(amount_fen: int, *, over: Sequence[int]) -> list[int]:
    """Divide an amount (fen) over others in proportion: no fen is lost, and none gets more than itself.

    Each gets its exact part rounded down; the fen that are left go to those that lost most by it, the
    first of equals. `amount_fen` lies between 0 and what the others come to; one below zero gets a part
    below zero.
    """
    total_fen = sum(over)
    if not 0 <= amount_fen <= total_fen:
        raise ValueError(f"{amount_fen} cannot be divided over {total_fen}")
    if amount_fen == 0:
        return [0] * len(over)
    parts, lost = map(list, zip(*(divmod(amount_fen * each, total_fen) for each in over), strict=True))
    for place in sorted(range(len(over)), key=lambda place: -lost[place])[: amount_fen - sum(parts)]:
        parts[place] += 1
    return parts


def exact(number: str | int) -> Fraction:
    """Read a rate or ratio as it is written in a document ("0.002", "70%"); a float is never exact."""
    if isinstance(number, int):
        return Fraction(number)
    text = number.strip()
    return Fraction(text[:-1]) / 100 if text.endswith("%") else Fraction(text)


def yuan(fen: int) -> str:
    """Write fen as yuan for a reader: 1234567 → "12,345.67"."""
    sign = "-" if fen < 0 else ""
    whole, rest = divmod(abs(fen), FEN_PER_YUAN)
    return f"{sign}{whole:,}.{rest:02d}"


def unit_of(amounts: Iterable[int]) -> tuple[int, str]:
    """The unit, in fen and by its name, in which the largest amount still has a whole digit before the point."""
    largest = max((abs(fen) for fen in amounts), default=0)
    return next(
        ((units * FEN_PER_YUAN, name) for units, name in UNITS if largest >= units * FEN_PER_YUAN),
        (FEN_PER_YUAN, "元"),
    )


def in_unit(fen: int, unit_fen: int, *, signed: bool = False) -> str:
    """The amount in a unit with two digits after the point, rounded half up in whole numbers."""
    hundredths = (200 * abs(fen) + unit_fen) // (2 * unit_fen)
    sign = "-" if fen < 0 else "+" if signed and fen else ""
    return f"{sign}{hundredths // 100:,}.{hundredths % 100:02d}"
