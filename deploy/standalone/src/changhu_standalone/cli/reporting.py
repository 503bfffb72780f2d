"""A report of the books as a file, from the command line: as the ledger answers it over HTTP, to the byte."""

from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from changhu_common.errors import FieldError, InvalidInput

from changhu_standalone.cli.answering import refusals_told
from changhu_standalone.cli.asking import asked
from changhu_standalone.cli.running import Data

if TYPE_CHECKING:
    from changhu_standalone.story.office import Office

FORMS = {".pdf": "pdf", ".xlsx": "xlsx", ".json": "json"}
DAY = "%Y-%m-%d"


class Kind(StrEnum):
    """Which report."""

    BALANCE_SHEET = "balance-sheet"
    INCOME_STATEMENT = "income-statement"
    TRIAL_BALANCE = "trial-balance"
    MONTHS = "months"
    ACCOUNT = "account"


Day = Annotated[datetime | None, typer.Option(formats=[DAY])]


def report(
    pool: Annotated[str, typer.Argument(help="统筹区代码")],
    kind: Annotated[Kind, typer.Argument(help="资产负债表, 收支表, 试算平衡表, 月度收支, 科目明细账")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="写到哪个文件; 以 .pdf, .xlsx 或 .json 结尾")],
    since: Day = None,
    until: Day = None,
    account: Annotated[str | None, typer.Option("--account", help="科目明细账的科目")] = None,
    split: Annotated[str, typer.Option("--split", help="none, county, scheme, book")] = "none",
    data: Data = Path(".changhu"),
) -> None:
    """把一张基金报表写成可签字的 PDF, 或 Excel, JSON; 起止日期缺省为今年至今天."""
    from changhu_common.roles import Role
    from changhu_policies import load_pack

    from changhu_standalone.story.office import Desk

    with refusals_told(as_json=False):
        load_pack(pool)
        form = FORMS.get(out.suffix)
        if form is None:
            raise InvalidInput(f"文件名须以{'、'.join(FORMS)}结尾。", errors=[FieldError("out", "不认识的文件类型")])
        if kind is Kind.ACCOUNT and not account:
            raise InvalidInput("科目明细账须写明科目, 如 --account 1003。", errors=[FieldError("account", "必填")])
    desk = Desk("ledger", (Role.AUDITOR,), pool)

    async def ask(office: "Office") -> bytes:
        from changhu_standalone.deployment import Standalone

        last = until.date() if until else Standalone(data).clock.today()
        first = since.date() if since else last.replace(month=1, day=1)
        path, params = _asked_for(kind, first, last, account, split)
        return await office.download("fund-ledger", f"/pools/{pool}/{path}", desk, **params, format=form)

    out.write_bytes(asked(data, ask))
    typer.echo(f"已写到 {out}")


def _asked_for(kind: Kind, since: date, until: date, account: str | None, split: str) -> tuple[str, dict[str, Any]]:
    """Where the ledger answers this report, and what it is asked."""
    days = {"since": str(since), "until": str(until)}
    asked_for: dict[Kind, tuple[str, dict[str, Any]]] = {
        Kind.BALANCE_SHEET: ("reports/balance-sheet", {"on": str(until), "split": split}),
        Kind.INCOME_STATEMENT: ("reports/income-statement", {**days, "split": split}),
        Kind.TRIAL_BALANCE: ("trial-balance", {"on": str(until), "by_county": split in {"county", "book"}}),
        Kind.MONTHS: ("reports/months", {name: day[:7] for name, day in days.items()}),
        Kind.ACCOUNT: (f"accounts/{account}/lines", days),
    }
    return asked_for[kind]
