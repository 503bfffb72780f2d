"""Rows a second of a file of persons, from upload to answer, beside COPY of the same file into a plain table."""

from datetime import date

from changhu_common.periods import Month
from changhu_common.roles import Role
from changhu_policies import load_pack
from changhu_standalone.story.city import City, build_city
from enrollment.app import SERVICE

from tests.performance.figures import Figure, Rate
from tests.performance.ground import NOW, POOL, Ground, statements_of, stopwatch

SIZES = (2_500, 10_000)
QUICK = 200

PLAIN = (
    "CREATE TABLE plain (name text, resident_number text, county text, category text, start text, stop text,"
    " base text, marks text)"
)


async def measure(ground: Ground, size: int) -> list[Figure]:
    content = city(size).enrolment_file()
    async with ground.running(SERVICE) as enrollment:
        clerk = enrollment.token(Role.ENROLLMENT_CLERK)
        with statements_of(enrollment) as asked, stopwatch() as ours:
            answer = await enrollment.post("/persons/imports", clerk, content=content, params={"format": "csv"})
        assert answer.status_code == 201, answer.text
        assert answer.json()["loaded"] == size
    return [
        Figure(
            unit="rows",
            size=size,
            ours=Rate.of("import of a file of persons", size, ours.seconds),
            baselines=[Rate.of("COPY of the file", size, await _copied(ground, content))],
            beside={
                "SQL statements per 1,000": 1_000 * asked.count / size,
                "share of SQL": asked.seconds / ours.seconds,
            },
        )
    ]


async def _copied(ground: Ground, content: bytes) -> float:
    async with ground.plain(PLAIN) as connection:
        with stopwatch() as watch:
            async with (
                connection.cursor() as cursor,
                cursor.copy("COPY plain FROM STDIN (FORMAT CSV, HEADER, ENCODING 'UTF8')") as copy,
            ):
                await copy.write(content.removeprefix(b"\xef\xbb\xbf"))
    return watch.seconds


def city(people: int) -> City:
    """Invented people of the measured pool."""
    counties = sorted(load_pack(POOL).counties)
    month = Month.of(date(NOW.year, NOW.month - 1, 1))
    return build_city(pool=POOL, counties=counties, month=month, people=people, applications=4, seed=1)
