"""Commands that ask a standalone, running or not: its books, and the events that could not be applied."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from changhu_standalone.cli.answering import machine_faults_told, refusals_told
from changhu_standalone.cli.running import Data

if TYPE_CHECKING:
    from changhu_standalone.deployment import Standalone
    from changhu_standalone.story.office import Office

Json = Annotated[bool, typer.Option("--json", help="输出 JSON")]

dead_letters = typer.Typer(name="dead-letters", help="无法处理的事件: 查看, 放回.", no_args_is_help=True)


def books(
    pool: Annotated[str, typer.Argument(help="统筹区代码")],
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="截至哪一天, 缺省为今天")] = None,
    data: Data = Path(".changhu"),
    as_json: Json = False,
) -> None:
    """基金账的试算平衡表."""
    from changhu_common.roles import Role
    from changhu_policies import load_pack
    from rich.console import Console

    from changhu_standalone.story.office import Desk
    from changhu_standalone.story.report import trial_balance

    async def ask(office: "Office") -> Any:
        params = {"on": on.date().isoformat()} if on else {}
        return await office.get(
            "fund-ledger", f"/pools/{pool}/trial-balance", Desk("books", (Role.AUDITOR,), pool), **params
        )

    with refusals_told(as_json=as_json):
        load_pack(pool)
        told = asked(data, ask)
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
    else:
        Console().print(trial_balance(told))
    if not told["balanced"]:
        raise typer.Exit(1)


@dead_letters.command("list")
def list_dead_letters(data: Data = Path(".changhu"), as_json: Json = False) -> None:
    """各服务无法处理的事件及其原因."""
    from rich.console import Console
    from rich.table import Table

    told = asked(data, lambda office: _each(office, "get", "/dead-letters"))
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    table = Table()
    for heading in ("服务", "主题", "事件", "类型", "停放时间", "原因"):
        table.add_column(heading, overflow="fold")  # an id cut short finds nothing
    for service, parked in told.items():
        for each in parked:
            table.add_row(
                service, each["topic"], each["event_id"], each["event_type"], each["parked_at"][:19], each["error"]
            )
    Console().print(table if table.row_count else "没有无法处理的事件。")


@dead_letters.command("replay")
def replay_dead_letters(data: Data = Path(".changhu"), as_json: Json = False) -> None:
    """把无法处理的事件放回原来的服务重新处理; 仍然失败的会再次停放."""
    told = asked(data, _replay, work=True)
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    for service, each in told.items():
        if each["asked"]:
            typer.echo(f"{service}: 放回 {each['asked']} 件, 仍停放 {each['left']} 件")
    if not any(each["asked"] for each in told.values()):
        typer.echo("没有可放回的事件。")


async def _replay(office: "Office") -> Any:
    asked = await _each(office, "post", "/dead-letters/replay")
    await office.quiet(parked_allowed=True)
    left = await _each(office, "get", "/dead-letters")
    return {service: {"asked": asked[service]["asked"], "left": len(left[service])} for service in asked}


async def _each(office: "Office", verb: str, path: str) -> dict[str, Any]:
    from changhu_common.ids import new_id
    from changhu_common.roles import Role

    from changhu_standalone.deployment import SERVICES
    from changhu_standalone.story.office import Desk

    operator = Desk("operator", (Role.OPERATOR,), "000000")
    return {
        service.name: await (
            office.get(service.name, path, operator)
            if verb == "get"
            # The office's key follows from the body, and each replay is a request of its own.
            else office.post(service.name, path, {"request": str(new_id())}, operator)
        )
        for service in SERVICES
    }


def asked(data: Path, ask: Callable[["Office"], Awaitable[Any]], *, work: bool = False) -> Any:
    """Ask the services of a folder, beside whatever else runs on it; a problem ends the command."""
    import logging

    from changhu_common.logs import set_up_logs

    from changhu_standalone.deployment import Standalone
    from changhu_standalone.story.office import StoryFailed

    set_up_logs(service="changhu", json=False, level=logging.WARNING)
    if not (data / "postgres").exists():
        typer.echo(f"{data} 中没有数据; 请先运行 changhu demo 或 changhu run。", err=True)
        raise typer.Exit(1)
    with machine_faults_told(), ExitStack() as stack:
        standalone = Standalone(data)
        stack.callback(standalone.stop)
        standalone.start()
        try:
            return asyncio.run(_ask(standalone, ask, work=work))
        except StoryFailed as failed:
            typer.echo(str(failed), err=True)
            raise typer.Exit(1) from failed


async def _ask(standalone: "Standalone", ask: Callable[["Office"], Awaitable[Any]], *, work: bool) -> Any:
    from changhu_standalone.story.office import Office

    async with standalone.clients(standalone.app(work=work)) as clients:
        return await ask(Office(clients=clients, issuer=standalone.issuer))
