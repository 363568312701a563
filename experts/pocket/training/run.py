"""Puts a model, its data and the loop together, as the command line asks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from experts.pocket.recipes import RECIPES, Recipe
from experts.pocket.sprites import SpriteSheet, cache_folder
from experts.pocket.training.enlarger import EnlargerTask
from experts.pocket.training.loop import Schedule, Task, train
from experts.pocket.training.painted import PaintedScenes
from experts.pocket.training.sight import SightTask
from experts.pocket.training.stylist import StylistTask
from experts.pocket.training.vqa import CriticTask

OWN_SEED = 11
"""Added to the seed of the painted pictures that the detector learns from."""


def choose_device(name: str) -> torch.device:
    """The device of a name; "auto" takes a GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def build(
    recipe: Recipe, sheet: SpriteSheet, seed: int, batch: int, device: torch.device, text: Path
) -> Task:
    """The model of a recipe, with random weights.

    Args:
        recipe: Which.
        sheet: Sprites.
        seed: Of the weights and of all data.
        batch: Pictures a step.
        device: Where to train.
        text: Folder of the text encoder that drawing and editing models read with.
    """
    if recipe.task == "text":
        from experts.pocket.training.text import TextTask

        return TextTask(sheet, seed, batch, device)
    if recipe.task == "critic":
        return CriticTask(sheet, seed, batch, device)
    if recipe.task == "sight":
        return SightTask(sheet, seed, batch, device)
    if recipe.task == "detector":
        from experts.pocket.training.detector import DetectorTask

        return DetectorTask(sheet, seed, batch, device)
    if recipe.task == "style":
        return StylistTask(sheet, seed, batch, device, text)
    if recipe.task == "enlarge":
        return EnlargerTask(sheet, seed, batch, device)
    if recipe.task.startswith("plan"):
        from experts.pocket.training.planning import PlanTask

        return PlanTask(recipe, sheet, seed, batch, device, text)
    from experts.pocket.training.diffusion import DiffusionTask

    return DiffusionTask(recipe, sheet, seed, batch, device, text)


def run(recipe: Recipe, out: Path, minutes: float, options: argparse.Namespace) -> dict[str, Any]:
    """Trains one model; see `experts.pocket.train` for the options."""
    torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    root = options.work or cache_folder() / "training"
    work = root / recipe.name
    batch = options.batch or recipe.batch
    schedule = Schedule(
        minutes=minutes,
        steps=options.steps,
        batch=batch,
        rate=options.rate or recipe.rate,
        horizon=(horizon := options.horizon or recipe.horizon),
        warmup=min(200, 1 + horizon // 12),
        every=options.every,
    )
    packaged = RECIPES["text"].folder
    beside = out.parent / packaged.name
    text = beside if beside.is_dir() else packaged
    if options.start is not None and not options.start.is_file():
        raise SystemExit(f"there is no checkpoint {options.start}: give another with --from")
    if options.still and (recipe.task != "critic" or options.start is None):
        raise SystemExit("--still is for the critic, and goes on from a checkpoint: give --from")
    sheet = SpriteSheet.load()
    task = build(recipe, sheet, options.seed, batch, device, text)
    measures = recipe.task == "detector"
    if measures or isinstance(task, CriticTask | SightTask | EnlargerTask | StylistTask):
        trained = (out.parent, packaged.parent)
        painters = [f for f in trained if (f / RECIPES["painter"].folder.name).is_dir()]
        if painters and options.painted:
            # What measures sees pictures of its own.
            seed = options.seed + (OWN_SEED if measures else 0)
            painted = PaintedScenes(sheet, seed, options.painted)
            painted.load(root, painters[0])
            task.painted = painted  # type: ignore[attr-defined]
    source = options.start
    if source is None and recipe.start is not None:
        source = root / recipe.start / "checkpoint.pt"
    start = getattr(task, "start_from", None)
    if options.start is not None and isinstance(task, CriticTask):
        task.look_first = 0  # it has learned that
    if options.still and isinstance(task, CriticTask):
        task.keep_still()
    fresh = not (work / "checkpoint.pt").exists()
    if fresh and start is not None and source is not None and source.exists():
        start(torch.load(source, map_location="cpu", weights_only=True))
    return train(task, schedule, work, out)
