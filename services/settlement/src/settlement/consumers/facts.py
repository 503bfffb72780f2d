"""The facts that settlement leans on: people, conclusions, organisations, care, supplied values.

Of the fund's books it hears what the budget answers to statements, and reads past everything else.
"""

from changhu_common.consumer import Subscription
from changhu_common.events.assessment import CONCLUSION
from changhu_common.events.care import SERVICE
from changhu_common.events.enrollment import PERSON
from changhu_common.events.ledger import BOOK, LEDGER_EVENTS
from changhu_common.events.policy import VALUE
from changhu_common.events.provider import ORGANIZATION

from settlement.usecases.facts import apply

# What a statement is made of: none is closed while any of these is on its way.
FACTS = (PERSON, CONCLUSION, ORGANIZATION, SERVICE, VALUE)

SUBSCRIPTION = Subscription(group="settlement", topics=(*FACTS, BOOK), apply=apply, passes=LEDGER_EVENTS)
