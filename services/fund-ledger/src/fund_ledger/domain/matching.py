"""Which lines of a bank and entries of the books are the same money follows from what they say, and nothing else.

Not from the order in which they were loaded or booked: whenever something is added, what the rules
alone had matched in the open months is worked out again from the beginning. What a person matched
stays, and what a person took apart is left to people.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import accumulate
from typing import TypeVar
from uuid import UUID

from changhu_common.errors import Conflict, InvalidInput
from changhu_common.workdays import WorkingDays
from changhu_policies.reconciliation import MatchingRule

ONE_DAY = timedelta(days=1)
DAYS_OF_A_YEAR = 366

# Rules that are no rules of a file: a person's own match, and a line with the journal that was drafted from it.
BY_HAND, DRAFTED = "by_hand", "drafted"


class MatchUneven(InvalidInput):
    """The two sides of a match do not come to the same amount."""

    code = "match.uneven"
    title = "勾对两边金额不等"


class AlreadyMatched(Conflict):
    """One of the lines or entries stands in another match."""

    code = "match.taken"
    title = "流水或分录已勾对"


class MatchUndone(Conflict):
    """The match was undone before."""

    code = "match.undone"
    title = "勾对已撤销"


class MatchInClosedPeriod(Conflict):
    """All that the match holds lies in closed periods."""

    code = "match.period_closed"
    title = "勾对所属期间已结账"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the bank that is up for matching; above zero came in, in fen.

    `content_id` follows from what the line says, `id` from when it came.
    """

    id: UUID
    content_id: UUID
    day: date
    amount_fen: int
    reference: str | None = None
    end_to_end_id: str | None = None

    @property
    def order(self) -> tuple[date, int]:
        return (self.day, self.content_id.int)

    def has(self, name: str) -> object:
        """What it has of one of the things that several lines may have in common."""
        return getattr(self, name)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry (分录) on an account that a bank account stands for; a debit is above zero, in fen.

    `key` is its place in the pool's books, `day` when it happened, `accounting_on` the day in whose period
    it stands, `common` what several may have in common.
    """

    key: tuple[int, int]
    journal_id: UUID
    day: date
    accounting_on: date
    amount_fen: int
    reference: str | None = None
    common: Mapping[str, object] = field(default_factory=dict)

    @property
    def order(self) -> tuple[date, int, int]:
        # By the journal's id, which follows from its fact, and not by its place, which follows from when it came.
        return (self.day, self.journal_id.int, self.key[1])

    def has(self, name: str) -> object:
        return {"day": self.day, "reference": self.reference}.get(name) or self.common.get(name)


@dataclass(frozen=True, slots=True)
class Match:
    """Lines and entries that are the same money (勾对), and the rule that says so."""

    rule: str
    lines: tuple[Line, ...]
    entries: tuple[Entry, ...]

    @property
    def amount_fen(self) -> int:
        return sum(each.amount_fen for each in self.lines or self.entries)

    @property
    def last_on(self) -> date:
        """The latest day of what it holds, of the bank's days and of the books' periods."""
        return max([*(each.day for each in self.lines), *(each.accounting_on for each in self.entries)])

    @property
    def key(self) -> tuple[str, frozenset[UUID], frozenset[tuple[int, int]]]:
        return (self.rule, frozenset(each.id for each in self.lines), frozenset(each.key for each in self.entries))


Item = Line | Entry
T = TypeVar("T", Line, Entry, Item)


@dataclass(frozen=True, slots=True)
class _Unit:
    """One or several of one side that stand for one amount."""

    items: tuple[Item, ...]
    amount_fen: int
    day: date
    reference: str | None


def refuse_uneven_match(*, lines: Sequence[int], entries: Sequence[int]) -> None:
    """MatchUneven where the amounts (fen) of both sides do not come to the same, or there is nothing to match."""
    if len(lines) + len(entries) < 2:
        raise MatchUneven("勾对至少要有两笔: 流水与分录, 或相互抵销的两笔。")
    if sum(lines) != sum(entries):
        raise MatchUneven(
            f"流水合计 {sum(lines)} 分, 分录合计 {sum(entries)} 分, 两边须相等。",
            lines_fen=sum(lines),
            entries_fen=sum(entries),
        )


def matched(
    *, lines: Iterable[Line], entries: Iterable[Entry], rules: Iterable[MatchingRule], calendar: WorkingDays
) -> list[Match]:
    """What the rules match, each in its turn; the same whatever order lines and entries come in."""
    free_lines = {each.id: each for each in sorted(lines, key=lambda line: line.order)}
    free_entries = {each.key: each for each in sorted(entries, key=lambda entry: entry.order)}
    places = _Places(calendar)
    found: list[Match] = []
    for rule in rules:
        line_units = _units(free_lines.values(), rule.lines, rule.reference)
        entry_units = _units(free_entries.values(), rule.entries, "reference" if rule.reference else None)
        if rule.one_sided:
            new = _one_sided(rule, line_units, entry_units)
        else:
            new = [
                Match(rule.name, _lines(line_unit), _entries(entry_unit))
                for line_unit, entry_unit in _paired(rule, line_units, entry_units, places)
            ]
        for match in new:
            for line in match.lines:
                del free_lines[line.id]
            for entry in match.entries:
                del free_entries[entry.key]
        found += new
    return found


def _lines(unit: _Unit) -> tuple[Line, ...]:
    return tuple(each for each in unit.items if isinstance(each, Line))


def _entries(unit: _Unit) -> tuple[Entry, ...]:
    return tuple(each for each in unit.items if isinstance(each, Entry))


def _units(items: Iterable[Item], common: Sequence[str], reference: str | None) -> list[_Unit]:
    """Items as they stand for an amount, those alone that have the reference where the rule asks for one."""
    able = items if reference is None else [each for each in items if each.has(reference)]
    groups = together(able, common) if common else [[each] for each in able]
    return [_unit(tuple(group), reference) for group in groups]


def together(items: Iterable[T], common: Sequence[str]) -> list[list[T]]:
    """Items together that have all of this in common; one that lacks any of it is left out."""
    groups: dict[tuple[object, ...], list[T]] = defaultdict(list)
    for each in items:
        shared = tuple(each.has(name) for name in common)
        if None not in shared:
            groups[shared].append(each)
    return list(groups.values())


def _unit(items: tuple[Item, ...], reference: str | None) -> _Unit:
    named = items[0].has(reference) if reference else None
    return _Unit(items, sum(each.amount_fen for each in items), items[0].day, named if isinstance(named, str) else None)


def _one_sided(rule: MatchingRule, lines: Iterable[_Unit], entries: Iterable[_Unit]) -> list[Match]:
    units = lines if rule.lines else entries
    return [
        Match(rule.name, _lines(unit), _entries(unit)) for unit in units if unit.amount_fen == 0 and len(unit.items) > 1
    ]


Place = Callable[[date], int | None]


def _paired(
    rule: MatchingRule, lines: Iterable[_Unit], entries: Iterable[_Unit], places: "_Places"
) -> Iterator[tuple[_Unit, _Unit]]:
    """Units of both sides that agree: the nearest days first, then in the order of their days and ids."""
    waiting = [unit for unit in lines if unit.amount_fen]
    offered = [unit for unit in entries if unit.amount_fen]
    for place, apart in _passes(rule.working_days, places):
        at_place: dict[tuple[int, str | None, int], deque[_Unit]] = defaultdict(deque)
        for unit in offered:
            if (at := place(unit.day)) is not None:
                at_place[unit.amount_fen, unit.reference, at].append(unit)
        taken: set[int] = set()
        still_waiting = []
        for unit in waiting:
            at = place(unit.day)
            agree = None if at is None else at_place.get((unit.amount_fen, unit.reference, at + apart))
            if agree:
                pair = (unit, agree.popleft())
                taken.add(id(pair[1]))
                yield pair
            else:
                still_waiting.append(unit)
        waiting, offered = still_waiting, [unit for unit in offered if id(unit) not in taken]


def _passes(working_days: int | None, places: "_Places") -> list[tuple[Place, int]]:
    """How days are compared, pass after pass, and how far apart they lie: first the line after the entry."""
    if working_days is None:
        return [(lambda day: 0, 0)]
    distances = [0, *(side * distance for distance in range(1, working_days + 1) for side in (1, -1))]
    return [(date.toordinal, 0), *((places.of, distance) for distance in distances)]


class _Places:
    """The working days of a calendar in one row, so that a distance is a difference; None in a year without one."""

    def __init__(self, calendar: WorkingDays) -> None:
        self._calendar = calendar
        self._years: dict[int, list[int]] = {}

    def of(self, day: date) -> int | None:
        if day.year not in self._calendar.years:
            return None
        if day.year not in self._years:
            self._years[day.year] = self._counted(day.year)
        return self._years[day.year][day.timetuple().tm_yday - 1]

    def _counted(self, year: int) -> list[int]:
        # Far enough from the year before for nothing to reach over, unless that year is known.
        before = self.of(date(year - 1, 12, 31)) if year > min(self._calendar.years) else None
        first = year * DAYS_OF_A_YEAR if before is None else before
        days = (date(year, 1, 1) + ONE_DAY * n for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days))
        return list(accumulate((self._calendar.is_working_day(day) for day in days), initial=first))[1:]


def years_missing(*, days: Iterable[date], calendar: WorkingDays) -> list[int]:
    """The years in which working days cannot be counted: there, only equal days agree."""
    return sorted({day.year for day in days} - calendar.years)
