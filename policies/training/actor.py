"""The scorer as an actor and critic of Stable-Baselines3, and its PPO."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from sb3_contrib.common.maskable.distributions import (
    MaskableCategoricalDistribution,
    MaskableDistribution,
)
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.ppo_mask import MaskablePPO
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor

from policies.scorer import Scorer, Scores
from policies.shape import ScorerShape
from policies.training.outages import OutageAwareBuffer

Masks = NDArray[np.bool_] | Tensor | None


class ScoringPolicy(MaskableActorCriticPolicy):
    """A :class:`policies.scorer.Scorer` where Stable-Baselines3 expects a policy.

    Args:
        observation_space: That of :class:`envs.layout.Layout`.
        action_space: That of the same layout.
        lr_schedule: Learning rate by what remains of training.
        shape: What the scorer is built of.
        **others: Those of the base class.
    """

    scorer: Scorer

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        shape: ScorerShape,
        **others: Any,
    ) -> None:
        self._shape = shape
        super().__init__(observation_space, action_space, lr_schedule, **others)

    def _build(self, lr_schedule: Schedule) -> None:
        self.scorer = Scorer(self._shape)
        rate = lr_schedule(1.0)
        self.optimizer = self.optimizer_class(
            self.parameters(),
            lr=rate,  # type: ignore[call-arg]
            **self.optimizer_kwargs,
        )

    def forward(
        self,
        obs: PyTorchObs,
        deterministic: bool = False,
        action_masks: Masks = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Actions (batch,), values (batch, 1) and log probabilities (batch,)."""
        scores = self._scores(obs)
        distribution = _distribution(scores, action_masks)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, scores.values[:, None], distribution.log_prob(actions)

    def evaluate_actions(
        self,
        obs: PyTorchObs,
        actions: Tensor,
        action_masks: Masks = None,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Values (batch, 1), log probabilities (batch,) and entropies (batch,) of actions."""
        scores = self._scores(obs)
        distribution = _distribution(scores, action_masks)
        return scores.values[:, None], distribution.log_prob(actions), distribution.entropy()

    def get_distribution(
        self,
        obs: PyTorchObs,
        action_masks: Masks = None,
    ) -> MaskableDistribution:
        """The distribution over actions."""
        return _distribution(self._scores(obs), action_masks)

    def predict_values(self, obs: PyTorchObs) -> Tensor:
        """Values, (batch, 1)."""
        return self._scores(obs).values[:, None]

    def _scores(self, obs: PyTorchObs) -> Scores:
        assert isinstance(obs, dict), "an observation has several parts"
        scores: Scores = self.scorer(obs)
        return scores


class ComposePPO(MaskablePPO):
    """MaskablePPO that skips an update for which outages left hardly anything."""

    policy: ScoringPolicy
    rollout_buffer: OutageAwareBuffer  # type: ignore[assignment]

    def train(self) -> None:
        """See :class:`sb3_contrib.MaskablePPO`."""
        if self.rollout_buffer.usable < 2:
            return
        super().train()
        loss = self.logger.name_to_value.get("train/entropy_loss")
        if loss is not None:
            self.logger.record("train/entropy", -float(loss))


def _distribution(scores: Scores, masks: Masks) -> MaskableCategoricalDistribution:
    distribution = MaskableCategoricalDistribution(scores.logits.shape[1])
    distribution.proba_distribution(action_logits=scores.logits)
    if masks is not None:
        distribution.apply_masking(masks)
    return distribution
