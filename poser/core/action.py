"""The three actions: call an expert, go back to the champion, stop."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from poser.core.expert import ExpertId
from poser.core.value import Value

ALL: Final = "ALL"
"""In place of a command's id: the whole plan at once."""


class Call(Value):
    """Call an expert for one command, or for the whole plan (:data:`ALL`)."""

    kind: Literal["call"] = "call"
    command: str
    expert: ExpertId


class Revert(Value):
    """Go back to the champion, the best picture so far."""

    kind: Literal["revert"] = "revert"


class Stop(Value):
    """End the episode; the champion is the result."""

    kind: Literal["stop"] = "stop"


Action = Annotated[Call | Revert | Stop, Field(discriminator="kind")]
