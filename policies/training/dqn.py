"""Training the paper's baseline, a deep Q-network: see :mod:`policies.dqn`.

The loop, the replay buffer, the target network and epsilon's schedule are those of
Stable-Baselines3. The mask of legal actions is part of the observation, so that the greedy choice,
chance and the target's maximum all keep to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3 import DQN
from stable_baselines3.common.buffers import DictReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.noise import ActionNoise
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import PyTorchObs
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn
from stable_baselines3.dqn.policies import MultiInputPolicy, QNetwork
from torch import Tensor, nn

from envs.layout import Layout
from policies.dqn import DqnPolicy, export_dqn, q_network, state_size, text_state
from policies.training.config import Positive, TrainingError
from poser import __version__
from poser.core.value import UnitInterval, Value

ILLEGAL = -1e6
"""The value of an illegal action."""

EXPORTS = 10
"""How often the network is written in the course of a training."""


class DqnSettings(Value):
    """Deep Q-learning (Mnih et al., Nature 2015). The numbers are ours, not the paper's.

    Attributes:
        hidden: Widths of the layers between.
        rate: Learning rate.
        buffer: Transitions that are remembered.
        warmup: Steps by chance alone before learning begins.
        batch: Transitions of an update.
        updates: Updates for each step of all episodes together.
        target: Steps between copies to the target network.
        gamma: Discount.
        explore: Share of the training in which epsilon falls from 1.
        epsilon: What it falls to.
    """

    hidden: tuple[int, ...] = (128, 128)
    rate: Positive = 5e-4
    buffer: int = 20_000
    warmup: int = 1_000
    batch: int = 128
    updates: int = 4
    target: int = 2_000
    gamma: UnitInterval = 0.99
    explore: UnitInterval = 0.4
    epsilon: UnitInterval = 0.05


class TextStates(VecEnvWrapper):
    """Observations as a DQN sees them.

    ``state`` (see :func:`policies.dqn.text_state`), and ``mask``, 1 where an action is legal.

    Args:
        venv: Many episodes together, with ``action_masks``.
        layout: Of their observations.
    """

    def __init__(self, venv: VecEnv, layout: Layout) -> None:
        self.layout = layout
        space = spaces.Dict(
            {
                "state": spaces.Box(-1.0, 1.0, (state_size(layout),), np.float32),
                "mask": spaces.Box(0, 1, (layout.actions,), np.uint8),
            }
        )
        super().__init__(venv, observation_space=space)

    def reset(self) -> dict[str, NDArray[Any]]:
        """See :class:`stable_baselines3.common.vec_env.VecEnv`."""
        return self._seen(self.venv.reset())

    def step_wait(self) -> VecEnvStepReturn:
        """See :class:`stable_baselines3.common.vec_env.VecEnv`."""
        observation, rewards, dones, infos = self.venv.step_wait()
        for n in np.flatnonzero(dones):
            last: Mapping[str, Any] = infos[n]["terminal_observation"]
            mask = np.zeros(self.layout.actions, np.uint8)
            mask[self.layout.stop] = 1
            state = text_state({name: part[None] for name, part in last.items()})[0]
            infos[n]["terminal_observation"] = {"state": state, "mask": mask}
        return self._seen(observation), rewards, dones, infos

    def _seen(self, observation: Any) -> dict[str, NDArray[Any]]:
        masks = np.stack(self.venv.env_method("action_masks"))
        return {"state": text_state(observation), "mask": masks.astype(np.uint8)}


class OutageAwareReplay(DictReplayBuffer):
    """A replay buffer without steps that failed for reasons of infrastructure.

    In their place stand others of the same moment.
    """

    def add(  # type: ignore[override]
        self,
        obs: dict[str, NDArray[Any]],
        next_obs: dict[str, NDArray[Any]],
        action: NDArray[Any],
        reward: NDArray[Any],
        done: NDArray[Any],
        infos: list[dict[str, Any]],
    ) -> None:
        """See :class:`stable_baselines3.common.buffers.DictReplayBuffer`."""
        failed = np.array([bool(info.get("infrastructure_failure")) for info in infos])
        good, rows = np.flatnonzero(~failed), np.arange(len(infos))
        if not len(good):
            return
        rows = np.where(failed, good[rows % len(good)], rows)
        super().add(
            {name: part[rows] for name, part in obs.items()},
            {name: part[rows] for name, part in next_obs.items()},
            action[rows],
            reward[rows],
            done[rows],
            [infos[n] for n in rows],
        )


class _StateAlone(BaseFeaturesExtractor):
    def __init__(self, space: spaces.Dict) -> None:
        super().__init__(space, int(np.prod(space["state"].shape or ())))

    def forward(self, observations: PyTorchObs) -> Tensor:
        assert isinstance(observations, dict)
        return observations["state"]


class _MaskedQNetwork(QNetwork):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.q_net: nn.Sequential = q_network(
            self.features_dim, self.net_arch, int(self.action_space.n)
        )

    def forward(self, obs: PyTorchObs) -> Tensor:
        assert isinstance(obs, dict)
        return super().forward(obs).masked_fill(obs["mask"] < 0.5, ILLEGAL)


class _MaskedPolicy(MultiInputPolicy):
    def make_q_net(self) -> QNetwork:
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return _MaskedQNetwork(**arguments).to(self.device)


class MaskedDqn(DQN):
    """DQN that chooses among legal actions; epsilon is drawn for each episode by itself."""

    def predict(
        self,
        observation: NDArray[Any] | dict[str, NDArray[Any]],
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[Any] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """See :class:`stable_baselines3.DQN`; of a batch of observations."""
        assert isinstance(observation, dict)
        greedy, state = self.policy.predict(observation, state, episode_start, deterministic=True)
        if deterministic:
            return greedy, state
        explores = np.random.rand(len(greedy)) < self.exploration_rate
        return np.where(explores, _at_random(observation["mask"]), greedy), state

    def _sample_action(
        self, learning_starts: int, action_noise: ActionNoise | None = None, n_envs: int = 1
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        if self.num_timesteps >= learning_starts:
            return super()._sample_action(learning_starts, action_noise, n_envs)
        assert isinstance(self._last_obs, dict)
        actions = _at_random(self._last_obs["mask"])
        return actions, actions


def _at_random(mask: NDArray[Any]) -> NDArray[np.int64]:
    """A legal action of each row."""
    chosen: NDArray[np.int64] = np.where(mask > 0, np.random.rand(*mask.shape), -1.0).argmax(1)
    return chosen


class _Exporter(BaseCallback):
    """Writes the network now and then, so that a crash leaves something."""

    def __init__(self, folder: Path, every: int, card: Mapping[str, Any]) -> None:
        super().__init__()
        self._folder, self._every, self._card = folder, every, dict(card)
        self._due = every

    def _on_step(self) -> bool:
        if self.num_timesteps >= self._due:
            self._due += self._every
            self.write()
        return True

    def write(self) -> None:
        assert isinstance(self.model, DQN)
        training = {**self._card["training"], "steps": self.num_timesteps}
        weights = self.model.q_net.q_net.state_dict()
        export_dqn(weights, self._folder, **{**self._card, "training": training})


def train_dqn(
    venv: VecEnv,
    steps: int,
    seed: int,
    folder: Path,
    *,
    layout: Layout,
    experts: Sequence[str],
    settings: DqnSettings | None = None,
) -> DqnPolicy:
    """Trains a DQN for one registry and writes it; every tenth of the way, too.

    Args:
        venv: Many episodes together over that registry, say a ``SimulatedVecEnv`` with ``known``.
        steps: Environment steps.
        seed: Of all that is drawn, in [0, 2**31).
        folder: Where the files go.
        layout: Of the observations of ``venv``; with ``text_dim`` 0 where they hold no words, as
            in the simulator.
        experts: Ids by column of an observation; ``layout`` has room for just these.
        settings: How it is trained.

    Raises:
        TrainingError: The layout has room for more experts, or fewer.
        StorageError: The files cannot be written.
    """
    settings = settings or DqnSettings()
    if layout.max_experts != len(experts):
        raise TrainingError(
            f"the layout has {layout.max_experts} places for {len(experts)} experts",
            remedy="give a layout with a place for each, as a DQN has fixed slots",
        )
    model = MaskedDqn(
        _MaskedPolicy,
        TextStates(venv, layout),
        learning_rate=settings.rate,
        buffer_size=settings.buffer,
        learning_starts=settings.warmup,
        batch_size=settings.batch,
        gamma=settings.gamma,
        train_freq=1,
        gradient_steps=settings.updates,
        target_update_interval=settings.target,
        exploration_fraction=settings.explore,
        exploration_final_eps=settings.epsilon,
        replay_buffer_class=OutageAwareReplay,
        policy_kwargs={"net_arch": [*settings.hidden], "features_extractor_class": _StateAlone},
        seed=seed,
        device="cpu",
    )
    model.set_logger(Logger(None, []))
    card = {
        "experts": tuple(experts),
        "max_commands": layout.max_commands,
        "text_dim": layout.text_dim,
        "hidden": settings.hidden,
        "training": {"seed": seed, "settings": settings.to_dict()},
        "version": __version__,
    }
    exporter = _Exporter(folder, max(1, steps // EXPORTS), card)
    model.learn(steps, callback=exporter)
    exporter.write()
    return DqnPolicy.load(folder)
