"""Every command answers alike: the answer and exit 0, or a problem and exit 1.

Under `--json` both are one JSON object on standard output; otherwise a reader gets a table, or a
sentence on standard error.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from changhu_common.errors import Refusal

AsJson = Annotated[bool, typer.Option("--json", help="以JSON输出")]
SuppliedFolder = Annotated[
    str | None, typer.Option("--supplied", metavar="DIR", help="补录的统计指标和参数所在的文件夹")
]


@contextmanager
def refusals_told(*, as_json: bool) -> Iterator[None]:
    """Tell a refusal to whoever called, and exit 1. Anything else that is raised is a fault of ours."""
    try:
        yield
    except Refusal as refusal:
        if as_json:
            print_json(refusal.problem())
        else:
            typer.echo(f"{refusal.title}（{refusal.code}）：{refusal.detail}", err=True)
            for error in refusal.errors:
                typer.echo(f"  {error.field}：{error.reason}", err=True)
        raise typer.Exit(1) from None


@contextmanager
def machine_faults_told() -> Iterator[None]:
    """Tell in a sentence what the machine refuses (a folder, a port, a server that will not start), and exit 1."""
    from changhu_standalone.postgres import PostgresDidNotStart

    try:
        yield
    except (OSError, PostgresDidNotStart) as fault:
        typer.echo(f"无法启动：{fault}", err=True)
        raise typer.Exit(1) from fault


def print_json(answer: Any) -> None:
    typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))
