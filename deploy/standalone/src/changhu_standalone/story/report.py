"""What the story came to: a table by service, one person's statement clause by clause, the books, and the proof."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from changhu_common.money import yuan
from changhu_common.periods import SHANGHAI
from changhu_common.roles import Role
from rich.console import Console, Group, RenderableType
from rich.table import Table

from changhu_standalone.story.care import LEAVES
from changhu_standalone.story.chapters import Story

SERVICE_TERMS = {
    "enrollment": "参保",
    "assessment": "评估",
    "provider-registry": "定点机构与服务",
    "settlement": "结算",
    "fund-ledger": "基金账",
}


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether the books balance and hold every fen that came in and that the fund settled."""

    balanced: bool
    received_fen: int
    booked_income_fen: int
    settled_fen: int
    booked_spent_fen: int

    @property
    def holds(self) -> bool:
        return (
            self.balanced and self.received_fen == self.booked_income_fen and self.settled_fen == self.booked_spent_fen
        )


async def prove(story: Story) -> tuple[Proof, dict[str, Any]]:
    """Compare what the services said with what stands in the books; the books come along.

    Without their anchor: it also says in which order they were written, and that is told by nobody.
    """
    pool = story.city.pool
    auditor = story.desk(Role.AUDITOR)
    books = await story.office.get("fund-ledger", f"/pools/{pool}/trial-balance", auditor)
    del books["anchor"]
    balance = {account["account"]: account["balance_fen"] for account in books["accounts"]}
    statements = await story.office.get("settlement", "/statements", auditor, pool=pool)
    return Proof(
        balanced=books["balanced"],
        received_fen=story.told.received_fen + story.told.startup_fen,
        booked_income_fen=-sum(fen for account, fen in balance.items() if account.startswith("4")),
        settled_fen=sum(each["fund_fen"] for each in statements if each["status"] == "paid"),
        booked_spent_fen=sum(fen for account, fen in balance.items() if account.startswith("5")),
    ), books


async def show(story: Story, console: Console, proof: Proof, books: dict[str, Any]) -> None:
    """Print the report."""
    anchor = await story.office.get("fund-ledger", f"/pools/{story.city.pool}/anchor", story.desk(Role.AUDITOR))
    story.told.counts["fund-ledger"]["记账凭证"] = anchor["sequence"]
    console.print(_services(story))
    console.print(await _person(story, LEAVES, str(story.city.months[0])))
    console.print(_adjustments(await _statements(story)))
    console.print(trial_balance(books))
    console.print(await _budget(story))
    console.print(
        f"收入 {yuan(proof.received_fen)} 元, 账上收入 {yuan(proof.booked_income_fen)} 元; "
        f"基金拨付 {yuan(proof.settled_fen)} 元, 账上支出 {yuan(proof.booked_spent_fen)} 元: "
        + ("[green]分毫不差[/]" if proof.holds else "[red]不一致[/]")
    )


def _services(story: Story) -> Table:
    table = Table(title="各服务做了什么", title_justify="left")
    table.add_column("服务")
    table.add_column("事项")
    table.add_column("数量", justify="right")
    for service, term in SERVICE_TERMS.items():
        for what, count in story.told.counts[service].items():
            table.add_row(f"{service} {term}", what, str(count))
    return table


async def _person(story: Story, number: int, month: str) -> RenderableType:
    auditor = story.desk(Role.AUDITOR)
    told = await story.office.get("settlement", f"/persons/{story.people[number]}/months/{month}", auditor)
    table = Table(title=f"一名参保人 {month} 的护理费用, 每笔金额的依据 (月中停保)", title_justify="left")
    for heading in ("时间", "项目", "费用", "基金", "个人", "依据"):
        table.add_column(
            heading,
            justify="right" if heading in {"费用", "基金", "个人"} else "left",
            no_wrap=heading != "依据",
        )
    for line in told["lines"]:
        reasons = "; ".join(_reason(each) for each in line["findings"])
        table.add_row(
            f"{datetime.fromisoformat(line['at']).astimezone(SHANGHAI):%Y-%m-%d %H:%M}",
            line["item"],
            yuan(line["cost_fen"]),
            yuan(line["fund_fen"]),
            yuan(line["person_fen"]),
            reasons,
        )
    limit_fen, left_fen = told["limit"]["limit_fen"], told["limit"]["left_fen"]
    limit = "无" if limit_fen is None else f"{yuan(limit_fen)} 元, 剩余 {yuan(left_fen)} 元"
    because = "; ".join(_reason(each) for each in told["limit"]["findings"])
    return Group(table, f"限额 {limit}, 依据: {because}; 政策版本 {told['limit']['pack_version']}\n")


def _reason(finding: dict[str, Any]) -> str:
    return f"{finding['clause']} {finding['text']}" + (" (推定)" if finding["status"] == "assumed" else "")


async def _statements(story: Story) -> list[dict[str, Any]]:
    auditor = story.desk(Role.AUDITOR)
    return [
        await story.office.get("settlement", f"/statements/{each['statement_id']}", auditor)
        for of_month in story.told.statements.values()
        for each in of_month
    ]


def _adjustments(statements: list[dict[str, Any]]) -> Table:
    table = Table(title="结算单中的调整: 迟到的事实按差额补退", title_justify="left")
    for heading in ("结算单", "参保人", "服务月份", "基金差额", "个人差额", "更正的拨付"):
        table.add_column(heading, justify="right" if heading.endswith("差额") else "left")
    for detail in statements:
        month = detail["statement"]["month"]
        for payment in detail["payments"]:
            if payment["kind"] == "care" and payment["month"] != month:
                table.add_row(
                    month,
                    payment["person_id"][-12:],
                    payment["month"],
                    yuan(payment["fund_fen"]),
                    yuan(payment["person_fen"]),
                    (payment["corrects_payment_id"] or "(首次结算)")[-12:],
                )
    return table


async def _budget(story: Story) -> str:
    year = story.city.months[0].year
    path = f"/pools/{story.city.pool}/budgets/{year}/execution"
    told = await story.office.get("fund-ledger", path, story.desk(Role.AUDITOR))
    spent = next(each for each in told["totals"] if each["kind"] == "expense")
    budget, reserved, paid, free = (yuan(spent[f"{name}_fen"]) for name in ("budget", "reserved", "spent", "free"))
    return f"{year} 年支出预算 {budget} 元, 占用 {reserved} 元, 已支付 {paid} 元, 可用 {free} 元 ({spent['percent']})"


def trial_balance(books: dict[str, Any]) -> RenderableType:
    """A trial balance as a table."""
    table = Table(title=f"{books['pool']} 试算平衡表, 截至 {books['on']} (元)", title_justify="left")
    for heading in ("科目", "名称", "借方", "贷方", "余额"):
        table.add_column(heading, justify="left" if heading in {"科目", "名称"} else "right")
    for account in books["accounts"]:
        table.add_row(
            account["account"],
            account["name"],
            yuan(account["debit_fen"]),
            yuan(account["credit_fen"]),
            yuan(account["balance_fen"]),
        )
    table.add_section()
    table.add_row("", "合计", yuan(books["debit_fen"]), yuan(books["credit_fen"]), "")
    status = "推定" if books["status"] == "assumed" else books["status"]
    return Group(table, f"科目依据 {books['document']} ({status}): {books['reading']}\n")
