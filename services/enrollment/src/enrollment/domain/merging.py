"""Two records become one where nothing of the one contradicts the other; what does is told, and a clerk settles it.

The survivor's own details (name, number, county, marks) hold. Whatever has days goes over to it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from changhu_common.errors import Conflict, InvalidInput
from changhu_common.periods import DateRange


class MergeUnfit(InvalidInput):
    """Two records of one pool are merged, and each of them stands for itself."""

    code = "merge.unfit"
    title = "这两条登记不能合并"


class MergeBlocked(Conflict):
    """What both records say and only one of them can be right about is settled first."""

    code = "merge.blocked"
    title = "两条登记有冲突，尚不能合并"


class MergeWaiting(Conflict):
    """One merge of a record waits for approval at a time."""

    code = "merge.already_entered"
    title = "该登记已有待审批的合并"


class MergeDecided(Conflict):
    """A merge is decided once, and taken back by a reversal of its own."""

    code = "merge.already_decided"
    title = "该合并已处理"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Days of one row."""

    id: UUID
    days: DateRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One of the two records, as far as it may contradict the other.

    `stand_ins` are those who stand in for it: guardians, and holders of the account that pays.
    """

    person_id: UUID
    died_on: date | None = None
    coverage: Sequence[Span] = ()
    suspensions: Sequence[Span] = ()
    family_account: UUID | None = None
    stand_ins: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why two records cannot be merged yet, what to do about it, and the ids of the rows in question."""

    code: str
    text: str
    ids: Sequence[UUID] = ()


def coverages_apart(survivor: Record, merged: Record) -> Obstacle | None:
    found = _overlapping(survivor.coverage, merged.coverage)
    text = "两条登记在同一天都参保；请先对其中一段办理停保、更正停保日期或撤销参保"
    return Obstacle("coverage.overlaps", text, found) if found else None


def suspensions_apart(survivor: Record, merged: Record) -> Obstacle | None:
    found = _overlapping(survivor.suspensions, merged.suspensions)
    text = "两条登记在同一天都暂停待遇；请先结束或撤销其中一段"
    return Obstacle("suspension.overlaps", text, found) if found else None


def one_death(survivor: Record, merged: Record) -> Obstacle | None:
    if not survivor.died_on or not merged.died_on or survivor.died_on == merged.died_on:
        return None
    text = f"两条登记的死亡日期不同（{survivor.died_on}、{merged.died_on}）；请先撤销有误的死亡登记"
    return Obstacle("person.death_differs", text)


def one_family_account(survivor: Record, merged: Record) -> Obstacle | None:
    if survivor.family_account is None or merged.family_account is None:
        return None
    text = "两条登记都有生效的家庭共济账户；请先撤销其中一个"
    return Obstacle("family_account.two", text, (survivor.family_account, merged.family_account))


def nobody_stands_in_for_himself(survivor: Record, merged: Record) -> Obstacle | None:
    if survivor.person_id not in merged.stand_ins and merged.person_id not in survivor.stand_ins:
        return None
    text = "一条登记是另一条的监护人或共济账户持有人，应不是同一人；请核实，登记有误的请先更正"
    return Obstacle("merge.stands_in_for_himself", text)


RULES: tuple[Callable[[Record, Record], Obstacle | None], ...] = (
    coverages_apart,
    suspensions_apart,
    one_death,
    one_family_account,
    nobody_stands_in_for_himself,
)


def obstacles(*, survivor: Record, merged: Record) -> list[Obstacle]:
    """Everything that stands against a merge."""
    return [found for rule in RULES if (found := rule(survivor, merged)) is not None]


def refuse_obstacles(found: Sequence[Obstacle]) -> None:
    if found:
        told = "；".join(each.text for each in found)
        raise MergeBlocked(f"{told}。", obstacles=[{"code": each.code, "ids": [*map(str, each.ids)]} for each in found])


def _overlapping(ours: Sequence[Span], theirs: Sequence[Span]) -> tuple[UUID, ...]:
    def found() -> Iterator[UUID]:
        for one in ours:
            for other in theirs:
                if one.days.overlap(other.days):
                    yield from (one.id, other.id)

    return tuple(dict.fromkeys(found()))
