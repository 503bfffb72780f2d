"""The facts that the registry listens to: who is insured where."""

from changhu_common.consumer import Subscription
from changhu_common.events.enrollment import PERSON

from provider_registry.usecases.persons import Persons


def subscription(persons: Persons) -> Subscription:
    return Subscription(group="provider-registry", topics=(PERSON,), apply=persons.keep)
