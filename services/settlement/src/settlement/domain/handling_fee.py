"""A commissioned insurer's fee (经办服务费) is what its agreement says for a period, less what its performance costs.

It is a share of some money of the fund, an amount for each person served, or a fixed amount; the period's amount is
rounded once. Counties and schemes bear the rounded amount by what each has of the basis, so their parts always add
up to it. What was paid is never edited: a correction holds the exact difference.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final, Literal

from changhu_common.errors import Conflict, FieldError, InvalidInput, Refusal
from changhu_common.money import round_half_up, yuan
from changhu_common.periods import DateRange, Month
from changhu_policies import Value

Method = Literal["share", "per_person", "fixed"]

# The parameter that says how much, and what the amount is counted from.
PARAMETERS: Final[dict[Method, str]] = {
    "share": "handling.fee_share",
    "per_person": "handling.fee_per_person_fen",
    "fixed": "handling.fee_fixed_fen",
}
MONTHS_OF_A_YEAR: Final = 12
QUARTER_MONTHS: Final = 3
YEAR_MAX: Final = 9998  # the calendar ends with 9999, and a period is told with the day after it
FEE_FEN_MAX: Final = 10**13  # a hundred billion yuan: more than any pool's fund takes in, and far below a BIGINT
PERIOD: Final = re.compile(r"(?P<year>[0-9]{4})(?:-(?:Q(?P<quarter>[1-4])|(?P<month>[0-9]{2})))?", re.ASCII)


class PeriodNotOver(Refusal):
    """Basis and performance of a period are known when its last day is over."""

    code = "handling_fee.period_not_over"
    title = "费用期间尚未结束"


class PeriodTaken(Conflict):
    """The insurer has a fee for these days in this pool already, apart from rejected ones."""

    code = "handling_fee.period_taken"
    title = "该期间已有经办服务费"


class RateChanges(Refusal):
    """What the agreement pays begins within the period, so the period has no one rate."""

    code = "handling_fee.rate_changes"
    title = "费用标准在期间内变化"


class BeginsTooEarly(Refusal):
    """What is due by the year is due for whole months, and the period has days before the insurance was in force."""

    code = "handling_fee.begins_too_early"
    title = "费用期间早于制度实施日"


class TooMuch(Refusal):
    """The fee comes to more than any pool's fund has: a quantity or the rate was given in another unit."""

    code = "handling_fee.too_much"
    title = "经办服务费金额过大"


class NothingToPay(Refusal):
    """The fee comes to nothing, or a correction to what was paid."""

    code = "handling_fee.empty"
    title = "没有应付的经办服务费"


class Corrected(Conflict):
    """A correction holds the difference to this fee, so the fee cannot be undone by itself."""

    code = "handling_fee.corrected"
    title = "这笔经办服务费已有更正"


class NotCorrectable(Conflict):
    """Only the last paid fee of a period is corrected, by one correction at a time."""

    code = "handling_fee.not_correctable"
    title = "这笔经办服务费不能更正"


@dataclass(frozen=True, slots=True)
class FeePeriod:
    """A year, a quarter or a month for which a fee is due, written 2026, 2026-Q3 or 2026-07."""

    text: str
    first: Month
    months: int

    @classmethod
    def parse(cls, text: str) -> "FeePeriod":
        """Read a period; anything else is a ValueError."""
        said = PERIOD.fullmatch(text)
        if said is None:
            raise ValueError(f"not a period written as 2026, 2026-Q3 or 2026-07: {text!r}")
        year, quarter, month = int(said["year"]), said["quarter"], said["month"]
        if year > YEAR_MAX:
            raise ValueError(f"a period's year is at most {YEAR_MAX}: {text!r}")
        if quarter:
            return cls(text, Month(year, (int(quarter) - 1) * QUARTER_MONTHS + 1), QUARTER_MONTHS)
        return cls(text, Month(year, int(month or 1)), 1 if month else MONTHS_OF_A_YEAR)

    @property
    def last(self) -> Month:
        return self.first.plus(self.months - 1)

    @property
    def days(self) -> DateRange:
        return DateRange(self.first.first, self.last.last)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Whose money bears a part: a county (the pool's own code where none does) and a scheme ("" where none)."""

    county: str
    scheme: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a fee is counted from: fen of the base for `share`, persons for `per_person`, weights for `fixed`.

    `deduction` is the part of the fee that the performance review (绩效考核) takes off.
    """

    method: Method
    rate: Fraction
    months: int
    basis: Mapping[Place, int]
    deduction: Fraction


def fee_fen(terms: Terms) -> int:
    """What a period comes to (fen), rounded half up once; amounts of an agreement are a year's."""
    whole = sum(terms.basis.values())
    of_year = Fraction(terms.months, MONTHS_OF_A_YEAR)
    due = {"share": terms.rate * whole, "per_person": terms.rate * whole * of_year, "fixed": terms.rate * of_year}
    return round_half_up(due[terms.method] * (1 - terms.deduction))


def borne(*, total_fen: int, basis: Mapping[Place, int]) -> dict[Place, int]:
    """Who bears how much of a total (fen), each within a fen of its exact share: the parts add up to it."""
    whole, upto, given = sum(basis.values()), 0, 0
    parts = {}
    for place in sorted(basis):
        upto += basis[place]
        now = round_half_up(Fraction(total_fen * upto, whole))
        parts[place], given = now - given, now
    return parts


def difference(*, now: Mapping[Place, int], before: Mapping[Place, int]) -> dict[Place, int]:
    """What each place still has to bear (fen), or is given back; a place that is right already is left out."""
    changed = {place: now.get(place, 0) - before.get(place, 0) for place in {*now, *before}}
    return {place: fen for place, fen in sorted(changed.items()) if fen}


def shown(method: Method, value: Value) -> str:
    """What the agreement pays, for a clerk to read."""
    return f"{value.title} {value.written if method == 'share' else f'{yuan(value.value)} 元'}"


def computed(*, terms: Terms, rate: str, deduction: str | None, total_fen: int) -> str:
    """How the amount was counted, for a clerk to read; a ratio stands as it was written."""
    whole = sum(terms.basis.values())
    year = f" × {terms.months}/{MONTHS_OF_A_YEAR}" if terms.months < MONTHS_OF_A_YEAR else ""
    how = {
        "share": f"基数 {yuan(whole)} 元 × {rate}",
        "per_person": f"服务人数 {whole:,} × 每人每年 {yuan(int(terms.rate))} 元{year}",
        "fixed": f"年定额 {yuan(int(terms.rate))} 元{year}",
    }[terms.method]
    less = f" × (1 − 绩效扣减 {deduction})" if deduction else ""
    return f"{how}{less} = {yuan(total_fen)} 元"


def refuse_unfit_basis(*, method: Method, basis: Sequence[Place], whole: int, counties: Iterable[str]) -> None:
    """InvalidInput where a basis names a place twice or one that is not there, or says nothing."""
    errors = []
    known = set(counties)
    for number, place in enumerate(basis):
        if place.county not in known:
            errors.append(FieldError(f"basis.{number}.county", "不是该统筹区的县（市、区）；由全市承担的请不填"))
        if place in basis[:number]:
            errors.append(FieldError(f"basis.{number}", "同一县（市、区）和险种人群只能填一行，请合并"))
    if whole == 0 and (basis or method != "fixed"):
        errors.append(FieldError("basis", "合计须大于0"))
    if errors:
        raise InvalidInput("计费基数有误，请更正后重新提交。", errors=errors)


def refuse_period_not_over(period: FeePeriod, *, today: date) -> None:
    if today <= period.last.last:
        raise PeriodNotOver(f"{period.text}尚未结束，请在{period.last.plus(1).first}之后录入；基数和绩效届时才能确定。")


def refuse_rate_changes(value: Value, period: FeePeriod, *, in_force: date) -> None:
    """RateChanges where the rate of the period's last day does not hold from its first day in force on."""
    if value.start > max(period.first.first, in_force):
        what_to_do = "请按季度或月份分期录入" if period.months > 1 else "该月按协议约定的金额由会计记账"
        raise RateChanges(
            f"{value.title}自{value.start}起才是现行标准，不适用于{period.text}的全部日子；{what_to_do}。",
            parameter=value.parameter,
            since=value.start.isoformat(),
        )


def refuse_begins_too_early(method: Method, period: FeePeriod, *, in_force: date) -> None:
    """BeginsTooEarly where a part of a year's amount would be due for days before the pool's first (`in_force`).

    A share needs no such days: its base is what the fund had in the period.
    """
    if method == "share" or period.first.first >= in_force:
        return
    whole = Month.of(in_force) if in_force.day == 1 else Month.of(in_force).plus(1)
    raise BeginsTooEarly(
        f"该统筹区自{in_force}起实施，{period.text}有更早的日子，按年计的标准不能折算；"
        f"请从{whole}起按季度或月份录入，此前不足整月的部分按协议约定的金额由会计记账。",
        in_force=in_force.isoformat(),
        first=str(whole),
    )


def refuse_too_much(total_fen: int) -> None:
    if total_fen > FEE_FEN_MAX:
        raise TooMuch(
            f"按所填基数计算，本期费用为{yuan(total_fen)}元，超过上限{yuan(FEE_FEN_MAX)}元；"
            "请核对基数和费用标准的单位：金额以分计，人数以人计。",
            limit_fen=FEE_FEN_MAX,
        )


def refuse_nothing_to_pay(moved: Mapping[Place, int], *, corrects: bool) -> None:
    if not moved:
        raise NothingToPay(
            "更正后的金额与已付的一致，无需更正。" if corrects else "按所填基数和扣减计算，本期费用为0元，无需支付。"
        )
