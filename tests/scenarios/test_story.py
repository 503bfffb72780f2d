"""The whole story, from enrolment to the fund's books, on either bus; and the books made again from its events."""

import os
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from changhu_common.bus.port import Message
from changhu_common.clock import FileClock
from changhu_common.database import Actor
from changhu_common.periods import Month
from changhu_common.roles import Role
from changhu_common.service import Service
from changhu_policies import load_pack
from changhu_standalone.deployment import Standalone
from changhu_standalone.postgres import EmbeddedPostgres
from changhu_standalone.story.care import LATE_BENEFIT_OF
from changhu_standalone.story.chapters import Story, story_begins
from changhu_standalone.story.city import City, build_city
from changhu_standalone.story.office import Office
from changhu_standalone.story.report import Proof, prove
from fund_ledger.app import SERVICE as FUND_LEDGER
from settlement.app import SERVICE as SETTLEMENT
from sqlalchemy import text

from tests.support.kafka import Broker
from tests.support.processes import processes
from tests.support.running import Deploy, hear_shuffled

POOL = "211100"
ME = Actor("test", "test")


def city() -> City:
    counties = sorted(load_pack(POOL).counties)
    return build_city(pool=POOL, counties=counties, month=Month(2026, 7), people=150, applications=12, seed=3)


@dataclass
class Ended:
    """The story at its end: what it told, its proof, its books, and every event that was told in it."""

    story: Story
    proof: Proof
    books: dict[str, Any]
    messages: list[Message]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # Not pytest's own: PostgreSQL's user could not walk in.
    made = Path(tempfile.mkdtemp(prefix="changhu-story-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


async def tell(story: Story) -> tuple[Proof, dict[str, Any]]:
    async for _ in story.tell():
        pass
    return await prove(story)


@pytest.fixture(scope="module")
async def ended(folder: Path) -> AsyncIterator[Ended]:
    """The story told on a standalone, with the PostgreSQL bus."""
    clock = FileClock(folder / "data" / "clock")
    standalone = Standalone(folder / "data", clock=clock)
    standalone.server.durable = False
    standalone.start()
    try:
        clock.advance_to(story_begins(city()))
        async with standalone.clients(standalone.app()) as clients:
            story = Story(city=city(), office=Office(clients=clients, issuer=standalone.issuer), clock=clock)
            proof, books = await tell(story)
            with standalone.server.connect("bus") as connection:
                rows = connection.execute("SELECT topic, key, headers, value FROM message").fetchall()
            yield Ended(story, proof, books, [Message(*row) for row in rows])
    finally:
        standalone.stop()


async def test_the_books_balance_and_hold_every_fen(ended: Ended) -> None:
    assert ended.proof.holds
    assert ended.proof.settled_fen > 0
    assert ended.proof.received_fen > ended.story.told.startup_fen


async def test_what_assessments_cost_is_shared_and_stands_beside_care_in_the_books(ended: Ended) -> None:
    fund_fen = 12 * 25_500  # each of the applicants once, 85 % of 300 yuan
    (statement,) = [each for each in ended.story.told.statements[Month(2026, 7)] if each["fund_fen"] == fund_fen]
    assert statement["person_fen"] == 12 * 4_500
    booked = {each["account"]: each["balance_fen"] for each in ended.books["accounts"]}
    assert (booked["5401"], booked["5001"]) == (fund_fen, ended.proof.settled_fen - fund_fen)


async def test_repeated_visits_are_known_and_late_ones_become_adjustments(ended: Ended) -> None:
    counts = ended.story.told.counts
    assert counts["provider-registry"]["重复上报"] > 0
    assert counts["provider-registry"]["不予记录"] == 0
    assert counts["settlement"]["其中调整"] > 0


async def month_of(ended: Ended, applicant: int, month: str = "2026-07") -> dict[str, Any]:
    person = ended.story.people[applicant]
    auditor = ended.story.desk(Role.AUDITOR)
    told: dict[str, Any] = await ended.story.office.get("settlement", f"/persons/{person}/months/{month}", auditor)
    return told


def codes(month: dict[str, Any]) -> set[str]:
    return {finding["code"] for line in month["lines"] for finding in line["findings"]}


async def test_the_limit_is_used_up_and_never_passed(ended: Ended) -> None:
    month = await month_of(ended, 0)
    assert month["fund_fen"] == month["limit"]["limit_fen"] == 252_000
    assert "limit_used_up" in codes(month)


async def test_who_joined_lately_and_was_disabled_before_waits(ended: Ended) -> None:
    month = await month_of(ended, 1)
    assert month["fund_fen"] == 0
    assert codes(month) == {"waiting"}


async def test_care_outside_the_insurance_is_not_paid(ended: Ended) -> None:
    month = await month_of(ended, 2)
    assert month["fund_fen"] > 0
    assert "not_insured" in codes(month)


async def test_every_line_says_which_clause_decided_it(ended: Ended) -> None:
    for applicant in range(4):
        for line in (await month_of(ended, applicant))["lines"]:
            assert line["findings"]
            assert all(finding["clause"] for finding in line["findings"])
            assert line["fund_fen"] + line["person_fen"] == line["cost_fen"]


async def test_a_fact_learned_late_comes_as_the_exact_difference(ended: Ended) -> None:
    person = str(ended.story.people[LATE_BENEFIT_OF])
    paid = []
    for statements in ended.story.told.statements.values():
        for each in statements:
            detail = await ended.story.office.get(
                "settlement", f"/statements/{each['statement_id']}", ended.story.desk(Role.AUDITOR)
            )
            paid += [p for p in detail["payments"] if (p["person_id"], p["month"]) == (person, "2026-07")]
    first, correction = paid
    assert correction["corrects_payment_id"] == first["payment_id"]
    assert correction["fund_fen"] < 0
    assert first["fund_fen"] + correction["fund_fen"] == (await month_of(ended, LATE_BENEFIT_OF))["fund_fen"]


async def test_told_again_the_story_doubles_nothing(ended: Ended) -> None:
    again = Story(city=city(), office=ended.story.office, clock=ended.story.clock)
    proof, books = await tell(again)
    assert proof == ended.proof
    assert books == ended.books
    assert again.told.counts == ended.story.told.counts


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_books_made_again_from_shuffled_and_doubled_events_are_the_books(
    ended: Ended, deploy: Deploy, seed: int
) -> None:
    ledger = await deploy(FUND_LEDGER)
    topics = {"enrollment.contribution", "settlement.payment", "settlement.statement"}
    heard = [message for message in ended.messages if message.topic in topics]
    await hear_shuffled(ledger, heard, random.Random(seed))
    answer = await ledger.get(f"/pools/{POOL}/trial-balance", ledger.token(Role.AUDITOR), on=ended.books["on"])
    again = answer.json()
    del again["anchor"]  # it also says in which order they were written
    assert again == ended.books


async def lines_of(connection: Any) -> set[tuple[Any, ...]]:
    rows = await connection.execute(text("SELECT id, month, cost_fen, fund_fen, person_fen FROM line"))
    return {tuple(row) for row in rows}


@pytest.mark.parametrize("seed", [1, 2])
async def test_settlement_made_again_from_shuffled_and_doubled_events_decides_the_same_fen(
    ended: Ended, deploy: Deploy, folder: Path, seed: int
) -> None:
    settlement = await deploy(SETTLEMENT)
    topics = {
        "enrollment.person",
        "assessment.conclusion",
        "provider.organization",
        "care.service",
        "policy.value",
    }
    heard = [message for message in ended.messages if message.topic in topics]
    await hear_shuffled(settlement, heard, random.Random(seed))
    async with settlement.database.read() as connection:
        again = await lines_of(connection)
    standalone = EmbeddedPostgres(folder / "data" / "postgres")
    with standalone.connect("settlement") as plain:
        first = plain.execute("SELECT id, month, cost_fen, fund_fen, person_fen FROM line").fetchall()
    assert again == set(first)
    assert first


async def test_the_same_story_on_kafka_with_five_processes_ends_with_the_same_books(
    kafka: Broker,
    ended: Ended,
    postgres: EmbeddedPostgres,
    fresh_database: Callable[..., str],
    service_template: Callable[[Service], str],
) -> None:
    work = Path(tempfile.mkdtemp(prefix="changhu-story-kafka-"))
    clock = FileClock(work / "clock")
    clock.advance_to(story_begins(city()))

    def database_of(service: Service) -> str:
        return fresh_database(service.database, template=service_template(service))

    bus = {"CHANGHU_BUS": "kafka", "CHANGHU_KAFKA_BOOTSTRAP": kafka.bootstrap}
    async with processes(folder=work, server=postgres, database_of=database_of, clock=clock, bus=bus) as (
        running,
        issuer,
    ):
        story = Story(city=city(), office=Office(clients=running.clients, issuer=issuer), clock=clock)
        proof, books = await tell(story)
    assert proof == ended.proof
    assert books == ended.books
    assert story.told.counts == ended.story.told.counts
    if os.environ.get("CHANGHU_KEEP") != "1":
        shutil.rmtree(work, ignore_errors=True)
