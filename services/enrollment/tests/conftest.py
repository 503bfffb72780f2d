"""People to enrol: valid resident numbers, bodies and files of them, and a service to send them to."""

import csv
import io
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from changhu_common.roles import Role
from enrollment.app import SERVICE
from stdnum.cn import ric

from services.enrollment.tests.merge_story import EARLIER, Two
from services.enrollment.tests.transfer_story import HERE, THERE, City
from tests.support.running import Deploy, Running

HEADER = ("姓名", "公民身份号码", "县区", "参保类别", "参保日期", "停保日期", "缴费基数", "人员标识")
ROW = ("王五", "", "211102", "在职职工", "2026-01-01", "", "5432.10", "")


def resident_number(n: int, *, born: int = 1950_01_01) -> str:
    """The n-th person of a county: a thousand of them born on each day that follows."""
    body = f"211102{born + n // 1000:08d}{n % 1000:03d}"
    return body + str(ric.calc_check_digit(body + "0"))


def person(n: int = 1, **more: Any) -> dict[str, Any]:
    """The body of a registration."""
    coverage = {"category": "employee", "start": "2026-01-01", "base_fen": 543_210, **more.pop("coverage", {})}
    told = {"name": "张三丰", "resident_number": resident_number(n), "county": "211102", "coverage": coverage}
    return {**told, **more}


def file_row(n: int, **cells: str) -> dict[str, str]:
    """A row of a clerk's file, by column title."""
    return {**dict(zip(HEADER, ROW, strict=True)), "公民身份号码": resident_number(n), **cells}


def csv_of(*rows: dict[str, str], header: tuple[str, ...] = HEADER) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, header)
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode("utf-8-sig")


@pytest.fixture(scope="session")
def people() -> SimpleNamespace:
    """What tests make people and files of."""
    return SimpleNamespace(number=resident_number, person=person, row=file_row, csv=csv_of, header=HEADER)


@pytest.fixture
async def enrollment(deploy: Deploy) -> Running:
    return await deploy(SERVICE)


@pytest.fixture
def clerk(enrollment: Running) -> dict[str, str]:
    """A clerk of the whole pool."""
    return enrollment.token(Role.ENROLLMENT_CLERK)


Enrol = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def enrol(enrollment: Running, clerk: dict[str, str]) -> Enrol:
    """Register somebody and answer what the service answered."""

    async def enrolled(n: int = 1, **more: Any) -> dict[str, Any]:
        answer = await enrollment.post("/persons", clerk, person(n, **more))
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    return enrolled


@pytest.fixture
async def two(enrollment: Running, enrol: Enrol) -> Two:
    """Insured to May under one record, from June under the other."""
    survivor = await enrol(1, coverage={"start": "2026-06-01"})
    return Two(enrollment, survivor, await enrol(2, coverage=EARLIER))


@pytest.fixture
def here(enrollment: Running) -> City:
    return City(enrollment, HERE, "211102")


@pytest.fixture
def there(enrollment: Running) -> City:
    return City(enrollment, THERE, "330382")


@pytest.fixture
async def left(here: City, enrol: Enrol) -> str:
    """Somebody left a pool that lets an agreed amount go along; the transfer."""
    await here.supply("agreed")
    return await here.leave(await enrol(1))
