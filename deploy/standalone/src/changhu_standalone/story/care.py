"""Care is planned, given and recorded; some of it is learned late."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from changhu_common.periods import Month
from changhu_common.roles import Role

from changhu_standalone.story.cast import Cast, Chapter, week_ends
from changhu_standalone.story.city import PlannedVisit
from changhu_standalone.story.office import Desk

VISITS_A_BATCH = 500

# Applicants with a story of their own: whose insurance ends in the month, and of whom another benefit is learned late.
LEAVES = 2
LATE_BENEFIT_OF = 3


class Care(Cast):
    """From the plan to the last visit that a phone remembered."""

    async def _plan(self) -> None:
        planned: dict[int, set[str]] = defaultdict(set)
        for visit in self.city.visits:
            planned[visit.applicant].update(item for item, _ in visit.items)
        for number, items in planned.items():
            applicant, person = self.city.applicants[number], self.people[number]
            plan = await self.office.post(
                "provider-registry",
                "/care-plans",
                {
                    "person_id": person,
                    "organization_id": self.providers[applicant.provider],
                    "mode": applicant.mode,
                    "items": sorted(items),
                    "start": self.city.months[0].first,
                },
                self._provider_desk(applicant.provider),
            )
            await self.office.post(
                "provider-registry",
                f"/care-plans/{plan['plan_id']}/confirmation",
                {},
                Desk(f"person-{person}", (Role.INSURED_PERSON,), self.city.pool, person=person),
            )
            self.told.counts["provider-registry"]["护理计划"] += 1

    def _care(self, month: Month, week: int) -> Chapter:
        async def care() -> None:
            ends = week_ends(month)
            first = ends[week - 1] + timedelta(days=1) if week else month.first
            visits = [
                visit for visit in self.city.visits if first <= visit.begins.date() <= ends[week] and not visit.late
            ]
            await self._send_visits(visits)
            # A phone that heard no answer sends again.
            await self._send_visits([visit for visit in visits if visit.repeated])

        return care

    async def _send_visits(self, visits: Sequence[PlannedVisit]) -> None:
        for number in range(len(self.providers)):
            of_provider = [visit for visit in visits if visit.provider == number]
            for first in range(0, len(of_provider), VISITS_A_BATCH):
                answer = await self.office.post(
                    "provider-registry",
                    "/visits/batch",
                    {"visits": [self._visit(visit) for visit in of_provider[first : first + VISITS_A_BATCH]]},
                    self._provider_desk(number),
                )
                counts = self.told.counts["provider-registry"]
                counts["护理服务记录"] += answer["recorded"]
                counts["重复上报"] += answer["known"]
                counts["不予记录"] += len(answer["rejected"])

    def _visit(self, visit: PlannedVisit) -> dict[str, Any]:
        staff, _ = self.caregivers[visit.provider, visit.caregiver]
        place = {"latitude": 41.12, "longitude": 122.07}
        return {
            "visit": visit.number,
            "organization_id": self.providers[visit.provider],
            "person_id": self.people[visit.applicant],
            "mode": visit.mode,
            "staff_id": staff,
            "check_in": {"at": visit.begins, "place": place},
            "check_out": {"at": visit.ends, "place": place},
            "items": [{"item": item, "quantity": quantity} for item, quantity in visit.items],
        }

    async def _learn_late(self) -> None:
        """Visits that a phone kept to itself, and a care fee of work injury that nobody had told of."""
        await self._send_visits([visit for visit in self.city.visits if visit.late])
        await self.office.post(
            "enrollment",
            f"/persons/{self.people[LATE_BENEFIT_OF]}/other-benefits",
            {
                "kind": "work_injury_care_fee",
                "start": self.city.months[0].first + timedelta(days=19),
                "end": self.city.months[0].last,
                "reference": "GS-1",
            },
            self.desk(Role.ENROLLMENT_CLERK),
        )
        self.told.counts["enrollment"]["迟到的事实"] += 1
