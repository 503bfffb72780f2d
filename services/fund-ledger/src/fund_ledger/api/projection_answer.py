"""A projection as JSON, with everything that it assumes."""

from collections.abc import Mapping
from typing import Any

from fund_ledger.api.projection_tables import assumptions_said, notes_of, policy_said
from fund_ledger.domain.assumptions import VARIANTS
from fund_ledger.domain.course import TOTAL, CountyYear, Flow
from fund_ledger.domain.prevalence import shown
from fund_ledger.domain.projected import Projected
from fund_ledger.domain.reports import written_months

# As `policy_said` says them.
POLICY = ("parameter", "whom", "value", "since", "until", "status", "grounds")


def answered(found: Projected) -> dict[str, Any]:
    """A projection as JSON: amounts in fen, people as whole numbers and null where they are few."""
    basis = found.basis
    return {
        "pool": found.pool,
        "name": found.name,
        "document": found.document,
        "draft": found.draft,
        "pack_version": found.pack_version,
        "on": found.on.isoformat(),
        "first_year": basis.first_year,
        "years": found.years,
        "anchor": found.anchor,
        "settled_months": basis.settled_months,
        "opening_fen": dict(basis.opening),
        "returned_fen": dict(basis.returned),
        "assumptions": [
            {"name": name, "low": low, "middle": middle, "high": high, "status": status, "source": source}
            for name, (low, middle, high), status, source in assumptions_said(found.assumed)
        ],
        "policy": [dict(zip(POLICY, cells, strict=True)) for cells in policy_said(found)],
        "notes": notes_of(found),
        "variants": [
            {
                "variant": course.variant,
                "name": VARIANTS[course.variant],
                "runs_out": {
                    TOTAL: course.runs_out(),
                    **{scheme: course.runs_out(scheme) for scheme in found.schemes},
                },
                "years": [_flow(each) for each in (*course.totals, *course.flows)],
                "counties": [_county(each) for each in course.counties],
            }
            for course in found.courses
        ],
    }


def _county(each: CountyYear) -> Mapping[str, Any]:
    people = shown({"": each.people})[""]
    return {
        "year": each.year,
        "county": each.county,
        "people": people,
        "contributions_fen": each.contributions_fen,
    }


def _flow(flow: Flow) -> Mapping[str, Any]:
    amounts = (
        "contributions_fen", "other_income_fen", "interest_fen", "income_fen",
        "benefits_fen", "other_expense_fen", "expense_fen", "balance_fen",
    )  # fmt: skip
    return {
        "year": flow.year,
        "scheme": flow.scheme,
        "people": shown({"": flow.people})[""],
        "disabled": shown(flow.disabled),
        **{name: getattr(flow, name) for name in amounts},
        "months_of_reserve": written_months(flow.reserve),
    }
