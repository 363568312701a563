"""Random worlds: plans, registries and rules, drawn many at a time as arrays.

B worlds with room for C commands and E experts. A command has up to two criteria: whether the
thing is there, and something more about it ("three of them"). The criteria of a command that
builds on others depend on the first criterion of each of those, as in the plans of
``poser.decompose``.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.layout import OPS, Layout, LayoutError
from envs.simulation.known import I2I, T2I, KnownExperts
from envs.simulation.ranges import Ranges

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

CRITERIA = 2
"""Most criteria of a command."""

COUNTED = 0.7
"""Share of second criteria that are counts."""

FREE = 1 / 3
"""Share of episodes with lambda 0."""

SIDE = 64
"""Longest side of a picture that is not finished, in pixels; a finish makes it four times that."""

_ROOTS = {
    "add": 0.5,
    "create": 0.1,
    "background": 0.12,
    "style": 0.1,
    "text": 0.06,
    "remove": 0.05,
    "other": 0.04,
    "replace": 0.03,
}
_BUILDING = {"recolour": 0.4, "relation": 0.3, "attribute": 0.2, "count": 0.1}
_THINGS = tuple(OPS.index(op) for op in ("add", "create"))  # what others build on
FINISH, TEXT, RELATION, REMOVE = (OPS.index(op) for op in ("finish", "text", "relation", "remove"))
COUNT = OPS.index("count")


@dataclass(slots=True)
class Worlds:
    """B worlds. What is padding is false or 0.

    Attributes:
        commands: Whether there is a command, (B, C).
        op: Its op as an index of :data:`envs.layout.OPS`, (B, C).
        depends: Whether a command depends on another, (B, C, C).
        builds: Whether its criteria depend on the first criterion of another, (B, C, C).
        judged: Whether there is a criterion and the critic can judge it, (B, C, 2).
        weight: Its weight, (B, C, 2).
        many: Whether its second criterion is a count, so that it takes counting too, (B, C).
        experts: Whether there is an expert, (B, E).
        task: Its task as an index of :data:`envs.layout.TASKS`, (B, E).
        able: Whether it serves an op, (B, E, ops).
        rate: Its true success at an op, (B, E, ops).
        ease: By how much an expert's log odds at a command differ from those at its op, (B, C, E).
        swing: Standard deviation of a shift of all log odds of one drawing, (B,).
        trials: How often an op was measured; 0 for not at all, (B, E, ops).
        successes: How often that went well, (B, E, ops).
        stated: What its entry says of its success at an op, (B, E, ops).
        declares: Whether its entry says anything of what it is able to, (B, E).
        kept_trials: How often keeping was measured, (B, E).
        kept_successes: How often that went well, (B, E).
        kept: True share of what holds that outlasts its edit, (B, E).
        crowding: What each further command costs it where it does the whole plan, (B, E).
        usd: Price of a call, (B, E).
        seconds: Length of a call, (B, E).
        outage: Chance of an infrastructure failure, (B, E).
        refusal: Chance of a refusal, (B, E).
        closed: Whether its vocabulary is closed, (B, E).
        denied: Whether an entry says that it is of no use at an op, (B, E, ops); none is drawn.
        knows: Whether it knows a command's words, (B, C, E).
        base: Chance that a criterion holds on a picture not made for it, (B, C, 2).
        start: Whether a criterion truly holds on the picture given, (B, C, 2).
        start_score: The critic's score of it, (B, C, 2).
        given: Whether the episode begins with a picture, (B,).
        sureness: Mean of the critic's log odds for the right answer, (B,).
        noise: Their standard deviation, (B,).
        blind: What the critic's log odds of each criterion are off by throughout, (B, C, 2).
        critic_outage: Chance that a judgement cannot be had, (B,).
        judgement_cost: Price of a judgement, (B,).
        luck: Chance that a criterion comes to hold by an edit of something else, (B,).
        partial: Chance that a failed attempt settles all but a command's last criterion, (B,).
        max_steps: Steps of an episode, (B,).
        budget: Cap on spend; infinite for none, (B,).
        cost_weight: lambda, (B,).
        step_penalty: Reward lost per step, (B,).
        feedback_gain: Share of a retry's failures that text feedback turns into successes, (B,).
    """

    commands: Bools
    op: Ints
    depends: Bools
    builds: Bools
    judged: Bools
    weight: Floats
    many: Bools
    experts: Bools
    task: Ints
    able: Bools
    rate: Floats
    ease: Floats
    swing: Floats
    trials: Ints
    successes: Ints
    stated: Floats
    declares: Bools
    kept_trials: Ints
    kept_successes: Ints
    kept: Floats
    crowding: Floats
    usd: Floats
    seconds: Floats
    outage: Floats
    refusal: Floats
    closed: Bools
    denied: Bools
    knows: Bools
    base: Floats
    start: Bools
    start_score: Floats
    given: Bools
    sureness: Floats
    noise: Floats
    blind: Floats
    critic_outage: Floats
    judgement_cost: Floats
    luck: Floats
    partial: Floats
    max_steps: Ints
    budget: Floats
    cost_weight: Floats
    step_penalty: Floats
    feedback_gain: Floats

    def __len__(self) -> int:
        return len(self.commands)

    @property
    def serves(self) -> Bools:
        """Whether an expert serves a command, (B, C, E)."""
        able = np.take_along_axis(
            self.able.transpose(0, 2, 1), self.op[:, :, None].astype(np.intp), axis=1
        )
        editing = (self.op[:, :, None] != FINISH) | (self.task[:, None, :] == I2I)
        there = self.commands[:, :, None] & self.experts[:, None, :]
        serves: Bools = able & editing & self.knows & there
        return serves

    def at_commands(self, rate: Floats) -> Floats:
        """Rates at commands, (B, C, E), by rates at ops, (B, E, ops)."""
        return at_commands(self.op, self.many, rate, self.said)

    @property
    def said(self) -> Bools:
        """Whether anything is said or measured of an expert at an op, (B, E, ops)."""
        said: Bools = self.able | self.denied | (self.trials > 0)
        return said

    @property
    def asked(self) -> Bools:
        """Whether the prompt asks for a command: all but a finish, (B, C)."""
        asked: Bools = self.commands & (self.op != FINISH)
        return asked

    def rows(self, which: Any, only: Collection[str] = ()) -> Worlds:
        """The worlds of these places.

        Args:
            which: An index of the first axis.
            only: The attributes that will be read, for speed; others stay those of all places.
        """
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        return Worlds(**{n: p[which] if not only or n in only else p for n, p in parts.items()})


def at_commands(op: Ints, many: Bools, rate: Floats, said: Bools) -> Floats:
    """Rates at commands, (B, C, E), by rates at ops.

    At a command that takes counting too the lesser of the two, where anything is known of an
    expert's counting; see ``ExpertSpec.capability_at``.

    Args:
        op: Of the commands, (B, C).
        many: Whether a command takes counting too, (B, C).
        rate: Rates at ops, (B, E, ops).
        said: Whether anything is said or measured of it, (B, E, ops).
    """
    per = np.take_along_axis(rate.transpose(0, 2, 1), op[:, :, None], axis=1)
    counting = many[:, :, None] & said[:, None, :, COUNT]
    least: Floats = np.where(counting, np.minimum(per, rate[:, None, :, COUNT]), per)
    return least


def draw_worlds(
    rng: np.random.Generator,
    count: int,
    layout: Layout,
    ranges: Ranges | None = None,
    known: KnownExperts | None = None,
) -> Worlds:
    """Draws worlds.

    Args:
        rng: All is drawn from it.
        count: How many.
        layout: How much an observation has room for.
        ranges: What they are drawn from.
        known: The experts, where they are not drawn.

    Raises:
        LayoutError: The ranges are larger than the layout.
    """
    ranges = ranges or Ranges()
    experts = ranges.experts[1] if known is None else len(known)
    if ranges.commands[1] + 1 > layout.max_commands or experts > layout.max_experts:
        raise LayoutError(
            f"worlds of up to {ranges.commands[1]} commands (and a finish) and "
            f"{experts} experts do not fit the observation",
            remedy="raise max_commands and max_experts of the layout, or narrow the ranges",
        )
    parts = _draw_plans(rng, count, layout, ranges)
    if known is None:
        parts |= _draw_experts(rng, count, layout, ranges, parts["op"])
    else:
        parts |= known.parts(rng, layout, ranges, parts["op"])
    parts |= _draw_rules(rng, count, ranges, parts)
    parts["ease"] = _draw_ease(rng, ranges, parts)
    parts |= _draw_start(rng, parts)
    counted = rng.random(parts["op"].shape) < COUNTED
    parts["swing"] = _between(rng, *ranges.swing, count)
    parts["many"] = parts["judged"][:, :, 1] & counted
    low, high = ranges.feedback_gain
    # Drawn last, and only where asked for, so that a seed gives the same worlds without it.
    parts["feedback_gain"] = _between(rng, low, high, count) if high else np.zeros(count)
    return Worlds(**parts)


def _between(rng: np.random.Generator, low: float, high: float, *shape: int) -> Floats:
    return rng.uniform(low, high, shape)


def _log_between(rng: np.random.Generator, low: float, high: float, *shape: int) -> Floats:
    low = max(low, 1e-9)
    return np.exp(rng.uniform(np.log(low), np.log(max(low, high)), shape))


def _draw_plans(
    rng: np.random.Generator, count: int, layout: Layout, ranges: Ranges
) -> dict[str, Any]:
    most = layout.max_commands
    number = rng.integers(ranges.commands[0], ranges.commands[1] + 1, count)
    commands = np.arange(most) < number[:, None]
    roots = np.array([OPS.index(op) for op in _ROOTS])
    building = np.array([OPS.index(op) for op in _BUILDING])
    root = rng.choice(roots, (count, most), p=[*_ROOTS.values()])
    on_top = rng.choice(building, (count, most), p=[*_BUILDING.values()])
    root[:, 0] = OPS.index("add")
    builds_on = rng.random((count, most)) < ranges.dependent
    builds_on[:, 0] = False
    op = np.where(builds_on, on_top, root)
    thing = np.isin(op, _THINGS) & commands
    # A relation needs two things: the first of a plan can be no relation to a second one.
    earlier_things: Ints = np.cumsum(thing, axis=1) - thing
    op = np.where((op == RELATION) & (earlier_things < 2), OPS.index("recolour"), op)
    rows, columns = np.arange(count)[:, None], np.arange(most)[None, :]
    before = thing[:, None, :] & (columns[:, None, :] < columns[:, :, None])
    first = np.where(before, rng.random((count, most, most)), -1.0)
    order = np.argsort(-first, axis=2)
    builds = np.zeros((count, most, most), np.bool_)
    builds[rows, columns, order[:, :, 0]] = True
    world, command = np.nonzero(op == RELATION)
    builds[world, command, order[world, command, 1]] = True
    builds &= np.isin(op, building)[:, :, None] & commands[:, :, None]
    op = np.where(commands, op, 0)
    # Text comes after all else in half of the plans that have it.
    text_last = (op == TEXT) & commands & (rng.random((count, 1)) < 0.5)
    depends = builds | (text_last[:, :, None] & (commands & (op != TEXT))[:, None, :])
    judged = np.zeros((count, most, CRITERIA), np.bool_)
    judged[:, :, 0] = commands & ((op != TEXT) | (rng.random((count, 1)) < 0.3))
    judged[:, :, 1] = judged[:, :, 0] & thing & (rng.random((count, most)) < 0.3)
    finish = rng.random(count) < ranges.finish
    commands[finish, number[finish]] = True
    op[finish, number[finish]] = FINISH
    base = np.full((count, most, CRITERIA), 0.05)
    base[op == REMOVE] = 0.9
    return {
        "commands": commands,
        "op": op,
        "depends": depends,
        "builds": builds,
        "judged": judged,
        "weight": judged.astype(np.float64),
        "base": base * judged,
    }


def _draw_experts(
    rng: np.random.Generator, count: int, layout: Layout, ranges: Ranges, op: Ints
) -> dict[str, Any]:
    most, ops = layout.max_experts, len(OPS)
    number = rng.integers(ranges.experts[0], ranges.experts[1] + 1, count)
    experts = np.arange(most) < number[:, None]
    task = np.where(rng.random((count, most)) < ranges.drawers, T2I, I2I)
    task[:, 0] = T2I
    draws = task == T2I
    special = rng.random((count, most)) < ranges.specialists
    some = rng.random((count, most, ops))
    rank = np.argsort(np.argsort(some, axis=2), axis=2)
    few = rank < rng.integers(1, 4, (count, most))[:, :, None]
    able = np.where((special & ~draws)[:, :, None], few, some < 0.85)
    able[:, :, FINISH] = ~draws & (rng.random((count, most)) < 0.15)
    able[:, :, TEXT] &= ~draws & (rng.random((count, most)) < 0.4)
    able[:, :, REMOVE] &= ~draws
    able[:, :, OPS.index("add")] |= ~able.any(axis=2)
    able &= experts[:, :, None]
    level = np.where(special & ~draws, 0.75, 0.5)[:, :, None]
    rate = np.clip(rng.normal(level, 0.2, (count, most, ops)), 0.02, 0.99)
    probed = np.clip(rate + rng.normal(0.0, ranges.shift, rate.shape), 0.0, 1.0)
    measured = experts & (rng.random((count, most)) >= ranges.unmeasured)
    low, high = ranges.trials
    trials = np.rint(_log_between(rng, low, high, count, most)).astype(np.int64)
    each = np.where(able & measured[:, :, None], trials[:, :, None], 0)
    kept = _between(rng, *ranges.kept, count, most)
    kept_trials = np.where(measured & ~draws, 4 * trials, 0)
    free = (rng.random((count, most)) < 1 / 3) | (ranges.usd == 0.0)
    usd = np.where(free, 0.0, _log_between(rng, min(1e-4, ranges.usd), ranges.usd, count, most))
    closed = experts & (rng.random((count, most)) < ranges.closed)
    unknown = rng.random((*op.shape, most)) < ranges.unknown
    unknown &= (op != FINISH)[:, :, None]  # nobody's words
    flaky = rng.random((count, most)) < 0.3
    return {
        "experts": experts,
        "task": task,
        "able": able,
        "rate": rate * able,
        "trials": each,
        "stated": 0.5 * able,
        "declares": experts,
        "successes": rng.binomial(each, probed),
        "kept_trials": kept_trials,
        "kept_successes": rng.binomial(kept_trials, kept),
        "kept": kept,
        "crowding": _between(rng, 0.0, ranges.crowding, count, most),
        "usd": usd * experts,
        "seconds": _log_between(rng, *ranges.seconds, count, most) * experts,
        "outage": _between(rng, 0.0, ranges.outage, count, most) * flaky,
        "refusal": _between(rng, 0.0, ranges.refusal, count, most),
        "closed": closed,
        "denied": np.zeros((count, most, len(OPS)), np.bool_),
        "knows": ~(unknown & closed[:, None, :]),
    }


def _draw_ease(rng: np.random.Generator, ranges: Ranges, parts: dict[str, Any]) -> Floats:
    count, commands = parts["op"].shape
    experts = parts["experts"].shape[1]
    alike = _between(rng, *ranges.hardness, count)[:, None, None]
    apart = _between(rng, *ranges.knack, count)[:, None, None]
    hard = alike * rng.standard_normal((count, commands, 1))
    ease: Floats = hard + apart * rng.standard_normal((count, commands, experts))
    return ease


def draw_cost_weights(rng: np.random.Generator, most: float, count: int) -> Floats:
    """Lambdas from 0 to ``most``, (count,), evenly spread by quality, 1 / (1 + lambda).

    Besides, a share :data:`FREE` of them is 0.
    """
    share = rng.random(count) * most / (1.0 + most)
    weights: Floats = np.where(rng.random(count) < FREE, 0.0, share / (1.0 - share))
    return weights


def _draw_rules(
    rng: np.random.Generator, count: int, ranges: Ranges, parts: dict[str, Any]
) -> dict[str, Any]:
    number = parts["commands"].sum(axis=1)
    each = rng.integers(ranges.max_steps[0], ranges.max_steps[1] + 1, count)
    dear = np.where(parts["experts"], parts["usd"], 0.0).max(axis=1)
    judging = _between(rng, 0.0, ranges.judgement_usd, count) * (rng.random(count) < 0.5)
    # A cap that allows between two and twenty of the dearest calls.
    cap = _between(rng, 2.0, 20.0, count) * (dear + judging) + 1e-6
    return {
        "max_steps": np.maximum(6, each * number),
        "cost_weight": draw_cost_weights(rng, ranges.cost_weights, count),
        "judgement_cost": judging,
        "budget": np.where(rng.random(count) < ranges.budgets, cap, np.inf),
        "step_penalty": np.full(count, ranges.step_penalty),
        "given": rng.random(count) < ranges.given,
        "sureness": _between(rng, *ranges.sureness, count),
        "noise": _between(rng, *ranges.noise, count),
        "blind": _between(rng, *ranges.blind, count)[:, None, None]
        * rng.standard_normal(parts["judged"].shape),
        "critic_outage": _between(rng, 0.0, ranges.critic_outage, count),
        "luck": np.full(count, ranges.luck),
        "partial": np.full(count, ranges.partial),
    }


def _draw_start(rng: np.random.Generator, parts: dict[str, Any]) -> dict[str, Any]:
    """What holds on a picture that is given, and what the critic says of it."""
    shape = parts["judged"].shape
    start = (rng.random(shape) < 0.4) & parts["judged"] & parts["given"][:, None, None]
    odds = np.where(start, 1.0, -1.0) * parts["sureness"][:, None, None]
    odds = odds + parts["blind"] + parts["noise"][:, None, None] * rng.standard_normal(shape)
    shown = parts["judged"] & parts["given"][:, None, None]
    return {"start": start, "start_score": shown / (1.0 + np.exp(-odds))}
