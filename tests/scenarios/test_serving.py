"""What serves a folder ends when it is told to, and what it was given before that is kept."""

import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
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


def serve(data: Path, port: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [CHANGHU, "run", "--data", data, "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/fund-ledger/health/ready").is_success:
                return process
        except httpx.TransportError:
            time.sleep(0.1)
    process.kill()
    raise AssertionError(process.communicate()[0])


def token(data: Path, role: str) -> dict[str, str]:
    told = subprocess.run([CHANGHU, "token", role, "--data", data], capture_output=True, text=True, check=True)
    return {"Authorization": f"Bearer {told.stdout.strip()}"}


def test_run_serves_every_page_and_a_sigterm_ends_it_with_nothing_lost(data: Path) -> None:
    port = free_port()
    served = serve(data, port)
    here = f"http://127.0.0.1:{port}"
    for service in httpx.get(here).json().values():
        page = httpx.get(here + service["pages"])
        assert page.is_success
        openapi = re.search(r"url: '([^']+)'", page.text)
        assert openapi is not None
        assert httpx.get(here + openapi[1]).json()["paths"]
    clerk = token(data, "enrollment_clerk") | {"Idempotency-Key": "1"}
    person = {
        "name": "王芳",
        "resident_number": "211102198001011217",
        "county": "211102",
        "coverage": {"category": "employee", "start": "2020-01-01", "base_fen": 543_210},
    }
    made = httpx.post(f"{here}/enrollment/persons", headers=clerk, json=person)
    assert made.status_code == 201, made.text
    served.send_signal(signal.SIGTERM)
    assert served.wait(timeout=30) in (0, 143)
    again = serve(data, port)
    try:
        found = httpx.get(
            f"{here}/enrollment/persons/{made.json()['person_id']}", headers=token(data, "enrollment_clerk")
        )
        assert found.json()["name"] == "王*"
        assert "211102198001011217" not in found.text
    finally:
        again.terminate()
        again.wait(timeout=30)
