"""Scenes as the renderer paints them: what the critic will have to judge, with the truth known.

A scene's own places are painted, so what a picture shows follows from the scene and not from what
a planner made of a text. Some pictures are painted whole; in others some objects of one kind are
painted into a picture, or painted away from one, as editors do. Planners do not always find room:
so objects of some scenes are pushed over one another, and what they hide then decides what the
picture can be said to show. And in some of them objects of one kind differ
(`experts.pocket.training.mingled`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from experts.pocket import world
from experts.pocket.drawing import mask_of, render
from experts.pocket.recipes import RECIPES
from experts.pocket.sampling import sample_scene
from experts.pocket.scenes import SIZE, Scene, Thing
from experts.pocket.sharing import digest_of
from experts.pocket.sight import CELL
from experts.pocket.slot_pipeline import PocketTextToImagePipeline, outside
from experts.pocket.slots import EMPTIED, PAINTED, in_groups
from experts.pocket.sprites import SpriteSheet
from experts.pocket.training.mingled import MINGLED, mingled
from experts.pocket.training.precision import mixed
from experts.pocket.training.tensors import to_tensor

BATCH = 32
STEPS = 6
WHOLE = 0.55
"""Share of the pictures that are painted whole."""
AWAY = 0.35
"""Of the others, the share in which objects are painted away."""
TWICE = 0.6
"""Of the others, the share in which what was there before was painted too."""
CROWDED = 0.45
"""Share of the scenes whose objects are pushed about."""
SEEN, HIDDEN = 0.7, 0.3
"""Shares of an object in sight from which it counts as there, and up to which as not there."""

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Painting:
    """A picture to be painted.

    Attributes:
        shown: What it shows in the end.
        changed: Objects, and whether each is painted or emptied.
        before: What it shows before that; None where it is painted whole.
        twice: Whether what it shows before is painted as well, rather than rendered.
        doubtful: Kinds of object that one could argue about.
        hidden: Kinds of which something was painted that cannot be seen.
    """

    shown: Scene
    changed: tuple[tuple[Thing, int], ...]
    before: Scene | None
    twice: bool
    doubtful: tuple[str, ...]
    hidden: tuple[str, ...]

    @property
    def told(self) -> str:
        """What the renderer is told of the setting."""
        said = f"on a {self.shown.background} background"
        return said if self.shown.style is None else f"{said} in {self.shown.style} style"


def pushed(scene: Scene, rng: np.random.Generator) -> Scene:
    """The scene with its objects moved, resized and now and then drawn towards one another."""
    things = list(scene.things)
    for index, thing in enumerate(things):
        dx, dy = rng.normal(0, 4.5, 2)
        size = int(np.clip(round(thing.size * float(np.exp(rng.normal(0, 0.1)))), 12, 44))
        x, y = (float(np.clip(v, 5, SIZE - 5)) for v in (thing.x + dx, thing.y + dy))
        things[index] = replace(thing, x=x, y=y, size=size)
    if len(things) > 1 and rng.random() < 0.5:
        one, other = (int(i) for i in rng.choice(len(things), 2, replace=False))
        same = [i for i, t in enumerate(things) if i != one and t.noun == things[one].noun]
        other = int(rng.choice(same)) if same and rng.random() < 0.6 else other
        share = float(rng.uniform(0.4, 0.95))
        x = things[one].x + share * (things[other].x - things[one].x)
        y = things[one].y + share * (things[other].y - things[one].y)
        things[one] = replace(things[one], x=x, y=y)
    return replace(scene, things=tuple(things))


def in_sight(
    sheet: SpriteSheet, things: tuple[Thing, ...], front: NDArray[np.bool_] | None = None
) -> list[float]:
    """The share of each object that a painting of them shows.

    The renderer's map gives every place to the object whose middle is relatively nearest
    (`experts.pocket.layout_map`).

    Args:
        sheet: Sprites, for proportions.
        things: What is painted at once.
        front: Pixels (64, 64) that stay as they are, in front of all.
    """
    line = np.arange(SIZE) + 0.5
    far = np.full((len(things), SIZE, SIZE), 9.0)
    boxes = np.zeros((len(things), SIZE, SIZE), bool)
    for index, thing in enumerate(things):
        half = max(thing.size, 4) / 2
        dx, dy = (np.abs(line - v) / half for v in (thing.x, thing.y))
        far[index] = np.maximum(dy[:, None], dx[None, :])
        width, height = sheet.aspect[thing.noun]
        boxes[index] = (dy[:, None] <= height) & (dx[None, :] <= width)
    owner = far.argmin(0) if len(things) else far
    free = np.ones((SIZE, SIZE), bool) if front is None else ~front
    shares = []
    for index, thing in enumerate(things):
        width, height = sheet.aspect[thing.noun]
        area = max(1.0, width * height * thing.size**2)
        shares.append(float((boxes[index] & (owner == index) & free).sum() / area))
    return shares


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
        name = f"painted-{digest_of(weights / 'renderer' / 'unet')[:12]}-seed{self.seed}-v4.npy"
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

    def sample(self, rng: np.random.Generator) -> tuple[Painting, Bytes]:
        """One of the pictures and what was painted."""
        return self.pair(int(rng.integers(self.count)))

    def pair(self, index: int) -> tuple[Painting, Bytes]:
        """A picture by its number, and what was painted."""
        assert self._images is not None, "load first"
        return self.painting(index), self._images[index]

    def painting(self, index: int) -> Painting:
        """What a picture shows, what it was before and what changed."""
        rng = np.random.default_rng([self.seed, 23, index])
        scene, _ = sample_scene(self.sheet, rng)
        apart = np.random.default_rng([self.seed, 31, index])
        if apart.random() < MINGLED:
            scene = mingled(self.sheet, scene, apart)
        if rng.random() < CROWDED:
            scene = pushed(scene, rng)
        if rng.random() < WHOLE or not scene.things:
            return self._whole(scene)
        twice = bool(rng.random() < TWICE)
        noun = str(rng.choice(scene.nouns()))
        own = list(scene.of(noun))
        if len(own) > 1 and rng.random() < 0.5:
            own = [own[int(i)] for i in rng.permutation(len(own))[: int(rng.integers(1, len(own)))]]
        rest = replace(scene, things=tuple(t for t in scene.things if t not in own))
        if rng.random() < AWAY:
            emptied = tuple((thing, EMPTIED) for thing in own)
            return replace(self._whole(rest), before=scene, changed=emptied, twice=twice)
        front = mask_of(self.sheet, rest) >= 0
        return self._judged(rest, tuple(own), rest, twice, front)

    def _whole(self, scene: Scene) -> Painting:
        return self._judged(replace(scene, things=()), scene.things, None, False, None)

    def _judged(
        self,
        there: Scene,
        new: tuple[Thing, ...],
        before: Scene | None,
        twice: bool,
        front: NDArray[np.bool_] | None,
    ) -> Painting:
        shares = in_sight(self.sheet, new, front)
        seen = tuple(t for t, share in zip(new, shares, strict=True) if share > HIDDEN)
        doubtful = {t.noun for t, s in zip(new, shares, strict=True) if HIDDEN < s < SEEN}
        hidden = {t.noun for t, share in zip(new, shares, strict=True) if share <= HIDDEN}
        if before is not None:
            # Pushed objects that were there before may hide one another too.
            shares = in_sight(self.sheet, there.things)
            doubtful |= {t.noun for t, s in zip(there.things, shares, strict=True) if s < SEEN}
        # Those of one kind stand together, as in any scene.
        order = list(world.NOUNS)
        things = sorted((*seen, *there.things), key=lambda thing: order.index(thing.noun))
        shown = replace(there, things=tuple(things))
        changed = tuple((thing, PAINTED) for thing in new)
        unsure = tuple(sorted(doubtful)), tuple(sorted(hidden))
        return Painting(shown, changed, before, twice, *unsure)

    def _paint(self, pipeline: PocketTextToImagePipeline, start: int) -> Bytes:
        paintings = [self.painting(index) for index in range(start, start + BATCH)]
        before = np.stack(
            [
                render(self.sheet, p.before) if p.before else np.zeros((SIZE, SIZE, 3), np.uint8)
                for p in paintings
            ]
        )
        seed = self.seed + start
        first = [i for i, p in enumerate(paintings) if p.before is not None and p.twice]
        if first:
            whole = [self._whole(paintings[i].before) for i in first]  # type: ignore[arg-type]
            before[first] = self._pass(pipeline, whole, before[first], seed + 7)
        return self._pass(pipeline, paintings, before, seed)

    def _pass(
        self,
        pipeline: PocketTextToImagePipeline,
        paintings: list[Painting],
        before: Bytes,
        seed: int,
    ) -> Bytes:
        rows = torch.from_numpy(
            np.stack(
                [
                    in_groups(p.changed, list(dict.fromkeys(t.noun for t, _ in p.changed)))
                    for p in paintings
                ]
            )
        )
        old = to_tensor(list(before), torch.device("cpu"))
        kept = torch.from_numpy(np.stack([self._kept(p) for p in paintings]))[:, None]
        edits = torch.tensor([p.before is not None for p in paintings])[:, None, None, None]
        stays = outside(rows, SIZE, kept) * edits
        with torch.no_grad(), mixed(torch.device("cpu")):
            pixels = pipeline.paint(
                [p.told for p in paintings], rows, STEPS, torch.Generator().manual_seed(seed),
                (old, stays.float()),
            )  # fmt: skip
        pixels = torch.lerp(pixels.float(), old, stays.float())
        shown = ((pixels + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        return shown.permute(0, 2, 3, 1).numpy()

    def _kept(self, painting: Painting) -> NDArray[np.float32]:
        """Cells (16, 16) that show what an edit leaves in front, 1 or 0."""
        side = SIZE // CELL
        if painting.before is None:
            return np.zeros((side, side), np.float32)
        changed = [thing for thing, _ in painting.changed]
        rest = tuple(t for t in painting.before.things if t not in changed)
        shows = mask_of(self.sheet, replace(painting.before, things=rest)) >= 0
        cells: NDArray[np.bool_] = shows.reshape(side, CELL, side, CELL).mean((1, 3)) > 0.3
        return cells.astype(np.float32)
