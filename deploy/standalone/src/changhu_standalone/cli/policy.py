"""The packs, for whoever answers for them: are they sound, and what do they say on a day?

A pack proves itself by its own golden cases: questions with the answers that somebody worked out
by hand, put to the same functions as everything else.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from changhu_common.errors import FieldError, InvalidInput, Refusal

from changhu_standalone.cli.answering import AsJson, SuppliedFolder, print_json, refusals_told

app = typer.Typer(help="政策包：检查、查看。", no_args_is_help=True)

Pool = Annotated[str, typer.Argument(metavar="POOL", help="统筹区六位代码")]
OnDay = Annotated[str, typer.Option("--on", metavar="DATE", help="日期，如2026-07-01")]


@app.command()
def check(as_json: AsJson = False) -> None:
    """检查全部政策包：缺口、重叠、未知字段、条款，以及各包自带的样例。"""
    from changhu_policies import pools

    from changhu_standalone.cli import tables

    packs = [_checked(pool) for pool in pools()]
    sound = not any(pack["errors"] for pack in packs)
    answer = {"ok": sound, "packs": packs}
    if as_json:
        print_json(answer)
    else:
        tables.print_check(answer)
    if not sound:
        raise typer.Exit(1)


@app.command()
def show(pool: Pool, on: OnDay, as_json: AsJson = False, supplied: SuppliedFolder = None) -> None:
    """查看一个统筹区在某日的全部参数：值、条款、依据。"""
    from changhu_standalone.cli import tables

    with refusals_told(as_json=as_json):
        answer = _shown(pool, on, supplied)
        if as_json:
            print_json(answer)
        else:
            tables.print_policy(answer)


def _shown(pool: str, on: str, supplied: str | None) -> dict[str, Any]:
    from datetime import date

    from changhu_policies import load_pack

    from changhu_standalone.cli import answers

    try:
        day = date.fromisoformat(on)
    except ValueError:
        reason = "须为日期，如2026-07-01"
        raise InvalidInput("日期有误。", errors=[FieldError("on", reason)]) from None
    pack = load_pack(pool, answers.supplied_from(supplied).of_pool(pool))
    pack.refuse_before_start(day)
    return {
        "pool": pack.pool,
        "name": pack.name,
        "document": pack.document,
        "draft": pack.draft,
        "on": day.isoformat(),
        "counties": dict(pack.counties),
        "pack_version": pack.version,
        "values": [value.as_json() for value in pack.values(on=day)],
    }


def _checked(pool: str) -> dict[str, Any]:
    from changhu_policies import load_pack
    from changhu_policies.folders import golden_cases

    told: dict[str, Any] = {
        "pool": pool, "name": "", "pack_version": "", "values": 0, "missing": 0, "golden": 0, "errors": [],
    }  # fmt: skip
    try:
        pack = load_pack(pool)
        cases = golden_cases(pool)
        values = list(pack.values())
        told |= {
            "name": pack.name,
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
    from changhu_policies import NOTHING

    from changhu_standalone.cli import answers

    try:
        given = answers.ANSWERS[case["try"]](case["input"], NOTHING)
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
