import json
from pathlib import Path
from typing import Any

import pytest
from changhu_policies import Supplied, pools
from changhu_standalone.cli import app
from typer.testing import CliRunner, Result


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["policy", *arguments])


def test_every_pack_is_sound_and_answers_its_own_golden_cases() -> None:
    result = run("check", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["ok"]) == (0, True)
    assert [pack["pool"] for pack in told["packs"]] == list(pools())
    assert all(pack["golden"] for pack in told["packs"])


def test_a_pack_is_shown_with_clause_status_and_reading_on_a_day() -> None:
    told = json.loads(run("show", "211100", "--on", "2026-07-01", "--json").stdout)
    assert told["pack_version"]
    shown = {(value["parameter"], *value["qualifiers"].values()): value for value in told["values"]}
    assert shown["benefit.ratio", "home"]["value"] == "80%"
    assert shown["benefit.ratio", "home"]["clause"] == "二(六)3"
    assert shown["benefit.ratio", "community"]["status"] == "missing"
    assert shown["benefit.limit.caps",]["reading"]
    assert "handling.supervision" in {value["parameter"] for value in told["values"]}


def test_a_reader_sees_the_pack_as_a_table() -> None:
    result = run("show", "211100", "--on", "2026-07-01")
    assert result.exit_code == 0
    assert "benefit.ratio" in result.stdout
    assert "二(六)3" in result.stdout


def test_a_pool_a_day_or_a_time_that_is_not_there_is_refused() -> None:
    def code(*arguments: str) -> str:
        result = run("show", *arguments, "--json")
        assert result.exit_code == 1
        return str(json.loads(result.stdout)["code"])

    assert code("999999", "--on", "2026-07-01") == "input.invalid"
    assert code("211100", "--on", "2026-02-30") == "input.invalid"
    assert code("211100", "--on", "2020-12-31") == "policy.not_in_force"


def told(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def code(*arguments: str) -> str:
    result = run(*arguments, "--json")
    assert result.exit_code == 1
    return str(json.loads(result.stdout)["code"])


def test_a_parameter_is_explained_with_its_value_clause_and_history() -> None:
    said = told("explain", "530400", "contribution.rate", "--on", "2028-10-01", "--for", "category=resident",
                "--for", "share=person")  # fmt: skip
    (value,) = said["values"]
    assert (value["value"], value["clause"], value["status"]) == ("0.1%", "三、四(二)4", "stated")
    assert [(each["value"], each["from"], each["to"]) for each in said["history"]] == [
        ("0.075%", "2027-09-01", "2028-08-31"),
        ("0.1%", "2028-09-01", "2029-08-31"),
        ("0.15%", "2029-09-01", None),
    ]
    assert (said["draft"], said["varies_by"], said["title"]) == (True, ["category", "share"], "费率")


def test_a_reading_and_what_is_missing_are_explained_too() -> None:
    said = told("explain", "211100", "benefit.limit.caps", "--on", "2026-07-01")
    assert "封顶" in said["values"][0]["reading"]
    said = told("explain", "441500", "pool.in_force", "--on", "2026-07-01")
    assert said["values"][0]["status"] == "missing"
    said = told("explain", "330300", "contribution.base", "--on", "2026-07-01", "--for", "county=330302")
    assert (said["values"][0]["status"], said["values"][0]["clause"]) == ("missing", "二(一)–(二)")


def test_what_was_supplied_is_explained_with_its_paper(tmp_path: Path) -> None:
    said = {"parameter": "benefit.ratio", "qualifiers": {"mode": "community"}, "value": "75%", "from": "2026-01-01"}
    text = json.dumps({"values": [said | {"source": "批复"}]}, ensure_ascii=False)
    (tmp_path / "211100.yaml").write_text(text, encoding="utf-8")
    asked = ("explain", "211100", "benefit.ratio", "--for", "mode=community", "--supplied", str(tmp_path))
    (value,) = told(*asked, "--on", "2026-07-01")["values"]
    assert (value["value"], value["status"], value["source"]) == ("75%", "supplied", "批复")
    (before,) = told(*asked, "--on", "2025-07-01")["values"]
    assert before["status"] == "missing"


def test_a_question_about_nothing_is_refused() -> None:
    assert code("explain", "211100", "benefit.ration") == "input.invalid"
    assert code("explain", "211100", "benefit.ratio", "--for", "home") == "input.invalid"
    assert code("explain", "999999", "benefit.ratio") == "input.invalid"
    assert code("diff", "211100@yesterday", "211100") == "input.invalid"
    assert code("diff", "211100", "999999") == "input.invalid"
    assert code("missing", "211100", "--on", "2026-02-30") == "input.invalid"


def test_one_city_on_two_days_differs_where_its_rule_changed() -> None:
    said = told("diff", "530400@2028-01-01", "530400@2029-10-01")
    assert {each["parameter"] for each in said["differences"]} == {"contribution.rate"}
    assert [(each["a"]["value"], each["b"]["value"]) for each in said["differences"]] == [("0.075%", "0.15%")] * 2
    assert told("diff", "211100@2026-01-01", "211100@2027-01-01")["differences"] == []


def test_two_cities_differ_by_value_and_not_by_clause() -> None:
    said = told("diff", "211100@2028-01-01", "530400@2028-01-01")
    by_name = {(each["parameter"], *each["qualifiers"].values()): each for each in said["differences"]}
    assert by_name["benefit.limit.period",]["a"]["value"] == "month"
    assert by_name["benefit.limit.period",]["b"]["value"] == "year"
    assert by_name["contribution.rate", "resident", "person"]["a"] is None
    assert ("coverage.death",) not in by_name
    assert ("coverage.suspended",) in by_name


@pytest.mark.parametrize("pool", pools())
def test_what_is_missing_is_listed_with_its_clause(pool: str) -> None:
    said = told("missing", pool)
    pack = next(each for each in told("check")["packs"] if each["pool"] == pool)
    assert len(said["missing"]) == pack["missing"] > 0
    assert all(each["clause"] and each["title"] for each in said["missing"])


def test_a_statistic_of_last_year_is_missing_until_it_is_supplied(tmp_path: Path) -> None:
    def lacks(on: str) -> bool:
        said = told("missing", "530400", "--on", on, "--supplied", str(tmp_path))
        return "province_average_wage" in {each["parameter"] for each in said["missing"]}

    (tmp_path / "530400.yaml").write_text("statistics: {province_average_wage: {2025: {value: 9600000}}}")
    assert not lacks("2026-10-01")
    assert lacks("2027-10-01")


@pytest.mark.parametrize(
    "arguments",
    [
        ("check",),
        ("explain", "530400", "contribution.payer_by_mark", "--on", "2028-01-01"),
        ("diff", "211100", "330300"),
        ("missing", "330300"),
        ("show", "441500", "--on", "2026-07-01"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_reader_gets_a_table_of_each(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert "文件" in result.stdout or "版本" in result.stdout or "不同的参数" in result.stdout


def test_a_supplied_folder_is_exported_as_it_is_read(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    said = {
        "statistics": {"city_resident_disposable_income": {2025: {"value": 4_320_000, "source": "公报",
                                                                  "entered_by": "甲", "approved_by": "乙"}}},
        "values": [{"parameter": "benefit.ratio", "qualifiers": {"mode": "community"}, "value": "75%",
                    "from": "2026-01-01", "to": None, "source": "批复"}],
    }  # fmt: skip
    (first / "211100.yaml").write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
    for _ in range(2):
        (file,) = told("export", str(second), "--supplied", str(first))["files"]
        assert file["values"] == 2
    assert Supplied.from_folder(second) == Supplied.from_folder(first)
    (second / "330300.yaml").write_text("{}")
    assert code("export", str(second), "--supplied", str(first)) == "input.invalid"
