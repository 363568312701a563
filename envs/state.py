"""The state of an episode, and what can be read off it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter

from envs.potential import gated_scores, potential
from envs.rules import Rules
from poser.core.action import ALL
from poser.core.critique import Critique
from poser.core.picture import ImageRef
from poser.core.plan import Command, Plan
from poser.core.record import EndReason

CommandStatus = Literal["pending", "satisfied", "unjudged", "given_up"]
"""``unjudged``: carried out, but no criterion of it can be judged."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture with its judgement.

    Attributes:
        image: The picture.
        critique: What the critic said of it.
        phi: Its potential, in [0, 1].
        carried_out: Ids of commands without judged criteria that were carried out on it.
    """

    image: ImageRef
    critique: Critique
    phi: float
    carried_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """The state of one episode. Values only: pixels are named by hash.

    Attributes:
        plan: What is asked.
        rules: What is played by.
        current: The current picture; ``None`` before the first.
        champion: The best picture so far.
        start_phi: Potential at the start: 0, or that of the given picture.
        step: Steps taken.
        spent: US dollars spent.
        attempts: Failed attempts by command id (and :data:`ALL`).
        tried: The same by command id and expert id.
        failures: Failed calls in a row by expert id.
        down: Experts marked down.
        critic_failures: Failed judgements in a row.
        given: Whether it began from a picture of the user's.
        mask: Hash of the user's mask: white where the picture may change.
        end: Why the episode ended; ``None`` while it goes on.
    """

    plan: Plan
    rules: Rules
    current: Frame | None = None
    champion: Frame | None = None
    start_phi: float = 0.0
    step: int = 0
    spent: float = 0.0
    attempts: Mapping[str, int] = field(default_factory=dict)
    tried: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    down: tuple[str, ...] = ()
    critic_failures: int = 0
    given: bool = False
    mask: str | None = None
    end: EndReason | None = None

    @property
    def phi(self) -> float:
        """Potential of the current picture; 0 without one."""
        return self.current.phi if self.current else 0.0

    @property
    def champion_phi(self) -> float:
        """Potential of the champion; 0 without one."""
        return self.champion.phi if self.champion else 0.0

    @property
    def remaining_budget(self) -> float | None:
        """US dollars left, never below 0; ``None`` for no cap."""
        if self.rules.budget is None:
            return None
        return max(0.0, self.rules.budget - self.spent)

    def to_dict(self) -> dict[str, Any]:
        """This state as plain JSON data."""
        data: dict[str, Any] = _STATE.dump_python(self, mode="json")
        return data

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> State:
        """The state that :meth:`to_dict` gave.

        Raises:
            pydantic.ValidationError: The data is not such a state.
        """
        return _STATE.validate_python(data)


_STATE: TypeAdapter[State] = TypeAdapter(State)


def initial_state(
    plan: Plan,
    rules: Rules,
    *,
    image: ImageRef | None = None,
    critique: Critique | None = None,
    mask: str | None = None,
) -> State:
    """The state before the first step.

    Args:
        plan: What is asked.
        rules: What is played by.
        image: The picture to start from, if any.
        critique: Its judgement; required with ``image``.
        mask: Hash of a mask, for inpainting.

    Raises:
        MalformedCritiqueError: The critique is incomplete.
        ValueError: A picture without a critique.
    """
    if image is None:
        return State(plan=plan, rules=rules, mask=mask)
    if critique is None:
        raise ValueError("a picture to start from needs its critique")
    phi = potential(plan, critique, rules)
    frame = Frame(image=image, critique=critique, phi=phi)
    return State(
        plan=plan,
        rules=rules,
        current=frame,
        champion=frame,
        start_phi=phi,
        given=True,
        mask=mask,
        spent=critique.cost,
    )


def status(state: State, command: Command, frame: Frame | None = None) -> CommandStatus:
    """The status of a command on the current picture (or on ``frame``)."""
    return statuses(state, frame)[command.id]


def statuses(state: State, frame: Frame | None = None) -> dict[str, CommandStatus]:
    """The status of every command on the current picture (or on ``frame``), in plan order."""
    frame = frame or state.current
    plan, threshold = state.plan, state.rules.threshold
    scores = gated_scores(plan, frame.critique, threshold) if frame else {}
    judged = {k.id for k in plan.judged}
    carried_out = frame.carried_out if frame else ()
    found: dict[str, CommandStatus] = {}
    for command in plan.commands:
        mine = [k.id for k in command.criteria if k.id in judged]
        if mine and scores and min(scores[k] for k in mine) >= threshold:
            found[command.id] = "satisfied"
        elif not mine and command.id in carried_out:
            found[command.id] = "unjudged"
        elif attempts(state, command.id) >= state.rules.max_attempts:
            found[command.id] = "given_up"
        else:
            found[command.id] = "pending"
    return found


def all_settled(state: State, frame: Frame | None = None) -> bool:
    """Whether every command is satisfied, or carried out where it cannot be judged."""
    frame = frame or state.current
    return frame is not None and all(
        s in ("satisfied", "unjudged") for s in statuses(state, frame).values()
    )


def answered(state: State, frame: Frame | None = None) -> bool:
    """Whether every command that the prompt asks for is settled; a finish may be outstanding."""
    frame = frame or state.current
    if frame is None:
        return False
    status = statuses(state, frame)
    return all(status[c.id] in ("satisfied", "unjudged") for c in state.plan.asked)


def rank(state: State, frame: Frame) -> tuple[bool, bool, float]:
    """What the champion is chosen by, the higher the better.

    First whether the picture settles every command that the prompt asks for, then whether it is
    finished too, then Phi plus a small bonus for unjudged work.
    """
    bonus = state.rules.unjudged_bonus * len(frame.carried_out)
    return answered(state, frame), all_settled(state, frame), frame.phi + bonus


def attempts(state: State, command: str) -> int:
    """Failed attempts at a command id or :data:`ALL`."""
    return state.attempts.get(command, 0)


__all__ = [
    "ALL",
    "CommandStatus",
    "Frame",
    "State",
    "all_settled",
    "answered",
    "attempts",
    "initial_state",
    "rank",
    "status",
    "statuses",
]
