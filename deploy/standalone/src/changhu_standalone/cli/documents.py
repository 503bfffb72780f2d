"""What may be asked of the packs themselves: are they sound, what do they say, why, since when, and what not.

A pack proves itself by its own golden cases: questions with the answers that somebody worked out
by hand, put to the same functions as everything else.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from changhu_common.errors import FieldError, InvalidInput, Refusal
from changhu_policies import NOTHING, Pack, PolicyMissing, Supplied, Value, load_pack
from changhu_policies.folders import golden_cases
from changhu_policies.parameters import PARAMETERS, QUALIFIERS
from changhu_policies.values import DAY_ONE
from changhu_policies.vocabulary import STATISTICS

from changhu_standalone.cli.answers import ANSWERS


def day_said(written: str, field: str = "on") -> date:
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise InvalidInput("日期有误。", errors=[FieldError(field, "须为日期，如2026-07-01")]) from None


def _about(pack: Pack) -> dict[str, Any]:
    return {
        "pool": pack.pool,
        "name": pack.name,
        "document": pack.document,
        "draft": pack.draft,
        "counties": dict(pack.counties),
        "pack_version": pack.version,
    }


def shown(pool: str, on: str, supplied: Supplied) -> dict[str, Any]:
    """Every value of a day."""
    day = day_said(on)
    pack = load_pack(pool, supplied.of_pool(pool))
    if pack.start != DAY_ONE:
        pack.refuse_before_start(day)
    return {
        **_about(pack),
        "on": day.isoformat(),
        "values": [value.as_json() for value in pack.values(on=day)],
    }


def explained(pool: str, parameter: str, on: str, cases: Sequence[str], supplied: Supplied) -> dict[str, Any]:
    """What a parameter is on a day, by which clause, and what it was and will be on others."""
    day = day_said(on)
    if parameter not in PARAMETERS:
        raise InvalidInput("没有这个参数。", errors=[FieldError("parameter", f"没有参数{parameter}")])
    pack = load_pack(pool, supplied.of_pool(pool))
    asked = _case_said(cases)
    history = [value for value in pack.values() if value.parameter == parameter and _is_for(value, asked)]
    ordered = sorted(history, key=lambda value: (tuple(map(str, value.key)), value.start))
    known = PARAMETERS[parameter]
    return {
        **_about(pack),
        "parameter": parameter,
        "title": known.title,
        "on": day.isoformat(),
        "may_vary_by": list(known.by),
        "varies_by": list(ordered[0].varies_by) if ordered else [],
        "values": [value.as_json() for value in ordered if value.holds_on(day)],
        "history": [value.as_json() for value in ordered],
    }


def _case_said(cases: Sequence[str]) -> dict[str, str]:
    pairs = [case.partition("=") for case in cases]
    if wrong := [FieldError("for", f"须写作条件=取值，如mode=home：{''.join(pair)}") for pair in pairs
                 if pair[0] not in QUALIFIERS or not pair[2]]:  # fmt: skip
        raise InvalidInput("条件有误。", errors=wrong)
    return {name: word for name, _, word in pairs}


def _is_for(value: Value, asked: Mapping[str, str]) -> bool:
    return all(str(word) == asked.get(name, str(word)) for name, word in value.qualifiers)


def wanting(pool: str, on: str | None, supplied: Supplied) -> dict[str, Any]:
    """What the document leaves open and nobody supplied, on a day or on any."""
    day = day_said(on) if on else None
    pack = load_pack(pool, supplied.of_pool(pool))
    missing = [value for value in pack.values() if value.status == "missing"]
    if day:
        still_open = (value for value in missing if _is_open(pack, value, day))
        missing = list({(value.parameter, value.key): value for value in still_open}.values())
    return {
        **_about(pack),
        "on": day.isoformat() if day else None,
        "missing": [{name: said for name, said in each.as_json().items() if name != "value"} for each in missing],
    }


def _is_open(pack: Pack, value: Value, day: date) -> bool:
    """Whether a value is wanting on a day; the statistic that a day asks for is that of the year before."""
    if value.parameter not in STATISTICS:
        return value.holds_on(day)
    try:
        pack.statistic(value.parameter, day.year - 1)
    except PolicyMissing:
        return True
    return False


def differing(one: str, other: str, today: date, supplied: Supplied) -> dict[str, Any]:
    """What two cities, or one city on two days, say differently; `211100@2026-01-01`, or a pool as of today."""
    sides = [_side(written, today, supplied) for written in (one, other)]
    (first, first_day), (second, second_day) = sides
    same_document = first.pool == second.pool
    said = [{(value.parameter, value.qualifiers): value for value in pack.values(on=day)} for pack, day in sides]
    order = list(PARAMETERS)
    keys = sorted(said[0].keys() | said[1].keys(), key=lambda key: (order.index(key[0]), str(key[1])))
    return {
        "a": {**_about(first), "on": first_day.isoformat()},
        "b": {**_about(second), "on": second_day.isoformat()},
        "differences": [
            {
                "parameter": name,
                "title": PARAMETERS[name].title,
                "qualifiers": dict(qualifiers),
                "a": _told(said[0].get((name, qualifiers))),
                "b": _told(said[1].get((name, qualifiers))),
            }
            for name, qualifiers in keys
            if _meant(said[0].get((name, qualifiers)), same_document)
            != _meant(said[1].get((name, qualifiers)), same_document)
        ],
    }


def _side(written: str, today: date, supplied: Supplied) -> tuple[Pack, date]:
    pool, at, on = written.partition("@")
    return load_pack(pool, supplied.of_pool(pool)), day_said(on, written) if at else today


def _meant(value: Value | None, same_document: bool) -> Any:
    """Clauses of two documents always differ; those of one only where the rule changed."""
    if value is None:
        return None
    told = value.as_json()
    return told["value"], told["status"], told["clause"] if same_document else ""


def _told(value: Value | None) -> dict[str, Any] | None:
    if value is None:
        return None
    told = value.as_json()
    return {name: told[name] for name in ("value", "clause", "status", "from", "to", "reading", "note") if name in told}


def checked(pool: str) -> dict[str, Any]:
    """Whether a pack loads, and answers its own golden cases."""
    told: dict[str, Any] = {
        "pool": pool, "name": "", "draft": False, "pack_version": "", "values": 0, "missing": 0, "golden": 0,
        "errors": [],
    }  # fmt: skip
    try:
        pack = load_pack(pool)
        cases = golden_cases(pool)
        values = list(pack.values())
        told |= {
            "name": pack.name,
            "draft": pack.draft,
            "pack_version": pack.version,
            "values": len(values),
            "missing": sum(value.status == "missing" for value in values),
            "golden": len(cases),
            "errors": [error.as_json() for case in cases for error in _differences(case)],
        }
    except Refusal as refusal:
        errors = refusal.errors or (FieldError("pack", refusal.detail),)
        told["errors"] = [error.as_json() for error in errors]
    return told


def _differences(case: Mapping[str, Any]) -> Iterator[FieldError]:
    """Where a golden case's answer is not what it should be; members that it does not name may be anything."""
    try:
        given = ANSWERS[case["try"]](case["input"], NOTHING)
    except Refusal as refusal:
        given = refusal.problem()
    yield from _unlike(f"golden.{case['name']}", case["answer"], given)


def _unlike(place: str, expected: Any, given: Any) -> Iterator[FieldError]:
    if isinstance(expected, dict) and isinstance(given, dict):
        for name, each in expected.items():
            yield from _unlike(f"{place}.{name}", each, given.get(name))
    elif isinstance(expected, list) and isinstance(given, list) and len(expected) == len(given):
        for number, (each, got) in enumerate(zip(expected, given, strict=True)):
            yield from _unlike(f"{place}.{number}", each, got)
    elif expected != given:
        yield FieldError(place, f"应为{expected!r}，实为{given!r}")
