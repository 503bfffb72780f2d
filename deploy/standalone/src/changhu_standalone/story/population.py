"""A whole city's insured people, invented: as many in each county as its document counts, or a share of them.

Everything follows from the counts, so the same scale is the same file. A resident number that belongs to
somebody is coincidence.
"""

import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from changhu_common.money import round_half_up
from changhu_common.resident_number_columns import county_exists
from changhu_policies import load_pack

from changhu_standalone.story.city import GIVEN, SURNAMES

HEADER = "姓名,公民身份号码,县区,参保类别,参保日期,停保日期,缴费基数,人员标识\n"

_FIRST_BIRTH = date(1938, 1, 1)
_BIRTHS = 23_000  # days: the youngest were born at the end of 2000
_RETIRED = 8_900  # so many of the days lie sixty years before the insurance begins
_WEIGHTS = tuple(2 ** (17 - at) % 11 for at in range(17))
_CHECK_DIGITS = "10X98765432"
# A county that is its pool's own invention issues no resident numbers; its people have a neighbour's.
_ELSEWHERE = 500


@dataclass(frozen=True, slots=True)
class WholeCity:
    """How many people a pool insures in each county; `based` where each has a contribution base of his own."""

    pool: str
    counts: Mapping[str, int]
    based: bool = False

    @classmethod
    def of(cls, pool: str, *, scale: Fraction, on: date) -> "WholeCity":
        """The document's own numbers (`pool.insured_persons`), times the scale."""
        pack = load_pack(pool)
        counts = {
            county: round_half_up(scale * pack.value("pool.insured_persons", on=on, county=county).value)
            for county in sorted(pack.counties)
        }
        return cls(pool=pool, counts=counts)

    @property
    def persons(self) -> int:
        return sum(self.counts.values())

    def text(self, *, changed: bool = False) -> bytes:
        """The enrolment file as CSV; `changed` gives one in a hundred another mark."""
        return "".join([HEADER, *self._lines(changed=changed)]).encode("utf-8-sig")

    def file(self, *, changed: bool = False) -> bytes:
        """The same in a ZIP."""
        packed = io.BytesIO()
        with (
            zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open("参保.csv", "w", force_zip64=True) as unpacked,
        ):
            unpacked.write(HEADER.encode("utf-8-sig"))
            for lines in self._lines(changed=changed):
                unpacked.write(lines.encode())
        return packed.getvalue()

    def _lines(self, *, changed: bool) -> Iterator[str]:
        days = [f"{_FIRST_BIRTH + timedelta(days=n):%Y%m%d}" for n in range(_BIRTHS)]
        issuing = sorted(county for county in self.counts if county_exists(county))
        for county, count in self.counts.items():
            area, first = (county, 1) if county in issuing else (issuing[0], _ELSEWHERE)
            for begin in range(0, count, 10_000):
                yield "".join(
                    _line(area, county, n, days, first, changed=changed, based=self.based)
                    for n in range(begin, min(begin + 10_000, count))
                )


def _line(area: str, county: str, n: int, days: list[str], first: int, *, changed: bool, based: bool) -> str:
    day = n * 7_919 % _BIRTHS  # a prime, so that every day has its turn before one comes again
    stem = f"{area}{days[day]}{first + n // _BIRTHS:03d}"
    check = _CHECK_DIGITS[sum(int(digit) * weight for digit, weight in zip(stem, _WEIGHTS, strict=True)) % 11]
    category = "retiree" if day < _RETIRED else "flexible" if n % 8 == 0 else "employee"
    new = changed and n % 100 == 1
    marks = "destitute" if new else "no_personal_account" if category != "retiree" and n % 33 == 0 else ""
    name = SURNAMES[n % len(SURNAMES)] + GIVEN[n // 7 % len(GIVEN)] + GIVEN[n // 311 % len(GIVEN)]
    base = f"{3_000 + n % 9_000}.10" if based else ""
    return f"{name},{stem}{check},{county},{category},20{10 + n % 12}-{1 + n % 12:02d}-01,,{base},{marks}\n"
