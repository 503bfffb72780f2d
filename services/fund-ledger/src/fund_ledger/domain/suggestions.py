"""For a line that no rule matched, what it may be, the most likely first; a person decides.

The reference counts more than the amount, the whole amount more than a part of it, a near day more than a far one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from changhu_common.money import yuan
from changhu_policies.reconciliation import MatchingRule

from fund_ledger.domain.matching import Entry, Line, together

SUGGESTIONS_MAX = 10  # who has not found it among ten looks for it in the list
PARTS_MAX = 1_000  # of one suggestion: a transfer to an organisation is for some hundred people


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Entries that a line may be, as a match names them; what is missing to its amount in fen, and why it is likely."""

    entries: Sequence[str]
    amount_fen: int
    missing_fen: int
    days_apart: int
    reason: str


def suggested(*, line: Line, entries: Sequence[Entry], rules: Iterable[MatchingRule]) -> list[Suggestion]:
    """The best suggestions for a line among entries that no match holds."""
    references = {line.reference, line.end_to_end_id} - {None}
    ranked: dict[frozenset[tuple[int, int]], tuple[tuple[int, int, int], Suggestion]] = {}
    for rank, reason, group in _candidates(line, entries, references, rules):
        key = frozenset(each.key for each in group)
        if key in ranked or len(group) > PARTS_MAX:
            continue
        amount = sum(each.amount_fen for each in group)
        apart = min(abs((each.day - line.day).days) for each in group)
        missing = line.amount_fen - amount
        told = f"{reason}, 相差 {yuan(missing)} 元" if missing else reason
        suggestion = Suggestion([f"{each.key[0]}/{each.key[1]}" for each in group], amount, missing, apart, told)
        ranked[key] = ((rank, abs(missing), apart), suggestion)
    best = sorted(ranked.values(), key=lambda each: (each[0], each[1].entries))
    return [suggestion for _, suggestion in best[:SUGGESTIONS_MAX]]


def _candidates(
    line: Line, entries: Sequence[Entry], references: set[str | None], rules: Iterable[MatchingRule]
) -> Iterator[tuple[int, str, Sequence[Entry]]]:
    """Rank, reason and entries of whatever the line may be."""
    same = [each for each in entries if each.reference in references]
    if same:
        exact = sum(each.amount_fen for each in same) == line.amount_fen
        yield 0 if exact else 3, "参考号一致", same
        for each in same:
            yield 0 if each.amount_fen == line.amount_fen else 4, "参考号一致", [each]
    for each in entries:
        if each.amount_fen == line.amount_fen:
            yield 1, "金额一致", [each]
    for rule in rules:
        if rule.entries and not rule.one_sided:
            for group in together(entries, rule.entries):
                if len(group) > 1 and sum(each.amount_fen for each in group) == line.amount_fen:
                    yield 2, rule.title, group
