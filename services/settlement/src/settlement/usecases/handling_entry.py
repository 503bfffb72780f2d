"""A fee is entered for a period that is over, once for an insurer and pool; what was paid wrongly is corrected.

What the agreement pays comes from the pack or from who supplied it; the fee keeps how it was counted and by which
clause. A correction counts the period anew and holds the exact difference to what was paid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any
from uuid import UUID

from changhu_common.database import AskedChange, AuditEntry, Database, Transaction
from changhu_common.errors import NotFound
from changhu_common.ids import named_id, new_id
from changhu_common.periods import day_of
from changhu_common.roles import Caller
from changhu_policies import Pack, Value

from settlement.domain.findings import informs
from settlement.domain.handling_fee import (
    PARAMETERS,
    FeePeriod,
    Method,
    NotCorrectable,
    PeriodTaken,
    Place,
    Terms,
    borne,
    computed,
    difference,
    fee_fen,
    refuse_begins_too_early,
    refuse_nothing_to_pay,
    refuse_period_not_over,
    refuse_rate_changes,
    refuse_too_much,
    refuse_unfit_basis,
    shown,
)
from settlement.storage import accounts, handling_fees
from settlement.storage.tables import SUPPLIED
from settlement.usecases.handling_fees import find, hold
from settlement.usecases.handling_views import HandlingFeeDetail, fee_detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Insurer:
    """A commissioned insurer (商保承办机构), known by its unified social credit code in every pool."""

    code: str
    name: str

    @property
    def organization_id(self) -> UUID:
        return named_id("settlement.insurer", self.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What is said of a fee when it is entered: by which agreement, counted from what, less what.

    `basis` says whose each quantity is: fen for `share`, persons for `per_person`, weights for `fixed`.
    """

    agreement: str
    method: Method
    basis: Sequence[tuple[str | None, str | None, int]]
    basis_name: str | None
    basis_source: str | None
    performance: str | None
    deduction: Fraction
    deduction_written: str | None


class HandlingEntry:
    """Makes fees."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enter(
        self, *, caller: Caller, asked: AskedChange, pool: str, insurer: Insurer, period: FeePeriod, said: Counted
    ) -> HandlingFeeDetail:
        """Enter what an insurer is due for a period that is over (经办服务费录入)."""
        if not caller.scope.covers(pool=pool):
            raise NotFound(f"没有统筹区 {pool}，或不在您的权限范围内。")
        async with self._database.change(asked) as transaction:
            refuse_period_not_over(period, today=day_of(transaction.now))
            account_id = named_id("settlement.handling-fees", pool, insurer.organization_id)
            await accounts.hold(transaction.connection, [account_id])
            known = await handling_fees.standing(transaction.connection, account_id=account_id, days=period.days)
            if known is not None:
                raise PeriodTaken(
                    f"该承办机构{known.period}已有经办服务费；请办理该笔费用，已拨付的请录入更正。",
                    fee_id=str(known.id),
                )
            head = {
                "pool": pool,
                "organization_id": insurer.organization_id,
                "account_id": account_id,
                "insurer_code": insurer.code,
                "insurer_name": insurer.name,
                "corrects_id": None,
                "correction_reason": None,
            }
            return transaction.answer(await _write(transaction, caller, head, period, said, before={}))

    async def correct(
        self, *, caller: Caller, asked: AskedChange, fee_id: UUID, reason: str, said: Counted
    ) -> HandlingFeeDetail:
        """Enter what a paid fee should have been (经办服务费更正): the difference goes through every step."""
        async with self._database.change(asked) as transaction:
            wrong = await hold(transaction, caller, fee_id)
            if wrong.status == "returned":
                raise NotCorrectable(
                    "这笔费用已退汇，请重新录入该期间；退汇的是更正时，请对原费用再作更正。", current=wrong.status
                )
            if wrong.status != "paid":
                raise NotCorrectable("这笔费用尚未拨付；请退回后重新录入。", current=wrong.status)
            if later := await handling_fees.correction_of(transaction.connection, fee_id):
                raise NotCorrectable("这笔费用已有更正；请办理该更正，已拨付的请对该更正再作更正。", fee_id=str(later))
            copied = ("pool", "organization_id", "account_id", "insurer_code", "insurer_name")
            head = {name: getattr(wrong, name) for name in copied}
            head |= {"corrects_id": fee_id, "correction_reason": reason}
            bears = await handling_fees.parts(transaction.connection, fee_id)
            before = {Place(each.county, each.scheme): each.due_fen for each in bears}
            period = FeePeriod.parse(wrong.period)
            return transaction.answer(await _write(transaction, caller, head, period, said, before=before))


def _terms(pack: Pack, period: FeePeriod, said: Counted) -> tuple[Value, Terms]:
    """What the agreement pays for the period, and what of; refused where either cannot be told."""
    places = [Place(county or pack.pool, scheme or "") for county, scheme, _ in said.basis]
    basis = {place: quantity for place, (_, _, quantity) in zip(places, said.basis, strict=True)}
    counties = {pack.pool, *pack.counties}
    refuse_unfit_basis(method=said.method, basis=places, whole=sum(basis.values()), counties=counties)
    value = pack.value(PARAMETERS[said.method], on=period.last.last)
    refuse_rate_changes(value, period, in_force=pack.start)
    refuse_begins_too_early(said.method, period, in_force=pack.start)
    return value, Terms(
        method=said.method,
        rate=Fraction(value.value),
        months=period.months,
        basis=basis or {Place(pack.pool): 1},
        deduction=said.deduction,
    )


async def _write(
    transaction: Transaction,
    caller: Caller,
    head: Mapping[str, Any],
    period: FeePeriod,
    said: Counted,
    *,
    before: Mapping[Place, int],
) -> HandlingFeeDetail:
    """Count a fee and keep it, with what is left of it after what was paid `before` (fen by place)."""
    connection = transaction.connection
    pack = await SUPPLIED.pack(connection, head["pool"])
    value, terms = _terms(pack, period, said)
    total_fen = fee_fen(terms)
    refuse_too_much(total_fen)
    due = borne(total_fen=total_fen, basis=terms.basis)
    moved = difference(now=due, before=before)
    refuse_nothing_to_pay(moved, corrects=head["corrects_id"] is not None)
    fee = {
        "id": new_id(),
        **head,
        **_told(period, said, value=value, terms=terms, total_fen=total_fen),
        "due_fen": total_fen,
        "fund_fen": sum(moved.values()),
        "pack_version": pack.version,
        "status": "entered",
        "entered_by": caller.subject,
        "entered_at": transaction.now,
    }
    bears = [
        {
            "fee_id": fee["id"],
            "county": place.county,
            "scheme": place.scheme,
            "basis": terms.basis.get(place) if said.basis else None,
            "due_fen": due.get(place, 0),
            "fund_fen": moved.get(place, 0),
        }
        for place in sorted({*due, *before})
    ]
    await handling_fees.add(connection, fee=fee, parts=bears)
    kept = {name: fee[name] for name in ("organization_id", "period", "due_fen", "fund_fen", "corrects_id")}
    transaction.record(AuditEntry("enter", "handling_fee", fee["id"], after=kept))
    written = await find(connection, caller, fee["id"])
    return fee_detail(written, await handling_fees.parts(connection, fee["id"]), None)


def _told(period: FeePeriod, said: Counted, *, value: Value, terms: Terms, total_fen: int) -> dict[str, Any]:
    """What a fee says of itself for good: for which days, by which agreement and clause, and how it was counted."""
    rate = str(value.written)
    return {
        "agreement": said.agreement,
        "period": period.text,
        "start": period.days.start,
        "end": period.days.end,
        "method": said.method,
        "rate": rate,
        "basis_name": said.basis_name,
        "basis_source": said.basis_source,
        "performance": said.performance,
        "deduction": said.deduction_written,
        "computation": computed(terms=terms, rate=rate, deduction=said.deduction_written, total_fen=total_fen),
        "finding": asdict(informs(value, "handling_fee_rate", shown(said.method, value))),
    }
