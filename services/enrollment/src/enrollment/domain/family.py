"""Who may stand in for whom: guardians of minors, relatives who pay; the pack says which relations pay.

Both are insured people of the same pool, alive, and nobody stands in for himself.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from changhu_common.errors import FieldError, InvalidInput, NotFound
from changhu_policies import Pack
from changhu_policies.vocabulary import RELATIONS

MINOR = "minor"
# Who has a medical account of his own.
ACCOUNT_CATEGORIES = frozenset({"employee", "retiree", "flexible"})
NO_ACCOUNT = "no_personal_account"

# Why somebody cannot be a guardian, whether a person or a file names him.
NO_GUARDIAN = "未成年人须登记监护人"
OWN_GUARDIAN = "监护人不能是本人"
GUARDIAN_DEAD = "监护人已登记死亡"
GUARDIAN_A_MINOR = "监护人本身是未成年人"
GUARDIAN_UNKNOWN = "监护人未在本统筹区参保登记，或不在您的权限范围内；请先登记监护人，或与本人放在同一文件中"


class GuardianMissing(InvalidInput):
    """A minor is insured through a guardian (监护人); `coverage.guardian` decides where."""

    code = "guardian.missing"
    title = "未成年人缺少监护人"


class GuardianUnfit(InvalidInput):
    """A guardian is somebody else, alive, and no minor."""

    code = "guardian.unfit"
    title = "监护人不符合条件"


class RelationNotPermitted(InvalidInput):
    """`contribution.family_relations` says whose account may pay."""

    code = "family_account.relation_not_permitted"
    title = "该亲属关系不能共济"


class HolderUnfit(InvalidInput):
    """The relative has a medical account of his own, and is alive."""

    code = "family_account.holder_unfit"
    title = "共济账户持有人不符合条件"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kin:
    """Somebody who is to stand in for another, as registered; `category` is that of the day."""

    person_id: UUID
    pool: str
    died: bool
    category: str | None
    marks: Collection[str] = ()


def asks_guardian(*, pack: Pack, category: str, marks: Collection[str], on: date) -> bool:
    """Whether somebody is registered through a guardian: by `coverage.guardian`, unless a mark waives it."""
    day = max(on, pack.start)
    if pack.find("coverage.guardian", on=day, category=category) is None:
        return False
    waived = pack.find("coverage.guardian_waived", on=day)
    return waived is None or not set(waived.value) & set(marks)


def refuse_unfit_guardian(*, ward: UUID, pool: str, guardian: Kin | None) -> None:
    """Whoever is named as a guardian is fit to be one."""
    if guardian is None or guardian.pool != pool:
        raise NotFound("本统筹区没有这位监护人，或不在您的权限范围内。")
    reason = ""
    if guardian.person_id == ward:
        reason = OWN_GUARDIAN
    elif guardian.died:
        reason = GUARDIAN_DEAD
    elif guardian.category == MINOR:
        reason = GUARDIAN_A_MINOR
    if reason:
        raise GuardianUnfit(f"{reason}，请核对。", errors=[FieldError("guardian_id", reason)])


def permitted_by(*, pack: Pack, relation: str, on: date) -> str:
    """The clause by which a relative's account may pay; PolicyMissing where the document leaves it open."""
    relations = pack.value("contribution.family_relations", on=on)
    if relation in relations.value:
        return relations.clause
    allowed = "、".join(RELATIONS[each] for each in relations.value)
    raise RelationNotPermitted(
        f"{relations.clause}规定可共济的近亲属为：{allowed}。",
        errors=[FieldError("relation", f"应为：{allowed}")],
        clause=relations.clause,
    )


def refuse_unfit_holder(*, person_id: UUID, pool: str, holder: Kin | None) -> None:
    if holder is None or holder.pool != pool:
        raise NotFound("本统筹区没有这位账户持有人，或不在您的权限范围内。")
    reason = ""
    if holder.person_id == person_id:
        reason = "账户持有人不能是本人"
    elif holder.died:
        reason = "账户持有人已登记死亡"
    elif holder.category not in ACCOUNT_CATEGORIES or NO_ACCOUNT in holder.marks:
        reason = "账户持有人没有本人的医保个人账户"
    if reason:
        raise HolderUnfit(f"{reason}，请核对。", errors=[FieldError("holder_id", reason)])
