"""A generated city: people with valid resident numbers, applicants, providers and their visits.

Everything follows from the seed, so the same seed is the same city, down to the fen. The people are
invented; a resident number that belongs to somebody is coincidence.
"""

import csv
import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from changhu_common.periods import SHANGHAI, Month
from changhu_policies import scales
from stdnum.cn import ric

SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀兰霞平刚桂英华玉梅建国志红文斌淑珍海燕云山春生"

SLOTS = (time(8), time(10), time(13), time(15))  # a caregiver's four visits a day
CAREGIVERS_A_PROVIDER = 6
LATE_VISITS = 8
REPEATED_VISITS = 12

# What one visit is, by mode: items of the national catalogue and how often.
HOME_ITEMS = ((("LC12", 1), ("LC07", 1)), (("LC01", 1), ("LC15", 2)), (("LC12", 1), ("MC14", 1)))
INSTITUTION_ITEMS = ((("LC01", 3), ("LC03", 2), ("LC12", 1)),)

PRICES_FEN = {
    "LC01": 1_500,
    "LC03": 2_000,
    "LC07": 2_500,
    "LC12": 8_000,
    "LC15": 3_000,
    "MC14": 6_000,
}
INSTITUTION_FACTOR = 120  # per cent of the prices at home


@dataclass(frozen=True, slots=True)
class Resident:
    """A row of the city's enrolment file."""

    name: str
    resident_number: str
    county: str
    category: str
    start: date
    end: date | None
    base_fen: int
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Applicant:
    """A resident who applies, what will be found, and the care that follows where the grade allows."""

    resident: Resident
    disabled_since: date
    scores: dict[str, int]
    provider: int
    mode: str
    visits_a_month: int


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """A visit as the caregiver's phone will tell it. `number` is the phone's own id."""

    number: str
    applicant: int
    provider: int
    caregiver: int
    mode: str
    begins: datetime
    ends: datetime
    items: tuple[tuple[str, int], ...]
    late: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class City:
    """The whole of it. `months` are the month that the story is about and the next one."""

    pool: str
    seed: int
    residents: Sequence[Resident]
    applicants: Sequence[Applicant]
    months: tuple[Month, Month]
    visits: Sequence[PlannedVisit]

    def enrolment_file(self) -> bytes:
        """The city's people as a CSV file, as a clerk would get it from the medical insurance."""
        text = io.StringIO()
        rows = csv.writer(text)
        rows.writerow(["姓名", "公民身份号码", "县区", "参保类别", "参保日期", "停保日期", "缴费基数", "人员标识"])
        for each in self.residents:
            rows.writerow(
                [
                    each.name,
                    each.resident_number,
                    each.county,
                    each.category,
                    each.start.isoformat(),
                    each.end.isoformat() if each.end else "",
                    f"{each.base_fen // 100}.{each.base_fen % 100:02d}",
                    ";".join(each.marks),
                ]
            )
        return text.getvalue().encode("utf-8-sig")


def build_city(*, pool: str, counties: Sequence[str], month: Month, people: int, applications: int, seed: int) -> City:
    """Invent a city of so many people in the pool's counties, the last `applications` of whom apply for benefits."""
    chance = random.Random(seed)  # noqa: S311  (a story, not a secret)
    numbers = _resident_numbers(chance, counties, month.first)
    residents = [_resident(chance, next(numbers), elderly=n >= people - applications) for n in range(people)]
    applicants = [
        _applicant(chance, n, resident, month) for n, resident in enumerate(residents[people - applications :])
    ]
    # Two stories of their own: one who joined lately and was disabled before, one whose insurance ends.
    applicants[1] = _joined_lately(applicants[1], month)
    applicants[2] = _leaves(applicants[2], month)
    residents[people - applications :] = [each.resident for each in applicants]
    return City(
        pool=pool,
        seed=seed,
        residents=residents,
        applicants=applicants,
        months=(month, month.plus(1)),
        visits=_visits(chance, applicants, month),
    )


def _resident_numbers(chance: random.Random, counties: Sequence[str], today: date) -> Iterator[tuple[str, str, date]]:
    """County, number and a day that makes the person young or old enough, without end and without repeats."""
    known: set[str] = set()
    while True:
        county = chance.choice(counties)
        born = today - timedelta(days=chance.randrange(20 * 365, 58 * 365))
        serial = chance.randrange(1, 1000)
        stem = f"{county}{born:%Y%m%d}{serial:03d}"
        if stem not in known:
            known.add(stem)
            yield county, stem, born


def _resident(chance: random.Random, drawn: tuple[str, str, date], *, elderly: bool) -> Resident:
    county, stem, born = drawn
    category = "retiree" if elderly else chance.choices(("employee", "retiree", "flexible"), (62, 28, 10))[0]
    if category == "retiree":
        born = date(born.year - 32, born.month, min(born.day, 28))
        stem = f"{county}{born:%Y%m%d}{stem[-3:]}"
    number = stem + ric.calc_check_digit(stem + "0")
    marks: tuple[str, ...] = ()
    if chance.random() < 0.02:
        marks = ("medical_assistance",)
    elif category == "retiree" and chance.random() < 0.02:
        marks = ("bankrupt_firm_retiree",)
    elif category == "employee" and chance.random() < 0.02:
        marks = ("no_personal_account",)
    base_fen = chance.randrange(280_000, 1_500_000) if category != "retiree" else chance.randrange(90_000, 700_000)
    return Resident(
        name=chance.choice(SURNAMES) + "".join(chance.choices(GIVEN, k=chance.choice((1, 2)))),
        resident_number=number,
        county=county,
        category=category,
        start=date(chance.randrange(2008, 2021), chance.randrange(1, 13), 1),
        end=None,
        base_fen=base_fen,
        marks=marks,
    )


def _applicant(chance: random.Random, number: int, resident: Resident, month: Month) -> Applicant:
    institution = number % 3 == 0
    grade = (5, 4, 3, 5, 3, 4, 5, 3, 4, 1)[number % 10] if number != 0 else 5
    return Applicant(
        resident=resident,
        disabled_since=month.first - timedelta(days=chance.randrange(250, 1500)),
        scores=scores_for(chance, grade),
        provider=1 if institution else 0,
        mode="institution" if institution else "home",
        visits_a_month=28 if number == 0 else (22 if institution else chance.randrange(9, 15)),
    )


def _with_resident(applicant: Applicant, resident: Resident, disabled_since: date) -> Applicant:
    return Applicant(
        resident=resident,
        disabled_since=disabled_since,
        scores=applicant.scores,
        provider=applicant.provider,
        mode=applicant.mode,
        visits_a_month=applicant.visits_a_month,
    )


def _joined_lately(applicant: Applicant, month: Month) -> Applicant:
    old = applicant.resident
    resident = Resident(
        old.name, old.resident_number, old.county, old.category, month.plus(-10).first, None, old.base_fen, old.marks
    )
    return _with_resident(applicant, resident, month.plus(-16).first)


def _leaves(applicant: Applicant, month: Month) -> Applicant:
    old = applicant.resident
    resident = Resident(
        old.name,
        old.resident_number,
        old.county,
        old.category,
        old.start,
        month.first + timedelta(days=14),
        old.base_fen,
        old.marks,
    )
    return _with_resident(applicant, resident, applicant.disabled_since)


def scores_for(chance: random.Random, grade: int) -> dict[str, int]:
    """Scores of the national scale that come to a grade (1, 3, 4 or 5)."""
    (scale,) = scales().values()
    adl, cognition, _ = ([item.key for item in dimension.items] for dimension in scale.dimensions)
    scores = {item.key: max(item.options) for dimension in scale.dimensions for item in dimension.items}
    if grade == 1:
        scores["stairs"] = 5
        return scores
    scores.update(dict.fromkeys(adl, 0))
    for key in chance.sample([key for key in adl if key != "eating"], 4):
        scores[key] = 5
    # With severe impairment in daily living the worse of the other two decides between 3, 4 and 5.
    left = {3: chance.randrange(8, 16), 4: 3, 5: 1}[grade]
    for key in cognition:
        scores[key] = min(4, left)
        left -= scores[key]
    return scores


def _visits(chance: random.Random, applicants: Sequence[Applicant], month: Month) -> list[PlannedVisit]:
    """The two months' visits: a person has one a day at most, a caregiver one at a time."""
    taken: set[tuple[int, int, datetime]] = set()
    visits: list[PlannedVisit] = []
    for of_month, share in ((month, 1.0), (month.plus(1), 0.4)):
        days = [of_month.first + timedelta(days=n) for n in range((of_month.last - of_month.first).days + 1)]
        for number, applicant in enumerate(applicants):
            if applicant.scores["eating"] == 10:  # not severely disabled: no benefits, no care
                continue
            count = max(1, int(applicant.visits_a_month * share))
            for day in sorted(chance.sample(days, min(count, len(days)))):
                slot = _free_slot(chance, taken, applicant.provider, day)
                if slot is None:
                    continue
                caregiver, begins = slot
                menu = INSTITUTION_ITEMS if applicant.mode == "institution" else HOME_ITEMS
                visits.append(
                    PlannedVisit(
                        number=f"{begins:%Y%m%d}-{applicant.provider}-{caregiver}-{begins:%H}",
                        applicant=number,
                        provider=applicant.provider,
                        caregiver=caregiver,
                        mode=applicant.mode,
                        begins=begins,
                        ends=begins + timedelta(minutes=chance.randrange(45, 111, 5)),
                        items=chance.choice(menu),
                    )
                )
    return _some_late_and_repeated(chance, visits, month)


def _free_slot(
    chance: random.Random, taken: set[tuple[int, int, datetime]], provider: int, day: date
) -> tuple[int, datetime] | None:
    slots = [
        (caregiver, datetime.combine(day, at, SHANGHAI)) for caregiver in range(CAREGIVERS_A_PROVIDER) for at in SLOTS
    ]
    free = [slot for slot in slots if (provider, *slot) not in taken]
    if not free:
        return None
    chosen = chance.choice(free)
    taken.add((provider, *chosen))
    return chosen


def _some_late_and_repeated(chance: random.Random, visits: list[PlannedVisit], month: Month) -> list[PlannedVisit]:
    first_month = [n for n, visit in enumerate(visits) if visit.begins.month == month.number and visit.applicant > 2]
    marked = chance.sample(first_month, min(LATE_VISITS + REPEATED_VISITS, len(first_month)))
    late, repeated = set(marked[:LATE_VISITS]), set(marked[LATE_VISITS:])
    return [
        PlannedVisit(
            visit.number,
            visit.applicant,
            visit.provider,
            visit.caregiver,
            visit.mode,
            visit.begins,
            visit.ends,
            visit.items,
            late=n in late,
            repeated=n in repeated,
        )
        for n, visit in enumerate(visits)
    ]
