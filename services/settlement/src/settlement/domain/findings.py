"""A finding is what one rule says of one service, by which clause, and whether it stops payment."""

from dataclasses import dataclass

from changhu_policies import Status, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sentence of a decision (认定). `parameter` names the pack's value that the clause stands in."""

    code: str
    clause: str
    text: str
    status: Status
    parameter: str
    stops_payment: bool
    reading: str = ""


def stops(value: Value, code: str, text: str) -> Finding:
    """The service is not paid, because of this value."""
    return _finding(value, code, text, stops_payment=True)


def informs(value: Value, code: str, text: str) -> Finding:
    """Something to be known that leaves payment as it is, or says how it was counted."""
    return _finding(value, code, text, stops_payment=False)


def _finding(value: Value, code: str, text: str, *, stops_payment: bool) -> Finding:
    return Finding(
        code=code,
        clause=value.clause,
        text=text,
        status=value.status,
        parameter=value.parameter,
        stops_payment=stops_payment,
        reading=value.remark,
    )
