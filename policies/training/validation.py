"""Playing held-out episodes, one in each place of a VecEnv."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from policies.scorer import IMPOSSIBLE, Scorer
from policies.training.config import TrainingError

Choose = Callable[[Mapping[str, Any], NDArray[np.bool_]], NDArray[np.int64]]
"""Chooses actions (episodes,) by observations and masks (episodes, actions)."""

MOST_STEPS = 100_000
"""Steps after which an episode that does not end is an error of ours."""


def greedy(scorer: Scorer, device: torch.device | str = "cpu") -> Choose:
    """The legal actions of the highest score."""

    def choose(parts: Mapping[str, Any], masks: NDArray[np.bool_]) -> NDArray[np.int64]:
        tensors = {k: torch.as_tensor(v, device=device).float() for k, v in parts.items()}
        legal = torch.as_tensor(masks, device=device)
        with torch.no_grad():
            logits = scorer(tensors).logits.masked_fill(~legal, 2 * IMPOSSIBLE)
        chosen: NDArray[np.int64] = logits.argmax(1).cpu().numpy()
        return chosen

    return choose


def uniform(seed: int) -> Choose:
    """Legal actions at random."""
    rng = np.random.default_rng(seed)

    def choose(_parts: Mapping[str, Any], masks: NDArray[np.bool_]) -> NDArray[np.int64]:
        chosen: NDArray[np.int64] = np.where(masks, rng.random(masks.shape), -1.0).argmax(1)
        return chosen

    return choose


def play(choose: Choose, venv: VecEnv, seed: int) -> dict[str, float]:
    """Plays one episode in each place.

    Args:
        choose: Chooses.
        venv: What is played; its last action is Stop.
        seed: Of all that is drawn in it.

    Episodes that an outage cut off say nothing of the policy, and count in no mean.

    Returns:
        Means over episodes: ``return``, ``return_error`` (its standard error), ``length``, and
        where the world tells them ``phi``, ``truth`` and ``cost_usd``.
    """
    count = venv.num_envs
    venv.seed(seed)
    observation: Any = venv.reset()
    goes_on, whole = np.ones(count, np.bool_), np.ones(count, np.bool_)
    returns, lengths = np.zeros(count), np.zeros(count)
    told: dict[str, list[float]] = {}
    for _ in range(MOST_STEPS):
        masks = np.stack(venv.env_method("action_masks"))
        actions = np.where(goes_on, choose(observation, masks), masks.shape[1] - 1)
        observation, rewards, dones, infos = venv.step(actions)
        returns += np.where(goes_on, rewards, 0.0)
        lengths += goes_on
        for n in np.flatnonzero(dones & goes_on):
            whole[n] = not infos[n].get("TimeLimit.truncated", False)
            if not whole[n]:
                continue
            record = infos[n].get("episode_record")
            phi = infos[n].get("phi", record.phi if record is not None else None)
            spent = infos[n].get("spent", record.cost if record is not None else None)
            told_now = {"phi": phi, "cost_usd": spent, "truth": infos[n].get("truth")}
            for name, figure in told_now.items():
                if figure is not None:
                    told.setdefault(name, []).append(float(figure))
        goes_on &= ~dones
        if not goes_on.any():
            break
    else:
        raise AssertionError("an episode does not end")
    if not whole.any():
        raise TrainingError(
            "outages cut off all held-out episodes: nothing is known of the policy",
            remedy="see to the experts and the critic, then go on with --resume",
        )
    returns, lengths = returns[whole], lengths[whole]
    return {
        "return": float(returns.mean()),
        "return_error": float(returns.std() / max(1, len(returns) - 1) ** 0.5),
        "length": float(lengths.mean()),
        **{name: float(np.mean(values)) for name, values in told.items()},
    }
