"""What each city's document comes to for one person, asked as anybody outside would ask."""

import json
from copy import deepcopy
from typing import Any

import pytest
from changhu_standalone.cli import app
from typer.testing import CliRunner

WAGE = {"province_average_wage": {"2025": 9_600_000, "2026": 9_900_000}}
INCOME = {"province_resident_disposable_income": dict.fromkeys(("2025", "2026", "2027", "2028", "2029"), 3_000_000)}


def ask(kind: str, said: Any) -> tuple[int, Any]:
    result = CliRunner().invoke(app, ["try", kind, "--json"], input=json.dumps(said))
    return result.exit_code, json.loads(result.stdout)


def answer(kind: str, said: Any) -> Any:
    code, told = ask(kind, said)
    assert code == 0, told
    return told


def problem(kind: str, said: Any) -> Any:
    code, told = ask(kind, said)
    assert code == 1, told
    return told


def paid_by(told: Any) -> dict[str, int]:
    assert told["due_fen"] == sum(part["fen"] for part in told["parts"])
    return {part["payer"]: part["fen"] for part in told["parts"]}


def yuxi(category: str, on: str, **more: Any) -> dict[str, Any]:
    return {"pool": "530400", "category": category, "on": on, "statistics": WAGE | INCOME, **more}


# -- Yuxi, contributions


def test_an_employee_of_yuxi_and_the_employer_each_pay_their_rounded_share() -> None:
    told = answer("contribution", yuxi("employee", "2026-10-15", base_fen=543_210))
    assert (told["period"], paid_by(told)) == ("2026-10", {"employer": 815, "person": 815})
    assert {part["status"] for part in told["parts"]} == {"assumed"}
    assert any("现金" in reading for reading in told["readings"])


def test_a_retiree_of_yuxi_alone_pays_from_the_own_account() -> None:
    told = answer("contribution", yuxi("retiree", "2026-09-30", base_fen=321_777))
    assert told["parts"] == [{"payer": "personal_account", "fen": 483, "clause": "四(三)", "status": "stated"}]
    assert "readings" not in told


def test_the_flexible_base_of_yuxi_is_three_fifths_of_last_years_average_monthly_wage() -> None:
    assert paid_by(answer("contribution", yuxi("flexible", "2026-10-15"))) == {"person": 1440}
    assert paid_by(answer("contribution", yuxi("flexible", "2027-01-15"))) == {"person": 1485}
    missing = problem("contribution", yuxi("flexible", "2028-01-15"))
    assert (missing["code"], missing["parameter"]) == ("policy.missing", "province_average_wage")
    assert (missing["clause"], missing["year"]) == ("四(二)3", 2027)


@pytest.mark.parametrize(
    ("on", "period", "each"),
    [
        ("2027-09-01", "2028", 2250),
        ("2028-03-15", "2028", 2250),
        ("2028-08-31", "2028", 2250),
        ("2028-09-01", "2029", 3000),
        ("2029-08-31", "2029", 3000),
        ("2029-09-01", "2030", 4500),
        ("2030-05-01", "2030", 4500),
    ],
)
def test_residents_of_yuxi_pay_half_of_each_phases_rate_for_the_next_year(on: str, period: str, each: int) -> None:
    told = answer("contribution", yuxi("resident", on))
    assert (told["period"], paid_by(told)) == (period, {"government": each, "person": each})


def test_the_odd_fen_of_a_yuxi_residents_total_is_the_governments() -> None:
    odd = {"province_resident_disposable_income": {"2026": 3_000_500}}
    told = answer("contribution", yuxi("resident", "2027-09-15") | {"statistics": odd})
    assert paid_by(told) == {"government": 2251, "person": 2250}


@pytest.mark.parametrize(
    ("category", "on"),
    [("employee", "2026-08-31"), ("retiree", "2026-08-31"), ("resident", "2027-08-31"), ("minor", "2027-08-31")],
)
def test_before_a_categorys_collection_begins_in_yuxi_it_is_not_in_force(category: str, on: str) -> None:
    told = problem("contribution", yuxi(category, on, base_fen=1))
    assert (told["code"], told["pool"], told["on"]) == ("policy.not_in_force", "530400", on)


def test_minors_and_orphans_of_yuxi_owe_nothing() -> None:
    for marks in ([], ["orphan"], ["destitute", "orphan"]):
        told = answer("contribution", yuxi("minor", "2027-10-01", marks=marks))
        assert (told["period"], told["due_fen"], told["parts"]) == ("2028", 0, [])


def test_the_government_pays_all_for_the_destitute_of_yuxi_in_one_part() -> None:
    told = answer("contribution", yuxi("resident", "2027-09-15", marks=["destitute", "low_income"]))
    assert told["parts"] == [{"payer": "government", "fen": 4500, "clause": "四(二)4", "status": "assumed"}]


@pytest.mark.parametrize("mark", ["low_income", "poverty_monitored"])
def test_the_fixed_subsidy_of_yuxi_is_missing(mark: str) -> None:
    told = problem("contribution", yuxi("resident", "2027-09-15", marks=[mark]))
    assert (told["code"], told["parameter"], told["clause"]) == (
        "policy.missing", "contribution.subsidy_fen", "四(二)4",
    )  # fmt: skip


def test_a_relatives_account_may_pay_the_persons_share_in_yuxi() -> None:
    told = answer("contribution", yuxi("resident", "2027-09-15", family_account=True))
    assert paid_by(told) == {"government": 2250, "family_account": 2250}
    told = answer("contribution", yuxi("retiree", "2026-10-15", base_fen=321_777, family_account=True))
    assert paid_by(told) == {"personal_account": 483}
    without = yuxi("retiree", "2026-10-15", base_fen=321_777, marks=["no_personal_account"])
    assert paid_by(answer("contribution", without | {"family_account": True})) == {"family_account": 483}
    assert problem("contribution", without)["parameter"] == "contribution.payer_by_mark"


def test_a_draft_says_so_wherever_it_answers() -> None:
    told = answer("contribution", yuxi("flexible", "2026-10-15"))
    assert told["draft"] is True
    assert told["pack_version"].startswith("draft-")
    assert "征求意见稿" in problem("contribution", yuxi("resident", "2027-09-15", marks=["low_income"]))["detail"]
    shown = CliRunner().invoke(app, ["try", "contribution"], input=json.dumps(yuxi("flexible", "2026-10-15")))
    assert "征求意见稿" in shown.stdout


# -- Yuxi, a month

NOVEMBER: dict[str, Any] = {
    "pool": "530400",
    "month": "2027-11",
    "statistics": INCOME,
    "coverage": [{"category": "employee", "from": "2026-09-01"}],
    "grades": [{"scale": "national-2021", "grade": 4, "from": "2027-01-01", "to": "2028-12-31"}],
    "agreements": [{"provider": "P1", "modes": ["home", "community", "institution"], "from": "2026-09-01"}],
    "services": [
        {"id": "v1", "provider": "P1", "mode": "institution", "item": "LC12", "at": "2027-11-03T09:00:00+08:00",
         "cost_fen": 40_000},
    ],
}  # fmt: skip


def month(service: dict[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
    asked = deepcopy(NOVEMBER) | changed
    asked["services"][0] |= service or {}
    return asked


def only(told: Any) -> Any:
    (line,) = told["lines"]
    assert line["fund_fen"] + line["person_fen"] == line["cost_fen"] == told["cost_fen"]
    return line


def codes(told: Any) -> list[str]:
    return [finding["code"] for finding in only(told)["findings"]]


def test_the_yearly_limit_of_yuxi_leaves_what_earlier_months_did_not_use() -> None:
    told = answer("month", month(fund_paid_this_year_fen=1_490_000))
    assert (told["fund_fen"], told["person_fen"]) == (10_000, 30_000)
    assert (told["limit_fen"], told["limit_left_fen"]) == (1_500_000, 0)
    assert codes(told) == ["paid_by_ratio", "limit_reached"]
    assert codes(answer("month", month(fund_paid_this_year_fen=1_500_000))) == ["limit_used_up"]


@pytest.mark.parametrize("grade", [3, 4, 5])
def test_every_severe_grade_is_paid_seventy_percent_in_an_institution_of_yuxi(grade: int) -> None:
    told = answer("month", month(grades=[NOVEMBER["grades"][0] | {"grade": grade}]))
    assert (told["fund_fen"], told["limit_left_fen"]) == (28_000, 1_472_000)
    assert only(told)["findings"][0]["status"] == "assumed"


@pytest.mark.parametrize("mode", ["home", "community"])
def test_the_better_ratio_outside_institutions_is_missing_only_where_it_is_needed(mode: str) -> None:
    told = problem("month", month({"mode": mode}))
    assert (told["code"], told["parameter"], told["clause"]) == ("policy.missing", "benefit.ratio", "五(二)")
    assert codes(answer("month", month({"mode": mode}, agreements=[]))) == ["no_agreement"]


@pytest.mark.parametrize(
    ("category", "mon", "paid"),
    [("employee", "2026-12", False), ("employee", "2027-01", True), ("retiree", "2027-01", True),
     ("flexible", "2026-12", False), ("resident", "2027-12", False), ("resident", "2028-01", True),
     ("minor", "2027-12", False), ("minor", "2028-01", True)],
)  # fmt: skip
def test_benefits_in_yuxi_begin_by_category(category: str, mon: str, paid: bool) -> None:
    told = answer("month", month({"at": f"{mon}-03T09:00:00+08:00"}, month=mon,
                                 grades=[NOVEMBER["grades"][0] | {"from": "2026-10-01"}],
                                 coverage=[{"category": category, "from": "2026-09-01"}]))  # fmt: skip
    assert only(told)["paid"] is paid
    if not paid:
        assert [(each["code"], each["clause"]) for each in only(told)["findings"]] == [("benefits_not_begun", "三")]
    else:
        assert told["fund_fen"] == (20_000 if category in ("resident", "minor") else 28_000)


@pytest.mark.parametrize(("day", "paid"), [(2, True), (3, False), (5, False), (8, False), (9, True)])
def test_days_of_admission_and_discharge_count_as_in_hospital(day: int, paid: bool) -> None:
    stay = [{"from": "2027-11-03", "to": "2027-11-08"}]
    told = answer("month", month({"at": f"2027-11-{day:02d}T09:00:00+08:00"}, hospital_stays=stay))
    assert only(told)["paid"] is paid
    if not paid:
        assert [(each["code"], each["clause"]) for each in only(told)["findings"]] == [("in_hospital", "五(三)3")]


NOT_PAID: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("work_injury_care_fee", {}, {"other_benefits": [{"kind": "work_injury_care_fee", "from": "2027-01-01"}]},
     "五(三)2"),
    ("item_not_in_catalogue", {"item": "BED"}, {}, "五(三)1"),
    ("grade_too_low", {}, {"grades": [NOVEMBER["grades"][0] | {"grade": 2}]}, "五(一)"),
    ("not_assessed", {}, {"grades": []}, "五(一)"),
    ("not_insured", {}, {"coverage": []}, "四(一)"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "service", "changed", "clause"), NOT_PAID, ids=[each[0] for each in NOT_PAID])
def test_what_yuxi_does_not_pay_says_by_which_clause(
    code: str, service: dict[str, Any], changed: dict[str, Any], clause: str
) -> None:
    told = answer("month", month(service, **changed))
    assert (only(told)["paid"], only(told)["fund_fen"]) == (False, 0)
    assert [(each["code"], each["clause"]) for each in only(told)["findings"]] == [(code, clause)]


@pytest.mark.parametrize("kind", ["disability_subsidy", "elderly_subsidy"])
def test_subsidies_only_inform_in_yuxi(kind: str) -> None:
    told = answer("month", month(other_benefits=[{"kind": kind, "from": "2027-01-01"}]))
    assert (told["fund_fen"], codes(told)[0]) == (28_000, kind)


@pytest.mark.parametrize(
    "coverage",
    [
        [{"category": "employee", "from": "2027-01-02"}],
        [{"category": "employee", "from": "2026-09-01", "to": "2027-05-31"},
         {"category": "employee", "from": "2027-06-02"}],
    ],
    ids=["late", "after a break"],
)  # fmt: skip
def test_the_waiting_of_late_joiners_is_missing_only_where_it_would_matter(coverage: Any) -> None:
    told = problem("month", month(coverage=coverage))
    assert (told["code"], told["parameter"], told["clause"]) == (
        "policy.missing", "benefit.waiting_months", "五(四)",
    )  # fmt: skip
    assert codes(answer("month", month(coverage=coverage, grades=[]))) == ["not_assessed"]


def test_a_change_of_category_is_no_break() -> None:
    coverage = [
        {"category": "resident", "from": "2027-09-01", "to": "2027-10-31"},
        {"category": "employee", "from": "2027-11-01"},
    ]
    assert answer("month", month(coverage=coverage))["fund_fen"] == 28_000


# -- Wenzhou

COUNTIES = ("330382", "330381", "330324", "330328", "330326", "330329", "330327", "330383")
DISTRICTS = ("330302", "330303", "330304", "330305", "330371")


def wenzhou(category: str = "employee", on: str = "2022-07-01", county: str = "330381", **more: Any) -> dict[str, Any]:
    return {"pool": "330300", "category": category, "on": on, "county": county, **more}


@pytest.mark.parametrize("county", COUNTIES)
def test_in_the_counties_of_wenzhou_employer_and_person_pay_fifty_yuan_each(county: str) -> None:
    told = answer("contribution", wenzhou(county=county))
    assert (told["period"], paid_by(told)) == (
        "2022", {"employer_medical_contribution": 5000, "personal_account": 5000},
    )  # fmt: skip
    assert {part["clause"] for part in told["parts"]} == {"二(二)"}
    assert any("2022年度" in reading for reading in told["readings"])


@pytest.mark.parametrize("county", DISTRICTS)
def test_the_amount_of_the_old_urban_districts_of_wenzhou_is_missing(county: str) -> None:
    told = problem("contribution", wenzhou(county=county))
    assert (told["code"], told["parameter"], told["clause"]) == ("policy.missing", "contribution.base", "二(一)–(二)")


def test_wenzhou_decides_by_county_so_the_county_is_asked_for() -> None:
    asked = wenzhou()
    del asked["county"]
    told = problem("contribution", asked)
    assert (told["code"], [error["field"] for error in told["errors"]]) == ("input.invalid", ["county"])
    assert problem("contribution", wenzhou(county="530402"))["code"] == "input.invalid"


@pytest.mark.parametrize(
    ("on", "period"),
    [("2022-06-25", "2022"), ("2022-12-31", "2022"), ("2023-01-01", "2023"), ("2026-11-22", "2026")],
)
def test_a_contribution_of_wenzhou_pays_for_the_calendar_year(on: str, period: str) -> None:
    assert answer("contribution", wenzhou(on=on))["period"] == period


def test_before_its_first_day_wenzhous_scheme_is_not_in_force() -> None:
    told = problem("contribution", wenzhou(on="2022-06-24"))
    assert (told["code"], told["on"]) == ("policy.not_in_force", "2022-06-24")


@pytest.mark.parametrize("category", ["employee", "flexible"])
@pytest.mark.parametrize(
    ("marks", "family", "payer"),
    [
        ([], False, "personal_account"),
        ([], True, "personal_account"),
        (["no_personal_account"], True, "family_account"),
        (["no_personal_account"], False, "person"),
    ],
)
def test_the_persons_half_in_wenzhou_goes_by_order(category: str, marks: list[str], family: bool, payer: str) -> None:
    told = answer("contribution", wenzhou(category, marks=marks, family_account=family))
    first = {"employee": "employer_medical_contribution", "flexible": "own_medical_contribution"}[category]
    assert paid_by(told) == {first: 5000, payer: 5000}


@pytest.mark.parametrize("marks", [[], ["no_personal_account"]])
def test_a_retiree_of_wenzhou_alone_pays_the_whole_which_is_a_reading(marks: list[str]) -> None:
    told = answer("contribution", wenzhou("retiree", marks=marks, family_account=True))
    assert told["parts"] == [{"payer": "person", "fen": 10_000, "clause": "二(二)", "status": "assumed"}]
    assert any("养老金代扣" in reading for reading in told["readings"])


def test_residents_are_not_insured_in_wenzhou() -> None:
    assert problem("contribution", wenzhou("resident"))["code"] == "input.invalid"


def test_the_standards_of_care_are_missing_in_wenzhou() -> None:
    asked = month({"at": "2022-07-03T09:00:00+08:00"}, pool="330300", month="2022-07", statistics=None,
                  grades=[NOVEMBER["grades"][0] | {"from": "2022-06-25"}],
                  coverage=[{"category": "employee", "from": "2022-06-25"}])  # fmt: skip
    told = problem("month", asked)
    assert (told["code"], told["pool"], told["clause"]) == ("policy.missing", "330300", "二(四)")


# -- Shanwei


@pytest.mark.parametrize("category", ["employee", "retiree", "flexible", "resident", "minor"])
@pytest.mark.parametrize("on", ["1999-01-01", "2025-12-31", "2026-11-22", "2030-01-01"])
def test_in_shanwei_everything_is_missing_and_nothing_out_of_force(category: str, on: str) -> None:
    told = problem("contribution", {"pool": "441500", "category": category, "on": on, "base_fen": 1})
    assert (told["code"], told["pool"], told["clause"]) == ("policy.missing", "441500", "三(一)2")
    told = problem("month", {"pool": "441500", "month": on[:7]})
    assert (told["code"], told["parameter"]) == ("policy.missing", "pool.in_force")


def test_a_supplied_day_brings_a_draft_into_force(tmp_path: Any) -> None:
    folder = tmp_path / "supplied"
    folder.mkdir()
    values: list[dict[str, Any]] = [
        {"parameter": "pool.in_force", "value": "2026-07-01"},
        {"parameter": "contribution.collection", "value": "monthly"},
        {"parameter": "contribution.base", "value": "own"},
        {"parameter": "contribution.rounding", "value": "each_share"},
        {"parameter": "contribution.shares", "value": ["employer", "person"]},
        *({"parameter": "contribution.rate", "qualifiers": {"share": share}, "value": rate}
          for share, rate in (("employer", "0.1%"), ("person", "0.2%"))),
        *({"parameter": "contribution.payer", "qualifiers": {"share": share}, "value": share}
          for share in ("employer", "person")),
    ]  # fmt: skip
    said = {"values": [each | {"from": "2026-01-01", "source": "暂行办法"} for each in values]}
    (folder / "441500.yaml").write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")

    def asked(on: str) -> Any:
        question = json.dumps({"pool": "441500", "category": "employee", "on": on, "base_fen": 500_000})
        command = ["try", "contribution", "--json", "--supplied", str(folder)]
        return json.loads(CliRunner().invoke(app, command, input=question).stdout)

    assert paid_by(asked("2026-07-15")) == {"employer": 500, "person": 1000}
    assert {part["status"] for part in asked("2026-07-15")["parts"]} == {"supplied"}
    assert asked("2026-06-30")["code"] == "policy.not_in_force"
