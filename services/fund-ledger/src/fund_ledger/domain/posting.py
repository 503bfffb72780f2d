"""What an event books is decided by a posting rule, which is data; here it is only carried out."""

from collections.abc import Mapping
from datetime import date

from changhu_common.events import Envelope
from changhu_common.ids import named_id
from changhu_policies.accounting import PostingRule

from fund_ledger.domain.journal import Journal, Line

# The scheme (险种人群) whose money it is, by the insured category that an event names.
SCHEMES = {
    "employee": "employees",
    "retiree": "employees",
    "flexible": "employees",
    "resident": "residents",
    "minor": "residents",
}


def journal_for(*, envelope: Envelope, rules: Mapping[str, PostingRule], booked_on: date) -> Journal | None:
    """The journal that an event makes; None where its amount is zero or no rule books it.

    The journal's id follows from the event's, so the same event never makes two.
    """
    event = envelope.event
    rule = rules.get(event.TYPE)
    if rule is None:
        return None
    amount_fen = getattr(event, rule.amount)
    if amount_fen == 0:
        return None

    def line(account: str, amount_fen: int) -> Line:
        return Line(
            account=account,
            amount_fen=amount_fen,
            county=getattr(event, "county", event.key),
            scheme=SCHEMES.get(getattr(event, "category", "")),
            payer=getattr(event, "payer", None),
            organization_id=getattr(event, "organization_id", None),
        )

    return Journal(
        id=named_id("fund-ledger.journal", envelope.id),
        pool=event.pool,  # type: ignore[attr-defined]  # every event that a rule books has one
        title=rule.title,
        source=event.TYPE,
        source_event_id=envelope.id,
        happened_on=getattr(event, rule.happened_on),
        booked_on=booked_on,
        lines=(
            line(rule.debit.choose(event), amount_fen),
            line(rule.credit.choose(event), -amount_fen),
        ),
    )
