"""A pool's month of care as settlement hears it: who is insured, graded and under agreement, then the visits by day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from uuid import UUID

from changhu_common.bus.port import Message
from changhu_common.events import Envelope, Event
from changhu_common.events.cloudevents import encode
from changhu_common.ids import new_id

from services.settlement.tests.settlement_story import at, designated, graded, income, insured, prices, visit
from tests.performance.ground import NOW

VISITS_A_PERSON = 12  # a month at home: three a week
PERSONS_AN_ORGANISATION = 200
DAYS = 28


@dataclass(frozen=True, slots=True)
class CareMonth:
    """What has to be known first, and the visits in the order in which they were given."""

    organisations: Sequence[UUID]
    facts: Sequence[Message]
    visits: Sequence[Message]


def care_month(visits: int) -> CareMonth:
    """So many visits (a multiple of a person's), of persons and organisations in proportion."""
    chance = Random(1)
    persons = [new_id() for _ in range(visits // VISITS_A_PERSON)]
    organisations = [new_id() for _ in range(1 + (len(persons) - 1) // PERSONS_AN_ORGANISATION)]
    facts: list[Event] = [income()]
    for organisation in organisations:
        facts += [designated(organisation), prices(organisation)]
    for person in persons:
        facts += [insured(person), graded(person, grade=chance.choice((3, 4, 5)))]
    given = sorted(
        (at(day + 1) + timedelta(minutes=chance.randrange(600)), person, organisations[n // PERSONS_AN_ORGANISATION])
        for n, person in enumerate(persons)
        for day in chance.sample(range(DAYS), VISITS_A_PERSON)
    )
    menu = ({"LC12": 1, "LC01": 1}, {"LC12": 1}, {"LC01": 2})
    events = [visit(person, organisation, when, chance.choice(menu)) for when, person, organisation in given]
    return CareMonth(organisations=organisations, facts=_told(facts), visits=_told(events))


def _told(events: Sequence[Event]) -> list[Message]:
    return [encode(Envelope(id=new_id(), source="bench", time=NOW, event=each)) for each in events]
