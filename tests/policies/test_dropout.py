"""What is left out in training looks as it does in a world that lacks it."""

from __future__ import annotations

import numpy as np
import pytest

from envs.layout import COMMAND_FEATURES, Layout
from envs.observation import ObservationEncoder
from envs.rules import Rules
from envs.state import initial_state
from policies.training.dropout import FeatureDropout, without_image, without_rates, without_text
from poser.core.expert import ExpertSpec
from tests.policies.test_router import PLAN
from tests.policies.tiny_worlds import Bandits, random_parts

LAYOUT = Layout(4, 3, 8, 12)
EVERYWHERE = np.array([True])


def spec(name: str, **able: float) -> ExpertSpec:
    return ExpertSpec.model_validate(
        {"id": name, "adapter": "x", "task": "text_to_image", "capabilities": able}
    )


def observed(registry: dict[str, ExpertSpec]) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    parts = ObservationEncoder(registry, layout=LAYOUT).observe(initial_state(PLAN, Rules()))
    return {name: part[None] for name, part in parts.items()}


def test_experts_without_rates_look_like_experts_of_which_nothing_is_said() -> None:
    ops = ("create", "add", "remove", "replace", "count", "recolour", "attribute", "relation")
    all_ops = dict.fromkeys((*ops, "background", "style", "text", "other"), 0.8)
    parts = observed({"a": spec("a", **all_ops), "b": spec("b", **all_ops)})
    without_rates(parts, EVERYWHERE)
    unsaid = observed({"a": spec("a"), "b": spec("b")})
    for name in parts:
        np.testing.assert_allclose(parts[name], unsaid[name], atol=1e-6, err_msg=name)


def test_pictures_and_texts_are_gone_where_asked_alone() -> None:
    parts = {k: v.numpy() for k, v in random_parts(LAYOUT, 4, 3, batch=2).items()}
    text = COMMAND_FEATURES.index("text_known")
    kept = {k: v.copy() for k, v in parts.items()}
    places = np.array([True, False])
    without_image(parts, places)
    without_text(parts, places)
    assert not parts["image"][0].any()
    assert not parts["commands"][0, :, text:].any()
    np.testing.assert_array_equal(parts["image"][1], kept["image"][1])
    np.testing.assert_array_equal(parts["commands"][1], kept["commands"][1])
    np.testing.assert_array_equal(parts["commands"][0, :, :text], kept["commands"][0, :, :text])


@pytest.mark.parametrize("share", [0.0, 1.0, 0.5])
def test_a_share_of_episodes_and_each_episode_as_a_whole(share: float) -> None:
    layout = Layout(2, 2, 0, 0)
    venv = FeatureDropout(Bandits(200, layout, length=3), image=0.0, text=0.0, rates=share)
    venv.seed(4)
    first = venv.reset()
    out = [venv._out[:, 2].copy()]
    stop = np.full(200, layout.stop)
    call = np.zeros(200, np.int64)
    venv.step(call)
    assert (venv._out[:, 2] == out[0]).all()
    _, _, dones, infos = venv.step(stop)
    assert dones.all()
    assert "terminal_observation" in infos[0]
    assert abs(out[0].mean() - share) < 0.12
    if share == 0.5:
        assert (venv._out[:, 2] != out[0]).any()
    venv.seed(4)
    again = venv.reset()
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])  # type: ignore[index,call-overload]
