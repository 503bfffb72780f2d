import json

from changhu_policies import pools
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
