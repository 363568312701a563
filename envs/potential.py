"""The potential Phi of a picture, from what the critic said of it."""

from __future__ import annotations

from critic.rubric import applicable, check_complete
from envs.rules import Rules
from poser.core.critique import Critique
from poser.core.plan import Plan


def gated_scores(plan: Plan, critique: Critique, threshold: float) -> dict[str, float]:
    """Score in [0, 1] by criterion id, 0 below a failed ancestor (the dependency rule of DSG)."""
    raw = {v.criterion: v.score if v.applicable else 0.0 for v in critique.verdicts}
    can = applicable(plan.judged, raw, threshold)
    return {k: score if can[k] else 0.0 for k, score in raw.items()}


def potential(plan: Plan, critique: Critique | None, rules: Rules) -> float:
    """Phi in [0, 1]: the weighted mean of gated criterion scores, with an optional quality term.

    Without a critique (no picture yet) Phi is 0. A plan with nothing that can be judged has
    Phi = 0 but for the quality term.

    Raises:
        MalformedCritiqueError: The critique is incomplete.
    """
    if critique is None:
        return 0.0
    check_complete(plan, critique)
    judged = plan.judged
    gated = gated_scores(plan, critique, rules.threshold)
    weight = sum(k.weight for k in judged)
    phi = sum(k.weight * gated[k.id] for k in judged) / weight if weight else 0.0
    if rules.quality_weight and critique.quality is not None:
        phi = (1 - rules.quality_weight) * phi + rules.quality_weight * critique.quality
    return min(1.0, max(0.0, phi))
