"""What serves a folder ends when it is told to, and what it was given before that is kept."""

import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.processes import free_port

CHANGHU = Path(sys.executable).parent / "changhu"
READY_SECONDS = 60


@pytest.fixture
def data() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="changhu-run-") as folder:
        yield Path(folder) / "数据 1"


@contextmanager
def serving(data: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`changhu run` once it answers; it is gone after the block, whatever happened in it."""
    with (data.parent / "run.log").open("ab") as log:
        process = subprocess.Popen([CHANGHU, "run", "--data", data, "--port", str(port)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not _answers(port):
            assert process.poll() is None, (data.parent / "run.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/fund-ledger/health/ready").is_success
    except httpx.TransportError:
        return False


def token(data: Path, role: str) -> dict[str, str]:
    told = subprocess.run([CHANGHU, "token", role, "--data", data], capture_output=True, text=True, check=True)
    return {"Authorization": f"Bearer {told.stdout.strip()}"}


def test_run_serves_every_page_and_a_sigterm_ends_it_with_nothing_lost(data: Path) -> None:
    port = free_port()
    here = f"http://127.0.0.1:{port}"
    person = {
        "name": "王芳",
        "resident_number": "211102198001011217",
        "county": "211102",
        "coverage": {"category": "employee", "start": "2020-01-01", "base_fen": 543_210},
    }
    with serving(data, port) as served:
        for service in httpx.get(here).json().values():
            page = httpx.get(here + service["pages"])
            assert page.is_success
            openapi = re.search(r"url: '([^']+)'", page.text)
            assert openapi is not None
            assert httpx.get(here + openapi[1]).json()["paths"]
        clerk = token(data, "enrollment_clerk") | {"Idempotency-Key": "1"}
        made = httpx.post(f"{here}/enrollment/persons", headers=clerk, json=person)
        assert made.status_code == 201, made.text
        served.send_signal(signal.SIGTERM)
        assert served.wait(timeout=60) in (0, 143)
    with serving(data, port):
        found = httpx.get(
            f"{here}/enrollment/persons/{made.json()['person_id']}", headers=token(data, "enrollment_clerk")
        )
        assert found.json()["name"] == "王*"
        assert "211102198001011217" not in found.text
