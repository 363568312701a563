"""Scenes as the renderer paints them: what the critic will have to judge, with the truth known.

A scene's own places are painted, so what a picture shows follows from the scene and not from what
a planner made of a text. Some pictures are painted whole; in others one kind of object is painted
into a rendered picture, or painted away from one, as editors do.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from experts.pocket.drawing import render
from experts.pocket.pipeline import digest_of
from experts.pocket.recipes import RECIPES
from experts.pocket.sampling import sample_scene
from experts.pocket.scenes import Scene
from experts.pocket.slot_pipeline import PocketTextToImagePipeline, outside
from experts.pocket.slots import EMPTIED, PAINTED, in_groups
from experts.pocket.sprites import SpriteSheet
from experts.pocket.training.tensors import to_tensor

BATCH = 32
STEPS = 6
WHOLE = 0.6
"""Share of the pictures that are painted whole."""
AWAY = 0.35
"""Of the others, the share in which a kind of object is painted away."""

Bytes = NDArray[np.uint8]


class PaintedScenes:
    """Painted pictures of scenes, kept in a file because painting is slow.

    Args:
        sheet: Sprites.
        seed: Decides every scene and picture.
        count: How many.
    """

    def __init__(self, sheet: SpriteSheet, seed: int, count: int) -> None:
        self.sheet, self.seed, self.count = sheet, seed, count
        self._images: NDArray[np.uint8] | None = None

    def load(
        self, folder: Path, weights: Path, report: Callable[[int], None] = lambda _: None
    ) -> None:
        """Reads the pictures; what is missing is painted first and kept.

        Args:
            folder: Where they are kept, as (pictures, 64, 64, 3) bytes, by the hash of the renderer
                and the seed.
            weights: Folder of the renderer and of the painter that uses it.
            report: Told how many there are.
        """
        name = f"painted-{digest_of(weights / 'renderer' / 'unet')[:12]}-seed{self.seed}.npy"
        file = folder / name
        images = np.load(file, allow_pickle=False) if file.is_file() else np.zeros(
            (0, 64, 64, 3), np.uint8
        )  # fmt: skip
        pipeline = None
        while len(images) < self.count:
            if pipeline is None:
                pipeline = PocketTextToImagePipeline.from_pretrained(
                    weights / RECIPES["painter"].folder.name
                )
                pipeline.set_progress_bar_config(disable=True)
            start = len(images)
            images = np.concatenate([images, self._paint(pipeline, start)])
            if len(images) % (BATCH * 10) == 0 or len(images) >= self.count:
                file.parent.mkdir(parents=True, exist_ok=True)
                scratch = file.with_suffix(".writing.npy")
                np.save(scratch, images)
                scratch.replace(file)
                report(len(images))
        self._images = images[: self.count]

    def sample(self, rng: np.random.Generator) -> tuple[Scene, Bytes]:
        """One of the scenes and its picture."""
        assert self._images is not None, "load first"
        index = int(rng.integers(self.count))
        scene, _, _, _ = self._scene(index)
        return scene, self._images[index]

    def _scene(self, index: int) -> tuple[Scene, str, Scene | None, str]:
        """What a picture shows, where, what it was before and the kind that changed."""
        rng = np.random.default_rng([self.seed, 23, index])
        scene, _ = sample_scene(self.sheet, rng)
        told = f"on a {scene.background} background"
        if scene.style is not None:
            told += f" in {scene.style} style"
        if rng.random() < WHOLE or not scene.things:
            return scene, told, None, ""
        noun = str(rng.choice(scene.nouns()))
        rest = scene.without(noun)
        if rng.random() < AWAY:
            return rest, told, scene, noun
        return scene, told, rest, noun

    def _paint(self, pipeline: PocketTextToImagePipeline, start: int) -> Bytes:
        rows, texts, before, kept = [], [], [], []
        for index in range(start, start + BATCH):
            scene, told, old, noun = self._scene(index)
            if old is None:
                changed = [(thing, PAINTED) for thing in scene.things]
                before.append(np.zeros((64, 64, 3), np.uint8))
            else:
                painted = len(scene.things) > len(old.things)
                holder, kind = (scene, PAINTED) if painted else (old, EMPTIED)
                changed = [(thing, kind) for thing in holder.of(noun)]
                before.append(render(self.sheet, old))
            kept.append(old is not None)
            rows.append(in_groups(changed, list(dict.fromkeys(t.noun for t, _ in changed))))
            texts.append(told)
        told_rows = torch.from_numpy(np.stack(rows))
        old_pixels = to_tensor(before, torch.device("cpu"))
        stays = outside(told_rows, 64) * torch.tensor(kept)[:, None, None, None]
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            pixels = pipeline.paint(
                texts, told_rows, STEPS, torch.Generator().manual_seed(self.seed + start),
                (old_pixels, stays.float()),
            )  # fmt: skip
        pixels = torch.lerp(pixels.float(), old_pixels, stays.float())
        shown = ((pixels + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        return shown.permute(0, 2, 3, 1).numpy()
