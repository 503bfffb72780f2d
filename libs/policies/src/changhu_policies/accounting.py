"""Which accounts a fund has, and which of them an event moves: data, read once and checked when read.

A posting rule balances for every event that it can get, because each amount stands on both sides
alike; it names accounts that exist and fields that its event has. One that does not is not loaded.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property
from importlib import resources
from typing import Any, Final, Literal, get_args

import yaml
from changhu_common.events import REGISTRY, Event

AccountKind = Literal["asset", "liability", "balance", "income", "expense"]
Side = Literal["debit", "credit"]
Book = Literal["county", "pool"]

# The dimensions that a line may carry beside its account, its pool and its county.
DIMENSIONS: Final = ("county", "scheme", "payer", "organization")

# The amount of a template: the one that whoever uses it gives.
GIVEN: Final = "amount_fen"


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
class RuleLine:
    """One line of what is booked: an amount on the debit (借) or the credit (贷) of an account.

    It stands in the county's book, or in the pool's own.
    """

    side: Side
    account: AccountChoice
    amount: str
    book: Book = "county"

    def signed(self, amount_fen: int) -> int:
        return amount_fen if self.side == "debit" else -amount_fen


@dataclass(frozen=True, slots=True)
class Template:
    """What a person books by hand, one amount on each of its lines (凭证模板)."""

    name: str
    title: str
    lines: tuple[RuleLine, ...]
    clause: str
    status: str


@dataclass(frozen=True)
class PostingRule:
    """What an event books (记账规则). `key` and `happened_on` name its fields, `dimensions` those of each line."""

    event_type: str
    title: str
    key: str
    happened_on: str
    lines: tuple[RuleLine, ...]
    clause: str
    status: str
    dimensions: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def facts(self) -> tuple[str, ...]:
        """The fields of the event that decide what is booked."""
        chosen = (line.account.field for line in self.lines if line.account.field)
        amounts = (line.amount for line in self.lines)
        return tuple(sorted({"pool", self.happened_on, *self.dimensions.values(), *chosen, *amounts}))


@dataclass(frozen=True, slots=True)
class Chart:
    """The accounts (科目表), posting rules and templates, with the document they rest on."""

    document: str
    status: str
    reading: str
    accounts: Mapping[str, Account]
    rules: Mapping[str, PostingRule]
    templates: Mapping[str, Template]


@cache
def chart() -> Chart:
    """The chart that every fund uses."""
    source = resources.files("changhu_policies") / "packs" / "national" / "accounts.yaml"
    return read_chart(yaml.safe_load(source.read_text(encoding="utf-8")))


def read_chart(data: Mapping[str, Any], events: Iterable[type[Event]] = REGISTRY) -> Chart:
    """Read a chart; ValueError with everything that is wrong with its rules."""
    read = Chart(
        document=data["document"],
        status=data["status"],
        reading=data["reading"],
        accounts={number: Account(number=number, **account) for number, account in data["accounts"].items()},
        rules={
            event_type: PostingRule(
                event_type=event_type,
                title=rule["title"],
                key=rule["key"],
                happened_on=rule["happened_on"],
                lines=tuple(map(_line, rule["lines"])),
                clause=rule["clause"],
                status=rule["status"],
                dimensions=rule["dimensions"],
            )
            for event_type, rule in data["rules"].items()
        },
        templates={
            name: Template(
                name=name,
                title=template["title"],
                lines=tuple(map(_line, template["lines"])),
                clause=template["clause"],
                status=template["status"],
            )
            for name, template in data.get("templates", {}).items()
        },
    )
    known = tuple(events)
    faults = [fault for rule in read.rules.values() for fault in _faults(rule, known)]
    for what, lines in (
        *((rule.event_type, rule.lines) for rule in read.rules.values()),
        *((template.name, template.lines) for template in read.templates.values()),
    ):
        faults += [f"{what}: {fault}" for fault in _line_faults(lines, read.accounts)]
    if faults:
        raise ValueError("; ".join(faults))
    return read


def _line(data: Mapping[str, Any]) -> RuleLine:
    side: Side = "debit" if "debit" in data else "credit"
    if ("debit" in data) == ("credit" in data):
        raise ValueError(f"a line is a debit or a credit: {data}")
    account = data[side]
    choice = (
        AccountChoice(otherwise=account)
        if isinstance(account, str)
        else AccountChoice(otherwise=account["otherwise"], field=account["by"], accounts=account["accounts"])
    )
    return RuleLine(side=side, account=choice, amount=data.get("amount", GIVEN), book=data.get("book", "county"))


def _line_faults(lines: Iterable[RuleLine], accounts: Mapping[str, Account]) -> Iterator[str]:
    """What is wrong with lines whatever the amounts are."""
    sides: dict[str, Counter[tuple[str, str]]] = {"debit": Counter(), "credit": Counter()}
    for line in lines:
        sides[line.side][line.book, line.amount] += 1
        if line.book not in get_args(Book):
            yield f"there is no book {line.book}"
        if unknown := sorted(line.account.all() - accounts.keys()):
            yield f"books on accounts that do not exist: {', '.join(unknown)}"
    if not sides["debit"] or sides["debit"] != sides["credit"]:
        yield "does not balance: each amount must stand on both sides of each book equally often"


def _faults(rule: PostingRule, events: Iterable[type[Event]]) -> Iterator[str]:
    """What a rule says of its event that the event, in any of its versions, is not."""
    kinds = [event for event in events if rule.event_type == event.TYPE]
    if not kinds:
        yield f"{rule.event_type}: no event is called so"
    if unknown := sorted(set(rule.dimensions) - set(DIMENSIONS)):
        yield f"{rule.event_type}: no dimension is called {', '.join(unknown)}"
    for event in kinds:
        typed = {name: each.annotation for name, each in event.model_fields.items()}
        if missing := sorted({rule.key, *rule.facts} - typed.keys()):
            yield f"{event.wire_type()} has no field {', '.join(missing)}"
            continue
        for name in sorted({line.amount for line in rule.lines}):
            if typed[name] is not int:
                yield f"{event.wire_type()}: {name} is no whole number of fen"
        if typed[rule.happened_on] is not date:
            yield f"{event.wire_type()}: {rule.happened_on} is no day"
