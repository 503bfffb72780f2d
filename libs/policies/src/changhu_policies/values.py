"""A value never travels without its dates, its clause and its status.

An entry of a pack's file is one value, for some qualifiers, over some days. Entries of one
parameter all vary by the same qualifiers, so "which entry answers?" has one answer: the one
with these qualifiers whose days hold the day asked for.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Final

from changhu_policies.parameters import PARAMETERS, QUALIFIERS, Parameter
from changhu_policies.vocabulary import STATUSES, Status

Key = tuple[str | int, ...]
DAY_ONE: Final = date.min
OPEN_END: Final = date.max

_ENTRY_MEMBERS: Final = {"value", "clause", "status", "reading", "note", "from", "to", *QUALIFIERS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What one parameter is, from `start` to `end`, by which clause, and how firmly.

    `written` is the value as the pack or the operator wrote it; `reading` says what was read into
    the document and why where `status` is assumed; `source` names the paper of a supplied value.
    """

    parameter: str
    value: Any
    written: Any
    clause: str
    status: Status
    start: date
    end: date = OPEN_END
    qualifiers: tuple[tuple[str, str | int], ...] = ()
    reading: str = ""
    note: str = ""
    source: str = ""

    @property
    def key(self) -> Key:
        return tuple(word for _, word in self.qualifiers)

    @property
    def varies_by(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.qualifiers)

    @property
    def title(self) -> str:
        return PARAMETERS[self.parameter].title

    def holds_on(self, day: date) -> bool:
        return self.start <= day <= self.end

    @property
    def remark(self) -> str:
        """What was read into the document where it is assumed, the paper (补录依据) where it is supplied."""
        return f"补录依据：{self.source}" if self.status == "supplied" and self.source else self.reading

    def as_json(self) -> dict[str, Any]:
        """For a reader: what the pack says, in the pack's own words."""
        told: dict[str, Any] = {
            "parameter": self.parameter,
            "title": self.title,
            "qualifiers": dict(self.qualifiers),
            "value": plain(self.written),
            "clause": self.clause,
            "status": self.status,
            "from": None if self.start == DAY_ONE else self.start.isoformat(),
            "to": None if self.end == OPEN_END else self.end.isoformat(),
        }
        told |= {name: said for name in ("reading", "note", "source") if (said := getattr(self, name))}
        return told


def plain(written: Any) -> Any:
    """A written value in JSON's own types, the same for the same content."""
    if isinstance(written, Mapping):
        return {str(name): plain(each) for name, each in written.items()}
    if isinstance(written, list | tuple):
        return [plain(each) for each in written]
    return str(written) if isinstance(written, date | Fraction) else written


def read_entry(parameter: Parameter, entry: Any, *, since: date) -> Iterator[Value]:
    """The values of one entry, one for each combination of the qualifiers' words that it lists.

    A value holds from `since`, when the document begins, unless it says otherwise. Raises
    ValueError with what is wrong with the entry.
    """
    if not isinstance(entry, Mapping):
        raise ValueError("an entry must say value, clause and status")
    if unknown := set(entry) - _ENTRY_MEMBERS:
        raise ValueError(f"unknown members: {', '.join(sorted(map(str, unknown)))}")
    status, clause = entry.get("status"), entry.get("clause")
    if status not in STATUSES or status == "supplied":
        raise ValueError("status must be stated, assumed or missing")
    if not isinstance(clause, str) or not clause.strip():
        raise ValueError("every value names its clause")
    if status == "assumed" and not entry.get("reading"):
        raise ValueError("an assumed value says what was read, and why")
    if (status == "missing") == ("value" in entry):
        raise ValueError("a missing value has no value, every other has one")
    start, end = entry.get("from", since), entry.get("to") or OPEN_END
    if type(start) is not date or type(end) is not date or end < start:
        raise ValueError("from and to must be days, the first not after the last")
    names = [name for name in QUALIFIERS if name in entry]
    if strange := set(names) - set(parameter.by):
        raise ValueError(f"cannot vary by {', '.join(sorted(strange))}")
    for key in itertools.product(*(_words(entry[name]) for name in names)):
        yield Value(
            parameter=parameter.name,
            value=None if status == "missing" else parameter.shape(entry["value"]),
            written=entry.get("value"),
            clause=clause,
            status=status,
            start=start,
            end=end,
            qualifiers=tuple(zip(names, key, strict=True)),
            reading=entry.get("reading", ""),
            note=entry.get("note", ""),
        )


def _words(written: Any) -> list[str | int]:
    words = written if isinstance(written, list) else [written]
    if not words or not all(type(word) in (str, int) for word in words):
        raise ValueError("a qualifier is a word, or a list of words")
    return words
