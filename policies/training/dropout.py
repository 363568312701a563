"""Leaves features out of whole episodes that another world may lack.

Another world may have no encoder of pictures or of texts, and experts that nobody measured. What
is left out looks exactly as it does there (:mod:`envs.observation`), and is left out of what the
policy acts on and learns from alike, so that the ratios of PPO stay exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from envs.layout import COMMAND_FEATURES, EXPERT_FEATURES, PAIR_FEATURES

Parts = dict[str, NDArray[np.float32]]

UNKNOWN_RATE = 0.5
"""The rate of an expert of which nothing is said; see ``ExpertSpec.capability``."""

_TEXT = COMMAND_FEATURES.index("text_known")
_RATE = [n for n, name in enumerate(EXPERT_FEATURES) if name.startswith("rate:")]
_EVIDENCE = [n for n, name in enumerate(EXPERT_FEATURES) if name.startswith("evidence:")]
_ERROR = [n for n, name in enumerate(EXPERT_FEATURES) if name.startswith("error:")]
_KEPT = [EXPERT_FEATURES.index("kept"), EXPERT_FEATURES.index("kept_known")]
_PAIR_RATE, _SERVES = PAIR_FEATURES.index("rate"), PAIR_FEATURES.index("serves")


def without_image(parts: Parts, places: NDArray[np.bool_]) -> None:
    """Removes the picture's embedding in these places of the batch."""
    parts["image"][places] = 0.0


def without_text(parts: Parts, places: NDArray[np.bool_]) -> None:
    """Removes the instructions' embeddings in these places of the batch."""
    parts["commands"][places, :, _TEXT:] = 0.0


def without_rates(parts: Parts, places: NDArray[np.bool_]) -> None:
    """Removes what was measured or stated of the experts in these places of the batch."""
    experts = parts["experts"][places]
    there = parts["expert_mask"][places][..., None]
    experts[..., _RATE] = UNKNOWN_RATE * (experts[..., _RATE] > 0)
    experts[..., _EVIDENCE] = 0.0
    experts[..., _ERROR] = there
    experts[..., _KEPT] = 0.0
    parts["experts"][places] = experts
    room = (parts["commands"].shape[1] + 1, parts["experts"].shape[1])
    flat = parts["pairs"][places]
    pairs = flat.reshape(len(flat), *room, -1)  # a view
    pairs[:, :-1, :, _PAIR_RATE] = UNKNOWN_RATE * (pairs[:, :-1, :, _PAIR_RATE] > 0)
    pairs[:, -1, :, _PAIR_RATE] = UNKNOWN_RATE * pairs[:, -1, :, _SERVES]
    parts["pairs"][places] = flat


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
