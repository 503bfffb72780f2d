"""How the books are compared with banks and the tax bureau: data, read once and checked when read.

A matching rule says what must agree before a bank's line and an entry are taken for the same money.
One that names what neither side has, or that could never tell two things apart, is not loaded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from changhu_common.events import REGISTRY

from changhu_policies.accounting import Chart, chart
from changhu_policies.national import NATIONAL
from changhu_policies.vocabulary import PAYERS
from changhu_policies.yamls import read_yaml

# What several lines of a bank, or several entries of the books, may have in common.
OF_LINES: Final = ("day", "reference", "end_to_end_id")
OF_ENTRIES: Final = ("day", "reference", "correction", "organization", "county", "scheme", "source", "payer")

REFERENCES: Final = ("reference", "end_to_end_id")


@dataclass(frozen=True, slots=True)
class MatchingRule:
    """When a bank's lines and entries are the same money (勾对规则).

    `lines` and `entries` make several of one side one where they have these in common; empty, each
    stands for itself. `reference` names the line's field that must be the entry's reference;
    `working_days` is how far the days may lie apart, None where they do not count. `one_sided`: the
    side that is grouped comes to zero by itself, and nothing stands against it.
    """

    name: str
    title: str
    reference: str | None = None
    working_days: int | None = None
    lines: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()
    one_sided: bool = False


@dataclass(frozen=True, slots=True)
class ReconciliationRules:
    """Everything that a comparison (对账) rests on, with the document that it is read from.

    `references` names, by type of event, the field under which its money moves at the bank.
    """

    document: str
    status: str
    reading: str
    bank_accounts: tuple[str, ...]
    references: Mapping[str, str]
    matching: tuple[MatchingRule, ...]
    tax_sources: tuple[str, ...]
    tax_payers: tuple[str, ...]


@cache
def reconciliation_rules() -> ReconciliationRules:
    """The rules that every fund uses."""
    return read_reconciliation(read_yaml(NATIONAL / "reconciliation.yaml"), chart())


def read_reconciliation(data: Mapping[str, Any], accounts: Chart) -> ReconciliationRules:
    """Read the rules; ValueError with everything that is wrong with them."""
    read = ReconciliationRules(
        document=data["document"],
        status=data["status"],
        reading=data["reading"],
        bank_accounts=tuple(data["bank_accounts"]),
        references=data["references"],
        matching=tuple(_rule(each) for each in data["matching"]),
        tax_sources=tuple(data["tax_bureau"]["sources"]),
        tax_payers=tuple(data["tax_bureau"]["payers"]),
    )
    if faults := list(_faults(read, accounts)):
        raise ValueError("; ".join(faults))
    return read


def _rule(data: Mapping[str, Any]) -> MatchingRule:
    said = dict(data)
    against = said.pop("against", None)
    if against not in (None, "nothing"):
        raise ValueError(f"{said.get('name')}: a rule stands against nothing, or does not say")
    lines, entries = (tuple(said.pop(side, ())) for side in ("lines", "entries"))
    return MatchingRule(**said, lines=lines, entries=entries, one_sided=against is not None)


def _faults(rules: ReconciliationRules, accounts: Chart) -> Iterator[str]:
    for number in rules.bank_accounts:
        if number not in accounts.accounts or accounts.accounts[number].kind != "asset":
            yield f"{number} is no account that money lies in"
    for source, field in rules.references.items():
        kinds = [event for event in REGISTRY if source == event.TYPE]
        if source not in accounts.rules or any(field not in event.model_fields for event in kinds):
            yield f"{source}: no event that is booked has {field}"
    for source in rules.tax_sources:
        if source not in accounts.rules:
            yield f"no event that is booked is called {source}"
    for payer in rules.tax_payers:
        if payer not in PAYERS:
            yield f"no payer is called {payer}"
    names = [rule.name for rule in rules.matching]
    if len(set(names)) < len(names):
        yield "two matching rules have one name"
    for rule in rules.matching:
        yield from (f"{rule.name}: {fault}" for fault in _rule_faults(rule))


def _rule_faults(rule: MatchingRule) -> Iterator[str]:
    if unknown := sorted({*rule.lines} - {*OF_LINES}):
        yield f"lines have no {', '.join(unknown)} in common"
    if unknown := sorted({*rule.entries} - {*OF_ENTRIES}):
        yield f"entries have no {', '.join(unknown)} in common"
    if rule.reference is not None and rule.reference not in REFERENCES:
        yield f"a line has no reference called {rule.reference}"
    if rule.working_days is not None and rule.working_days < 0:
        yield "days do not lie apart by less than nothing"
    if rule.one_sided:
        if bool(rule.lines) == bool(rule.entries):
            yield "one side alone is the one that is grouped"
        if rule.reference or rule.working_days is not None:
            yield "one side alone has nothing to agree with"
    elif rule.reference is None and rule.working_days is None:
        yield "an equal amount alone does not tell two things apart"
