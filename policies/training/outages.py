"""A rollout buffer that leaves failures of infrastructure out of the update.

That an expert or the critic could not be reached says nothing of the choice. Fatal-aware training
of agents that use tools (OpenSearch-VL) masks what comes after a fatal failure and clamps from
below what comes before it. Here, besides, the sum of rewards is cut at the failure and continued
by the value of the state before it, so that no earlier choice is blamed for it either.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib.common.maskable.buffers import (
    MaskableDictRolloutBuffer,
    MaskableDictRolloutBufferSamples,
)

Later = Literal["mask", "keep"]


class OutageAwareBuffer(MaskableDictRolloutBuffer):
    """A rollout buffer for MaskablePPO; :meth:`note` tells it of failures before each step added.

    Args:
        *args: Those of the base class.
        later: Whether the steps after a failure, up to the end of the episode, are left out
            (``mask``) or learned from (``keep``).
        clamp: Whether steps before a failure are never discouraged: advantages of at least 0.
        **kwargs: Those of the base class.

    Attributes:
        failed: Steps that failed: bool, (steps, envs).
        kept: Steps that are learned from: bool, (steps, envs).
        spared: Steps before a failure, never discouraged: bool, (steps, envs).
        plain: Advantages before those of such steps are clamped: float32, (steps, envs).
    """

    spared: NDArray[np.bool_]
    plain: NDArray[np.float32]
    failed: NDArray[np.bool_]
    kept: NDArray[np.bool_]
    _after: NDArray[np.bool_] | None = None

    def __init__(self, *args: Any, later: Later = "mask", clamp: bool = True, **kwargs: Any):
        self.later: Later = later
        self.clamp = clamp
        super().__init__(*args, **kwargs)

    @property
    def usable(self) -> int:
        """How many steps are learned from."""
        return int(self.kept.sum())

    def reset(self) -> None:
        """Empties it; which episodes have failed is remembered until they end."""
        self.failed = np.zeros((self.buffer_size, self.n_envs), np.bool_)
        self.kept, self.spared = np.ones_like(self.failed), np.zeros_like(self.failed)
        self.plain = np.zeros(self.failed.shape, np.float32)
        super().reset()

    def forget(self) -> None:
        """Forgets which episodes have failed, as all begin anew."""
        self._after = None

    def note(self, failed: NDArray[np.bool_]) -> None:
        """Notes which of the steps that are added next have failed: bool, (envs,)."""
        self.failed[self.pos] = failed

    def compute_returns_and_advantage(
        self, last_values: torch.Tensor, dones: NDArray[np.bool_]
    ) -> None:
        """Generalised advantages (Schulman et al., ICLR 2016), cut at failures.

        Args:
            last_values: Of the states after the last step: float, (envs,) or (envs, 1).
            dones: Whether the last step ended its episode: bool, (envs,).
        """
        self._mark(np.asarray(dones, np.bool_))
        following = last_values.detach().cpu().numpy().reshape(-1)
        goes_on = 1.0 - np.asarray(dones, np.float64)
        advantage = np.zeros(self.n_envs)
        fails_later = np.zeros(self.n_envs, np.bool_)
        for step in reversed(range(self.buffer_size)):
            failed = self.failed[step]
            delta = self.rewards[step] + self.gamma * following * goes_on - self.values[step]
            advantage = delta + self.gamma * self.gae_lambda * goes_on * advantage
            advantage = np.where(failed, 0.0, advantage)
            self.returns[step] = advantage + self.values[step]
            fails_later &= goes_on > 0
            self.spared[step] = self.clamp & fails_later & ~failed
            self.plain[step] = advantage
            self.advantages[step] = np.where(
                self.spared[step], np.maximum(advantage, 0.0), advantage
            )
            fails_later |= failed
            following, goes_on = self.values[step], 1.0 - self.episode_starts[step]

    def _mark(self, dones: NDArray[np.bool_]) -> None:
        """Decides which steps are kept, and remembers which episodes that go on have failed."""
        after = np.zeros(self.n_envs, np.bool_) if self._after is None else self._after
        for step in range(self.buffer_size):
            after = after & ~(self.episode_starts[step] > 0.5)
            self.kept[step] = ~self.failed[step]
            if self.later == "mask":
                self.kept[step] &= ~after
            after = after | self.failed[step]
        self._after = after & ~dones

    def get(  # type: ignore[override]
        self, batch_size: int | None = None
    ) -> Generator[MaskableDictRolloutBufferSamples, None, None]:
        """The kept steps in random order, in batches of nearly equal size.

        Their advantages are normalised over all of them, and only then clamped: the other way round
        the mean, which clamping raises, would put the clamped ones below 0 again.

        Args:
            batch_size: Most steps of a batch; ``None`` for all at once.
        """
        assert self.full, "rollouts are collected before they are learned from"
        chosen = np.flatnonzero(self.kept.swapaxes(0, 1).reshape(-1))
        order = np.random.permutation(chosen)
        if not self.generator_ready:
            self._normalise()
            for key, part in self.observations.items():
                self.observations[key] = self.swap_and_flatten(part)
            for name in ("actions", "values", "log_probs", "advantages", "returns", "action_masks"):
                setattr(self, name, self.swap_and_flatten(getattr(self, name)))
            self.generator_ready = True
        batches = 1 if batch_size is None else -(-len(order) // batch_size)
        for batch in np.array_split(order, max(1, batches)):
            if len(batch):
                yield self._get_samples(batch)

    def _normalise(self) -> None:
        kept = self.plain[self.kept]
        if len(kept) > 1:
            normal = (self.plain - kept.mean()) / (kept.std() + 1e-8)
            clamped = np.where(self.spared, np.maximum(normal, 0.0), normal)
            self.advantages = clamped.astype(np.float32)
