"""Where new objects go: into room that is there, and to where they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from experts.pocket import slots, world
from experts.pocket.sight import CELL, kinds_of

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


def make_room(
    rows: Tensor,
    new: list[int],
    chances: NDArray[np.float32],
    beside: Beside | None,
) -> None:
    """Moves new objects a little, to where they cover least of what stays.

    What is to stand beside others is moved as far as that takes.
    """
    reach = REACH_OF_MOVES if beside is None else world.NATIVE_SIZE
    emptied = kinds_of(rows, slots.EMPTIED)
    stay = [i for i in range(len(slots.NOUNS)) if i not in emptied]
    shows = 1 - np.prod(1 - chances[stay], 0)
    taken = np.kron(shows, np.ones((CELL, CELL), np.float32))
    shift = np.arange(-reach, reach + 1)
    far = (shift[:, None] ** 2 + shift[None, :] ** 2) ** 0.5 / REACH_OF_MOVES
    around = np.pad(taken, reach, constant_values=1.0 if beside is None else OUTSIDE_COSTS)
    for i in new:
        x, y, size = (float(v) for v in rows[i, 3:6])
        astray: float | NDArray[np.floating[Any]] = 0.0
        if beside is not None and int(rows[i, 1]) == beside[0]:
            place = x + shift[None, :], y + shift[:, None]
            astray = ASTRAY_COSTS * wide_of(beside[1], *place, beside[2])
        sums = np.pad(around.cumsum(0, np.float64).cumsum(1), ((1, 0), (1, 0)))
        spots = []
        for side in _sides(size):
            tops, lefts = (
                np.clip(round(v - side / 2) + shift + reach, 0, len(around) - side) for v in (y, x)
            )
            cost = _means(sums, side)[np.ix_(tops, lefts)] + MOVE_COSTS * far + astray
            row, col = np.unravel_index(int(cost.argmin()), cost.shape)
            total = float(cost[row, col]) + SHRINKING_COSTS * (size - side)
            spots.append((total, side, row, col, tops[row], lefts[col]))
        _, side, row, col, top, left = min(spots, key=lambda spot: spot[0])
        rows[i, 3], rows[i, 4] = x + float(shift[col]), y + float(shift[row])
        if side < round(size):
            rows[i, 5] = float(side)
        around[top : top + side, left : left + side] = 1.0


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
