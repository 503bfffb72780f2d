"""From a question, as JSON says it, to its answer: parse, ask the services' own rules, tell."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from assessment.domain.grading import grade_scores
from changhu_common.errors import FieldError, InvalidInput
from changhu_policies import NOTHING, Pack, Supplied, load_pack, scales, statistic_record
from enrollment.domain.contribution import contribution_rule
from settlement.domain.adjudication import Adjudication, adjudicate
from settlement.domain.facts import Agreement, Coverage, Facts, Grade, OtherBenefit, Service
from settlement.domain.limits import limit_period

from changhu_standalone.cli.questions import (
    ContributionQuestion,
    GradeQuestion,
    MonthQuestion,
    ask,
    contribution_faults,
    month_faults,
    refuse,
)


def supplied_from(folder: str | None) -> Supplied:
    return NOTHING if folder is None else Supplied.from_folder(Path(folder))


def grade(said: Any, supplied: Supplied = NOTHING) -> dict[str, Any]:
    """Scores of a scale → grade. What operators supply has no part in it."""
    asked = ask(GradeQuestion, said)
    scale = scales().get(asked.scale)
    if scale is None:
        raise InvalidInput("没有这个量表。", errors=[FieldError("scale", f"只能是{'、'.join(scales())}")])
    graded = grade_scores(scale=scale, scores=asked.scores)
    return {
        "scale": graded.scale,
        "grade": graded.grade,
        "totals": dict(graded.totals),
        "bands": dict(graded.bands),
        "status": graded.status,
        "reasons": list(graded.reasons),
    }


def contribution(said: Any, supplied: Supplied = NOTHING) -> dict[str, Any]:
    """A person on a day → what is due, from whom."""
    asked = ask(ContributionQuestion, said)
    pack = _pack(asked.pool, asked.statistics, supplied)
    refuse(contribution_faults(asked, pack))
    rule = contribution_rule(
        pack=pack,
        category=asked.category,
        on=asked.on,
        marks=asked.marks,
        county=asked.county,
        family_account=bool(asked.family_account),
    )
    due = rule.due(asked.base_fen)
    return {
        "pool": asked.pool,
        "period": due.period,
        "due_fen": due.due_fen,
        "parts": [
            {"payer": part.payer, "fen": part.fen, "clause": part.clause, "status": part.status} for part in due.parts
        ],
        "pack_version": pack.version,
        **_beside(pack, (reading for part in due.parts for reading in part.readings)),
    }


def month(said: Any, supplied: Supplied = NOTHING) -> dict[str, Any]:
    """A person-month's facts → lines, limits, reasons."""
    asked = ask(MonthQuestion, said)
    pack = _pack(asked.pool, asked.statistics, supplied)
    refuse(month_faults(asked, pack))
    pack.refuse_before_start(asked.month.last)
    adjudicated = adjudicate(pack=pack, facts=_facts(asked, _used_earlier(asked, pack)), days=asked.month.days)
    readings = (each.reading for line in adjudicated.lines for each in line.findings if each.reading)
    return {"pool": asked.pool, "month": str(asked.month), **_told(adjudicated), **_beside(pack, readings)}


def _beside(pack: Pack, readings: Iterable[str]) -> dict[str, Any]:
    """What a reader must know beside the amounts: that a draft answered, and what was read into the document."""
    beside: dict[str, Any] = {"draft": True, "document": pack.document} if pack.draft else {}
    if told := list(dict.fromkeys(readings)):
        beside["readings"] = told
    return beside


def _pack(pool: str, statistics: Mapping[str, Mapping[str, int]], supplied: Supplied) -> Pack:
    """The pool's pack; a question's own statistics go before the supplied ones, year by year."""
    own = Supplied.from_records(
        statistic_record(pool, name, int(year), fen, source="试算输入")
        for name, years in statistics.items()
        for year, fen in years.items()
    )
    return load_pack(pool, supplied.of_pool(pool).and_also(own))


def _used_earlier(asked: MonthQuestion, pack: Pack) -> int:
    """What earlier months used: it counts only where they share a limit with this one."""
    if not asked.fund_paid_this_year_fen:
        return 0
    period = limit_period(pack, asked.month.last)
    return 0 if period is None or period == asked.month.days else asked.fund_paid_this_year_fen


def _facts(asked: MonthQuestion, used_earlier_fen: int) -> Facts:
    return Facts(
        coverage=tuple(Coverage(category=each.category, days=each.days) for each in asked.coverage),
        grades=tuple(Grade(scale=each.scale, grade=each.grade, days=each.days) for each in asked.grades),
        agreements=tuple(
            Agreement(provider=each.provider, modes=frozenset(each.modes), days=each.days) for each in asked.agreements
        ),
        hospital_stays=tuple(stay.days for stay in asked.hospital_stays),
        other_benefits=tuple(OtherBenefit(kind=each.kind, days=each.days) for each in asked.other_benefits),
        disabled_since=asked.disabled_since,
        used_earlier_fen=used_earlier_fen,
        services=tuple(Service(**dict(service)) for service in asked.services),
    )


def _told(adjudicated: Adjudication) -> dict[str, Any]:
    return {
        "cost_fen": adjudicated.cost_fen,
        "fund_fen": adjudicated.fund_fen,
        "person_fen": adjudicated.person_fen,
        "limit_fen": adjudicated.limit_fen,
        "limit_left_fen": adjudicated.limit_left_fen,
        "lines": [
            {
                "id": line.id,
                "cost_fen": line.cost_fen,
                "fund_fen": line.fund_fen,
                "person_fen": line.person_fen,
                "paid": line.paid,
                "findings": [
                    {"code": each.code, "clause": each.clause, "text": each.text, "status": each.status}
                    for each in line.findings
                ],
            }
            for line in adjudicated.lines
        ],
        "pack_version": adjudicated.pack_version,
    }


ANSWERS: Final[Mapping[str, Callable[[Any, Supplied], dict[str, Any]]]] = {
    "grade": grade,
    "contribution": contribution,
    "month": month,
}
