"""A category for the young ends on the eve of a birthday; of which one the pack says (`coverage.until_age`, years)."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from changhu_common.periods import months_after
from changhu_policies import Pack, Value

UNTIL_AGE: Final = "coverage.until_age"
# Of whom no rule says when he is too old.
NEVER: Final = date.max


def age_rules(*, pack: Pack, category: str) -> tuple[Value, ...]:
    """What the pack says of a category's age, one value after another; nothing where anybody may be in it."""
    return tuple(
        value
        for value in pack.tables.get(UNTIL_AGE, ())
        if value.status != "missing" and ("category", category) in value.qualifiers
    )


def of_age_on(*, born: date, rules: Sequence[Value]) -> date:
    """The first day on which somebody is too old for a category (满龄日); NEVER where no rule says so.

    Each rule counts while it holds: whoever is too old when it begins is so from its first day on.
    """
    days = ((max(months_after(born, 12 * rule.value), rule.start), rule.end) for rule in rules)
    return min((day for day, end in days if day <= end), default=NEVER)
