"""Ablations: left out of observations and choices alike, in training and in the export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from envs.layout import COMMAND_FEATURES, CONTEXT_FEATURES, EXPERT_FEATURES, PAIR_FEATURES, Layout
from policies.ablation import SLOTS, AblationError, ablated, masked, without
from policies.export import load_policy
from policies.training.dropout import AblatedVecEnv
from policies.training.run import Training
from poser.core.action import ALL, Action, Call, Revert, Stop
from tests.policies.test_training import SIMULATED, config
from tests.policies.tiny_worlds import Bandits, random_parts

LAYOUT = Layout(3, 4, 5, 6)
LEGAL = PAIR_FEATURES.index("legal")
RATES = [n for n, f in enumerate(EXPERT_FEATURES) if f.startswith(("rate:", "evidence:", "error:"))]


def parts(experts: int = 3) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    drawn = random_parts(LAYOUT, 3, experts, batch=2)
    return {k: v.numpy().astype(np.float32) for k, v in drawn.items()}


def test_nothing_ablated_changes_nothing_and_the_caller_keeps_its_arrays() -> None:
    before = parts()
    kept = {name: part.copy() for name, part in before.items()}
    assert without(before, ()) is before
    without(before, ("image", "text", "rates", "cost", "decomposition"))
    for name, part in kept.items():
        np.testing.assert_array_equal(before[name], part)


def test_experts_show_their_places_instead_of_their_rates() -> None:
    found = without(parts(), ("rates",))
    one_hot = found["experts"][:, :, RATES]
    assert one_hot.sum(axis=2).tolist() == [[1.0, 1.0, 1.0, 0.0]] * 2
    assert one_hot[0].argmax(axis=1)[:3].tolist() == [0, 1, 2]
    price = EXPERT_FEATURES.index("priced")
    np.testing.assert_array_equal(found["experts"][:, :, price], parts()["experts"][:, :, price])


def test_more_experts_than_places_are_an_error() -> None:
    layout = Layout(1, SLOTS + 1, 0, 0)
    many = {k: v.numpy() for k, v in random_parts(layout, 1, SLOTS + 1, batch=1).items()}
    with pytest.raises(AblationError, match="there are 40"):
        without(many, ("rates",))


def test_lambda_picture_and_words_are_gone() -> None:
    found = without(parts(), ("cost", "image", "text"))
    assert not found["experts"][:, :, EXPERT_FEATURES.index("priced")].any()
    assert not found["context"][:, CONTEXT_FEATURES.index("cost_weight")].any()
    fee, capped = CONTEXT_FEATURES.index("judgement_cost"), CONTEXT_FEATURES.index("budget_known")
    before = parts()
    before["context"][:, capped] = [0.0, 1.0]
    shown = without(before, ("cost",))["context"][:, fee]
    assert shown.tolist() == [0.0, before["context"][1, fee]]
    assert shown[1] > 0.0
    assert found["context"].any()
    assert not found["image"].any()
    assert not found["commands"][:, :, len(COMMAND_FEATURES) :].any()


def test_without_decomposition_only_the_whole_plan_may_be_drawn() -> None:
    masks = np.ones((2, LAYOUT.actions), np.bool_)
    kept = np.flatnonzero(masked(masks, LAYOUT, ("decomposition",))[0])
    assert kept.tolist() == list(range(3 * 4, LAYOUT.actions))
    legal: list[Action] = [
        Call(command="c1", expert="a"),
        Call(command=ALL, expert="a"),
        Revert(),
        Stop(),
    ]
    one = {name: part[0] for name, part in parts().items()}
    found, left = ablated(one, legal, ("decomposition",))
    assert left == legal[1:]
    assert not found["pairs"][: 3 * 4, LEGAL].any()
    np.testing.assert_array_equal(found["pairs"][3 * 4 :], one["pairs"][3 * 4 :])
    assert ablated(one, legal, ("image",))[1] == legal


def test_training_keeps_to_it_step_by_step() -> None:
    layout = Layout(2, 2, 0, 0)
    venv = AblatedVecEnv(Bandits(3, layout, length=1), layout, ("decomposition", "rates"))
    venv.seed(0)
    first = venv.reset()
    assert isinstance(first, dict)
    assert not first["pairs"][:, :4, LEGAL].any()
    assert first["experts"][:, :, RATES].sum() == 3 * 2
    assert not np.stack(venv.env_method("action_masks"))[:, :4].any()
    _, _, dones, infos = venv.step(np.full(3, layout.stop))
    assert dones.all()
    assert not infos[0]["terminal_observation"]["pairs"][:4, LEGAL].any()


def test_a_run_without_decomposition_never_calls_a_command_and_says_so_in_its_card(
    tmp_path: Path,
) -> None:
    asked = config(**SIMULATED, ablate=["decomposition", "cost"])
    folder = Training(asked, tmp_path).run()
    assert load_policy(folder)[1].ablate == ("decomposition", "cost")
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    log = [line for line in lines if '"leg": 0' not in line]  # 0: validated, not trained
    assert log
    assert all('"share/command": 0.0' in line for line in log)
    assert all('"reward/cost": 0.0' in line or '"reward/cost": -0.0' in line for line in log)
