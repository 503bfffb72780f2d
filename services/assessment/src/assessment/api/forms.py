"""What comes in is read strictly: an unknown field is refused, a text has its longest length."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
Account = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Form(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ReasonForm(Form):
    """Why something is refused, objected to or revoked."""

    reason: Reason
