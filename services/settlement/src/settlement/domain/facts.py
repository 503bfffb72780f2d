"""A person's facts over one limit period: all that adjudication may know, and nothing that it may not.

Facts say what was true and when, in any order; how and when we learned them plays no part.
"""

from dataclasses import dataclass
from datetime import date, datetime

from changhu_common.periods import DateRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Insured in a category (参保) over some days; two coverages never overlap.

    `recognised_months` were insured in another pool right before (转移接续).
    """

    category: str
    days: DateRange
    county: str | None = None
    recognised_months: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """A grade of a scale in force (失能等级) over some days; two grades never overlap."""

    scale: str
    grade: int
    days: DateRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A provider's agreement (定点协议): which modes it may give, over some days."""

    provider: str
    modes: frozenset[str]
    days: DateRange


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherBenefit:
    """A benefit of another scheme that runs beside (其他待遇)."""

    kind: str
    days: DateRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service given (护理服务), priced by the provider's list of its day; None where it has no price."""

    id: str
    provider: str
    mode: str
    item: str
    at: datetime
    cost_fen: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything about one person that a limit period's answer rests on.

    `used_earlier_fen` is what earlier months of the same limit period used of the limit, where the
    services of those months are not given here. `disabled_since` is the onset that an application states.
    """

    coverage: tuple[Coverage, ...] = ()
    grades: tuple[Grade, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    hospital_stays: tuple[DateRange, ...] = ()
    other_benefits: tuple[OtherBenefit, ...] = ()
    suspensions: tuple[DateRange, ...] = ()
    disabled_since: date | None = None
    died_on: date | None = None
    used_earlier_fen: int = 0
    services: tuple[Service, ...] = ()
