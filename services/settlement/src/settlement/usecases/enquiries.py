"""What a person's or an organisation's month comes to, and what is left of a limit, as known now."""

from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import Database
from changhu_common.errors import NotFound
from changhu_common.periods import DateRange, Month
from changhu_common.roles import Caller
from changhu_policies import Pack

from settlement.domain.counting import count_period
from settlement.domain.decision import period_of
from settlement.domain.limits import limit_reasons
from settlement.storage import enquiries, facts, statements
from settlement.storage.tables import MERGED, SUPPLIED
from settlement.usecases.views import FindingView, LimitView, OrganizationMonth, PersonMonth, PersonSum, line_view

PERSONS_PER_PAGE_MAX = 1_000


class Enquiries:
    """Reads what was counted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def limit(self, *, caller: Caller, person_id: UUID, on: date) -> LimitView:
        """The limit of the period around a day and what is left of it."""
        async with self._database.read() as connection:
            return await _limit(connection, caller, person_id, on)

    async def person_month(self, *, caller: Caller, person_id: UUID, month: Month) -> PersonMonth:
        async with self._database.read() as connection:
            limit = await _limit(connection, caller, person_id, month.last)
            person_id = limit.person_id
            scope = await MERGED.widened(connection, caller.scope)
            rows = await enquiries.lines_of(connection, person_id=person_id, month=str(month), scope=scope)
        return PersonMonth(
            person_id=person_id,
            month=str(month),
            cost_fen=sum(row.cost_fen for row in rows),
            fund_fen=sum(row.fund_fen for row in rows),
            person_fen=sum(row.person_fen for row in rows if row.status != "undecided"),
            undecided=sum(row.status == "undecided" for row in rows),
            limit=limit,
            lines=[line_view(row, row.id) for row in rows],
        )

    async def organization_month(
        self, *, caller: Caller, organization_id: UUID, month: Month, after: UUID | None
    ) -> OrganizationMonth:
        async with self._database.read() as connection:
            home = await statements.organisation(connection, organization_id=organization_id, scope=caller.scope)
            if home is None:
                raise NotFound("没有这个定点机构，或不在您的权限范围内。")
            asked: dict[str, Any] = {"organization_id": organization_id, "month": str(month)}
            sums = await enquiries.sums_of(connection, **asked)
            page = await enquiries.sums_by_person(connection, **asked, after=after, rows_max=PERSONS_PER_PAGE_MAX + 1)
            closed = await statements.standing(connection, **asked)
        shown = page[:PERSONS_PER_PAGE_MAX]
        return OrganizationMonth(
            organization_id=organization_id,
            pool=home.pool,
            county=home.county,
            month=str(month),
            **sums._asdict(),
            statement_id=closed.id if closed else None,
            persons=[PersonSum(**row._asdict()) for row in shown],
            next=shown[-1].person_id if len(page) > len(shown) else None,
        )


async def _limit(connection: Any, caller: Caller, person_id: UUID, on: date) -> LimitView:
    # Whoever asks by a merged record asks of the survivor.
    person_id = await MERGED.survivor(connection, person_id)
    scope = await MERGED.widened(connection, caller.scope)
    home = await enquiries.person_in_scope(connection, person_id=person_id, scope=scope)
    if home is None:
        raise NotFound("没有这名参保人，或不在您的权限范围内。")
    pack = await SUPPLIED.pack(connection, home.pool)
    insured = (await facts.insured(connection, [person_id]))[person_id, home.pool]
    counted = await enquiries.period_on(connection, person_id=person_id, pool=home.pool, on=on)
    period = counted._asdict() if counted else _unused(pack, person_id, insured, on)
    days = DateRange(period["start"], period["end"])
    reasons = () if period["problem"] else limit_reasons(pack, insured.facts, days)
    return LimitView(**period, findings=[FindingView(**asdict(each)) for each in reasons])


def _unused(pack: Pack, person_id: UUID, insured: facts.Insured, on: date) -> dict[str, Any]:
    """Without a service in the period nothing was counted yet: it is what the facts give for no service."""
    pack.refuse_before_start(on)
    empty = count_period(
        pack=pack,
        person_id=person_id,
        county=insured.county,
        facts=insured.facts,
        visits=(),
        offers={},
        days=period_of(pack, on),
    )
    return empty.period
