"""Simulated episodes for :class:`envs.compose_env.ImagePoserEnv`, one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from envs.episodes import Episode
from envs.layout import Layout
from envs.outcomes import Outcome
from envs.rules import Rules
from envs.simulation.known import KnownExperts
from envs.simulation.ranges import Ranges
from envs.simulation.sampling import sample_calls
from envs.simulation.values import (
    critique_for,
    picture_of,
    plan_of,
    registry_of,
    result_for,
    rules_of,
    side_after,
    tables_of,
)
from envs.simulation.worlds import SIDE, Bools, Worlds, draw_worlds
from envs.state import State, attempts, statuses
from poser.core.action import ALL, Call
from poser.core.plan import Plan


@dataclass(slots=True)
class SimulatedOutcomes:
    """Outcomes drawn in one world.

    Attributes:
        worlds: That one world.
        plan: Its plan.
        rng: All is drawn from it, call by call.
    """

    worlds: Worlds
    plan: Plan
    rng: np.random.Generator
    _holds: dict[str, Bools] = field(init=False)
    _pictures: int = 0

    def __post_init__(self) -> None:
        self._holds = {picture_of(0).sha256: self.worlds.start[0]}

    def of(self, state: State, call: Call, seed: int) -> Outcome:
        """See :class:`envs.outcomes.Outcomes`."""
        worlds, most = self.worlds, self.worlds.op.shape[1]
        row = most if call.command == ALL else int(call.command[1:]) - 1
        expert = int(call.expert[1:]) - 1
        holds = np.zeros_like(worlds.judged)
        if state.current is not None:
            holds[0] = self._holds[state.current.image.sha256]
        unsettled = np.zeros_like(worlds.commands)
        for n, status in enumerate(statuses(state).values()):
            unsettled[0, n] = status in ("pending", "given_up")
        sampled = sample_calls(
            worlds,
            worlds.serves,
            holds,
            unsettled,
            np.array([row]),
            np.array([expert]),
            self.rng,
            self._again(state, call),
        )
        side = state.current.image.width if state.current else SIDE
        picture = (self._pictures + 1, side_after(worlds, 0, row, expert, side))
        kind = int(sampled.kind[0])
        result, critique = result_for(worlds, 0, self.plan, kind, expert, sampled.score[0], picture)
        self._pictures += 1
        self._holds[picture_of(self._pictures).sha256] = sampled.holds[0]
        return Outcome(result, critique)

    @staticmethod
    def _again(state: State, call: Call) -> Bools | None:
        """See ``envs.simulation.stepping.Simulation.again``."""
        if not state.rules.retells:
            return None
        return np.array([state.current is not None and attempts(state, call.command) > 0])

    def truth(self, sha256: str) -> float:
        """Share in [0, 1] of the judged criteria that truly hold on a picture, by weight."""
        weight = self.worlds.weight[0]
        return float((weight * self._holds[sha256]).sum() / max(weight.sum(), 1e-9))


@dataclass(frozen=True, slots=True)
class SimulatedEpisodes:
    """Random worlds, a new one for each episode: a :class:`envs.episodes.Episodes`.

    Attributes:
        layout: How much the observation has room for.
        ranges: What worlds are drawn from.
        rules: What is not drawn for a world.
        known: The experts, where they are not drawn.
    """

    layout: Layout = field(default_factory=Layout)
    ranges: Ranges = field(default_factory=Ranges)
    rules: Rules = field(default_factory=Rules)
    known: KnownExperts | None = None

    def __call__(self, rng: np.random.Generator, options: Mapping[str, Any]) -> Episode:
        """See :class:`envs.episodes.Episodes`; a world has a plan of its own."""
        worlds = draw_worlds(rng, 1, self.layout, self.ranges, self.known)
        return episode_of(worlds, np.random.default_rng(int(rng.integers(2**31))), self.rules)


def episode_of(worlds: Worlds, rng: np.random.Generator, rules: Rules | None = None) -> Episode:
    """The episode of a world.

    Args:
        worlds: One.
        rng: What comes of calls is drawn from it.
        rules: What is not drawn for a world; ``None`` for the defaults.
    """
    plan = plan_of(worlds, 0)
    given = bool(worlds.given[0])
    return Episode(
        plan=plan,
        registry=registry_of(worlds, 0),
        rules=rules_of(worlds, 0, rules),
        outcomes=SimulatedOutcomes(worlds, plan, rng),
        tables=tables_of(worlds, 0),
        image=picture_of(0) if given else None,
        critique=critique_for(worlds, 0, plan, worlds.start_score[0]) if given else None,
    )
