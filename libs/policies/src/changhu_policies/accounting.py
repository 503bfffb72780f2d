"""Which accounts a fund has, and which of them an event moves: data, read once and checked when read.

A posting rule names one amount and two accounts, so what it books is balanced by its shape.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml

AccountKind = Literal["asset", "liability", "balance", "income", "expense"]


@dataclass(frozen=True, slots=True)
class Account:
    """An account (会计科目) and the side of the fund it belongs to."""

    number: str
    name: str
    kind: AccountKind


@dataclass(frozen=True, slots=True)
class AccountChoice:
    """One account, or one for each value of an event's field."""

    otherwise: str
    field: str | None = None
    accounts: Mapping[str, str] | None = None

    def choose(self, event: Any) -> str:
        """The account's number for this event."""
        if self.field is None or self.accounts is None:
            return self.otherwise
        return self.accounts.get(getattr(event, self.field), self.otherwise)

    def all(self) -> set[str]:
        return {self.otherwise, *(self.accounts or {}).values()}


@dataclass(frozen=True, slots=True)
class PostingRule:
    """What an event books: its amount, on the debit of one account and the credit of another."""

    event_type: str
    title: str
    happened_on: str
    amount: str
    debit: AccountChoice
    credit: AccountChoice


@dataclass(frozen=True, slots=True)
class Chart:
    """The accounts (科目表) and posting rules, with the document they rest on."""

    document: str
    status: str
    reading: str
    accounts: Mapping[str, Account]
    rules: Mapping[str, PostingRule]


@cache
def chart() -> Chart:
    """The chart that every fund uses. ValueError where the data names an account that it does not have."""
    source = resources.files("changhu_policies") / "packs" / "national" / "accounts.yaml"
    data = yaml.safe_load(source.read_text(encoding="utf-8"))
    accounts = {number: Account(number=number, **account) for number, account in data["accounts"].items()}
    rules = {
        event_type: PostingRule(
            event_type=event_type,
            title=rule["title"],
            happened_on=rule["happened_on"],
            amount=rule["amount"],
            debit=_choice(rule["debit"]),
            credit=_choice(rule["credit"]),
        )
        for event_type, rule in data["rules"].items()
    }
    for rule in rules.values():
        unknown = (rule.debit.all() | rule.credit.all()) - accounts.keys()
        if unknown:
            raise ValueError(f"{rule.event_type} books on accounts that do not exist: {sorted(unknown)}")
    return Chart(
        document=data["document"],
        status=data["status"],
        reading=data["reading"],
        accounts=accounts,
        rules=rules,
    )


def _choice(data: str | dict[str, Any]) -> AccountChoice:
    if isinstance(data, str):
        return AccountChoice(otherwise=data)
    return AccountChoice(otherwise=data["otherwise"], field=data["by"], accounts=data["accounts"])
