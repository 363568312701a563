"""What an observer has seen so far, ready to be shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from envs.state import State
from poser.core.action import ALL, Action, Call, Revert, Stop
from poser.core.critique import CriticFailure
from poser.core.expert import ExpertFailure, ExpertRequest
from poser.core.picture import ImageRef
from poser.core.plan import Plan
from poser.core.record import StepRecord
from poser.report.tally import Tally, tally
from poser.report.words import FAILURES, action_words, ending, plain, sentence, signed

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Line:
    """One finished step in words.

    Attributes:
        number: Counted from 1.
        title: The action.
        expert: The expert called; empty for other actions.
        result: What came of it.
        gain: Change of the score; ``None`` where the step failed or called nobody.
        failed: Whether the expert or the critic failed.
    """

    number: int
    title: str
    expert: str
    result: str
    gain: float | None
    failed: bool


@dataclass(frozen=True, slots=True)
class Activity:
    """What goes on right now, and since when."""

    words: str
    since: float


class Progress:
    """An observer that remembers. The views derive from it and show what it remembers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock()
        self.plan: Plan | None = None
        self.state: State | None = None
        self.notes: tuple[str, ...] = ()
        self.lines: tuple[Line, ...] = ()
        self.active: str | None = None
        self.activity = Activity("planning", self._started)
        self._step_seconds: tuple[float, ...] = ()
        self._tallied: tuple[State, Tally] | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the observer was made."""
        return self._clock() - self._started

    @property
    def seconds_left(self) -> float | None:
        """Seconds left at most: mean step time by the steps left; ``None`` before the first."""
        if self.state is None or self.state.end is not None or not self._step_seconds:
            return None
        mean = sum(self._step_seconds) / len(self._step_seconds)
        left = self.state.rules.max_steps - self.state.step
        return max(0.0, mean * left - (self._clock() - self.activity.since))

    def tally(self, state: State) -> Tally:
        """How the commands stand; kept, because a view asks many times a second."""
        if self._tallied is None or (self._tallied[0] is not state and self._tallied[0] != state):
            self._tallied = (state, tally(state))
        return self._tallied[1]

    def planned(self, plan: Plan, state: State, notes: Sequence[str]) -> None:
        """Remembers the plan."""
        self.plan, self.state, self.notes = plan, state, tuple(notes)
        self._now("choosing")

    def chosen(self, state: State, action: Action, reason: str) -> None:
        """Remembers which command is worked on."""
        self.state = state
        command = action.command if isinstance(action, Call) else ALL
        self.active = None if command == ALL else command
        words = action_words(action, state.plan, again=state.current is not None)
        self._now(f"{words}: {reason}" if reason else words)

    def calling(self, request: ExpertRequest) -> None:
        """Remembers which expert is called."""
        self._now(f"{request.expert}: {request.prompt}")

    def judging(self, image: ImageRef) -> None:
        """Remembers that the critic is at work."""
        self._now(f"the critic looks at {image.width} x {image.height} pixels")

    def stepped(self, record: StepRecord, state: State) -> None:
        """Remembers a finished step."""
        before = self.state
        self.plan, self.state = state.plan, state
        line = describe(record, state, before)
        self.lines = (*self.lines, line)
        self._step_seconds = (*self._step_seconds, record.seconds)
        self.active = None
        self._now("choosing")

    def finished(self, state: State) -> None:
        """Remembers the end."""
        self.state = state
        self.active = None
        self._now(ending(state))

    def _now(self, words: str) -> None:
        self.activity = Activity(plain(words), self._clock())


def describe(record: StepRecord, state: State, before: State | None) -> Line:
    """A finished step in words."""
    task = record.request.task if record.request else None
    again = before is not None and before.current is not None
    title = action_words(record.action, state.plan, task=task, again=again)
    call = record.action if isinstance(record.action, Call) else None
    gain: float | None = None
    failed = True
    if isinstance(record.outcome, ExpertFailure):
        result = f"failed: {record.outcome.message or FAILURES[record.outcome.reason]}"
    elif isinstance(record.critique, CriticFailure):
        reason = "unreachable" if record.critique.reason == "unavailable" else "unreadable"
        result = f"not judged: {record.critique.message or f'the critic was {reason}'}"
    else:
        failed = False
        result = _result(record, state, before)
        gain = record.phi - (before.phi if before else 0.0) if call else None
    return Line(
        number=record.step + 1,
        title=plain(sentence(title)),
        expert=plain(call.expert) if call else "",
        result=plain(result),
        gain=gain,
        failed=failed,
    )


def _result(record: StepRecord, state: State, before: State | None) -> str:
    match record.action:
        case Stop():
            return ""
        case _ if not state.plan.judged:
            return "from the cache" if record.cached else ""
        case Revert():
            return f"score {record.phi:.2f} again"
        case _:
            words = f"score {record.phi:.2f}"
            if before is not None:
                words += f" ({signed(record.phi - before.phi)})"
            if record.champion == record.image and state.champion is not None:
                old = before.champion.image if before and before.champion else None
                words += ", the best so far" if old != record.image else ""
            return f"{words}, from the cache" if record.cached else words
