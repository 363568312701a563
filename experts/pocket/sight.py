"""Where a picture shows the kinds of object that an instruction names: the planner's eye, read."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from experts.pocket import slots, world

CELL: Final = 4
SURE: Final = 0.5
"""Least chance of a cell that an object is found by."""

LIKELY: Final = 0.3
"""Least chance of the cells around it that are taken to be part of it."""

MIDDLE: Final = 0.12
"""Least chance of a cell to be the middle of an object that touches others of its kind."""

WIDER: Final = 2.0
"""By how much, in native pixels, the cells that show an object are wider than it is."""

Box = tuple[float, float, float]
"""Centre (x, y) and longest side, in native pixels."""


def find(chances: NDArray[np.float32], centres: NDArray[np.float32]) -> list[Box]:
    """Finds the objects of one kind.

    Args:
        chances: Chance of each cell to show the kind, (16, 16) in [0, 1].
        centres: Chance of each cell to be the middle of an object, likewise.

    Returns:
        At most `slots.EACH` objects, surest first; those that touch are told apart by their
        middles.
    """
    left = chances.copy()
    found: list[Box] = []
    while len(found) < slots.EACH and left.max() >= SURE:
        start = np.unravel_index(int(left.argmax()), left.shape)
        region, edge = {start}, [start]
        while edge:
            row, col = edge.pop()
            for step in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                cell = (row + step[0], col + step[1])
                inside = 0 <= cell[0] < left.shape[0] and 0 <= cell[1] < left.shape[1]
                if inside and cell not in region and left[cell] >= LIKELY:
                    region.add(cell)
                    edge.append(cell)
        cells = np.array(sorted(region))
        left[cells[:, 0], cells[:, 1]] = 0
        found += [_box(part) for part in _apart(cells, centres)]
    return found[: slots.EACH]


def _apart(cells: NDArray[np.int64], centres: NDArray[np.float32]) -> list[NDArray[np.int64]]:
    """Cells (n, 2) that touch, by the object whose middle is nearest."""
    middles: list[NDArray[np.int64]] = []
    sure = centres[cells[:, 0], cells[:, 1]]
    for index in np.argsort(-sure, kind="stable"):
        if sure[index] < MIDDLE:
            break
        if all(np.abs(cells[index] - other).max() > 1 for other in middles):
            middles.append(cells[index])
    if len(middles) < 2:
        return [cells]
    nearest = ((cells[:, None] - np.stack(middles)[None]) ** 2).sum(-1).argmin(1)
    return [cells[nearest == n] for n in range(len(middles))]


def _box(cells: NDArray[np.int64]) -> Box:
    low, high = cells.min(0), cells.max(0) + 1
    y, x = ((a + b) * CELL / 2 for a, b in zip(low, high, strict=True))
    return float(x), float(y), float((high - low).max() * CELL)


def cover(rows: Tensor, shown: Tensor) -> Tensor:
    """How much of what a picture shows would be painted over: (batch,), in cells.

    Args:
        rows: Planned rows (batch, slots, 7).
        shown: Logits of what each cell shows (batch, labels, 16, 16).
    """
    taken = shown[:, : len(slots.NOUNS)].float().sigmoid().amax(1)
    line = (torch.arange(taken.shape[-1], device=rows.device) + 0.5) * CELL
    kind, x, y, size = (rows[..., i, None, None] for i in (0, 3, 4, 5))
    inside = (
        (kind == slots.PAINTED)
        & ((line[None, None, None, :] - x).abs() <= size / 2)
        & ((line[None, None, :, None] - y).abs() <= size / 2)
    )
    # Objects that are painted over one another are as bad as those over what is there.
    twice = (inside.sum(1) - 1).clamp(min=0)
    return (inside.any(1) * taken).sum((1, 2)) + twice.sum((1, 2))


def others(rows: Tensor, shown: Tensor, in_place: bool | None) -> Tensor:
    """Where a picture shows what an edit is not about: (batch, 1, 16, 16), 1 or 0.

    Such a place is left as it is: what is painted stands behind it, and what is emptied is emptied
    around it.

    Args:
        rows: Settled rows (batch, slots, 7).
        shown: Logits of what each cell shows (batch, labels, 16, 16).
        in_place: As in `settle`.
    """
    chances = shown[:, : len(slots.NOUNS)].float().sigmoid()
    kept = torch.zeros_like(chances[:, :1])
    for index in range(len(rows)):
        own = torch.zeros_like(kept[0, 0])
        apart = chances[index].clone()
        about = _kinds(rows[index], slots.EMPTIED)
        if in_place is not False:
            about |= _kinds(rows[index], slots.PAINTED)
        for noun in about:
            own = torch.maximum(own, apart[noun])
            apart[noun] = 0
        kept[index, 0] = ((apart.amax(0) >= SURE) & (own < LIKELY)).to(kept.dtype)
    return kept


def row_seen(box: Box, noun: str, chances: NDArray[np.float32]) -> list[float]:
    """The row that paints an object as it is seen: its kind, colour, place and size.

    Args:
        box: Where it is.
        noun: Its kind.
        chances: Chances of what each cell shows (labels, 16, 16).
    """
    x, y, side = box
    kinds = len(slots.NOUNS)
    row, col = (min(int(v // CELL), chances.shape[1] - 1) for v in (y, x))
    near = np.s_[max(0, row - 1) : row + 2, max(0, col - 1) : col + 2]
    around = chances[kinds : kinds + len(world.COLOURS), *near].mean((1, 2))
    paints = world.paintable(noun) and around.max() >= SURE
    colour = 1 + int(around.argmax()) if paints else 0
    return [slots.PAINTED, slots.NOUNS.index(noun), colour, x, y, max(8.0, side - WIDER), 0]


def _kinds(rows: Tensor, kind: int) -> set[int]:
    """Indices of the kinds of object that rows (slots, 7) of a kind are of."""
    return {int(noun) for noun in rows[rows[:, 0] == kind][:, 1]}
