"""A file's minors are registered through guardians who are registered too, or stand in the same file."""

import asyncio
import itertools
from collections.abc import Collection, Iterator, Sequence
from typing import Any
from uuid import UUID

import polars as pl
from changhu_common.bulk_files import LINE
from changhu_common.database import Transaction
from changhu_common.errors import FieldError
from changhu_common.resident_numbers import ResidentNumber
from sqlalchemy import Row

from enrollment.domain.family import GUARDIAN_A_MINOR, GUARDIAN_DEAD, GUARDIAN_UNKNOWN, NO_GUARDIAN, OWN_GUARDIAN
from enrollment.domain.registration import Territory
from enrollment.domain.whole_file import WholeFile
from enrollment.storage import wards
from enrollment.storage.identities import Identities

COLUMN = "guardian_number"


class Wards:
    """The wards of one checked file (被监护人)."""

    def __init__(self, tx: Transaction, identities: Identities, whole: WholeFile, territory: Territory) -> None:
        self._tx = tx
        self._identities = identities
        self._whole = whole
        self._territory = territory

    async def checked(self) -> WholeFile:
        """The file without the rows whose guardian is wanting or unfit."""
        if self._whole.wards.is_empty():
            return self._whole
        await wards.take(self._tx.connection, await asyncio.to_thread(lambda: list(self._rows())))
        found = await wards.in_doubt(self._tx.connection, self._territory.scope, today=self._territory.today)
        errors = [FieldError(COLUMN, reason, row.line) for row in found if (reason := _fault(row))]
        self._whole = self._whole.without(errors) if errors else self._whole
        return self._whole

    async def name(self, *, import_id: UUID, refused: Collection[int]) -> list[int]:
        """Name the guardians of those who are registered now; the lines that said something new."""
        if self._whole.wards.is_empty():
            return []
        left_out = {error.line for error in self._whole.errors if error.line is not None}.union(refused)
        return await wards.name(self._tx, import_id=str(import_id), refused=left_out, today=self._territory.today)

    def _rows(self) -> Iterator[dict[str, Any]]:
        positions, candidates = self._whole.positions, self._identities.candidates
        for line, number, position, guardian, relation, beside in self._with_guardians().iter_rows():
            told = {"line": line, "pool": positions[position].pool, "start": positions[position].start}
            adults: Sequence[bytes | None] = candidates(ResidentNumber(guardian)) if guardian else [None]
            for child, adult in itertools.product(candidates(ResidentNumber(number)), adults):
                yield {**told, "ward": child, "guardian": adult, "relation": relation, "beside": beside}

    def _with_guardians(self) -> pl.DataFrame:
        """The wards, and whether their guardian stands in the file, in the same pool and no ward himself."""
        pools = pl.Series([each.pool for each in self._whole.positions], dtype=pl.String)
        pool = pl.col("position").replace_strict(list(range(len(pools))), pools, return_dtype=pl.String)
        warded = self._whole.wards
        adults = (
            self._whole.good.join(warded.select(LINE), on=LINE, how="anti")
            .select(guardian="number", pool=pool)
            .unique()
            .with_columns(beside=pl.lit(value=True))
        )
        beside = warded.with_columns(pool=pool).join(adults, on=["guardian", "pool"], how="left")
        return beside.select(
            LINE, "number", "position", "guardian", "relation", pl.col("beside").fill_null(value=False)
        )


def _fault(row: Row[Any]) -> str | None:
    """Why a row's guardian cannot be taken; None where he can, or is known already."""
    if row.unnamed:
        return None if row.guarded else NO_GUARDIAN
    if not row.known:
        return GUARDIAN_UNKNOWN
    if row.own:
        return OWN_GUARDIAN
    if row.died:
        return GUARDIAN_DEAD
    return GUARDIAN_A_MINOR if row.minor else None
