"""A decision names everything that stands against it, not only the first."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from changhu_common.errors import Refusal

Case = TypeVar("Case")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says: a code that never changes, a sentence, and the clause where a pack decided it."""

    code: str
    text: str
    clause: str | None = None


Rule = Callable[[Case], Finding | None]


class Findings(Refusal):
    """A refusal that carries every finding (`findings`: code, text, clause)."""

    def __init__(self, detail: str, findings: Sequence[Finding]) -> None:
        told = "；".join(finding.text for finding in findings)
        super().__init__(
            f"{detail}{told}。",
            findings=[
                {"code": each.code, "text": each.text, **({"clause": each.clause} if each.clause else {})}
                for each in findings
            ],
        )


def findings_of(*, rules: Iterable[Rule[Case]], case: Case) -> tuple[Finding, ...]:
    """What the rules have to say of a case, in their order."""
    return tuple(finding for rule in rules if (finding := rule(case)) is not None)
