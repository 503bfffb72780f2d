"""A whole city as a demonstration: enrolled, charged for a year, and in the books, with what it took."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from changhu_standalone.cli.answering import machine_faults_told
from changhu_standalone.cli.running import Data

if TYPE_CHECKING:
    from rich.console import Console

    from changhu_standalone.story.whole_city import CityTold, Memory

YEAR_BEGINS = 2022
MIB = 1024 * 1024


def demo_city(
    pool: Annotated[str, typer.Argument(help="统筹区代码")] = "330300",
    scale: Annotated[str, typer.Option(help="人数比例: 1 是文件所列的全部人数")] = "0.01",
    data: Data = Path(".changhu"),
) -> None:
    """演示整座城市: 按文件的分县人数导入, 征收一年, 实缴入账, 逐县核对."""
    from fractions import Fraction

    from rich.console import Console

    from changhu_standalone.story.office import StoryFailed

    try:
        share = Fraction(scale)
    except (ValueError, ZeroDivisionError):
        raise typer.BadParameter("比例应为数字, 如 0.01 或 1") from None
    if not 0 < share <= 1:
        raise typer.BadParameter("比例应大于 0, 不超过 1")
    try:
        with machine_faults_told():
            holds = asyncio.run(_tell(data, pool, share, Console()))
    except StoryFailed as failed:
        typer.echo(f"演示中断: {failed}", err=True)
        raise typer.Exit(1) from failed
    raise typer.Exit(0 if holds else 1)


async def _tell(data: Path, pool: str, scale: object, console: "Console") -> bool:
    import logging
    from contextlib import AsyncExitStack
    from datetime import datetime
    from fractions import Fraction

    from changhu_common.clock import FileClock
    from changhu_common.logs import set_up_logs
    from changhu_common.periods import SHANGHAI, Month
    from enrollment.app import SERVICE as ENROLLMENT
    from fund_ledger.app import SERVICE as FUND_LEDGER
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from changhu_standalone.cli.running import refuse_other_city
    from changhu_standalone.deployment import Standalone
    from changhu_standalone.story.office import Office
    from changhu_standalone.story.population import WholeCity
    from changhu_standalone.story.whole_city import CityStory, Memory

    set_up_logs(service="demo", json=False, level=logging.WARNING)
    data.mkdir(parents=True, exist_ok=True)
    today = datetime(YEAR_BEGINS, 7, 15, 9, tzinfo=SHANGHAI)
    city = WholeCity.of(pool, scale=Fraction(str(scale)), on=today.date())
    refuse_other_city(data, f"pool={pool} scale={scale}")
    clock = FileClock(data.resolve() / "clock")
    standalone = Standalone(data, clock=clock)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with AsyncExitStack() as stack:
        progress = stack.enter_context(Progress(*columns, console=console))
        task = progress.add_task("启动数据库", total=city.persons)
        stack.callback(standalone.stop)
        standalone.start()
        clock.advance_to(today)
        # Who else is told of persons hears of them when these services run; the events wait on the bus.
        services = (ENROLLMENT, FUND_LEDGER)
        clients = await stack.enter_async_context(standalone.clients(standalone.app(of=services)))
        story = CityStory(
            city=city,
            office=Office(clients={each.name: clients[each.name] for each in services}, issuer=standalone.issuer),
            month=Month.of(today.date()),
            today=today.date(),
            progress=lambda title, done, total: progress.update(task, description=title, completed=done, total=total),
        )
        memory = Memory()
        watching = asyncio.create_task(memory.watch(standalone.server.pid or 0))
        try:
            told = await story.tell()
        finally:
            watching.cancel()
        progress.stop()
        _show(console, pool, told, memory)
        return told.holds


def _show(console: "Console", pool: str, told: "CityTold", memory: "Memory") -> None:
    from changhu_common.money import yuan
    from changhu_policies import load_pack
    from rich.table import Table

    from changhu_standalone.story.report import trial_balance
    from changhu_standalone.story.whole_city import FLAT_FEN, OWN_SOURCE

    names = load_pack(pool).counties
    if told.supplied:
        if told.stopped_by:
            console.print(f"缺少参数时核定不会开始: {told.stopped_by[:200]}", highlight=False)
        counties = "、".join(names[county] for county in told.supplied)
        console.print(f"[yellow]{OWN_SOURCE}[/]: {counties} 的筹资标准按每人每年 {yuan(FLAT_FEN)} 元补录")
    steps = Table(title=f"{names[min(names)]}等 {len(names)} 个县区, {told.persons:,} 人", title_justify="left")
    for heading in ("步骤", "人数", "秒", "每秒"):
        steps.add_column(heading, justify="left" if heading == "步骤" else "right")
    for step in told.steps:
        steps.add_row(step.title, f"{step.rows:,}", f"{step.seconds:.1f}", f"{step.rows / step.seconds:,.0f}")
    console.print(steps)
    console.print(f"内存峰值: 服务进程 {memory.process // MIB:,} MiB, 数据库各进程独占 {memory.database // MIB:,} MiB")
    console.print(f"再导入: {told.changed:,} 人有变动, {told.unchanged:,} 人不变")
    by_county = Table(title="分县核对 (元)", title_justify="left")
    for heading in ("县区", "应缴", "实缴", "入账"):
        by_county.add_column(heading, justify="left" if heading == "县区" else "right")
    for county in sorted(told.due):
        amounts = (told.due[county], told.received[county], told.booked[county])
        by_county.add_row(names[county], *(yuan(amount) for amount in amounts))
    by_county.add_section()
    by_county.add_row("合计", *(yuan(sum(of.values())) for of in (told.due, told.received, told.booked)))
    console.print(by_county)
    console.print(trial_balance(told.books))
    console.print("[green]分毫不差[/]" if told.holds else "[red]不一致[/]")
