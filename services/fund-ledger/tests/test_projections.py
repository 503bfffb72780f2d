"""A projection is asked for over HTTP, followed while it is made, and read as it was made."""

import asyncio
import io
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import httpx
import pytest
from changhu_common.errors import FieldError
from changhu_common.ids import new_id
from changhu_common.roles import Role
from fund_ledger.api.projections import EDGE
from fund_ledger.app import SERVICE, build
from fund_ledger.domain.assumptions import Assumptions
from fund_ledger.domain.projected import Projected, ProjectionAsked
from fund_ledger.domain.projection import BasisMissing, project
from fund_ledger.usecases.openings import Openings
from fund_ledger.usecases.projections import WAITING_MAX, Projections, Tell
from pypdf import PdfReader

from tests.support.ledgers import COUNTY, POOL, payment, reversal, rows
from tests.support.projections import basis
from tests.support.running import Deploy, Running


async def gather(asked: ProjectionAsked, assumed: Assumptions, tell: Tell) -> Projected:
    """A small city, told in two steps."""
    await tell(1, 2, "统计")
    here = basis(first_year=asked.first_year)
    return Projected(
        pool=asked.pool,
        name="盘锦市",
        document="某文件",
        draft=False,
        pack_version="v1",
        on=asked.on,
        settled_since=asked.settled_since,
        years=asked.years,
        anchor=None,
        made_at=datetime(2026, 8, 20, tzinfo=UTC),
        assumed=assumed,
        basis=here,
        courses=project(basis=here, assumed=assumed, years=asked.years),
    )


# The ledger as it runs together with those that a projection rests on.
TOGETHER = replace(SERVICE, build=partial(build, gather=gather))


@pytest.fixture
async def projecting(deploy: Deploy) -> Running:
    running = await deploy(TOGETHER)
    running.advance_to(datetime(2026, 8, 20, 1, 0, tzinfo=UTC))
    return running


def assumptions(**more: Any) -> dict[str, Any]:
    zero = {"value": 0, "source": "试", "status": "assumed"}
    names = ("base_growth", "statistic_growth", "prevalence_growth", "take_up_growth", "price_growth", "interest_rate")
    rates = dict.fromkeys(names, zero) | {"collection_rate": {**zero, "value": "100%"}}
    mortality = {"source": "试", "status": "assumed", "male": {"0": 0}, "female": {"0": 0}}
    return {"title": "不变", "rates": rates, "mortality": mortality, **more}


async def ask(running: Running, **said: Any) -> httpx.Response:
    body = {"years": 3, "assumptions": assumptions()} | said
    return await running.post(f"/pools/{POOL}/projections", running.token(Role.ACCOUNTANT), body)


async def read(running: Running, projection_id: str, what: str = "", **params: Any) -> httpx.Response:
    return await running.get(f"/projections/{projection_id}{what}", running.token(Role.AUDITOR), **params)


def worker(running: Running, how: Any = gather) -> Projections:
    return Projections(running.database, EDGE, how)


async def test_a_projection_is_made_once_it_was_asked_for_and_stays_as_it_was_made(projecting: Running) -> None:
    asked = (await ask(projecting)).json()
    assert (asked["status"], asked["first_year"], asked["on"]) == ("waiting", 2027, "2026-08-20")
    early = await read(projecting, asked["projection_id"], "/result")
    assert (early.status_code, early.json()["code"]) == (409, "projection.not_ready")
    assert await worker(projecting).make_next()
    assert not await worker(projecting).make_next()
    made = (await read(projecting, asked["projection_id"])).json()
    assert (made["status"], made["done"], made["total"]) == ("made", 2, 2)
    answer = (await read(projecting, asked["projection_id"], "/result")).json()
    assert [each["variant"] for each in answer["variants"]] == ["low", "middle", "high"]
    assert {each["status"] for each in answer["assumptions"]} == {"assumed"}
    listed = await projecting.get(f"/pools/{POOL}/projections", projecting.token(Role.AUDITOR))
    assert [each["projection_id"] for each in listed.json()] == [asked["projection_id"]]


async def test_a_print_has_a_chart_with_what_is_assumed_below_it(projecting: Running) -> None:
    asked = (await ask(projecting)).json()
    await worker(projecting).make_next()
    printed = await read(projecting, asked["projection_id"], "/result", format="pdf")
    assert printed.headers["content-type"] == "application/pdf"
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(printed.content)).pages]
    assert any("缴费基数年增长率 0%（暂按理解）" in page for page in pages)
    sheet = await read(projecting, asked["projection_id"], "/result", format="xlsx")
    assert sheet.content.startswith(b"PK")


async def test_progress_is_told_while_it_is_made(projecting: Running) -> None:
    asked = (await ask(projecting)).json()
    seen = []

    async def watched(wanted: ProjectionAsked, assumed: Assumptions, tell: Tell) -> Projected:
        found = await gather(wanted, assumed, tell)
        seen.append((await read(projecting, asked["projection_id"])).json())
        return found

    await worker(projecting, watched).make_next()
    assert [(each["status"], each["done"], each["total"], each["step"]) for each in seen] == [("running", 1, 2, "统计")]


async def test_what_keeps_it_from_being_made_is_told(projecting: Running) -> None:
    asked = (await ask(projecting)).json()

    async def refusing(*_: Any) -> Projected:
        raise BasisMissing("测算依据不全：没有参保人员。", errors=[FieldError("people", "没有参保人员")])

    await worker(projecting, refusing).make_next()
    failed = (await read(projecting, asked["projection_id"])).json()
    assert (failed["status"], failed["problem"]["code"]) == ("failed", "projection.basis_missing")
    refused = (await read(projecting, asked["projection_id"], "/result")).json()
    assert "没有参保人员" in refused["detail"]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"assumptions": {}}, "assumptions.title"),
        ({"assumptions": assumptions(colour=1)}, "assumptions.colour"),
        ({"assumptions": assumptions(rates={})}, "rates.base_growth"),
        ({"years": 2}, "years"),
        ({"first_year": 2030}, "first_year"),
        ({"first_year": 0}, "first_year"),
        ({"on": "2026-08-21"}, "on"),
    ],
)
async def test_what_cannot_be_projected_is_refused_and_nothing_waits(
    projecting: Running, said: dict[str, Any], field: str
) -> None:
    refused = await ask(projecting, **said)
    assert (refused.status_code, refused.json()["code"]) == (422, "input.invalid")
    assert field in {each["field"] for each in refused.json()["errors"]}
    assert not await rows(projecting, "SELECT FROM projection")


async def test_of_two_workers_one_makes_it(projecting: Running) -> None:
    await ask(projecting)
    assert sorted(await asyncio.gather(*(worker(projecting).make_next() for _ in range(2)))) == [False, True]
    assert len(await rows(projecting, "SELECT FROM projection_file")) == 3


async def test_one_whose_maker_is_gone_is_made_by_another(projecting: Running, as_owner: Any) -> None:
    asked = (await ask(projecting)).json()

    async def dying(*_: Any) -> Projected:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await worker(projecting, dying).make_next()
    assert not await worker(projecting).make_next()
    as_owner(projecting, "UPDATE projection SET told_at = told_at - interval '1 hour'")
    assert await worker(projecting).make_next()
    assert (await read(projecting, asked["projection_id"])).json()["status"] == "made"


async def test_only_so_many_wait_at_once(projecting: Running) -> None:
    for _ in range(WAITING_MAX):
        assert (await ask(projecting)).status_code == 202
    assert (await ask(projecting)).json()["code"] == "projection.too_many_waiting"


async def test_only_who_sees_the_whole_pool_projects_it(projecting: Running) -> None:
    asked = (await ask(projecting)).json()
    county = projecting.token(Role.ACCOUNTANT, region=COUNTY)
    assert (await projecting.get(f"/projections/{asked['projection_id']}", county)).status_code == 404
    assert (await projecting.get(f"/pools/{POOL}/projections", county)).status_code == 404
    assert (await read(projecting, str(new_id()))).status_code == 404


async def test_a_ledger_that_stands_alone_says_where_to_project(ledger: Running) -> None:
    ledger.advance_to(datetime(2026, 8, 20, 1, 0, tzinfo=UTC))
    refused = await ask(ledger, on=str(date(2026, 8, 20)))
    assert (refused.status_code, refused.json()["code"]) == (501, "projection.not_here")
    assert not await worker(ledger, None).make_next()


async def test_what_care_cost_is_told_by_scheme_less_what_came_back(ledger: Running) -> None:
    await ledger.hear(
        payment(900, paid_on=date(2026, 7, 1)),
        payment(-50, paid_on=date(2026, 7, 2)),
        payment(800, paid_on=date(2026, 7, 3), kind="assessment"),
        payment(100, paid_on=date(2026, 7, 3), category="resident"),
        reversal(300, returned_on=date(2026, 7, 9)),
        reversal(1, returned_on=date(2025, 6, 30)),
    )
    opening = await Openings(ledger.database).opening(pool=POOL, since=date(2025, 8, 1), on=date(2026, 7, 31))
    assert opening.benefits == {"employees": 550, "residents": 100}
