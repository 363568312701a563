"""The training loop: stages of legs, each leg a fixed number of updates.

All chance of a leg is drawn from (seed, stage, leg), and its episodes begin anew. So a run that
was killed and resumed from the checkpoint between two legs ends with exactly the weights of one
that was not (same machine, same threads). Episodes cut off at the end of a leg are continued by
their value, as at the end of any rollout.

A run's folder holds ``train.json`` (the configuration), ``checkpoint.pt``, ``log.jsonl`` (one line
a leg, and one where a stage begins with a policy), ``tensorboard/`` and ``policy/``: the best
policy so far, exported.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from filelock import FileLock, Timeout
from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat
from stable_baselines3.common.utils import FloatSchedule

from policies.export import export_policy, load_policy
from policies.learned import SHIPPED
from policies.training.actor import ComposePPO, ScoringPolicy
from policies.training.checkpoint import Checkpoint
from policies.training.config import CONFIG, THE_SHIPPED, Stage, TrainConfig, TrainingError
from policies.training.dropout import AblatedVecEnv, FeatureDropout
from policies.training.outages import OutageAwareBuffer
from policies.training.recorder import Recorder
from policies.training.validation import greedy, play
from policies.training.worlds import MakeWorld, World, simulated_world
from poser import __version__
from poser.core.errors import StorageError

CHECKPOINT, LOG = "checkpoint.pt", "log.jsonl"

START = "(start)"
"""Among the worlds of a policy, what it was begun with; no stage is called so."""


class Watcher(Protocol):
    """Is told how training goes."""

    def begun(self, stage: Stage, steps: int, total: int) -> None:
        """A stage begins or goes on, ``steps`` of its ``total`` steps behind it."""
        ...

    def advanced(self, steps: int) -> None:
        """Steps of the stage so far."""
        ...

    def leg(self, figures: Mapping[str, Any]) -> None:
        """A leg has ended, or what a stage begins with was validated; it is on record."""
        ...


class SilentWatcher:
    """A :class:`Watcher` that says nothing."""

    def begun(self, stage: Stage, steps: int, total: int) -> None:
        """See :class:`Watcher`."""

    def advanced(self, steps: int) -> None:
        """See :class:`Watcher`."""

    def leg(self, figures: Mapping[str, Any]) -> None:
        """See :class:`Watcher`."""


@dataclass(slots=True)
class Training:
    """A training run in a folder; :meth:`run` goes on from its checkpoint, or begins.

    Attributes:
        config: What is asked.
        folder: The run's.
        make_world: Makes the worlds of stages.
        live: Whether stages with pixels are run; else training ends before the first of them.
        device: Of the network: ``cpu``, ``cuda``, or ``auto``.
        watcher: Is told of progress.
    """

    config: TrainConfig
    folder: Path
    make_world: MakeWorld = simulated_world
    live: bool = False
    device: str = "cpu"
    watcher: Watcher = field(default_factory=SilentWatcher)
    _at: Checkpoint = field(default_factory=Checkpoint, init=False)
    _since: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        """Refuses a device that is not there, which Stable-Baselines3 would replace by the CPU.

        Raises:
            TrainingError: It is CUDA, and there is none.
        """
        if self.device.startswith("cuda") and not torch.cuda.is_available():
            raise TrainingError(
                "there is no CUDA device for --device cuda",
                remedy="say --device auto or cpu, or mend CUDA: poser doctor shows the devices",
            )

    def run(self, *, resume: bool = False) -> Path:
        """Trains all stages; returns the folder of the exported policy.

        Args:
            resume: Whether to go on from the checkpoint of the folder; a run that was killed
                before its first begins anew.

        Raises:
            TrainingError: There is nothing to resume, the folder is taken, another process works
                on it, a stage would go on in another world than it began in, or the policy to begin
                with is of another shape.
            PolicyFileError: The policy to begin with cannot be read.
            StorageError: The folder cannot be written.
        """
        _make(self.folder)
        lock = FileLock(self.folder / ".lock", timeout=0)
        try:
            with lock:
                self._run(resume)
        except Timeout as error:
            raise TrainingError(
                f"another process trains in {self.folder}", remedy="wait for it, or choose --out"
            ) from error
        return self.folder / "policy"

    def _run(self, resume: bool) -> None:
        checkpoint = self.folder / CHECKPOINT
        if resume:
            if self._unstarted():
                self._begin()
            else:
                self._at = Checkpoint.load(checkpoint)
        elif checkpoint.exists():
            raise TrainingError(
                f"{self.folder} holds a training run already",
                remedy=f"go on with --resume {self.folder}, or choose another --out",
            )
        else:
            self._begin()
        _write(self.folder / CONFIG, self.config.to_json() + "\n")
        self._log_history()
        while self._at.stage < len(self.config.stages):
            stage = self.config.stages[self._at.stage]
            if stage.world == "pixels" and not self.live:
                break  # resumed with ``live``, it goes on from here
            self._stage(stage)
            self._at.stage += 1
            self._at.leg = self._at.stale = 0
            self._at.optimizer = self._at.best_return = None
            self._at.policy, self._at.best = self._at.best or self._at.policy, None
            self._at.save(checkpoint)

    def _begin(self) -> None:
        """Takes over the weights of the policy that training begins with, if there is one."""
        config = self.config
        if not config.start:
            return
        scorer, card = load_policy(SHIPPED if config.start == THE_SHIPPED else Path(config.start))
        if card.scorer != config.shape or set(card.ablate) != set(config.ablate):
            raise TrainingError(
                f"{config.start} is of another shape than what is to be trained",
                remedy="give scorer, text_dim, image_side and ablate as its policy.json has them, "
                "or leave start out",
            )
        self._at.policy = _copied(scorer.state_dict())
        before = {f"{START}/{name}": hashes for name, hashes in card.worlds.items()}
        self._at.worlds = {**before, START: {"policy": card.weights}}

    def _unstarted(self) -> bool:
        """Whether the run was killed before its first checkpoint, and so before its first figures.

        A folder that has figures but no checkpoint has lost it: nothing of it is overwritten.
        """
        begun, log = (self.folder / CONFIG).is_file(), self.folder / LOG
        figures = log.is_file() and log.stat().st_size > 0
        return begun and not figures and not (self.folder / CHECKPOINT).exists()

    def _stage(self, stage: Stage) -> None:
        config, at = self.config, self._at
        legs = config.legs(stage)
        if at.leg >= legs or self._enough():
            return
        worlds: list[World] = []
        try:
            for count, held_out in ((stage.envs, False), (config.validated(stage), True)):
                played = config.played(stage)
                world = self.make_world(played, config.layout, count, held_out=held_out)
                if config.ablate:
                    venv = AblatedVecEnv(world.venv, config.layout, config.ablate)
                    world = replace(world, venv=venv)
                worlds.append(world)
            training, valid = worlds
            self._same_world(stage, training)
            at.worlds[stage.name] = dict(training.fingerprints)
            began = at.steps - at.leg * config.leg(stage)
            self.watcher.begun(stage, at.leg * config.leg(stage), legs * config.leg(stage))
            recorder = Recorder(
                config.layout, training.experts, lambda s: self.watcher.advanced(s - began)
            )
            model = self._model(stage, training)
            self._since = time.monotonic()
            if at.policy is not None and at.best_return is None:
                self._start(stage, model, valid)
            while at.leg < legs and not self._enough():
                self._leg(stage, model, recorder, valid)
        finally:
            for world in worlds:
                world.venv.close()
                world.close()

    def _same_world(self, stage: Stage, world: World) -> None:
        """Refuses to go on with a stage in another world than it began in."""
        begun = self._at.worlds.get(stage.name)
        if self._at.best_return is None or begun is None:
            return
        now = world.fingerprints
        changed = sorted(k for k in {*begun, *now} if begun.get(k) != now.get(k))
        if changed:
            raise TrainingError(
                f"stage {stage.name!r} began in another world: changed since: {', '.join(changed)}",
                remedy="give the --registry and --critic that it began with, or restore what has "
                "changed; else train anew into another --out",
            )

    def _enough(self) -> bool:
        patience = self.config.validation.patience
        return patience is not None and self._at.stale >= patience

    def _model(self, stage: Stage, world: World) -> ComposePPO:
        config, ppo, out = self.config, self.config.ppo, self.config.dropout
        rates = 0.0 if "rates" in config.ablate else out.rates  # they show places instead
        torch.manual_seed(_derived(config.seed, self._at.stage))
        model = ComposePPO(
            ScoringPolicy,
            FeatureDropout(world.venv, image=out.image, text=out.text, rates=rates),
            learning_rate=stage.rate,
            n_steps=ppo.rollout,
            batch_size=ppo.batch,
            n_epochs=ppo.epochs,
            gamma=ppo.gamma,
            gae_lambda=ppo.gae_lambda,
            clip_range=ppo.clip,
            normalize_advantage=False,  # the buffer does
            ent_coef=stage.entropy,
            vf_coef=ppo.value_weight,
            max_grad_norm=ppo.max_gradient,
            target_kl=ppo.target_kl,
            rollout_buffer_class=OutageAwareBuffer,
            rollout_buffer_kwargs={"later": config.outages.later, "clamp": config.outages.clamp},
            policy_kwargs={"shape": config.shape},
            device=self.device,
        )
        model.set_logger(Logger(str(self.folder), self._writers()))
        model.num_timesteps = self._at.steps
        if self._at.policy is not None:
            model.policy.scorer.load_state_dict(self._at.policy)
        if self._at.optimizer is not None:
            model.policy.optimizer.load_state_dict(self._at.optimizer)
        return model

    def _writers(self) -> list[KVWriter]:
        try:
            return [TensorBoardOutputFormat(str(self.folder / "tensorboard"))]
        except AssertionError:  # tensorboard is not installed: the log still has the figures
            return []

    def _start(self, stage: Stage, model: ComposePPO, held_out: World) -> None:
        """Validates what the stage begins with: a leg counts only if it betters that."""
        at = self._at
        valid = self._validated(model, held_out)
        at.best, at.best_return = at.policy, valid["return"]
        figures = self._figures(stage, valid, {}, better=True)
        at.history.append(figures)
        if not at.stage:
            self._export()
        self._show(model, valid)
        self._put_on_record(figures)

    def _leg(self, stage: Stage, model: ComposePPO, recorder: Recorder, held_out: World) -> None:
        """One leg, its validation and its checkpoint."""
        config, at = self.config, self._at
        seed = _derived(config.seed, at.stage, at.leg)
        torch.manual_seed(seed)
        np.random.seed(seed)
        share = at.leg / config.legs(stage)
        rate = stage.rate * (1.0 - share * (1.0 - stage.final_rate))
        model.lr_schedule = FloatSchedule(rate)
        model._last_obs = None  # so that learn() begins all episodes anew
        recorder.restart()
        buffer, venv = model.rollout_buffer, model.env
        assert venv is not None
        buffer.forget()
        venv.seed(seed)
        model.learn(config.leg(stage), callback=recorder, reset_num_timesteps=False)
        scorer = model.policy.scorer
        valid = self._validated(model, held_out)
        at.leg, at.steps = at.leg + 1, model.num_timesteps
        at.policy = _copied(scorer.state_dict())
        at.optimizer = model.policy.optimizer.state_dict()
        better = at.best_return is None or valid["return"] > at.best_return + config.validation.gain
        at.stale = 0 if better else at.stale + 1
        figures = self._figures(stage, valid, recorder.latest, better=better)
        at.history.append(figures)
        if better:
            at.best, at.best_return = at.policy, valid["return"]
            self._export()
        model.logger.record("train/learning_rate", rate)
        self._show(model, valid)
        self._put_on_record(figures)

    def _show(self, model: ComposePPO, valid: Mapping[str, float]) -> None:
        """What TensorBoard shows."""
        for name, value in valid.items():
            model.logger.record(f"validation/{name}", value)
        model.logger.dump(self._at.steps)

    def _put_on_record(self, figures: Mapping[str, Any]) -> None:
        self._at.save(self.folder / CHECKPOINT)
        self._log(figures)
        self.watcher.leg(figures)

    def _validated(self, model: ComposePPO, held_out: World) -> dict[str, float]:
        """What the held-out episodes bring; counts the time since that was last counted."""
        scorer = model.policy.scorer
        scorer.eval()
        valid = play(greedy(scorer, model.device), held_out.venv, self.config.validation.seed)
        now = time.monotonic()
        self._at.seconds, self._since = self._at.seconds + now - self._since, now
        return valid

    def _figures(
        self,
        stage: Stage,
        valid: Mapping[str, float],
        learned: Mapping[str, float],
        *,
        better: bool,
    ) -> dict[str, Any]:
        return {
            "stage": stage.name,
            "leg": self._at.leg,
            "steps": self._at.steps,
            "seconds": round(self._at.seconds, 1),
            "best": better,
            **{f"validation/{k}": round(v, 5) for k, v in valid.items()},
            **{k: round(v, 5) for k, v in learned.items()},
        }

    def _export(self) -> None:
        assert self._at.best is not None
        last = self._at.history[-1]
        export_policy(
            self._at.best,
            self.config.shape,
            self.folder / "policy",
            worlds=self._at.worlds,
            ablate=self.config.ablate,
            training={
                "config": self.config.anonymous.to_dict(),
                "stage": last["stage"],
                "steps": self._at.steps,
                "seconds": last["seconds"],
                "validation": {
                    k.removeprefix("validation/"): v
                    for k, v in last.items()
                    if k.startswith("validation/")
                },
            },
            version=__version__,
        )

    def _log_history(self) -> None:
        """The log holds what the checkpoint knows, and no leg twice."""
        lines = "".join(json.dumps(f) + "\n" for f in self._at.history)
        _write(self.folder / LOG, lines)

    def _log(self, figures: Mapping[str, Any]) -> None:
        try:
            with (self.folder / LOG).open("a", encoding="utf-8") as file:
                file.write(json.dumps(figures) + "\n")
        except OSError as error:
            raise _storage(self.folder / LOG, error) from error


def _derived(*numbers: int) -> int:
    """A seed in [0, 2**31) for a tuple of numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0]) % 2**31


def _copied(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _storage(folder, error) from error


def _write(path: Path, text: str) -> None:
    scratch = path.with_name(f".{path.name}.writing")
    try:
        scratch.write_text(text, encoding="utf-8")
        scratch.replace(path)
    except OSError as error:
        raise _storage(path, error) from error


def _storage(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"cannot write {path}: {error.strerror}", remedy="free some space or choose another --out"
    )
