"""A policy composes with the feedback it was trained with, unless told otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from policies.catalogue import feedback_of
from policies.export import export_policy
from policies.scorer import Scorer
from policies.shape import ScorerShape
from poser.compose.begin import Brief, begin
from poser.compose.view import settings_of


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    shape = ScorerShape(width=16, heads=2, rounds=1, hidden=16, text_dim=4, image_dim=12)
    torch.manual_seed(0)
    stages = [{"name": "one"}, {"name": "two", "feedback": "text"}]
    record = {"config": {"stages": stages}, "stage": "two"}
    weights = Scorer(shape).state_dict()
    export_policy(weights, shape, tmp_path / "p", worlds={}, training=record, version="test")
    return tmp_path / "p"


def test_the_stage_that_a_policy_comes_from_tells(trained: Path, tmp_path: Path) -> None:
    def mode(policy: str, feedback: str | None = None) -> str:
        brief = Brief("a red car", tmp_path / "runs", policy=policy, feedback=feedback)  # type: ignore[arg-type]
        return settings_of(begin(brief)).rules.feedback

    assert mode(str(trained)) == "text"
    assert mode(str(trained), "none") == "none"
    assert mode("router") == "none"
    assert mode("router", "text") == "text"
    assert feedback_of("best-of-4") == "none"
