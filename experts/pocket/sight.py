"""Where a picture shows the kinds of object that an instruction names: the planner's eye, read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from experts.pocket import slots, world
from experts.pocket.wording import Wording, wide_of

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

SAID: Final = {"small": (12.0, world.SMALL - 1.0), "large": (world.LARGE + 4.0, world.NATIVE_SIZE)}
"""Least and greatest side, in native pixels, of what is said to be small or large."""

SHRINKING_COSTS: Final = 0.01
"""For each native pixel that a new object is smaller than planned."""

OUTSIDE_COSTS: Final = 3.0
"""Of an object that is moved far: a place outside the picture, in places that are taken."""

ASTRAY_COSTS: Final = 0.3
"""For each native pixel that a new object falls short of a relation, in places that are taken."""

Box = tuple[float, float, float]
"""Centre (x, y) and longest side, in native pixels."""

Beside = tuple[int, str, list[tuple[float, float]]]
"""Kind of object, as rows have it, one of `world.RELATIONS`, and centres of the others."""


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
    rows: Tensor,
    shown: Tensor,
    kinds: Sequence[Sequence[str]],
    in_place: bool | None,
    wordings: Sequence[Wording] | None = None,
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
        wordings: What each text says of number, size and relation, for plans to be held to; None
            takes plans as they are.

    Returns:
        The rows.
    """
    chances = shown.float().sigmoid().cpu().numpy()
    for index, named in enumerate(kinds):
        freed: list[Box] = []
        new: list[int] = []
        said = wordings[index] if wordings else Wording()
        seen = {n: find(chances[index, slots.NOUNS.index(n)], chances[index, -1]) for n in named}
        for group, noun in enumerate(named):
            part = rows[index, group * slots.EACH : (group + 1) * slots.EACH]
            found = seen[noun]
            hold(part, noun, found, said, chances[index], in_place is True)
            emptied = [i for i in range(slots.EACH) if part[i, 0] == slots.EMPTIED]
            painted = [i for i in range(slots.EACH) if part[i, 0] == slots.PAINTED]
            if found and emptied:
                _empty(part, emptied, painted, found)
                freed += [] if painted else found
            there = _there(part, painted, found) if in_place is None else in_place
            if found and painted and there:
                _repaint(rows[index], part, painted, found, noun in said.sizes)
            else:
                new += [group * slots.EACH + i for i in painted]
        _take_place(rows[index], new, freed)
        _make_room(rows[index], new[len(freed) :], chances[index], _beside(said, seen))
    return rows


def hold(
    part: Tensor,
    noun: str,
    found: Sequence[Box],
    said: Wording,
    chances: NDArray[np.float32],
    in_place: bool,
) -> None:
    """Holds what is planned of one kind of object to what an instruction says of it.

    Args:
        part: Its rows (`slots.EACH`, 7); changed.
        noun: The kind.
        found: Where the picture shows it.
        said: The instruction.
        chances: Chances of what each cell shows (labels, 16, 16).
        in_place: As in `settle`.
    """
    emptied, painted = ((part[:, 0] == k) for k in (slots.EMPTIED, slots.PAINTED))
    number, sized = said.counts.get(noun), noun in said.sizes
    moves = said.relation is not None and said.relation[0] == noun
    changes = bool(emptied.any() and painted.any()) and (moves or sized)
    if found and emptied.any() and not painted.any() and (moves or (in_place and sized)):
        _paint_like(part, noun, found, chances)
    elif found and number and not in_place and not changes:
        more = number - len(found)
        if more > 0:
            part[emptied, 0] = slots.ABSENT
            _paint_more(part, noun, found, more, chances)
        elif more < 0:
            # Which of them is left to `_empty`, which knows where they are.
            part[:, 0] = slots.ABSENT
            part[:-more, 0] = slots.EMPTIED
    if noun in said.sizes:
        low, high = SAID[said.sizes[noun]]
        at = part[:, 0] == slots.PAINTED
        part[at, 5] = part[at, 5].clamp(min=low, max=high)


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


def _row_emptied(noun: int, box: Box) -> list[float]:
    """The row that empties the place of an object that is seen."""
    x, y, side = box
    return [slots.EMPTIED, noun, 0, x, y, side + CELL, 0]


def _paint_like(
    part: Tensor, noun: str, found: Sequence[Box], chances: NDArray[np.float32]
) -> None:
    """Plans to paint what is seen anew, in rows that are free or else in those that empty it."""
    free = [i for i in range(slots.EACH) if part[i, 0] != slots.EMPTIED] or [slots.EACH - 1]
    for i, box in zip(free, found, strict=False):
        part[i] = torch.tensor(row_seen(box, noun, chances), dtype=part.dtype)


def _paint_more(
    part: Tensor, noun: str, found: Sequence[Box], more: int, chances: NDArray[np.float32]
) -> None:
    """Plans to paint so many more, like the first that is planned, else like the first seen."""
    painted = [i for i in range(slots.EACH) if part[i, 0] == slots.PAINTED]
    free = [i for i in range(slots.EACH) if i not in painted]
    for i in painted[more:]:
        part[i, 0] = slots.ABSENT
    if not painted:
        _paint_like(part, noun, found[:1], chances)
        painted, free = free[:1], free[1:]
    for i in free[: max(0, more - len(painted))]:
        part[i] = part[painted[0]]


def _beside(said: Wording, seen: Mapping[str, Sequence[Box]]) -> Beside | None:
    """Where new objects are to stand, if that is said and the others are seen."""
    if said.relation is None or not (others := seen.get(said.relation[2])):
        return None
    noun, relation, _ = said.relation
    return slots.NOUNS.index(noun), relation, [(x, y) for x, y, _ in others]


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
    for i, box in zip(free, found if everything else found[: len(emptied)], strict=False):
        part[i] = torch.tensor(_row_emptied(noun, box), dtype=part.dtype)


def _take_place(rows: Tensor, new: list[int], freed: list[Box]) -> None:
    for i, (x, y, side) in zip(new, freed, strict=False):
        rows[i, 3], rows[i, 4] = x, y
        rows[i, 5] = rows[i, 5].clamp(min=min(side, world.LARGE), max=side + CELL)


def _kinds(rows: Tensor, kind: int) -> set[int]:
    """Indices of the kinds of object that rows (slots, 7) of a kind are of."""
    return {int(noun) for noun in rows[rows[:, 0] == kind][:, 1]}


def _make_room(
    rows: Tensor,
    new: list[int],
    chances: NDArray[np.float32],
    beside: Beside | None,
) -> None:
    """Moves new objects a little, to where they cover least of what stays.

    What is to stand beside others is moved as far as that takes.
    """
    reach = REACH_OF_MOVES if beside is None else world.NATIVE_SIZE
    emptied = _kinds(rows, slots.EMPTIED)
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
    least = world.LARGE + 2 if side > world.LARGE else world.SMALL + 3
    return sorted({side, max(least, round(0.85 * side)), max(least, round(0.7 * side))})[::-1]


def _repaint(rows: Tensor, part: Tensor, painted: list[int], found: list[Box], sized: bool) -> None:
    """Paints objects where they are; what becomes smaller is emptied first.

    Whether another size is asked for is said (`sized`), or the plan tells.
    """
    first = part[painted[0]].clone()
    planned = float(first[5])
    resized = sized or planned < SIZED[0] or planned > SIZED[1]
    part[:, 0] = slots.ABSENT
    for i, (x, y, side) in enumerate(found[: slots.EACH]):
        part[i] = first
        part[i, 5] = size = planned if resized else max(side - WIDER, float(world.SMALL - 3))
        half = size / 2 if sized else 0.0
        part[i, 3], part[i, 4] = (min(max(v, half), world.NATIVE_SIZE - half) for v in (x, y))
    free = [i for i in range(len(rows)) if rows[i, 0] == slots.ABSENT]
    smaller = [box for box in found[: slots.EACH] if resized and box[2] > planned]
    for i, box in zip(free, smaller, strict=False):
        rows[i] = torch.tensor(_row_emptied(int(first[1]), box), dtype=rows.dtype)
