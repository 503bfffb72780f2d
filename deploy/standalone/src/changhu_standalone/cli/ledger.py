"""Commands of the fund's books: what is booked from what, and whether the books are as they were written."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from changhu_common.errors import FieldError, InvalidInput
from changhu_policies.accounting import RuleLine, chart
from changhu_policies.reconciliation import reconciliation_rules
from changhu_policies.vocabulary import STATUSES

from changhu_standalone.cli.answering import AsJson, print_json, refusals_told
from changhu_standalone.cli.asking import asked
from changhu_standalone.cli.running import Data

if TYPE_CHECKING:
    from changhu_standalone.story.office import Desk, Office

app = typer.Typer(name="ledger", help="基金账: 记账规则, 验证, 导出.", no_args_is_help=True)

Pool = Annotated[str, typer.Argument(help="统筹区代码")]
On = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="哪一天, 缺省为今天")]

SIDES: Final = {"debit": "借", "credit": "贷"}
HERE: Final = Path(".changhu")
HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@app.command()
def rules(as_json: AsJson = False) -> None:
    """哪个事件或凭证模板记哪些科目, 依据什么; 不平衡或科目不存在的规则不会载入."""
    known = chart()
    told: list[dict[str, Any]] = [
        {
            "rule": rule.event_type,
            "kind": "event",
            "title": rule.title,
            "key": rule.key,
            "happened_on": rule.happened_on,
            "dimensions": dict(rule.dimensions),
            "lines": [_line(line) for line in rule.lines],
            "document": known.document,
            "clause": rule.clause,
            "status": rule.status,
        }
        for rule in known.rules.values()
    ] + [
        {
            "rule": template.name,
            "kind": "template",
            "title": template.title,
            "lines": [_line(line) for line in template.lines],
            "document": known.document,
            "clause": template.clause,
            "status": template.status,
        }
        for template in known.templates.values()
    ]
    if as_json:
        print_json({"reading": known.reading, "rules": told})
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"记账规则 ({known.document})", title_justify="left", show_lines=True)
    for heading in ("规则", "分录", "维度", "依据"):
        table.add_column(heading, overflow="fold")
    for each in told:
        kind = "事件" if each["kind"] == "event" else "人工凭证模板"
        table.add_row(
            f"{each['title']}\n{each['rule']} ({kind})",
            "\n".join(_said(line) for line in each["lines"]),
            "\n".join(f"{name} ← {field}" for name, field in each.get("dimensions", {}).items()),
            f"{each['clause']}\n{STATUSES[each['status']]}",
        )
    Console().print(table, known.reading)


@app.command()
def matching(as_json: AsJson = False) -> None:
    """银行流水与分录按哪些规则勾对, 依次适用, 依据什么."""
    known = reconciliation_rules()
    if as_json:
        rules = [asdict(rule) for rule in known.matching]
        print_json({"document": known.document, "status": known.status, "reading": known.reading, "rules": rules})
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"勾对规则 ({known.document}, {STATUSES[known.status]})", title_justify="left")
    for heading in ("规则", "说明", "参考号", "工作日", "流水合并", "分录合并"):
        table.add_column(heading, overflow="fold")
    for rule in known.matching:
        days = "" if rule.working_days is None else str(rule.working_days)
        grouped = ("、".join(rule.lines), "、".join(rule.entries))
        table.add_row(rule.name, rule.title, rule.reference or "", days, *grouped)
    Console().print(table, known.reading)


def _line(line: RuleLine) -> dict[str, Any]:
    told: dict[str, Any] = {
        "side": line.side,
        "account": line.account.otherwise,
        "amount": line.amount,
        "book": line.book,
    }
    if line.account.field:
        told |= {"by": line.account.field, "accounts": dict(line.account.accounts or {})}
    return told


def _said(line: dict[str, Any]) -> str:
    accounts = chart().accounts
    said = f"{SIDES[line['side']]} {line['account']} {accounts[line['account']].name}"
    chosen = "".join(
        f"\n   {line['by']} = {value}: {number} {accounts[number].name}"
        for value, number in line.get("accounts", {}).items()
    )
    book = ", 市级账" if line["book"] == "pool" else ""
    return f"{said} ({line['amount']}{book}){chosen}"


@app.command()
def verify(
    pool: Pool,
    anchor: Annotated[
        list[str] | None, typer.Option("--anchor", metavar="SEQ:HASH", help="打印件上的账簿锚, 可写多次: 须仍在链上")
    ] = None,
    data: Data = HERE,
    as_json: AsJson = False,
) -> None:
    """沿哈希链逐张核对账簿中的凭证, 凭证号, 日汇总; 并核对打印件上的锚."""
    with refusals_told(as_json=as_json):
        begins = [None, *(_anchor_said(each) for each in anchor or ())]

    async def follow(office: "Office", auditor: "Desk") -> dict[str, Any]:
        told: dict[str, Any] = {}
        for begin in begins:
            told = await _follow(office, auditor, pool, begin)
            if not told["holds"]:
                break
        return told

    told = _asked_of(pool, data, follow)
    if as_json:
        print_json(told)
    elif told["holds"]:
        typer.echo(f"{pool} 的账簿完好: {told['sequence']} 张凭证, 末张哈希 {told['hash']}")
    else:
        typer.echo(f"{pool} 的账簿在第 {told['broken_at']} 张凭证处不符: {told['reason']}")
    if not told["holds"]:
        raise typer.Exit(1)


@app.command()
def anchor(pool: Pool, on: On = None, data: Data = HERE, as_json: AsJson = False) -> None:
    """某日终了时账簿的锚: 打印保存, 日后可证明此前的账未被改动."""

    async def ask(office: "Office", auditor: "Desk") -> Any:
        return await office.get("fund-ledger", f"/pools/{pool}/anchor", auditor, **_on(on))

    told = _asked_of(pool, data, ask)
    if as_json:
        print_json(told)
        return
    typer.echo(
        f"统筹区 {told['pool']}  日期 {told['on']}\n末张凭证 {told['voucher']}  序号 {told['sequence']}\n"
        f"锚 {told['sequence']}:{told['hash']}"
    )


@app.command()
def export(
    pool: Pool,
    folder: Annotated[Path, typer.Argument(help="写到哪个文件夹; 须为空或不存在")],
    data: Data = HERE,
    as_json: AsJson = False,
) -> None:
    """导出全部凭证, 供独立程序离线验证 (格式见 docs/ledger-format.md)."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        typer.echo(f"{folder} 不是空文件夹; 请换一个, 以免与以前的导出混在一起。", err=True)
        raise typer.Exit(1)

    async def write(office: "Office", auditor: "Desk") -> dict[str, Any]:
        return await _export(office, auditor, pool, folder)

    told = _asked_of(pool, data, write)
    if as_json:
        print_json(told)
    else:
        typer.echo(f"已导出 {told['entries']} 张凭证到 {folder}; 离线验证: python3 deploy/verifier/verify.py {folder}")


def _anchor_said(written: str) -> dict[str, Any]:
    sequence, _, digest = written.partition(":")
    if not sequence.isascii() or not sequence.isdigit() or not 0 < int(sequence) < 2**62 or not HASH.fullmatch(digest):
        raise InvalidInput(f"锚写作 序号:哈希, 如打印件页脚: {written}", errors=[FieldError("anchor", "不是锚")])
    return {"after": int(sequence), "known": digest}


async def _follow(office: "Office", auditor: "Desk", pool: str, begin: dict[str, Any] | None) -> dict[str, Any]:
    """The chain from its beginning, or from an anchor, to its end or to where it breaks."""
    after, told = begin or {}, {"complete": False, "holds": True}
    while told["holds"] and not told["complete"]:
        told = await office.get("fund-ledger", f"/pools/{pool}/proof", auditor, **after)
        after = {"after": told["sequence"], "known": told["hash"]}
    return told


async def _export(office: "Office", auditor: "Desk", pool: str, folder: Path) -> dict[str, Any]:
    vouchers, balances = Counter[str](), Counter[str]()
    after, last = 0, "0" * 64
    page: dict[str, Any] = {"entries": [""]}
    with (folder / "entries.jsonl").open("wb") as file:
        while page["entries"]:
            page = await office.get("fund-ledger", f"/pools/{pool}/entries", auditor, after=after)
            for written in page["entries"]:
                file.write(written.encode() + b"\n")
                last = hashlib.sha256(written.encode()).hexdigest()
                entry = json.loads(written)
                vouchers[str(entry["year"])] += 1
                for line in entry["lines"]:
                    balances[line["account"]] += line["amount_fen"]
            after = page["after"]
    manifest = {
        "format": page["format"],
        "pool": pool,
        "entries": sum(vouchers.values()),
        "hash": last,
        "vouchers": vouchers,
        "balances": {account: fen for account, fen in balances.items() if fen},
    }
    written = json.dumps(manifest, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    (folder / "manifest.json").write_bytes(written.encode() + b"\n")
    return manifest


def _on(on: datetime | None) -> dict[str, str]:
    return {"on": on.date().isoformat()} if on else {}


def _asked_of(pool: str, data: Path, ask: Callable[["Office", "Desk"], Awaitable[Any]]) -> Any:
    """Ask the ledger as the pool's auditor."""
    from changhu_common.roles import Role
    from changhu_policies import load_pack

    from changhu_standalone.story.office import Desk

    with refusals_told(as_json=False):
        load_pack(pool)
    return asked(data, lambda office: ask(office, Desk("ledger", (Role.AUDITOR,), pool)))
