"""How sure a critic must be: the part ``thresholds`` of ``benchmarks/orchestration.py``."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from orchestration_losses import judged
from orchestration_parts import Bench, policies_of

from poser.evaluation.cases import Case, pocket_cases
from poser.evaluation.scoring import Results
from poser.evaluation.summary import figures, text_of

THRESHOLDS = (0.5, 0.7, 0.9, 0.95)
BANDS = (0.0, 0.1, 0.5, 0.7, 0.9, 0.97, 1.0)


def thresholds(bench: Bench) -> dict[str, Any]:
    """Policies at several thresholds, on validation prompts, and what a critic's word is worth.

    The second table asks the critic about the final pictures at the first threshold, and counts
    how often the evaluator finds it there.
    """
    options = bench.options
    cases = pocket_cases(len(bench.cases), options.seed, "validation")
    names = list(dict.fromkeys([*policies_of(bench), "router"]))
    found: dict[str, Any] = {}
    print("| threshold | method | requirements fulfilled | critic's word | $ | calls |")
    print("|---|---|---|---|---|---|")
    for threshold in THRESHOLDS[:: 2 if options.quick else 1]:
        results = bench.scored(names, cases=cases, threshold=threshold)
        found[f"{threshold:g}"] = rows = figures(results)["methods"]
        for row in rows:
            print(f"| {threshold:g} | {row['method']} | {text_of(row['share'])} "
                  f"| {row['phi']:.3f} | {row['usd']:.4f} | {row['calls']:.1f} |",
                  flush=True)  # fmt: skip
        if threshold == THRESHOLDS[0]:
            found["bands"] = _bands(bench, cases, results)
    print("\n| critic's score | answers | share that the evaluator finds |\n|---|---|---|")
    for band in found["bands"]:
        print(f"| {band['from']:g} to {band['to']:g} | {band['n']} | {band['share']:.2f} |")
    return found


def _bands(bench: Bench, cases: list[Case], results: list[Results]) -> list[dict[str, float]]:
    """By the critic's score of a requirement, how often the evaluator finds it fulfilled."""
    told = judged(bench, cases, results)
    answers = [(score, bool(scored.verdicts[k.id])) for k, score, scored in told]
    found = []
    for low, high in pairwise(BANDS):
        inside = [right for p, right in answers if low <= p < high or p == high == 1.0]
        if inside:
            share = sum(inside) / len(inside)
            found.append({"from": low, "to": high, "n": len(inside), "share": share})
    return found
