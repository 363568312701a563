"""What a wish for cheapness is worth: the part ``wishes`` of ``benchmarks/orchestration.py``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestration_parts import Bench, policies_of

from policies.quality import cost_weight_of
from poser.evaluation.scoring import Results, Scored, by_group
from poser.evaluation.statistics import estimate, matrix, shared
from poser.evaluation.summary import against, rows, scores_of, share_of, text_of

WISHES = (1.0, 0.5, 0.2, 0.0)
BASELINES = ("router", "bandit", "single")


def wishes(bench: Bench) -> dict[str, Any]:
    """Policies and baselines at several qualities, by the evaluator's share less lambda x dollars.

    What an episode is played for, but that the evaluator judges, and without the step penalty:
    what a picture is worth to somebody to whom a whole one is worth 1 / lambda dollars. At lambda 0
    it is the share alone.
    """
    ours = policies_of(bench)
    baselines = [b for b in BASELINES if b != "bandit" or not bench.options.quick]  # it is fitted
    names = list(dict.fromkeys([*ours, *baselines]))
    found: dict[str, Any] = {}
    print("| quality (lambda) | method | requirements fulfilled | $ | less lambda x dollars "
          "| against the first |\n|---|---|---|---|---|---|")  # fmt: skip
    for quality in WISHES[::2] if bench.options.quick else WISHES:
        weight = cost_weight_of(quality)
        found[f"{quality:g}"] = _at(bench.scored(names, quality), weight)
        for row in found[f"{quality:g}"]:
            gain = text_of(row["against"], signed=True) if row["against"] else ""
            print(f"| {quality:g} ({weight:g}) | {row['method']} | {row['share']['mean']:.3f} "
                  f"| {row['usd']:.4f} | {text_of(row['net'])} | {gain} |", flush=True)  # fmt: skip
    return found


def _at(results: Sequence[Results], weight: float) -> list[dict[str, Any]]:
    """The rows of one quality; differences are to the first method."""

    def net(scored: Scored) -> float:
        return share_of(scored) - weight * scored.spent

    groups = by_group(results)
    gains = against(results, next(iter(groups)), net)
    found = []
    for row in rows(results):
        runs = [scores_of(r, net) for r in groups[row["method"]]]
        if not (prompts := shared(*runs)):
            continue
        row["net"] = estimate(matrix(runs, prompts)).to_dict()
        row["against"] = gains.get(row["method"])
        found.append(row)
    return found
