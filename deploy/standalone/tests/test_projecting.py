"""A fund is projected from what a standalone's services hold: as a table, JSON, a workbook, a document, a picture."""

import asyncio
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import fastexcel
import pytest
import yaml
from changhu_common.ids import new_id
from changhu_common.resident_numbers import ResidentNumber
from changhu_common.roles import Grant, Role
from changhu_standalone.cli import app
from changhu_standalone.deployment import Standalone
from enrollment.app import SERVICE as ENROLLMENT
from enrollment.storage.identities import Identities
from pypdf import PdfReader
from stdnum.cn import ric
from typer.testing import CliRunner, Result

POOL, COUNTY = "211100", "211102"
ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "docs" / "projection-assumptions.yaml"
BASE_FEN = 543_210
A_YEAR_FEN = 12 * 2172
SETTLED_FEN, OPENING_FEN = 90_000, 1_000_000
DISABLED, INSURED = 12, 40


def seed(standalone: Standalone) -> None:
    """Forty employees in their seventies, twelve of them disabled; 900 yuan paid in three months; 10,000 in hand."""
    identities = Identities(standalone.settings(ENROLLMENT))
    persons = [new_id() for _ in range(INSURED)]
    with standalone.server.connect("enrollment") as connection:
        connection.execute("SET session_replication_role = replica")
        for number, person in enumerate(persons):
            enrol(connection, identities, person, number)
        connection.commit()
    with standalone.server.connect("assessment") as connection:
        connection.execute("SET session_replication_role = replica")
        for person in persons[:DISABLED]:
            connection.execute(
                "INSERT INTO conclusion (id, application_id, round, person_id, place, pool, county, scale,"
                ' scale_version, grade, level, start, "end", valid_until, disabled_since, published_on,'
                " pack_version, revision, void)"
                " VALUES (%s, %s, 1, %s, 1, %s, %s, 'national-2021', '2021', 5, '一', '2026-01-01', '2027-12-31',"
                " '2027-12-31', '2025-01-01', '2026-01-01', 'v', 1, false)",
                (new_id(), new_id(), person, POOL, COUNTY),
            )
        connection.commit()
    with standalone.server.connect("settlement") as connection:
        connection.execute("SET session_replication_role = replica")
        settle(connection, persons[0])
        connection.commit()
    with standalone.server.connect("fund_ledger") as connection:
        connection.execute("SET session_replication_role = replica")
        for account, debit, credit in (("1003", OPENING_FEN, 0), ("4001", 0, OPENING_FEN)):
            connection.execute(
                "INSERT INTO daily_total VALUES (%s, '2026-06-30', '2026-06-30', false, %s, %s, 'employees', %s, %s)",
                (POOL, account, COUNTY, debit, credit),
            )
        connection.commit()


def enrol(connection: Any, identities: Identities, person: UUID, number: int) -> None:
    body = f"{COUNTY}19500101{number:03d}"
    sealed = identities.sealed(
        person, name="某人", number=ResidentNumber(body + str(ric.calc_check_digit(body + "0"))), phone=None
    )
    connection.execute(
        "INSERT INTO person (id, pool, county, name, resident_number, resident_number_index, marks, family_account,"
        " revision) VALUES (%s, %s, %s, %s, %s, %s, '[]', false, 1)",
        (person, POOL, COUNTY, sealed["name"], sealed["resident_number"], sealed["resident_number_index"]),
    )
    coverage = new_id()
    connection.execute(
        "INSERT INTO coverage (id, pool, person_id, category, start) VALUES (%s, %s, %s, 'employee', '2025-01-01')",
        (coverage, POOL, person),
    )
    connection.execute("INSERT INTO contribution_base VALUES (%s, '2025-01-01', %s)", (coverage, BASE_FEN))


def settle(connection: Any, person: UUID) -> None:
    statement, payment = new_id(), new_id()
    connection.execute(
        "INSERT INTO statement (id, organization_id, pool, county, month, status, cost_fen, fund_fen, person_fen,"
        " payments, adjustments, pack_version, transfer_id, paid_on, bank_reference)"
        " VALUES (%s, %s, %s, %s, '2026-04', 'paid', %s, %s, 0, 1, 0, 'v', %s, '2026-05-20', 'B1')",
        (statement, new_id(), POOL, COUNTY, SETTLED_FEN, SETTLED_FEN, new_id()),
    )
    connection.execute(
        "INSERT INTO payment (id, statement_id, organization_id, person_id, month, county, category, cost_fen,"
        " fund_fen, person_fen, pack_version) VALUES (%s, %s, %s, %s, '2026-04', %s, 'employee', %s, %s, 0, 'v')",
        (payment, statement, new_id(), person, COUNTY, SETTLED_FEN, SETTLED_FEN),
    )
    connection.execute(
        "INSERT INTO statement_line (payment_id, line_id, statement_id, visit_id, item, quantity, at, mode, status,"
        " cost_fen, fund_fen, person_fen, findings)"
        " VALUES (%s, %s, %s, %s, 'LC01', 1, '2026-04-03T09:00+08', 'home', 'paid', %s, %s, 0, '[]')",
        (payment, new_id(), statement, new_id(), SETTLED_FEN, SETTLED_FEN),
    )


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """A deployment with a small city, kept up so that each command finds it quickly."""
    # Not pytest's own: PostgreSQL's user could not walk in.
    folder = Path(tempfile.mkdtemp(prefix="changhu-city-"))
    standalone = Standalone(folder)
    try:
        standalone.start()
        seed(standalone)
        yield folder
    finally:
        standalone.stop()
        shutil.rmtree(folder, ignore_errors=True)


def still(**more: Any) -> dict[str, Any]:
    """Assumptions under which nothing changes."""
    zero = {"value": 0, "source": "试", "status": "assumed"}
    said: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    rates = dict.fromkeys(said["rates"], zero) | {"collection_rate": {**zero, "value": "100%"}}
    mortality = {"source": "试", "status": "assumed", "male": {0: 0}, "female": {0: 0}}
    return {"title": "不变", "rates": rates, "mortality": mortality, **more}


@pytest.fixture
def assumed(tmp_path: Path) -> Path:
    return written(tmp_path, still())


def written(folder: Path, said: dict[str, Any]) -> Path:
    path = folder / "assumptions.yaml"
    path.write_text(yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")
    return path


def project(assumed: Path, data: Path, *more: str, years: int = 3) -> Result:
    where = ["--assumptions", str(assumed), "--years", str(years), "--on", "2026-07-15", "--data", str(data)]
    return CliRunner().invoke(app, ["ledger", "project", POOL, *where, *more])


def told(assumed: Path, data: Path, *more: str, years: int = 3) -> dict[str, Any]:
    result = project(assumed, data, "--json", *more, years=years)
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def totals(answer: dict[str, Any], variant: str = "middle") -> list[dict[str, Any]]:
    (course,) = (each for each in answer["variants"] if each["variant"] == variant)
    return [each for each in course["years"] if each["scheme"] == "total"]


def test_a_city_where_nothing_changes_goes_on_in_a_straight_line(assumed: Path, data: Path) -> None:
    answer = told(assumed, data)
    a_year = INSURED * A_YEAR_FEN - 4 * SETTLED_FEN  # paid in three months
    assert [each["balance_fen"] for each in totals(answer)] == [OPENING_FEN + a_year * n for n in (1, 2, 3)]
    assert (answer["first_year"], answer["settled_months"]) == (2027, 3)
    assert [each["people"] for each in totals(answer)] == [INSURED] * 3


def test_the_first_years_contributions_are_the_simulations_own(assumed: Path, data: Path) -> None:
    simulated = CliRunner().invoke(
        app, ["policy", "simulate", POOL, "--against", POOL, "--year", "2027", "--data", str(data), "--json"]
    )
    assert totals(told(assumed, data))[0]["contributions_fen"] == json.loads(simulated.stdout)["due_fen"]


def test_the_example_that_comes_along_makes_a_projection(data: Path) -> None:
    answer = told(EXAMPLE, data, years=30)
    low, middle, high = (totals(answer, name)[-1]["balance_fen"] for name in ("low", "middle", "high"))
    assert low < middle < high
    assert {each["status"] for each in answer["assumptions"]} == {"assumed"}
    assert all(each["source"] for each in answer["assumptions"])


def test_a_reader_gets_every_file_with_what_is_assumed(assumed: Path, data: Path, tmp_path: Path) -> None:
    result = project(EXAMPLE, data, "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    assert "缴费基数年增长率" in result.stdout
    files = {path.suffix: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert set(files) == {".json", ".xlsx", ".pdf", ".png", ".html"}
    assert files[".png"].startswith(b"\x89PNG")
    assert "缴费基数年增长率" in files[".html"].decode()
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(files[".pdf"])).pages]
    assert any("缴费基数年增长率 2%／3%／4%（暂按理解）" in page for page in pages)  # below a chart
    assert "制表：" in pages[-1]
    sheets = fastexcel.read_excel(files[".xlsx"]).sheet_names
    assert {"基金收支测算", "中方案 合计", "测算假设"} <= set(sheets)


def test_the_same_data_and_assumptions_make_the_same_answer(data: Path) -> None:
    assert told(EXAMPLE, data) == told(EXAMPLE, data)


def test_few_people_are_not_shown(data: Path, tmp_path: Path) -> None:
    dying = still()
    dying["mortality"]["male"] = dying["mortality"]["female"] = {0: "50%"}
    found = totals(told(written(tmp_path, dying), data))
    assert [each["disabled"] for each in found] == [
        {"national-2021 5": DISABLED},
        {"national-2021 5": None},  # six of them
        {"national-2021 5": None},
    ]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"rates": {}}, "rates.base_growth"),
        ({"colour": 1}, "colour"),
        ({"mortality": {"source": "试", "status": "assumed", "male": {0: "much"}, "female": {0: 0}}}, "mortality.male"),
        ({"entrants": [{"category": "knight", "age": 1, "value": 0, "source": "试", "status": "assumed"}]},
         "entrants.0.category"),
        ({"leavers": [{"category": "employee", "value": {"low": 1}, "source": "试", "status": "assumed"}]},
         "leavers.0.value"),
        ({"leavers": [{"category": "employee", "value": 0, "source": "", "status": "assumed"}]}, "leavers.0.source"),
        ({"leavers": [{"category": "employee", "value": 0, "source": "试", "status": "missing"}]}, "leavers.0.status"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_told_by_its_place(
    said: dict[str, Any], field: str, data: Path, tmp_path: Path
) -> None:
    result = project(written(tmp_path, still(**said)), data, "--json")
    problem = json.loads(result.stdout)
    assert (result.exit_code, problem["code"]) == (1, "input.invalid")
    assert field in {each["field"] for each in problem["errors"]}


def test_a_scheme_of_which_nobody_knows_what_it_pays_is_named(assumed: Path, data: Path) -> None:
    where = ["--assumptions", str(assumed), "--years", "3", "--on", "2026-04-30", "--data", str(data), "--json"]
    result = CliRunner().invoke(app, ["ledger", "project", POOL, *where])
    problem = json.loads(result.stdout)
    assert (result.exit_code, problem["code"]) == (1, "projection.basis_missing")
    assert [each["field"] for each in problem["errors"]] == ["benefits.employees"]


@pytest.mark.parametrize(
    ("more", "field"),
    [({"years": 2}, "years"), ({"first": "2030"}, "first_year"), ({"file": "nowhere"}, "assumptions")],
)
def test_what_cannot_be_projected_is_refused(more: dict[str, Any], field: str, assumed: Path, data: Path) -> None:
    first = ["--first-year", more["first"]] if "first" in more else []
    result = project(Path(more.get("file", assumed)), data, "--json", *first, years=more.get("years", 3))
    problem = json.loads(result.stdout)
    assert (result.exit_code, problem["errors"][0]["field"]) == (1, field)


def test_the_same_projection_is_asked_for_over_http(assumed: Path, data: Path) -> None:
    answer = asyncio.run(asked_over_http(data))
    assert totals(answer) == totals(told(assumed, data))
    assert [each["county"] for each in answer["variants"][1]["counties"]] == [COUNTY] * 3
    rate = next(each for each in answer["policy"] if each["parameter"] == "费率" or "费率" in each["parameter"])
    assert (rate["status"], rate["value"]) == ("文件规定", "0.2%")


async def asked_over_http(data: Path) -> dict[str, Any]:
    standalone = Standalone(data).start()
    try:
        return await asked_of(standalone)
    finally:
        standalone.stop()


async def asked_of(standalone: Standalone) -> dict[str, Any]:
    token = standalone.issuer.token(subject="zhang", name="张", grants=[Grant(Role.ACCOUNTANT, POOL)])
    who = {"Authorization": f"Bearer {token}"}
    body = {"on": "2026-07-15", "years": 3, "assumptions": still()}
    async with standalone.clients(standalone.app()) as clients:
        ledger, key = clients["fund-ledger"], {"Idempotency-Key": str(new_id())}
        sent = await ledger.post(f"/pools/{POOL}/projections", json=body, headers=who | key)
        assert sent.status_code == 202, sent.text
        path = f"/projections/{sent.json()['projection_id']}"
        async with asyncio.timeout(60):
            while (await ledger.get(path, headers=who)).json()["status"] in {"waiting", "running"}:
                await asyncio.sleep(0.1)
        answer: dict[str, Any] = (await ledger.get(f"{path}/result", headers=who)).json()
        return answer
