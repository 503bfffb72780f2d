"""A statement as a camt.053 message (ISO 20022, BankToCustomerStatement) says everything of itself, balances included.

A file from outside defines no entity and names no document type: either is refused before anything of
it is read. Elements are found by their names, which versions 02 to 13 share.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime
from xml.etree.ElementTree import Element, ParseError

from changhu_common.bulk_files import InvalidFile
from changhu_common.cells import read_fen
from changhu_common.errors import FieldError
from changhu_common.periods import day_of
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from fund_ledger.domain.statement_rows import OtherAccount, plain_number, refuse_rows
from fund_ledger.domain.statements import ONE_DAY, Control, Said, Statement, StatementLine

_MESSAGE = re.compile(r"\{urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.(0[2-9]|1[0-3])\}Document")
_DECLARED_CHINESE = re.compile(rb"""^\s*<\?xml[^>]*encoding=["'](?:gb2312|gbk|gb18030)["'][^>]*\?>""", re.IGNORECASE)

# What a payer that gave no reference is said to have given.
_NOT_PROVIDED = "NOTPROVIDED"

_CURRENCY = "CNY"

# Python reads weeks (2026-W27-4) as well, which ISO 20022 does not write.
_DAY_FIRST = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EARLIEST, _LATEST = date(1900, 1, 1), date(2199, 12, 31)  # beyond them a day may have no day after it

_COUNT = re.compile(r"[0-9]{1,9}")


def is_xml(content: bytes) -> bool:
    return content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"


def read_camt(*, content: bytes, number: str) -> list[Statement]:
    """The statements of a message, all of the account with this number, in order of their days.

    InvalidFile where the message cannot be read, OtherAccount, or StatementRowsInvalid with all that is wrong.
    """
    statements = [*_each(_root(content), "BkToCstmrStmt/Stmt")]
    if not statements:
        raise InvalidFile("文件里没有对账单（BkToCstmrStmt/Stmt）; 请向银行索取 camt.053 对账单")
    errors: list[FieldError] = []
    read: list[Statement] = []
    for at, statement in enumerate(statements, 1):
        said = _text(statement, "Acct/Id/IBAN") or _text(statement, "Acct/Id/Othr/Id") or ""
        if plain_number(said) != number:
            raise OtherAccount(plain_number(said), number)
        reading = _Reading(f"Stmt[{at}]", errors)
        made = reading.statement(statement)
        if made is not None:
            read.append(made)
    refuse_rows(errors)
    return sorted(read, key=lambda each: (each.since, each.until))


def _root(content: bytes) -> Element:
    declared = _DECLARED_CHINESE.match(content)
    try:
        if declared:  # the parser knows no encoding of several bytes but Unicode's
            content = content[declared.end() :].decode("gb18030").encode()
        root: Element = fromstring(content, forbid_dtd=True)
    except DefusedXmlException as error:
        raise InvalidFile("文件含有文档类型或实体定义, 已拒绝读取; 请向银行索取标准的 camt.053 文件") from error
    except ParseError as error:
        line = error.position[0]
        raise InvalidFile(f"第 {line} 行起不是完整的 XML, 文件可能被截断; 请重新下载") from error
    except (ValueError, LookupError) as error:
        raise InvalidFile("文件的编码与其声明不符; 请重新下载, 或另存为 UTF-8") from error
    if not _MESSAGE.fullmatch(root.tag):
        raise InvalidFile("不是 camt.053（版本 02 至 13）对账单; 请向银行索取 camt.053, 或使用 CSV、XLSX 文件")
    return root


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _each(element: Element, path: str) -> Iterator[Element]:
    """The elements at a path of names, whatever version's namespace they are in."""
    first, _, rest = path.partition("/")
    for child in element:
        if _name(child) == first:
            yield from _each(child, rest) if rest else (child,)


def _first(element: Element, path: str) -> Element | None:
    return next(_each(element, path), None)


def _text(element: Element, *paths: str) -> str | None:
    """The text at the first of the paths that has one."""
    for path in paths:
        found = _first(element, path)
        if found is not None and (text := (found.text or "").strip()):
            return text
    return None


class _Reading:
    """One statement being read; what is wrong with it is put to `errors`."""

    def __init__(self, where: str, errors: list[FieldError]) -> None:
        self._where, self._errors = where, errors

    def statement(self, element: Element) -> Statement | None:
        wrong_before = len(self._errors)
        currency = _text(element, "Acct/Ccy")
        if currency not in (None, _CURRENCY):
            self._wrong("Acct/Ccy", f"币种 {currency} 不是人民币")
        opening = self._balance(element, ("OPBD", "PRCD"))
        closing = self._balance(element, ("CLBD",))
        begins = self._day(element, "FrToDt/FrDtTm") if _first(element, "FrToDt/FrDtTm") is not None else None
        entries = [each for each in _each(element, "Ntry") if _text(each, "Sts/Cd", "Sts") in (None, "BOOK")]
        lines = [self._line(entry, at) for at, entry in enumerate(entries, 1)]
        control = self._control(element)
        if opening is None or closing is None or len(self._errors) > wrong_before:
            return None
        (kind, opened_on, opening_fen), (_, until, closing_fen) = opening, closing
        # A balance of the statement before is that of the evening before.
        since = begins or (opened_on + ONE_DAY if kind == "PRCD" else opened_on)
        read = [line for line in lines if line is not None]
        for at, line in enumerate(read, 1):
            if not since <= line.booked_on <= until:
                self._wrong(f"Ntry[{at}]/BookgDt", f"{line.booked_on} 不在对账单期间 {since} 至 {until} 之内")
        return Statement(
            since=since,
            until=until,
            opening_fen=opening_fen,
            closing_fen=closing_fen,
            lines=read,
            number=_text(element, "Id"),
            control=control,
        )

    def _balance(self, statement: Element, kinds: tuple[str, ...]) -> tuple[str, date, int] | None:
        found = {_text(each, "Tp/CdOrPrtry/Cd"): each for each in _each(statement, "Bal")}
        for kind in kinds:
            if kind in found:
                day, fen = self._day(found[kind], "Dt"), self._amount(found[kind], f"Bal[{kind}]")
                return None if day is None or fen is None else (kind, day, fen)
        self._wrong("Bal", f"缺少余额 {'、'.join(kinds)}")
        return None

    def _line(self, entry: Element, at: int) -> StatementLine | None:
        where = f"Ntry[{at}]"
        fen = self._amount(entry, where)
        dated = "BookgDt" if _first(entry, "BookgDt") is not None else "ValDt"
        day = self._day(entry, dated, f"{where}/")
        if fen == 0:
            self._wrong(f"{where}/Amt", "金额为零")
        if not fen or day is None:
            return None
        details = [*_each(entry, "NtryDtls/TxDtls")]
        # Of a batch (several in one) no single one's reference is the batch's.
        single = details[0] if len(details) == 1 else None
        end_to_end = None if single is None else _text(single, "Refs/EndToEndId")
        return StatementLine(
            booked_on=day,
            amount_fen=fen,
            reference=_text(entry, "AcctSvcrRef") or (single is not None and _text(single, "Refs/AcctSvcrRef")) or None,
            end_to_end_id=None if end_to_end == _NOT_PROVIDED else end_to_end,
            said=_said(entry, single, "Dbtr" if fen > 0 else "Cdtr"),
        )

    def _control(self, statement: Element) -> Control:
        summary = _first(statement, "TxsSummry")
        if summary is None:
            return Control()
        count = _text(summary, "TtlNtries/NbOfNtries")
        if count is not None and not _COUNT.fullmatch(count):
            self._wrong("TxsSummry/TtlNtries/NbOfNtries", "不是笔数")
            count = None
        sums = {
            side: self._fen(text, f"TxsSummry/{side}/Sum")
            for side in ("TtlNtries", "TtlCdtNtries", "TtlDbtNtries")
            if (text := _text(summary, f"{side}/Sum")) is not None
        }
        return Control(
            count=None if count is None else int(count),
            income_fen=sums.get("TtlCdtNtries"),
            expense_fen=sums.get("TtlDbtNtries"),
            turnover_fen=sums.get("TtlNtries"),
        )

    def _amount(self, element: Element, where: str) -> int | None:
        """An amount with its side, credits above zero."""
        amount, side = _first(element, "Amt"), _text(element, "CdtDbtInd")
        if amount is None:
            self._wrong(f"{where}/Amt", "缺少金额")
            return None
        if amount.get("Ccy") != _CURRENCY:
            self._wrong(f"{where}/Amt", f"币种 {amount.get('Ccy') or '未写明'} 不是人民币")
            return None
        if side not in ("CRDT", "DBIT"):
            self._wrong(f"{where}/CdtDbtInd", "应为 CRDT 或 DBIT")
            return None
        fen = self._fen((amount.text or "").strip(), f"{where}/Amt")
        if fen is not None and fen < 0:
            self._wrong(f"{where}/Amt", "金额不能为负数, 方向由 CdtDbtInd 表示")
            return None
        return fen if fen is None or side == "CRDT" else -fen

    def _fen(self, text: str, where: str) -> int | None:
        try:
            return read_fen(text)
        except ValueError:
            self._wrong(where, f"{text} 不是最多两位小数的金额")
            return None

    def _day(self, element: Element, path: str, where: str = "") -> date | None:
        text = _text(element, f"{path}/Dt", f"{path}/DtTm", path)
        try:
            if text is None or not _DAY_FIRST.match(text):
                raise ValueError
            day = _day_at(text)
            if not _EARLIEST <= day <= _LATEST:
                raise ValueError
            return day
        except (ValueError, OverflowError):  # the second where the hour of another zone leaves the calendar
            self._wrong(f"{where}{path}", f"日期 {text or '缺少'} 无法读取")
            return None

    def _wrong(self, field: str, reason: str) -> None:
        self._errors.append(FieldError(f"{self._where}/{field}", reason))


def _day_at(text: str) -> date:
    """The day of a date, or here of a moment that names its zone."""
    if len(text) == 10:
        return date.fromisoformat(text)
    moment = datetime.fromisoformat(text)
    return moment.date() if moment.tzinfo is None else day_of(moment)


def _said(entry: Element, single: Element | None, other: str) -> Said:
    """What is said of the party on the other side: the debtor of what came in, the creditor of what went out."""
    remark = _text(entry, "AddtlNtryInf")
    if single is None:
        return Said(remark=remark or "")
    party = f"RltdPties/{other}"
    return Said(
        counterparty=_text(single, f"{party}/Nm", f"{party}/Pty/Nm") or "",
        counterparty_number=_text(single, f"{party}Acct/Id/IBAN", f"{party}Acct/Id/Othr/Id") or "",
        remark=_text(single, "RmtInf/Ustrd", "AddtlTxInf") or remark or "",
    )
