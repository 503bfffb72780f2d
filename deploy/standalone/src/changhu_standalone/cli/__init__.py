"""The one command line. Each group of commands is a file of its own; here they only get their names.

What a command needs is imported when it runs, so that `--help` and a small question stay quick.
"""

import sys

import typer

from changhu_standalone.cli import (
    asking,
    deploying,
    importing,
    ledger,
    policy,
    projecting,
    reporting,
    running,
    simulating,
    trying,
    whole_city,
)

app = typer.Typer(
    name="changhu",
    help="长护 Changhu：城市长期护理保险的业务系统。",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback must not print people's data
)
app.add_typer(trying.app, name="try")
policy.app.command()(simulating.simulate)
app.add_typer(policy.app, name="policy")
app.add_typer(asking.dead_letters, name="dead-letters")
ledger.app.command()(reporting.report)
ledger.app.command()(projecting.project)
app.add_typer(ledger.app, name="ledger")
app.command()(running.demo)
app.command("demo-city")(whole_city.demo_city)
app.command()(importing.import_persons)
app.command()(running.run)
app.command()(running.token)
app.command()(asking.books)
app.command()(deploying.provision)
app.command()(deploying.migrate)


def main() -> None:
    """The entry point of the `changhu` command; what it prints is UTF-8 on every machine."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8")
    app()
