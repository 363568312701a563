"""The worlds that a policy is trained and validated in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from envs.layout import Layout
from experts.prices import priced
from policies.training.config import Stage, TrainConfig, TrainingError
from poser.core.expert import ExpertSpec
from poser.core.value import content_hash

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv

    from experts.registry import Registry


@dataclass(frozen=True, slots=True)
class World:
    """Episodes to play.

    Attributes:
        venv: Many episodes together, of a layout's spaces, with ``action_masks``.
        experts: Ids by column, where the registry is the same in all episodes; else empty.
        fingerprints: What it was made of, for the record: name to hash.
        close: Frees what it holds.
    """

    venv: VecEnv
    experts: tuple[str, ...] = ()
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    close: Callable[[], None] = lambda: None


class MakeWorld(Protocol):
    """Makes the world of a stage."""

    def __call__(self, stage: Stage, layout: Layout, count: int, *, held_out: bool) -> World:
        """A world of ``count`` episodes together.

        Args:
            stage: The stage.
            layout: How much an observation has room for.
            count: Episodes stepped together.
            held_out: Whether it is for validation, where a stage has prompts to keep apart.
        """
        ...


def of_registry(stage: Stage, *, live: bool) -> bool:
    """Whether a stage is run, and with the experts of the registry rather than drawn ones."""
    return live if stage.world == "pixels" else stage.experts == "registry"


def check_prices(config: TrainConfig, registry: Mapping[str, ExpertSpec], *, live: bool) -> None:
    """Finds out before the first stage whether a later one can price the experts.

    Args:
        config: What is to be trained.
        registry: Specs by id.
        live: Whether stages with pixels are run.

    Raises:
        RegistryError: The seconds of an expert that are to be priced are not known.
    """
    for stage in config.stages:
        if of_registry(stage, live=live):
            priced(registry, stage.usd_per_second)


def simulated_world(
    stage: Stage,
    layout: Layout,
    count: int,
    *,
    held_out: bool = False,
    registry: Registry | None = None,
) -> World:
    """The simulator, ``held_out`` by its seed alone; see :class:`MakeWorld`.

    Args:
        stage: The stage.
        layout: How much an observation has room for.
        count: Episodes stepped together.
        held_out: Changes nothing.
        registry: The experts of a stage that names ``registry``; ``None`` for the built-in ones.

    Raises:
        TrainingError: The stage is not a simulated one.
        LayoutError: The ranges of the stage, or the registry, are larger than the layout.
        RegistryError: The seconds of an expert that are to be priced are not known.
    """
    del held_out
    if stage.world != "simulated":
        raise TrainingError(
            f"stage {stage.name!r} needs live experts", remedy="run it by: poser train --live"
        )
    from envs.simulation.vector import SimulatedVecEnv

    hashes = {"ranges": content_hash(stage.ranges.to_dict())}
    if stage.experts == "drawn":
        venv = SimulatedVecEnv(count, layout, stage.ranges, rules=stage.rules)
        return World(venv, fingerprints=hashes)
    from envs.simulation import KnownExperts

    if registry is None:
        from experts.registry import load_registry

        registry = load_registry()
    known = KnownExperts(priced(registry, stage.usd_per_second), registry.tables)
    venv = SimulatedVecEnv(count, layout, stage.ranges, rules=stage.rules, known=known)
    tables = {name: table.to_dict() for name, table in registry.tables.items()}
    hashes |= {"registry": registry.fingerprint, "tables": content_hash(tables)}
    return World(venv, tuple(registry), hashes)
