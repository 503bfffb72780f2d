"""What an auditor does with the books from the command line; the verifier is a program of its own."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from changhu_common.roles import Role
from changhu_standalone.cli import app
from changhu_standalone.cli.ledger import _export
from changhu_standalone.story.office import Desk, Office
from fund_ledger.app import SERVICE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.support.ledgers import POOL, contribution, payment
from tests.support.running import Deploy

VERIFIER = Path(__file__).parents[2] / "verifier" / "verify.py"


def verify(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # -I: the verifier may find nothing of ours.
    return subprocess.run(
        [sys.executable, "-I", VERIFIER, folder, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
async def exported(deploy: Deploy, tmp_path: Path) -> Path:
    ledger = await deploy(SERVICE)
    await ledger.hear(contribution(), payment(), contribution(7, received_on=date(2027, 1, 2), payer="treasury"))
    ledger.advance_to(datetime(2026, 7, 2, 1, 0, tzinfo=UTC))
    await ledger.hear(contribution(5))
    office = Office(clients={"fund-ledger": ledger.client}, issuer=ledger.issuer)
    folder = tmp_path / "export"
    folder.mkdir()
    await _export(office, Desk("auditor", (Role.AUDITOR,), POOL), POOL, folder)
    return folder


def test_the_rules_are_shown_with_their_accounts_and_what_they_rest_on() -> None:
    told = json.loads(CliRunner().invoke(app, ["ledger", "rules", "--json"]).stdout)
    rules = {each["rule"]: each for each in told["rules"]}
    assert rules["payment.settled"]["dimensions"]["organization"] == "organization_id"
    paid, from_the_bank = rules["payment.settled"]["lines"]
    assert (paid["account"], paid["by"], paid["accounts"]) == ("5001", "kind", {"assessment": "5401"})
    assert from_the_bank["account"] == "1003"
    assert all(each["clause"] and each["status"] for each in rules.values())
    shown = CliRunner().invoke(app, ["ledger", "rules"], env={"COLUMNS": "200"}).stdout
    assert "社会保险待遇支出" in shown
    assert "kind = assessment: 5401" in shown


def test_the_matching_rules_are_shown_in_their_order_with_what_they_rest_on() -> None:
    told = json.loads(CliRunner().invoke(app, ["ledger", "matching", "--json"]).stdout)
    assert [rule["name"] for rule in told["rules"]][:2] == ["reversed", "reference"]
    assert told["status"] == "assumed"
    shown = CliRunner().invoke(app, ["ledger", "matching"], env={"COLUMNS": "200"}).stdout
    assert "参考号与金额一致" in shown


async def test_an_export_is_verified_by_a_program_that_knows_only_the_format(exported: Path) -> None:
    said = verify(exported)
    assert (said.returncode, "4 entries" in said.stdout) == (0, True), said.stdout + said.stderr
    assert "2026: vouchers 1 to 3" in said.stdout


async def test_an_anchor_that_was_kept_is_found_again(exported: Path) -> None:
    second = json.loads((exported / "entries.jsonl").read_text("utf-8").splitlines()[2])["previous"]
    assert verify(exported, "--anchor", f"2:{second}").returncode == 0
    assert verify(exported, "--anchor", f"1:{second}").returncode == 1
    assert verify(exported, "--anchor", f"9:{second}").returncode == 1


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    at=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
    name=st.sampled_from(["entries.jsonl"] * 4 + ["manifest.json"]),
)
async def test_one_flipped_bit_is_found(exported: Path, at: float, bit: int, name: str) -> None:
    file = exported / name
    written = file.read_bytes()
    flipped = bytearray(written)
    flipped[int(at * len(written))] ^= 1 << bit
    file.write_bytes(bytes(flipped))
    try:
        assert verify(exported).returncode == 1
    finally:
        file.write_bytes(written)


@pytest.mark.parametrize("gone", [0, 1, -1])
async def test_an_entry_that_is_missing_is_found(exported: Path, gone: int) -> None:
    lines = (exported / "entries.jsonl").read_bytes().splitlines(keepends=True)
    del lines[gone]
    (exported / "entries.jsonl").write_bytes(b"".join(lines))
    assert verify(exported).returncode == 1
