"""Persons registered for the first time go in as COPY streams: person, coverage, base, event and audit row together.

What a row shares with others is encoded once for each position; only ids, what identifies the person and
the base differ.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from changhu_common.binary import field, int8
from changhu_common.bulk_copy import VALUE, RowTemplate, copy_in, slot
from changhu_common.ids import new_ids
from changhu_common.spine import Spine
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.storage.identities import Identities
from enrollment.storage.tables import contribution_base, coverage, person

PERSON, COVERAGE, EVENT = slot(0), slot(1), slot(2)
SLOTS = 3
_BASE = "the person's own base"
# What is known of each person to add.
PEOPLE = ("position", "name", "number", "base_fen")


@dataclass(frozen=True, slots=True)
class Position:
    """The rows of everybody who is registered alike; ids, identity and base are left open."""

    person: Mapping[str, Any]
    coverage: Mapping[str, Any]
    base: Mapping[str, Any]
    outbox: Mapping[str, Any]
    audit: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Destination:
    """The tables of persons and of coverage: those that everybody reads, or those of a pool's first load."""

    person: str = person.name
    coverage: str = coverage.name


Rows = dict[str, list[bytes]]


class Additions:
    """Makes the rows of persons to add, and writes them."""

    def __init__(
        self, identities: Identities, spine: Spine, positions: Callable[[int], Position], destination: Destination
    ) -> None:
        self._identities = identities
        self._of_position = _ByPosition(positions, spine, destination)

    def rows(self, people: pl.DataFrame) -> tuple[Rows, Rows]:
        """Their rows, and apart from them those of their bases, by the statement that writes them."""
        made, bases = defaultdict[str, list[bytes]](list), defaultdict[str, list[bytes]](list)
        positions, names, numbers, bases_fen = (people[each].to_list() for each in PEOPLE)
        forms = new_ids(SLOTS * people.height)
        persons = [text for _, text in forms[::SLOTS]]
        # Lists side by side: each person's ids in turn.
        ids_of = ((*a, *b, *c) for a, b, c in zip(forms[::3], forms[1::3], forms[2::3], strict=True))
        sealed = zip(*(map(field, column) for column in self._identities.columns(persons, names, numbers)), strict=True)
        for ids, identity, position, base_fen in zip(ids_of, sealed, positions, bases_fen, strict=True):
            of = self._of_position[position]
            made[of.person.statement].append(of.person.filled(ids, identity))
            made[of.coverage.statement].append(of.coverage.filled(ids))
            if base_fen is not None:
                bases[of.base.statement].append(of.base.filled(ids, (int8(base_fen),)))
            made[of.outbox.statement].append(of.outbox.filled(ids))
            made[of.audit.statement].append(of.audit.filled(ids, (of.audited(base_fen),)))
        return made, bases

    @staticmethod
    async def write(connection: AsyncConnection, rows: Rows) -> None:
        """Write rows as one would write them one by one; a person known already breaks the pool's unique key."""
        for statement, of_table in rows.items():
            await copy_in(connection, statement, of_table)


class _ByPosition(dict[int, "_Templates"]):
    """Templates by position, made when somebody stands there."""

    def __init__(self, positions: Callable[[int], Position], spine: Spine, destination: Destination) -> None:
        self._positions, self._spine, self._destination = positions, spine, destination

    def __missing__(self, position: int) -> "_Templates":
        made = self[position] = _Templates(self._positions(position), self._spine, self._destination)
        return made


class _Templates:
    """One template for each table that a person of a position stands in."""

    def __init__(self, position: Position, spine: Spine, destination: Destination) -> None:
        somebody = {**position.person, **dict.fromkeys(Identities.COLUMNS, VALUE)}
        self.person = RowTemplate(person, somebody, slots=SLOTS, into=destination.person)
        self.coverage = RowTemplate(coverage, position.coverage, slots=SLOTS, into=destination.coverage)
        self.base = RowTemplate(contribution_base, {**position.base, "base_fen": VALUE}, slots=SLOTS)
        self.outbox = RowTemplate(spine.outbox, position.outbox, slots=SLOTS)
        self.audit = RowTemplate(spine.audit, {**position.audit, "after": VALUE}, slots=SLOTS)
        after = b"\x01" + json.dumps({**position.audit["after"], "base_fen": _BASE}, ensure_ascii=False).encode()
        self._before, _, self._behind = after.partition(f'"{_BASE}"'.encode())

    def audited(self, base_fen: int | None) -> bytes:
        """What the audit row keeps, with the person's own base."""
        base = b"null" if base_fen is None else b"%d" % base_fen
        return field(self._before + base + self._behind)
