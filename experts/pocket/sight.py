"""Where a picture shows the kinds of object that an instruction names: the planner's eye, read."""

from __future__ import annotations

from collections.abc import Sequence
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

SIZED: Final = (world.SMALL + 1.5, world.LARGE - 1.0)
"""Planned sizes below and above which an object is to become small or large."""

Box = tuple[float, float, float]
"""Centre (x, y) and longest side, in native pixels."""


def find(chances: NDArray[np.float32]) -> list[Box]:
    """Finds the objects of one kind.

    Args:
        chances: Chance of each cell to show the kind, (16, 16) in [0, 1].

    Returns:
        At most `slots.EACH` objects, surest first; those that touch count as one.
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
        rows, cols = (np.array(part) for part in zip(*region, strict=True))
        left[rows, cols] = 0
        low, high = (cols.min(), rows.min()), (cols.max() + 1, rows.max() + 1)
        x, y = ((a + b) * CELL / 2 for a, b in zip(low, high, strict=True))
        side = max(high[0] - low[0], high[1] - low[1]) * CELL
        found.append((float(x), float(y), float(side)))
    return found


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


def settle(rows: Tensor, shown: Tensor, kinds: Sequence[Sequence[str]], in_place: bool) -> Tensor:
    """Moves what a plan empties, or repaints in place, to where the picture shows it.

    A plan says what is to be done and roughly where; the eye knows where exactly.

    Args:
        rows: Planned rows (batch, slots, 7); changed.
        shown: Logits of what each cell shows (batch, labels, 16, 16).
        kinds: Kinds of object that each text names.
        in_place: Whether painted objects are those that are there (another colour, another size)
            rather than new ones.

    Returns:
        The rows.
    """
    chances = shown.float().sigmoid().cpu().numpy()
    for index, named in enumerate(kinds):
        for group, noun in enumerate(named):
            part = rows[index, group * slots.EACH : (group + 1) * slots.EACH]
            found = find(chances[index, slots.NOUNS.index(noun)])
            emptied = [i for i in range(slots.EACH) if part[i, 0] == slots.EMPTIED]
            painted = [i for i in range(slots.EACH) if part[i, 0] == slots.PAINTED]
            if found and emptied:
                _empty(part, emptied, painted, found)
            if found and painted and in_place:
                _repaint(part, painted, found)
    return rows


def _empty(part: Tensor, emptied: list[int], painted: list[int], found: list[Box]) -> None:
    everything = not painted and len(emptied) >= len(found)
    free = [i for i in range(slots.EACH) if i not in painted]
    for i in free:
        part[i, 0] = slots.ABSENT
    for i, (x, y, side) in zip(free, found if everything else found[: len(emptied)], strict=False):
        part[i] = torch.tensor([slots.EMPTIED, 0, 0, x, y, side + CELL, 0], dtype=part.dtype)


def _repaint(part: Tensor, painted: list[int], found: list[Box]) -> None:
    first = part[painted[0]].clone()
    planned = float(first[5])
    resized = planned < SIZED[0] or planned > SIZED[1]
    part[:, 0] = slots.ABSENT
    for i, (x, y, side) in enumerate(found[: slots.EACH]):
        part[i] = first
        part[i, 3], part[i, 4] = x, y
        part[i, 5] = planned if resized else side
