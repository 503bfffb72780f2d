"""A pack answers "what is this parameter, for this case, on this day?", and says by which clause.

It knows four answers: the value; that the document leaves it open (`PolicyMissing`); that the day
lies before the rules begin (`PolicyNotInForce`); and, where a rule is only there for some, nothing.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

from changhu_common.errors import FieldError, InvalidInput

from changhu_policies.folders import Content, pools, read_pack
from changhu_policies.national import national_content
from changhu_policies.parameters import PARAMETERS, QUALIFIERS
from changhu_policies.refusals import PolicyMissing, PolicyNotInForce
from changhu_policies.supplied import NOTHING, Supplied, SuppliedValue
from changhu_policies.values import DAY_ONE, Key, Value
from changhu_policies.vocabulary import STATISTICS

KNOWN_ANSWERS_MAX: Final = 100_000  # days × cases of one pack that are kept: some 30 MB
PACKS_MAX: Final = 64  # packs kept, one for each pool and set of supplied values
ONE_DAY: Final = timedelta(days=1)
DRAFT: Final = "draft-"  # how the version of a draft document's pack begins
SILENT: Final = "（文件未载明）"


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The values of one parameter: by the qualifiers that it varies by, in order of days."""

    varies_by: tuple[str, ...]
    rows: Mapping[Key, tuple[Value, ...]]

    @classmethod
    def of(cls, values: Iterable[Value]) -> "Table":
        rows: dict[Key, list[Value]] = {}
        varies_by: tuple[str, ...] = ()
        for value in values:
            varies_by = value.varies_by
            rows.setdefault(value.key, []).append(value)
        return cls(varies_by, {key: tuple(sorted(row, key=lambda v: v.start)) for key, row in rows.items()})

    def __iter__(self) -> Iterator[Value]:
        for row in self.rows.values():
            yield from row


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """One pool's rules with what was supplied for it. Two packs are the same when their `version` is."""

    pool: str
    name: str
    document: str
    draft: bool
    counties: Mapping[str, str]
    start: date
    tables: Mapping[str, Table]
    version: str
    _known: dict[Any, Value | None] = field(default_factory=dict, repr=False)

    def value(
        self,
        parameter: str,
        *,
        on: date,
        category: str | None = None,
        county: str | None = None,
        mode: str | None = None,
        scale: str | None = None,
        grade: int | None = None,
        level: str | None = None,
        mark: str | None = None,
        share: str | None = None,
        benefit: str | None = None,
        cause: str | None = None,
    ) -> Value:
        """What decides this case on this day; say all that is known, the pack uses what it varies by.

        Raises PolicyMissing, or PolicyNotInForce where the value only begins later.
        """
        asked = (parameter, on, category, county, mode, scale, grade, level, mark, share, benefit, cause)
        found = self._find(asked)
        if found is not None:
            return found
        self.refuse_before_start(on)
        table = self.tables.get(parameter)
        if table is None or self._key(table, asked) not in table.rows:
            raise self._missing(parameter, SILENT)
        raise PolicyNotInForce(pool=self.pool, on=on, parameter=parameter)

    def find(
        self,
        parameter: str,
        *,
        on: date,
        category: str | None = None,
        county: str | None = None,
        mode: str | None = None,
        scale: str | None = None,
        grade: int | None = None,
        level: str | None = None,
        mark: str | None = None,
        share: str | None = None,
        benefit: str | None = None,
        cause: str | None = None,
    ) -> Value | None:
        """As `value`, but None where no rule speaks of this case on this day; still PolicyMissing."""
        return self._find((parameter, on, category, county, mode, scale, grade, level, mark, share, benefit, cause))

    def statistic(self, name: str, year: int) -> Value:
        """The yearly figure per person in fen that measures `year`."""
        found = self._lookup((name, date(year, 1, 1), *(None,) * len(_QUALIFIED)))
        if found is not None and found.status != "missing":
            return found
        clauses = [value.clause for value in self.tables.get(name, ())]
        raise self._missing(name, clauses[0] if clauses else SILENT, year)

    def insures(self, category: str) -> bool:
        """Whether the category is ever insured here; a draft that leaves it open refuses nobody."""
        said = self.tables["pool.insured"]
        return any(value.status == "missing" or category in value.value for value in said)

    def refuse_before_start(self, on: date) -> None:
        """PolicyNotInForce before the rules begin; PolicyMissing where the document does not say when."""
        begins = next(iter(self.tables["pool.in_force"]))
        if self.start == DAY_ONE:
            raise self._missing(begins.parameter, begins.clause)
        if on < self.start:
            raise PolicyNotInForce(pool=self.pool, on=on)

    def decides_by(self, qualifier: str, about: str) -> bool:
        """Whether any value about this (`contribution`, `benefit`) differs by the qualifier."""
        return any(qualifier in table.varies_by for name, table in self.tables.items() if name.startswith(f"{about}."))

    def values(self, *, on: date | None = None) -> Iterator[Value]:
        """Every value, or every one that holds on a day, in the order of the parameters."""
        for parameter in PARAMETERS:
            for value in self.tables.get(parameter, ()):
                statistic = parameter in STATISTICS and value.status != "missing"
                if on is None or value.holds_on(on) or (statistic and value.start <= on):
                    yield value

    def _find(self, asked: tuple[Any, ...]) -> Value | None:
        try:
            found = self._known[asked]
        except KeyError:
            if len(self._known) >= KNOWN_ANSWERS_MAX:
                self._known.clear()
            found = self._known[asked] = self._lookup(asked)
        if found is not None:
            if found.status == "missing":
                raise self._missing(found.parameter, found.clause)
            if self.start == DAY_ONE:  # what is said holds from a day that nobody has named yet
                self.refuse_before_start(asked[1])
        return found

    def _lookup(self, asked: tuple[Any, ...]) -> Value | None:
        parameter, on = asked[0], asked[1]
        if parameter not in PARAMETERS:
            raise LookupError(f"no parameter is called {parameter}")
        table = self.tables.get(parameter)
        if table is None or (on < self.start and parameter not in STATISTICS):
            return None
        row = table.rows.get(self._key(table, asked), ())
        return next((value for value in row if value.holds_on(on)), None)

    @staticmethod
    def _key(table: Table, asked: tuple[Any, ...]) -> Key:
        return tuple(asked[_QUALIFIED[name]] for name in table.varies_by)

    def _missing(self, parameter: str, clause: str, year: int | None = None) -> PolicyMissing:
        title = PARAMETERS[parameter].title
        return PolicyMissing(
            parameter=parameter, name=title, pool=self.pool, clause=clause, year=year, draft=self.draft
        )


# Where each qualifier stands in what is asked of a pack.
_QUALIFIED: Final[Mapping[str, int]] = {name: place for place, name in enumerate(QUALIFIERS, start=2)}


@lru_cache(maxsize=PACKS_MAX)
def load_pack(pool: str, supplied: Supplied = NOTHING) -> Pack:
    """The pack of a pool with what was supplied for it; raises InvalidInput for a pool without one."""
    if pool not in pools():
        raise InvalidInput(f"没有统筹区{pool}的政策包。", errors=[FieldError("pool", "没有这个统筹区")])
    return build_pack(read_pack(pool), supplied)


def build_pack(content: Content, supplied: Supplied = NOTHING) -> Pack:
    """Index a pack's content, with each supplied value laid over the days that it is for."""
    grouped: dict[str, list[Value]] = {}
    for value in content.values:
        grouped.setdefault(value.parameter, []).append(value)
    for one in supplied.values:
        if one.pool == content.pool:
            grouped[one.parameter] = _laid_over(grouped.get(one.parameter, []), one)
    tables = {parameter: Table.of(values) for parameter, values in grouped.items()}
    return Pack(
        pool=content.pool,
        name=content.name,
        document=content.document,
        draft=content.draft,
        counties=content.counties,
        start=_start(tables["pool.in_force"]),
        tables=tables,
        version=_version(content, tables),
    )


def _start(in_force: Table) -> date:
    """The first day of the rules; a draft without a date has its values missing, not out of force."""
    return next((value.value for value in in_force if value.status != "missing"), DAY_ONE)


def _laid_over(values: list[Value], supplied: SuppliedValue) -> list[Value]:
    if all(value.status == "missing" and not value.qualifiers for value in values) and supplied.qualifiers:
        # What a document leaves open altogether may differ by whatever the supplied values name.
        clause = values[0].clause if values else SILENT
        return [_supplied(supplied, clause)]
    if values and values[0].varies_by != tuple(name for name, _ in supplied.qualifiers):
        told = "、".join(values[0].varies_by) or "任何条件"
        raise InvalidInput(
            f"{supplied.parameter}按{told}区分，补录时须写明。",
            errors=[FieldError("qualifiers", f"{supplied.parameter}按{told}区分")],
        )
    result = []
    clause = SILENT
    for value in values:
        if value.key != tuple(word for _, word in supplied.qualifiers):
            result.append(value)
            continue
        clause = value.clause
        if supplied.end < value.start or value.end < supplied.start:
            result.append(value)
            continue
        if value.status == "stated":
            raise InvalidInput(
                f"{supplied.parameter}由文件{value.clause}规定，不能补录。",
                errors=[FieldError("parameter", f"文件已规定：{value.clause}")],
            )
        if value.start < supplied.start:
            result.append(replace(value, end=supplied.start - ONE_DAY))
        if supplied.end < value.end:
            result.append(replace(value, start=supplied.end + ONE_DAY))
    return [*result, _supplied(supplied, clause)]


def _supplied(supplied: SuppliedValue, clause: str) -> Value:
    written = json.loads(supplied.written)
    return Value(
        parameter=supplied.parameter,
        value=PARAMETERS[supplied.parameter].shape(written),
        written=written,
        clause=clause,
        status="supplied",
        start=supplied.start,
        end=supplied.end,
        qualifiers=supplied.qualifiers,
        source=supplied.source,
    )


def _version(content: Content, tables: Mapping[str, Table]) -> str:
    """A hash of what the pack says, not of how it is written: comments and order do not count."""
    said = sorted(
        json.dumps(value.as_json(), ensure_ascii=False, sort_keys=True) for table in tables.values() for value in table
    )
    about = [content.pool, content.name, content.document, content.draft, dict(content.counties)]
    whole = json.dumps([about, said, national_content()], ensure_ascii=False, sort_keys=True)
    digest = hashlib.sha256(whole.encode()).hexdigest()[:12]
    # Whoever sees a decision sees its version, and so that a draft made it.
    return f"{DRAFT}{digest}" if content.draft else digest
