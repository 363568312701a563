"""The experts of a real registry in simulated worlds.

Plans and rules are drawn as ever; what the experts serve and how well, what they keep and what
they cost are read from their entries and their measured tables. What neither tells is drawn from
the ranges: outages, refusals, how a whole plan crowds them, and which words a closed vocabulary
lacks, as commands of the simulator have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from envs.layout import OPS, TASKS, Layout
from envs.simulation.ranges import Ranges
from poser.core.capability import CapabilityTable
from poser.core.expert import ExpertSpec, Task

T2I, I2I, INPAINTING = (TASKS.index(t) for t in get_args(Task))
"""Indices of the tasks."""


@dataclass(frozen=True)
class KnownExperts:
    """The experts of one registry, in its order.

    An expert that needs a mask is never available here, as no mask is simulated; it keeps its
    place.

    Attributes:
        registry: Specs by id.
        tables: Measured capabilities by expert id; an entry's own claims stand where there are
            none, as in ``envs.observation.fingerprint``.
    """

    registry: Mapping[str, ExpertSpec]
    tables: Mapping[str, CapabilityTable] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.registry)

    def parts(
        self, rng: np.random.Generator, layout: Layout, ranges: Ranges, op: NDArray[np.int64]
    ) -> dict[str, Any]:
        """The arrays of :class:`envs.simulation.worlds.Worlds` that tell of experts.

        Args:
            rng: What is drawn is drawn from it.
            layout: How much room there is; the registry must fit.
            ranges: What it is drawn from.
            op: The ops of the commands, (B, C).
        """
        count, most, wide = len(op), layout.max_experts, len(OPS)
        one = _empty(most, wide)
        for n, (name, spec) in enumerate(self.registry.items()):
            _fill(one, n, spec, self.tables.get(name))
        parts: dict[str, Any] = {
            name: np.repeat(part[None], count, axis=0) for name, part in one.items()
        }
        unmeasured = rng.uniform(*ranges.kept, (count, most))
        parts["kept"] = np.where(parts["kept_trials"] > 0, parts["kept"], unmeasured)
        unknown = rng.random((*op.shape, most)) < ranges.unknown
        unknown &= (op != OPS.index("finish"))[:, :, None]
        flaky = rng.random((count, most)) < 0.3
        return parts | {
            "knows": ~(unknown & parts["closed"][:, None, :]),
            "crowding": rng.uniform(0.0, ranges.crowding, (count, most)),
            "outage": rng.uniform(0.0, ranges.outage, (count, most)) * flaky,
            "refusal": rng.uniform(0.0, ranges.refusal, (count, most)),
        }


def _empty(experts: int, ops: int) -> dict[str, NDArray[Any]]:
    return {
        "experts": np.zeros(experts, np.bool_),
        "task": np.zeros(experts, np.int64),
        "able": np.zeros((experts, ops), np.bool_),
        "rate": np.zeros((experts, ops)),
        "trials": np.zeros((experts, ops), np.int64),
        "successes": np.zeros((experts, ops), np.int64),
        "stated": np.zeros((experts, ops)),
        "declares": np.zeros(experts, np.bool_),
        "kept_trials": np.zeros(experts, np.int64),
        "kept_successes": np.zeros(experts, np.int64),
        "kept": np.zeros(experts),
        "usd": np.zeros(experts),
        "seconds": np.zeros(experts),
        "closed": np.zeros(experts, np.bool_),
        "denied": np.zeros((experts, ops), np.bool_),
    }


def _fill(
    one: Mapping[str, NDArray[Any]], n: int, spec: ExpertSpec, table: CapabilityTable | None
) -> None:
    """Writes an expert into its place."""
    one["experts"][n] = True
    one["task"][n] = TASKS.index(spec.task)
    one["usd"][n], one["seconds"][n] = spec.cost.usd, spec.cost.seconds
    one["closed"][n] = spec.vocabulary is not None
    one["declares"][n] = bool(spec.capabilities)
    measured = table.capabilities if table else {}
    for k, op in enumerate(OPS):
        able = spec.capability(op) > 0.0
        one["able"][n, k] = able
        one["denied"][n, k] = spec.capabilities.get(op) == 0.0
        one["stated"][n, k] = able * spec.capability(op)
        one["rate"][n, k] = able * measured.get(op, spec.capability(op))
        shares = [s for s in table.skills if op in s.ops] if table else []
        # Shown is what a live observation shows: the mean over skills.
        trials = sum(s.n for s in shares)
        one["trials"][n, k] = trials
        one["successes"][n, k] = round(trials * measured.get(op, 0.0))
    if table is not None and table.kept.n:
        one["kept_trials"][n], one["kept_successes"][n] = table.kept.n, table.kept.successes
        one["kept"][n] = table.kept.successes / table.kept.n
