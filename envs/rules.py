"""The rules of the game: the numbers that the MDP is played by."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from poser.core.plan import Plan
from poser.core.value import NonNegative, UnitInterval, Value

STEP_PENALTY = 0.003
"""Reward lost per step: a call pays that mends one of twelve requirements once in twenty-five."""

Feedback = Literal["none", "text", "reward", "both"]
"""The uses of a critique besides the potential."""


class Rules(Value):
    """Everything about the MDP that is not in the plan or the registry.

    Attributes:
        max_steps: Steps in an episode (the paper uses 6).
        budget: Hard cap on spend, in US dollars; ``None`` for no cap.
        max_attempts: Failed attempts after which a command is given up (3 in the paper).
        max_failures: Failed calls in a row after which an expert is marked down.
        max_critic_failures: Failed judgements in a row after which the episode ends.
        threshold: Score from which a criterion counts as satisfied. Strict, because the pictures
            that are kept are those a critic errs in favour of: of what the pocket critic is 50 to
            90 % sure of on composed pictures three of five are there (docs/evidence.md).
        cost_weight: lambda, reward lost per US dollar.
        step_penalty: Reward lost per step.
        quality_weight: Weight of the critic's quality score in the potential; 0 leaves it out.
        judgement_cost: US dollars that one judgement by the critic costs; a call is affordable
            only if its judgement is too.
        unjudged_bonus: What a command that no criterion can judge adds to a picture's *rank*
            (never to its potential) once carried out, so that text set on the champion is not
            thrown away for a rounding error of the critic.
        feedback: What the critique is used for besides Phi, after the modes of Reagent (arXiv
            2601.22154): ``text`` (its Reagent-C) rewrites the instruction of a retry by what the
            critique says is wrong, ``reward`` (Reagent-R) adds a reward for the critic's scores,
            ``both`` (Reagent-U) does both.
        feedback_weight: Share of the change of these scores that is paid, with ``reward`` or
            ``both``; see :func:`envs.transition.apply`.
        benefit_weight: Reward for a call by what the champion gains by it; 0 leaves it out.
    """

    max_steps: Annotated[int, Field(ge=1, le=10_000)] = 6
    budget: NonNegative | None = None
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    max_failures: Annotated[int, Field(ge=1, le=100)] = 2
    max_critic_failures: Annotated[int, Field(ge=1, le=100)] = 2
    threshold: UnitInterval = 0.9
    cost_weight: NonNegative = 0.0
    step_penalty: NonNegative = STEP_PENALTY
    quality_weight: UnitInterval = 0.0
    judgement_cost: NonNegative = 0.0
    unjudged_bonus: UnitInterval = 0.05
    feedback: Feedback = "none"
    feedback_weight: NonNegative = 0.1
    benefit_weight: NonNegative = 0.0

    @property
    def retells(self) -> bool:
        """Whether a retry is told what the critique says is wrong."""
        return self.feedback in ("text", "both")

    @property
    def score_weight(self) -> float:
        """Weight of the reward for the critic's scores; 0 where there is none."""
        return self.feedback_weight if self.feedback in ("reward", "both") else 0.0


def default_max_steps(plan: Plan) -> int:
    """Steps for a plan: the paper's 6, or three a command where there are more than two.

    A finish that was appended takes none of them away: it has two of its own, as the last change
    may have to be taken back first.
    """
    return max(6, 3 * len(plan.asked)) + (2 if plan.finish else 0)
