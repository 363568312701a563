"""What the benchmark of whole prompts counts."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from poser.core.action import ALL, Call, Stop
from poser.core.expert import ExpertRequest
from poser.core.record import EpisodeRecord, Reward, StepRecord


def test_a_stop_is_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    calls_of = import_module("pocket_prompts").calls_of
    nothing = Reward.of(phi=0.0)
    asked = ExpertRequest(expert="a", revision="1", task="text_to_image", seed=0, prompt="p")
    steps = (
        StepRecord(
            step=0, action=Call(expert="a", command=ALL), request=asked, reward=nothing, phi=0.0
        ),
        StepRecord(step=1, action=Stop(), reward=nothing, phi=0.0),
    )
    assert calls_of(EpisodeRecord.model_construct(steps=steps)) == 1
