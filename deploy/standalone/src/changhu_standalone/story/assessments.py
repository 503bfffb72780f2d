"""People apply, are visited and confirmed, and their conclusions take effect."""

from datetime import timedelta

from changhu_common.roles import Role

from changhu_standalone.story.cast import Cast, at
from changhu_standalone.story.office import Desk


class Assessments(Cast):
    """From the application to the conclusion."""

    async def _assess(self) -> None:
        clerk = self.desk(Role.ASSESSMENT_CLERK)
        experts = [each for each in self.assessors if Role.ASSESSMENT_EXPERT in each[1].roles]
        for person, applicant in zip(self.people, self.city.applicants, strict=True):
            made = await self.office.post(
                "assessment",
                "/applications",
                {"person_id": person, "disabled_since": applicant.disabled_since},
                Desk(f"person-{person}", (Role.INSURED_PERSON,), self.city.pool, person=person),
            )
            of = f"/applications/{made['application_id']}"
            self.told.counts["assessment"]["申请"] += 1
            await self.office.post("assessment", f"{of}/acceptance", {}, clerk)
            visitors = [self.assessors[0], self.assessors[2]]
            await self.office.post(
                "assessment",
                f"{of}/assignment",
                {"organization_id": self.assessment_organization, "staff_ids": [staff for staff, _ in visitors]},
                clerk,
            )
            await self.office.post(
                "assessment",
                f"{of}/visit",
                {
                    "visited_at": at(self.city.months[0].plus(-1).first + timedelta(days=2), 8),
                    "scale": "national-2021",
                    "scores": applicant.scores,
                    "guardian_present": True,
                },
                visitors[1][1],
            )
            for _, expert in experts:
                await self.office.post("assessment", f"{of}/confirmations", {}, expert)
            state = await self.office.get("assessment", of, clerk)
            if state["status"] == "confirmed":
                start = self.clock.today()
                await self.office.post("assessment", f"{of}/publicity", {"start": start}, clerk)

    async def _publish(self) -> None:
        clerk = self.desk(Role.ASSESSMENT_CLERK)
        await self.office.post("assessment", "/publications", {"pool": self.city.pool}, clerk)
        for person in self.people:
            conclusions = await self.office.get("assessment", f"/persons/{person}/conclusions", clerk)
            for conclusion in conclusions["conclusions"]:
                self.told.counts["assessment"][f"结论 {conclusion['grade']} 级"] += 1
