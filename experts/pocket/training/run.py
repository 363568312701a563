"""Puts a model, its data and the loop together, as the command line asks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from experts.pocket.sprites import SpriteSheet, cache_folder
from experts.pocket.training.loop import Schedule, Task, train

_RATES = {"text_to_image": 8e-4, "editor": 6e-4, "critic": 6e-4}
_HORIZONS = {"text_to_image": 10_000, "editor": 8_000, "critic": 10_000}


def choose_device(name: str) -> torch.device:
    """The device of a name; "auto" takes a GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def run(name: str, out: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Trains one model; see `experts.pocket.train` for the options."""
    torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    root = options.work or cache_folder() / "training"
    work = root / name
    sheet = SpriteSheet.load()
    schedule = Schedule(
        minutes=options.minutes,
        steps=options.steps,
        batch=options.batch,
        rate=options.rate or _RATES[name],
        horizon=options.horizon or _HORIZONS[name],
        every=options.every,
    )
    task: Task
    if name == "critic":
        from experts.pocket.training.vqa import CriticTask

        task = CriticTask(sheet, options.seed, options.batch, device)
    else:
        from experts.pocket.training.diffusion import DiffusionTask

        task = DiffusionTask(name, sheet, options.seed, options.batch, device)
        source = options.from_text_to_image or root / "text_to_image" / "checkpoint.pt"
        fresh = not (work / "checkpoint.pt").exists()
        if name == "editor" and fresh and source.exists():
            state = torch.load(source, map_location="cpu", weights_only=True)
            task.denoiser.take_from_drawing(state["averaged"])
    return train(task, schedule, work, out)
