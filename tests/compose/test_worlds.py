"""Worlds with pixels say what they were made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from envs.layout import CONTEXT_FEATURES
from policies.training.config import checked
from policies.training.worlds import simulated_world
from poser.compose.worlds import _rules, live_worlds

SURE = {"judgement_usd": 0.0, "outage": 0.0, "refusal": 0.0, "critic_outage": 0.0}


def test_other_prompts_make_another_world(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a red car left of a tree")
    changing = tmp_path / "b.txt"
    stage = {"name": "live", "steps": 64, "envs": 2, "world": "pixels", "prompts": [str(tmp_path)]}
    config = checked({"max_experts": 16, "stages": [stage]}, "a test")
    make = live_worlds((), None)

    def made_of(prompt: str) -> dict[str, str]:
        changing.write_text(prompt)
        world = make(config.stages[0], config.layout, 2, held_out=False)
        world.venv.close()
        world.close()
        return dict(world.fingerprints)

    one, again, other = map(made_of, ("two cats", "two cats", "three cats"))
    assert one == again
    assert {name for name in one if one[name] != other[name]} == {"prompts"}
    assert set(one) == {"registry", "tables", "critic", "prompts"}


def test_experts_without_a_price_may_be_trained_with_as_if_rented(tmp_path: Path) -> None:
    """Else lambda would mean nothing where all experts are free."""
    (tmp_path / "a.txt").write_text("a red car left of a tree")
    own = {"steps": 64, "envs": 2}
    live = {**own, "name": "live", "world": "pixels", "prompts": [str(tmp_path)]}
    simulated = {
        **own,
        "name": "simulated",
        "experts": "registry",
        "ranges": SURE,
    }
    stages = [{**s, "usd_per_second": rate} for s in (live, simulated) for rate in (0.0, 0.1)]
    names = [{**s, "name": f"{s['name']}-{n}"} for n, s in enumerate(stages)]
    config = checked({"max_experts": 16, "stages": names}, "a test")
    make, bills = live_worlds((), None), []
    for stage in config.stages:
        chosen = make if stage.world == "pixels" else simulated_world
        world = chosen(stage, config.layout, 6, held_out=False)
        world.venv.seed(1)
        context = world.venv.reset()["context"][:, CONTEXT_FEATURES.index("cost_weight")]
        masks = np.stack(world.venv.env_method("action_masks"))
        _, _, _, infos = world.venv.step(masks.argmax(axis=1))  # a call for each: drawing
        cost = np.array([info["reward_terms"]["cost"] for info in infos])
        assert (cost[context == 0.0] == 0.0).all()  # lambda is shown where anything costs
        bills.append(-cost[context > 0.0] / (context / (1.0 - context))[context > 0.0])
        world.venv.close()
    free, rented, free_simulated, rented_simulated = bills
    assert free.size == free_simulated.size == 0
    assert rented.size > 1
    assert rented_simulated.size > 1
    every = np.concatenate([rented, rented_simulated])
    assert every == pytest.approx(every.mean(), rel=1e-4)
    assert every.mean() > 0.0


def test_lambda_is_drawn_from_nothing_to_the_greatest() -> None:
    config = checked({"stages": [{"name": "a", "steps": 64, "cost_weight": 10}]}, "a test")
    draw, rng = _rules(config.stages[0]), np.random.default_rng(0)
    drawn = np.array([draw(rng).cost_weight for _ in range(2000)])
    assert 0.28 < (drawn == 0.0).mean() < 0.38
    assert 9.0 < drawn.max() <= 10.0
    assert 0.4 < (drawn < 1.0).mean() < 0.75
