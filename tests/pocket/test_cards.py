"""Model cards and the pages that measured tables are written into."""

from __future__ import annotations

from pathlib import Path

import pytest

from experts.pocket.cards import card, measured, overview, write_between
from experts.pocket.measure_critic import Answers, calibration, table
from experts.pocket.questions import KINDS
from experts.pocket.recipes import RECIPES
from poser.core.capability import CapabilityTable, Share, SkillMeasure


def capability(name: str, successes: int) -> CapabilityTable:
    return CapabilityTable(
        expert=f"pocket/{name}", task="image_to_image", fingerprint="x", evaluator="detector/x",
        evaluator_revision="1", n=10, seed=0, seconds=0.05, batch_seconds=0.02,
        skills=(
            SkillMeasure(skill="edit: remove", ops=("remove",), successes=successes, n=10,
                         kept=Share(successes=9, n=10)),
        ),
    )  # fmt: skip


def test_a_card_says_what_was_trained_and_measured() -> None:
    text = card(RECIPES["remover"], capability("remover", 9))
    assert "starting from the adder's weights" in text
    assert "| edit: remove | 0.90 (0.60 to 0.98) | 10 | 0.900 of 10 |" in text
    assert "Not measured yet." in card(RECIPES["painter"], None)
    told = card(RECIPES["stylist"], capability("stylist", 9))
    assert "from experts.pocket.stylist import PocketStylePipeline" in told
    assert 'pipeline("make it in comic style", image).images' in told
    quick = capability("adder", 9).model_copy(update={"defaults": {"num_inference_steps": 5}})
    assert '"remove the cat", image, num_inference_steps=5)' in card(RECIPES["adder"], quick)


def test_the_best_of_a_row_is_bold() -> None:
    text = overview([capability("remover", 9), capability("editor", 5)])
    assert "| edit: remove | **0.90** | 0.50 |" in text
    assert "A call takes 0.05 s, 0.3 s for 16" in measured(capability("editor", 5))


def test_text_is_written_between_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- end -->\nafter\n")
    write_between(page, "a", "new")
    assert page.read_text() == "before\n<!-- a -->\nnew\n<!-- end -->\nafter\n"
    with pytest.raises(ValueError, match="no part 'b'"):
        write_between(page, "b", "new")


def test_calibration_is_the_gap_between_what_is_said_and_what_is_so() -> None:
    sure = [(1.0, True)] * 5 + [(0.0, False)] * 5
    assert calibration(sure)[0] == pytest.approx(0.0)
    boastful = [(0.95, True)] * 5 + [(0.95, False)] * 5
    error, bins = calibration(boastful)
    assert error == pytest.approx(0.45)
    assert bins == [(pytest.approx(0.95), 0.5, 10)]
    answers = [Answers(kind, "rendered", boastful) for kind in KINDS]
    assert "0.500 right of" in table(answers)
