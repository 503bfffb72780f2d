"""What becomes of a city's fund over years? A standalone answers from what is stored, and writes nothing into it.

It alone knows all services: each is asked for counts and sums of its own, and the ledger's rules make
a projection of them. People are matched by their ids inside this process; nothing but sums leaves it.
"""

import sys
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from changhu_standalone.cli.answering import AsJson, print_json, refusals_told
from changhu_standalone.cli.running import Data

if TYPE_CHECKING:
    from fund_ledger.domain.assumptions import Assumptions
    from fund_ledger.domain.projected import Projected


WIDTH_MIN = 150
ASSUMPTIONS_BYTES_MAX = 2**20

Pool = Annotated[str, typer.Argument(help="统筹区代码")]
Years = Annotated[int, typer.Option("--years", help="测算多少年，3至30")]
AssumptionsPath = Annotated[
    Path, typer.Option("--assumptions", metavar="FILE", help="测算假设（YAML或JSON），每项须写明来源和依据")
]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="把JSON、XLSX、PDF、PNG和HTML写到这个文件夹")]
On = Annotated[datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="数据截至哪一天，缺省为今天")]
FirstYear = Annotated[int | None, typer.Option("--first-year", help="测算的第一年，缺省为数据截止日的下一年")]


def project(
    pool: Pool,
    assumptions: AssumptionsPath,
    years: Years = 30,
    out: Out = None,
    on: On = None,
    first_year: FirstYear = None,
    data: Data = Path(".changhu"),
    as_json: AsJson = False,
) -> None:
    """按已存人员、评估结论、拨付数据和政策，在写明的假设下测算基金今后的收支；不写入任何数据。"""
    with refusals_told(as_json=as_json):
        from fund_ledger.api.projection_answer import answered

        found = _projected(pool, read_assumptions(assumptions), years, on.date() if on else None, first_year, data)
        answer = answered(found)
        if out is not None:
            from changhu_standalone.cli import projection_files

            answer["files"] = [str(path) for path in projection_files.write(found, answer, out)]
        if as_json:
            print_json(answer)
        else:
            _print(found, answer)


def _projected(
    pool: str, assumed: "Assumptions", years: int, on: date | None, first_year: int | None, data: Path
) -> "Projected":
    import asyncio

    from changhu_common.errors import FieldError, InvalidInput
    from changhu_policies import pools
    from fund_ledger.domain.projected import ProjectionAsked

    from changhu_standalone.deployment import Standalone
    from changhu_standalone.gathering import gathered, opened

    if pool not in pools():
        raise InvalidInput(f"没有统筹区{pool}。", errors=[FieldError("pool", "没有这个统筹区")])
    if not (data / "postgres").exists():
        raise InvalidInput(
            f"{data}中没有数据；请先运行changhu demo或changhu run。", errors=[FieldError("data", "没有数据")]
        )
    standalone = Standalone(data)
    day = on or standalone.clock.today()
    asked = ProjectionAsked(pool=pool, on=day, first_year=first_year or day.year + 1, years=years)

    async def found() -> "Projected":
        async with opened(standalone) as resources:
            return await gathered(resources, asked, assumed)

    try:
        standalone.start()
        return asyncio.run(found())
    finally:
        standalone.stop()


def read_assumptions(path: Path) -> "Assumptions":
    """The assumptions of a file; raises InvalidInput with every place that is wrong."""
    from changhu_common.errors import FieldError, InvalidInput
    from changhu_policies.yamls import read_yaml
    from fund_ledger.api.assumptions import AssumptionsForm

    from changhu_standalone.cli.questions import ask

    try:
        if path.stat().st_size > ASSUMPTIONS_BYTES_MAX:
            raise ValueError(f"超过{ASSUMPTIONS_BYTES_MAX // 1024} KiB")
        said = read_yaml(path)
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"假设文件无法读取：{error}。", errors=[FieldError("assumptions", "须为YAML或JSON文件")]
        ) from error
    return ask(AssumptionsForm, said).read()


def _print(found: "Projected", answer: Mapping[str, Any]) -> None:
    from changhu_common.money import yuan
    from fund_ledger.api.projection_tables import tables_of
    from fund_ledger.api.tables import Fen
    from rich.console import Console
    from rich.table import Table

    # An amount is read whole or not at all, also where the output goes into a file.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_MIN)
    outcome, middle, *_, assumed = tables_of(found)
    for told in (outcome, middle, assumed):
        table = Table(title=f"{found.name} {told.title} {told.days}")
        for column in told.columns:
            table.add_column(column.heading, justify="right" if column.numbers else "left", overflow="fold")
        for row in told.rows:
            cells = ("" if cell is None else yuan(cell) if isinstance(cell, Fen) else str(cell) for cell in row.cells)
            table.add_row(*cells, style="bold" if row.strong else None)
        console.print(table)
        for note in told.notes:
            console.print(note, markup=False)
    for path in answer.get("files", []):
        console.print(path, markup=False)
