"""The DQN: it learns, keeps to the mask, and serves the registry it was trained with alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs import SimulatedVecEnv
from envs.layout import Layout, LayoutError
from envs.legality import legal_actions
from envs.rules import Rules
from envs.simulation import KnownExperts, Ranges
from envs.state import initial_state
from policies.dqn import CARD, WEIGHTS, DqnPolicy, OtherRegistryError, text_state
from policies.export import PolicyFileError
from policies.training.config import TrainingError
from policies.training.dqn import DqnSettings, OutageAwareReplay, TextStates, train_dqn
from policies.training.validation import play, uniform
from poser.core.expert import ExpertSpec
from poser.core.plan import Plan
from tests.policies.test_router import PLAN
from tests.policies.tiny_worlds import Bandits

REGISTRY = {
    s.id: s
    for s in (
        ExpertSpec(
            id="draw", adapter="x", task="text_to_image", capabilities={"add": 0.3, "create": 0.3}
        ),
        ExpertSpec(id="edit", adapter="x", task="image_to_image"),
    )
}
LAYOUT = Layout(len(PLAN.commands) + 1, 2, 0, 0)
QUICK = DqnSettings(hidden=(16,), warmup=64, buffer=2_000, batch=32, updates=1, target=128)


class FixedBandits(Bandits):
    """Bandits whose experts keep their places, as in one registry."""

    def _begin(self, places: Any) -> None:
        super()._begin(places)
        self.rate[places] = np.array([0.1, 0.9, 0.3])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dqn")
    known = KnownExperts(REGISTRY)
    ranges = Ranges(commands=(1, 2), outage=0.5)
    venv = SimulatedVecEnv(8, LAYOUT, ranges, known=known)
    train_dqn(venv, 400, 3, folder, layout=LAYOUT, experts=list(REGISTRY), settings=QUICK)
    return folder


def test_it_finds_the_best_slot_and_beats_chance(tmp_path: Path) -> None:
    layout = Layout(1, 3, 0, 0)
    settings = QUICK.model_copy(update={"updates": 2, "rate": 3e-3})
    asked = FixedBandits(16, layout)
    policy = train_dqn(
        asked, 3_000, 0, tmp_path, layout=layout, experts=["a", "b", "c"], settings=settings
    )
    import torch

    def choose(parts: Any, masks: Any) -> Any:
        with torch.no_grad():
            values = policy.network(torch.from_numpy(text_state(parts))).numpy()
        return np.where(masks, values, -np.inf).argmax(1)

    held_out = FixedBandits(300, layout)
    assert play(choose, held_out, 1)["return"] > play(uniform(0), held_out, 1)["return"] + 0.3


def test_it_chooses_a_legal_action_of_a_state(trained: Path) -> None:
    policy = DqnPolicy.load(trained)
    state = initial_state(PLAN, Rules())
    legal = legal_actions(state, REGISTRY)
    decision = policy.choose(state, legal, REGISTRY)
    assert decision.action in legal
    turned = dict(reversed(REGISTRY.items()))  # slots go by id, whatever the order
    again = policy.choose(state, legal_actions(state, turned), turned)
    assert again.action == decision.action


def test_other_experts_and_longer_plans_are_refused(trained: Path) -> None:
    policy = DqnPolicy.load(trained)
    state = initial_state(PLAN, Rules())
    fewer = {"draw": REGISTRY["draw"]}
    with pytest.raises(OtherRegistryError, match="edit") as caught:
        policy.choose(state, legal_actions(state, fewer), fewer)
    assert caught.value.remedy
    one = PLAN.commands[0].model_copy(update={"depends_on": (), "criteria": ()})
    many = [one.model_copy(update={"id": f"x{n}"}) for n in range(LAYOUT.max_commands + 1)]
    long = replace(state, plan=Plan(prompt="p", commands=tuple(many)))
    with pytest.raises(LayoutError):
        policy.choose(long, legal_actions(long, REGISTRY), REGISTRY)


def test_the_same_seed_gives_the_same_weights(trained: Path, tmp_path: Path) -> None:
    venv = SimulatedVecEnv(
        8, LAYOUT, Ranges(commands=(1, 2), outage=0.5), known=KnownExperts(REGISTRY)
    )
    train_dqn(venv, 400, 3, tmp_path, layout=LAYOUT, experts=list(REGISTRY), settings=QUICK)
    assert (tmp_path / WEIGHTS).read_bytes() == (trained / WEIGHTS).read_bytes()


def test_damaged_and_missing_files_are_told_in_one_line(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match="no DQN in"):
        DqnPolicy.load(tmp_path)
    (tmp_path / CARD).write_bytes((trained / CARD).read_bytes())
    (tmp_path / WEIGHTS).write_bytes(b"x" + (trained / WEIGHTS).read_bytes()[1:])
    with pytest.raises(PolicyFileError, match=r"is not what dqn\.json describes"):
        DqnPolicy.load(tmp_path)
    (tmp_path / CARD).write_text("{}")
    with pytest.raises(PolicyFileError, match="no DQN of this version"):
        DqnPolicy.load(tmp_path)


def test_a_card_that_its_weights_do_not_fit_is_given_no_memory(
    trained: Path, tmp_path: Path
) -> None:
    card = json.loads((trained / CARD).read_text())
    card |= {"max_commands": 65_536, "text_dim": 1024, "hidden": [4096]}  # about a terabyte
    (tmp_path / CARD).write_text(json.dumps(card))
    (tmp_path / WEIGHTS).write_bytes((trained / WEIGHTS).read_bytes())
    with pytest.raises(PolicyFileError, match=r"0\.weight is"):
        DqnPolicy.load(tmp_path)


def test_a_slot_for_each_expert_and_no_more(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="2 places for 1 experts"):
        train_dqn(Bandits(1, LAYOUT), 1, 0, tmp_path, layout=LAYOUT, experts=["a"])


def test_failed_steps_are_not_remembered() -> None:
    venv = TextStates(Bandits(2, Layout(1, 1, 0, 0)), Layout(1, 1, 0, 0))
    seen = venv.reset()
    buffer = OutageAwareReplay(8, venv.observation_space, venv.action_space, "cpu", n_envs=2)
    actions, rewards, dones = np.array([0, 1]), np.array([1.0, 2.0]), np.array([False, True])
    failed, fine = {"infrastructure_failure": True}, {"infrastructure_failure": False}
    buffer.add(seen, seen, actions, rewards, dones, [failed, failed])
    assert buffer.pos == 0
    buffer.add(seen, seen, actions, rewards, dones, [failed, fine])
    assert buffer.rewards[0].tolist() == [2.0, 2.0]
    assert buffer.actions[0].ravel().tolist() == [1, 1]
