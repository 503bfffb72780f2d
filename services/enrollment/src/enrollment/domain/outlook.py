"""What a pack will ask of today's people in years to come, if bases and yearly figures grow as it is assumed.

The people stay as they are known now; who dies and who joins is not counted here. A growth factor is
rounded to six digits, then every base half up to the fen; today's own bases are left as they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np
from changhu_common.money import round_half_up
from changhu_policies import Pack, PolicyMissing
from changhu_policies.supplied import statistic_record
from changhu_policies.vocabulary import STATISTICS

from enrollment.domain.population import Population
from enrollment.domain.simulation import INT64_MAX

FACTOR_DIGITS: Final = 10**6

# How far back the last known figure of a statistic is looked for.
YEARS_BACK: Final = 10

ASSUMED: Final = "测算假设"


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """By how much bases, and yearly statistics, grow each year."""

    bases: Fraction
    statistics: Fraction


def grown(people: Population, factor: Fraction) -> Population:
    """The same people on bases so many times as high."""
    digits = round_half_up(factor * FACTOR_DIGITS)
    if digits == FACTOR_DIGITS:
        return people
    bases: Any = people.base_fen
    if len(bases) and int(bases.max()) > (INT64_MAX - FACTOR_DIGITS) // (2 * max(digits, 1)):
        bases = bases.astype(object)
    higher = (bases * (2 * digits) + FACTOR_DIGITS) // (2 * FACTOR_DIGITS)
    return replace(people, base_fen=np.where(bases < 0, bases, higher))


def assumed_statistics(pack: Pack, *, growth: Fraction, until: int, today: int) -> Iterator[dict[str, Any]]:
    """Records of the figures that nobody knows yet: the last known one, grown each year up to `until`.

    What is missing between known years stays missing, and so does a statistic without any known year.
    """
    for name in STATISTICS:
        known = {year: fen for year in range(today - YEARS_BACK, until + 1) if (fen := _known(pack, name, year))}
        if known:
            last = max(known)
            for year in range(last + 1, until + 1):
                fen = round_half_up(known[last] * (1 + growth) ** (year - last))
                yield statistic_record(pack.pool, name, year, fen, source=ASSUMED)


def _known(pack: Pack, name: str, year: int) -> int | None:
    try:
        return int(pack.statistic(name, year).value)
    except PolicyMissing:
        return None
