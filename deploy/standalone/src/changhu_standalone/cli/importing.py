"""A clerk's file from the command line: taken in, watched while it is worked off, its bad rows written beside it."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from changhu_standalone.cli.asking import asked
from changhu_standalone.cli.running import DEMO_POOL, Data

if TYPE_CHECKING:
    from changhu_standalone.story.office import Office

LOOK_SECONDS = 0.5


def import_persons(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV、XLSX 或内含一个 CSV 的 ZIP")],
    data: Data = Path(".changhu"),
    region: Annotated[str, typer.Option(help="统筹区或县区代码")] = DEMO_POOL,
    choice: Annotated[Literal["all", "good"], typer.Option(help="all: 有错则整批不导入; good: 只导入正确的行")] = "all",
    account: Annotated[str, typer.Option(help="账号")] = "enrollment_clerk-1",
) -> None:
    """批量导入参保人员, 显示进度; 错误行另存为文件."""
    from changhu_common.roles import Role
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from changhu_standalone.story.office import Desk

    clerk = Desk(account, (Role.ENROLLMENT_CLERK,), region)
    form = file.suffix.lstrip(".").lower() or "csv"

    async def ask(office: "Office") -> Any:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, transient=True, console=Console(stderr=True)) as progress:
            task = progress.add_task("上传", total=None)
            path = f"/persons/imports?format={form}&choice={choice}"
            told = await office.upload("enrollment", path, file.read_bytes(), clerk)
            while told["status"] == "waiting":
                progress.update(task, description="写入", completed=told["written"], total=told["rows"] or None)
                await asyncio.sleep(LOOK_SECONDS)
                told = await office.get("enrollment", f"/imports/{told['import_id']}", clerk)
        if told["rejected"]:
            bad = await office.download("enrollment", f"/imports/{told['import_id']}/errors", clerk, format="csv")
            file.with_suffix(".errors.csv").write_bytes(bad)
        return told

    told = asked(data, ask, work=True)
    if told["status"] == "refused":
        typer.echo(told["refusal"]["detail"], err=True)
        raise typer.Exit(1)
    typer.echo(f"共 {told['rows']} 行: 导入 {told['loaded']}, 不变 {told['unchanged']}, 有误 {told['rejected']}")
    if told["rejected"]:
        typer.echo(f"错误行见 {file.with_suffix('.errors.csv')}", err=True)
        raise typer.Exit(1)
