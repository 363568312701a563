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

MIDDLE: Final = 0.12
"""Least chance of a cell to be the middle of an object that touches others of its kind."""

WIDER: Final = 2.0
"""By how much, in native pixels, the cells that show an object are wider than it is."""

REACH_OF_MOVES: Final = 22
"""How far, in native pixels, a new object may be moved from where it was planned."""

MOVE_COSTS: Final = 0.12
"""Share of an object's place that may be covered rather than move it as far as that."""

SIZED: Final = (world.SMALL + 1.5, world.LARGE - 1.0)
"""Planned sizes below and above which an object is to become small or large."""

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


def settle(
    rows: Tensor, shown: Tensor, kinds: Sequence[Sequence[str]], in_place: bool | None
) -> Tensor:
    """Moves what a plan empties, or repaints in place, to where the picture shows it.

    A plan says what is to be done and roughly where; the eye knows where exactly. What takes the
    place of another kind of object is painted where that is emptied.

    Args:
        rows: Planned rows (batch, slots, 7); changed.
        shown: Logits of what each cell shows (batch, labels, 16, 16).
        kinds: Kinds of object that each text names.
        in_place: Whether painted objects are those that are there (another colour, another size)
            rather than new ones; None: where they are planned tells.

    Returns:
        The rows.
    """
    chances = shown.float().sigmoid().cpu().numpy()
    for index, named in enumerate(kinds):
        freed: list[Box] = []
        new: list[int] = []
        for group, noun in enumerate(named):
            part = rows[index, group * slots.EACH : (group + 1) * slots.EACH]
            found = find(chances[index, slots.NOUNS.index(noun)], chances[index, -1])
            emptied = [i for i in range(slots.EACH) if part[i, 0] == slots.EMPTIED]
            painted = [i for i in range(slots.EACH) if part[i, 0] == slots.PAINTED]
            if found and emptied:
                _empty(part, emptied, painted, found)
                freed += [] if painted else found
            there = _there(part, painted, found) if in_place is None else in_place
            if found and painted and there:
                _repaint(rows[index], part, painted, found)
            else:
                new += [group * slots.EACH + i for i in painted]
        _take_place(rows[index], new, freed)
        _make_room(rows[index], new[len(freed) :], chances[index])
    return rows


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


def _there(part: Tensor, painted: list[int], found: list[Box]) -> bool:
    """Whether all painted objects of a kind are planned upon one of that kind."""
    return all(
        any(max(abs(float(part[i, 3]) - x), abs(float(part[i, 4]) - y)) < side / 2
            for x, y, side in found)
        for i in painted
    )  # fmt: skip


def _empty(part: Tensor, emptied: list[int], painted: list[int], found: list[Box]) -> None:
    noun = int(part[0, 1])
    everything = not painted and len(emptied) >= len(found)
    free = [i for i in range(slots.EACH) if i not in painted]
    for i in free:
        part[i, 0] = slots.ABSENT
    for i, (x, y, side) in zip(free, found if everything else found[: len(emptied)], strict=False):
        row = [slots.EMPTIED, noun, 0, x, y, side + CELL, 0]
        part[i] = torch.tensor(row, dtype=part.dtype)


def _take_place(rows: Tensor, new: list[int], freed: list[Box]) -> None:
    for i, (x, y, side) in zip(new, freed, strict=False):
        rows[i, 3], rows[i, 4] = x, y
        rows[i, 5] = rows[i, 5].clamp(min=min(side, world.LARGE), max=side + CELL)


def _kinds(rows: Tensor, kind: int) -> set[int]:
    """Indices of the kinds of object that rows (slots, 7) of a kind are of."""
    return {int(noun) for noun in rows[rows[:, 0] == kind][:, 1]}


def _make_room(rows: Tensor, new: list[int], chances: NDArray[np.float32]) -> None:
    """Moves new objects a little, to where they cover least of what stays."""
    emptied = _kinds(rows, slots.EMPTIED)
    stay = [i for i in range(len(slots.NOUNS)) if i not in emptied]
    shows = 1 - np.prod(1 - chances[stay], 0)
    taken = np.kron(shows, np.ones((CELL, CELL), np.float32))
    around = np.pad(taken, REACH_OF_MOVES, constant_values=1.0)
    for i in new:
        x, y, size = (float(v) for v in rows[i, 3:6])
        side = max(2, round(size))
        left, top = round(x - size / 2), round(y - size / 2)
        inside = np.lib.stride_tricks.sliding_window_view(around, (side, side))
        shift = np.arange(-REACH_OF_MOVES, REACH_OF_MOVES + 1)
        spots_y = np.clip(top + shift + REACH_OF_MOVES, 0, len(inside) - 1)
        spots_x = np.clip(left + shift + REACH_OF_MOVES, 0, len(inside) - 1)
        covered = inside[np.ix_(spots_y, spots_x)].mean((2, 3))
        far = (shift[:, None] ** 2 + shift[None, :] ** 2) ** 0.5 / REACH_OF_MOVES
        row, col = np.unravel_index(int((covered + MOVE_COSTS * far).argmin()), covered.shape)
        rows[i, 3], rows[i, 4] = x + float(shift[col]), y + float(shift[row])
        low_y, low_x = spots_y[row], spots_x[col]
        around[low_y : low_y + side, low_x : low_x + side] = 1.0


def _repaint(rows: Tensor, part: Tensor, painted: list[int], found: list[Box]) -> None:
    """Paints objects where they are; what becomes smaller is emptied first."""
    first = part[painted[0]].clone()
    planned = float(first[5])
    resized = planned < SIZED[0] or planned > SIZED[1]
    part[:, 0] = slots.ABSENT
    for i, (x, y, side) in enumerate(found[: slots.EACH]):
        part[i] = first
        part[i, 3], part[i, 4] = x, y
        part[i, 5] = planned if resized else max(side - WIDER, float(world.SMALL - 3))
    free = [i for i in range(len(rows)) if rows[i, 0] == slots.ABSENT]
    smaller = [box for box in found[: slots.EACH] if resized and box[2] > planned]
    for i, (x, y, side) in zip(free, smaller, strict=False):
        row = [slots.EMPTIED, int(first[1]), 0, x, y, side + CELL, 0]
        rows[i] = torch.tensor(row, dtype=rows.dtype)
