"""How the commands of a plan stand on the champion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envs.state import State, statuses
from poser.core.plan import Command

Standing = Literal["satisfied", "open", "given_up", "unjudged"]
"""``open``: neither satisfied nor given up; still to do while the run goes on."""

STANDINGS: tuple[Standing, ...] = ("satisfied", "open", "given_up", "unjudged")


@dataclass(frozen=True, slots=True)
class Entry:
    """One command and how it stands.

    Attributes:
        number: Counted from 1, in plan order.
        command: The command.
        standing: Its state on the champion.
        words: The same in words.
        judged: Whether any criterion of it can be judged.
    """

    number: int
    command: Command
    standing: Standing
    words: str
    judged: bool

    @property
    def mark(self) -> str:
        """Name of the mark it is shown by: its standing, or ``aside`` where nobody can tell."""
        untold = self.standing == "open" and not self.judged and self.command.asked
        return "aside" if untold else self.standing


@dataclass(frozen=True, slots=True)
class Tally:
    """All commands and how they stand; an appended finish is listed, and counted nowhere.

    Attributes:
        entries: One a command, in plan order.
        score: Potential of the champion, in [0, 1].
    """

    entries: tuple[Entry, ...]
    score: float

    @property
    def total(self) -> int:
        """Commands that the prompt asks for."""
        return len(self.asked)

    @property
    def asked(self) -> tuple[Entry, ...]:
        """The commands that the prompt asks for."""
        return tuple(e for e in self.entries if e.command.asked)

    @property
    def finish(self) -> Entry | None:
        """The finish that was appended to the plan, if any."""
        return next((e for e in self.entries if not e.command.asked), None)

    @property
    def scored(self) -> bool:
        """Whether anything can be judged; without it the score says nothing."""
        return any(e.judged for e in self.asked)

    @property
    def satisfied(self) -> tuple[Entry, ...]:
        """The commands that the champion satisfies."""
        return tuple(e for e in self.asked if e.standing == "satisfied")

    @property
    def unsatisfied(self) -> tuple[Entry, ...]:
        """The judged commands that the champion does not satisfy, given-up ones included."""
        return tuple(e for e in self.asked if e.judged and e.standing != "satisfied")

    @property
    def not_judged(self) -> tuple[Entry, ...]:
        """The commands that no criterion can judge, carried out or not."""
        return tuple(e for e in self.asked if not e.judged)

    def standing(self, standing: Standing) -> tuple[Entry, ...]:
        """The commands that stand so."""
        return tuple(e for e in self.entries if e.standing == standing)


def tally(state: State) -> Tally:
    """How the commands stand on the champion of a state."""
    judged = {k.id for k in state.plan.judged}
    status = statuses(state, state.champion)
    entries = []
    for number, command in enumerate(state.plan.commands, start=1):
        can_be_judged = any(k.id in judged for k in command.criteria)
        standing: Standing
        match status[command.id]:
            case "satisfied":
                standing, words = "satisfied", "satisfied"
            case "given_up":
                standing, words = "given_up", "given up"
            case "unjudged":
                standing = "unjudged"
                words = "carried out, not judged" if command.asked else "carried out"
            case _:
                standing, words = "open", _open_words(state, command, can_be_judged)
        entries.append(
            Entry(
                number=number,
                command=command,
                standing=standing,
                words=words,
                judged=can_be_judged,
            )
        )
    return Tally(entries=tuple(entries), score=state.champion_phi)


def _open_words(state: State, command: Command, judged: bool) -> str:
    if not command.asked:
        return "to do" if state.end is None else "not carried out"
    if not judged:
        return "cannot be judged" if state.end is None else "not judged"
    if state.end is None:
        return "to do"
    return "not satisfied"
