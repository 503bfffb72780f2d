"""A contribution rule in the database: kept as it was applied, and applied to a city's bases in one statement.

What SQL counts is what `ContributionRule.due` counts, to the fen: whole numbers, rounded half up once,
made from the very shares and payers of the rule.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Self

from enrollment.domain.contribution import ContributionRule, Payer, Share


def rule_as_json(rule: ContributionRule) -> dict[str, Any]:
    """Everything that `rule_of_json` needs to count and explain a due again; rates are fractions in text."""
    return {
        "pool": rule.pool,
        "category": rule.category,
        "period": rule.period,
        "base": None if rule.base is None else str(rule.base),
        "rest": rule.rest,
        "shares": [
            {"name": share.name, "rate": str(share.rate), "payers": [asdict(payer) for payer in share.payers]}
            for share in rule.shares
        ],
    }


def rule_of_json(kept: Mapping[str, Any], *, pack_version: str) -> ContributionRule:
    return ContributionRule(
        pool=kept["pool"],
        category=kept["category"],
        period=kept["period"],
        base=None if kept["base"] is None else Fraction(kept["base"]),
        shares=tuple(
            Share(
                name=share["name"],
                rate=Fraction(share["rate"]),
                payers=tuple(Payer(**{**payer, "readings": tuple(payer["readings"])}) for payer in share["payers"]),
            )
            for share in kept["shares"]
        ),
        rest=kept["rest"],
        pack_version=pack_version,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedInSql:
    """Expressions over `candidate.base_fen`: what is owed, its parts as JSON, and the parameters they name.

    `amounts` joins the table `part`, a column for each payer by each clause.
    """

    base: str
    base_there: str
    amounts: str
    total: str
    parts: str
    words: Mapping[str, str]

    @classmethod
    def by(cls, rule: ContributionRule, *, number: int = 0) -> Self:
        """A rule as SQL; of several in one statement each has a `number` of its own in its parameters' names."""
        amounts = _amounts(rule)
        by_payer: dict[tuple[str, str], list[str]] = {}
        for share, amount in zip(rule.shares, amounts, strict=True):
            for payer, paid in _paid(share, amount):
                by_payer.setdefault((payer.payer, payer.clause), []).append(paid)
        columns = [f"CAST({' + '.join(paid)} AS bigint) AS p{n}" for n, paid in enumerate(by_payer.values())]
        words = {f"w{number}_{n}": _opened_part(payer) for n, (payer, _) in enumerate(by_payer)}
        each = [
            f"CASE WHEN part.p{n} > 0 THEN CAST(:{word} AS text) || part.p{n} || '}}' END"
            for n, word in enumerate(words)
        ]
        return cls(
            base="candidate.base_fen" if rule.needs_base else "CAST(NULL AS bigint)",
            base_there="candidate.base_fen IS NOT NULL" if rule.needs_base else "true",
            amounts=f"CROSS JOIN LATERAL (SELECT {', '.join(columns) or '1'} OFFSET 0) AS part",
            total=" + ".join(f"part.p{n}" for n in range(len(by_payer))) or "0",
            parts=f"CAST('[' || concat_ws(', ', {', '.join(each) or 'NULL'}) || ']' AS jsonb)",
            words=words,
        )


def _opened_part(payer: str) -> str:
    """A part's JSON up to its fen."""
    return f'{{"payer": "{payer}", "fen": '


def _amounts(rule: ContributionRule) -> list[str]:
    """What each share owes, as SQL: whole fen."""
    if not rule.needs_base:
        return [str(amount) for amount in rule.amounts(rule.base or 0)]
    if rule.rest is None:
        return [_portion(share.rate) for share in rule.shares]
    rate = sum((share.rate for share in rule.shares), Fraction(0))
    total = _portion(rate)
    ratios = [share.rate / rate if rate else Fraction(0) for share in rule.shares]
    whole = [f"div({total} * {ratio.numerator}, {ratio.denominator})" for ratio in ratios]
    left = f"{total} - {' - '.join(whole)}"
    return [
        f"({fen} + {left})" if share.name == rule.rest else fen for share, fen in zip(rule.shares, whole, strict=True)
    ]


def _portion(rate: Fraction) -> str:
    """The base times a rate, rounded half up: numerics are exact however long they get."""
    numerator, denominator = 2 * rate.numerator, rate.denominator
    return f"div(CAST(candidate.base_fen AS numeric) * {numerator} + {denominator}, {2 * denominator})"


def _paid(share: Share, amount: str) -> list[tuple[Payer, str]]:
    """What each payer of a share pays: up to his amount, of what those before him left."""
    paid, before = [], 0
    for payer in share.payers:
        left = f"greatest({amount} - {before}, 0)" if before else amount
        paid.append((payer, left if payer.fen_max is None else f"least({left}, {payer.fen_max})"))
        before += payer.fen_max or 0
    return paid
