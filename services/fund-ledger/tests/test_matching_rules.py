"""What the rules match follows from lines and entries alone, in whatever order and pieces they come."""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from changhu_common.roles import Role
from changhu_common.workdays import NATIONAL
from changhu_policies.reconciliation import reconciliation_rules
from fund_ledger.domain.matching import Entry, Line, Match, matched
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.banks import Moved, load, registered, table
from tests.support.ledgers import POOL, contribution, payment, rows
from tests.support.running import Running

FIRST = date(2026, 7, 1)
DAYS = st.integers(0, 9).map(lambda n: FIRST + timedelta(days=n))
FEN = st.sampled_from([-300, -200, -100, 100, 200, 300])
REFERENCES = st.sampled_from([None, "A", "B"])


@st.composite
def some_lines(draw: st.DrawFn) -> list[Line]:
    said = draw(st.lists(st.tuples(DAYS, FEN, REFERENCES, REFERENCES), max_size=12))
    return [Line(UUID(int=n), UUID(int=n), *each) for n, each in enumerate(said)]


@st.composite
def some_entries(draw: st.DrawFn) -> list[Entry]:
    said = draw(st.lists(st.tuples(DAYS, FEN, REFERENCES, st.sampled_from(["x", "y"])), max_size=12))
    return [
        Entry(
            key=(n + 1, 1),
            journal_id=UUID(int=n),
            day=day,
            accounting_on=day,
            amount_fen=fen,
            reference=reference,
            common={"correction": n // 2, "organization": of, "county": of, "source": of, "payer": of, "scheme": of},
        )
        for n, (day, fen, reference, of) in enumerate(said)
    ]


def told(lines: list[Line], entries: list[Entry]) -> list[Match]:
    return matched(lines=lines, entries=entries, rules=reconciliation_rules().matching, calendar=NATIONAL)


@given(lines=some_lines(), entries=some_entries(), seed=st.integers())
@settings(max_examples=300, deadline=None)
def test_the_order_in_which_things_come_decides_nothing(lines: list[Line], entries: list[Entry], seed: int) -> None:
    expected = {match.key for match in told(lines, entries)}
    shuffled = random.Random(seed)
    shuffled.shuffle(lines)
    shuffled.shuffle(entries)
    assert {match.key for match in told(lines, entries)} == expected


@given(lines=some_lines(), entries=some_entries())
@settings(max_examples=300, deadline=None)
def test_everything_stands_in_one_match_at_most_and_both_sides_come_to_the_same(
    lines: list[Line], entries: list[Entry]
) -> None:
    found = told(lines, entries)
    assert max(Counter(each.id for match in found for each in match.lines).values(), default=1) == 1
    assert max(Counter(each.key for match in found for each in match.entries).values(), default=1) == 1
    for match in found:
        assert sum(each.amount_fen for each in match.lines) == sum(each.amount_fen for each in match.entries)
        assert len(match.lines) + len(match.entries) > 1


@given(lines=some_lines(), entries=some_entries())
@settings(max_examples=300, deadline=None)
def test_nothing_is_left_that_one_line_and_one_entry_agree_on(lines: list[Line], entries: list[Entry]) -> None:
    found = told(lines, entries)
    lines_left = {line.id: line for line in lines}.keys() - {each.id for match in found for each in match.lines}
    entries_left = {each.key: each for each in entries}.keys() - {e.key for match in found for e in match.entries}
    for line in (each for each in lines if each.id in lines_left):
        for entry in (each for each in entries if each.key in entries_left):
            first, last = sorted((line.day, entry.day))
            near = NATIONAL.working_days_between(first, last) <= 3
            same = entry.reference is not None and entry.reference in (line.reference, line.end_to_end_id)
            assert line.amount_fen != entry.amount_fen or not (near or same)


def test_days_of_a_year_without_a_calendar_agree_only_where_they_are_equal() -> None:
    def entry(day: date) -> Entry:
        return Entry((1, 1), UUID(int=1), day, day, 100)

    known, unknown = date(2026, 12, 30), date(2031, 1, 6)
    assert told([Line(UUID(int=1), UUID(int=1), known, 100)], [entry(date(2026, 12, 31))])
    assert told([Line(UUID(int=1), UUID(int=1), unknown, 100)], [entry(unknown)])
    assert not told([Line(UUID(int=1), UUID(int=1), unknown, 100)], [entry(date(2031, 1, 7))])
    assert not told([Line(UUID(int=1), UUID(int=1), date(2026, 12, 31), 100)], [entry(date(2027, 1, 1))])


def test_working_days_reach_over_the_end_of_a_year() -> None:
    entry = Entry((1, 1), UUID(int=1), date(2026, 1, 6), date(2026, 1, 6), 100)
    # From new year's eve over the holiday (1 to 3 January, the 4th is worked) it is the third working day.
    assert told([Line(UUID(int=1), UUID(int=1), date(2025, 12, 31), 100)], [entry])
    assert not told([Line(UUID(int=1), UUID(int=1), date(2025, 12, 30), 100)], [entry])


MOVES = st.lists(st.tuples(DAYS, FEN, st.sampled_from(["", "A", "B"])), max_size=10)
CUTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=5)
BOOKED = st.lists(st.tuples(DAYS, st.sampled_from([100, 200, 300]), st.sampled_from(["", "A", "B"])), max_size=8)


# Without shrinking: each example is dozens of requests.
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.reuse, Phase.generate))
@given(moves=MOVES, cuts=CUTS, booked=BOOKED, seed=st.integers())
async def test_statements_in_any_pieces_and_order_come_to_the_same_as_one(
    ledger: Running,
    as_owner: Any,
    moves: list[tuple[date, int, str]],
    cuts: list[tuple[int, int]],
    booked: list[tuple[date, int, str]],
    seed: int,
) -> None:
    ledger.advance_to(datetime(2026, 8, 1, 1, 0, tzinfo=UTC))
    as_owner(ledger, "TRUNCATE book, journal, line, daily_total, bank_reference, bank_account CASCADE")
    as_owner(ledger, f"TRUNCATE {MATCHES}")
    chance = random.Random(seed)
    account_id = await registered(ledger)
    moved = [Moved(day, fen, reference) for day, fen, reference in sorted(moves)]
    pieces: list[Any] = [(min(cut), max(cut)) for cut in cuts] + [(n, n) for n in range(10)]
    facts = [
        payment(fen, paid_on=day, bank_reference=reference) if reference else contribution(fen, received_on=day)
        for day, fen, reference in booked
    ]
    pieces += facts
    chance.shuffle(pieces)
    for each in pieces:
        await (send(ledger, account_id, moved, *each) if isinstance(each, tuple) else ledger.hear(each))
    in_pieces = await stands(ledger)
    stored = await rows(ledger, "SELECT booked_on, amount_fen, coalesce(reference, '') FROM bank_line")
    assert Counter(map(tuple, stored)) == Counter(moves)
    as_owner(ledger, f"TRUNCATE bank_statement, bank_line, line_draft, {MATCHES}")
    await send(ledger, account_id, moved, 0, 9)
    assert await stands(ledger) == in_pieces
    uneven = await rows(
        ledger,
        "SELECT FROM bank_match WHERE undone_by IS NULL AND amount_fen <> ("
        "SELECT coalesce(sum(bank_line.amount_fen), 0) FROM matched_line JOIN bank_line ON bank_line.id = line_id"
        " WHERE match_id = bank_match.id)",
    )
    assert not uneven


MATCHES = "bank_match, matched_line, matched_entry"


async def send(ledger: Running, account_id: str, moved: list[Moved], first: int, last: int) -> None:
    """A statement of the days from one to another, by number."""
    since, until = FIRST + timedelta(days=first), FIRST + timedelta(days=last)
    opening = sum(each.fen for each in moved if each.day < since)
    inside = [each for each in moved if since <= each.day <= until]
    closing = opening + sum(each.fen for each in inside)
    beside = {"since": since, "until": until, "opening_fen": opening, "closing_fen": closing}
    answer = await load(ledger, account_id, table(inside, opening_fen=opening), **beside)
    assert answer.status_code == 201, answer.text


async def stands(ledger: Running) -> set[Any]:
    """The matches that hold once the rules ran over everything."""
    answer = await ledger.post(f"/pools/{POOL}/matching", ledger.token(Role.ACCOUNTANT), {})
    assert answer.status_code == 200, answer.text
    found = await rows(
        ledger,
        "SELECT rule, ARRAY(SELECT content_id FROM matched_line JOIN bank_line ON bank_line.id = line_id"
        " WHERE match_id = bank_match.id) AS lines,"
        " ARRAY(SELECT sequence FROM matched_entry WHERE match_id = bank_match.id) AS entries"
        " FROM bank_match WHERE undone_by IS NULL",
    )
    return {(row.rule, frozenset(row.lines), frozenset(row.entries)) for row in found}
