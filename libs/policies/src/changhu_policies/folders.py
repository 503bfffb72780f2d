"""One folder a city, one file a service: a folder that contradicts itself does not load.

What is checked: every member known, every value in its shape with clause and status, every
parameter in its own file, no two values for one day, no day between two values without one, and
nobody (category, mode, county) left out where the value differs by them.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

from changhu_common.errors import FieldError

from changhu_policies.national import catalogues, scales
from changhu_policies.parameters import FILES, PARAMETERS
from changhu_policies.refusals import PackInvalid
from changhu_policies.shapes import LimitBase, StatisticBase
from changhu_policies.values import DAY_ONE, Value, plain, read_entry
from changhu_policies.vocabulary import (
    CATEGORIES,
    FAMILY_ACCOUNT,
    FEE_CAUSES,
    MARKS,
    MODES,
    OTHER_BENEFITS,
    SHARES,
)
from changhu_policies.yamls import read_yaml

PACKS: Final = Path(__file__).parent / "packs"
IDENTITY: Final = {"code", "name", "document", "draft", "counties"}
OF_WHO_PAYS: Final = {"contribution.base", "contribution.rate", "contribution.payer", "contribution.rounding"}
_FOLDER = re.compile(r"(\d{6})-[a-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a folder says, in order, before it is indexed."""

    pool: str
    name: str
    document: str
    draft: bool
    counties: Mapping[str, str]
    values: tuple[Value, ...]


@cache
def _folders(packs: Path) -> Mapping[str, Path]:
    named = ((_FOLDER.fullmatch(folder.name), folder) for folder in sorted(packs.iterdir()))
    return {match[1]: folder for match, folder in named if match}


def pools() -> tuple[str, ...]:
    """The six-digit codes of the pools that have a pack."""
    return tuple(_folders(PACKS))


def folder_of(pool: str) -> Path:
    return _folders(PACKS)[pool]


def read_pack(pool: str) -> Content:
    """The content of a pool's folder; raises PackInvalid with every place where something is wrong."""
    return read_folder(folder_of(pool))


def read_folder(folder: Path) -> Content:
    """As `read_pack`, for a folder anywhere: a draft beside the packs, a test's own."""
    errors: list[FieldError] = []
    said: dict[str, dict[Any, Any]] = {}
    for file in FILES:
        try:
            content = read_yaml(folder / f"{file}.yaml")
            if not isinstance(content, dict):
                raise ValueError("a file says parameter: entries")
            said[file] = content
        except (OSError, ValueError) as error:
            errors.append(FieldError(file, str(error)))
    identity = {member: said.get("pool", {}).pop(member, None) for member in sorted(IDENTITY)}
    errors += _identity_errors(folder, identity)
    if errors:
        raise PackInvalid(pool=folder.name, errors=errors)
    values = tuple(_read_values(said, errors))
    content = Content(
        pool=identity["code"],
        name=identity["name"],
        document=identity["document"],
        draft=identity["draft"] or False,
        counties=identity["counties"],
        values=values,
    )
    errors += _contradictions(content)
    if errors:
        raise PackInvalid(pool=folder.name, errors=errors)
    return content


def _identity_errors(folder: Path, identity: Mapping[str, Any]) -> Iterator[FieldError]:
    if not folder.name.startswith(f"{identity['code']}-"):
        yield FieldError("pool.code", "the folder is named after the code")
    for member in ("name", "document"):
        if not isinstance(identity[member], str):
            yield FieldError(f"pool.{member}", "must be a text")
    counties = identity["counties"]
    if not isinstance(counties, dict) or not counties:
        yield FieldError("pool.counties", "must be a table of codes and names")
    elif not all(isinstance(word, str) for pair in counties.items() for word in pair):
        yield FieldError("pool.counties", "codes and names are texts")


def _read_values(said: Mapping[str, Mapping[Any, Any]], errors: list[FieldError]) -> Iterator[Value]:
    starts = list(_read_parameter("pool", "pool.in_force", said["pool"].get("pool.in_force"), DAY_ONE, errors))
    since = next((value.value for value in starts if value.status != "missing"), DAY_ONE)
    for file, parameters in said.items():
        for name, entries in parameters.items():
            begins = DAY_ONE if name == "pool.in_force" else since
            yield from _read_parameter(file, name, entries, begins, errors)


def _read_parameter(file: str, name: Any, entries: Any, since: Any, errors: list[FieldError]) -> Iterator[Value]:
    parameter = PARAMETERS.get(name)
    if parameter is None or parameter.file != file:
        errors.append(FieldError(f"{file}.{name}", "no parameter of this file is called so"))
        return
    for number, entry in enumerate(entries if isinstance(entries, list) else [entries]):
        try:
            yield from read_entry(parameter, entry, since=since)
        except ValueError as error:
            errors.append(FieldError(f"{name}.{number}", str(error)))


def _contradictions(content: Content) -> Iterator[FieldError]:
    grouped: dict[str, list[Value]] = {}
    for value in content.values:
        grouped.setdefault(value.parameter, []).append(value)
    for parameter in PARAMETERS.values():
        if parameter.needed and parameter.name not in grouped:
            yield FieldError(parameter.name, "every pack says it, be it as missing")
    for name, values in grouped.items():
        if len({value.varies_by for value in values}) > 1:
            yield FieldError(name, "all entries must vary by the same qualifiers")
            continue
        yield from _strangers(content, values)
        yield from _broken_days(values)
        yield from _left_out(content, values)
    yield from _dangling(content, grouped)


def _domain(content: Content, qualifier: str) -> set[str | int] | None:
    """The words that a qualifier may have here; None where the pack itself makes them (levels)."""
    insured = next((v.value for v in content.values if v.parameter == "pool.insured" and v.value), None)
    domains: dict[str, set[str | int]] = {
        "category": set(insured or CATEGORIES),
        "county": set(content.counties),
        "mode": set(MODES),
        "share": set(SHARES),
        "scale": set(scales()),
        "grade": {grade for scale in scales().values() for grade in scale.grades},
        "benefit": set(OTHER_BENEFITS),
        "cause": set(FEE_CAUSES),
        "mark": {*MARKS, FAMILY_ACCOUNT},
    }
    return domains.get(qualifier)


def _strangers(content: Content, values: list[Value]) -> Iterator[FieldError]:
    for value in values:
        for name, word in value.qualifiers:
            words = str(word).split("+") if name == "mark" else [word]
            domain = _domain(content, name)
            if domain is not None and not domain.issuperset(words):
                yield FieldError(value.parameter, f"unknown {name} here: {word}")


def _broken_days(values: list[Value]) -> Iterator[FieldError]:
    ordered = sorted(values, key=lambda v: (tuple(map(str, v.key)), v.start))
    for key, row in itertools.groupby(ordered, key=lambda v: v.key):
        for one, after in itertools.pairwise(row):
            place = f"{one.parameter}{list(key) if key else ''}"
            if after.start <= one.end:
                yield FieldError(place, f"overlap: two values on {after.start}")
            elif (after.start - one.end).days > 1:
                yield FieldError(place, f"gap: no value between {one.end} and {after.start}")


def _left_out(content: Content, values: list[Value]) -> Iterator[FieldError]:
    parameter = PARAMETERS[values[0].parameter]
    whole = [name for name in values[0].varies_by if name in parameter.whole]
    named = {tuple(dict(value.qualifiers)[name] for name in whole) for value in values}
    free = _free(content) if parameter.name in OF_WHO_PAYS else frozenset()
    for combination in itertools.product(*(sorted(_domain(content, name) or (), key=str) for name in whole)):
        if combination not in named and free.isdisjoint(combination):
            yield FieldError(parameter.name, f"gap: nothing for {', '.join(map(str, combination))}")


def _free(content: Content) -> frozenset[str | int]:
    """The categories that share in no contribution: nobody has to say on which base, at which rate."""
    shares = [value for value in content.values if value.parameter == "contribution.shares"]
    named = {
        (dict(value.qualifiers).get("category"), bool(value.value) or value.status == "missing") for value in shares
    }
    return frozenset(category for category, pays in named if category and not pays and (category, True) not in named)


def _dangling(content: Content, grouped: Mapping[str, list[Value]]) -> Iterator[FieldError]:
    """What one value names must be there: the statistic of a base, the scale, the catalogue, the shares."""
    for value in content.values:
        if isinstance(value.value, StatisticBase | LimitBase) and value.value.statistic not in grouped:
            yield FieldError(value.parameter, f"no clause is given for {value.value.statistic}")
        if value.parameter == "assessment.scale" and value.value and value.value not in scales():
            yield FieldError(value.parameter, f"no such scale: {value.value}")
        if value.parameter == "benefit.catalogue" and value.value and value.value not in catalogues():
            yield FieldError(value.parameter, f"no such catalogue: {value.value}")
    ordered = {mark for value in grouped.get("contribution.mark_order", ()) for mark in value.value or ()}
    for name in ("contribution.payer_by_mark", "contribution.base_by_mark", "contribution.subsidy_fen"):
        for value in grouped.get(name, ()):
            if (mark := dict(value.qualifiers).get("mark")) not in ordered:
                yield FieldError(name, f"contribution.mark_order does not place {mark}")


def amended(content: Content, entries: Mapping[str, Any]) -> Content:
    """The same pack with some parameters said anew, checked as a whole: what a changed rule would be."""
    errors: list[FieldError] = []
    kept = [value for value in content.values if value.parameter not in entries]
    since = next((v.value for v in content.values if v.parameter == "pool.in_force" and v.value), DAY_ONE)
    for name, said in entries.items():
        kept += _read_parameter(PARAMETERS[name].file, name, said, since, errors)
    result = replace(content, values=tuple(kept))
    errors += _contradictions(result)
    if errors:
        raise PackInvalid(pool=content.pool, errors=errors)
    return result


def golden_cases(pool: str) -> list[dict[str, Any]]:
    """The pack's own worked examples: `name`, what to `try`, its `input`, and (part of) the `answer`.

    This library cannot answer them: whoever has the rules runs them.
    """
    path = folder_of(pool) / "golden.yaml"
    try:
        cases = plain(read_yaml(path)) or []
    except (OSError, ValueError) as error:
        raise PackInvalid(pool=pool, errors=[FieldError("golden", str(error))]) from error
    wrong = [
        FieldError(f"golden.{number}", "must say name, try, input, answer")
        for number, case in enumerate(cases)
        if not isinstance(case, dict) or set(case) != {"name", "try", "input", "answer"}
    ]
    if wrong:
        raise PackInvalid(pool=pool, errors=wrong)
    return cast("list[dict[str, Any]]", cases)
