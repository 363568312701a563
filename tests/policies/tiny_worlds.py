"""Small worlds for tests: observations of a layout, and bandits that PPO learns in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.vec_env import VecEnv

from envs.layout import CONTEXT_FEATURES, PAIR_FEATURES, Layout
from policies.training.config import Stage
from policies.training.worlds import World

LEGAL, RATE = PAIR_FEATURES.index("legal"), PAIR_FEATURES.index("rate")


def random_parts(
    layout: Layout, commands: int, experts: int, batch: int = 3, legal: float = 0.4, seed: int = 0
) -> dict[str, torch.Tensor]:
    """Random observations of so many commands and experts, padded as a layout says."""
    rng = np.random.default_rng(seed)
    parts = {name: rng.random((batch, *shape)) for name, shape in layout.shapes.items()}
    parts["command_mask"][:] = np.arange(layout.max_commands) < commands
    parts["expert_mask"][:] = np.arange(layout.max_experts) < experts
    parts["commands"] *= parts["command_mask"][..., None]
    parts["experts"] *= parts["expert_mask"][..., None]
    grid = pairs_of(layout, parts["pairs"])
    rows = np.append(np.arange(layout.max_commands) < commands, True)
    columns = np.arange(layout.max_experts) < experts
    grid[..., LEGAL] = rng.random(grid.shape[:-1]) < legal
    grid *= (rows[:, None] & columns)[..., None]
    for name in ("commands", "experts"):
        parts["context"][:, CONTEXT_FEATURES.index(name)] = 0.0
    return {name: torch.from_numpy(part) for name, part in parts.items()}


def pairs_of(layout: Layout, pairs: Any) -> Any:
    """The features of pairs as (batch, C + 1, E, features): a view."""
    return pairs.reshape(len(pairs), layout.max_commands + 1, layout.max_experts, -1)


class Bandits(VecEnv):
    """Episodes of a few steps; a call pays by chance, as often as the rate of its pair says.

    Args:
        count: Episodes together.
        layout: Of the observations; all of its commands and experts are there.
        rates: Of the experts, in random order in each episode; ``None`` draws one for each pair.
        length: Steps of an episode.
        outage: Chance that a call of the best expert fails for reasons of infrastructure.
    """

    def __init__(
        self,
        count: int,
        layout: Layout,
        rates: Sequence[float] | None = None,
        length: int = 1,
        outage: float = 0.0,
    ) -> None:
        super().__init__(count, layout.observation_space(), layout.action_space())
        self.layout, self.rates, self.length, self.outage = layout, rates, length, outage
        self.rng = np.random.default_rng(0)
        self.rate = np.zeros((count, layout.max_commands + 1, layout.max_experts))
        self.left = np.zeros(count, np.int64)
        self.calls = np.zeros(0)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        self.rng = np.random.default_rng(seed)
        return [seed] * self.num_envs

    def reset(self) -> Any:
        self._begin(np.arange(self.num_envs))
        return self._observe()

    def _begin(self, places: Any) -> None:
        for n in places:
            if self.rates is None:
                self.rate[n] = self.rng.random(self.rate.shape[1:])
            else:
                self.rate[n] = self.rng.permutation(self.rates)
            self.left[n] = self.length

    def _observe(self) -> Any:
        shapes = self.layout.shapes
        parts = {k: np.zeros((self.num_envs, *s), np.float32) for k, s in shapes.items()}
        parts["command_mask"][:] = 1.0
        parts["expert_mask"][:] = 1.0
        pairs = pairs_of(self.layout, parts["pairs"])
        pairs[..., LEGAL] = 1.0
        pairs[..., RATE] = self.rate
        return parts

    def step_async(self, actions: Any) -> None:
        assert self.masks()[np.arange(self.num_envs), actions].all(), "masks are respected"
        self.actions = np.asarray(actions)

    def step_wait(self) -> Any:
        rewards = np.zeros(self.num_envs, np.float32)
        dones = np.zeros(self.num_envs, np.bool_)
        infos: list[dict[str, Any]] = []
        for n, action in enumerate(self.actions.tolist()):
            failed, terms = False, {"phi": 0.0}
            self.left[n] -= 1
            dones[n] = action == self.layout.stop or self.left[n] == 0
            if action < self.layout.revert:
                rate = self.rate[n, *divmod(action, self.layout.max_experts)]
                failed = bool(rate == self.rate[n].max() and self.rng.random() < self.outage)
                terms["phi"] = float(not failed and self.rng.random() < rate)
            rewards[n] = terms["phi"]
            infos.append({"reward_terms": terms, "infrastructure_failure": failed})
        last = self._observe()
        for n in np.flatnonzero(dones):
            infos[n]["terminal_observation"] = {k: v[n] for k, v in last.items()}
        self._begin(np.flatnonzero(dones))
        return self._observe(), rewards, dones, infos

    def masks(self) -> Any:
        mask = np.ones((self.num_envs, self.layout.actions), np.bool_)
        mask[:, self.layout.revert] = False
        return mask

    def env_method(self, name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        assert name == "action_masks"
        return list(self.masks())

    def has_attr(self, name: str) -> bool:
        return name == "action_masks"

    def get_attr(self, name: str, indices: Any = None) -> list[Any]:
        return [None] * self.num_envs

    def set_attr(self, name: str, value: Any, indices: Any = None) -> None:
        raise AttributeError(name)

    def env_is_wrapped(self, wrapper: Any, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs

    def close(self) -> None:
        pass


def bandits(rates: Sequence[float] | None = None, length: int = 1, outage: float = 0.0) -> Any:
    """A :class:`policies.training.worlds.MakeWorld` of bandits."""

    def make(stage: Stage, layout: Layout, count: int, *, held_out: bool) -> World:
        return World(Bandits(count, layout, rates, length, 0.0 if held_out else outage))

    return make
