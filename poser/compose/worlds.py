"""Live worlds to train in: prompts, real experts and a real critic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from envs.episodes import LiveEpisodes
from envs.rules import Rules
from envs.simulation.worlds import draw_cost_weights
from experts.prices import billing, priced
from policies.training.config import Stage, TrainConfig, TrainingError
from policies.training.worlds import MakeWorld, World, of_registry, simulated_world
from poser.compose.finishing import with_finish
from poser.compose.inputs import read_prompt
from poser.core.value import content_hash
from poser.decompose import RuleDecomposer

if TYPE_CHECKING:
    import numpy as np

    from critic.vqa import VqaCritic
    from envs.layout import Layout
    from experts.base import Expert
    from experts.registry import Registry
    from poser.core.plan import Plan

HELD_OUT = 5
"""One prompt in so many is kept for validation."""


def live_worlds(registry_files: Sequence[Path] = (), critic: Path | None = None) -> MakeWorld:
    """What makes the worlds of stages with pixels, and simulated ones as well.

    Args:
        registry_files: Merged over the built-in experts.
        critic: Folder of the critic; ``None`` for the pocket critic.

    Raises:
        RegistryError: A registry file is wrong.
        CriticError: The critic's folder is wrong.
    """
    from critic.vqa import POCKET, VqaCritic
    from experts.registry import load_registry

    return worlds_with(load_registry(registry_files), VqaCritic(critic or POCKET))


def worlds_with(
    registry: Registry, judge: VqaCritic, expert: Callable[[str], Expert] | None = None
) -> MakeWorld:
    """The same with what is loaded already.

    Args:
        registry: The experts.
        judge: The critic.
        expert: Finds an expert by its id; ``None`` for the registry's own way.
    """
    found = expert or registry.expert

    def make(stage: Stage, layout: Layout, count: int, *, held_out: bool) -> World:
        if stage.world == "simulated":
            return simulated_world(stage, layout, count, registry=registry)
        from envs.compose_env import ImagePoserEnv
        from envs.encoders import HashedWords, Thumbnail
        from envs.vector import ComposeVecEnv

        plans = _plans(stage, registry, held_out)
        specs = priced(registry, stage.usd_per_second)
        episodes = LiveEpisodes(
            plans=plans,
            registry=specs,
            expert=billing(found, specs),
            critic=judge,
            rules=_rules(stage),
            tables=registry.tables,
        )
        texts = HashedWords(layout.text_dim) if layout.text_dim else None
        side = round((layout.image_dim / 3) ** 0.5)
        images = Thumbnail(side) if side else None
        judge.load()
        venv = ComposeVecEnv(lambda: ImagePoserEnv(episodes, layout, texts, images), count)
        tables = {name: table.to_dict() for name, table in registry.tables.items()}
        return World(
            venv,
            tuple(registry),
            {
                "registry": registry.fingerprint,
                "tables": content_hash(tables),
                "critic": f"{judge.id}@{judge.revision}",
                "prompts": content_hash([plan.to_dict() for plan in plans]),
            },
        )

    return make


def check_room(config: TrainConfig, registry: Registry, *, live: bool) -> None:
    """Finds out before the first stage whether a later one has room for experts and prompts.

    Args:
        config: What is to be trained.
        registry: The experts of stages that do not draw them.
        live: Whether stages with pixels are run.

    Raises:
        TrainingError: There are more experts, or a prompt has more commands, than places; or there
            are no prompts.
        InvalidPromptError: A prompt cannot be used.
    """
    for stage in config.stages:
        if not of_registry(stage, live=live):
            continue
        if len(registry) > config.max_experts:
            raise TrainingError(
                f"stage {stage.name!r}: there are {len(registry)} experts, and max_experts is "
                f"{config.max_experts}",
                remedy="raise max_experts, or switch experts off",
            )
        for path in prompt_files(stage) if stage.world == "pixels" else ():
            needed = len(_plan(path, registry).commands)
            if needed > config.max_commands:
                raise TrainingError(
                    f"stage {stage.name!r}: the plan of {path} has {needed} commands, and "
                    f"max_commands is {config.max_commands}",
                    remedy="raise max_commands, or leave this prompt out",
                )


def too_few_apart(config: TrainConfig) -> list[str]:
    """Notes on stages whose prompts are too few for any to be kept apart for validation."""
    return [
        f"stage {stage.name!r} is validated on the {len(files)} prompts that it trains on; of "
        f"{HELD_OUT} or more, one in {HELD_OUT} would be kept apart"
        for stage in config.stages
        if stage.world == "pixels" and len(files := prompt_files(stage)) < HELD_OUT
    ]


def prompt_files(stage: Stage) -> list[Path]:
    """The prompts of a stage: its files, and the ``.txt`` files of its folders, in their order.

    Raises:
        TrainingError: There is no such file, or none in a folder.
    """
    files: list[Path] = []
    for name in stage.prompts:
        path = Path(name)
        found = sorted(path.glob("*.txt")) if path.is_dir() else [path]
        if not found or not found[0].is_file():
            raise TrainingError(
                f"stage {stage.name!r}: there are no prompts at {path}",
                remedy="name text files, or folders of them",
            )
        files += found
    return files


def _plans(stage: Stage, registry: Registry, held_out: bool) -> list[Plan]:
    """The plans of a stage; every fifth prompt is kept for validation where there are so many."""
    files = prompt_files(stage)
    if len(files) >= HELD_OUT:
        files = [f for n, f in enumerate(files) if (n % HELD_OUT == HELD_OUT - 1) == held_out]
    return [_plan(path, registry) for path in files]


def _plan(path: Path, registry: Registry) -> Plan:
    plan = RuleDecomposer().decompose(read_prompt(str(path)))
    return with_finish(plan, [registry[i] for i in registry])


def _rules(stage: Stage) -> Callable[[np.random.Generator], Rules]:
    """Rules with a cost weight drawn for each episode, so that one policy serves every wish.

    In as many episodes as in the simulator it is 0.
    """

    def draw(rng: np.random.Generator) -> Rules:
        (weight,) = draw_cost_weights(rng, stage.cost_weight, 1)
        return stage.rules.model_copy(update={"cost_weight": float(weight)})

    return draw
