"""A report is a file with one command, and the anchor at its foot is found again in the chain."""

import asyncio
import io
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from changhu_common.database import Actor
from changhu_common.events import Envelope
from changhu_common.ids import new_id
from changhu_standalone.cli import app
from changhu_standalone.deployment import Standalone
from fund_ledger.app import SERVICE
from fund_ledger.usecases.books import Books
from pypdf import PdfReader
from typer.testing import CliRunner, Result

from tests.support.ledgers import POOL, contribution, payment

DAYS = ("--since", "2026-07-01", "--until", "2026-08-31")


async def book(standalone: Standalone) -> None:
    resources = standalone.resources(SERVICE)
    events = (contribution(1_234_567), payment(40_000))
    envelopes = [Envelope(id=new_id(), source="test", time=standalone.clock.now(), event=event) for event in events]
    try:
        async with resources.database.change(Actor(subject="test", origin="test")) as transaction:
            await Books(resources.database).book(transaction, envelopes)
    finally:
        await resources.close()


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """A deployment with a contribution and a payment in its books."""
    # Not pytest's own: PostgreSQL's user could not walk in.
    folder = Path(tempfile.mkdtemp(prefix="changhu-books-"))
    standalone = Standalone(folder)
    try:
        standalone.start()
        asyncio.run(book(standalone))
        yield folder
    finally:
        standalone.stop()
        shutil.rmtree(folder, ignore_errors=True)


def ledger(data: Path, *said: str) -> Result:
    return CliRunner().invoke(app, ["ledger", *said, "--data", str(data)])


def written(data: Path, folder: Path, kind: str, *more: str, form: str = "pdf") -> bytes:
    out = folder / f"report.{form}"
    result = ledger(data, "report", POOL, kind, "--out", str(out), *DAYS, *more)
    assert result.exit_code == 0, result.output
    return out.read_bytes()


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("balance-sheet", "资产负债表"),
        ("income-statement", "收支表"),
        ("trial-balance", "试算平衡表"),
        ("months", "月度收支与基金可支付月数"),
    ],
)
def test_each_report_is_a_document(kind: str, title: str, data: Path, tmp_path: Path) -> None:
    (page, *_) = PdfReader(io.BytesIO(written(data, tmp_path, kind))).pages
    assert title in page.extract_text()


def test_an_account_has_its_lines(data: Path, tmp_path: Path) -> None:
    (page, *_) = PdfReader(io.BytesIO(written(data, tmp_path, "account", "--account", "1003"))).pages
    assert "12,345.67" in page.extract_text()


def test_the_same_report_is_a_workbook_or_json(data: Path, tmp_path: Path) -> None:
    assert written(data, tmp_path, "trial-balance", form="xlsx").startswith(b"PK")
    assert json.loads(written(data, tmp_path, "trial-balance", form="json"))["balanced"]


def test_the_anchor_of_a_print_is_found_again_in_the_chain(data: Path, tmp_path: Path) -> None:
    (page, *_) = PdfReader(io.BytesIO(written(data, tmp_path, "trial-balance"))).pages
    found = re.search(r"账簿锚 (\d+:[0-9a-f]{64})", page.extract_text())
    assert found
    assert ledger(data, "verify", POOL, "--anchor", found[1]).exit_code == 0
    forged = found[1][:-1] + ("0" if found[1][-1] != "0" else "1")
    assert ledger(data, "verify", POOL, "--anchor", forged).exit_code == 1


@pytest.mark.parametrize("anchor", ["here", "1:2", "-1:" + "0" * 64, "²:" + "0" * 64])
def test_what_is_no_anchor_is_refused(anchor: str, data: Path) -> None:
    result = ledger(data, "verify", POOL, f"--anchor={anchor}")
    assert (result.exit_code, "锚写作" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (("trial-balance", "--out", "report.doc"), "文件名须以"),
        (("account", "--out", "report.pdf"), "须写明科目"),
        (("account", "--account", "9999", "--out", "report.pdf"), "没有科目"),
    ],
)
def test_what_cannot_be_printed_is_refused(said: tuple[str, ...], why: str, data: Path) -> None:
    result = ledger(data, "report", POOL, *said)
    assert result.exit_code == 1
    assert why in result.stderr
    assert not Path(said[-1]).exists()
