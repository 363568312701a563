"""Worlds in which an expert fails, for ``benchmarks/outages.py``: simulated, and live pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from critic.vqa import VqaCritic
from envs.layout import Layout
from envs.simulation import KnownExperts
from envs.simulation.vector import SimulatedVecEnv
from experts.base import Expert, Generated
from experts.registry import Registry
from policies.training.config import Stage
from policies.training.worlds import MakeWorld, World
from poser.compose.worlds import worlds_with
from poser.core.errors import ExpertError
from poser.core.expert import ExpertRequest, ExpertSpec
from poser.core.picture import ImageSource

SURE = {"outage": 0.0, "refusal": 0.0, "critic_outage": 0.0}
"""Nothing else fails."""


@dataclass(frozen=True)
class Flaky(KnownExperts):
    """The experts of a registry, of which one fails.

    Attributes:
        column: Which.
        share: Of its calls, in [0, 1].
    """

    column: int = 0
    share: float = 0.0

    def parts(self, *drawn: Any) -> dict[str, Any]:
        """See :class:`KnownExperts`."""
        parts = KnownExperts.parts(self, *drawn)
        parts["outage"][:, self.column] = self.share
        return parts


class Counted(VecEnvWrapper):
    """Counts the calls of each expert."""

    def __init__(self, venv: VecEnv, layout: Layout) -> None:
        super().__init__(venv)
        self.layout, self.calls = layout, Counter[int]()

    def reset(self) -> Any:
        """See the base class."""
        return self.venv.reset()

    def step_async(self, actions: np.ndarray) -> None:
        """See the base class."""
        called = actions[actions < self.layout.revert] % self.layout.max_experts
        self.calls.update(called.tolist())
        self.venv.step_async(actions)

    def step_wait(self) -> Any:
        """See the base class."""
        return self.venv.step_wait()


class Untold(VecEnvWrapper):
    """Does not tell which steps failed for reasons of infrastructure."""

    def reset(self) -> Any:
        """See the base class."""
        return self.venv.reset()

    def step_wait(self) -> Any:
        """See the base class."""
        observation, rewards, dones, infos = self.venv.step_wait()
        told = [{**info, "infrastructure_failure": False} for info in infos]
        return observation, rewards, dones, told


def worlds(registry: Registry, column: int, share: float, *, told: bool) -> MakeWorld:
    """Worlds in which one expert fails in training, and none in validation."""

    def make(stage: Stage, layout: Layout, count: int, *, held_out: bool) -> World:
        known = Flaky(registry, registry.tables, column, 0.0 if held_out else share)
        venv = SimulatedVecEnv(count, layout, stage.ranges, rules=stage.rules, known=known)
        return World(venv if told else Untold(venv), tuple(registry))

    return make


@dataclass(slots=True)
class FlakyExpert:
    """An expert of which a share of the calls fails, by chance that can be repeated.

    Attributes:
        expert: What serves the others.
        share: Of the calls, in [0, 1].
        seed: Of the chance.
    """

    expert: Expert
    share: float
    seed: int
    chance: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.chance = np.random.default_rng(self.seed)

    @property
    def spec(self) -> ExpertSpec:
        """See :class:`experts.base.Expert`."""
        return self.expert.spec

    def generate(self, requests: Sequence[ExpertRequest], images: ImageSource) -> list[Generated]:
        """See :class:`experts.base.Expert`; a batch fails so that each is asked for alone."""
        if len(requests) > 1 or self.chance.random() < self.share:
            raise ExpertError("overloaded", kind="unavailable", retryable=True)
        return self.expert.generate(requests, images)

    def close(self) -> None:
        """See :class:`experts.base.Expert`."""
        self.expert.close()


def live_worlds(
    registry: Registry, judge: VqaCritic, expert: str, share: float, seed: int, *, told: bool
) -> MakeWorld:
    """Live worlds in which one expert fails in training, and none in validation."""
    steady = worlds_with(registry, judge)

    def find(expert_id: str) -> Expert:
        found = registry.expert(expert_id)
        return flaky if expert_id == expert else found

    flaky = FlakyExpert(registry.expert(expert), share, seed)
    failing = worlds_with(registry, judge, find)

    def make(stage: Stage, layout: Layout, count: int, *, held_out: bool) -> World:
        world = (steady if held_out else failing)(stage, layout, count, held_out=held_out)
        return world if told or held_out else replace(world, venv=Untold(world.venv))

    return make
