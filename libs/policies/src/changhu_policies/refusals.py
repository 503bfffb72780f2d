"""What a pack answers when it cannot: never a guess, always the name of what is wanting."""

from collections.abc import Sequence
from datetime import date

from changhu_common.errors import FieldError, Refusal


class PolicyMissing(Refusal):
    """The document leaves this value to a later rule and nobody supplied it."""

    code = "policy.missing"
    title = "政策参数缺失"

    def __init__(
        self, *, parameter: str, name: str, pool: str, clause: str, year: int | None = None, draft: bool = False
    ) -> None:
        when = "" if year is None else f"{year}年"
        of_draft = "（征求意见稿）" if draft else ""
        super().__init__(
            f"统筹区{pool}{of_draft}缺少参数“{when}{name}”（{parameter}，依据{clause}）；请补录其值和依据文件后重试。",
            parameter=parameter,
            pool=pool,
            clause=clause,
        )
        if year is not None:
            self.members["year"] = year


class PolicyNotInForce(Refusal):
    """The day asked for lies before the rules begin, or before they begin for this category."""

    code = "policy.not_in_force"
    title = "政策尚未施行"

    def __init__(self, *, pool: str, on: date, parameter: str | None = None) -> None:
        about = f"参数{parameter}" if parameter else "长期护理保险政策"
        super().__init__(
            f"统筹区{pool}在{on.isoformat()}没有施行中的{about}；请核对日期。", pool=pool, on=on.isoformat()
        )


class PackInvalid(Refusal):
    """A pack that contradicts itself, or says what nobody can read, does not load."""

    code = "policy.pack_invalid"
    title = "政策包有误"
    status = 500

    def __init__(self, *, pool: str, errors: Sequence[FieldError]) -> None:
        shown = "；".join(f"{error.field}：{error.reason}" for error in errors[:3])
        super().__init__(f"政策包{pool}有{len(errors)}处错误：{shown}", errors=errors, pool=pool)
