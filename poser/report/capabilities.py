"""Capability tables on the terminal: skills down, experts across."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from poser.core.capability import CapabilityTable, Share

if TYPE_CHECKING:
    from rich.table import Table

    from experts.probe import Agreement

TITLES = {"text_to_image": "drawing", "image_to_image": "editing", "inpainting": "filling"}
"""What experts of each task do."""


def by_task(tables: Sequence[CapabilityTable]) -> dict[str, list[CapabilityTable]]:
    """The tables of each task: what they measure is the same only within one."""
    found: dict[str, list[CapabilityTable]] = {}
    for table in tables:
        found.setdefault(table.task, []).append(table)
    return found


def skills_of(tables: Sequence[CapabilityTable]) -> list[str]:
    """The skills that any of the tables has, in the order of the one that has most."""
    ordered = sorted(tables, key=lambda table: -len(table.skills))
    return list(dict.fromkeys(m.skill for table in ordered for m in table.skills))


def label_of(skill: str) -> str:
    """A skill's name where its task is named already: ``count`` for ``draw: count``."""
    return skill.rpartition(": ")[2]


def best_of(tables: Sequence[CapabilityTable], skill: str) -> float | None:
    """The highest rate of a skill; ``None`` where fewer than two were measured, or none can."""
    measures = [m for table in tables if (m := table.skill(skill)) is not None]
    rates = [m.rate for m in measures if m.rate is not None]
    return (max(rates) or None) if len(rates) > 1 else None


def rate_text(share: Share | None) -> str:
    """A rate with half the width of its interval: ``0.88 ±0.10``."""
    if share is None:
        return ""
    return "?" if share.rate is None else f"{share.rate:.2f} ±{share.error:.2f}"


def seconds_text(seconds: float | None) -> str:
    """A time in seconds, to two digits or so."""
    if seconds is None:
        return "?"
    return f"{seconds:.3f} s" if seconds < 0.1 else f"{seconds:.2f} s"


def measures_table(tables: Sequence[CapabilityTable]) -> Table:
    """One table of experts of the same task; the best of each skill is bold."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    shown.add_column(TITLES[tables[0].task], no_wrap=True)
    for table in tables:
        heading = Text(table.expert.replace("/", "/\n", 1), style="cyan")
        shown.add_column(heading, justify="right", no_wrap=True)
    for skill in skills_of(tables):
        best = best_of(tables, skill)
        cells = []
        for table in tables:
            measure = table.skill(skill)
            top = measure is not None and best is not None and measure.rate == best
            cells.append(Text(rate_text(measure), style="bold green" if top else ""))
        shown.add_row(label_of(skill), *cells)
    shown.add_section()
    rows = {
        "rest kept": [rate_text(t.kept if t.kept.n else None) for t in tables],
        "a call": [seconds_text(t.seconds) for t in tables],
        "a picture of 16": [seconds_text(t.batch_seconds) for t in tables],
        "cost": ["free" if t.usd == 0 else f"${t.usd:g}" for t in tables],
        "not judged": [str(t.unscored) if t.unscored else "" for t in tables],
        "failed calls": [str(t.failures) if t.failures else "" for t in tables],
    }
    for name, cells_of in rows.items():
        if any(cells_of):
            shown.add_row(Text(name, style="dim"), *[Text(c, style="dim") for c in cells_of])
    return shown


def agreement_table(found: Sequence[Agreement], critic: str, evaluator: str) -> Table:
    """How far a critic agrees with an evaluator, by kind of criterion."""
    from rich.table import Table

    shown = Table(
        title=f"{critic} beside {evaluator}",
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
        padding=(0, 2, 0, 0),
    )
    shown.add_column("criteria", no_wrap=True)
    for name in ("judged", "agree", "rejected", "of those the critic accepts"):
        shown.add_column(name, justify="right")
    for row in found:
        fooled = Share(successes=row.fooled, n=row.rejected)
        agree = Share(successes=row.agree, n=row.n)
        shown.add_row(
            row.kind,
            str(row.n),
            rate_text(agree),
            str(row.rejected),
            rate_text(fooled if fooled.n else None),
        )
    return shown
