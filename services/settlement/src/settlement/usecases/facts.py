"""Facts come in batches, in any order, late and twice; each is kept, and what it touches is counted again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from changhu_common.database import Transaction
from changhu_common.errors import FieldError, InvalidInput
from changhu_common.events import Envelope, Event
from changhu_common.events.assessment import AssessmentFee, Conclusion
from changhu_common.events.budget import BudgetAnswer
from changhu_common.events.care import Service
from changhu_common.events.enrollment import HospitalStay, Merge, OtherBenefit, PersonState
from changhu_common.events.policy import PolicyValueApproved
from changhu_common.events.provider import AgreementState, PricesPublished
from changhu_common.periods import day_of
from sqlalchemy import Row

from settlement.domain.decision import period_of
from settlement.storage import accounts, budget, projections
from settlement.storage.facts import Window
from settlement.storage.tables import MERGED, SUPPLIED
from settlement.usecases.recounting import RECOUNT_PERSONS_MAX, packs_of, recount

OF_A_PERSON = (PersonState, HospitalStay, OtherBenefit, Conclusion, AssessmentFee)
OF_AN_ORGANISATION = (AgreementState, PricesPublished)


async def apply(transaction: Transaction, envelopes: Sequence[Envelope]) -> None:
    """Keep a batch of facts and count again what they touch, in a few statements however many they are."""
    connection = transaction.connection
    events: list[Event] = [envelope.event for envelope in envelopes]
    _refuse_nonsense(events)
    values = [event for event in events if isinstance(event, PolicyValueApproved)]
    merges = [event for event in events if isinstance(event, Merge)]
    services = [event for event in events if isinstance(event, Service)]
    about = {event.person_id for event in events if isinstance(event, OF_A_PERSON)}
    changed = {event.organization_id for event in events if isinstance(event, OF_AN_ORGANISATION)}

    # Whoever brings a first service waits for who changes a price or a value, and is not overlooked by them.
    pools = {value.pool for value in values} | {service.pool for service in services}
    shared = [accounts.MERGES, *map(accounts.account_of_pool, pools)]
    await accounts.hold(connection, shared, shared=not values and not merges)
    await accounts.hold(connection, changed | {each.organization_id for each in services}, shared=not changed)
    await SUPPLIED.keep(transaction, values)
    served = await _served(transaction, sorted(changed), sorted({value.pool for value in values}))
    handed = await MERGED.keep(connection, merges)
    about |= {person for each in handed for person in (each.before, each.now)}
    told_of = {each.person_id for each in services} | about
    survivors = await MERGED.survivors(connection, told_of)
    held = told_of | set(survivors.values()) | served
    await accounts.hold(connection, held)
    await projections.rehome(connection, handed)

    await budget.keep(connection, [event for event in events if isinstance(event, BudgetAnswer)])
    moved = await projections.keep(connection, events, survivors)
    # A pack that cannot be read fails here, with the value that spoils it, and not at everybody's next visit.
    packs = await packs_of(connection, pools)
    windows = [Window(survivors.get(each, each)) for each in about | served]
    windows += [Window(each.before) for each in handed]
    for row in moved:
        for person_id, pool, started_at in _places(row):
            # Of two pools of one visit the other one's pack is not in hand: then the person is counted whole.
            days = period_of(packs[pool], day_of(started_at)) if pool in packs else None
            windows.append(Window(person_id, pool, days, _since(row)) if days else Window(person_id))
    await recount(connection, [window for window in windows if window.person_id in held])
    await accounts.ask_recount(connection, {window.person_id for window in windows} - held)


def _refuse_nonsense(events: Sequence[Event]) -> None:
    """Care is given once or more, costs nothing or something, and a fee is shared; what says otherwise is parked."""
    for event in events:
        if isinstance(event, Service) and any(did.quantity < 1 for did in event.items):
            raise InvalidInput("服务数量须为正整数。", errors=[FieldError("items", "数量小于1")])
        if isinstance(event, PricesPublished) and any(price.price_fen < 0 for price in event.prices):
            raise InvalidInput("价格不能为负。", errors=[FieldError("prices", "价格小于0")])
        if isinstance(event, AssessmentFee) and not _is_shared(event):
            reason = "两部分都不能为负, 合计须等于评估费"
            raise InvalidInput(
                f"评估费须由基金和个人分担: {reason}; 请更正后重新上报。", errors=[FieldError("fund_fen", reason)]
            )


def _is_shared(fee: AssessmentFee) -> bool:
    return min(fee.fund_fen, fee.person_fen) >= 0 and fee.fund_fen + fee.person_fen == fee.fee_fen


async def _served(transaction: Transaction, organisations: list[UUID], pools: list[str]) -> set[UUID]:
    """Whom a change of prices, agreements or values touches; too many of them go into the queue."""
    if not organisations and not pools:
        return set()
    found = await accounts.persons_served(
        transaction.connection, organisations=organisations, pools=pools, persons_max=RECOUNT_PERSONS_MAX + 1
    )
    if len(found) <= RECOUNT_PERSONS_MAX:
        return set(found)
    await accounts.ask_recount_of_served(transaction.connection, organisations=organisations, pools=pools)
    return set()


def _since(row: Row[*tuple[Any, ...]]) -> datetime | None:
    """A new visit changes what comes after it; a corrected one perhaps what came before."""
    return row.started_at if row.old_person_id is None and not row.void else None


def _places(row: Row[*tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Where a visit stands now and, if it was known, where it stood before."""
    now = (row.person_id, row.pool, row.started_at)
    before = (row.old_person_id, row.old_pool, row.old_started_at)
    return [now] if before in (now, (None, None, None)) else [now, before]
