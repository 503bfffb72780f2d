"""An application goes one way; a step that its state does not know is refused, and what is possible is named."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from changhu_common.errors import Conflict


class State(StrEnum):
    """Where an application (申请) stands."""

    term: str
    """The state's name in Chinese."""

    def __new__(cls, code: str, term: str = "") -> "State":
        state = str.__new__(cls, code)
        state._value_ = code
        state.term = term
        return state

    SUBMITTED = "submitted", "已申请"
    REFUSED = "refused", "不予受理"
    ACCEPTED = "accepted", "已受理"
    ASSIGNED = "assigned", "已派员"
    VISITED = "visited", "已现场评估"
    CONFIRMED = "confirmed", "专家已确认"
    PUBLICITY = "publicity", "公示中"
    OBJECTED = "objected", "待复评"
    PUBLISHED = "published", "已公布"
    DELIVERED = "delivered", "已送达（未达待遇等级）"


class Step(StrEnum):
    """What may be done with an application."""

    term: str
    """The step's name in Chinese."""

    def __new__(cls, code: str, term: str = "") -> "Step":
        step = str.__new__(cls, code)
        step._value_ = code
        step.term = term
        return step

    ACCEPTANCE = "acceptance", "受理"
    REFUSAL = "refusal", "不予受理"
    ASSIGNMENT = "assignment", "派员"
    VISIT = "visit", "现场评估"
    CONFIRMATION = "confirmation", "专家确认"
    PUBLICITY = "publicity", "公示"
    OBJECTION = "objection", "异议"
    PUBLICATION = "publication", "公布"


STEPS: Final[Mapping[State, tuple[Step, ...]]] = MappingProxyType(
    {
        State.SUBMITTED: (Step.ACCEPTANCE, Step.REFUSAL),
        State.REFUSED: (),
        State.ACCEPTED: (Step.ASSIGNMENT,),
        # Who was assigned may be replaced as long as nobody has been there.
        State.ASSIGNED: (Step.ASSIGNMENT, Step.VISIT),
        State.VISITED: (Step.CONFIRMATION,),
        State.CONFIRMED: (Step.PUBLICITY,),
        State.PUBLICITY: (Step.OBJECTION, Step.PUBLICATION),
        State.OBJECTED: (Step.ASSIGNMENT,),
        State.PUBLISHED: (),
        State.DELIVERED: (Step.OBJECTION,),
    }
)

FIRST_ROUND: Final = 1
REVIEW_ROUND: Final = 2
"""The second round is the review assessment (复评); its conclusion is final."""

OPEN: Final = frozenset(State) - {State.REFUSED, State.PUBLISHED, State.DELIVERED}
"""The states in which a person may not apply again."""


class WrongState(Conflict):
    """The step is not possible where the application stands."""

    code = "application.wrong_state"
    title = "当前状态不能办理此步骤"


def possible_steps(*, state: State, round_: int) -> tuple[Step, ...]:
    """What may be done next; nobody objects to a review's conclusion."""
    steps = STEPS[state]
    return tuple(step for step in steps if step is not Step.OBJECTION or round_ < REVIEW_ROUND)


def require_step(*, step: Step, state: State) -> None:
    """Raises WrongState where the step is not one of the state's."""
    possible = STEPS[state]
    if step in possible:
        return
    told = "、".join(each.term for each in possible) or "无"
    raise WrongState(
        f"申请处于“{state.term}”，不能办理“{step.term}”；可办理：{told}。",
        state=state,
        step=step,
        possible=list(possible),
    )
