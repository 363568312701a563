"""Breaking and fitting text: the largest letters whose lines fit the room there is."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from experts.typography.fonts import Font

LEADING = 1.22
"""Distance of lines, in letter heights."""

_WIDTH = 0.88
"""Share of the picture's width that lines may take."""

_TALLEST = 0.17
"""Height of the letters at most, as a share of the side of a square of the picture's area."""

_COMFORTABLE = 0.05
_LEGIBLE = 0.026
"""Letters that read with ease, and the least that read at all, as shares of the smaller side."""

_ROOMS = (0.3, 0.5, 0.86)
"""Shares of the picture's height that the text may take; a larger one only where it must."""


@dataclass(frozen=True, slots=True)
class Block:
    """Text broken into lines.

    Attributes:
        lines: The lines from top to bottom.
        size: Height of the letters in pixels.
        width: Width of the widest line in pixels.
        height: Height of all lines in pixels.
    """

    lines: tuple[str, ...]
    size: int
    width: int
    height: int

    @property
    def line_height(self) -> float:
        """Distance from line to line in pixels."""
        return self.size * LEADING


def fit(text: str, font: Font, width: int, height: int, size: int | None = None) -> Block | None:
    """The text at the largest size that fits a picture well.

    Args:
        text: With its own line breaks.
        font: To measure with.
        width: Of the picture in pixels.
        height: Of the picture in pixels.
        size: The size to use instead of the largest that fits.

    Returns:
        The lines, evenly long; ``None`` where the text does not fit in legible letters.
    """
    room = max(1, int(width * _WIDTH))
    if size is not None:
        block = _broken(text, font, size, room)
        fits = block.width <= room and block.height <= height * _ROOMS[-1]
        return _evened(text, font, block, room) if fits else None
    side = min(width, height)
    for share in _ROOMS:
        least = _COMFORTABLE if share != _ROOMS[-1] else _LEGIBLE
        block_or_none = _largest(
            text,
            font,
            room,
            int(height * share),
            max(9, round(side * least)),
            max(9, int(min(math.sqrt(width * height) * _TALLEST, height * 0.3))),
        )
        if block_or_none is not None:
            return _evened(text, font, block_or_none, room)
    return None


def _largest(text: str, font: Font, width: int, height: int, least: int, most: int) -> Block | None:
    """The block of the largest size within bounds that fits; found by halving."""
    found: Block | None = None
    while least <= most:
        size = (least + most) // 2
        block = _broken(text, font, size, width)
        # A word cut in two is a last resort: rather smaller letters.
        if block.width <= width and block.height <= height and not _cuts(text, block):
            found, least = block, size + 1
        else:
            most = size - 1
    return found


def _cuts(text: str, block: Block) -> bool:
    words = text.split()
    return " ".join(block.lines).split() != words and max(map(len, words)) <= 24


def _broken(text: str, font: Font, size: int, width: float) -> Block:
    measure = font.at(size).getlength
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lines.extend(_wrapped(paragraph, measure, width))
    widest = max(measure(line) for line in lines)
    height = size * LEADING * (len(lines) - 1) + size
    return Block(tuple(lines), size, int(widest + 0.999), int(height + 0.999))


def _wrapped(paragraph: str, measure: Callable[[str], float], width: float) -> list[str]:
    lines, line = [], ""
    for word in paragraph.split(" "):
        longer = f"{line} {word}" if line else word
        if measure(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        while measure(word) > width and len(word) > 1:
            end = max(
                1, bisect_right(range(1, len(word) + 1), width, key=lambda n: measure(word[:n]))
            )
            lines.append(word[:end])
            word = word[end:]
        line = word
    lines.append(line)
    return lines


def _evened(text: str, font: Font, block: Block, room: int) -> Block:
    """The same number of lines, as even in length as breaking allows."""
    measure = font.at(block.size).getlength
    # Narrower than their mean, so many lines cannot hold the text.
    least = max(1, int(0.9 * sum(map(measure, block.lines)) / len(block.lines)))
    most, best = room, block
    while least <= most:
        width = (least + most) // 2
        tried = _broken(text, font, block.size, width)
        if len(tried.lines) <= len(block.lines) and not _cuts(text, tried):
            best, most = tried, width - 1
        else:
            least = width + 1
    return best if len(best.lines) <= len(block.lines) else block
