"""Whether a policy goes on calling a good expert after training with outages of it.

    python benchmarks/outages.py [--live] [--steps N] [--expert ID] [--share P]
        [--prompts FOLDER] [--quick] [--seed N] [--json FILE]

Three trainings: without failures; with a share of one expert's calls failing, which the update
leaves out as it does with any outage; with the same failures learned from like bad work. Each
policy then plays the same held-out episodes, in which nothing fails.

They are trained in simulated worlds of the experts that ship. With --live the three begin as one,
trained in such worlds without failures, and go on on live pixels, in which the expert fails; for
these there must be prompts: python -m experts.pocket.prompts --split train --n 300 --texts
training/prompts
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from machine import arguments, describe, write
from outages_worlds import SURE, Counted, live_worlds, worlds

from critic.vqa import VqaCritic
from experts.registry import Registry, load_registry
from policies.export import load_policy
from policies.scorer import Scorer
from policies.training.checkpoint import Checkpoint
from policies.training.config import TrainConfig, checked
from policies.training.run import CHECKPOINT, SilentWatcher, Training
from policies.training.validation import greedy, play
from policies.training.worlds import MakeWorld
from poser.core.errors import PoserError

SIMULATED = 98_304
"""Simulated steps, also those before live ones."""

ARMS = ("none", "left out", "learned from")


class LastWeights(SilentWatcher):
    """Keeps the weights of the last leg, whether they are the best or not."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.policy = folder, Checkpoint().policy

    def leg(self, figures: Mapping[str, Any]) -> None:
        """See the base class."""
        self.policy = Checkpoint.load(self.folder / CHECKPOINT).policy


def config_of(options: Namespace) -> TrainConfig:
    """One stage in worlds of the registry, in which nothing else fails; one on live pixels."""
    live, quick = options.live, options.quick
    simulated = (4_096 if quick else SIMULATED) if live else options.steps
    envs, rollout = (2, 8) if live and quick else (16, 32)  # the former of the live stage
    updates = min(8, -(-simulated // (64 * rollout)))  # of a leg: a short training is one leg
    stages: list[dict[str, Any]] = [{
        "name": "registry", "world": "simulated", "experts": "registry", "steps": simulated,
        "envs": 64, "rate": 5.0e-4, "entropy": 0.01, "ranges": SURE,
        "updates": updates,
    }]  # fmt: skip
    if live:
        stages.append({
            "name": "pixels", "world": "pixels", "steps": options.steps, "envs": envs,
            "updates": -(-options.steps // (rollout * envs)), "rate": 2.0e-4, "entropy": 0.005,
            "prompts": [str(options.prompts)],
        })  # fmt: skip
    return checked(
        {"seed": options.seed, "max_commands": 16, "max_experts": 16, "stages": stages,
         "validation": {"episodes": (1 if quick else 64) if live else 256},
         "ppo": {"rollout": rollout, "batch": 512, "epochs": 4}},
        "this benchmark",
    )  # fmt: skip


def trained(
    config: TrainConfig, make: MakeWorld, folder: Path, begun: Path | None
) -> tuple[Scorer, float]:
    """What comes of a training, and its minutes.

    With ``begun`` it goes on from that folder, live, and the weights it ends with count: the best
    may be those that it began with.
    """
    began = time.perf_counter()
    if begun is None:
        Training(config, folder, make).run()
        scorer, _ = load_policy(folder / "policy")
    else:
        shutil.copytree(begun, folder)
        last = LastWeights(folder)
        Training(config, folder, make, live=True, watcher=last).run(resume=True)
        scorer = Scorer(config.shape)
        assert last.policy is not None, "a stage has a leg"
        scorer.load_state_dict(last.policy)
    return scorer.eval(), (time.perf_counter() - began) / 60


def measured(
    config: TrainConfig, scorer: Scorer, make: MakeWorld, episodes: int, column: int
) -> dict[str, float]:
    """Plays a policy where nothing fails: what came of it, and an expert's share of the calls."""
    world = make(config.stages[-1], config.layout, episodes, held_out=True)
    counted = Counted(world.venv, config.layout)
    found = play(greedy(scorer), counted, 10_007 + config.seed)
    counted.close()
    world.close()
    return {"share": counted.calls[column] / max(1, counted.calls.total()), **found}


def arms(registry: Registry, options: Namespace, folder: Path) -> Iterator[tuple[str, dict]]:
    """Trains and measures each; with --live also what they begin with."""
    config, column = config_of(options), list(registry).index(options.expert)
    episodes = (1 if options.live else 128) if options.quick else (256 if options.live else 1024)
    judge, begun = VqaCritic(), None

    def row(scorer: Scorer, make: MakeWorld, minutes: float) -> dict[str, float]:
        found = measured(config, scorer, make, episodes, column)
        return {"minutes": minutes, **found}

    def live(share: float, told: bool) -> MakeWorld:
        return live_worlds(registry, judge, options.expert, share, options.seed, told=told)

    if options.live:
        begun = folder / "begun"
        scorer, minutes = trained(config, worlds(registry, column, 0.0, told=True), begun, None)
        yield "before any live step", row(scorer, live(0.0, True), minutes)
    for arm in ARMS:
        share, told = 0.0 if arm == "none" else options.share, arm != "learned from"
        make = live(share, told) if options.live else worlds(registry, column, share, told=told)
        scorer, minutes = trained(config, make, folder / arm, begun)
        yield arm, row(scorer, make, minutes)


def main() -> None:
    """Trains three times and prints what each policy makes of the expert."""
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--live", action="store_true", help="outages on live pixels")
    parser.add_argument("--steps", type=int,
        help="of each training, with --live those on live pixels; 98304 and 4096")  # fmt: skip
    parser.add_argument("--expert", default="pocket/adder", help="which one fails")
    parser.add_argument("--share", type=float, default=0.2, help="of its calls")
    parser.add_argument("--prompts", type=Path, default=Path("training/prompts"), metavar="FOLDER",
        help="of live training; every fifth is held out")  # fmt: skip
    options = parser.parse_args()
    usual = {
        (False, False): SIMULATED,
        (False, True): 4_096,
        (True, False): 4_096,
        (True, True): 16,
    }
    options.steps = options.steps or usual[options.live, options.quick]
    print(f"{describe()}\n{options.steps} {'live ' if options.live else ''}steps, seed "
          f"{options.seed}; {options.share:.0%} of the calls of {options.expert} fail\n\n"
          "| failures in training | share of calls | return | Phi | length | minutes |\n"
          "|---|---|---|---|---|---|")  # fmt: skip
    found: dict[str, Any] = {}
    with load_registry() as registry, tempfile.TemporaryDirectory() as scratch:
        try:
            for arm, one in arms(registry, options, Path(scratch)):
                found[arm] = one
                print(f"| {arm} | {one['share']:.3f} | {one['return']:.3f} "
                      f"({one['return_error']:.3f}) | {one['phi']:.3f} | {one['length']:.1f} "
                      f"| {one['minutes']:.1f} |", flush=True)  # fmt: skip
        except PoserError as error:
            raise SystemExit(f"poser: {error}") from None
    write(options.json, {"steps": options.steps, "expert": options.expert, "arms": found})


if __name__ == "__main__":
    main()
