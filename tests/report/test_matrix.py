"""Capability tables on the terminal and as a picture."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from poser.core.capability import CapabilityTable, Share, SkillMeasure
from poser.core.errors import PoserError
from poser.report.capabilities import best_of, by_task, measures_table, rate_text
from poser.report.matrix import draw_matrix


def table(name: str, task: str, **successes: int) -> CapabilityTable:
    return CapabilityTable.model_validate(
        {
            "expert": name, "task": task, "fingerprint": "f", "evaluator": "green",
            "evaluator_revision": "1", "n": 40, "seed": 0, "seconds": 0.05, "usd": 0.01,
            "skills": [
                SkillMeasure(skill=s, successes=k, n=40, kept=Share(successes=9, n=10))
                for s, k in successes.items()
            ],
        }
    )  # fmt: skip


TABLES = [
    table("my/painter", "text_to_image", count=10, style=40),
    table("my/counter", "text_to_image", count=38),
    table("my/editor", "image_to_image", add=20),
]


def test_on_the_terminal_experts_of_one_task_stand_side_by_side() -> None:
    drawing, editing = by_task(TABLES).values()
    console = Console(width=100, record=True)
    console.print(measures_table(drawing))
    console.print(measures_table(editing))
    text = console.export_text()
    assert "0.25 ±0.13  0.95 ±0.08" in text
    assert "0.050 s" in text
    assert "$0.01" in text
    assert best_of(drawing, "count") == 0.95
    assert best_of(drawing, "style") is None
    assert rate_text(Share()) == "?"


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_matrix_is_drawn_the_same_each_time(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("matplotlib")
    one, two = (tmp_path / f"{name}.{suffix}" for name in ("one", "two"))
    draw_matrix(TABLES, one)
    if suffix == "png":
        with Image.open(one) as image:
            assert image.width > 600
            assert len(image.convert("RGB").getcolors(1 << 20) or ()) > 20
    else:
        draw_matrix(TABLES, two)
        assert one.read_bytes() == two.read_bytes()


def test_without_matplotlib_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(PoserError, match=r"pip install 'image-poser\[plots\]'"):
        draw_matrix(TABLES, tmp_path / "m.png")


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PoserError, match=r"ends in \.png"):
        draw_matrix(TABLES, tmp_path / "m.docx")
