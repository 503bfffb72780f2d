"""What a person paid of his own leaves the fund once: along with him to another pool, or back to him."""

from dataclasses import dataclass
from uuid import UUID

from changhu_policies import Value
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.account import refundable_fen
from enrollment.domain.transfer_money import (
    OWN_PAYERS,
    amount_to_send,
    left_to_refund,
    paid_for_himself,
    still_away,
)
from enrollment.storage import accounts, transfer_money


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMoney:
    """What a person paid of his own over all periods, in fen: what was due, and what was paid too much."""

    due_fen: int
    surplus_fen: int


async def own_money(connection: AsyncConnection, person_id: UUID) -> OwnMoney:
    """What somebody whose row is held paid himself and was not paid back."""
    found = []
    surplus_fen = 0
    for account in await accounts.of_person(connection, person_id):
        totals = await accounts.totals(connection, account.run_id)
        for cell in account.cells:
            if cell.key.payer in OWN_PAYERS:
                total = totals[cell.key]
                found.append((cell, total.outstanding_fen <= 0))
                surplus_fen += refundable_fen(own=cell, total=total)
    return OwnMoney(due_fen=paid_for_himself(found), surplus_fen=surplus_fen)


async def sent_fen(connection: AsyncConnection, person_id: UUID, *, besides: UUID | None) -> int:
    """What is away of all that was ever decided for a person, waiting sums too, `besides` one sum."""
    sums = await transfer_money.of_person(connection, person_id)
    return still_away((each.direction, each.amount_fen) for each in sums if each.id != besides)


async def still_to_refund_fen(connection: AsyncConnection, person_id: UUID) -> int | None:
    """What of his own a held person paid too much and did not take along; None where nothing of his own went."""
    sums = [
        (each.direction, each.amount_fen)
        for each in await transfer_money.of_person(connection, person_id)
        if each.settled_by is not None and each.rule in (None, "own_payments")
    ]
    away_fen = still_away(sums)
    if not away_fen:
        return None
    own = await own_money(connection, person_id)
    return left_to_refund(surplus_fen=own.surplus_fen, due_fen=own.due_fen, away_fen=away_fen)


async def what_goes_along(
    connection: AsyncConnection, rule: Value, person_id: UUID, said_fen: int | None, *, besides: UUID | None = None
) -> int:
    """What the rule comes to for a person whose row is held, less all that is away `besides` one sum."""
    computed_fen = away_fen = 0
    if rule.value == "own_payments":
        computed_fen = (await own_money(connection, person_id)).due_fen
        away_fen = await sent_fen(connection, person_id, besides=besides)
    return amount_to_send(rule=rule, said_fen=said_fen, computed_fen=computed_fen, sent_fen=away_fen)
