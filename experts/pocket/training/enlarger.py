"""Training of the enlarger, on scenes drawn at two scales.

What it is given the renderer painted, or looks as young diffusion models draw (soft, wobbly, noisy,
smudged); what it is to make is the same scene drawn in four times the detail.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import UNet2DModel
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from experts.pocket import world
from experts.pocket.degrade import soften
from experts.pocket.drawing import render, render_twice
from experts.pocket.enlarger import (
    CHANNELS,
    FACTOR,
    PocketEnlargePipeline,
    build_enlarger,
    enlarge,
)
from experts.pocket.sampling import sample_scene
from experts.pocket.scenes import Scene
from experts.pocket.sprites import SpriteSheet
from experts.pocket.training.painted import PaintedScenes
from experts.pocket.training.precision import mixed
from experts.pocket.training.tensors import to_tensor

EDGES_WEIGH = 1.0
"""Weight of the difference between neighbouring pixels, relative to that of the pixels."""

ROUND = 0.02
"""Differences well below this one, of a range of 2, count as their squares do."""

WORN_WEIGHTS = (0.2, 0.35, 0.3, 0.15)
"""How often a picture is softened not at all, once, twice, three times."""

VARIANTS = 2
"""Small pictures made of one large one: drawing takes longer than softening."""

CROWDED = 0.5
"""Share of scenes of three and more kinds of object: most of a simple scene is even."""

PAINTED = 0.6
"""Share of pictures that the renderer painted: what a finisher is given in earnest."""

STYLED = 0.3
"""Share of pictures that are given a style where they have none: there are few, and they differ."""

Bytes = NDArray[np.uint8]


def pairs(
    sheet: SpriteSheet, rng: np.random.Generator, count: int = 1, worn: int | None = None
) -> tuple[list[Bytes], Bytes]:
    """Small pictures as a model may have drawn them, and the large one they should become.

    Args:
        sheet: Sprites.
        rng: Source of chance.
        count: How many small ones.
        worn: How many times each is softened; drawn at random where None.

    Returns:
        Arrays (64, 64, 3), and one (256, 256, 3).
    """
    kinds = int(rng.integers(3, 5)) if rng.random() < CROWDED else None
    scene, _ = sample_scene(sheet, rng, kinds)
    style = scene.style
    if style is None and rng.random() < STYLED:
        style = str(rng.choice(world.STYLES))
    small, large = render_twice(sheet, replace(scene, style=style), FACTOR)
    found = []
    for _ in range(count):
        shown = small
        times = int(rng.choice(len(WORN_WEIGHTS), p=WORN_WEIGHTS)) if worn is None else worn
        for _ in range(times):
            shown = soften(shown, rng)
        found.append(shown)
    return found, large


def plain(sheet: SpriteSheet, scene: Scene) -> Bytes:
    """A scene without its style, (256, 256, 3)."""
    return render(sheet, replace(scene, style=None), FACTOR)


def _charbonnier(off: Tensor) -> Tensor:
    return ((off.square() + ROUND**2).sqrt() - ROUND).mean()


def bicubic(pixels: Tensor) -> Tensor:
    """Pictures enlarged without a model."""
    return functional.interpolate(pixels, scale_factor=FACTOR, mode="bicubic")


class EnlargerTask:
    """The loss and the export of the enlarger; see `experts.pocket.training.loop.Task`."""

    name = "enlarger"

    def __init__(
        self,
        sheet: SpriteSheet,
        seed: int,
        batch: int,
        device: torch.device,
        channels: Sequence[int] = CHANNELS,
    ) -> None:
        """Builds the model and its data."""
        self.sheet, self.seed, self.batch, self.device = sheet, seed, batch, device
        torch.manual_seed(seed)
        self.unet = build_enlarger(channels).to(device, memory_format=torch.channels_last)
        self.model: nn.Module = self.unet
        self.painted: PaintedScenes | None = None

    def _pairs(self, rng: np.random.Generator, count: int) -> tuple[list[Bytes], Bytes]:
        if self.painted is None or rng.random() >= PAINTED:
            return pairs(self.sheet, rng, count)
        painting, image = self.painted.sample(rng)
        # Where one could argue what is seen, and of a style, there is no certain drawing.
        while painting.shown.style is not None or painting.doubtful or painting.hidden:
            painting, image = self.painted.sample(rng)
        scene = painting.shown
        return [image], plain(self.sheet, scene)

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """How far pixels, and the differences between neighbours, are from the drawn ones."""
        rng = np.random.default_rng([self.seed, 13, step])
        small: list[Bytes] = []
        large: list[Bytes] = []
        while len(small) < self.batch:
            some, drawn = self._pairs(rng, min(VARIANTS, self.batch - len(small)))
            small += some
            large += [drawn] * len(some)
        given, wanted = to_tensor(small, self.device), to_tensor(large, self.device)
        with mixed(self.device):
            made = enlarge(self.unet, given.contiguous(memory_format=torch.channels_last))
        off = made - wanted
        pixels = _charbonnier(off)
        edges = _charbonnier(off.diff(dim=-1)) + _charbonnier(off.diff(dim=-2))
        with torch.no_grad():
            figures = {
                "pixels": float(pixels),
                "edges": float(edges),
                "bicubic": float(_charbonnier(bicubic(given) - wanted)),
                "psnr": psnr(made, wanted),
            }
        return pixels + EDGES_WEIGH * edges, figures

    def export(self, averaged: dict[str, Tensor], folder: Path, record: dict[str, Any]) -> None:
        """Saves the averaged weights in float16 as a diffusers pipeline."""
        unet = UNet2DModel.from_config(self.unet.config)
        unet.load_state_dict({key: value.cpu() for key, value in averaged.items()})
        PocketEnlargePipeline(unet.half().eval()).save_pretrained(folder, safe_serialization=True)
        (folder / "training.json").write_text(json.dumps(record, indent=2) + "\n")


def psnr(made: Tensor, wanted: Tensor) -> float:
    """Mean peak signal-to-noise ratio in decibels of pictures in [-1, 1]."""
    error = ((made.clamp(-1, 1) - wanted) / 2).square().flatten(1).mean(1).clamp(min=1e-8)
    return float((-10 * error.log10()).mean())
