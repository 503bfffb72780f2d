"""What would a proposed pack ask of the people who are insured now? A standalone answers, and writes nothing.

Two rules over the same people, for the contributions that pay for one year: by category and county,
by who pays, and in all.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from changhu_standalone.cli.answering import AsJson, SuppliedFolder, print_json, refusals_told
from changhu_standalone.cli.running import Data

if TYPE_CHECKING:
    from enrollment.usecases.simulations import Simulation

YEAR_MIN, YEAR_MAX = 2000, 2199
WIDTH_MIN = 120

Draft = Annotated[str, typer.Argument(metavar="DRAFT", help="政策包文件夹；只写了若干参数的修订文件夹；或统筹区代码")]
Against = Annotated[str, typer.Option("--against", metavar="POOL", help="与哪个统筹区的现行政策和参保人员比较")]
Year = Annotated[int, typer.Option("--year", min=YEAR_MIN, max=YEAR_MAX, help="缴费所属年度")]
Chart = Annotated[Path | None, typer.Option("--chart", metavar="DIR", help="把图（PNG）和网页（HTML）写到这个文件夹")]


def simulate(
    draft: Draft,
    against: Against,
    year: Year,
    chart: Chart = None,
    data: Data = Path(".changhu"),
    supplied: SuppliedFolder = None,
    as_json: AsJson = False,
) -> None:
    """对全部参保人员模拟一个政策草案的筹资，与现行政策比较；不写入任何数据。"""
    with refusals_told(as_json=as_json):
        answer = answered(_simulated(draft, against, year, data, supplied))
        if chart is not None:
            from changhu_standalone.cli import charting

            answer["charts"] = [str(path) for path in charting.write(answer, chart)]
        if as_json:
            print_json(answer)
        else:
            _print(answer)


def _simulated(draft: str, against: str, year: int, data: Path, supplied: str | None) -> "Simulation":
    import asyncio

    from changhu_common.errors import FieldError, InvalidInput
    from changhu_policies import pools
    from changhu_policies.proposals import read_proposal
    from enrollment.app import SERVICE
    from enrollment.usecases.simulations import Simulations

    from changhu_standalone.cli import answers
    from changhu_standalone.deployment import Standalone

    if against not in pools():
        raise InvalidInput(f"没有统筹区{against}。", errors=[FieldError("against", "没有这个统筹区")])
    content = read_proposal(draft, onto=against)
    own = answers.supplied_from(supplied)
    if not (data / "postgres").exists():
        raise InvalidInput(
            f"{data}中没有数据；请先运行changhu demo或changhu run。", errors=[FieldError("data", "没有数据")]
        )
    standalone = Standalone(data)

    async def ask() -> "Simulation":
        resources = standalone.resources(SERVICE)
        try:
            return await Simulations(resources.database).simulate(pool=against, year=year, draft=content, supplied=own)
        finally:
            await resources.close()

    try:
        standalone.start()
        return asyncio.run(ask())
    finally:
        standalone.stop()


def answered(found: "Simulation") -> dict[str, Any]:
    """A simulation as JSON: amounts in fen, people as whole numbers."""
    from enrollment.domain.simulation import compared_at

    now, then = found.now, found.then
    places = [
        {
            "category": each.category,
            "county": each.county,
            "county_name": found.pack.counties.get(each.county, each.county),
            "persons": each.persons,
            "draft_persons": each.draft_persons,
            **_amounts(each.due_fen, each.draft_fen),
        }
        for each in compared_at(now, then)
    ]
    return {
        "pool": found.pack.pool,
        "name": found.pack.name,
        "year": found.year,
        "pack_version": found.pack.version,
        "document": found.pack.document,
        "draft": {
            "pool": found.draft.pool,
            "name": found.draft.name,
            "document": found.draft.document,
            "pack_version": found.draft.version,
        },
        "persons": now.persons,
        "draft_persons": then.persons,
        "without_base": now.without_base,
        "draft_without_base": then.without_base,
        **_amounts(now.due_fen, then.due_fen),
        "by_category_and_county": places,
        "by_payer": [
            {"payer": payer, **_amounts(now.due_from.get(payer, 0), then.due_from.get(payer, 0))}
            for payer in sorted(now.due_from.keys() | then.due_from.keys())
        ],
    }


def _amounts(due_fen: int, draft_fen: int) -> dict[str, int]:
    return {"due_fen": due_fen, "draft_fen": draft_fen, "difference_fen": draft_fen - due_fen}


def rows_of(answer: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The table by category and county, in a reader's words: after each category what it comes to."""
    from changhu_policies.vocabulary import CATEGORIES

    places = answer["by_category_and_county"]
    for category, name in CATEGORIES.items():
        its = [each for each in places if each["category"] == category]
        for each in its:
            yield (name, each["county_name"], f"{each['persons']:,}", f"{each['draft_persons']:,}", *_yuan(each))
        if len(its) > 1:
            yield (name, "小计", "", "", *_yuan(summed(its)))
    yield ("合计", "", f"{answer['persons']:,}", f"{answer['draft_persons']:,}", *_yuan(answer))


def payer_rows(answer: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    from changhu_policies.vocabulary import PAYERS

    for each in answer["by_payer"]:
        yield (PAYERS[each["payer"]], *_yuan(each))


def summed(places: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The amounts of several places together; people who changed category are in more than one of them."""
    held = list(places)
    return _amounts(sum(each["due_fen"] for each in held), sum(each["draft_fen"] for each in held))


HEADINGS = ("类别", "县（市、区）", "现行人数", "草案人数", "现行（元）", "草案（元）", "差额（元）")
PAYER_HEADINGS = ("资金来源", *HEADINGS[-3:])


def title_of(answer: Mapping[str, Any]) -> str:
    return f"{answer['name']} {answer['year']}年筹资模拟：草案与现行政策比较"


def notes_of(answer: Mapping[str, Any]) -> list[str]:
    """What a reader must know beside the amounts."""
    draft = answer["draft"]
    notes = [
        f"现行：{answer['document']}，版本{answer['pack_version']}；"
        f"草案：{draft['name']} {draft['document']}，版本{draft['pack_version']}。",
        "金额为所属年度的应缴额，按现有参保人员逐人计算到分；未写入任何数据。",
    ]
    lacking = (answer["without_base"], answer["draft_without_base"])
    if any(lacking):
        notes.append(f"缺少缴费基数、未能计算的人数：现行{lacking[0]:,}，草案{lacking[1]:,}。")
    return notes


def _yuan(amounts: Mapping[str, int]) -> tuple[str, str, str]:
    from changhu_common.money import yuan

    due, draft, difference = (amounts[name] for name in ("due_fen", "draft_fen", "difference_fen"))
    return yuan(due), yuan(draft), f"+{yuan(difference)}" if difference > 0 else yuan(difference)


def _print(answer: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    # An amount is read whole or not at all, also where the output goes into a file.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_MIN)
    for title, headings, rows, words in (
        (title_of(answer), HEADINGS, rows_of(answer), 2),
        (None, PAYER_HEADINGS, payer_rows(answer), 1),
    ):
        table = Table(title=title)
        for number, heading in enumerate(headings):
            table.add_column(heading, justify="left" if number < words else "right", no_wrap=number >= words)
        for row in rows:
            table.add_row(*row, style="bold" if row[0] == "合计" or "小计" in row else None)
        console.print(table)
    for note in [*notes_of(answer), *answer.get("charts", [])]:
        console.print(note, markup=False)
