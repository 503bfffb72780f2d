"""A bank account (银行账户) stands for one account of the books, for the whole pool or for one county's money.

Which of the books' entries its lines may be follows from that alone.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from changhu_common.errors import Conflict, FieldError, InvalidInput, PostsNotSeparated
from changhu_common.money import yuan

from fund_ledger.domain.statement_rows import plain_number
from fund_ledger.domain.statements import KnownStatement

# Letters too: not every number is a domestic one (ISO 13616 has 34 places).
_NUMBER = re.compile(r"[0-9A-Z]{6,34}")


class BankAccountKnown(Conflict):
    """A bank account with this number is registered."""

    code = "bank_account.known"
    title = "账户已登记"


class PlaceDivided(Conflict):
    """A ledger account is stood for by the pool's bank accounts or by counties' own, never by both."""

    code = "bank_account.place_divided"
    title = "科目已按另一种口径登记账户"


class StartsInClosedPeriod(Conflict):
    """What is closed is not compared any more."""

    code = "bank_account.period_closed"
    title = "起始日所属期间已结账"


class AccountClosed(Conflict):
    """The day on which an account was closed is said once."""

    code = "bank_account.closed"
    title = "账户已销户"


class AccountNotClosed(Conflict):
    """Only an account that was closed is opened again."""

    code = "bank_account.not_closed"
    title = "账户没有销户"


class AccountNotSettled(Conflict):
    """An account ends where its bank says that nothing is left in it; until then it is compared."""

    code = "bank_account.not_settled"
    title = "账户尚未结清"


class EndsInClosedPeriod(Conflict):
    """What a closed month was compared with stays as it was."""

    code = "bank_account.end_period_closed"
    title = "销户日期所属期间已结账"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a pool's money lies: an account of the books, of one county or (None) of all."""

    pool: str
    account: str
    county: str | None = None


def checked_number(*, number: str, place: Place, bank_accounts: Collection[str], counties: Collection[str]) -> str:
    """The number as it is kept; InvalidInput with everything that is wrong with a registration."""
    plain = plain_number(number)
    errors = []
    if not _NUMBER.fullmatch(plain):
        errors.append(FieldError("number", "账号应为 6 至 34 位数字或字母"))
    if place.account not in bank_accounts:
        errors.append(FieldError("account", f"只有科目 {'、'.join(bank_accounts)} 可以对应银行账户"))
    if place.county is not None and place.county not in counties:
        errors.append(FieldError("county", f"没有县（市、区） {place.county}"))
    if errors:
        raise InvalidInput("登记的账户不符合要求, 请按 errors 中的字段逐项改正。", errors=errors)
    return plain


def refuse_divided(*, place: Place, known: Iterable[Place]) -> None:
    """PlaceDivided where the same money would lie in two places."""
    if any((each.county is None) != (place.county is None) for each in known):
        raise PlaceDivided(
            f"科目 {place.account} 的账户{'按县登记' if place.county is None else '按整个统筹区登记'}, "
            "不能混用; 请统一口径后再登记。"
        )


def refuse_closed_start(*, since: date, open_from: date | None) -> None:
    """StartsInClosedPeriod where the first day to compare lies in a closed month."""
    if open_from is not None and since < open_from:
        raise StartsInClosedPeriod(
            f"{since:%Y-%m} 已结账; 起始日应为 {open_from} 或以后, 此前的未达账项可以手工勾对。",
            open_from=str(open_from),
        )


def refuse_closing(*, until: date, closed_on: date | None, open_from: date, last: KnownStatement | None) -> None:
    """Refuse an end that its last statement does not bear out: nobody is to stop the comparison by a word."""
    if closed_on is not None:
        raise AccountClosed(f"账户已于 {closed_on} 销户, 销户日期不能更改; 请刷新账户列表。")
    if until < open_from:
        raise EndsInClosedPeriod(
            f"{until:%Y-%m} 已结账; 销户日期应为 {open_from} 或以后, 请先导入到该日的对账单。", open_from=str(open_from)
        )
    if last is None or until > last.until:
        raise AccountNotSettled(f"对账单没有到 {until}; 请先导入到销户日期为止的对账单。")
    if until < last.until:
        reason = f"已有到 {last.until} 为止的对账单"
        raise InvalidInput(f"{reason}, 销户日期不能更早。", errors=[FieldError("until", reason)])
    if last.closing_fen:
        raise AccountNotSettled(
            f"对账单 {until} 的期末余额为 {yuan(last.closing_fen)} 元; 请在余额转出后, 导入到转出日的对账单再销户。"
        )


def refuse_reopening(*, until: date | None, closed_by: str | None, by: str, open_from: date) -> None:
    """Refuse to take a closing back where there is none, where its month is closed, and to who closed the account."""
    if until is None:
        raise AccountNotClosed("账户没有销户, 不需要撤销; 请刷新账户列表。")
    if until < open_from:
        raise EndsInClosedPeriod(f"{until:%Y-%m} 已结账, 销户不能撤销; 确需更正请先反结账。", open_from=str(open_from))
    if closed_by == by:
        raise PostsNotSeparated("登记销户的人不能自己撤销, 请由另一名会计办理。")
