from datetime import date
from fractions import Fraction

import pytest
from changhu_common.errors import InvalidInput
from changhu_policies import (
    NOTHING,
    PolicyMissing,
    PolicyNotInForce,
    Supplied,
    build_pack,
    load_pack,
    pools,
    statistic_record,
)
from changhu_policies.folders import amended, read_pack

POOL = "211100"
INCOME = "city_resident_disposable_income"
A_DAY = date(2026, 7, 1)


def supplied(**record: object) -> Supplied:
    return Supplied.from_records([{"pool": POOL, "from": "2026-01-01", "source": "盘医保发〔2026〕1号", **record}])


def test_a_value_carries_its_clause_and_how_firm_it_is() -> None:
    value = load_pack(POOL).value("benefit.ratio", on=A_DAY, mode="home", category="employee")
    assert (value.value, value.clause, value.status) == (Fraction(4, 5), "二(六)3", "stated")


def test_a_pack_uses_only_the_qualifiers_that_it_varies_by() -> None:
    pack = load_pack(POOL)
    one = pack.value("benefit.ratio", on=A_DAY, mode="home", category="employee", grade=5, level="一")
    assert one is pack.value("benefit.ratio", on=A_DAY, mode="home", category="retiree")


def test_a_missing_value_is_told_with_parameter_pool_and_clause() -> None:
    with pytest.raises(PolicyMissing) as refusal:
        load_pack(POOL).value("handling.fee_share", on=A_DAY)
    assert refusal.value.code == "policy.missing"
    assert refusal.value.members == {"parameter": "handling.fee_share", "pool": POOL, "clause": "三(九)"}


def test_a_statistic_that_nobody_supplied_is_missing_with_its_year() -> None:
    with pytest.raises(PolicyMissing) as refusal:
        load_pack(POOL).statistic(INCOME, 2025)
    assert refusal.value.members == {"parameter": INCOME, "pool": POOL, "clause": "二(六)3", "year": 2025}


def test_before_the_document_begins_nothing_is_in_force() -> None:
    with pytest.raises(PolicyNotInForce) as refusal:
        load_pack(POOL).value("benefit.ratio", on=date(2020, 12, 31), mode="home")
    assert refusal.value.members == {"pool": POOL, "on": "2020-12-31"}
    assert load_pack(POOL).find("benefit.ratio", on=date(2020, 12, 31), mode="home") is None


def test_a_value_that_only_begins_later_is_not_in_force_yet() -> None:
    rate = {"value": "0.3%", "clause": "x", "status": "stated", "from": date(2027, 9, 1)}
    content = amended(
        read_pack(POOL),
        {"benefit.ratio": [{"mode": mode, **rate} for mode in ("home", "community", "institution")]},
    )
    with pytest.raises(PolicyNotInForce):
        build_pack(content).value("benefit.ratio", on=date(2027, 8, 31), mode="home")
    assert build_pack(content).value("benefit.ratio", on=date(2027, 9, 1), mode="home").value == Fraction(3, 1000)


def test_an_unknown_pool_is_refused_and_a_misspelt_parameter_is_a_fault_of_code() -> None:
    assert POOL in pools()
    with pytest.raises(InvalidInput):
        load_pack("999999")
    with pytest.raises(LookupError):
        load_pack(POOL).value("benefit.ration", on=A_DAY)


def test_a_supplied_statistic_answers_for_the_year_that_it_measures_and_no_other() -> None:
    pack = load_pack(POOL, Supplied.from_records([statistic_record(POOL, INCOME, 2025, 4_320_000)]))
    assert (pack.statistic(INCOME, 2025).value, pack.statistic(INCOME, 2025).status) == (4_320_000, "supplied")
    with pytest.raises(PolicyMissing):
        pack.statistic(INCOME, 2024)


def test_a_supplied_value_fills_what_is_missing_from_its_day_on_and_names_its_paper() -> None:
    pack = load_pack(POOL, supplied(parameter="benefit.ratio", qualifiers={"mode": "community"}, value="75%"))
    value = pack.value("benefit.ratio", on=A_DAY, mode="community")
    assert (value.value, value.status, value.source) == (Fraction(3, 4), "supplied", "盘医保发〔2026〕1号")
    with pytest.raises(PolicyMissing):
        pack.value("benefit.ratio", on=date(2025, 12, 31), mode="community")


def test_a_supplied_value_replaces_a_reading_for_its_days_only() -> None:
    pack = load_pack(POOL, supplied(parameter="benefit.limit.caps", value="eligible_cost", to="2026-12-31"))
    said = [pack.value("benefit.limit.caps", on=date(year, 7, 1)).value for year in (2025, 2026, 2027)]
    assert said == ["fund_payment", "eligible_cost", "fund_payment"]


def test_what_the_document_states_cannot_be_supplied() -> None:
    with pytest.raises(InvalidInput):
        load_pack(POOL, supplied(parameter="benefit.ratio", qualifiers={"mode": "home"}, value="90%"))


def test_of_two_approved_values_for_the_same_days_the_later_holds() -> None:
    records = [statistic_record(POOL, INCOME, 2025, fen) for fen in (4_320_000, 4_330_000)]
    assert load_pack(POOL, Supplied.from_records(records)).statistic(INCOME, 2025).value == 4_330_000


@pytest.mark.parametrize(
    "record",
    [
        {"parameter": "gdp", "value": 1},
        {"parameter": "benefit.ratio", "value": 0.8, "qualifiers": {"mode": "community"}},
        {"parameter": "benefit.ratio", "value": "180%", "qualifiers": {"mode": "community"}},
        {"parameter": "benefit.ratio", "value": "80%"},
        {"parameter": "benefit.ratio", "value": "80%", "qualifiers": {"colour": "red"}},
        {"parameter": "handling.fee_share", "value": "5%", "from": "2026-02-30"},
        {"parameter": "handling.fee_share", "value": "5%", "to": "2025-12-31"},
        {"parameter": "handling.fee_share", "value": "5%", "colour": "red"},
        {"parameter": INCOME, "value": 4_320_000},
        {"parameter": INCOME, "value": True, "from": "2025-01-01", "to": "2025-12-31"},
    ],
)
def test_a_supplied_value_that_nobody_can_read_is_refused(record: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        load_pack(POOL, supplied(**record))


def test_the_version_changes_with_what_is_said_and_not_with_how_it_is_written() -> None:
    content = read_pack(POOL)
    again = build_pack(content).version
    assert again == load_pack(POOL).version == load_pack(POOL, NOTHING).version
    other = amended(content, {"handling.fee_share": {"value": "5%", "clause": "三(九)", "status": "stated"}})
    assert build_pack(other).version != again


def test_the_version_counts_what_was_supplied_for_this_pool_alone() -> None:
    here = Supplied.from_records([statistic_record(POOL, INCOME, 2025, 4_320_000)])
    elsewhere = Supplied.from_records([statistic_record("999999", INCOME, 2025, 4_320_000)])
    assert load_pack(POOL, here).version != load_pack(POOL).version
    assert load_pack(POOL, elsewhere).version == load_pack(POOL).version


def test_a_folder_and_the_records_of_events_supply_the_same(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / f"{POOL}.yaml").write_text(
        "statistics:\n"
        f"  {INCOME}:\n"
        "    2025: {value: 4320000, source: 统计公报, entered_by: 甲, approved_by: 乙}\n"
        "values:\n"
        "  - {parameter: handling.fee_share, value: 5%, from: 2026-01-01, source: 协议}\n",
        encoding="utf-8",
    )
    records = [
        statistic_record(POOL, INCOME, 2025, 4_320_000, source="统计公报"),
        {"pool": POOL, "parameter": "handling.fee_share", "value": "5%", "from": "2026-01-01", "source": "协议"},
    ]
    by_folder = load_pack(POOL, Supplied.from_folder(tmp_path))
    assert by_folder.version == load_pack(POOL, Supplied.from_records(records)).version


@pytest.mark.parametrize(
    "content",
    [
        "statistics: {gdp: {2025: {value: 1}}}",
        f"statistics: {{{INCOME}: {{2025: {{value: 1, colour: red}}}}}}",
        f"statistics: {{{INCOME}: {{2025: 4320000}}}}",
        "pool: '999999'",
        "- a list",
        "a: [",
        "values: [{parameter: handling.fee_share, value: 5%, from: 2026-01-01},"
        " {parameter: handling.fee_share, value: 6%, from: 2026-06-01}]",
    ],
)
def test_a_folder_that_leaves_something_open_is_refused(tmp_path, content: str) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / f"{POOL}.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(InvalidInput):
        Supplied.from_folder(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidInput):
        Supplied.from_folder(tmp_path / "nowhere")
