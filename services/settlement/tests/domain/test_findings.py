"""A finding says how firm its value is, and what to read beside the clause."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from changhu_policies.values import Value
from changhu_policies.vocabulary import Status
from settlement.domain.findings import informs

RATIO = Value(parameter="benefit.ratio", value=None, written="75%", clause="二(六)3", status="stated", start=date.min)


@pytest.mark.parametrize(
    ("status", "said", "reading"),
    [
        ("stated", {}, ""),
        ("assumed", {"reading": "读作固定值"}, "读作固定值"),
        ("supplied", {"source": "市医保局文件"}, "补录依据：市医保局文件"),
    ],
)
def test_a_finding_carries_the_reading_or_the_paper_of_its_value(
    status: Status, said: dict[str, Any], reading: str
) -> None:
    found = informs(replace(RATIO, status=status, **said), "ratio", "按比例支付")
    assert (found.clause, found.status, found.reading) == ("二(六)3", status, reading)
