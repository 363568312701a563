"""How many live steps a policy needs until it passes the router.

    python benchmarks/live_steps.py FOLDER ... [--episodes N] [--quick] [--seed N] [--json FILE]

Each folder is one of `poser train` with a stage of pixels. The router plays the held-out episodes
that the validations of these trainings played, for the same reward.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from machine import arguments, describe, write
from orchestration_parts import learning_curves

QUICK = 8


def main() -> None:
    """Prints a row for each training: the validation return by live steps."""
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--episodes", type=int, help="of the router; as many as were validated")
    options = parser.parse_args()
    print(describe())
    config, *others = map(_config, options.folders)
    stage = _live_stage(config)
    for folder, other in zip(options.folders[1:], others, strict=True):
        if _terms(_live_stage(other)) != _terms(stage):
            parser.error(f"{folder} was played for another reward than {options.folders[0]}")
    played = options.episodes or (QUICK if options.quick else config.validated(stage))
    router = _router(config, played)
    print(f"router: return {router['return']:.3f} +-{router['return_error']:.3f}, Phi "
          f"{router['phi']:.3f}, {router['length']:.1f} steps, {played} episodes\n")  # fmt: skip
    found: dict[str, Any] = {"router": router, "trainings": {}}
    for name, logged in learning_curves(options.folders).items():
        curve = _live(logged)
        passed = next((s for s, r in curve if r >= router["return"]), None)
        found["trainings"][name] = {"curve": curve, "passed": passed}
        said = " ".join(f"{steps}: {gained:.3f}" for steps, gained in curve)
        after = "more" if passed is None else passed
        print(f"{name}: {said}\n  passes the router after {after} live steps")
    write(options.json, found)


def _config(folder: Path) -> Any:
    from policies.training.config import CONFIG, TrainConfig

    return TrainConfig.from_json((folder / CONFIG).read_text(encoding="utf-8"))


def _live_stage(config: Any) -> Any:
    return next(s for s in config.stages if s.world == "pixels")


def _terms(stage: Any) -> tuple[float, ...]:
    """What returns can be compared by."""
    return stage.cost_weight, stage.usd_per_second, stage.step_penalty, stage.threshold


def _live(logged: Sequence[Mapping[str, Any]]) -> list[tuple[int, float]]:
    """Live steps and the validation return after them, of the log of a training."""
    before = max((n["steps"] for n in logged if n["stage"] != "pixels"), default=0)
    return [(n["steps"] - before, n["validation/return"]) for n in logged if n["stage"] == "pixels"]


def _router(config: Any, episodes: int) -> dict[str, float]:
    """What the router earns in the held-out episodes of the stage with pixels."""
    import numpy as np

    from envs.compose_env import ImagePoserEnv
    from policies.router import CapabilityRouter
    from policies.training.validation import play
    from poser.compose.worlds import live_worlds

    stage = _live_stage(config)
    world = live_worlds()(stage, config.layout, episodes, held_out=True)
    envs = [env for env in world.venv.envs if isinstance(env, ImagePoserEnv)]
    policy, stop = CapabilityRouter(), config.layout.stop

    def choose(_parts: Any, _masks: Any) -> Any:
        return np.array([_choice(env.rollout, policy, config.layout, stop) for env in envs])

    try:
        return play(choose, world.venv, config.validation.seed)
    finally:
        world.venv.close()
        world.close()


def _choice(rollout: Any, policy: Any, layout: Any, stop: int) -> int:
    from envs.legality import legal_actions

    state, registry = rollout.state, rollout.episode.registry
    if state.end is not None:
        return stop
    decision = policy.choose(state, legal_actions(state, registry), registry)
    return layout.encode(decision.action, state.plan, list(registry))


if __name__ == "__main__":
    main()
