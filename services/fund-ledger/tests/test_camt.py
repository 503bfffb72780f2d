"""A bank's XML is read for what it says and for nothing that it could make the reader do."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from changhu_common.bulk_files import InvalidFile
from changhu_common.errors import Refusal
from fund_ledger.domain.camt import read_camt
from fund_ledger.domain.statement_rows import OtherAccount, StatementRowsInvalid, plain_number
from fund_ledger.domain.statements import Said

from tests.support.banks import NUMBER, OTHER_NUMBER, Moved, camt, load, registered
from tests.support.ledgers import rows
from tests.support.running import Running

SINCE, UNTIL = date(2026, 7, 1), date(2026, 7, 31)
MOVED = [Moved(date(2026, 7, 6), 100_00, "R1", "E1", "某某公司", "保费"), Moved(UNTIL, -30_00)]

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BILLION_LAUGHS = f'<!DOCTYPE Document [<!ENTITY l0 "ha">{LAUGHS}]>'
EXTERNAL_ENTITY = '<!DOCTYPE Document [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
EXTERNAL_TYPE = '<!DOCTYPE Document SYSTEM "http://127.0.0.1:9/x.dtd">'
PARAMETER_ENTITY = '<!DOCTYPE Document [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]>'


def message(**said: object) -> bytes:
    return camt(**{"moved": MOVED, "since": SINCE, "until": UNTIL, **said})  # type: ignore[arg-type]


def read(content: bytes) -> object:
    return read_camt(content=content, number=plain_number(NUMBER))


def replaced(old: str, new: str, *, times: int = -1) -> bytes:
    text = message().decode()
    assert old in text
    return text.replace(old, new, times).encode()


def without_days(evening: str) -> bytes:
    """A message that begins after the evening of the statement before, and does not say when."""
    text = message().decode().replace("OPBD", "PRCD")
    text = text.replace(f"<Dt><Dt>{SINCE}</Dt></Dt>", f"<Dt><Dt>{evening}</Dt></Dt>")
    start, end = text.index("<FrToDt>"), text.index("</FrToDt>") + len("</FrToDt>")
    return (text[:start] + text[end:]).encode()


@pytest.mark.parametrize("before", [BILLION_LAUGHS, EXTERNAL_ENTITY, EXTERNAL_TYPE, PARAMETER_ENTITY])
@pytest.mark.parametrize("used", ["&l9;", "&x;", ""])
def test_a_file_that_defines_anything_is_refused_before_it_is_read(before: str, used: str) -> None:
    content = message(before=before).decode().replace("<Id>S1</Id>", f"<Id>S1{used}</Id>").encode()
    with pytest.raises(InvalidFile, match="文档类型或实体定义"):
        read(content)


async def test_an_attack_over_http_leaves_nothing_behind(ledger: Running) -> None:
    ledger.advance_to(datetime(2026, 8, 20, 1, 0, tzinfo=UTC))
    account_id = await registered(ledger)
    for before in (BILLION_LAUGHS, EXTERNAL_ENTITY):
        answer = await load(ledger, account_id, message(before=before))
        assert (answer.status_code, answer.json()["code"]) == (422, "file.invalid")
        assert "root:" not in answer.text
    assert not await rows(ledger, "SELECT FROM bank_line")


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (message()[:-40], InvalidFile, "可能被截断"),
        (b"<" * 100_000, InvalidFile, "不是完整的 XML"),
        (message(version="99"), InvalidFile, "不是 camt.053"),
        (replaced("camt.053", "camt.052"), InvalidFile, "不是 camt.053"),
        (b"<html/>", InvalidFile, "不是 camt.053"),
        (replaced("UTF-8", "GB18030").replace("某某公司".encode(), b"\xff\xff"), InvalidFile, "编码"),
        (replaced("UTF-8", "x-unknown"), InvalidFile, "编码|XML"),
        (message(number=OTHER_NUMBER), OtherAccount, r"\*\*\*\*9999 不是本账户 \*\*\*\*2345"),
    ],
)
def test_a_message_that_cannot_be_trusted_is_refused_as_a_whole(
    content: bytes, kind: type[Refusal], reason: str
) -> None:
    with pytest.raises(kind, match=reason):
        read(content)


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (message(currency="USD"), "Acct/Ccy"),
        (replaced('Ccy="CNY">100.00', 'Ccy="EUR">100.00'), "Ntry[1]/Amt"),
        (replaced("100.00", "100.001"), "Ntry[1]/Amt"),
        (replaced("100.00", "-100.00"), "Ntry[1]/Amt"),
        (replaced("100.00", "0"), "Ntry[1]/Amt"),
        (replaced("<Dt>2026-07-06</Dt>", "<Dt>2026-07-36</Dt>"), "Ntry[1]/BookgDt"),
        (replaced("<Dt>2026-07-06</Dt>", "<Dt>2026-08-06</Dt>"), "Ntry[1]/BookgDt"),
        (replaced("<CdtDbtInd>DBIT</CdtDbtInd>", "<CdtDbtInd>BOTH</CdtDbtInd>"), "Ntry[2]/CdtDbtInd"),
        (replaced("<Cd>CLBD</Cd>", "<Cd>CLAV</Cd>"), "Bal"),
        (
            message(summary="<TxsSummry><TtlNtries><NbOfNtries>two</NbOfNtries></TtlNtries></TxsSummry>"),
            "TxsSummry/TtlNtries/NbOfNtries",
        ),
        (
            message(summary=f"<TxsSummry><TtlNtries><NbOfNtries>{'9' * 5000}</NbOfNtries></TtlNtries></TxsSummry>"),
            "TxsSummry/TtlNtries/NbOfNtries",
        ),
        (replaced("<Dt>2026-07-06</Dt>", "<Dt>2026-W27-4</Dt>"), "Ntry[1]/BookgDt"),
        (replaced("<Dt>2026-07-06</Dt>", "<DtTm>2026-W27-4T08:00</DtTm>"), "Ntry[1]/BookgDt"),
        (replaced("<Dt>2026-07-06</Dt>", "<Dt>9999-12-31</Dt>"), "Ntry[1]/BookgDt"),
        (replaced(f"{SINCE}T00:00:00+08:00", "9999-12-31T23:00:00-12:00"), "FrToDt/FrDtTm"),
        (replaced(f"{SINCE}T00:00:00+08:00", "0001-01-01T00:00:00+14:00"), "FrToDt/FrDtTm"),
        (without_days("9999-12-31"), "Dt"),
    ],
)
def test_what_is_wrong_with_an_entry_is_told_with_its_place(content: bytes, field: str) -> None:
    with pytest.raises(StatementRowsInvalid) as refused:
        read(content)
    assert f"Stmt[1]/{field}" in [error.field for error in refused.value.errors]


def test_everything_wrong_is_told_at_once() -> None:
    content = (
        message().decode().replace("100.00", "100.001").replace("30.00</Amt><CdtDbtInd>DBIT", "x</Amt><CdtDbtInd>DBIT")
    )
    with pytest.raises(StatementRowsInvalid) as refused:
        read(content.encode())
    assert refused.value.members["found"] == 2


@pytest.mark.parametrize("version", ["02", "08"])
def test_a_message_says_days_balances_and_who_paid(version: str) -> None:
    (statement,) = read_camt(content=message(version=version), number=plain_number(NUMBER))
    assert (statement.since, statement.until) == (SINCE, UNTIL)
    assert (statement.opening_fen, statement.closing_fen, statement.number) == (0, 70_00, "S1")
    first, second = statement.lines
    assert (first.amount_fen, first.reference, first.end_to_end_id) == (100_00, "R1", "E1")
    assert first.said == Said("某某公司", "", "保费")
    assert (second.amount_fen, second.reference, second.end_to_end_id) == (-30_00, None, None)


def to_chinese(content: bytes) -> bytes:
    return content.decode().replace("UTF-8", "GB18030").encode("gb18030")


@pytest.mark.parametrize("written", [to_chinese, lambda content: b"\xef\xbb\xbf" + content])
def test_a_message_is_read_in_the_encoding_that_it_declares(written: Callable[[bytes], bytes]) -> None:
    (statement,) = read_camt(content=written(message()), number=plain_number(NUMBER))
    assert statement.lines[0].said.counterparty == "某某公司"


def test_the_balance_of_the_statement_before_is_that_of_the_evening_before() -> None:
    (statement,) = read_camt(content=without_days("2026-06-30"), number=plain_number(NUMBER))
    assert (statement.since, statement.until) == (SINCE, UNTIL)


def test_several_statements_of_one_message_come_in_the_order_of_their_days() -> None:
    text = message().decode()
    start, end = text.index("<Stmt>"), text.index("</Stmt>") + len("</Stmt>")
    later = camt([], since=date(2026, 8, 1), until=date(2026, 8, 31), opening_fen=70_00).decode()
    first = later[later.index("<Stmt>") : later.index("</Stmt>") + len("</Stmt>")]
    both = read_camt(
        content=(text[:start] + first + text[start:end] + text[end:]).encode(), number=plain_number(NUMBER)
    )
    assert [each.since for each in both] == [SINCE, date(2026, 8, 1)]


def test_of_a_batch_no_single_reference_is_taken() -> None:
    text = message().decode()
    details = text[text.index("<TxDtls>") : text.index("</TxDtls>") + len("</TxDtls>")]
    (statement,) = read_camt(content=text.replace(details, details * 2, 1).encode(), number=plain_number(NUMBER))
    assert (statement.lines[0].reference, statement.lines[0].end_to_end_id) == ("R1", None)
