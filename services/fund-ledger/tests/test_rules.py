"""A posting rule is data, and one that cannot hold for every event that it may get does not load."""

import copy
from importlib import resources
from typing import Any

import pytest
import yaml
from changhu_policies.accounting import chart, read_chart


@pytest.fixture
def data() -> Any:
    source = resources.files("changhu_policies") / "packs" / "national" / "accounts.yaml"
    return copy.deepcopy(yaml.safe_load(source.read_text(encoding="utf-8")))


def test_every_rule_says_what_it_rests_on() -> None:
    for each in (*chart().rules.values(), *chart().templates.values()):
        assert each.clause
        assert each.status in {"stated", "assumed"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rule: rule["lines"].pop(), "does not balance"),
        (lambda rule: rule["lines"][0].update(debit="9999"), "accounts that do not exist: 9999"),
        (lambda rule: rule["lines"][1]["credit"].update(otherwise="4002"), "accounts that do not exist: 4002"),
        (lambda rule: rule["lines"][1]["credit"]["accounts"].update(person="4003"), "do not exist: 4003"),
        (lambda rule: rule["lines"].append({"debit": "1003", "amount": "amount_fen"}), "does not balance"),
        (lambda rule: rule["lines"].clear(), "does not balance"),
        (lambda rule: rule["lines"][1].update(amount="pool"), "does not balance"),
        (lambda rule: rule["lines"][1].update(book="pool"), "does not balance"),
        (lambda rule: [line.update(book="treasury") for line in rule["lines"]], "there is no book treasury"),
        (lambda rule: rule["lines"][1].update(debit=rule["lines"][1].pop("credit")), "does not balance"),
        (lambda rule: rule["lines"][0].update(amount="fund_fen"), "has no field fund_fen"),
        (lambda rule: [line.update(amount="payer") for line in rule["lines"]], "payer is no whole number"),
        (lambda rule: rule.update(happened_on="period"), "period is no day"),
        (lambda rule: rule.update(key="number"), "has no field number"),
        (lambda rule: rule["dimensions"].update(colour="payer"), "no dimension is called colour"),
    ],
)
def test_a_rule_that_cannot_hold_does_not_load(data: Any, change: Any, reason: str) -> None:
    change(data["rules"]["contribution.received"])
    with pytest.raises(ValueError, match=reason):
        read_chart(data)


def test_a_rule_for_an_event_that_nobody_tells_does_not_load(data: Any) -> None:
    data["rules"]["contribution.guessed"] = data["rules"]["contribution.received"]
    with pytest.raises(ValueError, match="no event is called so"):
        read_chart(data)


def test_a_template_that_does_not_balance_does_not_load(data: Any) -> None:
    data["templates"]["interest.received"]["lines"].pop()
    with pytest.raises(ValueError, match=r"interest\.received: does not balance"):
        read_chart(data)
