"""The training configuration: the example is valid, errors name file, key and remedy."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from envs.layout import Layout
from envs.rules import Rules
from envs.simulation import Ranges, draw_worlds
from experts.registry import load_registry
from policies.training.config import TrainingError, read_config
from policies.training.worlds import check_prices
from poser.compose.worlds import check_room
from poser.core.errors import RegistryError
from poser.core.expert import Cost, ExpertSpec

ROOT = Path(__file__).parents[2]
GOOD = "stages:\n  - {name: a, steps: 100}\n"


def test_the_example_is_valid() -> None:
    config = read_config(ROOT / "examples" / "train.yaml", steps=5, seed=7)
    assert config.seed == 7
    assert [s.steps for s in config.stages] == [5, 5, 5]
    assert [s.world for s in config.stages] == ["simulated", "simulated", "pixels"]
    assert [s.experts for s in config.stages[:2]] == ["drawn", "registry"]
    assert config.stages[1].usd_per_second == config.stages[2].usd_per_second > 0.0
    assert Path(config.stages[2].prompts[0]).is_absolute()
    assert config.shape.image_dim == config.layout.image_dim == 48


def test_its_prompts_have_room_in_it() -> None:
    config = read_config(ROOT / "examples" / "train.yaml")
    with load_registry() as registry:
        check_room(config, registry, live=True)


def test_the_docs_name_every_range() -> None:
    docs = (ROOT / "docs" / "environment.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", docs.split("### Ranges")[1], re.MULTILINE))
    ranges = Ranges().to_dict()
    shown = {
        key: " to ".join(f"{v:g}" for v in (value if isinstance(value, list) else [value]))
        for key, value in ranges.items()
    }
    assert told == shown


@pytest.mark.parametrize("wrong", ["commands: [12, 2]", "kept: [0.9, 0.1]"])
def test_ranges_that_are_the_wrong_way_round_are_refused(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(f"stages: [{{name: a, steps: 1, ranges: {{{wrong}}}}}]\n")
    with pytest.raises(TrainingError, match="the least"):
        read_config(path)


def test_experts_of_price_0_are_free() -> None:
    rng, layout = np.random.default_rng(0), Layout()
    assert not draw_worlds(rng, 50, layout, Ranges(usd=0.0)).usd.any()
    assert 0.0 < draw_worlds(rng, 50, layout, Ranges(usd=1e-5)).usd.max() <= 1e-5


def test_steps_are_rounded_up_to_whole_legs(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text("updates: 2\nppo: {rollout: 4}\nstages: [{name: a, steps: 100, envs: 8}]\n")
    config = read_config(path)
    assert config.leg(config.stages[0]) == 64
    assert config.legs(config.stages[0]) == 2
    shorter = config.stages[0].model_copy(update={"updates": 1})
    assert (config.leg(shorter), config.legs(shorter)) == (32, 4)


def test_a_stage_sets_its_rewards_and_an_ablation_of_cost_takes_every_lambda(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(
        "ablate: [cost, image]\n"
        "stages: [{name: a, steps: 1, feedback: both, feedback_weight: 0.3, benefit_weight: 1}]\n"
    )
    config = read_config(path)
    stage = config.stages[0]
    told = Rules(feedback="both", feedback_weight=0.3, benefit_weight=1.0, threshold=0.5)
    assert stage.rules == told
    played = config.played(stage)
    assert (played.cost_weight, played.ranges.cost_weights) == (0.0, 0.0)
    worlds = draw_worlds(np.random.default_rng(0), 50, config.layout, played.ranges)
    assert not worlds.cost_weight.any()
    drawn = draw_worlds(np.random.default_rng(0), 50, config.layout, stage.ranges)
    assert drawn.cost_weight.any()


WRONG = {
    "a: [": ":1: ",
    "- 1\n": "must hold keys and values",
    "seed: 1\n": "stages: Field required",
    "stages: [{name: a, steps: 1, usd_per_second: 0.1}]\n": "draws its experts with their prices",
    "stages: []\n": "stages: ",
    GOOD + "sede: 1\n": "unknown key 'sede'",
    "stages:\n  - {name: a, steps: 100, rat: 1}\n": r"unknown key 'stages\[0\].rat'",
    "stages:\n  - {name: a, steps: 0}\n": r"stages\[0\].steps: ",
    GOOD + "ppo: {clip: 2}\n": "ppo.clip: ",
    GOOD + "scorer: {heads: 5}\n": "must divide",
    GOOD + "  - {name: a, steps: 1}\n": "the same name",
    "stages:\n  - {name: a, steps: 1, world: pixels}\n": "needs prompts",
    GOOD + "outages: {later: never}\n": "outages.later: ",
    GOOD + "ablate: [colour]\n": r"ablate\[0\]: ",
    GOOD + "ablate: [rates]\nmax_experts: 99\n": "39 experts at most",
    "stages:\n  - {name: a, steps: 1, feedback: loud}\n": r"stages\[0\].feedback: ",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(text)
    with pytest.raises(TrainingError, match=WRONG[text]) as caught:
        read_config(path)
    assert str(path) in caught.value.message
    assert caught.value.remedy


def test_a_policy_to_begin_with_is_named_or_lies_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    for start, read in (("learned", "learned"), ("mine/policy", str(tmp_path / "mine/policy"))):
        path.write_text(f"start: {start}\n{GOOD}")
        config = read_config(path)
        assert config.start == read
        assert config.anonymous.start == start.rpartition("/")[2]


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"cannot read .*none\.yaml"):
        read_config(tmp_path / "none.yaml")


@pytest.mark.parametrize("task", ["image_to_image", "inpainting"])
def test_what_cannot_be_priced_is_told_before_the_first_stage(tmp_path: Path, task: str) -> None:
    path = tmp_path / "t.yaml"
    live = "{name: b, steps: 1, world: pixels, prompts: [x.txt], usd_per_second: 0.1}"
    path.write_text(f"stages: [{{name: a, steps: 1}}, {live}]\n")
    expert = ExpertSpec.model_validate({"id": "my/own", "adapter": "http", "task": task})
    check_prices(read_config(path), {"my/own": expert}, live=False)
    paid = expert.model_copy(update={"cost": Cost(usd=0.1)})
    check_prices(read_config(path), {"my/own": paid}, live=True)
    if task == "inpainting":  # needs a mask, and no prompt has one
        check_prices(read_config(path), {"my/own": expert}, live=True)
        return
    with pytest.raises(RegistryError, match="my/own") as refused:
        check_prices(read_config(path), {"my/own": expert}, live=True)
    assert "state cost.seconds" in str(refused.value.remedy)
