"""Commands that bring the services up: the demonstration, and serving until somebody stops it."""

import asyncio
import os
import socket
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from changhu_standalone.cli.answering import machine_faults_told

if TYPE_CHECKING:
    from rich.console import Console

Data = Annotated[Path, typer.Option("--data", envvar="CHANGHU_DATA", help="存放一切数据的文件夹")]

DEMO_POOL = "211100"
PEOPLE_MIN = 100


def demo(
    data: Data = Path(".changhu"),
    people: Annotated[int, typer.Option(min=PEOPLE_MIN, help="参保人数")] = 2000,
    seed: Annotated[int, typer.Option(help="随机种子: 相同的种子是同一座城市")] = 1,
    applications: Annotated[int, typer.Option(min=4, max=60, help="失能评估申请数")] = 40,
    pool: Annotated[str, typer.Option(help="统筹区")] = DEMO_POOL,
) -> None:
    """演示一座城市从参保到基金账的一个月, 以及次月的结算和调整."""
    from rich.console import Console

    from changhu_standalone.story.office import StoryFailed

    try:
        with machine_faults_told():
            holds = asyncio.run(_demo(data, people, seed, applications, pool, Console()))
    except StoryFailed as failed:
        typer.echo(f"演示中断: {failed}", err=True)
        raise typer.Exit(1) from failed
    raise typer.Exit(0 if holds else 1)


async def _demo(data: Path, people: int, seed: int, applications: int, pool: str, console: "Console") -> bool:
    import logging

    from changhu_common.clock import FileClock
    from changhu_common.logs import set_up_logs
    from changhu_common.periods import Month
    from changhu_policies import load_pack
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from changhu_standalone.deployment import Standalone
    from changhu_standalone.story.chapters import Story, story_begins
    from changhu_standalone.story.city import build_city
    from changhu_standalone.story.office import Office
    from changhu_standalone.story.report import prove, show

    set_up_logs(service="demo", json=False, level=logging.WARNING)
    data.mkdir(parents=True, exist_ok=True)
    city = build_city(
        pool=pool,
        counties=sorted(load_pack(pool).counties),
        month=Month(2026, 7),
        people=people,
        applications=applications,
        seed=seed,
    )
    refuse_other_city(data, f"pool={pool} people={people} seed={seed} applications={applications}")
    clock = FileClock(data.resolve() / "clock")
    standalone = Standalone(data, clock=clock)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with AsyncExitStack() as stack:
        progress = stack.enter_context(Progress(*columns, console=console))
        chapters = progress.add_task("启动数据库", total=None)
        stack.callback(standalone.stop)
        standalone.start()
        clock.advance_to(story_begins(city))
        clients = await stack.enter_async_context(standalone.clients(standalone.app()))
        story = Story(city=city, office=Office(clients=clients, issuer=standalone.issuer), clock=clock)
        progress.update(chapters, total=len(story.chapters))
        async for title in story.tell():
            progress.update(chapters, advance=1, description=title)
        proof, books = await prove(story)
        progress.stop()
        await show(story, console, proof, books)
        return proof.holds


def refuse_other_city(data: Path, what: str) -> None:
    """A folder tells one story; another one would mix two cities' books."""
    marker = data / "story"
    if marker.exists() and marker.read_text(encoding="utf-8") != what:
        typer.echo(
            f"{data} 中已有另一个演示 ({marker.read_text(encoding='utf-8')}); 请换一个 --data 文件夹, 或删除它。",
            err=True,
        )
        raise typer.Exit(2)
    beside = marker.with_suffix(f".{os.getpid()}")
    beside.write_text(what, encoding="utf-8")
    beside.replace(marker)


def run(
    data: Data = Path(".changhu"),
    port: Annotated[int, typer.Option(help="端口")] = 8000,
) -> None:
    """在本机提供全部服务, 直到按 Ctrl-C 或收到 SIGTERM; 正在处理的一批会先做完."""
    import uvicorn
    from changhu_common.logs import set_up_logs
    from changhu_common.service import settle_memory

    from changhu_standalone.deployment import SERVICES, Standalone

    set_up_logs(service="standalone", json=False)
    with machine_faults_told(), ExitStack() as stack:
        # Before anything is started: a port that is taken must not cost more than a sentence.
        listening = stack.enter_context(socket.create_server(("127.0.0.1", port)))
        standalone = Standalone(data)
        stack.callback(standalone.stop)
        standalone.start()
        pages = "  ".join(f"http://127.0.0.1:{port}/{service.name}/docs" for service in SERVICES)
        typer.echo(f"长护已启动: {pages}\n登录凭证: changhu token enrollment_clerk --data {data}")
        app = standalone.app()
        settle_memory()
        uvicorn.run(app, fd=listening.fileno(), log_config=None)


def token(
    roles: Annotated[list[str], typer.Argument(help="岗位, 如 enrollment_clerk")],
    data: Data = Path(".changhu"),
    region: Annotated[str, typer.Option(help="统筹区或县区代码")] = DEMO_POOL,
    organisation: Annotated[str | None, typer.Option(help="所在机构的 id")] = None,
    account: Annotated[str | None, typer.Option(help="账号; 不同岗位要用不同账号")] = None,
) -> None:
    """签发本机使用的登录凭证 (仅用于开发和演示)."""
    from uuid import UUID

    from changhu_common.roles import Grant, Role

    from changhu_standalone.deployment import Standalone

    try:
        grants = [Grant(Role(role), region, UUID(organisation) if organisation else None) for role in roles]
    except ValueError as wrong:
        typer.echo(f"不能签发: {wrong}; 岗位有 {', '.join(Role)}", err=True)
        raise typer.Exit(1) from wrong
    subject = account or f"{roles[0]}-1"
    with machine_faults_told():
        typer.echo(Standalone(data).issuer.token(subject=subject, name=subject, grants=grants))
