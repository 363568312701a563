"""N episodes stepped together, their calls batched by expert: a VecEnv of Stable-Baselines3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from envs.batching import Asked, outcomes_together
from envs.compose_env import ImagePoserEnv
from envs.outcomes import LiveOutcomes, Outcome
from poser.core.action import Call


class ComposeVecEnv(DummyVecEnv):
    """Steps N environments together; one set of weights serves them all.

    In one step the calls of all episodes go out as one batch for each expert, then all pictures
    as one batch to the critic, where it can judge several at once
    (:class:`envs.batching.BatchCritic`). An outage that hits one request hits its episode alone.

    MaskablePPO finds the masks by ``env_method("action_masks")``. Wrap it in ``VecMonitor`` for
    episode statistics.

    Args:
        make: Makes one environment; called ``count`` times. Its episodes share their experts.
        count: How many.
    """

    def __init__(self, make: Callable[[], ImagePoserEnv], count: int) -> None:
        super().__init__([make] * count)

    def step_wait(self) -> VecEnvStepReturn:
        """See :class:`stable_baselines3.common.vec_env.VecEnv`."""
        envs = [env for env in self.envs if isinstance(env, ImagePoserEnv)]
        chosen = [env.choose(action) for env, action in zip(envs, self.actions, strict=True)]
        outcomes: list[Outcome | None] = [None] * len(envs)
        together: dict[int, Asked] = {}
        for n, (env, action) in enumerate(zip(envs, chosen, strict=True)):
            episode = env.rollout.episode
            if isinstance(action, Call) and isinstance(episode.outcomes, LiveOutcomes):
                together[n] = (episode.outcomes, env.rollout.state, action, episode.seed)
            elif action is not None:
                outcomes[n] = env.rollout.outcome(action)
        live = outcomes_together(list(together.values()))
        for n, outcome in zip(together, live, strict=True):
            outcomes[n] = outcome
        for n, env in enumerate(envs):
            observation, reward, terminated, truncated, info = env.conclude(chosen[n], outcomes[n])
            self.buf_rews[n] = reward
            self.buf_dones[n] = terminated or truncated
            info["TimeLimit.truncated"] = truncated and not terminated
            if self.buf_dones[n]:
                info["terminal_observation"] = observation
                observation, self.reset_infos[n] = env.reset()
            self.buf_infos[n] = info
            self._save_obs(n, observation)
        return (
            self._obs_from_buf(),
            np.copy(self.buf_rews),
            np.copy(self.buf_dones),
            _copied(self.buf_infos),
        )


def _copied(infos: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each info by itself, its values shared: they are not changed any more."""
    return [dict(info) for info in infos]
