"""A refusal is an expected answer: a class with a code that never changes, beside the rule that raises it.

`title` is Chinese and short; `detail` says what is wrong here and what to do about it. A refusal is
told to whoever asked (RFC 9457) and is not logged as an error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field of the input; `field` is a dotted path, as in `services.2.at`."""

    field: str
    reason: str
    line: int | None = None

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {"field": self.field, "reason": self.reason}
        if self.line is not None:
            told["line"] = self.line
        return told


class Refusal(Exception):
    """What a caller may not do, or asked wrongly. Subclasses fix `code`, `title` and `status`."""

    code: ClassVar[str] = "refused"
    title: ClassVar[str] = "请求被拒绝"
    status: ClassVar[int] = 422

    def __init__(self, detail: str, *, errors: Sequence[FieldError] = (), **members: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.members = members

    def problem(self) -> dict[str, Any]:
        """The members of application/problem+json."""
        body: dict[str, Any] = {
            "type": f"urn:changhu:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **self.members,
        }
        if self.errors:
            body["errors"] = [error.as_json() for error in self.errors]
        return body


class InvalidInput(Refusal):
    """The input breaks its own form: an unknown field, a bad date, a value that does not exist."""

    code = "input.invalid"
    title = "输入有误"


class NotFound(Refusal):
    """It does not exist, or it is out of the caller's scope: the two are told alike."""

    code = "not_found"
    title = "未找到"
    status = 404


class Conflict(Refusal):
    """It does not fit what is already there."""

    code = "conflict"
    title = "与现有记录冲突"
    status = 409


class PostsNotSeparated(Refusal):
    """Entry, review and approval are different people (岗位分离)."""

    code = "post.not_separated"
    title = "岗位未分离"
    status = 403
