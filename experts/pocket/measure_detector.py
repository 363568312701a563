"""`python -m experts.pocket.measure_detector`: how far the evaluator itself can be trusted.

Measures the detector on rendered scenes that it never saw: as rendered, degraded as a young
diffusion model's pictures are, with one kind of object spoiled, which is not to be found, put into
each style, as the renderer of the pocket experts paints them, and with another picture shining
through.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count, islice
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from critic.detection import Detection
from critic.detector import POCKET_DETECTOR, DetectorEvaluator
from experts.pocket import world
from experts.pocket.degrade import blend, degrade, ruin
from experts.pocket.drawing import render
from experts.pocket.sampling import sample_scene
from experts.pocket.scenes import Scene
from experts.pocket.sprites import SpriteSheet

PAINTED: Final = "painted"
WAYS: Final = ("plain", "degraded", "ruined", *world.STYLES, PAINTED, "blended")
STREAM: Final = 77
NEAR: Final = 0.4
"""Greatest distance between two centres of one object, in shares of its longest side."""
WORST: Final = 10


@dataclass
class Tally:
    """What was right, over the pictures of one way; shares of nothing are 1.

    Attributes:
        hits: Objects found, by noun.
        missed: Objects not found, by noun.
        extra: Objects found where there are none, by noun.
        pictures: Pictures seen.
        exact: Pictures on which every kind of object was counted right.
        groups: Kinds of object, over all pictures.
        counts: Those of them that were counted right.
        coloured: Objects found.
        colours: Those of them in the right colour.
        backgrounds: Pictures of which the background was told.
        styles: Pictures of which the style was told.
    """

    hits: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    extra: Counter[str] = field(default_factory=Counter)
    pictures: int = 0
    exact: int = 0
    groups: int = 0
    counts: int = 0
    coloured: int = 0
    colours: int = 0
    backgrounds: int = 0
    styles: int = 0

    def add(self, scene: Scene, seen: Detection) -> None:
        """Counts one picture."""
        left = list(seen.objects)
        for thing in scene.things:
            near = [
                o for o in left
                if o.noun == thing.noun
                and np.hypot(o.x - thing.x, o.y - thing.y) <= NEAR * thing.size
            ]  # fmt: skip
            if not near:
                self.missed[thing.noun] += 1
                continue
            best = min(near, key=lambda o: float(np.hypot(o.x - thing.x, o.y - thing.y)))
            left.remove(best)
            self.hits[thing.noun] += 1
            self.coloured += 1
            self.colours += best.colour == thing.seen_colour
        self.extra.update(o.noun for o in left)
        counted = Counter(o.noun for o in seen.objects)
        true = Counter(t.noun for t in scene.things)
        self.pictures += 1
        self.exact += counted == true
        self.groups += len(true)
        self.counts += sum(counted[noun] == number for noun, number in true.items())
        self.backgrounds += seen.background == scene.background
        self.styles += seen.style == scene.style

    def shares(self) -> dict[str, float]:
        """Every figure by its name."""
        hits = self.hits.total()
        return {
            "precision": _share(hits, hits + self.extra.total()),
            "recall": _share(hits, hits + self.missed.total()),
            "exact pictures": _share(self.exact, self.pictures),
            "exact counts": _share(self.counts, self.groups),
            "colour": _share(self.colours, self.coloured),
            "background": _share(self.backgrounds, self.pictures),
            "style": _share(self.styles, self.pictures),
        }

    def f1(self) -> dict[str, float]:
        """F1 of every kind of object met, the worst first."""
        nouns = {*self.hits, *self.missed, *self.extra}
        scores = {
            n: _share(2 * self.hits[n], 2 * self.hits[n] + self.missed[n] + self.extra[n])
            for n in nouns
        }
        return dict(sorted(scores.items(), key=lambda item: (item[1], item[0])))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def scenes(sheet: SpriteSheet, way: str, number: int, seed: int) -> list[tuple[Image.Image, Scene]]:
    """Held-out pictures, and what is to be found on each.

    Args:
        sheet: Sprites.
        way: One of `WAYS`.
        number: How many pictures.
        seed: Of all chance; the stream differs from all that models are trained on.
    """
    if way == PAINTED:
        return _painted(sheet, number, STREAM + seed)
    rng = np.random.default_rng([seed, STREAM, WAYS.index(way)])
    made = []
    for _ in range(number):
        scene, _ = sample_scene(sheet, rng)
        scene = replace(scene, style=way) if way in world.STYLES else scene
        if way == "ruined":
            shown, scene, _ = ruin(sheet, scene, rng)
        else:
            shown = render(sheet, scene)
        if way in ("degraded", "ruined"):
            shown = degrade(shown, rng)
        if way == "blended":
            ghost = render(sheet, sample_scene(sheet, rng)[0])
            shown = blend(shown, ghost, float(rng.uniform(0.08, 0.2)))
        made.append((Image.fromarray(shown), scene))
    return made


def _painted(sheet: SpriteSheet, number: int, seed: int) -> list[tuple[Image.Image, Scene]]:
    """Pictures by the renderer about which nobody could argue.

    It was told no style: that it gets those right is not certain.
    """
    from experts.pocket.recipes import RECIPES
    from experts.pocket.training.painted import PaintedScenes

    paintings = map(PaintedScenes(sheet, seed, 0).painting, count())
    plain = (i for i, p in enumerate(paintings) if not p.doubtful and p.shown.style is None)
    chosen = list(islice(plain, number))
    painted = PaintedScenes(sheet, seed, max(chosen, default=-1) + 1)
    with tempfile.TemporaryDirectory() as folder:
        painted.load(Path(folder), RECIPES["painter"].folder.parent)
    return [(Image.fromarray(image), p.shown) for p, image in map(painted.pair, chosen)]


def measure(
    evaluator: DetectorEvaluator, sheet: SpriteSheet, number: int, seed: int
) -> dict[str, Tally]:
    """What the detector gets right on `number` pictures of every one of `WAYS`."""
    tallies = {}
    for way in WAYS:
        made = scenes(sheet, way, number, seed)
        tallies[way] = Tally()
        for (_, scene), seen in zip(made, evaluator.detect([i for i, _ in made]), strict=True):
            tallies[way].add(scene, seen)
    return tallies


def table(tallies: dict[str, Tally]) -> str:
    """The figures as Markdown, and the kinds of object that are found worst."""
    names = list(Tally().shares())
    lines = [f"| measured | {' | '.join(tallies)} |", f"|---|{'---|' * len(tallies)}"]
    columns = [tally.shares() for tally in tallies.values()]
    for name in names:
        lines.append(f"| {name} | {' | '.join(f'{c[name]:.3f}' for c in columns)} |")
    lines.append(f"| pictures | {' | '.join(str(t.pictures) for t in tallies.values())} |")
    for way, tally in tallies.items():
        worst = list(tally.f1().items())[:WORST]
        told = ", ".join(f"{noun} {score:.2f}" for noun, score in worst)
        lines.append(f"\nLowest F1, {way}: {told}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m experts.pocket.measure_detector")
    parser.add_argument("--n", type=int, default=500, help="pictures of every way")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=POCKET_DETECTOR)
    options = parser.parse_args(arguments)
    evaluator = DetectorEvaluator(options.folder)
    sys.stdout.write(table(measure(evaluator, SpriteSheet.load(), options.n, options.seed)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
