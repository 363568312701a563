"""How each pocket model is trained: what it builds on, which data it sees, how large it is.

The experts differ because their training differs. Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

_ROOT: Final = Path(__file__).resolve().parent.parent.parent
_EXPERTS: Final = _ROOT / "experts" / "pocket" / "weights"
_JUDGES: Final = _ROOT / "critic" / "weights"

WIDE: Final = (32, 64, 96, 128)
"""UNet channels by level of the models that draw objects."""

NARROW: Final = (32, 48, 80)
"""UNet channels by level of the models that mostly change what is there."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one model is trained.

    Attributes:
        name: Of the model.
        task: Which kind of model: "text" (the encoder), "draw" (the renderer), "plan" and "plan
            edit" (planners), "sight" (what editors see), "edit" (on pixels), "style", "enlarge",
            "critic" or "detector".
        folder: Where its weights are exported to.
        share: Of the minutes of ``--all``.
        rate: Highest learning rate.
        horizon: Steps until the learning rate is down.
        batch: Pictures (or texts) a step.
        start: Model whose checkpoint it starts from; None starts from random weights.
        scenes: What a model that draws or plans sees: "any", "simple", "counts" or "layouts"
            (`experts.pocket.sampling.sample_drawn_scene`). For "counts" captions do not say what
            stands where.
        operations: What an editing model is taught, and its share; empty for all as they come.
        channels: UNet channels by level.
        in_place: Whether what an editing model paints are objects that are there already; None:
            where one of their kind is seen.
        candidates: Plans that an editing model makes, to paint the one that covers least.
        heeds: Whether an editing model holds its plans to the number, size and relation that an
            instruction says.
        settings: Whether an editing model repaints backgrounds and styles as well.
        planner: Sizes of the planner that differ from the defaults of `SlotPlanner`.
    """

    name: str
    task: str
    folder: Path
    share: float
    rate: float
    horizon: int
    batch: int = 32
    start: str | None = None
    scenes: str = "any"
    operations: tuple[tuple[str, float], ...] = ()
    channels: tuple[int, ...] = WIDE
    in_place: bool | None = False
    candidates: int = 1
    settings: bool = False
    heeds: bool = False
    planner: tuple[tuple[str, int], ...] = ()


_ALL: Final = (
    Recipe("text", "text", _EXPERTS / "shared", 5, 1e-3, 6_000, batch=64),
    Recipe("renderer", "draw", _EXPERTS / "renderer", 60, 9e-4, 12_000, batch=16),
    Recipe("painter", "plan", _EXPERTS / "painter", 4, 1e-3, 1_500, batch=48, scenes="simple",
           planner=(("width", 96), ("layers", 3))),
    Recipe("counter", "plan", _EXPERTS / "counter", 6, 1e-3, 2_000, batch=48, scenes="counts"),
    Recipe("layout", "plan", _EXPERTS / "layout", 6, 1e-3, 2_000, batch=48, scenes="layouts"),
    Recipe("sight", "sight", _EXPERTS / "sight", 12, 1.5e-3, 4_500),
    Recipe("editor", "plan edit", _EXPERTS / "editor", 6, 1e-3, 2_500,
           operations=(("add", 0.2), ("add at relation", 0.15), ("count", 0.1), ("move", 0.1),
                       ("replace", 0.1), ("remove", 0.15), ("recolour", 0.15), ("resize", 0.05)),
           planner=(("width", 64), ("layers", 2)), in_place=None, settings=True),
    Recipe("adder", "plan edit", _EXPERTS / "adder", 20, 1e-3, 5_000,
           operations=(("add", 0.36), ("add at relation", 0.28), ("count", 0.13), ("move", 0.1),
                       ("replace", 0.13)), candidates=3, heeds=True),
    Recipe("remover", "plan edit", _EXPERTS / "remover", 4, 6e-4, 1_500, start="adder",
           operations=(("remove", 0.8), ("count", 0.2)), heeds=True),
    Recipe("recolourer", "plan edit", _EXPERTS / "recolourer", 4, 6e-4, 1_500, start="adder",
           operations=(("recolour", 0.65), ("resize", 0.35)), in_place=True, heeds=True),
    Recipe("scenery", "edit", _EXPERTS / "scenery", 20, 9e-4, 5_000,
           operations=(("background", 0.5), ("style", 0.5)), channels=NARROW),
    Recipe("stylist", "style", _EXPERTS / "stylist", 8, 1.5e-3, 2_500),
    Recipe("enlarger", "enlarge", _EXPERTS / "enlarger", 10, 2e-3, 2_000, batch=8),
    Recipe("critic", "critic", _JUDGES / "pocket_vqa", 30, 6e-4, 9_000),
    Recipe("detector", "detector", _JUDGES / "pocket_detector", 12, 1.5e-3, 4_500, batch=16),
)  # fmt: skip

RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType({r.name: r for r in _ALL})
"""Every model, in the order that ``--all`` trains them."""
