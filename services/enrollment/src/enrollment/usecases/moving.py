"""Whoever moves within the pool was of the other county until the day before, and is charged there for those months."""

from datetime import date, timedelta
from typing import Any

from changhu_common.database import Transaction
from changhu_common.errors import FieldError
from changhu_common.periods import MONEY_BEGINS, day_of
from sqlalchemy import Row

from enrollment.domain.registration import PeriodInvalid
from enrollment.storage import counties

ONE_DAY = timedelta(days=1)


async def move(tx: Transaction, person: Row[Any], *, county: str, since: date | None) -> date:
    """Let a person (the row, locked) be of a county from a day on, today where none is said; that day."""
    today = day_of(tx.now)
    since = since or today
    if since > today:
        reason = "变更县区的日期晚于今天"
        raise PeriodInvalid(f"{reason}，请核对。", errors=[FieldError("county_since", reason)])
    if since < MONEY_BEGINS:
        # Nothing is charged in any county before it.
        reason = f"早于 {MONEY_BEGINS}"
        raise PeriodInvalid(f"变更县区的日期{reason}，请核对年份。", errors=[FieldError("county_since", reason)])
    before = await counties.of_person(tx.connection, person, on=since - ONE_DAY)
    await counties.set_move(tx.connection, person, since=since, before=before, now=county)
    return since
