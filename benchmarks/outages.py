"""Whether a policy goes on calling a good expert after training with outages of it.

    python benchmarks/outages.py [--steps N] [--expert ID] [--share P] [--quick] [--seed N]
        [--json FILE]

Three trainings in simulated worlds of the experts that ship: without failures; with a share of
one expert's calls failing, which the update leaves out as it does with any outage; with the same
failures learned from like bad work. Each policy then plays the same held-out episodes, in which
nothing fails.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
from machine import arguments, describe, write
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from envs.layout import Layout
from envs.simulation import KnownExperts
from envs.simulation.vector import SimulatedVecEnv
from experts.registry import Registry, load_registry
from policies.export import load_policy
from policies.training.config import Stage, TrainConfig, checked
from policies.training.run import Training
from policies.training.validation import greedy, play
from policies.training.worlds import MakeWorld, World

ARMS = ("none", "left out", "learned from")
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


def config_of(steps: int, seed: int) -> TrainConfig:
    """One stage in worlds of the registry, in which nothing else fails."""
    stage = {
        "name": "registry", "world": "simulated", "experts": "registry", "steps": steps,
        "envs": 64, "rate": 5.0e-4, "entropy": 0.01, "ranges": {"step_penalty": 0.003, **SURE},
    }  # fmt: skip
    updates = min(8, -(-steps // 2048))  # of a leg: a short training is one leg
    return checked(
        {"seed": seed, "max_commands": 16, "max_experts": 16, "updates": updates, "stages": [stage],
         "validation": {"episodes": 256}, "ppo": {"rollout": 32, "batch": 512, "epochs": 4}},
        "this benchmark",
    )  # fmt: skip


def measured(
    config: TrainConfig, make: MakeWorld, episodes: int, column: int, folder: Path
) -> dict[str, Any]:
    """Trains, and plays what came of it where nothing fails."""
    began = time.perf_counter()
    Training(config, folder, make).run()
    seconds = time.perf_counter() - began
    scorer, _ = load_policy(folder / "policy")
    world = make(config.stages[0], config.layout, episodes, held_out=True)
    counted = Counted(world.venv, config.layout)
    found: Mapping[str, float] = play(greedy(scorer), counted, 10_007 + config.seed)
    share = counted.calls[column] / max(1, counted.calls.total())
    return {"share": share, "seconds": seconds, **found}


def main() -> None:
    """Trains three times and prints what each policy makes of the expert."""
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, help="of each training; 98304, quick 4096")
    parser.add_argument("--expert", default="pocket/adder", help="which one fails")
    parser.add_argument("--share", type=float, default=0.2, help="of its calls")
    options = parser.parse_args()
    steps = options.steps or (4_096 if options.quick else 98_304)
    episodes = 128 if options.quick else 1024
    print(f"{describe()}\n{steps} steps, seed {options.seed}; {options.share:.0%} of the calls of "
          f"{options.expert} fail\n\n| failures in training | share of calls | return | Phi "
          "| length | minutes |\n|---|---|---|---|---|---|")  # fmt: skip
    found: dict[str, Any] = {}
    with load_registry() as registry, tempfile.TemporaryDirectory() as scratch:
        column = list(registry).index(options.expert)
        for arm in ARMS:
            share = 0.0 if arm == "none" else options.share
            make = worlds(registry, column, share, told=arm != "learned from")
            config, folder = config_of(steps, options.seed), Path(scratch) / arm
            found[arm] = one = measured(config, make, episodes, column, folder)
            print(f"| {arm} | {one['share']:.3f} | {one['return']:.3f} ({one['return_error']:.3f}) "
                  f"| {one['phi']:.3f} | {one['length']:.1f} | {one['seconds'] / 60:.1f} |",
                  flush=True)  # fmt: skip
    write(options.json, {"steps": steps, "expert": options.expert, "arms": found})


if __name__ == "__main__":
    main()
