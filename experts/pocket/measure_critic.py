"""`python -m experts.pocket.measure_critic`: how far the critic can be trusted, and its P(yes).

Questions about rendered scenes it never saw, whose answers the scene graph decides: as rendered,
degraded as a young diffusion model's pictures are, with another picture shining through, and with
one kind of object spoiled beyond recognition, about which the right answer is no.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from critic.vqa import VqaCritic
from experts.pocket import world
from experts.pocket.degrade import blend, degrade, letter, ruin
from experts.pocket.drawing import render
from experts.pocket.language import article
from experts.pocket.questions import KINDS, Question, ask
from experts.pocket.recipes import RECIPES
from experts.pocket.sampling import sample_scene
from experts.pocket.sprites import SpriteSheet

WAYS: Final = ("rendered", "degraded", "blended", "lettered")
STREAM: Final = 101
BINS: Final = 10


@dataclass
class Answers:
    """P(yes) and the truth, of one kind of question asked in one way."""

    kind: str
    way: str
    pairs: list[tuple[float, bool]] = field(default_factory=list)

    @property
    def right(self) -> float:
        """Share of right answers."""
        return float(np.mean([(p > 0.5) == truth for p, truth in self.pairs]))


class Judge:
    """A critic, asked one question about each picture."""

    def __init__(self, folder: Path) -> None:
        """Loads the critic saved in `folder`."""
        self._critic = VqaCritic(folder, device="cpu")
        self._critic.load()

    def __call__(self, images: Sequence[Any], questions: Sequence[str]) -> list[float]:
        """P(yes) of each question about the picture at the same place."""
        asked = [([text], image) for text, image in zip(questions, images, strict=True)]
        return [answer for (answer,) in self._critic.answers(asked)]


def calibration(
    pairs: Sequence[tuple[float, bool]],
) -> tuple[float, list[tuple[float, float, int]]]:
    """Expected calibration error, and of each bin mean P(yes), share of yes, and size."""
    bins, error = [], 0.0
    for low in range(BINS):
        inside = [
            (p, truth) for p, truth in pairs if low <= p * BINS < low + 1 or (p == 1 and low == 9)
        ]
        if inside:
            told, true = (float(np.mean(column)) for column in zip(*inside, strict=True))
            bins.append((told, true, len(inside)))
            error += abs(told - true) * len(inside) / len(pairs)
    return error, bins


def measure(judge: Judge, sheet: SpriteSheet, n: int, seed: int) -> list[Answers]:
    """Asks `n` questions of each kind in each way, and about spoiled objects.

    Args:
        judge: The critic.
        sheet: Sprites.
        n: Questions of a kind and way.
        seed: Of the scenes; training uses other streams.
    """
    rng = np.random.default_rng([STREAM, seed])
    found = []
    for way in WAYS:
        for kind in KINDS:
            found.append(_asked(judge, sheet, rng, kind, way, n))
    found += [_asked(judge, sheet, rng, k, "held out", n) for k in ("colour", "relation")]
    spoiled, images, texts = Answers("existence", "spoiled"), [], []
    for _ in range(n):
        scene, _ = sample_scene(sheet, rng)
        image, rest, _ = ruin(sheet, scene, rng)
        (gone,) = set(scene.nouns()) - set(rest.nouns())
        images.append(Image.fromarray(image))
        texts.append(f"Is there {article(gone)}?")
    spoiled.pairs = [(p, False) for p in judge(images, texts)]
    return [*found, spoiled]


def _asked(
    judge: Judge, sheet: SpriteSheet, rng: np.random.Generator, kind: str, way: str, n: int
) -> Answers:
    images: list[Any] = []
    questions: list[Question] = []
    ghost: np.ndarray | None = None
    held_out = way == "held out"
    while len(questions) < n:
        scene, _ = sample_scene(sheet, rng, held_out=held_out)
        if kind == "style" and rng.random() < 0.5:  # else the right answer is nearly always no
            scene = replace(scene, style=str(rng.choice(world.STYLES)))
        question = ask(scene, rng, kind, held_out)
        picture = render(sheet, scene)
        before, ghost = ghost, picture
        if question.kind != kind:
            continue
        if way == "degraded":
            picture = degrade(picture, rng)
        elif way == "blended" and before is not None:
            picture = blend(picture, before, float(rng.uniform(0.08, 0.2)))
        elif way == "lettered":
            picture = letter(picture, rng)
        images.append(Image.fromarray(picture))
        questions.append(question)
    chances = judge(images, [question.text for question in questions])
    return Answers(kind, way, [(p, q.answer) for p, q in zip(chances, questions, strict=True)])


def table(found: Sequence[Answers]) -> str:
    """The shares of right answers as a Markdown table, and the calibration error."""
    ways = (*WAYS, "held out", "spoiled")
    lines = [f"| right answers | {' | '.join(ways)} |", "|---" * (1 + len(ways)) + "|"]
    for kind in KINDS:
        cells = {a.way: f"{a.right:.3f}" for a in found if a.kind == kind}
        lines.append(f"| {kind} | {' | '.join(cells.get(way, '') for way in ways)} |")
    pairs = [pair for a in found if a.way in WAYS for pair in a.pairs]
    total = float(np.mean([(p > 0.5) == truth for p, truth in pairs]))
    error, _ = calibration(pairs)
    lines.append(f"\nAll but the last two columns: {total:.3f} right of {len(pairs)}; "
                 f"expected calibration error {error:.3f} ({BINS} bins).")  # fmt: skip
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experts.pocket.measure_critic", description=__doc__
    )
    parser.add_argument("--n", type=int, default=200, help="questions of a kind and way")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=RECIPES["critic"].folder)
    options = parser.parse_args(arguments)
    found = measure(Judge(options.folder), SpriteSheet.load(), options.n, options.seed)
    sys.stdout.write(table(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
