"""A rule that compares the books with a bank is data, and one that could not be told from another does not load."""

import copy
from typing import Any

import pytest
from changhu_policies.accounting import chart
from changhu_policies.national import NATIONAL
from changhu_policies.reconciliation import read_reconciliation, reconciliation_rules
from changhu_policies.vocabulary import STATUSES
from changhu_policies.yamls import read_yaml


@pytest.fixture
def data() -> Any:
    return copy.deepcopy(read_yaml(NATIONAL / "reconciliation.yaml"))


def test_the_rules_say_what_they_rest_on() -> None:
    rules = reconciliation_rules()
    assert rules.document
    assert rules.reading
    assert rules.status in STATUSES
    assert [rule.title for rule in rules.matching]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data["bank_accounts"].append("4001"), "4001 is no account that money lies in"),
        (lambda data: data["bank_accounts"].append("9999"), "9999 is no account"),
        (lambda data: data["references"].update({"payment.settled": "colour"}), "no event that is booked has colour"),
        (lambda data: data["tax_bureau"]["sources"].append("payment.guessed"), "no event that is booked is called"),
        (lambda data: data["tax_bureau"]["payers"].append("lottery"), "no payer is called lottery"),
        (lambda data: data["matching"].append(data["matching"][0]), "two matching rules have one name"),
        (lambda data: data["matching"].append({"name": "x", "title": "x"}), "does not tell two things apart"),
        (lambda data: data["matching"][0].update(entries=["colour"]), "entries have no colour"),
        (lambda data: data["matching"][1].update(lines=["county"]), "lines have no county"),
        (lambda data: data["matching"][1].update(reference="colour"), "no reference called colour"),
        (lambda data: data["matching"][0].update(lines=["day"]), "the one that is grouped"),
        (lambda data: data["matching"][0].update(working_days=1), "nothing to agree with"),
        (lambda data: data["matching"][0].update(against="something"), "stands against nothing"),
        (lambda data: data["matching"][-1].update(working_days=-1), "less than nothing"),
    ],
)
def test_rules_that_cannot_hold_do_not_load(data: Any, change: Any, reason: str) -> None:
    change(data)
    with pytest.raises(ValueError, match=reason):
        read_reconciliation(data, chart())
