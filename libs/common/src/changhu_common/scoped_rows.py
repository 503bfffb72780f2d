"""The query is scoped, not only the button: rows out of the caller's scope are never read."""

from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_
from sqlalchemy.orm import InstrumentedAttribute

from changhu_common.roles import Scope

Column = ColumnElement[Any] | InstrumentedAttribute[Any]


def within(
    scope: Scope,
    *,
    region: Column,
    organisation: Column | None = None,
    person: Column | None = None,
) -> ColumnElement[bool]:
    """The condition that a row is inside the scope: the same answer as `Scope.covers`, in SQL.

    `region` holds the county's code, or the pool's for what is the pool's own. A table without a column
    for the organisation shows nothing to a grant that is one organisation's.
    """
    allowed: list[ColumnElement[bool]] = []
    for part in sorted(scope.parts, key=str):
        in_region = region.like(f"{part.region_prefix}%")
        if part.organisation is None:
            allowed.append(in_region)
        elif organisation is not None:
            allowed.append(and_(in_region, organisation == part.organisation))
    if person is not None and scope.persons:
        allowed.append(person.in_(scope.persons))
    return or_(false(), *allowed)
