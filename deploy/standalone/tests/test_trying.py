import json
import random
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from changhu_policies import scales
from changhu_standalone.cli import app
from typer.testing import CliRunner, Result

EMPLOYEE = {"pool": "211100", "category": "employee", "on": "2026-07-15", "base_fen": 543210, "marks": []}
PERSON_MONTH: dict[str, Any] = {
    "pool": "211100",
    "month": "2026-07",
    "statistics": {"city_resident_disposable_income": {"2025": 4320000}},
    "coverage": [{"category": "employee", "from": "2015-01-01", "to": None}],
    "grades": [{"scale": "national-2021", "grade": 5, "from": "2026-01-01", "to": "2027-12-31"}],
    "agreements": [{"provider": "P1", "modes": ["home", "institution"], "from": "2026-01-01", "to": None}],
    "hospital_stays": [],
    "other_benefits": [],
    "fund_paid_this_year_fen": 0,
    "services": [
        {
            "id": "v1",
            "provider": "P1",
            "mode": "home",
            "item": "LC12",
            "at": "2026-07-03T09:00:00+08:00",
            "cost_fen": 200000,
        }
    ],
}
SERVICE = PERSON_MONTH["services"][0]


def run(kind: str, said: Any, *options: str) -> Result:
    text = said if isinstance(said, str | bytes) else json.dumps(said)
    return CliRunner().invoke(app, ["try", kind, *options], input=text)


def answer(kind: str, said: Any, *options: str) -> Any:
    result = run(kind, said, "--json", *options)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def problem(kind: str, said: Any, *options: str) -> Any:
    result = run(kind, said, "--json", *options)
    assert result.exit_code == 1, result.output
    told = json.loads(result.stdout)
    assert {"type", "title", "status", "detail", "code"} <= set(told)
    return told


def faults(kind: str, said: Any) -> set[str]:
    told = problem(kind, said)
    assert told["code"] == "input.invalid"
    return {error["field"] for error in told["errors"]}


def month(**changed: Any) -> dict[str, Any]:
    return deepcopy(PERSON_MONTH) | changed


def test_the_contribution_of_the_interface_is_answered_as_written() -> None:
    told = answer("contribution", EMPLOYEE | {"statistics": {"province_average_wage": {"2025": 9600000}}})
    assert told.pop("pack_version")
    assert told == {
        "pool": "211100",
        "period": "2026-07",
        "due_fen": 2172,
        "parts": [
            {"payer": "employer_medical_contribution", "fen": 1086, "clause": "二(五)1–2", "status": "stated"},
            {"payer": "personal_account", "fen": 1086, "clause": "二(五)1–2", "status": "stated"},
        ],
    }


def test_the_month_of_the_interface_is_answered_as_written() -> None:
    told = answer("month", PERSON_MONTH)
    assert told.pop("pack_version")
    (line,) = told.pop("lines")
    assert told == {
        "pool": "211100", "month": "2026-07", "cost_fen": 200000, "fund_fen": 160000, "person_fen": 40000,
        "limit_fen": 252000, "limit_left_fen": 92000,
    }  # fmt: skip
    (finding,) = line.pop("findings")
    assert line == {"id": "v1", "cost_fen": 200000, "fund_fen": 160000, "person_fen": 40000, "paid": True}
    assert set(finding) == {"code", "clause", "text", "status"}
    assert (finding["clause"], finding["status"]) == ("二(六)3", "stated")


def test_scores_are_graded_with_totals_bands_and_reasons() -> None:
    items = [item.key for dimension in scales()["national-2021"].dimensions for item in dimension.items]
    told = answer("grade", {"scale": "national-2021", "scores": dict.fromkeys(items, 0)})
    reasons = told.pop("reasons")
    assert told == {
        "scale": "national-2021", "grade": 5, "totals": {"adl": 0, "cognition": 0, "perception": 0},
        "bands": {"adl": "severe", "cognition": "severe", "perception": "severe"}, "status": "assumed",
    }  # fmt: skip
    assert reasons


def test_a_file_is_read_as_standard_input_is(tmp_path: Path) -> None:
    file = tmp_path / "question.json"
    file.write_text(json.dumps(PERSON_MONTH), encoding="utf-8")
    result = CliRunner().invoke(app, ["try", "month", str(file), "--json"])
    assert json.loads(result.stdout) == answer("month", PERSON_MONTH)


def test_lists_and_nulls_may_be_left_out() -> None:
    bare = {"pool": "211100", "month": "2026-07"}
    told = answer("month", bare)
    assert (told["lines"], told["limit_fen"], told["limit_left_fen"], told["cost_fen"]) == ([], None, None, 0)
    filled = dict.fromkeys(
        ("statistics", "coverage", "grades", "agreements", "hospital_stays", "other_benefits", "disabled_since",
         "fund_paid_this_year_fen", "services")
    )  # fmt: skip
    assert answer("month", bare | filled) == told


def test_an_agreement_without_modes_is_one_for_no_mode() -> None:
    agreement = {name: said for name, said in PERSON_MONTH["agreements"][0].items() if name != "modes"}
    (line,) = answer("month", month(agreements=[agreement]))["lines"]
    assert [finding["code"] for finding in line["findings"]] == ["mode_not_agreed"]


def test_the_order_of_facts_never_changes_the_answer() -> None:
    services = [SERVICE | {"id": f"v{number}", "cost_fen": number * 10_000} for number in range(1, 12)]
    expected = answer("month", month(services=services))
    for seed in range(3):
        shuffled = services * 2
        random.Random(seed).shuffle(shuffled)
        assert answer("month", month(services=shuffled)) == expected


def test_what_the_limit_of_a_month_ignores_is_what_earlier_months_were_paid() -> None:
    assert answer("month", month(fund_paid_this_year_fen=10**9))["fund_fen"] == 160000


def test_the_questions_own_statistic_goes_before_the_folders(tmp_path: Path) -> None:
    folder = tmp_path / "supplied"
    folder.mkdir()
    (folder / "211100.yaml").write_text(
        "statistics: {city_resident_disposable_income: {2025: {value: 3600000, source: 公报}}}", encoding="utf-8"
    )
    without = month()
    del without["statistics"]
    assert answer("month", without, "--supplied", str(folder))["limit_fen"] == 210000
    assert answer("month", month(), "--supplied", str(folder))["limit_fen"] == 252000


def test_where_there_is_no_statistic_it_is_named_as_missing() -> None:
    told = problem("month", month(statistics={"city_resident_disposable_income": {"2024": 1}}))
    assert told["code"] == "policy.missing"
    assert (told["parameter"], told["pool"]) == ("city_resident_disposable_income", "211100")
    assert told["clause"] == "二(六)3"


def test_before_the_pack_begins_the_pool_and_day_are_told() -> None:
    told = problem("contribution", EMPLOYEE | {"on": "2020-12-31"})
    assert (told["code"], told["pool"], told["on"]) == ("policy.not_in_force", "211100", "2020-12-31")
    assert problem("month", {"pool": "211100", "month": "2020-12"})["code"] == "policy.not_in_force"


@pytest.mark.parametrize(
    "said",
    [
        "", "[", "[]", "null", '"text"', "{} {}", '{"pool": NaN}', '{"pool": "211100", "pool": "211100"}',
        b"\xff\xfe", '{"pool": "\\ud800"}', "[" * 50_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["grade", "contribution", "month"])
def test_what_is_no_json_object_is_refused(kind: str, said: str | bytes) -> None:
    told = problem(kind, said)
    assert told["code"] == "input.invalid"
    assert told["errors"]


def test_a_file_or_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["try", "month", str(tmp_path / "nothing.json"), "--json"])
    assert (result.exit_code, json.loads(result.stdout)["code"]) == (1, "input.invalid")
    assert problem("month", PERSON_MONTH, "--supplied", str(tmp_path / "nowhere"))["code"] == "input.invalid"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"pool": "999999"}, "pool"),
        ({"pool": 211100}, "pool"),
        ({"category": "king"}, "category"),
        ({"category": "resident"}, "category"),
        ({"on": "2026-02-30"}, "on"),
        ({"on": "2026-07-15T00:00:00"}, "on"),
        ({"on": 1784073600}, "on"),
        ({"base_fen": -1}, "base_fen"),
        ({"base_fen": 1.0}, "base_fen"),
        ({"base_fen": True}, "base_fen"),
        ({"base_fen": "543210"}, "base_fen"),
        ({"base_fen": None}, "base_fen"),
        ({"base_fen": 10**30}, "base_fen"),
        ({"marks": ["rich"]}, "marks.0"),
        ({"marks": "orphan"}, "marks"),
        ({"county": "330302"}, "county"),
        ({"family_account": "yes"}, "family_account"),
        ({"statistics": {"gdp": {"2025": 1}}}, "statistics.gdp"),
        ({"statistics": {"province_average_wage": {"25": 1}}}, "statistics.province_average_wage.25"),
        ({"statistics": {"province_average_wage": {"2025": -1}}}, "statistics.province_average_wage.2025"),
        ({"colour": None}, "colour"),
    ],
)
def test_a_contribution_question_with_a_fault_names_the_field(changed: dict[str, Any], field: str) -> None:
    assert faults("contribution", EMPLOYEE | changed) == {field}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"month": "2026-13"}, "month"),
        ({"month": "2026-7"}, "month"),
        ({"services": [SERVICE | {"at": "2026-07-03T09:00:00"}]}, "services.0.at"),
        ({"services": [SERVICE | {"at": "2026-07-31T16:00:00Z"}]}, "services.0.at"),
        ({"services": [SERVICE | {"at": "2026-06-30T15:59:59Z"}]}, "services.0.at"),
        ({"services": [SERVICE | {"cost_fen": -1}]}, "services.0.cost_fen"),
        ({"services": [SERVICE | {"cost_fen": 1.5}]}, "services.0.cost_fen"),
        ({"services": [SERVICE | {"mode": "cloud"}]}, "services.0.mode"),
        ({"services": [SERVICE | {"price": 1}]}, "services.0.price"),
        ({"services": [SERVICE, SERVICE | {"cost_fen": 1}]}, "services.1.id"),
        ({"services": [{}]}, "services.0.id"),
        ({"coverage": PERSON_MONTH["coverage"] * 2}, "coverage.1.from"),
        ({"coverage": [{"category": "resident", "from": "2015-01-01"}]}, "coverage.0.category"),
        ({"coverage": [{"category": "employee", "from": "2015-01-01", "to": "2014-01-01"}]}, "coverage.0.to"),
        ({"coverage": [{"category": "employee"}]}, "coverage.0.from"),
        ({"grades": PERSON_MONTH["grades"] * 2}, "grades.1.from"),
        ({"grades": [PERSON_MONTH["grades"][0] | {"grade": 6}]}, "grades.0.grade"),
        ({"grades": [PERSON_MONTH["grades"][0] | {"scale": "mine"}]}, "grades.0.scale"),
        ({"agreements": [PERSON_MONTH["agreements"][0] | {"modes": ["cloud"]}]}, "agreements.0.modes.0"),
        ({"other_benefits": [{"kind": "lottery", "from": "2026-01-01"}]}, "other_benefits.0.kind"),
        ({"hospital_stays": [{"from": "2026-07-05", "to": "2026-07-01"}]}, "hospital_stays.0.to"),
        ({"disabled_since": "yesterday"}, "disabled_since"),
        ({"fund_paid_this_year_fen": -5}, "fund_paid_this_year_fen"),
        ({"died_on": "2026-07-01"}, "died_on"),
    ],
)
def test_a_month_question_with_a_fault_names_the_field(changed: dict[str, Any], field: str) -> None:
    assert field in faults("month", month(**changed))


@pytest.mark.parametrize("wrong", [{"eating": 3}, {"eating": True}, {"eating": None}, {"singing": 5}, {"eating": 5.0}])
def test_scores_with_a_fault_name_the_item(wrong: dict[str, Any]) -> None:
    items = [item.key for dimension in scales()["national-2021"].dimensions for item in dimension.items]
    said = {"scale": "national-2021", "scores": dict.fromkeys(items, 0) | wrong}
    assert faults("grade", said) == {f"scores.{next(iter(wrong))}"}
    assert faults("grade", {"scale": "katz", "scores": {}}) == {"scale"}


def test_a_reader_gets_tables_and_sentences() -> None:
    told = run("month", PERSON_MONTH)
    assert told.exit_code == 0
    assert "1,600.00" in told.stdout
    assert "医保费划出" in run("contribution", EMPLOYEE).stdout
    refused = run("contribution", EMPLOYEE | {"on": "2020-12-31"})
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "政策尚未施行" in refused.stderr
