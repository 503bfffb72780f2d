"""Whoever comes from another pool brings the months insured there, and whoever leaves is told his own."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

from changhu_common.events.enrollment import PersonTransferredIn, PersonTransferredOut
from changhu_common.periods import DateRange
from enrollment.domain.transfer import months_insured

from tests.support.running import Running

Enrol = Callable[..., Awaitable[dict[str, Any]]]
Who = dict[str, str]


async def test_a_transfer_in_is_told_with_the_months_recognised(enrollment: Running, enrol: Enrol, clerk: Who) -> None:
    told = await enrol(1, coverage={"start": "2026-01-01", "end": "2026-02-28"})
    coverage = {"category": "employee", "start": "2026-06-01", "base_fen": 543_210}
    body = {"coverage": coverage, "other_pool": "210200", "recognised_months": 30, "reference": "联系函1"}
    at = f"/persons/{told['person_id']}"
    answer = await enrollment.post(f"{at}/transfers-in", clerk, body)
    assert answer.status_code == 201, answer.text
    (event,) = await enrollment.told(PersonTransferredIn)
    assert [each.recognised_months for each in event.coverage] == [0, 30]
    (seen,) = (await enrollment.get(f"{at}/transfers", clerk)).json()
    assert (seen["direction"], seen["other_pool"], seen["months"], seen["day"]) == ("in", "210200", 30, "2026-06-01")
    again = await enrollment.post(f"{at}/transfers-in", clerk, body)
    assert again.json()["code"] == "coverage.overlaps"


async def test_a_transfer_out_ends_the_coverage_and_says_the_months(
    enrollment: Running, enrol: Enrol, clerk: Who
) -> None:
    told = await enrol(1)
    body = {"coverage_id": told["coverage"][0]["coverage_id"], "end": "2026-06-30", "other_pool": "210200"}
    answer = await enrollment.post(f"/persons/{told['person_id']}/transfers-out", clerk, body)
    assert (answer.status_code, answer.json()["months"]) == (201, 6)
    (event,) = await enrollment.told(PersonTransferredOut)
    assert (str(event.coverage[0].end), event.revision) == ("2026-06-30", 2)


def test_months_count_through_changes_of_category_and_not_across_a_break() -> None:
    def days(start: tuple[int, int], end: tuple[int, int]) -> DateRange:
        return DateRange(date(2026, *start), date(2026, *end))

    early, middle, late = days((1, 1), (1, 31)), days((3, 1), (4, 30)), days((5, 1), (6, 15))
    assert months_insured([(early, 12), (middle, 5), (late, 0)], until=date(2026, 6, 15)) == 5 + 3
    assert months_insured([(early, 12)], until=date(2026, 1, 31)) == 13
    assert months_insured([(early, 12)], until=date(2026, 2, 1)) == 0
