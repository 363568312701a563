"""What is logged of training: returns, their terms, costs, and who is called."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from envs.layout import PAIR_FEATURES, Layout
from policies.training.outages import OutageAwareBuffer

_LEGAL, _RATE = PAIR_FEATURES.index("legal"), PAIR_FEATURES.index("rate")
MOST_NAMED = 64
"""Experts beyond which their shares are not logged by name."""


class Recorder(BaseCallback):
    """Tells the buffer of failures, and logs each rollout's figures.

    Args:
        layout: Of the observations.
        experts: Ids by column, where the registry is the same in all episodes; else empty.
        advanced: Called after each rollout with the steps so far.
    """

    def __init__(
        self,
        layout: Layout,
        experts: Sequence[str] = (),
        advanced: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__()
        self._advanced = advanced
        self.layout = layout
        self.experts = tuple(experts) if len(experts) <= MOST_NAMED else ()
        self.latest: dict[str, float] = {}
        self._sums: defaultdict[int, defaultdict[str, float]] = defaultdict(_zeros)
        self._clear()

    def _clear(self) -> None:
        self._ended: defaultdict[str, list[float]] = defaultdict(list)
        self._chosen: Counter[str] = Counter()
        self._calls: Counter[int] = Counter()
        self._failed = 0

    def restart(self) -> None:
        """All episodes begin anew."""
        self._sums.clear()

    def _on_rollout_start(self) -> None:
        self._clear()

    def _on_step(self) -> bool:
        infos: list[dict[str, Any]] = self.locals["infos"]
        failed = np.array([bool(i.get("infrastructure_failure")) for i in infos])
        buffer = self.locals["rollout_buffer"]
        if isinstance(buffer, OutageAwareBuffer):
            buffer.note(failed)
        self._failed += int(failed.sum())
        self._count(np.asarray(self.locals["actions"]), self.model._last_obs)
        for n, (info, over) in enumerate(zip(infos, self.locals["dones"], strict=True)):
            sums = self._sums[n]
            sums["length"] += 1
            for name, term in (info.get("reward_terms") or {}).items():
                sums[name] += term
            if over:
                self._end(sums, info)
                del self._sums[n]
        return True

    def _end(self, sums: defaultdict[str, float], info: Mapping[str, Any]) -> None:
        length = sums.pop("length")
        self._ended["rollout/length"].append(float(length))
        self._ended["rollout/return"].append(float(sum(sums.values())))
        for name, value in sums.items():
            self._ended[f"reward/{name}"].append(float(value))
        record = info.get("episode_record")
        phi = info.get("phi", record.phi if record is not None else None)
        spent = info.get("spent", record.cost if record is not None else None)
        for name, figure in (("phi", phi), ("cost_usd", spent), ("truth", info.get("truth"))):
            if figure is not None:
                self._ended[f"rollout/{name}"].append(float(figure))

    def _count(self, actions: np.ndarray, before: Any) -> None:
        room = self.layout.max_experts
        for n, action in enumerate(actions.reshape(-1).tolist()):
            if action == self.layout.stop:
                self._chosen["stop"] += 1
            elif action == self.layout.revert:
                self._chosen["revert"] += 1
            else:
                row, column = divmod(action, room)
                self._chosen["all" if row == self.layout.max_commands else "command"] += 1
                self._calls[column] += 1
                pairs = before["pairs"][n, row * room : (row + 1) * room]
                best = float((pairs[:, _RATE] * (pairs[:, _LEGAL] > 0.5)).max())
                self._chosen["best_rated"] += bool(pairs[column, _RATE] >= best)

    def _on_rollout_end(self) -> None:
        figures = {name: float(np.mean(values)) for name, values in self._ended.items()}
        steps = sum(self._chosen[k] for k in ("stop", "revert", "all", "command"))
        calls = max(1, self._calls.total())
        for kind in ("stop", "revert", "all", "command"):
            figures[f"share/{kind}"] = self._chosen[kind] / max(1, steps)
        figures["share/best_rated"] = self._chosen["best_rated"] / calls
        for column, name in enumerate(self.experts):
            figures[f"expert/{name}"] = self._calls[column] / calls
        figures["rollout/failures"] = self._failed / max(1, steps)
        for name, value in figures.items():
            self.logger.record(name, value)
        self.latest = figures
        if self._advanced is not None:
            self._advanced(self.model.num_timesteps)


def _zeros() -> defaultdict[str, float]:
    return defaultdict(float)
