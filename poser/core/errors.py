"""The errors of Image-POSER.

Every error that a user can cause or mend derives from :class:`PoserError`, carries a one-line
message and a remedy, and ends the command line with the exit code of its class. Anything else is
a bug and keeps its traceback.
"""

from __future__ import annotations

from typing import ClassVar


class PoserError(Exception):
    """A condition that the user can mend.

    Attributes:
        message: What is wrong, in one line.
        remedy: What to do about it, in one line; may be empty.
        exit_code: The exit status of the command line (documented in ``docs/cli.md``).
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = " ".join(message.split())
        self.remedy = " ".join(remedy.split())

    def __str__(self) -> str:
        return f"{self.message} ({self.remedy})" if self.remedy else self.message


class InvalidPromptError(PoserError):
    """The prompt cannot be used: empty, too long, not text, or nothing in it to draw."""

    exit_code = 3


class InvalidImageError(PoserError):
    """A picture cannot be used: broken, too large, animated, or of another kind of file."""

    exit_code = 4


class RegistryError(PoserError):
    """A registry file or an entry of it is wrong."""

    exit_code = 5


class UnknownExpertError(RegistryError):
    """No expert of that id is registered."""


class UnknownPolicyError(PoserError):
    """No policy of that name exists."""

    exit_code = 2


class ExpertError(PoserError):
    """An expert could not serve a request. Never a judgement of its quality.

    Attributes:
        kind: One of ``unavailable``, ``timeout``, ``refused``, ``invalid_request``,
            ``out_of_memory``, ``bad_output``.
        retryable: Whether the same request may succeed later.
        cost: US dollars billed all the same.
    """

    exit_code = 6

    def __init__(
        self,
        message: str,
        *,
        kind: str = "unavailable",
        retryable: bool = True,
        remedy: str = "",
        cost: float = 0.0,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.kind = kind
        self.retryable = retryable
        self.cost = cost


class CriticError(PoserError):
    """The critic could not be reached or loaded. No score comes of it.

    Attributes:
        cost: US dollars billed all the same.
    """

    exit_code = 7

    def __init__(self, message: str, *, remedy: str = "", cost: float = 0.0) -> None:
        super().__init__(message, remedy=remedy)
        self.cost = cost


class MalformedCritiqueError(CriticError):
    """The critic answered, but not with one verdict for every criterion asked."""


class BudgetError(PoserError):
    """The spend cap does not allow what was asked."""

    exit_code = 8


class RunError(PoserError):
    """A run folder cannot be created, read or resumed."""

    exit_code = 9


class RunLockedError(RunError):
    """Another process works on this run."""


class StorageError(PoserError):
    """A file could not be written: the disk is full or the folder is read-only."""

    exit_code = 10


class IllegalActionError(PoserError):
    """An action that ``legal_actions`` does not offer was applied to a state."""


class PlanError(PoserError):
    """A plan is inconsistent: duplicate ids, unknown or circular dependencies."""


_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of another library says that memory ran out, on any device."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(
        phrase in str(error).lower() for phrase in _NO_MEMORY
    )
