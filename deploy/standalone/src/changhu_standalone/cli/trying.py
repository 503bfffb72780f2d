"""试算: "what would it come to?", answered by the very functions that the services call.

An answer rests on the packs, on what was supplied and on the question; on no clock, no database
and no server.
"""

from typing import Annotated

import typer

from changhu_standalone.cli.answering import AsJson, SuppliedFolder, print_json, refusals_told

app = typer.Typer(help="试算：不连数据库，按政策算一算。", no_args_is_help=True)

File = Annotated[str | None, typer.Argument(metavar="[FILE]", help="JSON文件；不写则读标准输入")]


@app.command()
def grade(file: File = None, as_json: AsJson = False, supplied: SuppliedFolder = None) -> None:
    """量表得分 → 失能等级。"""
    _answer("grade", file, as_json=as_json, supplied=supplied)


@app.command()
def contribution(file: File = None, as_json: AsJson = False, supplied: SuppliedFolder = None) -> None:
    """某人某日 → 应缴多少、由谁缴。"""
    _answer("contribution", file, as_json=as_json, supplied=supplied)


@app.command()
def month(file: File = None, as_json: AsJson = False, supplied: SuppliedFolder = None) -> None:
    """某人某月的事实 → 逐笔结果、限额、理由。"""
    _answer("month", file, as_json=as_json, supplied=supplied)


def _answer(kind: str, file: str | None, *, as_json: bool, supplied: str | None) -> None:
    from changhu_standalone.cli import answers, questions, tables

    with refusals_told(as_json=as_json):
        answer = answers.ANSWERS[kind](questions.read_json(file), answers.supplied_from(supplied))
        if as_json:
            print_json(answer)
        else:
            tables.PRINTERS[kind](answer)
