"""Speed of environments: batched live episodes, a process each, and the simulator with PPO.

    python benchmarks/rollout.py [PART ...] [--quick] [--seed N] [--json FILE]

Parts (all where none is named):

    batch      the vector env's pictures a second beside the raw pipeline at the same batch size
    judging    16 pictures with 12 questions each, judged one by one and together
    processes  the vector env beside a SubprocVecEnv with a pipeline in each process
    simulator  MaskablePPO on the simulator beside the same on an env that does nothing

Times of judging and of the simulator are CPU seconds of this process, so that other work on the
machine counts less; the others are wall time. Memory is what would be freed if the processes
ended (USS).
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
from machine import arguments, describe, write

from critic.vqa import VqaCritic
from envs import ComposeVecEnv, ImagePoserEnv, SimulatedVecEnv
from envs.episodes import LiveEpisodes
from envs.layout import Layout
from envs.rules import Rules
from experts.registry import Registry, load_registry
from poser.core.action import ALL, Call
from poser.core.critique import Critique
from poser.core.expert import ExpertRequest, ExpertSpec
from poser.core.plan import Command, Plan
from poser.decompose import RuleDecomposer

if TYPE_CHECKING:
    import argparse

    from PIL.Image import Image

PROMPT = "a red car left of a green tree on a beach, and two birds"
LAYOUT = Layout()


class TimedCritic(VqaCritic):
    """The critic that ships, and how long it took."""

    seconds = 0.0

    def judge_many(self, asked: Sequence[tuple[Plan, Image]]) -> list[Critique]:
        """See :class:`envs.batching.BatchCritic`; a single picture comes here as well."""
        started = time.perf_counter()
        critiques = super().judge_many(asked)
        self.seconds += time.perf_counter() - started
        return critiques


class Stage:
    """What live episodes need: the registry, the critic, a plan, and an expert to be timed."""

    def __init__(self, options: argparse.Namespace) -> None:
        expert = options.expert
        self.registry: Registry = load_registry(options.registry)
        self.critic = TimedCritic()
        self.plan = RuleDecomposer().decompose(PROMPT)
        self.spec = self.registry[expert] if expert else self._drawer(self.registry.values())
        self.episodes = LiveEpisodes(
            [self.plan],
            self.registry,
            self.registry.expert,
            self.critic,
            rules=Rules(max_attempts=100),
            tables=self.registry.tables,
            max_steps=10_000,
        )
        experts = list(self.registry)
        self.action = LAYOUT.encode(Call(command=ALL, expert=self.spec.id), self.plan, experts)

    @staticmethod
    def _drawer(specs: Sequence[ExpertSpec] | Any) -> ExpertSpec:
        return next(s for s in specs if s.task == "text_to_image" and s.adapter == "diffusers")


def _live(options: argparse.Namespace) -> ImagePoserEnv:
    return ImagePoserEnv(Stage(options).episodes, LAYOUT)


def _steps(env: Any, action: int, seconds: float) -> tuple[int, float]:
    """Steps all its episodes by one action for so long; how many steps, in how many seconds."""
    actions = np.full(env.num_envs, action)
    started, steps = time.perf_counter(), 0
    while (spent := time.perf_counter() - started) < seconds or steps == 0:
        *_, infos = env.step(actions)
        if any(info["infrastructure_failure"] for info in infos):
            sys.exit("an expert or the critic cannot be had: poser experts check")
        steps += env.num_envs
    return steps, spent


def batch(options: argparse.Namespace) -> dict[str, Any]:
    """Pictures a second of the vector env, beside those of the pipeline called directly."""
    from experts.diffusers_adapter.call import call_arguments, prepare
    from experts.diffusers_adapter.loading import load_pipeline
    from experts.diffusers_adapter.options import read_load_options

    count, seconds = 16, 3.0 if options.quick else 20.0
    stage = Stage(options)
    env = ComposeVecEnv(lambda: ImagePoserEnv(stage.episodes, LAYOUT), count)
    env.seed(options.seed)
    env.reset()
    env.step(np.full(count, stage.action))  # loads
    loaded = load_pipeline(stage.spec, read_load_options(stage.spec))
    outcomes = [e.rollout.episode.outcomes for e in env.envs if isinstance(e, ImagePoserEnv)]
    requests: list[ExpertRequest] = [
        o.request(e.rollout.state, Call(command=ALL, expert=stage.spec.id), n)
        for n, (o, e) in enumerate(zip(outcomes, env.envs, strict=True))
    ]
    prepared = [prepare(stage.spec, loaded, r, stage) for r in requests]  # type: ignore[arg-type]
    rates: dict[str, list[float]] = {"raw": [], "env": [], "env_with_critic": []}
    for _ in range(3):  # in turn, so that what else the machine does hits both
        started, made = time.perf_counter(), 0
        while (spent := time.perf_counter() - started) < seconds or made == 0:
            with _quiet():
                loaded.pipeline(**call_arguments(prepared))
            made += count
        rates["raw"].append(made / spent)
        stage.critic.seconds = 0.0
        made, spent = _steps(env, stage.action, seconds)
        rates["env"].append(made / (spent - stage.critic.seconds))
        rates["env_with_critic"].append(made / spent)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    ratio = medians["env"] / medians["raw"]
    print(f"{stage.spec.id}, batch {count}, pictures a second")
    print(f"{'pipeline':>10} {'vector env':>11} {'ratio':>6} {'judging included':>17}")
    raw, alone, judged = medians["raw"], medians["env"], medians["env_with_critic"]
    print(f"{raw:>10.1f} {alone:>11.1f} {ratio:>6.2f} {judged:>17.1f}")
    return {"batch": count, **medians, "ratio": ratio}


def judging(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds to judge pictures of the pocket world one by one, and all together."""
    from experts.pocket.trials import sample_trials

    pictures, questions, rounds = 16, 12, 2 if options.quick else 6
    trials = sample_trials(2 * pictures, options.seed, ["edit: recolour"])
    criteria = list({k.question: k for t in trials for k in t.kept if not k.depends_on}.values())
    asked = []
    for n, trial in enumerate(trials[:pictures]):
        chosen = [criteria[(n + i) % len(criteria)] for i in range(questions)]
        named = tuple(k.model_copy(update={"id": f"k{i}"}) for i, k in enumerate(chosen))
        command = Command(id="c1", op="recolour", instruction=trial.text, criteria=named)
        assert trial.image is not None, "it is an edit"
        asked.append((Plan(prompt=trial.text, commands=(command,)), trial.image))
    critic = VqaCritic()
    critic.judge_many(asked)  # loads
    spent: dict[str, list[float]] = {"one_by_one": [], "together": []}
    furthest = 0.0
    for _ in range(rounds):  # in turn, so that what else the machine does hits both
        started = time.process_time()
        alone = [critic.judge(*one) for one in asked]
        middle = time.process_time()
        together = critic.judge_many(asked)
        spent["one_by_one"].append(middle - started)
        spent["together"].append(time.process_time() - middle)
        both = zip(alone, together, strict=True)
        gaps = [
            abs(v.score - w.score)
            for a, b in both
            for v, w in zip(a.verdicts, b.verdicts, strict=True)
        ]
        furthest = max(furthest, *gaps)
    figures = {name: statistics.median(values) for name, values in spent.items()}
    figures["ratio"] = figures["one_by_one"] / figures["together"]
    figures["furthest_apart"] = furthest
    print(f"{pictures} pictures, {questions} questions each, processor seconds")
    print(f"{'one by one':>11} {'together':>9} {'ratio':>6} {'scores apart at most':>21}")
    print(
        f"{figures['one_by_one']:>11.2f} {figures['together']:>9.2f} {figures['ratio']:>6.2f} "
        f"{furthest:>21.1e}"
    )
    return figures


def _quiet() -> Any:
    import torch

    return torch.inference_mode()


def processes(options: argparse.Namespace) -> dict[str, Any]:
    """Steps a second and memory, beside a process with a pipeline of its own for each episode."""
    import psutil
    from stable_baselines3.common.vec_env import SubprocVecEnv

    count, seconds = (2, 5.0) if options.quick else (8, 30.0)
    this = psutil.Process()
    stage = Stage(options)
    env = ComposeVecEnv(lambda: ImagePoserEnv(stage.episodes, LAYOUT), count)
    env.seed(options.seed)
    env.reset()
    env.step(np.full(count, stage.action))
    steps, spent = _steps(env, stage.action, seconds)
    figures: dict[str, Any] = {"episodes": count, "env_steps_per_s": steps / spent}
    figures["env_mib"] = this.memory_full_info().uss / 2**20
    before = {child.pid for child in this.children(recursive=True)}
    others = SubprocVecEnv([partial(_live, options)] * count, start_method="spawn")
    others.seed(options.seed)
    others.reset()
    others.step(np.full(count, stage.action))
    steps, spent = _steps(others, stage.action, seconds)
    children = [c for c in this.children(recursive=True) if c.pid not in before]
    figures["subproc_steps_per_s"] = steps / spent
    figures["subproc_mib"] = sum(c.memory_full_info().uss for c in children) / 2**20
    others.close()
    print(f"{count} episodes, judging included")
    print(f"{'':>14} {'steps/s':>8} {'MiB':>8}")
    for name in ("env", "subproc"):
        print(f"{name:>14} {figures[f'{name}_steps_per_s']:>8.2f} {figures[f'{name}_mib']:>8.0f}")
    return figures


class IdleVecEnv(SimulatedVecEnv):
    """Does nothing: the same observation for ever, every action legal, an end every 16 steps."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self._seen = super().reset()
        self._all = list(np.ones((count, self.layout.actions), np.bool_))
        self._taken = 0

    def reset(self) -> Any:
        """The observation."""
        return {name: part.copy() for name, part in self._seen.items()}

    def step_async(self, actions: Any) -> None:
        """Nothing."""

    def step_wait(self) -> Any:
        """The observation again."""
        self._taken += 1
        ended = np.full(self.num_envs, self._taken % 16 == 0)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        return self.reset(), np.zeros(self.num_envs, np.float32), ended, infos

    def env_method(self, method_name: str, *_args: Any, **_options: Any) -> list[Any]:
        """All actions are legal."""
        return self._all


def simulator(options: argparse.Namespace) -> dict[str, Any]:
    """Steps a second of MaskablePPO on the simulator, beside an env that does nothing."""
    from sb3_contrib import MaskablePPO
    from stable_baselines3.common.logger import configure

    count, length = 64, 16 if options.quick else 64
    makes: dict[str, Callable[[], Any]] = {
        "simulator": lambda: SimulatedVecEnv(count, seed=options.seed),
        "idle": lambda: IdleVecEnv(count),
    }
    models = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, make in makes.items():
            model = MaskablePPO(
                "MultiInputPolicy", make(), n_steps=length, batch_size=512, n_epochs=4,
                seed=options.seed,
            )  # fmt: skip
            model.set_logger(configure(folder, []))
            model.learn(count * length)  # warms up
            models[name] = model
        rates: dict[str, list[float]] = {name: [] for name in makes}
        for _ in range(3 if options.quick else 7):
            for name, model in models.items():
                started = time.process_time()
                model.learn(count * length, reset_num_timesteps=False)
                rates[name].append(count * length / (time.process_time() - started))
    alone = SimulatedVecEnv(count, seed=options.seed)
    alone.reset()
    rng, rounds = np.random.default_rng(options.seed), 100 if options.quick else 1000
    started = time.process_time()
    for _ in range(rounds):  # drawing an action is counted in
        masks = np.stack(alone.env_method("action_masks"))
        alone.step((rng.random(masks.shape) * masks).argmax(axis=1))
    steps, used = rounds * count, time.process_time() - started
    figures = {name: statistics.median(values) for name, values in rates.items()}
    figures["ratio"] = figures["simulator"] / figures["idle"]
    figures["simulator_alone"] = steps / used
    size = sum(int(np.prod(s)) for s in LAYOUT.shapes.values())
    print(f"{count} episodes, {size} numbers an observation, steps a CPU second")
    print(f"{'simulator + PPO':>16} {'idle + PPO':>11} {'ratio':>6} {'simulator alone':>16}")
    print(
        f"{figures['simulator']:>16.0f} {figures['idle']:>11.0f} {figures['ratio']:>6.2f} "
        f"{figures['simulator_alone']:>16.0f}"
    )
    return figures


PARTS = {"batch": batch, "judging": judging, "processes": processes, "simulator": simulator}


def main() -> None:
    """Measures and prints the tables."""
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all where left out")
    parser.add_argument("--expert", default="", help="text_to_image; the first where left out")
    parser.add_argument("--registry", type=Path, action="append", default=[], metavar="FILE")
    options = parser.parse_args()
    print(describe())
    figures: dict[str, Any] = {}
    for part in options.parts or PARTS:
        print(f"\n## {part}\n", flush=True)
        figures[part] = PARTS[part](options)
    write(options.json, figures)


if __name__ == "__main__":
    main()
