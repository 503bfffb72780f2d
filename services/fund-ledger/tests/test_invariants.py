"""What holds of the books whatever happened: told again they are the same, and one changed value anywhere is found."""

import asyncio
import random
from datetime import UTC, date, datetime
from typing import Any

from changhu_common.events import Envelope, Event
from changhu_common.events.ledger import JournalPosted
from changhu_common.ids import new_id
from changhu_common.roles import Role
from fund_ledger.app import SERVICE
from fund_ledger.domain.chain import Entry, Head, placed
from fund_ledger.domain.journal import Journal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.ledgers import COUNTY, OTHER_COUNTY, POOL, assert_kept, contribution, payment, proof, reversal, rows
from tests.support.running import Deploy, Running

SEVERAL = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
LATER = datetime(2027, 2, 1, 1, 0, tzinfo=UTC)

COUNTIES = st.sampled_from([COUNTY, OTHER_COUNTY])
DAYS = st.dates(date(2026, 10, 1), date(2026, 12, 31))
FACTS = st.lists(
    st.one_of(
        st.builds(
            contribution,
            st.integers(1, 10**12),
            county=COUNTIES,
            category=st.sampled_from(["employee", "retiree", "resident"]),
            payer=st.sampled_from(["person", "treasury", "medical_fund_surplus"]),
            received_on=DAYS,
            receipt_id=st.uuids(version=4),
        ),
        st.builds(payment, st.integers(-(10**9), 10**9).filter(bool), county=COUNTIES, paid_on=DAYS),
        st.builds(reversal, st.integers(1, 10**9), county=COUNTIES, returned_on=DAYS),
    ),
    min_size=2,
    max_size=24,
)

BY_DIMENSION = """
SELECT account, county, scheme, payer, organization_id, happened_on, sum(amount_fen)
FROM line JOIN journal USING (pool, sequence) WHERE NOT carries GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
"""


async def ask(ledger: Running, path: str, body: dict[str, Any], *, by: str = "zhang") -> Any:
    answer = await ledger.post(path, ledger.token(Role.ACCOUNTANT, subject=by), body)
    assert answer.status_code < 300, answer.text
    return answer.json()


async def close(ledger: Running, month: str) -> None:
    await ask(ledger, f"/pools/{POOL}/periods/{month}/closing", {})


async def work_a_year_end(ledger: Running) -> None:
    """All that writes entries: events, by hand, a reversal, a late fact, a year end, taken back and made again."""
    ledger.advance_to(LATER)
    await ledger.hear(contribution(900, received_on=date(2026, 11, 3)), payment(40, paid_on=date(2026, 11, 9)))
    template = {"name": "interest.received", "county": COUNTY, "amount_fen": 5}
    said = {"happened_on": "2026-11-30", "reason": "r", "attachment": "a"}
    draft = await ask(ledger, f"/pools/{POOL}/drafts", {**said, "template": template})
    booked = await ask(ledger, f"/drafts/{draft['draft_id']}/approval", {}, by="li")
    draft = await ask(ledger, f"/journals/{booked['journal_id']}/reversal", said)
    await ask(ledger, f"/drafts/{draft['draft_id']}/approval", {}, by="li")
    await close(ledger, "2026-11")
    await ledger.hear(contribution(7, received_on=date(2026, 11, 4)))
    await close(ledger, "2026-12")
    await ask(ledger, f"/pools/{POOL}/periods/2026-12/reopening", {"reason": "r"})
    await ask(ledger, f"/pools/{POOL}/periods/2026-12/reopening/approval", {}, by="li")
    await close(ledger, "2026-12")


@SEVERAL
@given(facts=FACTS, seed=st.integers(), closes=st.booleans())
async def test_told_again_in_any_order_and_over_closed_months_the_balances_are_the_same(
    deploy: Deploy, facts: list[Event], seed: int, closes: bool
) -> None:
    seen = []
    for order in (facts, random.Random(seed).sample(facts, len(facts))):
        ledger = await deploy(SERVICE)
        ledger.advance_to(LATER)
        middle = len(order) // 2
        await ledger.hear(*order[:middle])
        if closes:
            who = ledger.token(Role.AUDITOR)
            await close(ledger, (await ledger.get(f"/pools/{POOL}/periods", who)).json()[0]["month"])
        await ledger.hear(*order[middle:], *order[:middle])
        await assert_kept(ledger)
        seen.append(await rows(ledger, BY_DIMENSION))
    assert seen[0] == seen[1]


def journal_told(event: JournalPosted) -> Journal:
    return Journal(
        id=event.journal_id,
        pool=event.pool,
        title=event.title,
        source=event.source,
        source_event_id=event.source_event_id,
        happened_on=event.happened_on,
        lines=event.lines,
        facts_hash=bytes.fromhex(event.facts),
        carries=event.carries,
        reverses=event.reverses,
    )


async def test_what_the_ledger_told_books_the_same_entries_vouchers_and_chain_again(ledger: Running) -> None:
    await work_a_year_end(ledger)
    head, again = Head(POOL), list[Entry]()
    for event in await ledger.told(JournalPosted):
        assert event.booked_at
        # A late fact is told with the day in whose period it stands.
        open_from = event.accounting_on if event.accounting_on != event.happened_on else None
        (entry,), head = placed(
            head=Head(head.pool, head.sequence, head.hash, head.numbers, open_from),
            journals=[journal_told(event)],
            booked_at=event.booked_at,
        )
        again.append(entry)
    written = (await ledger.get(f"/pools/{POOL}/entries", ledger.token(Role.AUDITOR))).json()["entries"]
    assert [entry.canonical().decode() for entry in again] == written
    assert {entry.source for entry in again} >= {"manual", "reversal", "year_end.carried", "year_end.reversed"}


# Whatever the ledger keeps of an entry, and how a value of its column is made another one.
CHANGES = {
    "text": "coalesce({0}, '') || 'x'",
    "uuid": "gen_random_uuid()",
    "bytea": "set_byte({0}, {n} % length({0}), get_byte({0}, {n} % length({0})) # (1 << ({n} % 8)))",
    "date": "{0} + 1 - 2 * ({n} % 2)",
    "timestamp with time zone": "{0} + ({n} + 1) * interval '1 microsecond'",
    "boolean": "NOT {0}",
    "smallint": "{0} + 1000",
    "integer": "{0} + 1000",
    "bigint": "{0} + 1000",
}
COLUMNS = """
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_name IN ('journal', 'line', 'daily_total') AND column_name <> 'written_at' ORDER BY 1, 2
"""


async def test_whatever_value_is_changed_is_found(ledger: Running, as_owner: Any) -> None:
    """Every column of every table of the books, in a row that chance chooses."""
    await work_a_year_end(ledger)
    assert (await proof(ledger))["holds"]
    chance = random.Random()
    for name in ("journal", "line", "daily_total"):
        as_owner(ledger, f'CREATE TABLE "{name}_whole" AS TABLE "{name}"')
    for table, column, kind in await rows(ledger, COLUMNS):
        n = chance.randrange(1000)
        changed = CHANGES[kind].format(column, n=n)
        row = f'(SELECT ctid FROM "{table}" ORDER BY ctid OFFSET {n} % (SELECT count(*) FROM "{table}") LIMIT 1)'
        as_owner(ledger, f'UPDATE "{table}" SET {column} = {changed} WHERE ctid = {row}')
        assert not (await proof(ledger))["holds"], (table, column, n)
        as_owner(ledger, f'DELETE FROM "{table}"; INSERT INTO "{table}" TABLE "{table}_whole"')
        assert (await proof(ledger))["holds"]


async def test_events_and_people_who_book_at_once_never_break_the_sequence(ledger: Running) -> None:
    ledger.advance_to(LATER)
    template = {"name": "interest.received", "county": COUNTY, "amount_fen": 5}
    said = {"happened_on": "2026-12-30", "reason": "r", "attachment": "a", "template": template}
    drafts = [await ask(ledger, f"/pools/{POOL}/drafts", said) for _ in range(6)]
    facts = [[contribution(n, received_on=date(2026, 12, 1)) for n in range(1, 9)] for _ in range(4)]
    await asyncio.gather(
        *(ledger.hear(*batch) for batch in facts),
        *(ask(ledger, f"/drafts/{each['draft_id']}/approval", {}, by="li") for each in drafts),
        *(ledger.hear(Envelope(id=new_id(), source="test", time=LATER, event=each)) for each in facts[0]),
    )
    await assert_kept(ledger)
    (counted,) = await rows(ledger, "SELECT count(*), max(number) FROM journal")
    assert tuple(counted) == (38, 38)
