"""Many simulated episodes as a VecEnv of Stable-Baselines3, quick enough to pre-train in."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import reduce
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from envs.layout import Layout
from envs.observation import Observation
from envs.rules import Rules
from envs.simulation.known import KnownExperts
from envs.simulation.observing import SimulatedObservations
from envs.simulation.ranges import Ranges
from envs.simulation.sampling import READ, REFUSED, WORKED, Sampled, sample_calls
from envs.simulation.stepping import ENDS, GIVEN_UP, PENDING, Simulation
from envs.simulation.worlds import Ints, draw_worlds
from poser.core.errors import IllegalActionError, PlanError

POOL = 256
"""Worlds drawn at a time, at least."""

TRIES = 5
"""How often twice as many are drawn where too few of them have anything to do."""


class SimulatedVecEnv(VecEnv):
    """N simulated episodes: spaces of :class:`envs.compose_env.ImagePoserEnv`, no pixels.

    An episode that ends is followed by one in a new world. The same seed gives the same worlds and
    the same outcomes. ``info`` holds ``reward_terms`` and ``infrastructure_failure`` and, at the
    end of an episode, ``terminal_observation``, ``episode`` (return ``r``, length ``l``, seconds
    ``t``), ``end``, ``phi`` and ``truth`` (share of what was asked that truly holds on the
    champion) and ``spent`` (US dollars).

    Args:
        count: How many episodes.
        layout: How much the observation has room for.
        ranges: What worlds are drawn from.
        seed: Of everything that is drawn.
        rules: What is not drawn for a world: the feedback, and the weights of optional rewards.
        known: The experts, where they are not drawn.

    Raises:
        LayoutError: The ranges are larger than the layout.
    """

    def __init__(
        self,
        count: int,
        layout: Layout | None = None,
        ranges: Ranges | None = None,
        seed: int = 0,
        rules: Rules | None = None,
        known: KnownExperts | None = None,
    ) -> None:
        self.layout, self.ranges = layout or Layout(), ranges or Ranges()
        self.rules, self.known = rules or Rules(), known
        super().__init__(count, self.layout.observation_space(), self.layout.action_space())
        self._start(seed)

    def _start(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._ready = np.empty(0, np.int64)
        self.simulation = self._simulation(self.num_envs)
        self._observations = SimulatedObservations(self.simulation)
        self._failed = np.zeros(self.num_envs, np.bool_)
        self._returns = np.zeros(self.num_envs)
        self._began = time.perf_counter()
        self._begin(np.arange(self.num_envs))

    def _simulation(self, count: int) -> Simulation:
        worlds = draw_worlds(self._rng, count, self.layout, self.ranges, self.known)
        return Simulation(self.layout, worlds, self.rules)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Draws everything anew from a seed, from the next ``reset`` on."""
        seeds = super().seed(seed)
        self._start(int(seeds[0] or 0))
        return seeds

    def reset(self) -> Observation:
        """New episodes in all places."""
        observations = self._begin(np.arange(self.num_envs))
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: np.ndarray) -> None:
        """See :class:`stable_baselines3.common.vec_env.VecEnv`.

        Raises:
            IllegalActionError: An action is not legal.
        """
        self._actions = np.asarray(actions, np.int64)
        legal = self.simulation.masks()[np.arange(self.num_envs), self._actions]
        if not legal.all():
            place = int(np.flatnonzero(~legal)[0])
            raise IllegalActionError(
                f"action {self._actions[place]} is not legal in episode {place}",
                remedy="choose among action_masks()",
            )

    def step_wait(self) -> VecEnvStepReturn:
        """See :class:`stable_baselines3.common.vec_env.VecEnv`."""
        simulation = self.simulation
        self._failed[:] = False
        rewards = simulation.take(self._actions, self._draw)
        total = reduce(np.add, rewards.values())
        self._returns += total
        ended = simulation.end > 0
        names, terms = tuple(rewards), zip(*(t.tolist() for t in rewards.values()), strict=True)
        infos: list[dict[str, Any]] = [
            {
                "reward_terms": dict(zip(names, values, strict=True)),
                "infrastructure_failure": failed,
                "TimeLimit.truncated": False,
            }
            for values, failed in zip(terms, self._failed.tolist(), strict=True)
        ]
        observations = self._observations.observe()
        places = np.flatnonzero(ended)
        if len(places):
            for place in places:
                last = {name: part[place].copy() for name, part in observations.items()}
                infos[place] |= self._report(int(place)) | {"terminal_observation": last}
            for name, part in self._begin(places).items():
                observations[name][places] = part
        return observations, total.astype(np.float32), ended, infos

    def _draw(self, simulation: Simulation, at: Ints, row: Ints, expert: Ints) -> Sampled:
        sampled = sample_calls(
            simulation.worlds.rows(at, READ),
            simulation.serves[at],
            simulation.current.holds[at] & simulation.current.there[at, None, None],
            np.isin(simulation.status[at], (PENDING, GIVEN_UP)),
            row,
            expert,
            self._rng,
            simulation.again(at, row),
        )
        self._failed[at] = (sampled.kind != WORKED) & (sampled.kind != REFUSED)
        return sampled

    def _report(self, place: int) -> dict[str, Any]:
        """What is told of an episode at its end."""
        simulation, champion = self.simulation, self.simulation.champion
        end = ENDS[simulation.end[place]]
        weights = simulation.weights[place]
        outage = end == "nothing_legal" and bool(simulation.down[place].any())
        return {
            "end": end,
            "TimeLimit.truncated": end == "critic_down" or outage,
            "episode": {
                "r": float(self._returns[place]),
                "l": int(simulation.step[place]),
                "t": time.perf_counter() - self._began,
            },
            "phi": float(champion.phi[place]),
            "truth": float((weights * champion.holds[place]).sum()),
            "spent": float(simulation.spent[place]),
        }

    def _begin(self, places: Ints) -> Observation:
        """Begins episodes in new worlds in these places; returns their observations."""
        if len(self._ready) < len(places):
            self._refill(len(places))
        rows, self._ready = self._ready[: len(places)], self._ready[len(places) :]
        self.simulation.adopt(places, self._pool, rows)
        self._returns[places] = 0.0
        return self._observations.adopt(places, self._pool_observations, rows)

    def _refill(self, needed: int) -> None:
        """Draws worlds ahead, more of them where too many have nothing to do and are left out."""
        for doubled in range(TRIES):
            self._pool = self._simulation(max(POOL, self.num_envs) << doubled)
            self._pool_observations = SimulatedObservations(self._pool)
            self._pool_observations.observe()
            self._ready = np.flatnonzero(self._pool.end == 0)
            if len(self._ready) >= needed:
                return
        raise PlanError(
            "too many of the worlds drawn have nothing to do",
            remedy="widen the ranges of the simulator",
        )

    def action_masks(self) -> np.ndarray:
        """Which actions are legal: bool, (N, actions)."""
        return self.simulation.masks()

    def env_method(
        self,
        method_name: str,
        *method_args: Any,
        indices: VecEnvIndices = None,
        **method_kwargs: Any,
    ) -> list[Any]:
        """``action_masks`` of each episode, which is what MaskablePPO asks for."""
        if method_name != "action_masks":
            raise AttributeError(f"a simulated episode has no method {method_name!r}")
        masks = self.action_masks()
        return [masks[place] for place in self._get_indices(indices)]

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """``action_masks``, ``render_mode`` or ``spec``: there are no environments to ask."""
        if attr_name not in ("action_masks", "render_mode", "spec"):
            raise AttributeError(f"a simulated episode has no attribute {attr_name!r}")
        value = self.action_masks if attr_name == "action_masks" else None
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Nothing can be set."""
        raise AttributeError(f"a simulated episode has no attribute {attr_name!r}")

    def env_is_wrapped(
        self,
        wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]],
        indices: VecEnvIndices = None,
    ) -> list[bool]:
        """Never."""
        return [False for _ in self._get_indices(indices)]

    def close(self) -> None:
        """Nothing is open."""
