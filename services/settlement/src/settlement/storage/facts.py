"""The facts of many persons at once, as adjudication wants them: one statement for each kind."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from changhu_common.periods import DateRange, day_of, midnight
from sqlalchemy import Row, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.domain.counting import Offer
from settlement.domain.facts import Agreement, Coverage, Facts, Grade, OtherBenefit
from settlement.domain.fees import Fee
from settlement.domain.findings import Finding
from settlement.domain.pricing import Price, PriceList, Visit
from settlement.storage.tables import (
    agreement,
    assessment_fee,
    conclusion,
    hospital_stay,
    other_benefit,
    person,
    price_list,
)

# Whoever is counted again whole is counted over these days.
ALL_DAYS = DateRange(date(1900, 1, 1), date(9998, 12, 31))
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Days of a person that are counted again; `pool=None` for every pool, `since` for what comes no earlier."""

    person_id: UUID
    pool: str | None = None
    days: DateRange = ALL_DAYS
    since: datetime | None = None

    @property
    def key(self) -> tuple[UUID, str | None, date]:
        return self.person_id, self.pool, self.days.start

    def holds(self, *, pool: str, at: datetime) -> bool:
        return self.pool in (None, pool) and day_of(at) in self.days and (self.since is None or self.since <= at)


@dataclass(frozen=True, slots=True)
class Insured:
    """What is known of a person in one pool, apart from the services; `county` None where it is not enrolled."""

    county: str | None = None
    facts: Facts = field(default_factory=Facts)


WINDOWS = (
    "unnest(CAST(:persons AS uuid[]), CAST(:pools AS text[]), CAST(:firsts AS date[]), CAST(:lasts AS date[]),"
    " CAST(:froms AS timestamptz[]), CAST(:untils AS timestamptz[]))"
    ' AS w (person_id, pool, "first", "last", "from", until)'
)
# LATERAL with OFFSET 0 looks each window up in the index of persons, whatever the planner believes of a table that
# grows by the minute: joined, the whole table is read for every batch until it is analysed.
_VISITS = text(
    f"SELECT s.* FROM {WINDOWS} CROSS JOIN LATERAL (SELECT * FROM service s"  # noqa: S608 (names are ours)
    ' WHERE s.person_id = w.person_id AND s.started_at >= w."from" AND s.started_at < w.until'
    " AND (w.pool IS NULL OR s.pool = w.pool) AND NOT s.void OFFSET 0) s"
)


def window_arrays(windows: Sequence[Window]) -> dict[str, list[Any]]:
    """The windows as the arrays that `WINDOWS` unnests."""
    lasts = [window.days.end or ALL_DAYS.end for window in windows]
    return {
        "persons": [window.person_id for window in windows],
        "pools": [window.pool for window in windows],
        "firsts": [window.days.start for window in windows],
        "lasts": lasts,
        "froms": [window.since or midnight(window.days.start) for window in windows],
        "untils": [midnight(last + ONE_DAY) for last in lasts if last is not None],
    }


async def visits(connection: AsyncConnection, windows: Sequence[Window]) -> list[Visit]:
    """The visits of these days that took place."""
    rows = await connection.execute(_VISITS, window_arrays(windows))
    return [
        Visit(
            visit_id=row.visit_id,
            person_id=row.person_id,
            organization_id=row.organization_id,
            pool=row.pool,
            county=row.county,
            mode=row.mode,
            started_at=row.started_at,
            items=tuple((each["item"], each["quantity"]) for each in row.items),
        )
        for row in rows
    ]


async def fees(connection: AsyncConnection, windows: Sequence[Window]) -> list[Fee]:
    """The assessment fees of these days that are owed."""
    # A person has one in a year or two: asked for by person, they cost a batch of visits next to nothing.
    known = await _by(connection, assessment_fee, "person_id", sorted({window.person_id for window in windows}))
    return [
        Fee(
            fee_id=row.fee_id,
            person_id=row.person_id,
            organization_id=row.organization_id,
            pool=row.pool,
            county=row.county,
            cause=row.cause,
            assessed_on=row.assessed_on,
            fee_fen=row.fee_fen,
            fund_fen=row.fund_fen,
            person_fen=row.person_fen,
            findings=tuple(Finding(**each, stops_payment=False) for each in row.findings),
            pack_version=row.pack_version,
        )
        for window in windows
        for row in known.get(window.person_id, ())
        if not row.void and window.holds(pool=row.pool, at=midnight(row.assessed_on))
    ]


async def insured(connection: AsyncConnection, persons: Iterable[UUID]) -> Mapping[tuple[UUID, str], Insured]:
    """What is known of these persons, by person and pool; who is unknown in a pool is not insured there."""
    ids = sorted(set(persons))
    people = await _by(connection, person, "person_id", ids)
    stays = await _by(connection, hospital_stay, "person_id", ids)
    benefits = await _by(connection, other_benefit, "person_id", ids)
    conclusions = await _by(connection, conclusion, "person_id", ids)
    known: dict[tuple[UUID, str], Insured] = {}
    for each in ids:
        enrolled = {row.pool: row for row in people[each]}
        for pool in {*enrolled, *(row.pool for row in conclusions[each])}:
            known[each, pool] = _insured(
                enrolled.get(pool),
                [row for row in conclusions[each] if row.pool == pool],
                stays[each],
                benefits[each],
            )
    return known


def _insured(
    enrolled: Row[*tuple[Any, ...]] | None,
    conclusions: Sequence[Row[*tuple[Any, ...]]],
    stays: Sequence[Row[*tuple[Any, ...]]],
    benefits: Sequence[Row[*tuple[Any, ...]]],
) -> Insured:
    # Until the earlier conclusion is told to end, the later one holds.
    latest_first = sorted(conclusions, key=lambda row: (row.start, row.conclusion_id), reverse=True)
    facts = Facts(
        coverage=tuple(
            Coverage(
                category=each["category"],
                days=days,
                county=enrolled.county,
                recognised_months=each.get("recognised_months", 0),
            )
            for each in enrolled.coverage
            if (days := _days(each))
        )
        if enrolled
        else (),
        grades=tuple(
            Grade(scale=row.scale, grade=row.grade, days=days)
            for row in latest_first
            if not row.void and (days := _row_days(row))
        ),
        hospital_stays=tuple(days for row in stays if not row.void and (days := _row_days(row))),
        other_benefits=tuple(
            OtherBenefit(kind=row.kind, days=days) for row in benefits if not row.void and (days := _row_days(row))
        ),
        suspensions=tuple(days for each in enrolled.suspensions if (days := _days(each))) if enrolled else (),
        disabled_since=min(
            (row.disabled_since for row in conclusions if row.disabled_since and not row.void), default=None
        ),
        died_on=enrolled.died_on if enrolled else None,
    )
    return Insured(county=enrolled.county if enrolled else None, facts=facts)


async def offers(connection: AsyncConnection, ids: Iterable[UUID]) -> Mapping[UUID, Offer]:
    """The agreements and the prices of these organisations."""
    wanted = sorted(set(ids))
    agreements = await _by(connection, agreement, "organization_id", wanted)
    lists = await _by(connection, price_list, "organization_id", wanted)
    return {
        each: Offer(
            agreements=tuple(made for row in agreements[each] for made in _agreements(row)),
            prices=_prices(lists[each][0].prices) if lists[each] else {},
        )
        for each in wanted
    }


def _agreements(row: Row[*tuple[Any, ...]]) -> list[Agreement]:
    """An agreement's days without those on which it is suspended."""
    if row.kind != "care_provider":
        return []
    ranges = [days] if (days := _row_days(row)) else []
    for each in row.suspensions:
        if pause := _days(each):
            ranges = [rest for days in ranges for rest in without(days, pause)]
    modes = frozenset(row.modes)
    return [Agreement(provider=str(row.organization_id), modes=modes, days=days) for days in ranges]


def without(days: DateRange, pause: DateRange) -> list[DateRange]:
    """What is left of `days` before and after a pause."""
    if days.overlap(pause) is None:
        return [days]
    left = [DateRange(days.start, pause.start - ONE_DAY)] if days.start < pause.start else []
    if pause.end is not None and (days.end is None or pause.end < days.end):
        left.append(DateRange(pause.end + ONE_DAY, days.end))
    return left


def _prices(told: Iterable[Mapping[str, Any]]) -> PriceList:
    prices: dict[str, list[Price]] = defaultdict(list)
    for each in told:
        if days := _days(each):
            prices[each["item"]].append(Price(price_fen=each["price_fen"], days=days))
    return prices


def _days(told: Mapping[str, Any]) -> DateRange | None:
    end = told.get("end")
    return _range(date.fromisoformat(told["start"]), date.fromisoformat(end) if end else None)


def _row_days(row: Row[*tuple[Any, ...]]) -> DateRange | None:
    return _range(row.start, row.end)


def _range(start: date, end: date | None) -> DateRange | None:
    """What ends before it starts was cut short to nothing: it has no days."""
    return None if end is not None and end < start else DateRange(start, end)


async def _by(
    connection: AsyncConnection, table: Table, column: str, ids: Sequence[UUID]
) -> defaultdict[UUID, list[Row[*tuple[Any, ...]]]]:
    rows: defaultdict[UUID, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    statement = text(f"SELECT * FROM {table.name} WHERE {column} = ANY(CAST(:ids AS uuid[]))")  # noqa: S608
    for row in await connection.execute(statement, {"ids": ids}):
        rows[getattr(row, column)].append(row)
    return rows
