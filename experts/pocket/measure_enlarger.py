"""`python -m experts.pocket.measure_enlarger`: the enlarger against plain interpolation.

On scenes that it never saw, drawn small (sharp, or softened as young models draw), against the
same scenes drawn large. Prints PSNR, SSIM and sharpness; `--sheet FILE` shows what they stand for.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from experts.pocket.recipes import RECIPES

Bytes = NDArray[np.uint8]
Way = Callable[[Sequence[Bytes]], list[Bytes]]
"""Enlarges small pictures."""

STREAM: Final = 104
"""Keeps these scenes apart from those of training and of other measurements."""

WORN: Final = {"sharp": 0, "softened": 1, "softened twice": 2}
"""How often the small pictures are softened, by the name of the row."""


def psnr(made: Bytes, wanted: Bytes) -> float:
    """Peak signal-to-noise ratio in decibels."""
    error = float(np.mean((made.astype(np.float64) - wanted) ** 2))
    return 10 * float(np.log10(255**2 / max(error, 1e-3)))


def ssim(made: Bytes, wanted: Bytes) -> float:
    """Structural similarity of the grey pictures (Wang et al., 2004), in windows of 8 pixels."""
    one, two = (_mean(picture.mean(-1)) for picture in (made, wanted))
    grey = made.mean(-1), wanted.mean(-1)
    spread = [_mean(picture**2) - mean**2 for picture, mean in zip(grey, (one, two), strict=True)]
    shared = _mean(grey[0] * grey[1]) - one * two
    low, high = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    like = (2 * one * two + low) * (2 * shared + high)
    return float(np.mean(like / ((one**2 + two**2 + low) * (spread[0] + spread[1] + high))))


def _mean(picture: NDArray[Any], window: int = 8) -> NDArray[Any]:
    total = np.pad(picture.astype(np.float64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    rows = total[window:] - total[:-window]
    mean: NDArray[Any] = (rows[:, window:] - rows[:, :-window]) / window**2
    return mean


def sharpness(made: Bytes, wanted: Bytes) -> float:
    """Strength of the steep edges relative to the drawn picture's; 1 is as sharp."""

    def steep(picture: Bytes) -> float:
        grey = picture.astype(np.float64).mean(-1)
        step = np.hypot(np.diff(grey, axis=0)[:, :-1], np.diff(grey, axis=1)[:-1])
        return float(np.sqrt(np.mean(step**2)))

    return steep(made) / max(steep(wanted), 1e-6)


def interpolation(filter_: Image.Resampling, factor: int) -> Way:
    """Enlarging without a model."""

    def way(small: Sequence[Bytes]) -> list[Bytes]:
        return [
            np.asarray(
                Image.fromarray(s).resize((s.shape[1] * factor, s.shape[0] * factor), filter_)
            )
            for s in small
        ]

    return way


def sharpened(factor: int) -> Way:
    """Lanczos and an unsharp mask: what one would do by hand."""
    plain = interpolation(Image.Resampling.LANCZOS, factor)
    mask = ImageFilter.UnsharpMask(radius=3, percent=120, threshold=0)
    return lambda small: [np.asarray(Image.fromarray(p).filter(mask)) for p in plain(small)]


def learned(pipeline: Any) -> Way:
    """Enlarging with a `PocketEnlargePipeline`, one picture a call."""
    return lambda small: [
        np.asarray(pipeline(image=Image.fromarray(s)).images[0]) for s in small
    ]  # fmt: skip


def cases(sheet: Any, n: int, seed: int, worn: int) -> list[tuple[Bytes, Bytes]]:
    """Pairs of small and large pictures; the same scenes whatever `worn` is."""
    from experts.pocket.training.enlarger import pairs

    found = []
    for index in range(n):
        small, large = pairs(sheet, np.random.default_rng([seed, STREAM, index]), worn=worn)
        found.append((small[0], large))
    return found


def measure(
    ways: Mapping[str, Way], sheet: Any, n: int, seed: int
) -> dict[tuple[str, str], tuple[float, float, float]]:
    """Mean PSNR, SSIM and sharpness, by how worn the pictures are and by way."""
    found = {}
    for condition, worn in WORN.items():
        pairs = cases(sheet, n, seed, worn)
        for name, way in ways.items():
            made = way([small for small, _ in pairs])
            scores = [
                (psnr(m, w), ssim(m, w), sharpness(m, w))
                for m, (_, w) in zip(made, pairs, strict=True)
            ]
            mean = np.mean(scores, axis=0)
            found[condition, name] = (float(mean[0]), float(mean[1]), float(mean[2]))
    return found


def contact_sheet(columns: Sequence[Sequence[Bytes]], side: int = 256, gap: int = 4) -> Image.Image:
    """Pictures side by side, a row for each; small ones in visible pixels."""
    rows = len(columns[0])
    size = ((side + gap) * len(columns) - gap, (side + gap) * rows - gap)
    sheet = Image.new("RGB", size, "white")
    for x, column in enumerate(columns):
        for y, pixels in enumerate(column):
            picture = Image.fromarray(pixels)
            if picture.size != (side, side):
                picture = picture.resize((side, side), Image.Resampling.NEAREST)
            sheet.paste(picture, (x * (side + gap), y * (side + gap)))
    return sheet


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experts.pocket.measure_enlarger",
        description="Compare the enlarger with plain interpolation.",
    )
    parser.add_argument("--n", type=int, default=60, help="pictures a row")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", type=Path, default=RECIPES["enlarger"].folder)
    parser.add_argument("--sheet", type=Path, help="write a contact sheet here")
    options = parser.parse_args(arguments)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    from experts.pocket.enlarger import FACTOR, PocketEnlargePipeline
    from experts.pocket.sprites import SpriteSheet

    torch.set_num_threads(1)
    sheet = SpriteSheet.load()
    ours = learned(PocketEnlargePipeline.from_pretrained(options.weights))
    ways = {
        "bicubic": interpolation(Image.Resampling.BICUBIC, FACTOR),
        "Lanczos": interpolation(Image.Resampling.LANCZOS, FACTOR),
        "Lanczos, sharpened": sharpened(FACTOR),
        "enlarger": ours,
    }
    found = measure(ways, sheet, options.n, options.seed)
    sys.stdout.write(f"n = {options.n} a row, seed {options.seed}\n")
    sys.stdout.write(
        "| small picture | way | PSNR, dB | SSIM | sharpness |\n|---|---|---|---|---|\n"
    )
    for (condition, name), (noise, alike, sharp) in found.items():
        sys.stdout.write(f"| {condition} | {name} | {noise:.2f} | {alike:.4f} | {sharp:.2f} |\n")
    small = [cases(sheet, 1, options.seed, 0)[0][0]]
    ours(small)
    start = time.perf_counter()
    for _ in range(5):
        ours(small)
    sys.stdout.write(f"a call on 64 px: {(time.perf_counter() - start) / 5:.3f} s\n")
    if options.sheet:
        pairs = cases(sheet, 5, options.seed + 1, 1)
        before = [s for s, _ in pairs]
        shown = [before, ways["bicubic"](before), ours(before), [w for _, w in pairs]]
        contact_sheet(shown).save(options.sheet)
    return 0


if __name__ == "__main__":
    sys.exit(main())
