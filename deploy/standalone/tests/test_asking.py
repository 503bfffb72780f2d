"""Commands on a folder: what they answer, and that what the machine refuses is a sentence and never a traceback."""

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from changhu_common.bus.port import Message
from changhu_common.bus.postgres import PostgresBus
from changhu_standalone.deployment import BUS_DATABASE, Standalone

CHANGHU = Path(sys.executable).parent / "changhu"
BOOKS = ("books", "211100", "--json")


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    # Not pytest's own: PostgreSQL's user could not walk in.
    folder = Path(tempfile.mkdtemp(prefix="changhu-asking-"))
    (folder / "postgres").mkdir()  # as a first start that was killed at once leaves it
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def begin(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen([CHANGHU, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err
    return process.returncode, out, err


def answer(*arguments: str | Path) -> str:
    code, out, err = ended(begin(*arguments))
    assert code == 0, err
    return out


def refused(*arguments: str | Path) -> str:
    code, out, err = ended(begin(*arguments))
    assert code == 1, out
    return out or err


def test_a_new_folder_may_be_opened_by_several_at_once(data: Path) -> None:
    both = [begin(*BOOKS, "--data", data) for _ in range(2)]
    for process in both:
        code, out, err = ended(process)
        assert code == 0, err
        assert (json.loads(out)["accounts"], json.loads(out)["balanced"]) == ([], True)


def test_what_was_parked_is_listed_and_put_back(data: Path) -> None:
    message = Message("enrollment.contribution", "211102", {"ce_type": "contribution.received.v9"}, b"{}")
    with Standalone(data).server as server:
        asyncio.run(_publish(server.url(BUS_DATABASE, BUS_DATABASE), message))
    replay = ("dead-letters", "replay", "--data", data, "--json")
    assert json.loads(answer(*replay))["fund-ledger"]["left"] == 1
    (parked,) = json.loads(answer("dead-letters", "list", "--data", data, "--json"))["fund-ledger"]
    assert (parked["topic"], parked["key"]) == ("enrollment.contribution", "211102")
    assert "version" in parked["error"]
    assert json.loads(answer(*replay))["fund-ledger"] == {"asked": 1, "left": 1}


async def _publish(address: str, message: Message) -> None:
    bus = PostgresBus(address)
    await bus.create_topics([message.topic])
    await bus.publish([message])
    await bus.close()


@pytest.mark.parametrize("pool", ["999999", "../x"])
def test_books_of_a_pool_that_is_not_there_are_refused(data: Path, pool: str) -> None:
    problem = json.loads(refused("books", pool, "--json", "--data", data))
    assert (problem["code"], problem["errors"][0]["field"]) == ("input.invalid", "pool")


def test_a_folder_without_data_is_said_to_be_so_and_stays_away(tmp_path: Path) -> None:
    assert "没有数据" in refused("dead-letters", "list", "--data", tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("command", [("demo",), ("token", "auditor")])
def test_a_folder_that_cannot_be_one_is_told_in_a_sentence(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "file").touch()
    assert "无法启动" in refused(*command, "--data", tmp_path / "file")


def test_a_port_that_is_taken_is_told_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = refused("run", "--data", tmp_path / "data", "--port", str(taken.getsockname()[1]))
    assert "无法启动" in told
    assert not (tmp_path / "data").exists()
