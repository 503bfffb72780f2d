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
    from fund_ledger.api.projections import Projected
    from fund_ledger.domain.assumptions import Assumptions


WIDTH_MIN = 150
SETTLED_MONTHS = 12  # a year's payments know every season

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
        from changhu_standalone.cli.assuming import read_assumptions

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

    from changhu_standalone.cli.gathering import Asked, gathered
    from changhu_standalone.deployment import Standalone

    if pool not in pools():
        raise InvalidInput(f"没有统筹区{pool}。", errors=[FieldError("pool", "没有这个统筹区")])
    if not (data / "postgres").exists():
        raise InvalidInput(
            f"{data}中没有数据；请先运行changhu demo或changhu run。", errors=[FieldError("data", "没有数据")]
        )
    standalone = Standalone(data)
    day = on or standalone.clock.today()
    first = first_year or day.year + 1
    if first not in {day.year, day.year + 1}:
        raise InvalidInput("测算的第一年有误。", errors=[FieldError("first_year", "须为数据截止日所在年度或其下一年")])
    asked = Asked(pool=pool, on=day, first_year=first, years=years, settled_months=SETTLED_MONTHS)
    try:
        standalone.start()
        return asyncio.run(gathered(standalone, asked, assumed))
    finally:
        standalone.stop()


def answered(found: "Projected") -> dict[str, Any]:
    """A projection as JSON: amounts in fen, people as whole numbers and null where they are few."""
    from fund_ledger.api.projections import assumptions_said, notes_of
    from fund_ledger.domain.assumptions import VARIANTS
    from fund_ledger.domain.projection import TOTAL

    basis = found.basis
    return {
        "pool": found.pool,
        "name": found.name,
        "document": found.document,
        "draft": found.draft,
        "pack_version": found.pack_version,
        "on": found.on.isoformat(),
        "first_year": basis.first_year,
        "years": found.years,
        "anchor": found.anchor,
        "settled_months": basis.settled_months,
        "opening_fen": dict(basis.opening),
        "assumptions": [
            {"name": name, "low": low, "middle": middle, "high": high, "status": status, "source": source}
            for name, (low, middle, high), status, source in assumptions_said(found.assumed)
        ],
        "notes": notes_of(found),
        "variants": [
            {
                "variant": course.variant,
                "name": VARIANTS[course.variant],
                "runs_out": {
                    TOTAL: course.runs_out(),
                    **{scheme: course.runs_out(scheme) for scheme in found.schemes},
                },
                "years": [_flow(each) for each in (*course.totals, *course.flows)],
            }
            for course in found.courses
        ],
    }


def _flow(flow: Any) -> Mapping[str, Any]:
    from fund_ledger.domain.prevalence import shown
    from fund_ledger.domain.reports import written_months

    amounts = (
        "contributions_fen", "other_income_fen", "interest_fen", "income_fen",
        "benefits_fen", "other_expense_fen", "expense_fen", "balance_fen",
    )  # fmt: skip
    return {
        "year": flow.year,
        "scheme": flow.scheme,
        "people": shown({"": flow.people})[""],
        "disabled": shown(flow.disabled),
        **{name: getattr(flow, name) for name in amounts},
        "months_of_reserve": written_months(flow.reserve),
    }


def _print(found: "Projected", answer: Mapping[str, Any]) -> None:
    from changhu_common.money import yuan
    from fund_ledger.api.projections import tables_of
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
