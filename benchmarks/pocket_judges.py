"""How far the critic and the evaluator can be trusted: parts of ``benchmarks/pocket.py``."""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

SHEET = 60
"""Disagreements on the contact sheet."""


def judges(options: argparse.Namespace) -> dict[str, Any]:
    """Critic and evaluator on rendered scenes; a reliability plot with ``--figures``."""
    from experts.pocket import measure_critic, measure_detector
    from experts.pocket.recipes import RECIPES
    from experts.pocket.sprites import SpriteSheet

    n = options.n or (12 if options.quick else 200)
    judge = measure_critic.Judge(RECIPES["critic"].folder)
    answers = measure_critic.measure(judge, SpriteSheet.load(), n, options.seed)
    print("Critic\n")
    print(measure_critic.table(answers))
    pairs = [pair for a in answers if a.way in measure_critic.WAYS for pair in a.pairs]
    error, bins = measure_critic.calibration(pairs)
    print("\nEvaluator\n", flush=True)
    measure_detector.main(["--n", str(2 * n), "--seed", str(options.seed + 1)])
    if options.figures is not None:
        _reliability(bins, error, options.figures / "pocket-reliability.png")
    return {
        "critic": [{"kind": a.kind, "way": a.way, "right": a.right} for a in answers],
        "calibration_error": error,
        "bins": bins,
    }


def _reliability(bins: Sequence[tuple[float, float, int]], error: float, path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(4, 4))
    axes.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    told, true, size = zip(*bins, strict=True)
    area = [15 + 250 * s / max(size) for s in size]
    axes.scatter(told, true, s=area, color="#3465a4", alpha=0.8)
    axes.set_xlabel("P(yes) as the critic says it")
    axes.set_ylabel("share of yes")
    axes.set_title(f"Pocket critic, ECE {error:.3f}")
    figure.tight_layout()
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def agreement(options: argparse.Namespace) -> dict[str, Any]:
    """Critic beside evaluator on pictures the experts made; a contact sheet of disagreements."""
    from critic.detector import DetectorEvaluator
    from critic.evaluating import CriticEvaluator
    from critic.vqa import VqaCritic
    from experts.pocket.trials import sample_trials
    from experts.probe import Probe, Purse
    from experts.registry import load_registry
    from poser.store.images import DiskImageStore
    from poser.store.journal import DiskJournal

    n = options.n or (1 if options.quick else 15)
    trials = sample_trials(n, options.seed + 1000)
    evaluator, critic = DetectorEvaluator(), CriticEvaluator(VqaCritic())
    rows: dict[str, list[tuple[bool, bool]]] = {}
    kinds: dict[str, list[tuple[bool, bool]]] = {}
    apart: list[tuple[Image.Image, str]] = []
    with tempfile.TemporaryDirectory() as folder, load_registry() as registry:
        images = DiskImageStore(Path(folder) / "images")
        for spec in registry.values():
            mine = [t for t in trials if t.fits(spec)]
            if not mine or not spec.id.startswith("pocket/"):
                continue
            journal = DiskJournal(Path(folder) / f"{spec.id.replace('/', '-')}.jsonl", images)
            probe = Probe(spec, mine, images, journal)
            probe.call(registry.expert(spec.id), Purse())
            seen, told = probe.judge(evaluator), probe.judge(critic)
            for index in seen:
                trial, call = mine[index], probe.finished(index)
                for criterion in (*trial.criteria, *trial.kept):
                    one, other = seen[index][criterion.id], told[index][criterion.id]
                    if one is None or other is None or call is None:
                        continue
                    rows.setdefault(trial.skill, []).append((one, other))
                    kinds.setdefault(criterion.kind, []).append((one, other))
                    if one != other:
                        asked = criterion.question
                        verdict = f"{asked} critic {_said(other, criterion.expected)}, " + (
                            f"evaluator {_said(one, criterion.expected)}"
                        )
                        apart.append((images.get(call["image"]), verdict))
    print("| | n | agree | critic content, evaluator not | evaluator content, critic not |")
    print("|---|---|---|---|---|")
    for name, both in [*sorted(rows.items()), *sorted(kinds.items())]:
        print(f"| {name} | {len(both)} | {_share(both, lambda e, c: e == c)} "
              f"| {_share(both, lambda e, c: c and not e)} "
              f"| {_share(both, lambda e, c: e and not c)} |")  # fmt: skip
    if options.figures is not None and apart:
        random.Random(options.seed).shuffle(apart)
        contact_sheet(apart[:SHEET], options.figures / "pocket-disagreements.png")
    return {
        name: {"n": len(both), "agree": sum(e == c for e, c in both) / len(both)}
        for name, both in {**rows, **kinds}.items()
    }


def _said(satisfied: bool, expected: bool) -> str:
    return "yes" if satisfied == expected else "no"


def _share(both: Sequence[tuple[bool, bool]], counts: Any) -> str:
    return f"{sum(counts(e, c) for e, c in both) / len(both):.3f}"


def contact_sheet(apart: Sequence[tuple[Image.Image, str]], path: Path) -> None:
    """Draws pictures with a question and what was said of it, to be looked at by eye."""
    wide, tall, across = 150, 190, 10
    rows = -(-len(apart) // across)
    sheet = Image.new("RGB", (across * wide, rows * tall), "white")
    draw = ImageDraw.Draw(sheet)
    for index, (picture, verdict) in enumerate(apart):
        x, y = index % across * wide, index // across * tall
        sheet.paste(picture.convert("RGB").resize((144, 144), Image.Resampling.NEAREST), (x, y))
        question, _, rest = verdict.partition("? ")
        lines = [f"{index + 1}. {question[:22]}", question[22:48], rest]
        for line, text in enumerate(lines):
            draw.text((x + 2, y + 145 + 13 * line), text, fill="black")
    sheet.save(path)
