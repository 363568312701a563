"""What simulated worlds are drawn from."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from envs.rules import STEP_PENALTY
from poser.core.value import NonNegative, UnitInterval, Value

Count = Annotated[int, Field(ge=1)]


class Ranges(Value):
    """The ranges that plans, registries and rules are drawn from, uniformly where not said.

    Attributes:
        commands: Fewest and most commands of a plan, a finish not counted.
        experts: Fewest and most experts of a registry; the first always draws from text.
        dependent: Share of commands that build on another (to recolour what was added).
        drawers: Share of the other experts that draw from text.
        specialists: Share of experts that serve one to three ops well rather than most a little.
        hardness: Least and greatest standard deviation, in log odds, of how much harder or easier
            one command is than another of its op, for all experts alike.
        knack: Likewise for one expert at one command: who has failed at it is likely to fail again,
            and another expert may do it.
        swing: Least and greatest standard deviation, in log odds, of how much better or worse one
            drawing turns out than the next, in all that it shows: what drawing again is good for.
        trials: Fewest and most trials that a rate was measured by (drawn on a log scale).
        shift: Standard deviation of the true rate about the rate on the tasks of the probe.
        unmeasured: Share of experts without a table.
        crowding: Most that the success of drawing a whole plan falls by, in log units for each
            further command.
        kept: Least and greatest true share of what holds that outlasts an edit.
        luck: Chance that a criterion nobody worked at comes to hold by an edit.
        partial: Chance that a failed attempt at a command settles all but its last criterion.
        usd: Greatest price of a call in US dollars (log scale from 0.0001; a third cost nothing).
        judgement_usd: Greatest price of a judgement; half cost nothing.
        seconds: Shortest and longest call, on a log scale.
        outage: Greatest chance that a call fails for reasons of infrastructure.
        refusal: Greatest chance that an expert refuses a request.
        critic_outage: Greatest chance that a judgement cannot be had.
        closed: Share of experts with a closed vocabulary.
        unknown: Share of commands whose words such an expert does not know.
        sureness: Least and greatest mean of the critic's log odds for the right answer.
        noise: Least and greatest standard deviation of these log odds, drawn anew for each picture.
        blind: Likewise, drawn once an episode for each criterion: what a critic does not see on one
            picture it often does not see on the next.
        given: Share of episodes that begin with a picture.
        finish: Share of episodes with a finish.
        budgets: Share of episodes with a cap on spend.
        cost_weights: Greatest lambda, reward per US dollar; a third are 0, the others evenly spread
            by quality, 1 / (1 + lambda).
        step_penalty: What each step costs.
        max_steps: Fewest and most steps for each command; never fewer than 6 in all.
        feedback_gain: Least and greatest share of the failures of a retry that its being told what
            was wrong turns into successes, where the rules have text feedback. There are no words
            in the simulator; at 0 text feedback has no effect in it.
    """

    commands: tuple[Count, Count] = (2, 12)
    experts: tuple[Count, Count] = (2, 10)
    dependent: UnitInterval = 0.45
    drawers: UnitInterval = 0.25
    specialists: UnitInterval = 0.6
    hardness: tuple[NonNegative, NonNegative] = (0.0, 1.2)
    knack: tuple[NonNegative, NonNegative] = (0.0, 1.5)
    swing: tuple[NonNegative, NonNegative] = (0.0, 1.5)
    trials: tuple[Count, Count] = (8, 256)
    shift: NonNegative = 0.08
    unmeasured: UnitInterval = 0.1
    crowding: NonNegative = 0.25
    kept: tuple[UnitInterval, UnitInterval] = (0.75, 1.0)
    luck: UnitInterval = 0.02
    partial: UnitInterval = 0.3
    usd: NonNegative = 0.2
    judgement_usd: NonNegative = 0.005
    seconds: tuple[NonNegative, NonNegative] = (0.02, 60.0)
    outage: UnitInterval = 0.2
    refusal: UnitInterval = 0.03
    critic_outage: UnitInterval = 0.03
    closed: UnitInterval = 0.3
    unknown: UnitInterval = 0.15
    sureness: tuple[NonNegative, NonNegative] = (1.5, 6.0)
    noise: tuple[NonNegative, NonNegative] = (0.3, 1.5)
    blind: tuple[NonNegative, NonNegative] = (0.0, 2.0)
    given: UnitInterval = 0.15
    finish: UnitInterval = 0.25
    budgets: UnitInterval = 0.4
    cost_weights: NonNegative = 10.0
    step_penalty: NonNegative = STEP_PENALTY
    max_steps: tuple[Count, Count] = (2, 3)
    feedback_gain: tuple[UnitInterval, UnitInterval] = (0.0, 0.0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, tuple) and value[0] > value[1]:
                raise ValueError(f"{name}: the least, {value[0]:g}, is above {value[1]:g}")
        return self
