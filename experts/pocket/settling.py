"""Settling a plan by what the picture shows and by what the instruction asks for.

A plan says what is to be done and roughly where; the eye (`experts.pocket.sight`) knows where
exactly, and the words (`experts.pocket.wording`) how many, how large and beside what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, as_tensor

from experts.pocket import slots, world
from experts.pocket.room import Beside, make_room, wide_of
from experts.pocket.sight import CELL, WIDER, Box, find, row_seen
from experts.pocket.wording import Wording

Floats = NDArray[np.float32]

SIZED: Final = (world.SMALL + 1.5, world.LARGE - 1.0)
"""Planned sizes below and above which an object is to become small or large."""

UNLIKE: Final = 5.0
"""By how much, in native pixels, what is moved may be planned larger or smaller than it is seen."""

CRAMPED: Final = 0.3
"""How badly a new object may stand beside another (`make_room`) before that one makes way."""

FEW: Final = 2
"""Of a kind of which more are seen nothing makes way."""

MOVING_COSTS: Final = 0.1
"""By how much it is to stand better for each kind that makes way."""

SAID: Final = {"small": (12.0, world.SMALL - 1.0), "large": (world.LARGE + 4.0, world.NATIVE_SIZE)}
"""Least and greatest side, in native pixels, of what is said to be small or large."""


def settle(
    rows: Tensor,
    shown: Tensor,
    kinds: Sequence[Sequence[str]],
    in_place: bool | None,
    wordings: Sequence[Wording] | None = None,
) -> Tensor:
    """Moves what a plan empties, or repaints in place, to where the picture shows it.

    What takes the place of another kind of object is painted where that is emptied.

    Args:
        rows: Planned rows (batch, slots, 7); changed.
        shown: Logits of what each cell shows (batch, labels, 16, 16).
        kinds: Kinds of object that each text names.
        in_place: Whether painted objects are those that are there (another colour, another size)
            rather than new ones; None: where they are planned tells.
        wordings: What each text asks for, for plans to be held to; None takes plans as they are.

    Returns:
        The rows.
    """
    chances = shown.float().sigmoid().cpu().numpy()
    for index, named in enumerate(kinds):
        freed: list[Box] = []
        extra: list[list[list[float]]] = []
        new: list[int] = []
        said = wordings[index] if wordings else Wording()
        seen = {n: find(chances[index, slots.NOUNS.index(n)], chances[index, -1]) for n in named}
        said = _as_many(said, seen, rows[index])
        seen = _in_turn(said, seen)
        for group, noun in enumerate(named):
            part = rows[index, group * slots.EACH : (group + 1) * slots.EACH]
            found = seen[noun]
            gone, more = hold(part, noun, found, said, chances[index], in_place is True)
            extra += more
            emptied, painted = _of(part, slots.EMPTIED), _of(part, slots.PAINTED)
            if found and emptied:
                gone = gone or _gone(len(emptied), bool(painted), found)
                _empty(part, painted, gone)
                freed += [] if painted else gone
            there = _there(part, painted, found) if in_place is None else in_place
            if found and painted and there:
                extra += _repaint(part, painted, found, noun in said.resized)
            else:
                new += [group * slots.EACH + i for i in painted]
        free = _of(rows[index], slots.ABSENT)
        for together in extra:
            if len(together) > len(free):
                continue
            for row in together:
                i = free.pop(0)
                rows[index, i] = as_tensor(row, dtype=rows.dtype)
                new += [i] if row[0] == slots.PAINTED else []
        beside = _beside(said, seen)
        # What is to stand beside something does not go where something else was.
        placed = [i for i in new if beside is None or int(rows[index, i, 1]) != beside[0]]
        placed = placed[: len(freed)]
        _take_place(rows[index], placed, freed, said)
        rest = [i for i in new if i not in placed]
        _find_places(rows[index], rest, chances[index], beside, said, seen)
    return rows


def _as_many(said: Wording, seen: Mapping[str, Sequence[Box]], rows: Tensor) -> Wording:
    """Where objects are replaced and no number is said, as many come as go.

    Unless they are planned in several colours: then all of these.

    Args:
        said: The instruction.
        seen: Where the picture shows each kind.
        rows: Planned rows of the picture (slots, 7).
    """
    going = sum(min(len(seen.get(n, ())), said.fewer.get(n, slots.EACH)) for n in said.replaced)
    coming = [noun for noun in said.new if noun not in said.more]
    if not going or len(coming) != 1:
        return said
    kind = slots.NOUNS.index(coming[0])
    planned = rows[(rows[:, 0] == slots.PAINTED) & (rows[:, 1] == kind)]
    least = len(planned) if len(set(planned[:, 2].tolist())) > 1 else 1
    number = min(max(going, least), slots.EACH)
    return replace(said, more={**said.more, coming[0]: number})


def _in_turn(said: Wording, seen: dict[str, list[Box]]) -> dict[str, list[Box]]:
    """What is seen; where some of a kind are to be moved, those come first that need it."""
    if said.relation is None or said.relation[0] not in said.fewer:
        return seen
    head, beside = said.relation[0], _beside(said, seen)
    if beside is None or head not in seen:
        return seen
    _, relation, others = beside

    def stands(box: Box) -> bool:
        return float(wide_of(relation, np.array(box[0]), np.array(box[1]), others)) == 0.0

    return {**seen, head: sorted(seen[head], key=stands)}


def _find_places(
    rows: Tensor,
    new: list[int],
    chances: Floats,
    beside: Beside | None,
    said: Wording,
    seen: Mapping[str, Sequence[Box]],
) -> None:
    """Places new objects; where there is no room beside another, that one makes way.

    "Move the car above the tree" cannot be done while the tree stands at the upper edge. Then the
    tree is moved below the car, or both are moved.

    Args:
        rows: Planned rows of one picture (slots, 7); changed.
        new: Those that may be placed anywhere.
        chances: Chances of what each cell shows (labels, 16, 16).
        beside: What is to stand where (`_beside`).
        said: The instruction.
        seen: Where the picture shows each kind.
    """
    planned = rows.clone()
    ill = make_room(rows, new, chances, beside)
    if beside is None or said.relation is None or ill <= CRAMPED:
        return
    head, relation, other = said.relation
    mine = [i for i in new if int(planned[i, 1]) == beside[0]]
    anchors = seen[other]
    noun = slots.NOUNS.index(other)
    planned_too = bool(((planned[:, 1] == noun) & (planned[:, 0] != slots.ABSENT)).any())
    if not mine or planned_too or len(anchors) > FEW:
        return
    others = [i for i in new if i not in mine]
    there_already = (planned[:, 1] == beside[0]) & (planned[:, 0] == slots.EMPTIED)
    only_moved = head not in said.sizes and head not in said.resized
    if seen.get(head) and only_moved and bool(there_already.any()):
        still = planned.clone()
        still[still[:, 1] == beside[0], 0] = slots.ABSENT
        moved = _moved(still, other, anchors, chances)
        if moved:
            there: Beside = noun, world.INVERSE[relation], _centres(seen[head])
            worse = make_room(still, [*moved, *others], chances, there)
            if worse < ill - MOVING_COSTS:
                ill = worse
                rows.copy_(still)
    both = planned.clone()
    moved = _moved(both, other, anchors, chances)
    if moved:
        both[mine, 0] = slots.ABSENT
        lines = 1 if len(mine) <= FEW else 2
        room = 0.85 * lines * float(both[mine, 5].max())
        worse = make_room(both, moved, chances, None, (relation, room))
        both[mine, 0] = slots.PAINTED
        stands = [(float(both[i, 3]), float(both[i, 4])) for i in moved]
        worse = max(worse, make_room(both, new, chances, (beside[0], relation, stands)))
        if worse < ill - 2 * MOVING_COSTS:
            rows.copy_(both)


def _moved(rows: Tensor, noun: str, found: Sequence[Box], chances: Floats) -> list[int]:
    """Plans to empty what is seen and to paint it anew, in rows that are free.

    Returns:
        Rows that paint it; empty where there are not enough.
    """
    free = _of(rows, slots.ABSENT)
    if len(free) < 2 * len(found):
        return []
    painted, emptied = free[: len(found)], free[len(found) : 2 * len(found)]
    for i, j, box in zip(painted, emptied, found, strict=True):
        rows[[j, i]] = as_tensor(_anew(box, noun, chances), dtype=rows.dtype)
    return painted


def hold(
    part: Tensor,
    noun: str,
    found: Sequence[Box],
    said: Wording,
    chances: Floats,
    in_place: bool,
) -> tuple[list[Box], list[list[list[float]]]]:
    """Holds what is planned of one kind of object to what an instruction asks for.

    Args:
        part: Its rows (`slots.EACH`, 7); changed.
        noun: The kind.
        found: Where the picture shows it.
        said: The instruction.
        chances: Chances of what each cell shows (labels, 16, 16).
        in_place: As in `settle`.

    Returns:
        Which of those that are seen are to be emptied, empty where that is left to the plan; and
        rows for which there is no room among its own, those in one list that belong together.
    """
    gone: list[Box] = []
    more: list[list[list[float]]] = []
    emptied, painted = _of(part, slots.EMPTIED), _of(part, slots.PAINTED)
    if noun in said.new and not in_place:
        part[emptied, 0] = slots.ABSENT
        emptied = []
    moves = said.relation is not None and said.relation[0] == noun and noun not in said.new
    if found and emptied and not painted and (moves or (in_place and noun in said.resized)):
        _paint_like(part, noun, found, chances)
    moved = bool(found and emptied) and moves
    if moved and not in_place:
        own = _own(noun, found, said, chances) or list(found)
        number = said.fewer.get(noun, said.more.get(noun))
        gone, more = _move(part, noun, own[:number], chances)
    elif noun in said.more and not in_place:
        part[emptied, 0] = slots.ABSENT
        _paint_more(part, noun, found, said.more[noun], chances)
        _colour_all(part, noun, said)
    elif noun in said.totals and not in_place:
        gone = _count(part, noun, found, said, chances)
    elif noun in said.replaced and found and not in_place:
        own = _own(noun, found, said, chances) or list(found)
        gone = own[: said.fewer.get(noun)]
        _only_empty(part, len(gone))
    elif noun in said.fewer and not painted and (own := _own(noun, found, said, chances)):
        gone = own[-said.fewer[noun] :]
        _only_empty(part, len(gone))
    if (size := said.sizes.get(noun, said.resized.get(noun))) is not None:
        low, high = SAID[size]
        at = part[:, 0] == slots.PAINTED
        part[at, 5] = part[at, 5].clamp(min=low, max=high)
    return gone, more


def _of(part: Tensor, kind: int) -> list[int]:
    """The rows of a kind."""
    return [i for i in range(len(part)) if part[i, 0] == kind]


def _own(noun: str, found: Sequence[Box], said: Wording, chances: Floats) -> list[Box]:
    """Those that a number is about: of a colour, where one is said, those that show it."""
    colour = said.colours.get(noun)
    if colour is None or not world.paintable(noun):
        return list(found)
    kept = [(box, int(row_seen(box, noun, chances)[2])) for box in found]
    return [box for box, seen in kept if slots.COLOURS[seen] == colour]


def _move(
    part: Tensor, noun: str, found: Sequence[Box], chances: Floats
) -> tuple[list[Box], list[list[list[float]]]]:
    """Plans to empty each and to paint it elsewhere, with the size and the colour that it has.

    Returns:
        Which are to be emptied in its own rows, at most two; and rows that empty and paint each of
        the others.
    """
    gone, rest = list(found[: slots.EACH // 2]), found[slots.EACH // 2 :]
    painted = [part[i].clone() for i in _of(part, slots.PAINTED)]
    part[:, 0] = slots.ABSENT
    for i, box in enumerate(gone):
        part[i, 0] = slots.EMPTIED
        row = painted[i % len(painted)].clone()
        _, _, colour, _, _, size, _ = row_seen(box, noun, chances)
        row[2] = colour or row[2]
        row[5] = size if abs(float(row[5]) - size) > UNLIKE else row[5]
        part[len(gone) + i] = row
    return gone, [_anew(box, noun, chances) for box in rest]


def _count(
    part: Tensor, noun: str, found: Sequence[Box], said: Wording, chances: Floats
) -> list[Box]:
    """Plans so many more, or so many fewer, that there are as many as asked for.

    Where there are already, the plan stays as it is: who asks sees it otherwise. So it does where
    a colour is said and none shows it: they may be meant to change colour.

    Returns:
        Which are to be emptied: the least sure, which may not even be there.
    """
    own = _own(noun, found, said, chances)
    if found and not own:
        return []
    more = said.totals[noun] - len(own)
    if more > 0:
        part[_of(part, slots.EMPTIED), 0] = slots.ABSENT
        _paint_more(part, noun, own, more, chances)
        _colour_all(part, noun, said)
    elif more < 0:
        _only_empty(part, -more)
        return own[more:]
    return []


def _colour_all(part: Tensor, noun: str, said: Wording) -> None:
    """Gives what is painted the colour that was said with its number."""
    if (colour := said.colours.get(noun)) is not None and world.paintable(noun):
        part[_of(part, slots.PAINTED), 2] = float(slots.COLOURS.index(colour))


def _only_empty(part: Tensor, number: int) -> None:
    """Plans to empty so many and to paint nothing."""
    part[:, 0] = slots.ABSENT
    part[:number, 0] = slots.EMPTIED


def _row_emptied(noun: int, box: Box) -> list[float]:
    """The row that empties the place of an object that is seen."""
    x, y, side = box
    return [slots.EMPTIED, noun, 0, x, y, side + CELL, 0]


def _anew(box: Box, noun: str, chances: Floats) -> list[list[float]]:
    """The rows that empty the place of an object and paint it as it is seen."""
    return [_row_emptied(slots.NOUNS.index(noun), box), row_seen(box, noun, chances)]


def _centres(found: Sequence[Box]) -> list[tuple[float, float]]:
    return [(x, y) for x, y, _ in found]


def _within(x: float, y: float, half: float) -> tuple[float, float]:
    """The nearest place at which a square of a half side does not reach out of the picture."""
    x, y = (min(max(v, half), world.NATIVE_SIZE - half) for v in (x, y))
    return x, y


def _paint_like(part: Tensor, noun: str, found: Sequence[Box], chances: Floats) -> None:
    """Plans to paint what is seen anew, in rows that are free or else in those that empty it."""
    free = [i for i in range(slots.EACH) if part[i, 0] != slots.EMPTIED] or [slots.EACH - 1]
    for i, box in zip(free, found, strict=False):
        part[i] = as_tensor(row_seen(box, noun, chances), dtype=part.dtype)


def _paint_more(part: Tensor, noun: str, found: Sequence[Box], more: int, chances: Floats) -> None:
    """Plans to paint so many, like the first that is planned, else like the first seen."""
    painted = _of(part, slots.PAINTED)
    free = [i for i in range(slots.EACH) if i not in painted]
    for i in painted[more:]:
        part[i, 0] = slots.ABSENT
    if not painted:
        if not found:
            return
        _paint_like(part, noun, found[:1], chances)
        painted, free = free[:1], free[1:]
    for i in free[: max(0, more - len(painted))]:
        part[i] = part[painted[0]]


def _beside(said: Wording, seen: Mapping[str, Sequence[Box]]) -> Beside | None:
    """Where new objects are to stand, if that is said and the others are seen."""
    if said.relation is None or not (others := seen.get(said.relation[2])):
        return None
    noun, relation, _ = said.relation
    return slots.NOUNS.index(noun), relation, _centres(others)


def _there(part: Tensor, painted: list[int], found: list[Box]) -> bool:
    """Whether all painted objects of a kind are planned upon one of that kind."""
    return all(
        any(max(abs(float(part[i, 3]) - x), abs(float(part[i, 4]) - y)) < side / 2
            for x, y, side in found)
        for i in painted
    )  # fmt: skip


def _gone(planned: int, moves: bool, found: list[Box]) -> list[Box]:
    """Which of those that are seen a plan empties: where not all, the least sure."""
    return found[:planned] if moves or planned >= len(found) else found[-planned:]


def _empty(part: Tensor, painted: list[int], gone: Sequence[Box]) -> None:
    """Empties the places of objects, in the rows that paint nothing."""
    noun = int(part[0, 1])
    free = [i for i in range(slots.EACH) if i not in painted]
    part[free, 0] = slots.ABSENT
    for i, box in zip(free, gone, strict=False):
        part[i] = as_tensor(_row_emptied(noun, box), dtype=part.dtype)


def _take_place(rows: Tensor, new: list[int], freed: list[Box], said: Wording) -> None:
    """Paints new objects where others were, as large as those unless another size is asked for."""
    for i, (x, y, side) in zip(new, freed, strict=False):
        low, high = min(side, world.LARGE), side + CELL
        if (size := said.sizes.get(slots.NOUNS[int(rows[i, 1])])) is not None:
            low, high = SAID[size]
        rows[i, 5] = rows[i, 5].clamp(min=low, max=high)
        half = float(rows[i, 5]) / 2 if size is not None else 0.0
        rows[i, 3], rows[i, 4] = _within(x, y, half)


def _repaint(
    part: Tensor, painted: list[int], found: list[Box], resized: bool
) -> list[list[list[float]]]:
    """Paints objects where they are.

    Whether another size is asked for is said, or the plan tells.

    Returns:
        Rows that empty the places of those that become smaller.
    """
    first = part[painted[0]].clone()
    planned = float(first[5])
    other = resized or planned < SIZED[0] or planned > SIZED[1]
    part[:, 0] = slots.ABSENT
    for i, (x, y, side) in enumerate(found):
        part[i] = first
        part[i, 5] = size = planned if other else max(side - WIDER, float(world.SMALL - 3))
        part[i, 3], part[i, 4] = _within(x, y, size / 2 if resized else 0.0)
    return [[_row_emptied(int(first[1]), box)] for box in found if other and box[2] > planned]
