"""Proposals by what the registry says of each call, for searches that need no policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from envs.potential import gated_scores
from envs.state import State
from policies.best_of import fitness
from poser.core.action import ALL, Action, Call, Revert
from poser.core.expert import ExpertSpec


@dataclass(frozen=True, slots=True)
class Rated:
    """A :class:`policies.search.Proposer`: the calls that are rated to gain most come first.

    A command is worth what is missing of it times the expert's rate, less with each failed try.
    A whole new picture throws away what holds, so that it counts by the square of what is missing.
    The price of a call counts by lambda; stopping gains nothing, going back what was lost.
    """

    def rank(
        self, state: State, legal: Sequence[Action], registry: Mapping[str, ExpertSpec]
    ) -> Sequence[tuple[Action, float]]:
        """See :class:`policies.search.Proposer`; scores are gains of Phi, less costs."""
        missing = _missing(state)
        rated = [(action, _gain(state, action, registry, missing)) for action in legal]
        return sorted(rated, key=lambda pair: -pair[1])


def _missing(state: State) -> dict[str, float]:
    """What each command could add to Phi, by its id; in [0, 1]."""
    plan, frame = state.plan, state.current
    scores = gated_scores(plan, frame.critique, state.rules.threshold) if frame else {}
    judged = {k.id for k in plan.judged}
    whole = sum(k.weight for k in plan.judged) or 1.0
    return {
        c.id: sum(k.weight * (1.0 - scores.get(k.id, 0.0)) for k in c.criteria if k.id in judged)
        / whole
        for c in plan.commands
    }


def _gain(
    state: State, action: Action, registry: Mapping[str, ExpertSpec], missing: Mapping[str, float]
) -> float:
    if not isinstance(action, Call):
        return state.champion_phi - state.phi if isinstance(action, Revert) else 0.0
    spec = registry[action.expert]
    tried = state.tried.get(action.command, {}).get(action.expert, 0)
    if action.command != ALL:
        gain = missing[action.command] * spec.capability_at(state.plan.command(action.command))
    elif spec.needs_picture:
        gain = fitness(state, spec) * (1.0 - state.phi)
    else:
        gain = fitness(state, spec) * (1.0 - state.champion_phi) ** 2
    price = spec.cost.usd + state.rules.judgement_cost
    return gain / (1 + tried) - state.rules.cost_weight * price
