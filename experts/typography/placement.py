"""Where text goes, and in what colours: the calmest band, the best contrast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from experts.typography.layout import Block

if TYPE_CHECKING:
    from PIL.Image import Image

Colour = tuple[int, int, int]
Backing = Literal["none", "shadow", "outline", "panel"]
Wish = Literal["auto", "none", "shadow", "outline", "panel"]
Pixels = NDArray[np.float32]

LIGHT: Colour = (255, 255, 255)
DARK: Colour = (22, 22, 28)

_MARGIN = 0.06
_GOOD_CONTRAST = 4.5
_FAIR_CONTRAST = 3.0
_SAMPLE_SIDE = 256


@dataclass(frozen=True, slots=True)
class Look:
    """Colours of the letters, and what sets them off.

    Attributes:
        ink: Colour of the letters.
        ground: Colour of shadow, outline or panel.
        backing: Which of them.
    """

    ink: Colour
    ground: Colour
    backing: Backing


def top_of(image: Image, block: Block, position: str) -> int:
    """The y of a block's upper edge in pixels.

    Args:
        image: Mode RGB.
        block: What is to be placed.
        position: ``auto``, ``top``, ``centre`` or ``bottom``.
    """
    margin = round(max(image.height * _MARGIN, block.size * 0.5))
    lowest = max(0, image.height - block.height - margin)
    margin = min(margin, lowest)
    if position == "top":
        return margin
    if position == "bottom":
        return lowest
    if position in {"centre", "center"}:
        return max(0, (image.height - block.height) // 2)
    return _calmest(image, block, margin, lowest)


def _calmest(image: Image, block: Block, first: int, last: int) -> int:
    """The y with the least detail behind the block; edges before the middle, top before bottom."""
    scale = min(1.0, _SAMPLE_SIDE / max(image.size))
    width, height = (max(1, round(side * scale)) for side in image.size)
    small = image.convert("L").resize((width, height))
    light = np.asarray(small, dtype=np.float32) / 255.0
    half = max(1, round(block.width * scale) // 2)
    left, right = max(0, width // 2 - half), min(width, width // 2 + half + 1)
    strip = light[:, left:right]
    detail = np.zeros_like(strip)
    detail[1:] += np.abs(np.diff(strip, axis=0))
    detail[:, 1:] += np.abs(np.diff(strip, axis=1))
    rows = np.concatenate([[0.0], np.cumsum(detail.mean(axis=1, dtype=np.float64))])
    tall = max(1, round(block.height * 1.2 * scale))
    best, best_score = first, float("inf")
    for y in range(first, last + 1, max(1, (last - first) // 64)):
        start = max(0, min(height - 1, round((y - 0.1 * block.height) * scale)))
        end = min(height, start + tall)
        busy = (rows[end] - rows[start]) / (end - start)
        inward = min(y - first, last - y) / max(1, last - first)
        score = busy + 0.02 * inward + (1e-6 if y > first else 0.0)
        if score < best_score - 1e-9:
            best, best_score = y, score
    return best


def look_at(image: Image, block: Block, top: int, colour: Colour | None, backing: Wish) -> Look:
    """Colours and backing that read well over what lies behind a block.

    Args:
        image: Mode RGB.
        block: What is set.
        top: Its upper edge in pixels.
        colour: Colour of the letters; ``None`` takes white or near-black.
        backing: One of :data:`Backing`, or ``auto`` for the least that reads well.
    """
    left = max(0, (image.width - block.width) // 2)
    box = (left, top, min(image.width, left + block.width), min(image.height, top + block.height))
    behind = image.crop(box)
    behind.thumbnail((_SAMPLE_SIDE, _SAMPLE_SIDE))
    light = _luminance(np.asarray(behind, dtype=np.float32))
    inks = (colour,) if colour is not None else (LIGHT, DARK)
    contrasts = [_weakest_contrast(ink, light) for ink in inks]
    ink, contrast = max(zip(inks, contrasts, strict=True), key=lambda pair: pair[1])
    ground = DARK if _luminance(np.array(ink, dtype=np.float32)) > 0.18 else LIGHT
    chosen: Backing
    if backing != "auto":
        chosen = backing
    elif contrast >= _GOOD_CONTRAST:
        chosen = "shadow"
    else:
        chosen = "outline" if contrast >= _FAIR_CONTRAST else "panel"
    return Look(ink=ink, ground=ground, backing=chosen)


def _luminance(pixels: Pixels) -> Pixels:
    """Relative luminance in [0, 1] of sRGB values in [0, 255], over the last axis."""
    values = pixels / np.float32(255.0)
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    weights = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
    return np.asarray(linear @ weights, dtype=np.float32)


def _weakest_contrast(ink: Colour, behind: Pixels) -> float:
    """The contrast of a colour with the least favourable tenth of what lies behind it (WCAG)."""
    own = float(_luminance(np.array(ink, dtype=np.float32)))
    high = np.maximum(behind, own) + 0.05
    low = np.minimum(behind, own) + 0.05
    return float(np.percentile(high / low, 10))
