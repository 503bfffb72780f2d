"""An organisation publishes its prices; whatever changes, the whole list is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import NotFound
from changhu_common.events.provider import Price as ToldPrice
from changhu_common.events.provider import PricesPublished
from changhu_common.ids import new_id
from changhu_common.periods import DateRange
from changhu_common.roles import Caller

from provider_registry.domain.catalogue import refuse_unknown_items
from provider_registry.domain.price import Price, PriceEndUnfit, PriceOverlap, refuse_overlaps
from provider_registry.storage import organizations, prices
from provider_registry.storage.overlaps import refusing_double


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceView:
    price_id: UUID
    item: str
    price_fen: int
    start: date
    end: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """An organisation's whole list as of a revision."""

    organization_id: UUID
    revision: int
    prices: Sequence[PriceView]


class Prices:
    """What care costs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def publish(
        self,
        *,
        asked: AskedChange,
        caller: Caller,
        organization_id: UUID,
        added: Sequence[tuple[str, int, DateRange]],
    ) -> PriceList:
        """Add prices (item, fen, days) to the list."""
        refuse_unknown_items(items=(item for item, _, _ in added), field="prices")
        new = [Price(id=new_id(), item=item, price_fen=fen, days=days) for item, fen, days in added]
        async with self._database.change(asked) as transaction:
            connection = transaction.connection
            of = await organizations.of_id(connection, organization_id, scope=caller.scope, lock=True)
            standing = await prices.of_organization(connection, organization_id)
            refuse_overlaps(standing=standing, added=new)
            with refusing_double(PriceOverlap("同一项目同一天只能有一个价格。")):
                await prices.add(connection, organization_id, new)
            transaction.record(*(AuditEntry("price.published", "price", each.id, after=_view(each)) for each in new))
            return await _told(transaction, of)

    async def end(
        self, *, asked: AskedChange, caller: Caller, organization_id: UUID, price_id: UUID, end: date
    ) -> PriceList:
        """That day is the last on which the price holds."""
        async with self._database.change(asked) as transaction:
            of, standing = await self._standing(transaction, caller, organization_id, price_id)
            if end not in standing.days:
                raise PriceEndUnfit("截止日期须在价格的有效期之内, 请核对日期。")
            await prices.end(transaction.connection, price_id, end)
            transaction.record(AuditEntry("price.ended", "price", price_id, before=_view(standing), after={"end": end}))
            return await _told(transaction, of)

    async def void(
        self, *, asked: AskedChange, caller: Caller, organization_id: UUID, price_id: UUID, reason: str
    ) -> PriceList:
        """The price was a mistake from its first day."""
        async with self._database.change(asked) as transaction:
            of, standing = await self._standing(transaction, caller, organization_id, price_id)
            await prices.remove(transaction.connection, price_id)
            transaction.record(
                AuditEntry("price.voided", "price", price_id, before=_view(standing), after={"reason": reason})
            )
            return await _told(transaction, of)

    async def of_organization(self, *, caller: Caller, organization_id: UUID) -> PriceList:
        async with self._database.read() as connection:
            of = await organizations.of_id(connection, organization_id, scope=caller.scope)
            found = await prices.of_organization(connection, organization_id)
        return _list(of, of.price_revision, found)

    @staticmethod
    async def _standing(
        transaction: Transaction, caller: Caller, organization_id: UUID, price_id: UUID
    ) -> tuple[organizations.Found, Price]:
        connection = transaction.connection
        of = await organizations.of_id(connection, organization_id, scope=caller.scope, lock=True)
        found = await prices.of_organization(connection, organization_id)
        standing = next((each for each in found if each.id == price_id), None)
        if standing is None:
            raise NotFound("机构的价格表中没有这一条。")
        return of, standing


async def _told(transaction: Transaction, of: organizations.Found) -> PriceList:
    """Tell the list as it stands now, under its next revision."""
    revision = await organizations.next_price_revision(transaction.connection, of.id)
    found = await prices.of_organization(transaction.connection, of.id)
    transaction.emit(
        PricesPublished(
            organization_id=of.id,
            pool=of.pool,
            revision=revision,
            prices=tuple(
                ToldPrice(item=each.item, price_fen=each.price_fen, start=each.days.start, end=each.days.end)
                for each in found
            ),
        )
    )
    return transaction.answer(_list(of, revision, found))


def _list(of: organizations.Found, revision: int, found: Sequence[Price]) -> PriceList:
    return PriceList(organization_id=of.id, revision=revision, prices=[_view(each) for each in found])


def _view(price: Price) -> PriceView:
    return PriceView(
        price_id=price.id, item=price.item, price_fen=price.price_fen, start=price.days.start, end=price.days.end
    )
