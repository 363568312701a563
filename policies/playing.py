"""Playing many episodes at once: the calls of a step of all of them go out as one batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from envs.batching import Asked, outcomes_together
from envs.outcomes import Outcome
from envs.transition import failed
from policies.search import Asking, Found
from poser.core.action import ALL

WHOLE = "whole plan"
"""The name of what a call for the whole plan is for, beside the ops of commands."""


@dataclass(frozen=True, slots=True)
class Played:
    """An episode that was played.

    Attributes:
        number: Its place among those asked for.
        found: What was found.
        used: Calls made in all branches by expert and op (or :data:`WHOLE`).
        failures: How many of them failed for reasons of infrastructure.
    """

    number: int
    found: Found
    used: Counter[tuple[str, str]]
    failures: int


@dataclass(slots=True)
class _Open:
    """An episode that goes on."""

    asking: Asking
    asked: list[Asked] = field(default_factory=list)
    used: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: int = 0

    def go_on(self, outcomes: list[Outcome] | None) -> Found | None:
        """Sends outcomes and takes the next calls; at the end, what was found."""
        try:
            self.asked = next(self.asking) if outcomes is None else self.asking.send(outcomes)
        except StopIteration as end:
            found: Found = end.value
            return found
        return None

    def count(self, outcomes: Iterable[Outcome]) -> None:
        for (_, state, call, _), outcome in zip(self.asked, outcomes, strict=True):
            self.failures += failed(outcome.result, outcome.critique)
            if not outcome.cached:
                whole = call.command == ALL
                op = WHOLE if whole else state.plan.command(call.command).op
                self.used[call.expert, op] += 1


def play(episodes: Iterable[Asking], width: int) -> Iterator[Played]:
    """Plays episodes in lockstep, each as soon as another has ended.

    Args:
        episodes: What is played; begun when there is room.
        width: How many at once, at least 1.

    Yields:
        Each as it ends.
    """
    waiting: dict[int, _Open] = {}
    fresh = enumerate(episodes)
    while True:
        while len(waiting) < width and (following := next(fresh, None)) is not None:
            number, one = following[0], _Open(following[1])
            if (found := one.go_on(None)) is not None:
                yield Played(number, found, one.used, one.failures)
            else:
                waiting[number] = one
        if not waiting:
            return
        outcomes = iter(outcomes_together([a for one in waiting.values() for a in one.asked]))
        for number, one in list(waiting.items()):
            mine = [next(outcomes) for _ in one.asked]
            one.count(mine)
            if (found := one.go_on(mine)) is not None:
                del waiting[number]
                yield Played(number, found, one.used, one.failures)


def together(searches: Sequence[Asking]) -> list[Found]:
    """Plays them all at once; what each found, in their order."""
    ended = {p.number: p.found for p in play(searches, max(1, len(searches)))}
    return [ended[number] for number in range(len(searches))]
