"""Leaves features out of whole episodes that another world may lack.

Another world may have no encoder of pictures or of texts, and experts that nobody measured. What
is left out looks exactly as it does there (:mod:`policies.ablation`), and is left out of what the
policy acts on and learns from alike, so that the ratios of PPO stay exact.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from envs.layout import Layout
from policies.ablation import (
    Ablation,
    Parts,
    masked,
    without,
    without_image,
    without_rates,
    without_text,
)

_LEFT_OUT = (without_image, without_text, without_rates)


class FeatureDropout(VecEnvWrapper):
    """Draws for each episode which features are left out.

    Args:
        venv: What is wrapped.
        image: Share of episodes without the picture's embedding.
        text: Share without the instructions' embeddings.
        rates: Share without anything known of the experts.
    """

    def __init__(self, venv: VecEnv, *, image: float, text: float, rates: float) -> None:
        super().__init__(venv)
        self._chances = np.array([image, text, rates])
        self._rng = np.random.default_rng(0)
        self._out = np.zeros((venv.num_envs, len(_LEFT_OUT)), np.bool_)

    def seed(self, seed: int | None = None) -> Any:
        """Seeds what is drawn here and in the environments."""
        self._rng = np.random.default_rng([1, seed or 0])
        return self.venv.seed(seed)

    def reset(self) -> VecEnvObs:
        """See :class:`stable_baselines3.common.vec_env.VecEnv`."""
        observation = self.venv.reset()
        self._draw(np.ones(self.num_envs, np.bool_))
        return self._thinned(observation, self._out)

    def step_wait(self) -> VecEnvStepReturn:
        """See :class:`stable_baselines3.common.vec_env.VecEnv`."""
        observation, rewards, dones, infos = self.venv.step_wait()
        for n in np.flatnonzero(dones):
            if (last := infos[n].get("terminal_observation")) is not None:
                one = {name: part[None] for name, part in last.items()}
                thin = self._thinned(one, self._out[n : n + 1])
                infos[n]["terminal_observation"] = {k: p[0] for k, p in thin.items()}
        if dones.any():
            self._draw(dones)
        return self._thinned(observation, self._out), rewards, dones, infos

    def _draw(self, places: NDArray[np.bool_]) -> None:
        drawn = self._rng.random(self._out.shape) < self._chances
        self._out[places] = drawn[places]

    @staticmethod
    def _thinned(observation: Any, out: NDArray[np.bool_]) -> Parts:
        if not out.any():
            return dict(observation)
        parts = {name: np.array(part) for name, part in observation.items()}
        for column, leave_out in enumerate(_LEFT_OUT):
            if (places := out[:, column]).any():
                leave_out(parts, places)
        return parts


class AblatedVecEnv(VecEnvWrapper):
    """Leaves out for good what is ablated: of observations, and of what may be chosen.

    Args:
        venv: What is wrapped.
        layout: Of its spaces.
        ablate: What is left out.
    """

    def __init__(self, venv: VecEnv, layout: Layout, ablate: Collection[Ablation]) -> None:
        super().__init__(venv)
        self._layout, self._ablate = layout, tuple(ablate)

    def reset(self) -> VecEnvObs:
        """See :class:`stable_baselines3.common.vec_env.VecEnv`."""
        return without(_parts(self.venv.reset()), self._ablate)

    def step_wait(self) -> VecEnvStepReturn:
        """See :class:`stable_baselines3.common.vec_env.VecEnv`."""
        observation, rewards, dones, infos = self.venv.step_wait()
        for n in np.flatnonzero(dones):
            if (last := infos[n].get("terminal_observation")) is not None:
                one = without({name: part[None] for name, part in last.items()}, self._ablate)
                infos[n]["terminal_observation"] = {k: p[0] for k, p in one.items()}
        return without(_parts(observation), self._ablate), rewards, dones, infos

    def env_method(
        self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any
    ) -> list[Any]:
        """``action_masks`` without what is ablated; other methods as they are."""
        found = self.venv.env_method(method_name, *args, indices=indices, **kwargs)
        if method_name != "action_masks":
            return found
        return list(masked(np.stack(found), self._layout, self._ablate))


def _parts(observation: Any) -> Parts:
    return dict(observation)
