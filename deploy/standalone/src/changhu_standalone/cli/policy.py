"""The packs, for whoever answers for them: are they sound, what do they say, why, and what is still open?"""

from pathlib import Path
from typing import Annotated, Any

import typer

from changhu_standalone.cli.answering import AsJson, SuppliedFolder, print_json, refusals_told
from changhu_standalone.cli.running import Data

app = typer.Typer(help="政策包：检查、查看、解释、比较、补录。", no_args_is_help=True)

Pool = Annotated[str, typer.Argument(metavar="POOL", help="统筹区六位代码")]
OnDay = Annotated[str, typer.Option("--on", metavar="DATE", help="日期，如2026-07-01")]
SomeDay = Annotated[str | None, typer.Option("--on", metavar="DATE", help="日期，缺省为今天")]
AnyDay = Annotated[str | None, typer.Option("--on", metavar="DATE", help="日期，缺省为任何日子")]
Account = Annotated[str | None, typer.Option("--as", metavar="ACCOUNT", help="经办人账号；录入和审批须是两个人")]
Url = Annotated[str | None, typer.Option("--url", help="参保服务的地址；不写则用 --data 中的本机部署")]
Token = Annotated[str, typer.Option("--token", envvar="CHANGHU_TOKEN", help="与 --url 同用的登录凭证")]


@app.command()
def check(as_json: AsJson = False) -> None:
    """检查全部政策包：缺口、重叠、未知字段、条款，以及各包自带的样例。"""
    from changhu_policies import pools

    from changhu_standalone.cli.documents import checked

    packs = [checked(pool) for pool in pools()]
    sound = not any(pack["errors"] for pack in packs)
    _tell("check", {"ok": sound, "packs": packs}, as_json=as_json)
    if not sound:
        raise typer.Exit(1)


@app.command()
def show(pool: Pool, on: OnDay, as_json: AsJson = False, supplied: SuppliedFolder = None) -> None:
    """查看一个统筹区在某日的全部参数：值、条款、依据。"""
    from changhu_standalone.cli import answers, documents

    with refusals_told(as_json=as_json):
        _tell("show", documents.shown(pool, on, answers.supplied_from(supplied)), as_json=as_json)


@app.command()
def explain(
    pool: Pool,
    parameter: Annotated[str, typer.Argument(metavar="PARAMETER", help="参数，如benefit.ratio")],
    on: SomeDay = None,
    case: Annotated[list[str] | None, typer.Option("--for", metavar="条件=取值", help="如mode=home，可写多个")] = None,
    as_json: AsJson = False,
    supplied: SuppliedFolder = None,
) -> None:
    """解释一个参数：某日的值、条款、依据、适用的人，以及它的沿革。"""
    from changhu_standalone.cli import answers, documents

    with refusals_told(as_json=as_json):
        folder = answers.supplied_from(supplied)
        _tell("explain", documents.explained(pool, parameter, on or _today(), case or [], folder), as_json=as_json)


@app.command()
def diff(
    one: Annotated[str, typer.Argument(metavar="A", help="统筹区，或统筹区@日期，如211100@2026-01-01")],
    other: Annotated[str, typer.Argument(metavar="B", help="另一个统筹区，或同一统筹区的另一日")],
    as_json: AsJson = False,
    supplied: SuppliedFolder = None,
) -> None:
    """比较两座城市，或一座城市的两个日子：哪些参数不同。"""
    from datetime import date

    from changhu_standalone.cli import answers, documents

    with refusals_told(as_json=as_json):
        today = date.fromisoformat(_today())
        _tell("diff", documents.differing(one, other, today, answers.supplied_from(supplied)), as_json=as_json)


@app.command()
def missing(pool: Pool, on: AnyDay = None, as_json: AsJson = False, supplied: SuppliedFolder = None) -> None:
    """列出文件未定、也未补录的参数；不写日期则列出任何日子的。"""
    from changhu_standalone.cli import answers, documents

    with refusals_told(as_json=as_json):
        _tell("missing", documents.wanting(pool, on, answers.supplied_from(supplied)), as_json=as_json)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="写入的文件夹，--supplied 可读")],
    data: Data = Path(".changhu"),
    supplied: SuppliedFolder = None,
    as_json: AsJson = False,
) -> None:
    """把已审批的补录值导出为文件夹：取自本机部署，或另一个补录文件夹。"""
    from changhu_standalone.cli import supplying

    with refusals_told(as_json=as_json):
        _tell("export", supplying.export(folder, data=data, supplied=supplied), as_json=as_json)


@app.command()
def supply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="以统筹区代码命名的YAML文件，或其所在的文件夹")],
    data: Data = Path(".changhu"),
    account: Account = None,
    url: Url = None,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """录入文件中的补录值，等待另一人审批；重复执行不会重复录入。"""
    from changhu_standalone.cli import supplying

    with refusals_told(as_json=as_json):
        place = supplying.Place(data=data, account=account, url=url, token=token)
        _tell("supply", supplying.enter(file, place), as_json=as_json)


@app.command()
def approve(
    pool: Pool,
    value_ids: Annotated[list[str] | None, typer.Argument(metavar="[VALUE_ID]...", help="不写则审批全部待审的")] = None,
    data: Data = Path(".changhu"),
    account: Account = None,
    url: Url = None,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """审批他人录入的补录值：从此在各项业务中生效。"""
    from changhu_standalone.cli import supplying

    with refusals_told(as_json=as_json):
        place = supplying.Place(data=data, account=account, url=url, token=token)
        _tell("supply", supplying.approve(pool, value_ids or [], place), as_json=as_json)


def _tell(kind: str, answer: Any, *, as_json: bool) -> None:
    from changhu_standalone.cli.policy_tables import PRINTERS

    if as_json:
        print_json(answer)
    else:
        PRINTERS[kind](answer)


def _today() -> str:
    from changhu_common.clock import SystemClock

    return SystemClock().today().isoformat()
