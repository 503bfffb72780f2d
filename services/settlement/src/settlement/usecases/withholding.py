"""A transfer leaves its deposit in the fund, and a transfer that came back gives it back with it.

Both happen in the transaction that pays or returns, under the organisation's lock. What was drawn of a
deposit that went back is owed, and is offset as soon as something stands to take it off.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any
from uuid import UUID

from changhu_common.database import Transaction
from changhu_common.events.settlement import DepositReturned, DepositWithheld
from changhu_common.ids import named_id, new_id
from changhu_policies import Pack, Value
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.domain.deposit import Deposit, offsets, refuse_release_unpaid, withheld
from settlement.domain.differences import NOT_INSURED
from settlement.domain.findings import informs
from settlement.storage import deposits, statements
from settlement.storage.statements import Found
from settlement.storage.tables import SUPPLIED


@dataclass(frozen=True, slots=True)
class Withheld:
    """What a transfer leaves in the fund: fen of each part of its statements, and the ratio that says so."""

    pack: Pack
    ratio: Value
    of_parts: Sequence[tuple[Found, int]]

    @property
    def amount_fen(self) -> int:
        return sum(fen for _, fen in self.of_parts)


async def reckon(connection: AsyncConnection, paid: Sequence[Found], *, paid_on: date) -> Withheld:
    """What a transfer that settles these statements leaves, as the ratio of its day says."""
    pack = await SUPPLIED.pack(connection, paid[0].pool)
    ratio = pack.value("settlement.deposit_ratio", on=paid_on)
    parts = await statements.parts(connection, [each.id for each in paid])
    amounts = withheld([int(each.fund_fen) for each in parts], ratio=ratio.value)
    return Withheld(pack, ratio, list(zip(parts, amounts, strict=True)))


async def withhold(
    transaction: Transaction, head: Found, kept: Withheld, *, transfer_id: UUID, paid_on: date, bank_reference: str
) -> None:
    """Keep the deposit of a transfer to an organisation, as it was reckoned, and tell it."""
    finding = asdict(informs(kept.ratio, "deposit_withheld", f"按{kept.ratio.written}扣留质量保证金"))
    basis = {"year": paid_on.year, "finding": finding, "pack_version": kept.pack.version}
    rows = []
    for part, fen in kept.of_parts:
        if fen:
            deposit_id = new_id()
            said = {
                "statement_id": part.statement_id,
                "organization_id": head.organization_id,
                "pool": head.pool,
                "county": part.county,
                "category": part.category or NOT_INSURED,
                "kind": part.kind,
                "amount_fen": fen,
                "withheld_on": paid_on,
            }
            told = DepositWithheld(deposit_id=deposit_id, **said, bank_reference=bank_reference)
            transaction.emit(told, event_id=named_id("settlement.deposit-withheld", deposit_id))
            rows.append({"id": deposit_id, **said, **basis, "recorded_at": transaction.now})
    await deposits.add(transaction.connection, rows)
    await offset(transaction, head.organization_id, cause_id=transfer_id)


async def give_back(
    transaction: Transaction, head: Found, kept: Sequence[Deposit], *, returned_on: date, bank_reference: str
) -> None:
    """Undo what was withheld of a transfer that came back, whatever was drawn of it since: what came back is a fact."""
    refuse_release_unpaid(await deposits.release_unpaid(transaction.connection, [each.id for each in kept]))
    draws = [(each, each.amount_fen) for each in kept]
    cause: dict[str, Any] = {"cause": "return", "cause_id": head.transfer_id, "at": transaction.now}
    await deposits.draw(transaction.connection, draws, **cause)
    for each in kept:
        told = DepositReturned(
            deposit_id=each.id,
            organization_id=head.organization_id,
            pool=head.pool,
            county=each.county,
            category=each.category,
            kind=each.kind,
            amount_fen=each.amount_fen,
            returned_on=returned_on,
            bank_reference=bank_reference,
        )
        transaction.emit(told, event_id=named_id("settlement.deposit-returned", each.id))
    await offset(transaction, head.organization_id, cause_id=head.transfer_id)


async def offset(transaction: Transaction, organization_id: UUID, *, cause_id: UUID) -> None:
    """Take what an organisation owes off what stands of it; nothing is told, because the books stay as they are."""
    draws = offsets(await deposits.unequal(transaction.connection, organization_id))
    await deposits.draw(transaction.connection, draws, cause="offset", cause_id=cause_id, at=transaction.now)
