"""What comes of a call: from live experts and a critic, or from what was recorded.

The transition is pure; all that happens outside of it is asked through :class:`Outcomes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from envs.calling import Caller
from envs.requests import build_request
from envs.state import State
from poser.core.action import Call
from poser.core.critique import CriticFailure, Critique
from poser.core.errors import PoserError
from poser.core.expert import ExpertFailure, ExpertRequest, ExpertResult, ExpertSpec
from poser.core.record import EpisodeRecord, StepRecord


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the transition needs to know of a call.

    Attributes:
        result: What the expert returned.
        critique: What the critic said of it; ``None`` where the expert failed.
        request: What the expert was asked.
        cached: Whether the result was on record, unpaid.
        seconds: Wall time of it all.
    """

    result: ExpertResult | ExpertFailure
    critique: Critique | CriticFailure | None
    request: ExpertRequest | None = None
    cached: bool = False
    seconds: float = 0.0


class Outcomes(Protocol):
    """Where the outcomes of an episode's calls come from."""

    def of(self, state: State, call: Call, seed: int) -> Outcome:
        """The outcome of a legal call.

        Args:
            state: Before the step.
            call: What was chosen.
            seed: The episode's seed: same state, same call, same seed, same outcome.
        """
        ...


@runtime_checkable
class PartialOutcomes(Protocol):
    """Outcomes that not every legal call has."""

    def knows(self, state: State, call: Call, seed: int) -> bool:
        """Whether :meth:`Outcomes.of` has an outcome of that call."""
        ...


class UnrecordedError(PoserError):
    """A call was asked for that nothing is recorded of."""


@dataclass(frozen=True, slots=True)
class LiveOutcomes:
    """Outcomes by calling experts and the critic.

    Attributes:
        caller: Calls them, and keeps the pictures and calls of this episode.
        registry: Specs by id.
    """

    caller: Caller
    registry: Mapping[str, ExpertSpec]

    def of(self, state: State, call: Call, seed: int) -> Outcome:
        """See :class:`Outcomes`."""
        request = self.request(state, call, seed)
        result, cached = self.caller.call(request, state.step)
        critique = None
        if isinstance(result, ExpertResult):
            critique = self.caller.judge(state.plan, result.image, state.step)
        return Outcome(result, critique, request, cached)

    def request(self, state: State, call: Call, seed: int) -> ExpertRequest:
        """What the expert is asked."""
        return build_request(state, call, self.registry[call.expert], seed)


@dataclass(slots=True)
class RecordedOutcomes:
    """Outcomes out of recorded episodes of one plan: no expert and no critic is called.

    A call is found by its request, which names all that its result depends on. So episodes may
    be mixed: wherever two of them share a picture, one can be left for the other.

    Attributes:
        registry: Specs by id, as they were.
    """

    registry: Mapping[str, ExpertSpec]
    _steps: dict[str, StepRecord] = field(default_factory=dict)
    _exact: dict[tuple[str, int], StepRecord] = field(default_factory=dict)

    @classmethod
    def of_episodes(
        cls, episodes: Iterable[EpisodeRecord], registry: Mapping[str, ExpertSpec]
    ) -> RecordedOutcomes:
        """The outcomes in these episodes.

        Args:
            episodes: Of one plan; others have requests of their own and do no harm.
            registry: Specs by id, as they were.
        """
        outcomes = cls(registry)
        for episode in episodes:
            for step in episode.steps:
                outcomes.add(step)
        return outcomes

    def add(self, step: StepRecord) -> None:
        """Adds what came of a call.

        At the very step of a record it is found again as it was; at any other, what worked and was
        paid for stands before what failed.
        """
        if step.request is None or step.outcome is None:
            return
        key = step.request.key
        self._exact.setdefault((key, step.step), step)
        known = self._steps.get(key)
        if known is None or known.infrastructure_failure or known.cached:
            self._steps[key] = step

    def knows(self, state: State, call: Call, seed: int) -> bool:
        """See :class:`PartialOutcomes`."""
        return self._request(state, call, seed).key in self._steps

    def of(self, state: State, call: Call, seed: int) -> Outcome:
        """See :class:`Outcomes`.

        Raises:
            UnrecordedError: Nothing is recorded of that call.
        """
        request = self._request(state, call, seed)
        found = self._exact.get((request.key, state.step)) or self._steps.get(request.key)
        if found is None or found.outcome is None:
            raise UnrecordedError(
                f"nothing is recorded of {call.expert} at {call.command} here",
                remedy="choose among the actions of action_masks()",
            )
        return Outcome(found.outcome, found.critique, request, found.cached)

    def _request(self, state: State, call: Call, seed: int) -> ExpertRequest:
        return build_request(state, call, self.registry[call.expert], seed)
