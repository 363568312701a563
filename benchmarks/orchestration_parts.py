"""The tables of ``benchmarks/orchestration.py``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from policies.quality import cost_weight_of
from poser.evaluation.cases import Case, pocket_cases
from poser.evaluation.scoring import Evaluation, Results
from poser.evaluation.setting import Setting, setting_of
from poser.evaluation.summary import figures, text_of
from poser.store.journal import DiskJournal

QUALITIES = (1.0, 0.8, 0.5, 0.2, 0.0)
DRAWS = (1, 2, 4, 8, 16)
MULTIPLES = (1, 2, 4)
BEAM = 3


@dataclass(slots=True)
class Bench:
    """What all parts share: prompts, experts, journal, and what was scored before."""

    options: argparse.Namespace
    registry: Any
    critic: Any
    evaluator: Any
    cases: list[Case]
    journal: DiskJournal
    settings: dict[tuple[str, ...], Setting] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)  # by part, in this invocation

    def setting(self, quality: float, left_out: Sequence[str] = (), **rules: Any) -> Setting:
        """The terms at a quality, with all calls made so far remembered.

        Args:
            quality: From cheap (0) to good (1).
            left_out: Experts that are not there.
            rules: What else of the rules is set, such as ``budget``.
        """
        from envs.rules import Rules

        options, key = self.options, tuple(left_out)
        if key not in self.settings:
            self.settings[key] = setting_of(
                self.registry, self.critic, self.evaluator, Rules(), seed=options.seed,
                usd_per_second=options.usd_per_second, paid=options.out, left_out=key,
            )  # fmt: skip
        return self.settings[key].with_rules(cost_weight=cost_weight_of(quality), **rules)

    def scored(
        self,
        names: Sequence[str],
        quality: float | None = None,
        left_out: Sequence[str] = (),
        cases: list[Case] | None = None,
        **rules: Any,
    ) -> list[Results]:
        """The scores of methods; what the journal has is not played again.

        On the held-out prompts unless other cases are given; the rest as in :meth:`setting`.
        """
        chosen = self.options.quality if quality is None else quality
        setting = self.setting(chosen, left_out, **rules)
        evaluation = Evaluation(
            self.cases if cases is None else cases,
            setting,
            self.journal,
            self.options.out,
            self.options.batch,
            _told,
        )
        return evaluation.of(names)


def _told(name: str, finished: int, every: int) -> None:
    if finished == every:
        print(f"  {name}: {every} prompts", file=sys.stderr, flush=True)


@contextmanager
def bench(options: argparse.Namespace) -> Iterator[Bench]:
    """Loads what all parts share, and locks the journal."""
    from critic.detector import DetectorEvaluator
    from critic.vqa import VqaCritic
    from experts.registry import load_registry
    from poser.store.images import DiskImageStore

    journal = DiskJournal(options.out / "episodes.jsonl", DiskImageStore(options.out / "images"))
    cases = pocket_cases(options.n or (2 if options.quick else 200), options.seed)
    with journal.locked(), load_registry(options.registry) as registry:
        print(f"{len(cases)} held-out prompts, {len(registry)} experts, "
              f"${options.usd_per_second:g} a second, quality {options.quality:g}")  # fmt: skip
        yield Bench(options, registry, VqaCritic(), DetectorEvaluator(), cases, journal)


def policies_of(bench: Bench) -> list[str]:
    """The learned policies, else the router in their place."""
    return list(bench.options.policies) or ["router"]


def methods_of(bench: Bench) -> list[str]:
    """What the main table compares; the first is what the others are compared with."""
    ours = policies_of(bench)
    if bench.options.quick:
        return [*ours, "random", "single", f"best-of@{ours[0]}", "oracle:2"]
    baselines = ["router", "random", "single", f"best-of@{ours[0]}", "bandit"]
    rest = [*(f"dqn:{d}" for d in bench.options.dqn), f"critic-beam:3@{ours[0]}", "oracle:3"]
    return list(dict.fromkeys([*ours, *baselines, *rest]))


def main_table(bench: Bench) -> dict[str, Any]:
    """Baselines, bounds and policies on the same prompts."""
    found = figures(bench.scored(methods_of(bench)))
    print_table(found)
    return found


def print_table(found: dict[str, Any]) -> None:
    """One row for each method, in Markdown."""
    bands = list(
        dict.fromkeys(b for row in found["methods"] for b in row.get("by_requirements", {}))
    )
    bands.sort(key=lambda b: int(b.split()[0]))
    heads = ["method", "requirements fulfilled", "critic's word", f"against {found['reference']}",
             *bands, "prompts fulfilled", "$", "calls", "seconds", "not scored"]  # fmt: skip
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    for row in found["methods"]:
        runs = len(row["runs"])
        name = row["method"] + (f" ({runs} seeds)" if runs > 1 else "")
        if "share" not in row:
            print(f"| {name} |{' |' * (len(heads) - 2)} {row['not_scored']} |")
            continue
        gain = found["differences"].get(row["method"])
        cells = [
            name, text_of(row["share"]), f"{row['phi']:.3f}",
            text_of(gain, signed=True) if gain else "",
            *(f"{row['by_requirements'][b]['mean']:.3f}" if b in row["by_requirements"] else ""
              for b in bands),
            text_of(row["fulfilled"]), f"{row['usd']:.4f}", f"{row['calls']:.1f}",
            f"{row['seconds']:.2f}", str(row["not_scored"] or ""),
        ]  # fmt: skip
        print(f"| {' | '.join(cells)} |")
        if runs > 1:
            print(f"| {name}, each seed | {', '.join(f'{s:.3f}' for s in row['by_seed'])} "
                  f"|{' |' * (len(heads) - 2)}")  # fmt: skip
    for row in found["methods"]:
        for reason in row["outages"]:
            print(f"! {row['method']}: not scored: {reason}")


def transfer(bench: Bench) -> dict[str, Any]:
    """What a policy makes of experts that it never met in training."""
    options = bench.options
    without, left_out = options.trained_without, options.left_out
    trained = options.trained_with or options.policies
    if not (without and trained and left_out):
        print("skipped: give --left-out ID ..., --trained-without FOLDER ... and --policies")
        return {}
    joined = figures(bench.scored([*trained, *without]))
    print(f"all experts; {', '.join(left_out)} were left out of training for the second\n")
    print_table(joined)
    alone = figures(bench.scored(without, left_out=left_out))
    print("\nwithout these experts\n")
    print_table(alone)
    shares = {row["method"]: _share_used(row, left_out) for row in joined["methods"]}
    print("\nshare of calls that go to the experts left out")
    for name, share in shares.items():
        print(f"  {name}: {share:.3f}")
    return {"joined": joined, "alone": alone, "share_used": shares}


def _share_used(row: dict[str, Any], experts: Sequence[str]) -> float:
    calls = [(e, n) for by_expert in row.get("used", {}).values() for e, n in by_expert.items()]
    return sum(n for e, n in calls if e in experts) / max(1, sum(n for _, n in calls))


def ablations(bench: Bench) -> dict[str, Any]:
    """Policies trained without something, and a trained one with something taken away."""
    ours = policies_of(bench)
    changes = ["whole-plan", "text-feedback", *(["no-picture"] if bench.options.policies else [])]
    names = [*ours, *bench.options.ablation, *(f"{p}~{c}" for c in changes for p in ours)]
    if not bench.options.ablation:
        print("no policies of ablations are given (--ablation FOLDER ...): only what can be left "
              "out of a trained one\n")  # fmt: skip
    found: dict[str, Any] = {}
    for quality in (1.0,) if bench.options.quick else (1.0, 0.2):
        weight = cost_weight_of(quality)
        print(f"quality {quality:g} (lambda {weight:g})\n")
        found[f"quality {quality:g}"] = at = figures(bench.scored(names, quality))
        print_table(at)
        print("\nrequirements fulfilled less lambda times dollars")
        for row in at["methods"]:
            if "share" in row:
                row["net"] = row["share"]["mean"] - weight * row["usd"]
                print(f"  {row['method']}: {row['net']:.3f}")
        print()
    return found


def curve(bench: Bench) -> dict[str, Any]:
    """Score against dollars, line by line: points of one line differ in one number alone.

    Beams are given multiples of the policy's own mean spend as a cap on each prompt.
    """
    quick, ours = bench.options.quick, policies_of(bench)
    multiples, qualities = (MULTIPLES[:1], QUALITIES[:1]) if quick else (MULTIPLES, QUALITIES)
    lines: dict[str, list[dict[str, Any]]] = {}

    def add(label: str, names: Sequence[str], at: float, **terms: float) -> None:
        rows = figures(bench.scored(names, **terms))["methods"]
        keys = ("method", "share", "fulfilled", "usd", "calls", "seconds")
        points = [{"at": at, **{k: row[k] for k in keys}} for row in rows if "share" in row]
        lines.setdefault(label, []).extend(points)

    for n in DRAWS[:2] if quick else DRAWS:
        add("best-of-N", [f"best-of-{n}"], n)
    spend = sum(r.spend for r in bench.scored(ours)) / len(ours)
    for multiple in multiples:
        episodes = [f"{p}+best-of:{multiple}" for p in ours]
        beams = [f"{p}+beam:{BEAM}" for p in ours]
        add("policy, best of episodes", episodes, multiple)
        add(f"policy, beam of {BEAM}", beams, multiple, budget=multiple * spend)
        add(f"critic beam of {BEAM}", [f"critic-beam:{BEAM}"], multiple, budget=multiple * spend)
    for quality in qualities:
        add("policy, quality", ours, quality, quality=quality)
    print("| line | at | $ | requirements fulfilled | calls |\n|---|---|---|---|---|")
    for label, points in lines.items():
        for point in points:
            print(f"| {label} | {point['at']:g} | {point['usd']:.4f} "
                  f"| {text_of(point['share'])} | {point['calls']:.1f} |")  # fmt: skip
    return lines


def learning_curves(folders: Sequence[str | Path]) -> dict[str, list[dict[str, Any]]]:
    """The log of each training, by its folder's name; those without one are left out."""
    found: dict[str, list[dict[str, Any]]] = {}
    for folder in map(Path, folders):
        for log in (folder / "log.jsonl", folder.absolute().parent / "log.jsonl"):
            if log.is_file():
                lines = log.read_text(encoding="utf-8").splitlines()
                found[log.parent.name] = [json.loads(line) for line in lines]
                break
    return found
