"""The figures of an evaluation on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poser.evaluation.summary import text_of

if TYPE_CHECKING:
    from rich.table import Table

    from poser.evaluation.setting import Setting


def methods_table(figures: Mapping[str, Any]) -> Table:
    """One row for each method.

    Args:
        figures: What :func:`poser.evaluation.summary.figures` gave.
    """
    from rich import box
    from rich.table import Table

    found = figures["methods"]
    bands = list(dict.fromkeys(b for row in found for b in row.get("by_requirements", ())))
    bands.sort(key=lambda b: int(b.split()[0]))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("method")
    heads = ("requirements fulfilled", *bands, "prompts fulfilled", "$", "calls", "seconds")
    for head in (*heads, "not scored"):
        table.add_column(head, justify="right")
    for row in found:
        runs = len(row["runs"])
        name = row["method"] + (f" ({runs} seeds)" if runs > 1 else "")
        missing = str(row["not_scored"] or "")
        if "share" not in row:
            table.add_row(name, *[""] * (len(bands) + 5), missing)
            continue
        cells = [f"{row['by_requirements'][b]['mean']:.3f}" if b in row["by_requirements"] else ""
                 for b in bands]  # fmt: skip
        table.add_row(
            name,
            text_of(row["share"]),
            *cells,
            text_of(row["fulfilled"]),
            f"{row['usd']:.4f}",
            f"{row['calls']:.1f}",
            f"{row['seconds']:.2f}",
            missing,
        )
    return table


def differences_table(figures: Mapping[str, Any]) -> Table:
    """Each method beside the first one, on the same prompts."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(f"against {figures['reference']}, on the same prompts")
    for head in ("requirements fulfilled", "prompts fulfilled", "prompts"):
        table.add_column(head, justify="right")
    for name, found in figures["differences"].items():
        whole = figures["differences_fulfilled"][name]
        table.add_row(
            name, text_of(found, signed=True), text_of(whole, signed=True), str(found["n"])
        )
    return table


def notes(figures: Mapping[str, Any], setting: Setting, prompts: int, out: Path) -> Iterator[str]:
    """What is to be known about the figures, line by line."""
    judges = sorted({j for row in figures["methods"] for j in row.get("judged_by", ())})
    who = ", ".join(judges) or "nobody"
    yield f"{prompts} prompts, scored by {who}; 95 % intervals by bootstrap over prompts"
    if setting.evaluator is None:
        yield (
            "! what these prompts truly ask for is not known: the critic that guided composing "
            "scored them, which flatters whatever pleases it"
        )
    for row in figures["methods"]:
        for reason in row["outages"]:
            yield f"! {row['method']}: an outage ended an episode, it has no score: {reason}"
    yield f"scores and pictures are in {out}"
