"""Observations of many simulated episodes at once; the same as ``envs.observation``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.layout import (
    COMMAND_FEATURES,
    CONTEXT_FEATURES,
    EXPERT_FEATURES,
    OPS,
    PAIR_FEATURES,
    STATUSES,
    TASKS,
)
from envs.observation import MOST_DRAWS, MOST_STEPS, Observation, duration, money
from envs.simulation.stepping import Frames, Simulation
from envs.simulation.worlds import Floats, Ints

Singles = NDArray[np.float32]

_COMMAND = {name: n for n, name in enumerate(COMMAND_FEATURES)}
_EXPERT = {name: n for n, name in enumerate(EXPERT_FEATURES)}
_PAIR = {name: n for n, name in enumerate(PAIR_FEATURES)}
_CONTEXT = {name: n for n, name in enumerate(CONTEXT_FEATURES)}
_Z = 1.959963984540054  # 95 % of a normal distribution lie within so many deviations


class SimulatedObservations:
    """The observations of N episodes, of which only what changes is written anew.

    Args:
        simulation: What is observed.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        count = len(simulation.worlds)
        self._parts: Observation = {
            name: np.zeros((count, *shape), np.float32)
            for name, shape in simulation.layout.shapes.items()
        }
        layout = simulation.layout
        grid = (count, layout.max_commands + 1, layout.max_experts, len(PAIR_FEATURES))
        self._pairs = self._parts["pairs"].reshape(grid)  # a view
        self._begin()

    def _begin(self) -> None:
        """Writes what stays the same for the whole of an episode."""
        simulation = self._simulation
        worlds, parts = simulation.worlds, self._parts
        there, experts = worlds.commands, worlds.experts
        parts["command_mask"][:] = there
        parts["expert_mask"][:] = experts
        rows = np.zeros((len(worlds), *parts["commands"].shape[1:]), np.float32)
        op = _COMMAND["op:create"]
        rows[:, :, op : op + len(OPS)] = (worlds.op[:, :, None] == np.arange(len(OPS))) & there[
            :, :, None
        ]
        rows[:, :, _COMMAND["weight"]] = simulation.weights.sum(axis=2)
        rows[:, :, _COMMAND["judged"]] = simulation.judgeable
        rows[:, :, _COMMAND["asked"]] = simulation.asked
        parts["commands"][:] = rows
        known = worlds.trials > 0
        rate = np.where(known, worlds.successes / np.maximum(1, worlds.trials), worlds.stated)
        about = np.zeros((len(worlds), *parts["experts"].shape[1:]))
        for name, values in (
            ("rate", rate),
            ("evidence", np.where(known, 1.0, 0.5 * worlds.declares[:, :, None])),
            ("error", np.minimum(1.0, 2 * _error(worlds.successes, worlds.trials))),
        ):
            start = _EXPERT[f"{name}:create"]
            about[:, :, start : start + len(OPS)] = values
        task = _EXPERT["task:text_to_image"]
        about[:, :, task : task + len(TASKS)] = worlds.task[:, :, None] == np.arange(len(TASKS))
        kept = worlds.kept_trials > 0
        about[:, :, _EXPERT["kept"]] = worlds.kept_successes / np.maximum(1, worlds.kept_trials)
        about[:, :, _EXPERT["kept_known"]] = kept
        weight = worlds.cost_weight
        costs = (worlds.judgement_cost > 0.0) | (worlds.usd * experts > 0.0).any(axis=1)
        capped = costs & np.isfinite(worlds.budget)
        about[:, :, _EXPERT["usd_if_capped"]] = money(worlds.usd) * capped[:, None]
        about[:, :, _EXPERT["priced"]] = np.minimum(1.0, weight[:, None] * worlds.usd)
        about[:, :, _EXPERT["seconds"]] = duration(worlds.seconds)
        about[:, :, _EXPERT["closed"]] = worlds.closed
        about[:, :, _EXPERT["edits_at_once"]] = simulation.edits_at_once
        parts["experts"][:] = about * experts[:, :, None]
        pairs = np.zeros((len(worlds), *self._pairs.shape[1:]))
        serves, asked = simulation.serves, simulation.asked
        per = worlds.at_commands(rate) * there[:, :, None] * experts[:, None, :]
        number = np.maximum(1, asked.sum(axis=1))[:, None]
        served = serves & asked[:, :, None]
        pairs[:, :-1, :, _PAIR["serves"]] = serves
        pairs[:, :-1, :, _PAIR["rate"]] = per
        pairs[:, -1, :, _PAIR["serves"]] = served.sum(axis=1) / number
        pairs[:, -1, :, _PAIR["rate"]] = (per * served).sum(axis=1) / number
        self._pairs[:] = pairs
        context = np.zeros((len(worlds), len(CONTEXT_FEATURES)))
        context[:, _CONTEXT["cost_weight"]] = weight / (1.0 + weight) * costs
        context[:, _CONTEXT["step_penalty"]] = np.minimum(1.0, 10 * worlds.step_penalty)
        context[:, _CONTEXT["threshold"]] = simulation.rules.threshold
        context[:, _CONTEXT["given"]] = worlds.given
        context[:, _CONTEXT["judgement_cost"]] = money(worlds.judgement_cost) * (
            (weight > 0.0) | capped
        )
        context[:, _CONTEXT["budget_known"]] = capped
        context[:, _CONTEXT["commands"]] = there.sum(axis=1) / there.shape[1]
        context[:, _CONTEXT["experts"]] = experts.sum(axis=1) / experts.shape[1]
        parts["context"][:] = context

    def adopt(self, places: Ints, other: SimulatedObservations, rows: Ints) -> Observation:
        """Sets observations of others in these places, one for one, and returns them.

        Args:
            places: Where to.
            other: Of as large a layout; it has observed its episodes.
            rows: Which of its.
        """
        for name, part in self._parts.items():
            part[places] = other._parts[name][rows]
        return {name: part[places] for name, part in self._parts.items()}

    def observe(self) -> Observation:
        """The observations of all N episodes: float32 arrays of (N, *shape), the caller's own."""
        simulation, parts = self._simulation, self._parts
        self._commands(simulation, parts["commands"])
        experts, down = parts["experts"], simulation.failures / simulation.rules.max_failures
        experts[:, :, _EXPERT["available"]] = simulation.available
        experts[:, :, _EXPERT["affordable"]] = simulation.affordable
        experts[:, :, _EXPERT["failures"]] = np.minimum(1.0, down)
        self._pairs[:, :, :, _PAIR["legal"]] = simulation.legal
        tried = simulation.tried / np.float32(simulation.rules.max_attempts)
        self._pairs[:, :, :, _PAIR["tried"]] = np.minimum(np.float32(1.0), tried)
        self._context(simulation, parts["context"])
        return {name: part.copy() for name, part in parts.items()}

    def _commands(self, simulation: Simulation, rows: Singles) -> None:
        there = simulation.worlds.commands
        status = _COMMAND["status:pending"]
        one_hot = simulation.status[:, :, None] == np.arange(len(STATUSES))
        rows[:, :, status : status + len(STATUSES)] = one_hot & there[:, :, None]
        current, champion = simulation.current, simulation.champion
        rows[:, :, _COMMAND["score"]] = _lowest(simulation, current)
        rows[:, :, _COMMAND["champion_score"]] = _lowest(simulation, champion)
        rows[:, :, _COMMAND["champion_settled"]] = champion.settled
        rows[:, :, _COMMAND["phi"]] = (simulation.weights * current.score).sum(axis=2)
        share = simulation.attempts[:, :-1] / simulation.rules.max_attempts
        rows[:, :, _COMMAND["attempts"]] = np.minimum(1.0, share)
        rows[:, :, _COMMAND["callable"]] = simulation.callable

    def _context(self, simulation: Simulation, rows: Singles) -> None:
        worlds = simulation.worlds
        steps = worlds.max_steps - simulation.step
        left = np.maximum(0.0, worlds.budget - simulation.spent)
        capped = rows[:, _CONTEXT["budget_known"]] > 0.0
        judging = simulation.critic_failures / simulation.rules.max_critic_failures
        for name, values in (
            ("steps_left", np.minimum(1.0, steps / MOST_STEPS)),
            ("steps_left_share", steps / worlds.max_steps),
            ("budget_left", np.where(capped, money(np.where(capped, left, 0.0)), 1.0)),
            ("phi", simulation.current.phi),
            ("champion_phi", simulation.champion.phi),
            ("has_picture", simulation.current.there),
            ("off_champion", _off_champion(simulation)),
            ("critic_failures", np.minimum(1.0, judging)),
            ("drawn", np.minimum(1.0, simulation.attempts[:, -1] / MOST_DRAWS)),
        ):
            rows[:, _CONTEXT[name]] = values


def _off_champion(simulation: Simulation) -> Floats:
    other = simulation.current.number != simulation.champion.number
    return np.asarray(other & simulation.current.there, np.float64)


def _lowest(simulation: Simulation, frames: Frames) -> Floats:
    """The lowest score of each command's judged criteria; 0 without any, (N, C)."""
    judged = simulation.worlds.judged
    second = np.where(judged[:, :, 1], frames.score[:, :, 1], 1.0)
    return np.minimum(frames.score[:, :, 0], second) * simulation.judgeable


def _error(successes: Ints, trials: Ints) -> Floats:
    """Half the width of Wilson's interval; see ``poser.core.capability.Share``."""
    n = np.maximum(1, trials)
    rate, square = successes / n, _Z * _Z / n
    middle = (rate + square / 2) / (1 + square)
    half = _Z * np.sqrt(rate * (1 - rate) / n + square / (4 * n)) / (1 + square)
    width = np.minimum(1.0, middle + half) - np.maximum(0.0, middle - half)
    return np.where(trials > 0, width / 2, 0.5)
