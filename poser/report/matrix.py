"""Capability tables as a picture: experts down, skills across, one panel for each task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poser.core.capability import CapabilityTable
from poser.core.errors import PoserError
from poser.report.capabilities import TITLES, best_of, by_task, label_of, seconds_text, skills_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = (".png", ".svg", ".pdf")
"""Kinds of file that it can be written as."""

_CELL = 0.62  # inches
_ROW = 0.4
_FACTS = ("rest kept", "a call", "of 16", "cost")
_INK, _MUTED, _EMPTY = "#1f2933", "#6b7785", "#f3f4f6"


def check_matrix_path(path: Path) -> None:
    """Finds out before anything is measured whether the picture can be drawn.

    Raises:
        PoserError: matplotlib is not installed, or the file is of another kind.
    """
    from importlib.util import find_spec

    if path.suffix.lower() not in FORMATS:
        raise PoserError(
            f"the matrix cannot be written as {path.suffix or path.name!r}",
            remedy=f"name a file that ends in {', '.join(FORMATS)}",
        )
    if find_spec("matplotlib") is None:
        raise PoserError(
            "the matrix is drawn with matplotlib, which is not installed",
            remedy="pip install 'image-poser[plots]'",
        )


def draw_matrix(tables: Sequence[CapabilityTable], path: Path, *, held_out: bool = False) -> None:
    """Draws the tables and writes the picture.

    Args:
        tables: At least one.
        path: A file of one of :data:`FORMATS`.
        held_out: Whether the caption is to say that the tasks were kept out of training.

    Raises:
        PoserError: matplotlib is not installed, or the file is of another kind.
        OSError: It cannot be written.
    """
    check_matrix_path(path)
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    panels = list(by_task(tables).values())
    columns = max(len(skills_of(panel)) for panel in panels)
    rows = sum(len(panel) for panel in panels)
    width = 1.9 + _CELL * columns + 0.75 * len(_FACTS)
    head = 0.95
    height = rows * _ROW + head * len(panels) + 0.45
    figure = Figure(figsize=(width, height), facecolor="white")
    top = height
    for panel in panels:
        top -= head
        tall = _ROW * len(panel)
        top -= tall
        wide = _CELL * len(skills_of(panel)) + 0.75 * len(_FACTS)
        axes = figure.add_axes((1.8 / width, top / height, wide / width, tall / height))
        _panel(axes, panel, wide, tall)
    figure.text(
        0.1 / width,
        0.14 / height,
        ("held out of training: " if held_out else "") + _caption(tables),
        fontsize=7.5,
        color=_MUTED,
        va="bottom",
    )
    with rc_context({"svg.hashsalt": "poser"}):  # the same tables give the same file
        figure.savefig(path, dpi=160, metadata=_undated(path))


def _panel(axes: Axes, tables: Sequence[CapabilityTable], wide: float, tall: float) -> None:
    """One task's experts; the axes are in inches, from the top left corner."""
    from matplotlib import colormaps

    shade = colormaps["Blues"]
    skills = skills_of(tables)
    axes.set_xlim(0, wide)
    axes.set_ylim(tall, 0)
    axes.set_axis_off()
    axes.text(
        -1.7, -0.14, TITLES[tables[0].task], fontsize=10, weight="bold", color=_INK, va="bottom"
    )
    for column, skill in enumerate(skills):
        axes.text(
            (column + 0.5) * _CELL, -0.1, label_of(skill), fontsize=8, color=_INK, rotation=32,
            rotation_mode="anchor", ha="left", va="bottom",
        )  # fmt: skip
    facts_shown = _FACTS if any(t.kept.n for t in tables) else ("", *_FACTS[1:])
    for column, name in enumerate(facts_shown):
        axes.text(_fact(skills, column), -0.1, name, fontsize=8, color=_MUTED, ha="right")
    for row, table in enumerate(tables):
        middle = (row + 0.5) * _ROW
        axes.text(-0.1, middle, table.expert, fontsize=8.5, color=_INK, ha="right", va="center")
        for column, skill in enumerate(skills):
            measure = table.skill(skill)
            rate = measure.rate if measure is not None else None
            best = rate is not None and rate == best_of(tables, skill)
            colour = _EMPTY if rate is None else shade(0.08 + 0.82 * rate)
            _cell(axes, column, row, colour)
            if best:
                _frame(axes, column, row)
            if rate is not None:
                axes.text(
                    (column + 0.5) * _CELL, middle, f"{rate:.2f}", fontsize=8.5, ha="center",
                    va="center", color="white" if rate > 0.55 else _INK,
                    weight="bold" if best else "normal",
                )  # fmt: skip
        kept = table.kept.rate
        facts = (
            "" if kept is None else f"{kept:.2f}",
            seconds_text(table.seconds),
            seconds_text(table.batch_seconds),
            "free" if table.usd == 0 else f"${table.usd:g}",
        )
        for column, fact in enumerate(facts):
            axes.text(
                _fact(skills, column), middle, fact, fontsize=8, color=_MUTED, ha="right",
                va="center",
            )  # fmt: skip


def _fact(skills: Sequence[str], column: int) -> float:
    """Where a column of times and costs ends, in inches."""
    return len(skills) * _CELL + (column + 1) * 0.75


def _cell(axes: Axes, column: int, row: int, colour: Any) -> None:
    from matplotlib.patches import Rectangle

    corner = (column * _CELL + 0.02, row * _ROW + 0.02)
    axes.add_patch(Rectangle(corner, _CELL - 0.04, _ROW - 0.04, facecolor=colour, linewidth=0))


def _frame(axes: Axes, column: int, row: int) -> None:
    from matplotlib.patches import Rectangle

    corner = (column * _CELL + 0.035, row * _ROW + 0.035)
    axes.add_patch(
        Rectangle(
            corner, _CELL - 0.07, _ROW - 0.07, facecolor="none", edgecolor="#d97706", linewidth=1.6
        )
    )


def _caption(tables: Sequence[CapabilityTable]) -> str:
    judges = sorted({f"{t.evaluator} {t.evaluator_revision}" for t in tables})
    return (
        f"Share of {max(t.n for t in tables)} tasks that succeed, judged by {', '.join(judges)}. "
        "Framed: the best of its column."
    )


def _undated(path: Path) -> dict[str, None]:
    """Metadata without the date."""
    keys = {".svg": "Date", ".pdf": "CreationDate"}
    key = keys.get(path.suffix.lower())
    return {key: None} if key else {}
