"""The figures of ``benchmarks/orchestration.py``: what the tables say, drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from orchestration_parts import Bench, curve, learning_curves, main_table

from policies.learned import SHIPPED

_INK, _MUTED = "#1f2933", "#6b7785"
_EMPHASIS = 3.0

DOLLARS = tuple(n * 10.0**e for e in range(-4, 2) for n in (1, 2, 5))
"""Where an axis of dollars may have a tick."""


def plots(bench: Bench) -> dict[str, Any]:
    """Draws figures into ``--figures``: of the given tables, else of all, scored first."""
    folder, options = bench.options.figures, bench.options
    if folder is None:
        print("skipped: give --figures FOLDER")
        return {}
    folder.mkdir(parents=True, exist_ok=True)
    table, lines = bench.found.get("main"), bench.found.get("curve")
    if not options.tables:
        table, lines = table or main_table(bench), lines or curve(bench)
    drawn = {}
    if table:
        ours = table["methods"][0]
        path = folder / "requirements.png"
        drawn["requirements"] = _by_requirements(table, ours["method"], path)
        drawn["experts"] = _experts(ours, folder / "experts.png")
    if lines:
        drawn["cost_quality"] = _cost_quality(lines, folder / "cost_quality.png")
    if logs := learning_curves([*options.policies, *options.ablation]):
        drawn["learning"] = _learning(logs, folder / "learning.png")
    print()
    for path in drawn.values():
        print(f"drawn: {path}")
    return {name: str(path) for name, path in drawn.items()}


def _label(method: str) -> str:
    """A method in a few words, without the folders of its policy."""
    name, at, _ = method.partition("@")
    if at:
        return f"{name}, equal spend"
    kind, _, folder = method.partition(":")
    if "/" in folder:
        return kind
    return "the policy that ships" if Path(method).absolute() == SHIPPED else Path(method).name


def _figure(width: float = 7.0, height: float = 4.4) -> tuple[Any, Any]:
    """A figure and its axes, without a frame."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    _unframed(axes)
    return figure, axes


def _unframed(axes: Any) -> None:
    """Axes without a frame, with lines to read values by."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=_MUTED)
    axes.grid(axis="y", color="#e5e7eb", linewidth=0.8)
    axes.set_axisbelow(True)


def _by_requirements(table: Mapping[str, Any], ours: str, path: Path) -> Path:
    """Score against the number of requirements, one line for each method."""
    figure, axes = _figure()
    for row in table["methods"]:
        scores = row.get("by_number")
        if not scores:
            continue
        numbers = sorted(map(int, scores))
        axes.plot(
            numbers, [scores[str(n)] for n in numbers], marker="o", markersize=4,
            linewidth=_EMPHASIS if row["method"] == ours else 1.4,
            linestyle=":" if row["method"].startswith("oracle") else "-",
            label=_label(row["method"]),
        )  # fmt: skip
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("requirements of the prompt", color=_INK)
    axes.set_ylabel("share of them fulfilled", color=_INK)
    lowest = min(v for row in table["methods"] for v in row.get("by_number", {0: 0.0}).values())
    axes.set_ylim(max(0.0, lowest - 0.05), 1.02)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    figure.savefig(path, dpi=160)
    return path


def _cost_quality(lines: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> Path:
    """Share fulfilled against dollars, with intervals; what varies stands beside each point."""
    figure, axes = _figure()
    for label, points in lines.items():
        ordered = sorted(points, key=lambda p: p["usd"])
        if not ordered:
            continue
        usd = [p["usd"] for p in ordered]
        mean = [p["share"]["mean"] for p in ordered]
        low = [p["share"]["mean"] - p["share"]["low"] for p in ordered]
        high = [p["share"]["high"] - p["share"]["mean"] for p in ordered]
        bars = axes.errorbar(
            usd, mean, yerr=[low, high], marker="o", markersize=4, linewidth=1.6,
            elinewidth=0.7, capsize=2, label=label,
        )  # fmt: skip
        for point in ordered:
            axes.annotate(
                f"{point['at']:g}", (point["usd"], point["share"]["mean"]), fontsize=7,
                xytext=(3, 4), textcoords="offset points", color=bars[0].get_color(),
            )  # fmt: skip
    axes.set_xscale("log")
    least, most = axes.get_xlim()
    shown = [usd for usd in DOLLARS if least <= usd <= most]
    axes.set_xticks(shown, [f"{usd:g}" for usd in shown])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("US dollars a prompt (seconds of experts, priced)", color=_INK)
    axes.set_ylabel("share of requirements fulfilled", color=_INK)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    figure.savefig(path, dpi=160)
    return path


def _experts(row: Mapping[str, Any], path: Path) -> Path:
    """Which expert is called for what: one bar for each op, its calls by expert."""
    from matplotlib import colormaps

    used = row["used"]
    ops = sorted(used, key=lambda op: -sum(used[op].values()))
    experts = sorted({e for by_expert in used.values() for e in by_expert})
    figure, axes = _figure(7.6, 0.45 * len(ops) + 1.6)
    axes.grid(visible=False)
    left = [0.0] * len(ops)
    for n, expert in enumerate(experts):
        shares = [used[op].get(expert, 0) / sum(used[op].values()) for op in ops]
        colour = colormaps["tab20"](n % 20)
        axes.barh(range(len(ops)), shares, left=left, color=colour, label=expert, height=0.7)
        left = [a + b for a, b in zip(left, shares, strict=True)]
    names = [f"{op} ({sum(used[op].values())} calls)" for op in ops]
    axes.set_yticks(range(len(ops)), names, color=_INK)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel(f"share of the calls of {_label(row['method'])}", color=_INK)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    figure.savefig(path, dpi=160)
    return path


def _learning(logs: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> Path:
    """Return on held-out episodes during training, one line for each run.

    Each stage has a panel of its own, as the returns of two worlds cannot be compared.
    """
    from matplotlib.figure import Figure

    stages = list(dict.fromkeys(line["stage"] for log in logs.values() for line in log))
    figure = Figure(figsize=(2.4 + 2.6 * len(stages), 3.8), facecolor="white", layout="constrained")
    panels = figure.subplots(1, len(stages), squeeze=False)[0]
    for stage, axes in zip(stages, panels, strict=True):
        _unframed(axes)
        axes.locator_params(axis="x", nbins=4)
        for name, log in logs.items():
            steps, returns = _points(log, stage)
            label = name if axes is panels[0] else None
            axes.plot(steps, returns, linewidth=1.4, marker="o", markersize=3, label=label)
        axes.set_title(f"stage {stage}", color=_INK, fontsize=10)
    panels[0].set_ylabel("return on held-out episodes", color=_INK)
    figure.supxlabel("thousands of steps of the stage", color=_INK, fontsize=10)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    figure.savefig(path, dpi=160)
    return path


def _points(log: Sequence[Mapping[str, Any]], stage: str) -> tuple[list[float], list[float]]:
    """Thousands of steps of a stage, and the return of each validation in it."""
    earlier = takewhile(lambda line: line["stage"] != stage, log)
    before = max((line["steps"] for line in earlier), default=0)
    ours = [line for line in log if line["stage"] == stage and "validation/return" in line]
    steps = [(line["steps"] - before) / 1000 for line in ours]
    return steps, [line["validation/return"] for line in ours]
