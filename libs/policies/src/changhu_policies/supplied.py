"""What a document leaves open an operator supplies: one value, its days, the paper that says it.

A statistic is a parameter like any other; its days are the calendar year that it measures. A
supplied value fills what is missing or replaces an assumed reading; what a document states only
a new document changes, and that is a new entry of the pack. Of two values for the same days the
later in order of approval holds.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, Self

from changhu_common.errors import FieldError, InvalidInput

from changhu_policies.parameters import PARAMETERS
from changhu_policies.values import OPEN_END, plain
from changhu_policies.vocabulary import STATISTICS
from changhu_policies.yamls import read_yaml

RECORD_MEMBERS: Final = {
    "pool", "parameter", "qualifiers", "value", "from", "to", "source", "entered_by", "approved_by",
}  # fmt: skip
STATISTIC_MEMBERS: Final = {"value", "source", "entered_by", "approved_by"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppliedValue:
    """One value as it was approved; `written` is JSON of what a pack's entry would say ("80%", 4320000)."""

    pool: str
    parameter: str
    written: str
    start: date
    end: date
    qualifiers: tuple[tuple[str, str | int], ...] = ()
    source: str = ""
    entered_by: str = ""
    approved_by: str = ""

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Read one record (pool, parameter, value, from, to, source, …); raises InvalidInput."""
        wrong = [FieldError(name, "不认识的字段") for name in sorted(set(record) - RECORD_MEMBERS)]
        wrong += [FieldError(name, "必填") for name in ("pool", "parameter", "value", "from") if name not in record]
        if wrong:
            raise InvalidInput("补录的参数值不完整。", errors=wrong)
        name, qualifiers = record["parameter"], record.get("qualifiers") or {}
        parameter = PARAMETERS.get(name) if isinstance(name, str) else None
        if parameter is None:
            raise _refused("parameter", f"没有这个参数或统计指标：{name}")
        if not isinstance(qualifiers, Mapping) or not set(qualifiers) <= set(parameter.by):
            raise _refused("qualifiers", f"{name}不按这些条件区分")
        start, end = _day(record, "from"), _day(record, "to") if record.get("to") else OPEN_END
        if end < start:
            raise _refused("to", "截止日早于起始日")
        if name in STATISTICS and (start, end) != (date(start.year, 1, 1), date(start.year, 12, 31)):
            raise _refused("from", "统计指标的起止日是其所属年度的首日和末日")
        written = plain(record["value"])
        try:
            parameter.shape(written)
        except ValueError as error:
            raise _refused("value", f"{name} {error}") from error
        return cls(
            pool=str(record["pool"]),
            parameter=name,
            written=json.dumps(written, ensure_ascii=False, sort_keys=True),
            start=start,
            end=end,
            qualifiers=tuple((each, qualifiers[each]) for each in parameter.by if each in qualifiers),
            **{each: str(record.get(each) or "") for each in ("source", "entered_by", "approved_by")},
        )

    def without(self, later: "SuppliedValue") -> Iterator["SuppliedValue"]:
        """What is left of this value where a later one speaks of the same."""
        about = (self.pool, self.parameter, self.qualifiers)
        if about != (later.pool, later.parameter, later.qualifiers) or later.end < self.start or self.end < later.start:
            yield self
            return
        if self.start < later.start:
            yield replace(self, end=later.start - timedelta(days=1))
        if later.end < self.end:
            yield replace(self, start=later.end + timedelta(days=1))

    def as_record(self) -> dict[str, Any]:
        """What `from_record` reads, in the order in which a reader looks for it."""
        record = {
            "parameter": self.parameter,
            "qualifiers": dict(self.qualifiers),
            "value": json.loads(self.written),
            "from": self.start,
            "to": None if self.end == OPEN_END else self.end,
            **{name: said for name in ("source", "entered_by", "approved_by") if (said := getattr(self, name))},
        }
        return {name: said for name, said in record.items() if name != "qualifiers" or said}


def _refused(field: str, reason: str) -> InvalidInput:
    return InvalidInput(f"补录的参数值有误：{reason}。", errors=[FieldError(field, reason)])


def _day(record: Mapping[str, Any], member: str) -> date:
    written = record[member]
    try:
        return written if type(written) is date else date.fromisoformat(written)
    except (TypeError, ValueError):
        raise _refused(member, "须为日期，如2026-01-01") from None


def statistic_record(pool: str, name: str, year: int, value: Any, **paper: Any) -> dict[str, Any]:
    """The record of a yearly figure: its days are the year that it measures."""
    return {
        "pool": pool,
        "parameter": name,
        "value": value,
        "from": date(year, 1, 1),
        "to": date(year, 12, 31),
        **paper,
    }


@dataclass(frozen=True, slots=True)
class Supplied:
    """All that was supplied, for every pool, in order of approval."""

    values: tuple[SuppliedValue, ...] = ()

    @classmethod
    def from_records(cls, records: Iterable[Mapping[str, Any]]) -> Self:
        """From what `policy_value.approved` carries, in order of approval."""
        return cls(tuple(SuppliedValue.from_record(record) for record in records))

    @classmethod
    def from_folder(cls, folder: Path) -> Self:
        """From one YAML file a pool (`<code>.yaml`), as they are exported.

        Each says `statistics: {name: {year: {value, source, …}}}` and `values: [record, …]`. Two values
        for the same days leave open which one holds, so a folder must not contain them.
        """
        if not folder.is_dir():
            raise InvalidInput(f"没有这个文件夹：{folder}。", errors=[FieldError("supplied", "文件夹不存在")])
        supplied = cls()
        for path in sorted(folder.glob("*.yaml")):
            supplied = supplied.and_also(cls.from_file(path))
        return supplied

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """From the file of one pool, named after its code."""
        try:
            records = _file_records(path.stem, read_yaml(path))
        except (OSError, ValueError) as error:
            raise InvalidInput(f"补录文件无法读取：{error}。", errors=[FieldError(path.name, str(error))]) from error
        supplied = cls.from_records(records)
        supplied._refuse_ambiguity()
        return supplied

    def and_also(self, later: "Supplied") -> Self:
        """These and later ones, which hold where both speak of the same days."""
        return type(self)(self.values + later.values)

    def settled(self) -> Self:
        """What holds of them: where two speak of the same days the later one, the earlier cut to its other days."""
        kept: list[SuppliedValue] = []
        for value in self.values:
            kept = [piece for each in kept for piece in each.without(value)] + [value]
        return type(self)(tuple(kept))

    def as_file(self, pool: str) -> dict[str, Any]:
        """What `from_folder` reads from a pool's file."""
        statistics: dict[str, dict[int, Any]] = {}
        values = []
        for value in sorted(
            self.of_pool(pool).settled().values, key=lambda v: (v.parameter, str(v.qualifiers), v.start)
        ):
            record = value.as_record()
            if value.parameter in STATISTICS:
                said = {name: each for name, each in record.items() if name in STATISTIC_MEMBERS}
                statistics.setdefault(value.parameter, {})[value.start.year] = said
            else:
                values.append(record)
        return {"pool": pool, "statistics": statistics, "values": values}

    def of_pool(self, pool: str) -> "Supplied":
        return Supplied(tuple(value for value in self.values if value.pool == pool))

    def _refuse_ambiguity(self) -> None:
        by_days = sorted(self.values, key=lambda v: (v.pool, v.parameter, str(v.qualifiers), v.start, v.end))
        for one, next_one in itertools.pairwise(by_days):
            same = (one.pool, one.parameter, one.qualifiers) == (
                next_one.pool, next_one.parameter, next_one.qualifiers,
            )  # fmt: skip
            if same and next_one.start <= one.end:
                raise _refused(one.parameter, f"{one.pool}的{one.parameter}在{next_one.start}有两个值")


def _file_records(pool: str, content: Any) -> list[dict[str, Any]]:
    if not isinstance(content, dict) or not set(content) <= {"pool", "statistics", "values"}:
        raise ValueError(f"{pool}.yaml must say pool, statistics, values")
    if str(content.get("pool", pool)) != pool:
        raise ValueError(f"{pool}.yaml is about another pool: {content['pool']}")
    records = []
    for name, years in (content.get("statistics") or {}).items():
        if name not in STATISTICS:
            raise ValueError(f"no such statistic: {name}")
        for written, said in years.items():
            year = int(written) if str(written).isdecimal() else 0  # a JSON key is a text
            if not 1900 < year < 2200:
                raise ValueError(f"{name}: no year: {written}")
            if not isinstance(said, dict) or not {"value"} <= set(said) <= STATISTIC_MEMBERS:
                raise ValueError(f"{name} {year} must say value, source, entered_by, approved_by")
            records.append(statistic_record(pool, name, year, **said))
    for record in content.get("values") or []:
        if not isinstance(record, dict):
            raise ValueError("each of values must say parameter, value, from, to, source")
        records.append({"pool": pool, **record})
    return records


NOTHING: Final = Supplied()
