"""Clearing between counties (分县清算): a county's deficit of the year is its own, the city's total is not touched.

It is covered by the county's accumulated surplus first; what is left is a claim on the county's
treasury, which stands in the county's book as an asset and in the city's own book against it.
Pack parameter: `fund.county_clearing`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from changhu_common.errors import Conflict, FieldError, InvalidInput
from changhu_common.money import yuan

from fund_ledger.domain.journal import Line
from fund_ledger.domain.periods import SURPLUS, BookBalance

# Where a claim on a treasury stands (应收县级财政弥补款): in the county's book, and against it in the pool's own.
CLAIM = "110101"


@dataclass(frozen=True, slots=True)
class CountyClearing:
    """One county's year in fen. The surplus before its result may be negative where claims are still open."""

    county: str
    income_fen: int
    expense_fen: int
    result_fen: int
    surplus_before_fen: int
    from_surplus_fen: int
    claim_fen: int
    surplus_after_fen: int


def cleared(
    *,
    pool: str,
    counties: Iterable[str],
    year: Sequence[BookBalance],
    before: Sequence[BookBalance],
    kinds: Mapping[str, str],
) -> list[CountyClearing]:
    """Each county's clearing: from the year's income and expense and the surplus (credit) before them.

    A surplus that was booked within the year, as an opening balance is, covers its deficit too; the year
    is told without its own year end. Money of the pool itself belongs to no county and covers none.
    """
    income: dict[str, int] = {}
    expense: dict[str, int] = {}
    for each in year:
        side = {"income": income, "expense": expense}.get(kinds[each.account])
        if side is not None:
            side[each.county] = side.get(each.county, 0) + each.fen
    surplus: dict[str, int] = {}
    for each in (*before, *year):
        if each.account == SURPLUS:
            surplus[each.county] = surplus.get(each.county, 0) - each.fen
    told = []
    for county in sorted({*counties, *income, *expense, *surplus} - {pool}):
        income_fen, expense_fen = -income.get(county, 0), expense.get(county, 0)
        result_fen, before_fen = income_fen - expense_fen, surplus.get(county, 0)
        deficit_fen = max(-result_fen, 0)
        from_surplus_fen = min(deficit_fen, max(before_fen, 0))
        claim_fen = deficit_fen - from_surplus_fen
        told.append(
            CountyClearing(
                county=county,
                income_fen=income_fen,
                expense_fen=expense_fen,
                result_fen=result_fen,
                surplus_before_fen=before_fen,
                from_surplus_fen=from_surplus_fen,
                claim_fen=claim_fen,
                surplus_after_fen=before_fen + result_fen + claim_fen,
            )
        )
    return told


def claims(*, pool: str, counties: Sequence[CountyClearing]) -> list[Line]:
    """What the clearing books: every account's total over the pool stays what it was."""
    lines: list[Line] = []
    for each in counties:
        if each.claim_fen:
            lines += [
                Line(account=CLAIM, county=each.county, amount_fen=each.claim_fen),
                Line(account=SURPLUS, county=each.county, amount_fen=-each.claim_fen),
            ]
    if total := sum(each.claim_fen for each in counties):
        lines += [
            Line(account=SURPLUS, county=pool, amount_fen=total),
            Line(account=CLAIM, county=pool, amount_fen=-total),
        ]
    return lines


class ClaimOverpaid(Conflict):
    """A treasury pays no more than what is still claimed of it."""

    code = "clearing.claim_overpaid"
    title = "弥补款超过应收"


class ClaimOneSided(InvalidInput):
    """A claim stands in a county's book only as far as the pool's own stands against it."""

    code = "clearing.claim_one_sided"
    title = "应收弥补款只记了一方"


# A county's book of one scheme; what is cleared belongs to none.
Book = tuple[str, str | None]


def refuse_one_sided(lines: Sequence[Line]) -> None:
    """ClaimOneSided where lines make or end a claim in one book and not in the other: an advance is none."""
    claimed = [(n, line) for n, line in enumerate(lines) if line.account == CLAIM]
    if sum(line.amount_fen for _, line in claimed):
        reason = "县（市、区）与统筹区本级须以相等金额记在相反方向"
        raise ClaimOneSided(
            f"科目 {CLAIM} 只记清算应收的弥补款, {reason}; 预付款请记暂付款科目。",
            errors=[FieldError(f"lines.{n}.account", reason) for n, _ in claimed],
        )


def claims_paid(*, pool: str, lines: Sequence[Line]) -> Mapping[Book, int]:
    """What lines take back of each county's claim (fen)."""
    paid: dict[Book, int] = {}
    for line in lines:
        if line.account == CLAIM and line.county != pool and line.amount_fen < 0:
            book = (line.county, line.scheme)
            paid[book] = paid.get(book, 0) - line.amount_fen
    return paid


def open_claims(*, pool: str, balances: Iterable[BookBalance]) -> Mapping[Book, int]:
    """What counties' treasuries still owe (fen), of whatever year."""
    return {
        (each.county, each.scheme): each.fen
        for each in balances
        if each.account == CLAIM and each.county != pool and each.fen > 0
    }


def overpaid_claims(*, pool: str, balances: Iterable[BookBalance]) -> Mapping[Book, int]:
    """What counties' treasuries paid (fen) beyond what is claimed of them now: a later claim takes it up."""
    return {
        (each.county, each.scheme): -each.fen
        for each in balances
        if each.account == CLAIM and each.county != pool and each.fen < 0
    }


def refuse_overpaid(*, paid: Mapping[Book, int], claimed: Mapping[Book, int]) -> None:
    """ClaimOverpaid where a county's treasury is said to pay more (fen) than it still owes."""
    for (county, scheme), fen in paid.items():
        if fen > (open_fen := claimed.get((county, scheme), 0)):
            raise ClaimOverpaid(
                f"{county} 财政尚应弥补 {yuan(open_fen)} 元, 所记的是 {yuan(fen)} 元; "
                "请核对县（市、区）和金额, 清算应收不分险种。",
                county=county,
                scheme=scheme,
                claimed_fen=open_fen,
            )
