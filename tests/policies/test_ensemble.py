"""Several policies as one: the mean of what they say, written and read again; what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from envs.layout import Layout
from policies.ensemble import Ensemble, JoinError, join_policies
from policies.export import CARD, MOST_MEMBERS, export_policy, load_policy
from policies.learned import LearnedPolicy
from policies.scorer import Scorer
from policies.shape import ScorerShape
from poser.cli.app import app
from tests.policies.tiny_worlds import random_parts

SHAPE = ScorerShape(width=16, heads=2, hidden=16, rounds=1, text_dim=4, image_dim=12)
LIVE = {"stages": [{"name": "pixels", "feedback": "text"}], "seed": 5}


def _exported(folder: Path, seed: int, shape: ScorerShape = SHAPE, **record: object) -> Scorer:
    torch.manual_seed(seed)
    scorer = Scorer(shape)
    training = {"steps": seed, **record}
    export_policy(
        scorer.state_dict(), shape, folder, worlds={"drawn": {"a": "b"}}, training=training,
        version="0",
    )  # fmt: skip
    return scorer.eval()


def test_it_says_the_mean_of_what_they_say(tmp_path: Path) -> None:
    scorers = [_exported(tmp_path / str(n), n) for n in range(3)]
    card = join_policies([tmp_path / str(n) for n in range(3)], tmp_path / "all")
    together, read = load_policy(tmp_path / "all")
    assert isinstance(together, Ensemble)
    assert read == card
    assert card.members == 3
    parts = {k: v.float() for k, v in random_parts(Layout(3, 2, 4, 12), 3, 2).items()}
    told = [scorer(parts) for scorer in scorers]
    found = together(parts)
    mean = torch.stack([t.logits.log_softmax(1) for t in told]).mean(0)
    assert torch.allclose(found.logits, mean)
    assert torch.allclose(found.values, torch.stack([t.values for t in told]).mean(0))


def test_those_joined_already_count_by_their_members(tmp_path: Path) -> None:
    for n in range(3):
        _exported(tmp_path / str(n), n, config={"seed": n})
    join_policies([tmp_path / "0", tmp_path / "1"], tmp_path / "two")
    card = join_policies([tmp_path / "two", tmp_path / "2"], tmp_path / "three")
    assert card.members == 3
    members = card.training["members"]
    assert members == [{"seed": n, "steps": n} for n in range(3)]
    again = join_policies([tmp_path / str(n) for n in range(3)], tmp_path / "three")
    assert again.weights == card.weights


def test_it_is_composed_with_the_feedback_of_its_members(tmp_path: Path) -> None:
    from policies.catalogue import feedback_of

    for n in range(2):
        _exported(tmp_path / str(n), n, config=LIVE, stage="pixels")
    join_policies([tmp_path / "0", tmp_path / "1"], tmp_path / "all")
    assert feedback_of(str(tmp_path / "all")) == "text"
    assert LearnedPolicy.load(tmp_path / "all").card.members == 2


def test_policies_that_differ_in_more_than_weights_are_refused(tmp_path: Path) -> None:
    _exported(tmp_path / "0", 0)
    _exported(tmp_path / "1", 1, SHAPE.model_copy(update={"rounds": 2}))
    _exported(tmp_path / "2", 2, config=LIVE, stage="pixels")
    with pytest.raises(JoinError, match="differ in scorer"):
        join_policies([tmp_path / "0", tmp_path / "1"], tmp_path / "all")
    with pytest.raises(JoinError, match="feedback"):
        join_policies([tmp_path / "0", tmp_path / "2"], tmp_path / "all")
    with pytest.raises(JoinError, match="two folders"):
        join_policies([tmp_path / "0"], tmp_path / "all")
    with pytest.raises(JoinError, match="too many"):
        join_policies([tmp_path / "0"] * (MOST_MEMBERS + 1), tmp_path / "all")
    assert not (tmp_path / "all").exists()


def test_on_the_command_line(tmp_path: Path) -> None:
    for n in range(2):
        _exported(tmp_path / str(n), n)
    asked = ["join", str(tmp_path / "0"), str(tmp_path / "1"), "--out", str(tmp_path / "all")]
    result = CliRunner().invoke(app, [*asked, "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output) == {"policy": str(tmp_path / "all"), "members": 2}
    assert (tmp_path / "all" / CARD).is_file()
