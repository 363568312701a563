"""The rubric: from answers to a critique, and what makes a critique complete.

Criteria depend on each other as in the Davidsonian Scene Graph (Cho et al., ICLR 2024): below a
failed criterion nothing can be judged, and counts 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from poser.core.critique import Critique, Defect, Verdict
from poser.core.errors import MalformedCritiqueError
from poser.core.plan import Command, Criterion, Plan, in_dependency_order

THRESHOLD = 0.5
"""Score from which a criterion counts as satisfied."""

MAX_DEFECTS = 3
"""Defects named in one critique, the worst first."""


def applicable(
    criteria: Sequence[Criterion], scores: Mapping[str, float], threshold: float = THRESHOLD
) -> dict[str, bool]:
    """Whether each criterion can be judged at all: every criterion it depends on holds.

    Args:
        criteria: The judged criteria.
        scores: Score in [0, 1] by criterion id; all of ``criteria`` must be there.
        threshold: Score from which a criterion holds.
    """
    verdict: dict[str, bool] = {}
    holds: dict[str, bool] = {}
    for criterion in in_dependency_order(criteria):
        verdict[criterion.id] = all(holds.get(parent, True) for parent in criterion.depends_on)
        holds[criterion.id] = verdict[criterion.id] and scores[criterion.id] >= threshold
    return verdict


def critique_of(
    plan: Plan,
    scores: Mapping[str, float],
    *,
    threshold: float = THRESHOLD,
    quality: float | None = None,
    seconds: float = 0.0,
    cost: float = 0.0,
) -> Critique:
    """The critique that follows from one score for every judged criterion.

    Args:
        plan: What was asked.
        scores: Probability in [0, 1] that a criterion holds, by id.
        threshold: Score from which a criterion holds.
        quality: Quality of the picture as such, in [0, 1].
        seconds: Wall time of the judgement.
        cost: US dollars billed for it.

    Raises:
        MalformedCritiqueError: A criterion has no score.
    """
    judged = plan.judged
    if missing := [k.id for k in judged if k.id not in scores]:
        raise MalformedCritiqueError(f"the critic gave no score for {', '.join(missing)}")
    can = applicable(judged, scores, threshold)
    verdicts = tuple(
        Verdict(
            criterion=k.id,
            score=scores[k.id],
            applicable=can[k.id],
            reason=_reason(k, scores[k.id], can[k.id], threshold),
        )
        for k in judged
    )
    held = {v.criterion for v in verdicts if v.applicable and v.score >= threshold}
    weight = sum(k.weight for k in judged)
    total = sum(k.weight * scores[k.id] for k in judged if can[k.id])
    failing = sorted(
        (k for k in judged if can[k.id] and k.id not in held), key=lambda k: scores[k.id]
    )
    owner = {k.id: c for c in plan.commands for k in c.criteria}
    defects = tuple(
        Defect(criterion=k.id, instruction=mending(owner[k.id], k)) for k in failing[:MAX_DEFECTS]
    )
    return Critique(
        reasoning=f"{len(held)} of {len(judged)} questions are answered as the prompt asks.",
        critique=_sentence(failing),
        score=min(1.0, total / weight) if weight else 0.0,
        verdicts=verdicts,
        defects=defects,
        quality=quality,
        seconds=seconds,
        cost=cost,
    )


def mending(command: Command, criterion: Criterion) -> str:
    """What an editor is told to mend a failed criterion."""
    match criterion.kind, criterion.about:
        case "count", _ if criterion.question.startswith(("Are there ", "Is there ")):
            said = criterion.question.partition(" there ")[2].rstrip("?")
            return f"there should be {said}"
        case "attribute", (thing, attribute, *_) if criterion.expected:
            return f"make the {thing} {attribute}"
        case "absence", (thing, *_):
            return f"remove the {thing}"
        case _:
            return command.instruction


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


def _reason(criterion: Criterion, score: float, can: bool, threshold: float) -> str:
    if not can:
        return "what it depends on is missing"
    answer = "yes" if (score >= threshold) == criterion.expected else "no"
    sure = max(score, 1.0 - score)
    return f"answered {answer}, {sure:.0%} sure"


def _sentence(failing: Sequence[Criterion]) -> str:
    if not failing:
        return "Everything that could be judged is as asked."
    questions = "; ".join(
        f"{k.question} {'No' if k.expected else 'Yes'}." for k in failing[:MAX_DEFECTS]
    )
    more = len(failing) - MAX_DEFECTS
    return questions + (f" And {more} more." if more > 0 else "")
