"""The figures of an evaluation: one row for each method, differences, use of experts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from poser.evaluation.scoring import Results, Scored, by_group
from poser.evaluation.statistics import Estimate, band, difference, estimate, matrix, shared

Measure = Callable[[Scored], float]


def share_of(scored: Scored) -> float:
    """Share of the requirements fulfilled, in [0, 1]."""
    return scored.share or 0.0


def fulfilled(scored: Scored) -> float:
    """1 where all requirements are fulfilled, else 0."""
    return float(scored.fulfilled)


def scores_of(results: Results, measure: Measure = share_of) -> dict[str, float]:
    """The score of each prompt, by id; those that cannot be judged are left out."""
    return {c: measure(s) for c, s in results.scored.items() if s.share is not None}


def rows(results: Sequence[Results]) -> list[dict[str, Any]]:
    """One row of figures for each group of methods, as plain JSON data.

    A row of several training seeds is over the prompts that all of them scored, and tells the
    score of each seed. A method without any score has a row without figures.
    """
    return [_row(name, members) for name, members in by_group(results).items()]


def _row(name: str, members: Sequence[Results]) -> dict[str, Any]:
    scores = [scores_of(m) for m in members]
    prompts = shared(*scores)
    every = [m.scored[p] for m in members for p in prompts]
    row: dict[str, Any] = {
        "method": name,
        "runs": [m.method for m in members],
        "prompts": len(prompts),
        "not_scored": sum(len(m.outages) for m in members),
        "outages": sorted({reason for m in members for reason in m.outages.values()}),
    }
    if not prompts:
        return row
    bands: dict[str, Any] = {}
    for label in sorted({band(s.requirements) for s in every}, key=lambda b: int(b.split()[0])):
        mine = [p for p in prompts if band(members[0].scored[p].requirements) == label]
        bands[label] = estimate(matrix(scores, mine)).to_dict()
    return row | {
        "share": estimate(matrix(scores, prompts)).to_dict(),
        "fulfilled": _estimated(members, prompts, fulfilled).to_dict(),
        "by_seed": [sum(s[p] for p in prompts) / len(prompts) for s in scores],
        "by_requirements": bands,
        "by_number": _by_number(every),
        "usd": _mean(every, lambda s: s.spent),
        "calls": _mean(every, lambda s: float(s.calls)),
        "seconds": _mean(every, lambda s: s.seconds),
        "phi": _mean(every, lambda s: s.phi),
        "failures": sum(s.failures for s in every),
        "ends": dict(Counter(s.end for s in every)),
        "used": use_of(every),
        "judged_by": sorted({s.judged_by for s in every}),
    }


def _by_number(scored: Sequence[Scored]) -> dict[str, float]:
    """The mean score by the exact number of requirements."""
    numbers = sorted({s.requirements for s in scored})
    return {str(n): _mean([s for s in scored if s.requirements == n], share_of) for n in numbers}


def _mean(scored: Sequence[Scored], measure: Measure) -> float:
    return sum(measure(s) for s in scored) / len(scored)


def _estimated(members: Sequence[Results], prompts: Sequence[str], measure: Measure) -> Estimate:
    return estimate(matrix([scores_of(m, measure) for m in members], prompts))


def use_of(scored: Sequence[Scored]) -> dict[str, dict[str, int]]:
    """Calls by op (or the whole plan) and expert."""
    found: dict[str, Counter[str]] = {}
    for one in scored:
        for expert, ops in one.used.items():
            for op, count in ops.items():
                found.setdefault(op, Counter())[expert] += count
    return {op: dict(sorted(found[op].items())) for op in sorted(found)}


def against(
    results: Sequence[Results], reference: str, measure: Measure = share_of
) -> dict[str, dict[str, float]]:
    """How much better each group does than one of them, on the same prompts.

    Args:
        results: Of all methods.
        reference: Name of the group that the others are compared with.
        measure: What is compared.

    Returns:
        Mean difference, interval and number of prompts, by group; those that share no scored
        prompt with it are left out.
    """
    groups = by_group(results)
    theirs = [scores_of(m, measure) for m in groups[reference]]
    found: dict[str, dict[str, float]] = {}
    for name, members in groups.items():
        ours = [scores_of(m, measure) for m in members]
        if name != reference and (prompts := shared(*theirs, *ours)):
            found[name] = difference(matrix(ours, prompts), matrix(theirs, prompts)).to_dict()
    return found


def figures(results: Sequence[Results]) -> dict[str, Any]:
    """All figures of an evaluation as plain JSON data; differences are to the first method."""
    first = next(iter(by_group(results)))
    return {
        "methods": rows(results),
        "reference": first,
        "differences": against(results, first),
        "differences_fulfilled": against(results, first, fulfilled),
    }


def text_of(estimate: Mapping[str, float], *, signed: bool = False) -> str:
    """An estimate in a table: ``0.713 (0.690 to 0.735)``."""
    form = "+.3f" if signed else ".3f"
    mean, low, high = (format(estimate[k], form) for k in ("mean", "low", "high"))
    return f"{mean} ({low} to {high})"
