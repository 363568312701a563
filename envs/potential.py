"""The potential Phi of a picture, from what the critic said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from envs.rules import Rules
from poser.core.critique import Critique
from poser.core.errors import MalformedCritiqueError
from poser.core.plan import Criterion, Plan, in_dependency_order


def check_complete(plan: Plan, critique: Critique) -> None:
    """Refuses a critique that does not judge every criterion asked exactly once.

    Raises:
        MalformedCritiqueError: A verdict is missing, doubled, or about something else.
    """
    asked = {k.id for k in plan.judged}
    judged = [v.criterion for v in critique.verdicts]
    if missing := sorted(asked - set(judged)):
        raise MalformedCritiqueError(f"the critique misses {', '.join(missing)}")
    if extra := sorted(set(judged) - asked):
        raise MalformedCritiqueError(f"the critique judges {', '.join(extra)}, which nobody asked")
    if len(judged) != len(asked):
        raise MalformedCritiqueError("the critique judges a criterion twice")


def gated_scores(
    criteria: Sequence[Criterion], scores: Mapping[str, float], threshold: float
) -> dict[str, float]:
    """Scores with the dependency rule of DSG applied: below a failed ancestor a score is 0.

    Args:
        criteria: The judged criteria.
        scores: Raw score in [0, 1] by criterion id; all of ``criteria`` must be there.
        threshold: Score from which a criterion holds.

    Returns:
        Score in [0, 1] by criterion id.
    """
    gated: dict[str, float] = {}
    held: dict[str, bool] = {}
    for criterion in in_dependency_order(criteria):
        applicable = all(held.get(parent, True) for parent in criterion.depends_on)
        gated[criterion.id] = scores[criterion.id] if applicable else 0.0
        held[criterion.id] = applicable and scores[criterion.id] >= threshold
    return gated


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
    raw = {v.criterion: v.score if v.applicable else 0.0 for v in critique.verdicts}
    gated = gated_scores(judged, raw, rules.threshold)
    weight = sum(k.weight for k in judged)
    phi = sum(k.weight * gated[k.id] for k in judged) / weight if weight else 0.0
    if rules.quality_weight and critique.quality is not None:
        phi = (1 - rules.quality_weight) * phi + rules.quality_weight * critique.quality
    return min(1.0, max(0.0, phi))
