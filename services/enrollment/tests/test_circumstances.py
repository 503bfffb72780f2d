"""Other benefits and hospital stays are recorded, ended and voided, each time under the next revision."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from changhu_common.events import Event
from changhu_common.events.enrollment import (
    HospitalStay,
    HospitalStayEnded,
    HospitalStayRecorded,
    HospitalStayVoided,
    OtherBenefit,
    OtherBenefitEnded,
    OtherBenefitRecorded,
    OtherBenefitVoided,
)

from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]

SORTS: dict[str, tuple[str, dict[str, str], type[Event], list[type[Event]]]] = {
    "other-benefits": (
        "benefit_id",
        {"kind": "disability_subsidy", "reference": "残补 2026-1"},
        OtherBenefit,
        [OtherBenefitRecorded, OtherBenefitEnded, OtherBenefitVoided],
    ),
    "hospital-stays": (
        "stay_id",
        {},
        HospitalStay,
        [HospitalStayRecorded, HospitalStayEnded, HospitalStayVoided],
    ),
}


@pytest.mark.parametrize("sort", SORTS)
async def test_a_circumstance_is_recorded_ended_and_voided(
    enrollment: Running, enrol: Enrol, clerk: dict[str, str], sort: str
) -> None:
    id_name, more, kind, types = SORTS[sort]
    path = f"/persons/{(await enrol())['person_id']}/{sort}"
    recorded = await enrollment.post(path, clerk, {"start": "2026-07-01", **more}, key="once")
    assert recorded.status_code == 201
    assert (await enrollment.post(path, clerk, {"start": "2026-07-01", **more}, key="once")).json() == recorded.json()
    at = f"/{sort}/{recorded.json()[id_name]}"
    early = await enrollment.post(f"{at}/end", clerk, {"end": "2026-06-30"})
    assert (early.status_code, early.json()["code"]) == (422, "period.invalid")
    assert (await enrollment.post(f"{at}/end", clerk, {"end": "2026-07-10"})).json()["end"] == "2026-07-10"
    assert (await enrollment.post(f"{at}/void", clerk, {"reason": "录错人"})).json()["void_reason"] == "录错人"
    late = await enrollment.post(f"{at}/end", clerk, {"end": "2026-07-11"})
    assert (late.status_code, late.json()["code"]) == (409, "circumstance.void")
    events = await enrollment.told(kind)
    assert [type(each) for each in events] == types
    assert [each.revision for each in events] == [1, 2, 3]
    assert [str(each.end) for each in events] == ["None", "2026-07-10", "2026-07-10"]
    listed = (await enrollment.get(path, clerk)).json()
    assert [each[id_name] for each in next(iter(listed.values()))] == [recorded.json()[id_name]]


async def test_a_kind_that_does_not_exist_and_an_id_that_nobody_has_are_refused(
    enrollment: Running, enrol: Enrol, clerk: dict[str, str]
) -> None:
    person = (await enrol())["person_id"]
    body = {"kind": "lottery", "start": "2026-07-01"}
    kind = await enrollment.post(f"/persons/{person}/other-benefits", clerk, body)
    assert (kind.status_code, kind.json()["code"]) == (422, "input.invalid")
    nobody = await enrollment.post(f"/hospital-stays/{uuid4()}/void", clerk, {"reason": "x"})
    assert (nobody.status_code, nobody.json()["code"]) == (404, "not_found")


async def test_a_mark_that_holds_always_is_not_given_days_before_a_clerk_takes_it_away(
    enrollment: Running, enrol: Enrol, clerk: dict[str, str]
) -> None:
    at = f"/persons/{(await enrol(marks=['destitute']))['person_id']}"
    days = {"kind": "destitute", "start": "2026-08-01"}
    refused = await enrollment.post(f"{at}/hardships", clerk, days)
    assert (refused.status_code, refused.json()["code"]) == (409, "mark.without_days")
    assert (await enrollment.get(at, clerk)).json()["marks"] == ["destitute"]
    await enrollment.post(f"{at}/details", clerk, {"marks": []})
    for _ in range(2):
        assert (await enrollment.post(f"{at}/hardships", clerk, days)).status_code == 201
        days = {**days, "start": "2026-05-01", "end": "2026-07-31"}
    assert (await enrollment.get(at, clerk)).json()["marks"] == ["destitute"]
