"""The Markov decision process as a Gymnasium environment, ``image_poser/Compose-v0``."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from envs.encoders import ImageEncoder, TextEncoder
from envs.episodes import NO_REWARD, Episodes, Rollout, with_options
from envs.layout import Layout
from envs.observation import Observation, ObservationEncoder
from envs.outcomes import Outcome
from poser.core.action import Action
from poser.core.errors import IllegalActionError, PlanError

TRIES = 100
"""Episodes drawn until there is one with something to do."""


class ImagePoserEnv(gymnasium.Env[Observation, np.int64]):
    """Composes one picture an episode, over the transition that ``poser compose`` is driven by.

    Observations, actions and rewards are described in docs/environment.md. ``info`` holds:

    * ``reward_terms``: the parts of the reward by name; they sum up to it.
    * ``infrastructure_failure``: whether an expert or the critic failed, so that a trainer can
      leave the step out.
    * ``illegal``: whether the action was not legal and so changed nothing.
    * ``episode_record``: at the end the whole episode, a ``poser.core.record.EpisodeRecord``.

    ``terminated`` is true when the episode has ended by its own rules (satisfied, stopped, out of
    steps or money, which are all observed), ``truncated`` when an outage ended it.

    Args:
        episodes: What is played; ``None`` for the simulator (:mod:`envs.simulation`).
        layout: How much the observation has room for.
        texts: Encodes instructions; ``None`` leaves their embedding out.
        images: Encodes pictures; ``None`` leaves their embedding out.
        strict: Whether an illegal action is an error rather than a step that changes nothing.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 (declared so by Gymnasium)

    def __init__(
        self,
        episodes: Episodes | None = None,
        layout: Layout | None = None,
        texts: TextEncoder | None = None,
        images: ImageEncoder | None = None,
        *,
        strict: bool = False,
    ) -> None:
        self.layout = layout or Layout()
        if episodes is None:
            from envs.simulation import SimulatedEpisodes

            episodes = SimulatedEpisodes(self.layout)
        self.episodes = episodes
        self.texts, self.images, self.strict = texts, images, strict
        self.observation_space: gymnasium.Space[Any] = self.layout.observation_space()
        self.action_space = self.layout.action_space()
        self._rollout: Rollout | None = None

    @property
    def rollout(self) -> Rollout:
        """The episode that is played.

        Raises:
            IllegalActionError: ``reset`` was not called yet.
        """
        if self._rollout is None:
            raise IllegalActionError("no episode has begun", remedy="call reset() first")
        return self._rollout

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins an episode; same seed, same episode.

        Args:
            seed: Seeds all that is drawn from here on.
            options: ``cost_weight`` (lambda, reward lost per US dollar), ``episode_seed`` (that of
                all requests), ``plan`` (a ``Plan``, where the episodes take any).

        Raises:
            PlanError: There is nothing to do in any of 100 episodes drawn.
            LayoutError: The plan or the registry is larger than the observation.
        """
        super().reset(seed=seed)
        asked = options or {}
        for _ in range(TRIES):
            episode = with_options(self.episodes(self.np_random, asked), asked)
            encoder = ObservationEncoder(
                episode.registry, episode.tables, self.layout, self.texts, self.images
            )
            self._rollout = Rollout.start(episode, encoder)
            if self._rollout.state.end is None:
                return self._rollout.observe(), {}
        raise PlanError(
            f"{TRIES} episodes had nothing to do",
            remedy="check that the registry serves the plans and that the budget allows a call",
        )

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are legal: bool, (actions,); what MaskablePPO asks for."""
        return self.rollout.action_masks()

    def step(self, action: np.int64 | int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Takes a step; see :class:`gymnasium.Env`.

        Raises:
            IllegalActionError: The action is illegal and the environment strict, or no episode
                goes on.
        """
        chosen = self.choose(action)
        return self.conclude(chosen, None if chosen is None else self.rollout.outcome(chosen))

    def choose(self, action: np.int64 | int) -> Action | None:
        """The first half of a step: the action, or ``None`` for one that is illegal and ignored.

        Raises:
            IllegalActionError: See :meth:`step`.
        """
        if self.rollout.state.end is not None:
            raise IllegalActionError("the episode has ended", remedy="call reset()")
        try:
            return self.rollout.action(int(action))
        except IllegalActionError:
            if self.strict:
                raise
            return None

    def conclude(
        self, action: Action | None, outcome: Outcome | None
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """The second half of a step: what came of the action is made of the state.

        Args:
            action: What :meth:`choose` gave.
            outcome: What came of it; ``None`` for Revert, Stop and an illegal action.
        """
        rollout = self.rollout
        info: dict[str, Any] = {"illegal": action is None, "infrastructure_failure": False}
        reward = NO_REWARD
        if action is not None:
            record = rollout.advance(action, outcome)
            reward = record.reward
            info["infrastructure_failure"] = record.infrastructure_failure
        info["reward_terms"] = dict(reward.terms)
        ended, truncated = rollout.state.end is not None, rollout.truncated
        if ended:
            info["episode_record"] = rollout.record()
        return rollout.observe(), reward.total, ended and not truncated, truncated, info
