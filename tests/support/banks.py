"""A bank that tells what its accounts moved: as a table, or as a camt.053 message of either generation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from xml.sax.saxutils import escape

import httpx
from changhu_common.roles import Role

from tests.support.ledgers import POOL
from tests.support.running import Running

NUMBER = "6222 0208 0001 2345"
OTHER_NUMBER = "6222020800019999"
ACCOUNT = "1003"

HEAD = "账号,交易日期,收入金额,支出金额,余额,币种,流水号,端到端标识,对方户名,对方账号,摘要"


@dataclass(frozen=True)
class Moved:
    """What an account moved on a day, in fen; above zero came in."""

    day: date
    fen: int
    reference: str = ""
    end_to_end_id: str = ""
    counterparty: str = ""
    remark: str = ""


def yuan_text(fen: int) -> str:
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def table(moved: Sequence[Moved], *, opening_fen: int = 0, number: str = NUMBER, head: str = HEAD) -> bytes:
    """A statement as CSV."""
    rows, balance = [head], opening_fen
    for each in moved:
        balance += each.fen
        income, expense = (yuan_text(each.fen), "") if each.fen > 0 else ("", yuan_text(-each.fen))
        rows.append(
            f"{number},{each.day},{income},{expense},{yuan_text(balance)},人民币,{each.reference},{each.end_to_end_id},"
            f"{each.counterparty},{'622200007890' if each.counterparty else ''},{each.remark}"
        )
    return "\n".join(rows).encode()


def camt(
    moved: Sequence[Moved],
    *,
    since: date,
    until: date,
    opening_fen: int = 0,
    closing_fen: int | None = None,
    number: str = NUMBER,
    version: str = "08",
    **said: str,
) -> bytes:
    """A statement as camt.053.001.02 or .08; `said` replaces parts: currency, before (the root), entry, summary."""
    currency = said.get("currency", "CNY")
    closing = opening_fen + sum(each.fen for each in moved) if closing_fen is None else closing_fen
    entries = "".join(_entry(each, currency, modern=version >= "08") for each in moved) + said.get("entry", "")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f"{said.get('before', '')}"
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><BkToCstmrStmt>'
        "<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-08-01T08:00:00+08:00</CreDtTm></GrpHdr><Stmt><Id>S1</Id>"
        f"<FrToDt><FrDtTm>{since}T00:00:00+08:00</FrDtTm><ToDtTm>{until}T23:59:59+08:00</ToDtTm></FrToDt>"
        f"<Acct><Id><Othr><Id>{number}</Id></Othr></Id><Ccy>{currency}</Ccy></Acct>"
        f"{_balance('OPBD', opening_fen, since, currency)}{_balance('CLBD', closing, until, currency)}"
        f"{said.get('summary', '')}{entries}</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def _balance(kind: str, fen: int, day: date, currency: str) -> str:
    side = "CRDT" if fen >= 0 else "DBIT"
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy="{currency}">{yuan_text(abs(fen))}</Amt>'
        f"<CdtDbtInd>{side}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
    )


def _entry(each: Moved, currency: str, *, modern: bool) -> str:
    side, other = ("CRDT", "Dbtr") if each.fen > 0 else ("DBIT", "Cdtr")
    name = f"<Nm>{escape(each.counterparty)}</Nm>"
    party = f"<Pty>{name}</Pty>" if modern else name
    return (
        f'<Ntry><Amt Ccy="{currency}">{yuan_text(abs(each.fen))}</Amt><CdtDbtInd>{side}</CdtDbtInd>'
        f"<Sts>{'<Cd>BOOK</Cd>' if modern else 'BOOK'}</Sts><BookgDt><Dt>{each.day}</Dt></BookgDt>"
        + (f"<AcctSvcrRef>{escape(each.reference)}</AcctSvcrRef>" if each.reference else "")
        + "<NtryDtls><TxDtls><Refs>"
        f"<EndToEndId>{escape(each.end_to_end_id) or 'NOTPROVIDED'}</EndToEndId></Refs>"
        f"<RltdPties><{other}>{party}</{other}></RltdPties>"
        f"<RmtInf><Ustrd>{escape(each.remark)}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
    )


async def register(ledger: Running, *, since: date = date(2026, 7, 1), **said: Any) -> httpx.Response:
    """Register an account that stands for the fiscal special account."""
    body = {
        "name": "财政专户",
        "bank": "工商银行",
        "number": NUMBER,
        "account": ACCOUNT,
        "since": str(since),
        **said,
    }
    return await ledger.post(f"/pools/{POOL}/bank-accounts", ledger.token(Role.ACCOUNTANT), body)


async def registered(ledger: Running, **said: Any) -> str:
    """The id of an account that was registered."""
    answer = await register(ledger, **said)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["bank_account_id"])


async def load(ledger: Running, account_id: str, content: bytes, **beside: Any) -> httpx.Response:
    """Send a statement's file."""
    return await ledger.post(
        f"/bank-accounts/{account_id}/statements", ledger.token(Role.ACCOUNTANT), content=content, params=beside
    )


async def told(
    ledger: Running,
    account_id: str,
    moved: Sequence[Moved],
    *,
    since: date = date(2026, 7, 1),
    until: date = date(2026, 7, 31),
    opening_fen: int = 0,
) -> dict[str, Any]:
    """Send what an account moved as a table that is right in itself, and return the answer."""
    answer = await load(
        ledger,
        account_id,
        table(moved, opening_fen=opening_fen),
        since=since,
        until=until,
        opening_fen=opening_fen,
        closing_fen=opening_fen + sum(each.fen for each in moved),
    )
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body
