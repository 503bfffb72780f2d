"""What an event books is decided by a posting rule, which is data; here it is only carried out."""

from collections.abc import Mapping

from changhu_common.events import Envelope
from changhu_common.ids import named_id
from changhu_policies.accounting import PostingRule

from fund_ledger.domain.chain import digest
from fund_ledger.domain.journal import Journal, Line

# The scheme (险种人群) whose money it is, by the insured category or the scheme itself that an event names.
SCHEMES = {
    "employee": "employees",
    "retiree": "employees",
    "flexible": "employees",
    "resident": "residents",
    "minor": "residents",
    "employees": "employees",
    "residents": "residents",
}


def journal_for(*, envelope: Envelope, rules: Mapping[str, PostingRule]) -> Journal | None:
    """The journal that an event makes; None where it moves no money or no rule books it.

    The journal's id follows from the fact that the event tells (a receipt, a payment), so the same
    fact never makes two, under whatever event id it is told.
    """
    event = envelope.event
    rule = rules.get(event.TYPE)
    if rule is None:
        return None
    said = {dimension: getattr(event, field) for dimension, field in rule.dimensions.items()}
    pool: str = event.pool  # type: ignore[attr-defined]  # every event that a rule books has one
    lines = [
        Line(
            account=line.account.choose(event),
            amount_fen=line.signed(amount_fen),
            county=said.get("county", pool),
            scheme=SCHEMES.get(said.get("scheme", "")),
            payer=said.get("payer"),
            organization_id=said.get("organization"),
        )
        for line in rule.lines
        if (amount_fen := getattr(event, line.amount))
    ]
    if not lines:
        return None
    return Journal(
        id=named_id("fund-ledger.journal", event.TYPE, getattr(event, rule.key)),
        pool=pool,
        title=rule.title,
        source=event.TYPE,
        source_event_id=envelope.id,
        happened_on=getattr(event, rule.happened_on),
        lines=lines,
        # Without what has its default: a field that was added later makes no other fact of an old one.
        facts_hash=digest(event.model_dump(include=set(rule.facts), exclude_defaults=True)),
    )
