"""Random histories of facts, and what they come to when nothing but the facts is looked at."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID

from changhu_common.events import Envelope, Event
from changhu_common.events.assessment import (
    AssessmentFee,
    AssessmentFeeDue,
    AssessmentFeeVoided,
    AssessmentRevoked,
    Conclusion,
)
from changhu_common.events.care import DeliveredItem, Service, ServiceCorrected, ServiceVoided
from changhu_common.events.enrollment import (
    CoveragePeriod,
    Merge,
    OtherBenefit,
    OtherBenefitRecorded,
    OtherBenefitVoided,
    PersonMerged,
    PersonState,
    PersonUnmerged,
    PersonUpdated,
    SuspendedPeriod,
)
from changhu_common.events.policy import PolicyValueApproved
from changhu_common.events.provider import (
    AgreementState,
    AgreementSuspension,
    PricesPublished,
    ProviderSuspended,
    ProviderTerminated,
)
from changhu_common.ids import named_id, new_id
from changhu_common.periods import DateRange, Month, day_of
from changhu_policies import Supplied, load_pack
from settlement.domain import facts as domain
from settlement.domain.adjudication import Line, adjudicate

from services.settlement.tests.settlement_story import (
    POOL,
    again,
    at,
    designated,
    fee,
    graded,
    income,
    insured,
    prices,
    visit,
)

MONTHS = (6, 7)


def history(random: Random, persons: Sequence[UUID], organisations: Sequence[UUID]) -> list[Event]:
    """Facts about some persons and organisations, many of them corrected later."""
    events: list[Event] = [income()]
    for person in persons:
        events += _of_person(random, person)
    events += _merges(random, persons)
    for organisation in organisations:
        events += _of_organisation(random, organisation)
    for _ in range(random.randint(3, 10)):
        events += _visit(random, persons, organisations)
    for _ in range(random.randint(0, 3)):
        events += _fee(random, persons, organisations)
    return events


def _of_person(random: Random, person: UUID) -> list[Event]:
    start = random.choice([date(2015, 1, 1), date(2026, 6, 10)])
    enrolled = insured(person, start=start, category=random.choice(["employee", "retiree"]))
    events: list[Event] = [enrolled]
    if random.random() < 0.5:
        changed: dict[str, Any] = random.choice(
            [
                {"county": "211122"},
                {"died_on": date(2026, 6, 20)},
                {"suspensions": (SuspendedPeriod(start=date(2026, 6, 1), end=date(2026, 6, 15)),)},
                {"coverage": (CoveragePeriod(coverage_id=new_id(), category="flexible", start=date(2015, 1, 1)),)},
                {"coverage": ()},
            ]
        )
        events.append(again(PersonUpdated, enrolled, **changed))
    conclusion = graded(person, grade=random.choice([2, 3, 4, 5]), start=date(2026, random.choice([1, 6]), 1))
    events.append(conclusion)
    if random.random() < 0.3:
        events.append(again(AssessmentRevoked, conclusion))
        events.append(graded(person, grade=5, start=date(2026, 5, 20)))
    if random.random() < 0.4:
        benefit = OtherBenefitRecorded(
            benefit_id=new_id(), person_id=person, pool=POOL, revision=1,
            kind=random.choice(["work_injury_care_fee", "elderly_subsidy"]), start=date(2026, 6, 5),
        )  # fmt: skip
        events.append(benefit)
        if random.random() < 0.5:
            events.append(again(OtherBenefitVoided, benefit))
    return events


def _merges(random: Random, persons: Sequence[UUID]) -> list[Event]:
    """Some of the records are one person's, perhaps a third one's in the end, and some of it is taken back."""
    events: list[Event] = []
    for merged, survivor in pairwise(random.sample(list(persons), len(persons))):
        if random.random() < 0.5:
            made = PersonMerged(person_id=merged, survivor_id=survivor, pool=POOL, revision=2)
            events.append(made)
            if random.random() < 0.3:
                events.append(again(PersonUnmerged, made))
    return events


def _of_organisation(random: Random, organisation: UUID) -> list[Event]:
    agreement = designated(organisation)
    first = prices(organisation, LC12=60_001, LC01=3_333)
    events: list[Event] = [agreement, first]
    if random.random() < 0.4:
        pause = AgreementSuspension(start=date(2026, 6, 3), end=date(2026, 6, 12))
        events.append(again(ProviderSuspended, agreement, suspensions=(pause,)))
    elif random.random() < 0.3:
        events.append(again(ProviderTerminated, agreement, end=date(2026, 7, 10)))
    if random.random() < 0.5:
        events.append(prices(organisation, revision=2, LC12=random.choice([70_003, 50_007])))
    return events


def _visit(random: Random, persons: Sequence[UUID], organisations: Sequence[UUID]) -> list[Event]:
    def items() -> dict[str, int]:
        return {item: random.randint(1, 4) for item in random.choice([("LC12",), ("LC12", "LC01"), ("XX",)])}

    def when() -> Any:
        return at(random.randint(1, 28), random.choice(MONTHS), random.choice([8, 9]))

    made = visit(random.choice(persons), random.choice(organisations), when(), items())
    events: list[Event] = [made]
    last: Event = made
    if random.random() < 0.4:
        changed: dict[str, Any] = {"started_at": when(), "person_id": random.choice(persons)}
        changed["items"] = tuple(DeliveredItem(item=item, quantity=many) for item, many in items().items())
        last = again(ServiceCorrected, made, **changed)
        events.append(last)
    if random.random() < 0.2:
        events.append(again(ServiceVoided, last))
    return events


def _fee(random: Random, persons: Sequence[UUID], organisations: Sequence[UUID]) -> list[Event]:
    """An assessment's fee; perhaps it comes to something else, was another organisation's, or is not owed at all."""

    def said() -> dict[str, Any]:
        return {
            "organization_id": random.choice(organisations),
            "assessed_on": date(2026, random.choice(MONTHS), random.randint(1, 28)),
        }

    made: Event = fee(random.choice(persons), fund_fen=random.choice([30_001, 15_001, 0]), **said())
    events = [made]
    if random.random() < 0.5:
        made = again(AssessmentFeeDue, made, fee_fen=20_003, fund_fen=10_002, person_fen=10_001, **said())
        events.append(made)
    if random.random() < 0.3:
        events.append(again(AssessmentFeeVoided, made))
    return events


def delivery(random: Random, events: Sequence[Event]) -> list[list[Envelope]]:
    """The events in any order, some of them twice (as one fact, or told anew), in batches of any size."""
    envelopes = [Envelope(id=new_id(), source="test", time=at(1), event=event) for event in events]
    envelopes += [each for each in envelopes if random.random() < 0.3]
    envelopes += [
        Envelope(id=new_id(), source="test", time=at(1), event=each.event)
        for each in envelopes
        # A policy value has no revision: its id is what makes it one.
        if random.random() < 0.2
    ]
    random.shuffle(envelopes)
    if random.random() < 0.5:  # as where all else is known already: each visit adds to what stands
        envelopes.sort(key=lambda envelope: isinstance(envelope.event, Service))
    batches = []
    while envelopes:
        size = random.randint(1, 12)
        batches.append(envelopes[:size])
        envelopes = envelopes[size:]
    return batches


def expected(events: Sequence[Event]) -> dict[UUID, tuple[Line, Service | AssessmentFee]]:
    """What the facts come to: each line by id, from the events alone, without a database."""
    known: dict[tuple[str, UUID], Any] = {}
    for event in events:
        for kind, key in (
            (PersonState, "person_id"), (Conclusion, "conclusion_id"), (OtherBenefit, "benefit_id"),
            (AgreementState, "agreement_id"), (PricesPublished, "organization_id"), (Service, "visit_id"),
            (Merge, "person_id"), (AssessmentFee, "fee_id"),
        ):  # fmt: skip
            if isinstance(event, kind):
                place = (kind.__name__, getattr(event, key))
                if place not in known or known[place].revision < event.revision:
                    known[place] = event
    merges = {each.person_id: each.survivor_id for each in known.values() if isinstance(each, Merge) and not each.VOID}
    latest = [_the_persons(each, merges) for each in known.values()]
    values = [event for event in events if isinstance(event, PolicyValueApproved)]
    pack = load_pack(POOL, Supplied.from_records(_record(value) for value in values))
    visits = [each for each in latest if isinstance(each, Service) and not each.VOID]
    lines: dict[UUID, tuple[Line, Service | AssessmentFee]] = {
        UUID(line.id): (line, each)
        for each in latest
        if isinstance(each, AssessmentFee) and not each.VOID and (line := _of_fee(each))
    }
    for person, month in {(each.person_id, Month.of(day_of(each.started_at))) for each in visits}:
        of_month = [each for each in visits if each.person_id == person and Month.of(day_of(each.started_at)) == month]
        by_line = {
            named_id("settlement.line", each.visit_id, did.item): each for each in of_month for did in each.items
        }
        answer = adjudicate(pack=pack, facts=_facts(latest, person, of_month), days=month.days)
        lines |= {UUID(line.id): (line, by_line[UUID(line.id)]) for line in answer.lines}
    return lines


def _of_fee(owed: AssessmentFee) -> Line:
    return Line(
        id=str(named_id("settlement.line", owed.fee_id, owed.organization_id)),
        cost_fen=owed.fee_fen,
        fund_fen=owed.fund_fen,
        person_fen=owed.person_fen,
        used_fen=0,
        paid=owed.fund_fen > 0,
        findings=(),
    )


def _the_persons(event: Any, merges: dict[UUID, UUID]) -> Any:
    """A fact as that of the person whose record it was told of; a state is each record's own."""
    if not isinstance(event, Service | Conclusion | OtherBenefit | AssessmentFee):
        return event
    person = event.person_id
    while person in merges:
        person = merges[person]
    return event.model_copy(update={"person_id": person})


def _record(value: PolicyValueApproved) -> dict[str, Any]:
    said = value.model_dump(include={"pool", "parameter", "qualifiers", "value", "source", "entered_by", "approved_by"})
    return said | {"from": value.start, "to": value.end}


def _facts(latest: Sequence[Any], person: UUID, visits: Sequence[Service]) -> domain.Facts:
    states = [each for each in latest if isinstance(each, PersonState) and each.person_id == person]
    conclusions = [
        each for each in latest if isinstance(each, Conclusion) and each.person_id == person and not each.VOID
    ]
    lists = {each.organization_id: each.prices for each in latest if isinstance(each, PricesPublished)}

    def service(of: Service, did: DeliveredItem) -> domain.Service:
        price = {each.item: each.price_fen for each in lists[of.organization_id]}.get(did.item)
        return domain.Service(
            id=str(named_id("settlement.line", of.visit_id, did.item)),
            provider=str(of.organization_id),
            mode=of.mode,
            item=did.item,
            at=of.started_at,
            cost_fen=None if price is None else price * did.quantity,
        )

    return domain.Facts(
        coverage=tuple(
            domain.Coverage(category=each.category, days=DateRange(each.start, each.end), county=state.county)
            for state in states
            for each in state.coverage
        ),
        grades=tuple(
            domain.Grade(scale=each.scale, grade=each.grade, days=DateRange(each.start, each.end))
            for each in sorted(conclusions, key=lambda each: (each.start, each.conclusion_id), reverse=True)
        ),
        agreements=tuple(_days_of_agreement(latest)),
        other_benefits=tuple(
            domain.OtherBenefit(kind=each.kind, days=DateRange(each.start, each.end))
            for each in latest
            if isinstance(each, OtherBenefit) and each.person_id == person and not each.VOID
        ),
        suspensions=tuple(DateRange(each.start, each.end) for state in states for each in state.suspensions),
        died_on=next((state.died_on for state in states), None),
        services=tuple(service(each, did) for each in visits for did in each.items),
    )


def _days_of_agreement(latest: Sequence[Any]) -> list[domain.Agreement]:
    """Day by day, which is slow and plain."""
    made = []
    for each in latest:
        if isinstance(each, AgreementState):
            day, last = date(2026, 5, 1), min(each.end or date(2026, 7, 31), date(2026, 7, 31))
            while day <= last:
                if not any(
                    pause.start <= day and (pause.end is None or day <= pause.end) for pause in each.suspensions
                ):
                    made.append(
                        domain.Agreement(
                            provider=str(each.organization_id), modes=frozenset(each.modes), days=DateRange(day, day)
                        )
                    )
                day += timedelta(days=1)
    return made


def sums(lines: dict[UUID, tuple[Line, Service | AssessmentFee]]) -> dict[tuple[UUID, UUID, str], tuple[int, int, int]]:
    """Cost, fund and person in fen by organisation, person and month; nothing where all of it is zero."""
    totals: dict[tuple[UUID, UUID, str], tuple[int, int, int]] = defaultdict(lambda: (0, 0, 0))
    for line, of in lines.values():
        day = of.assessed_on if isinstance(of, AssessmentFee) else day_of(of.started_at)
        key = (of.organization_id, of.person_id, str(Month.of(day)))
        cost, fund, person = totals[key]
        totals[key] = (cost + line.cost_fen, fund + line.fund_fen, person + line.person_fen)
    return {key: amounts for key, amounts in totals.items() if any(amounts)}
