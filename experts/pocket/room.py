"""Where new objects go: into room that is there, and to where they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from experts.pocket import slots, world
from experts.pocket.sight import CELL

Floats = NDArray[np.floating[Any]]

GAP: Final = 11.0
"""Least distance along a relation, in native pixels; 10 are plain to see."""

SLACK: Final = 2.0
"""By how much it is to exceed four fifths of the distance across."""

REACH_OF_MOVES: Final = 22
"""How far, in native pixels, a new object may be moved from where it was planned."""

MOVE_COSTS: Final = 0.12
"""Share of an object's place that may be covered rather than move it as far as that."""

SHRINKING_COSTS: Final = 0.01
"""For each native pixel that a new object is smaller than planned."""

OUTSIDE_COSTS: Final = 3.0
"""Of an object that is moved far: a place outside the picture, in places that are taken."""

ASTRAY_COSTS: Final = 0.3
"""For each native pixel that a new object falls short of a relation, in places that are taken."""

Beside = tuple[int, str, list[tuple[float, float]]]
"""Kind of object, as rows have it, one of `world.RELATIONS`, and centres of the others."""


def wide_of(relation: str, x: Floats, y: Floats, others: Sequence[tuple[float, float]]) -> Floats:
    """How far an object at each of many places falls short of a relation; 0 where it stands in it.

    The plain cases of `Scene.relates`, with room to spare: beside all the others, and by more than
    it is aside.

    Args:
        relation: One of `world.RELATIONS`.
        x: Centres, in native pixels.
        y: Likewise, of a shape to go with `x`.
        others: Centres of what it is to stand beside; not empty.

    Returns:
        Native pixels, of the shape of `x` and `y` together.
    """
    along, across = (0, 1) if relation in ("left of", "right of") else (1, 0)
    sign = 1.0 if relation in ("left of", "above") else -1.0
    place = np.broadcast_arrays(x, y)
    ahead = [sign * (other[along] - place[along]) for other in others]
    aside = np.abs(place[across] - np.mean([other[across] for other in others]))
    short = GAP - np.minimum.reduce(ahead)
    wide: Floats = np.maximum(short, 0) + np.maximum(
        0.8 * aside + SLACK - np.mean(ahead, axis=0), 0
    )
    return wide


def short_of(relation: str, size: float, x: Floats, y: Floats) -> Floats:
    """How far an object at each of many places is from leaving room for what is to stand beside it.

    Args:
        relation: One of `world.RELATIONS`, in which the other is to stand to it.
        size: Side of the other, in native pixels.
        x: Centres, in native pixels.
        y: Likewise, of a shape to go with `x`.

    Returns:
        Native pixels, of the shape of `x` and `y` together.
    """
    x, y = np.broadcast_arrays(x, y)
    along = x if relation in ("left of", "right of") else y
    free = along if relation in ("left of", "above") else world.NATIVE_SIZE - along
    short: Floats = np.maximum(GAP + size / 2 - free, 0)
    return short


def make_room(
    rows: Tensor,
    new: list[int],
    chances: NDArray[np.float32],
    beside: Beside | None,
    leaving: tuple[str, float] | None = None,
) -> float:
    """Moves new objects a little, to where they cover least of what stays or is painted besides.

    What is to stand beside others is moved as far as that takes.

    Args:
        rows: Planned rows of one picture (slots, 7); changed.
        new: Which of them are to be moved.
        chances: Chances of what each cell shows (labels, 16, 16).
        beside: What is to stand where.
        leaving: One of `world.RELATIONS` and the side of an object that room is to be left for, as
            in `short_of`.

    Returns:
        How badly the worst of them stands: the share of its place that is taken, and what it falls
        short of where it is to be; 0 without any.
    """
    far_off = beside is not None or leaving is not None
    reach = world.NATIVE_SIZE if far_off else REACH_OF_MOVES
    stay = chances[: len(slots.NOUNS)].copy()
    for row in rows[rows[:, 0] == slots.EMPTIED]:
        stay[int(row[1]), *_square(row, CELL)] = 0.0
    shows = 1 - np.prod(1 - stay, 0)
    taken = np.kron(shows, np.ones((CELL, CELL), np.float32))
    shift = np.arange(-reach, reach + 1)
    far = (shift[:, None] ** 2 + shift[None, :] ** 2) ** 0.5 / REACH_OF_MOVES
    around = np.pad(taken, reach, constant_values=OUTSIDE_COSTS if far_off else 1.0)
    inside = around[reach : reach + world.NATIVE_SIZE, reach : reach + world.NATIVE_SIZE]
    for i in range(len(rows)):
        if rows[i, 0] == slots.PAINTED and i not in new:
            inside[_square(rows[i])] = 1.0
    worst = 0.0
    for i in new:
        x, y, size = (float(v) for v in rows[i, 3:6])
        astray: NDArray[np.floating[Any]] = np.zeros_like(far)
        place = x + shift[None, :], y + shift[:, None]
        if beside is not None and int(rows[i, 1]) == beside[0]:
            astray = ASTRAY_COSTS * wide_of(beside[1], *place, beside[2])
        if leaving is not None:
            astray = astray + ASTRAY_COSTS * short_of(*leaving, *place)
        sums = np.pad(around.cumsum(0, np.float64).cumsum(1), ((1, 0), (1, 0)))
        spots = []
        for side in _sides(size):
            tops, lefts = (
                np.clip(round(v - side / 2) + shift + reach, 0, len(around) - side) for v in (y, x)
            )
            ill = _means(sums, side)[np.ix_(tops, lefts)] + astray
            cost = ill + MOVE_COSTS * far
            row, col = np.unravel_index(int(cost.argmin()), cost.shape)
            total = float(cost[row, col]) + SHRINKING_COSTS * (size - side)
            spots.append((total, side, row, col, tops[row], lefts[col], float(ill[row, col])))
        _, side, row, col, top, left, ill_placed = min(spots, key=lambda spot: spot[0])
        worst = max(worst, ill_placed)
        rows[i, 3], rows[i, 4] = x + float(shift[col]), y + float(shift[row])
        if side < round(size):
            rows[i, 5] = float(side)
        around[top : top + side, left : left + side] = 1.0
    return worst


def _square(row: Tensor, unit: int = 1) -> tuple[slice, slice]:
    """The part of a picture, in units of native pixels, that a row's square takes."""
    x, y, half = float(row[3]), float(row[4]), float(row[5]) / 2
    top, bottom, left, right = (
        min(max(round(v / unit), 0), world.NATIVE_SIZE // unit)
        for v in (y - half, y + half, x - half, x + half)
    )
    return slice(top, bottom), slice(left, right)


def _means(sums: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Mean of every square of a side, by where its upper left corner is.

    Args:
        sums: Of all that is above and to the left of each corner of cells.
        side: In cells.
    """
    squares: NDArray[np.float64] = (
        sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    )
    return squares / side**2


def _sides(size: float) -> list[int]:
    """The sides, in whole native pixels, that a new object may have: its own, or somewhat less."""
    side = max(2, round(size))
    if side <= world.SMALL + 3:
        return [side]
    least = min(side, world.LARGE + 2) if side >= world.LARGE else world.SMALL + 3
    return sorted({side, max(least, round(0.85 * side)), max(least, round(0.7 * side))})[::-1]
