"""The facts that assessment leans on: who is insured, who assesses, who cares, what operators supplied."""

from changhu_common.consumer import Subscription
from changhu_common.events.care import SERVICE
from changhu_common.events.enrollment import PERSON
from changhu_common.events.policy import VALUE
from changhu_common.events.provider import ORGANIZATION

from assessment.usecases.facts import Facts


def subscription(facts: Facts) -> Subscription:
    return Subscription(group="assessment", topics=(PERSON, ORGANIZATION, SERVICE, VALUE), apply=facts.keep)
