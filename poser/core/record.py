"""What happened: records from which a run is rebuilt, one JSON line each."""

from __future__ import annotations

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from poser.core.action import Action
from poser.core.critique import CritiqueOutcome
from poser.core.expert import ExpertOutcome, ExpertRequest
from poser.core.picture import ImageRef
from poser.core.plan import Plan
from poser.core.value import Finite, NonNegative, Value

EndReason = Literal[
    "stopped",
    "satisfied",
    "settled",
    "out_of_steps",
    "out_of_budget",
    "nothing_legal",
    "critic_down",
]
"""Why an episode ended. ``satisfied``: every command asked for is; ``settled``: every one that can
be judged is, and the others are carried out."""


class Reward(Value):
    """The reward of one step.

    Attributes:
        terms: Named parts: ``phi``, ``cost``, ``step``, ``final``.
        total: Their sum.
    """

    terms: dict[str, Finite]
    total: Finite

    @model_validator(mode="after")
    def _sums_up(self) -> Self:
        if not math.isclose(self.total, math.fsum(self.terms.values()), abs_tol=1e-9):
            raise ValueError("the total of a reward must be the sum of its terms")
        return self

    @classmethod
    def of(cls, **terms: float) -> Self:
        """The reward of these terms."""
        return cls(terms=terms, total=math.fsum(terms.values()))


class StepRecord(Value):
    """One transition.

    Attributes:
        step: Counted from 0.
        action: What was chosen.
        reason: Why, in the policy's words.
        request: What the expert was asked, for a call.
        outcome: What came back.
        critique: What the critic said of it.
        reward: The reward given.
        phi: Potential after the step, in [0, 1].
        image: The current picture after the step.
        champion: The best picture after the step.
        infrastructure_failure: Whether an expert or the critic failed, so that a trainer can
            leave the transition out.
        cached: Whether the expert's result came from the cache, unpaid.
        seconds: Wall time of the whole step.
    """

    step: int = Field(ge=0)
    action: Action
    reason: str = ""
    request: ExpertRequest | None = None
    outcome: ExpertOutcome | None = None
    critique: CritiqueOutcome | None = None
    reward: Reward
    phi: Finite
    image: ImageRef | None = None
    champion: ImageRef | None = None
    infrastructure_failure: bool = False
    cached: bool = False
    seconds: NonNegative = 0.0


class SearchRecord(Value):
    """What a search cost by which an episode was found, thrown-away branches included.

    Attributes:
        kind: ``beam`` or ``best-of``.
        width: States kept, or episodes played.
        calls: Expert calls of all branches; what was on record is not among them.
        cost: US dollars of all branches together, each paid call counted once.
        seconds: Seconds that experts took for those calls.
        budget: The cap on ``cost``; ``None`` for none.
    """

    kind: Literal["beam", "best-of"]
    width: int = Field(ge=1)
    calls: int = Field(ge=0)
    cost: NonNegative
    seconds: NonNegative = 0.0
    budget: NonNegative | None = None


class EpisodeRecord(Value):
    """One finished run.

    Attributes:
        id: The run's id.
        seed: The seed that its requests follow from: the run's, or where ``best-of`` kept another
            episode, that of the one kept.
        plan: What was asked.
        start: The picture it started from, if any.
        steps: All transitions.
        end: Why it ended.
        result: The champion; ``None`` where no picture came about.
        phi: Potential of the champion.
        cost: US dollars spent on these steps.
        seconds: Wall time.
        search: What was spent on all branches, where it was found by a search.
    """

    id: str
    seed: int
    plan: Plan
    start: ImageRef | None = None
    steps: tuple[StepRecord, ...] = ()
    end: EndReason
    result: ImageRef | None = None
    phi: Finite = 0.0
    cost: NonNegative = 0.0
    seconds: NonNegative = 0.0
    search: SearchRecord | None = None
