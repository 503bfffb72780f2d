"""The facts that settlement leans on: people, conclusions, organisations, care, supplied values."""

from changhu_common.consumer import Subscription
from changhu_common.events.assessment import CONCLUSION
from changhu_common.events.care import SERVICE
from changhu_common.events.enrollment import PERSON
from changhu_common.events.policy import VALUE
from changhu_common.events.provider import ORGANIZATION

from settlement.usecases.facts import apply

SUBSCRIPTION = Subscription(group="settlement", topics=(PERSON, CONCLUSION, ORGANIZATION, SERVICE, VALUE), apply=apply)
