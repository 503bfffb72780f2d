"""A rule counts the same to the fen in SQL as in Python, and explains itself again from what was kept."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from changhu_standalone.postgres import EmbeddedPostgres
from enrollment.domain.contribution import ContributionRule, Payer, Share
from enrollment.storage.rules_in_sql import CountedInSql, rule_as_json, rule_of_json
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, text

rates = st.fractions(min_value=0, max_value=1, max_denominator=100_000)
payers = st.builds(
    Payer,
    payer=st.sampled_from(["employer", "person", "treasury"]),
    clause=st.sampled_from(["一", "二"]),
    status=st.sampled_from(["stated", "supplied", "assumed"]),
    readings=st.sampled_from([(), ("读作如此",)]),
    fen_max=st.none(),
)
subsidies = st.builds(lambda payer, fen: replace(payer, fen_max=fen), payers, st.integers(0, 50_000))
shares = st.lists(
    st.builds(lambda rate, capped, last: (rate, (*capped, last)), rates, st.lists(subsidies, max_size=2), payers),
    min_size=1,
    max_size=3,
)
bases = st.lists(st.integers(0, 10**14), min_size=1, max_size=20)


@st.composite
def rules(draw: st.DrawFn) -> ContributionRule:
    made = tuple(Share(name=f"share{n}", rate=rate, payers=payers) for n, (rate, payers) in enumerate(draw(shares)))
    return ContributionRule(
        pool="000000",
        category="employee",
        period="2026",
        base=draw(st.none() | st.fractions(min_value=0, max_value=10**9, max_denominator=1_000)),
        shares=made,
        rest=draw(st.sampled_from([None, *(share.name for share in made)])),
        pack_version="v",
    )


@pytest.fixture(scope="module")
def connection(postgres: EmbeddedPostgres) -> Iterator[Connection]:
    with create_engine(postgres.url("postgres", driver="psycopg")).connect() as connection:
        yield connection


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rules(), bases)
def test_sql_counts_what_the_rule_counts(connection: Connection, rule: ContributionRule, bases: list[int]) -> None:
    counted = CountedInSql.by(rule)
    query = text(
        f"SELECT candidate.base_fen, {counted.total} AS total, {counted.parts} AS parts"
        f" FROM unnest(CAST(:bases AS bigint[])) AS candidate (base_fen) {counted.amounts}"
    )
    for row in connection.execute(query, {"bases": bases, **counted.words}):
        found = rule.due(row.base_fen)
        assert row.total == found.due_fen
        in_sql = sorted((part["payer"], part["fen"]) for part in row.parts)
        assert in_sql == sorted((part.payer, part.fen) for part in found.parts)


@given(rules(), bases)
def test_a_kept_rule_is_the_rule(rule: ContributionRule, bases: list[int]) -> None:
    kept = rule_of_json(json.loads(json.dumps(rule_as_json(rule))), pack_version="v")
    assert kept == rule
    assert [kept.due(each) for each in bases] == [rule.due(each) for each in bases]
