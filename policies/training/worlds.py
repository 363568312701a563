"""The worlds that a policy is trained and validated in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from envs.layout import Layout
from policies.training.config import Stage, TrainingError
from poser.core.value import content_hash

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv


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


def simulated_world(stage: Stage, layout: Layout, count: int, *, held_out: bool = False) -> World:
    """The simulator, ``held_out`` by its seed alone; see :class:`MakeWorld`.

    Raises:
        TrainingError: The stage is not a simulated one.
        LayoutError: The ranges of the stage are larger than the layout.
    """
    del held_out
    if stage.world != "simulated":
        raise TrainingError(
            f"stage {stage.name!r} needs live experts", remedy="run it by: poser train --live"
        )
    from envs.simulation.vector import SimulatedVecEnv

    venv = SimulatedVecEnv(count, layout, stage.ranges)
    return World(venv, fingerprints={"ranges": content_hash(stage.ranges.to_dict())})
