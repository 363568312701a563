"""From a state to an observation: what a learned policy sees, in training and in composing.

An observation follows from the state, the registry and its measured capabilities alone, so that
the policy that was trained can serve wherever there is a state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from envs.encoders import ImageEncoder, TextEncoder
from envs.layout import (
    COMMAND_FEATURES,
    EXPERT_FEATURES,
    OPS,
    STATUSES,
    TASKS,
    Layout,
    LayoutError,
)
from envs.legality import (
    affordable,
    available,
    callable_commands,
    edits_at_once,
    legal_actions,
    off_champion,
    serves,
)
from envs.potential import gated_scores
from envs.state import Frame, State, attempts, statuses
from poser.core.action import ALL
from poser.core.capability import CapabilityTable, Share
from poser.core.expert import ExpertSpec
from poser.core.picture import ImageSource
from poser.core.plan import Command, Op, Plan

Observation = dict[str, NDArray[np.float32]]
"""The parts of an observation by name; see :meth:`envs.layout.Layout.observation_space`."""

MOST_STEPS = 64
"""Steps left from which the feature ``steps_left`` is 1."""

MOST_DRAWS = 8
"""Failed attempts at the whole plan from which the feature ``drawn`` is 1."""


def on_scale(amount: float | NDArray[np.float64], unit: float, most: float) -> NDArray[np.float64]:
    """log(1 + amount / unit) / log(1 + most / unit), at most 1."""
    scaled = np.log1p(np.asarray(amount) / unit) / np.log1p(most / unit)
    on: NDArray[np.float64] = np.minimum(1.0, scaled)
    return on


def money(usd: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """US dollars as a feature in [0, 1]: 0 at nothing, 0.10 at a tenth of a cent, 1 from $1."""
    return on_scale(usd, 0.001, 1.0)


def duration(seconds: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds as a feature in [0, 1]: 0 at nothing, 0.11 at 1 s, 0.64 at 1 min, 1 from 10 min."""
    return on_scale(seconds, 1.0, 600.0)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is known of how well an expert does, by op in the order of :data:`OPS`.

    Attributes:
        rate: Success, in [0, 1]: measured, else as the entry states it.
        evidence: 1 measured, 0.5 stated in the entry, 0 neither.
        error: Half the width of the 95 % interval of the rate, doubled: in [0, 1].
        kept: Share of what was to stay that stayed; 0 where it was not measured.
        kept_known: Whether it was.
    """

    rate: NDArray[np.float64]
    evidence: NDArray[np.float64]
    error: NDArray[np.float64]
    kept: float
    kept_known: bool


def fingerprint(spec: ExpertSpec, table: CapabilityTable | None) -> Fingerprint:
    """What an entry and a measured table say of an expert."""
    measured = table.capabilities if table else {}
    rate = [measured.get(op, spec.capability(op)) for op in OPS]
    stated = 0.5 if spec.capabilities else 0.0
    evidence = [1.0 if op in measured else stated for op in OPS]
    error = [min(1.0, 2 * _share(table, op).error) for op in OPS]
    kept = table.kept.rate if table else None
    return Fingerprint(
        np.array(rate), np.array(evidence), np.array(error), kept or 0.0, kept is not None
    )


def _rates_at(spec: ExpertSpec, known: Fingerprint) -> Callable[[Command], float]:
    """The rate at a command, by what is known; see ``ExpertSpec.capability_at``."""
    rate: dict[Op, float] = dict(zip(OPS, known.rate.tolist(), strict=True))

    def at(command: Command) -> float:
        further = (rate[op] for op in command.ops[1:] if op in spec.capabilities)
        return min([rate[command.op], *further])

    return at


def _share(table: CapabilityTable | None, op: Op) -> Share:
    """All trials of an op together."""
    skills = [s for s in table.skills if op in s.ops] if table else []
    return Share(successes=sum(s.successes for s in skills), n=sum(s.n for s in skills))


@dataclass(slots=True)
class ObservationEncoder:
    """Encodes states of any plan over one registry.

    Attributes:
        registry: Specs by id.
        tables: Measured capabilities by expert id, as far as there are any.
        layout: What there is room for.
        texts: Encodes instructions; ``None`` leaves them out.
        images: Encodes pictures; ``None`` leaves them out.

    Raises:
        LayoutError: The registry or an encoder does not fit the layout.
    """

    registry: Mapping[str, ExpertSpec]
    tables: Mapping[str, CapabilityTable] = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)
    texts: TextEncoder | None = None
    images: ImageEncoder | None = None
    _prints: list[Fingerprint] = field(init=False, repr=False)
    _told: dict[tuple[str, ...], NDArray[np.float32]] = field(
        init=False, default_factory=dict, repr=False
    )
    _seen: dict[str, NDArray[np.float32]] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        sizes = ((self.texts, self.layout.text_dim), (self.images, self.layout.image_dim))
        for encoder, room in sizes:
            if encoder is not None and encoder.dim != room:
                raise LayoutError(
                    f"an encoder gives vectors of {encoder.dim}, the observation has room for "
                    f"{room}",
                    remedy="set text_dim and image_dim of the layout to the encoders' own",
                )
        self._prints = [fingerprint(s, self.tables.get(s.id)) for s in self.registry.values()]

    def observe(self, state: State, pictures: ImageSource | None = None) -> Observation:
        """The observation of a state.

        Args:
            state: Of an episode that goes on or has ended.
            pictures: Where the current picture is read from; ``None`` leaves it out.

        Returns:
            Float32 arrays by name, of the layout's shapes.

        Raises:
            LayoutError: The plan does not fit.
        """
        experts = list(self.registry)
        self.layout.check(state.plan, experts)
        parts = {name: np.zeros(shape, np.float32) for name, shape in self.layout.shapes.items()}
        parts["command_mask"][: len(state.plan.commands)] = 1.0
        parts["expert_mask"][: len(experts)] = 1.0
        self._see(state, pictures, parts["image"])
        self._commands(state, parts["commands"])
        self._experts(state, parts["experts"])
        grid = (self.layout.max_commands + 1, self.layout.max_experts, -1)
        self._pairs(state, experts, parts["pairs"].reshape(grid))
        parts["context"][:] = self._context(state)
        return parts

    def action_masks(self, state: State) -> NDArray[np.bool_]:
        """Which actions are legal: bool, (actions,)."""
        mask = np.zeros(self.layout.actions, np.bool_)
        experts = list(self.registry)
        for action in legal_actions(state, self.registry):
            mask[self.layout.encode(action, state.plan, experts)] = True
        return mask

    def _see(self, state: State, pictures: ImageSource | None, row: NDArray[np.float32]) -> None:
        if self.images is None or pictures is None or state.current is None:
            return
        sha256 = state.current.image.sha256
        if sha256 not in self._seen:
            if len(self._seen) >= 1024:
                self._seen.pop(next(iter(self._seen)))
            self._seen[sha256] = self.images.encode(pictures.get(sha256))
        row[0] = 1.0
        row[1:] = self._seen[sha256]

    def _commands(self, state: State, rows: NDArray[np.float32]) -> None:
        plan = state.plan
        now, best = _Judged.of(state, state.current), _Judged.of(state, state.champion)
        status = statuses(state)
        free = {c.id for c in callable_commands(state, self.registry)}
        embedded = self._embedded(plan)
        for n, command in enumerate(plan.commands):
            rows[n, : len(COMMAND_FEATURES)] = (
                *(float(command.op == op) for op in OPS),
                *(float(status[command.id] == name) for name in STATUSES),
                now.score[command.id],
                best.score[command.id],
                command.id in best.settled,
                now.phi[command.id],
                now.weight[command.id],
                now.judged[command.id],
                min(1.0, attempts(state, command.id) / state.rules.max_attempts),
                command.id in free,
                command.asked,
                embedded is not None,
            )
            if embedded is not None:
                rows[n, len(COMMAND_FEATURES) :] = embedded[n]

    def _embedded(self, plan: Plan) -> NDArray[np.float32] | None:
        if self.texts is None or not plan.commands:
            return None
        told = tuple(c.instruction for c in plan.commands)
        if told not in self._told:
            self._told.clear()  # an episode has one plan
            self._told[told] = self.texts.encode(told)
        return self._told[told]

    def _experts(self, state: State, rows: NDArray[np.float32]) -> None:
        rules = state.rules
        capped = rules.budget is not None
        for row, known, spec in zip(rows, self._prints, self.registry.values(), strict=False):
            row[:] = (
                *known.rate,
                *known.evidence,
                *known.error,
                *(float(spec.task == task) for task in TASKS),
                known.kept,
                known.kept_known,
                money(spec.cost.usd) if capped else 0.0,
                min(1.0, rules.cost_weight * spec.cost.usd),
                duration(spec.cost.seconds),
                available(state, spec),
                affordable(state, spec),
                min(1.0, state.failures.get(spec.id, 0) / rules.max_failures),
                spec.vocabulary is not None,
                spec.needs_picture and edits_at_once(spec, state),
            )
            assert len(row) == len(EXPERT_FEATURES)

    def _pairs(self, state: State, experts: Sequence[str], pairs: NDArray[np.float32]) -> None:
        asked = state.plan.asked
        legal = self.action_masks(state)[: self.layout.revert]
        pairs[:, :, 0] = legal.reshape(pairs.shape[:2])
        for column, (spec, known) in enumerate(
            zip(self.registry.values(), self._prints, strict=True)
        ):
            at = _rates_at(spec, known)
            for row, command in enumerate(state.plan.commands):
                pairs[row, column, 1] = serves(spec, command)
                pairs[row, column, 2] = at(command)
            served = [c for c in asked if serves(spec, c)]
            pairs[-1, column, 1] = len(served) / max(1, len(asked))
            pairs[-1, column, 2] = sum(map(at, served)) / max(1, len(asked))
        names = {c.id: n for n, c in enumerate(state.plan.commands)} | {ALL: len(pairs) - 1}
        for name, by_expert in state.tried.items():
            for expert, count in by_expert.items():
                share = min(1.0, count / state.rules.max_attempts)
                pairs[names[name], experts.index(expert), 3] = share

    def _context(self, state: State) -> tuple[float, ...]:
        rules, left = state.rules, state.remaining_budget
        steps = rules.max_steps - state.step
        weight, fee = rules.cost_weight, rules.judgement_cost
        costs = fee > 0.0 or any(spec.cost.usd > 0.0 for spec in self.registry.values())
        left = left if costs else None  # a cap that nothing can reach
        return (
            min(1.0, steps / MOST_STEPS),
            steps / rules.max_steps,
            left is not None,
            1.0 if left is None else float(money(left)),
            state.phi,
            state.champion_phi,
            weight / (1.0 + weight) if costs else 0.0,
            min(1.0, 10 * rules.step_penalty),
            rules.threshold,
            state.current is not None,
            state.given,
            off_champion(state),
            state.mask is not None,
            float(money(fee)) if weight > 0.0 or left is not None else 0.0,
            min(1.0, state.critic_failures / rules.max_critic_failures),
            min(1.0, attempts(state, ALL) / MOST_DRAWS),
            len(state.plan.commands) / self.layout.max_commands,
            len(self.registry) / self.layout.max_experts,
        )


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was judged of a picture, by command.

    Attributes:
        score: The lowest gated score of its judged criteria; 0 where there is none.
        phi: What it adds to the potential.
        weight: What it could add at most.
        judged: Whether it has judged criteria.
        settled: The commands that are satisfied, or carried out where they cannot be judged.
    """

    score: dict[str, float]
    phi: dict[str, float]
    weight: dict[str, float]
    judged: dict[str, bool]
    settled: frozenset[str]

    @classmethod
    def of(cls, state: State, frame: Frame | None) -> _Judged:
        plan = state.plan
        judged = {k.id for k in plan.judged}
        gated = dict.fromkeys(judged, 0.0)
        if frame is not None:
            gated = gated_scores(plan, frame.critique, state.rules.threshold)
        total = sum(k.weight for k in plan.judged) or 1.0
        mine = {c.id: [k for k in c.criteria if k.id in judged] for c in plan.commands}
        settled: frozenset[str] = frozenset()
        if frame is not None:
            status = statuses(state, frame)
            settled = frozenset(c for c in mine if status[c] in ("satisfied", "unjudged"))
        return cls(
            score={c: min((gated[k.id] for k in ks), default=0.0) for c, ks in mine.items()},
            phi={c: sum(k.weight * gated[k.id] for k in ks) / total for c, ks in mine.items()},
            weight=plan.shares,
            judged={c: bool(ks) for c, ks in mine.items()},
            settled=settled,
        )
