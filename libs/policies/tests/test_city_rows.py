"""Every row of the other cities' documents, as it was read by hand in `rows/`: a value changed in a pack fails here."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from changhu_policies import PolicyMissing, Value, load_pack
from changhu_policies.values import plain
from changhu_policies.vocabulary import STATISTICS
from changhu_policies.yamls import read_yaml

ROWS = {path.stem: read_yaml(path) for path in sorted((Path(__file__).parent / "rows").glob("*.yaml"))}
CASES = [(pool, row) for pool, rows in ROWS.items() for row in rows]


def named(case: Any) -> str:
    if isinstance(case, str):
        return case
    return "-".join([case["parameter"], *map(str, case.get("for", {}).values()), str(case.get("from", ""))])


def key(parameter: str, qualifiers: Any, start: Any) -> tuple[str, frozenset[Any], str]:
    return parameter, frozenset(dict(qualifiers).items()), "" if start in (None, date.min) else str(start)


def said(pool: str) -> dict[Any, Value]:
    return {key(value.parameter, value.qualifiers, value.start): value for value in load_pack(pool).values()}


@pytest.mark.parametrize(("pool", "row"), CASES, ids=named)
def test_the_row_says_what_the_document_says(pool: str, row: dict[str, Any]) -> None:
    value = said(pool)[key(row["parameter"], row.get("for", {}), row.get("from"))]
    assert plain(value.written) == plain(row.get("value"))
    assert (value.clause, value.status) == (row["clause"], row["status"])
    assert value.end == row.get("to", date.max)


@pytest.mark.parametrize(
    ("pool", "row"), [case for case in CASES if case[1]["status"] == "missing" and case[0] != "441500"], ids=named
)
def test_what_the_document_leaves_open_is_named_as_missing(pool: str, row: dict[str, Any]) -> None:
    with pytest.raises(PolicyMissing) as refusal:
        if row["parameter"] in STATISTICS:
            load_pack(pool).statistic(row["parameter"], 2026)
        else:
            load_pack(pool).value(row["parameter"], on=date(2030, 1, 1), **row.get("for", {}))
    told = refusal.value.members
    assert (told["parameter"], told["pool"], told["clause"]) == (row["parameter"], pool, row["clause"])


@pytest.mark.parametrize("pool", ROWS)
def test_no_value_of_a_pack_escapes_its_rows(pool: str) -> None:
    assert set(said(pool)) == {key(row["parameter"], row.get("for", {}), row.get("from")) for row in ROWS[pool]}


@pytest.mark.parametrize("pool", ROWS)
def test_every_reading_says_what_was_read_and_why(pool: str) -> None:
    readings = [value.reading for value in load_pack(pool).values() if value.status == "assumed"]
    assert all(len(reading) > 15 for reading in readings)


COUNTIES = {
    "330300": {
        "330302": "鹿城区", "330303": "龙湾区", "330304": "瓯海区", "330305": "洞头区", "330324": "永嘉县",
        "330326": "平阳县", "330327": "苍南县", "330328": "文成县", "330329": "泰顺县", "330371": "温州经开区",
        "330381": "瑞安市", "330382": "乐清市", "330383": "龙港市",
    },
    "441500": {"441502": "城区", "441521": "海丰县", "441523": "陆河县", "441581": "陆丰市"},
    "530400": {
        "530402": "红塔区", "530403": "江川区", "530423": "通海县", "530424": "华宁县", "530425": "易门县",
        "530426": "峨山县", "530427": "新平县", "530428": "元江县", "530481": "澄江市",
    },
}  # fmt: skip


@pytest.mark.parametrize("pool", ROWS)
def test_counties_are_the_pools_own_table(pool: str) -> None:
    assert load_pack(pool).counties == COUNTIES[pool]


@pytest.mark.parametrize(("parameter", "persons"), [
    ("pool.insured_persons", 2_408_700), ("pool.insured_goal", 2_000_000), ("pool.insured_goal_hoped", 2_408_700),
])  # fmt: skip
def test_the_districts_of_wenzhou_add_up_to_the_documents_total(parameter: str, persons: int) -> None:
    pack = load_pack("330300")
    day = date(2022, 7, 1)
    assert sum(pack.value(parameter, on=day, county=county).value for county in pack.counties) == persons


@pytest.mark.parametrize("day", [date(2001, 1, 1), date(2026, 7, 1), date(2040, 1, 1)])
def test_without_a_day_in_force_even_what_a_draft_states_is_missing(day: date) -> None:
    pack = load_pack("441500")
    with pytest.raises(PolicyMissing) as refusal:
        pack.value("assessment.organization_staff_min", on=day)
    assert refusal.value.members["parameter"] == "pool.in_force"
    with pytest.raises(PolicyMissing):
        pack.refuse_before_start(day)
