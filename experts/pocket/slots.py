"""Objects as slots: what is where, in numbers that models read and write.

A picture's objects are at most `SLOTS` rows: kind of object, colour, place, size, mirrored. One
model decides them (`experts.pocket.planner`), another paints them (`experts.pocket.pipeline`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from experts.pocket import world
from experts.pocket.scenes import SIZE, Thing

Floats = NDArray[np.float32]

EACH: Final = 4
"""Rows for each kind of object that a text names: four objects, or two that move."""

SLOTS: Final = EACH * world.MAX_GROUPS
"""Rows of a picture."""

ABSENT: Final = 0
PAINTED: Final = 1
EMPTIED: Final = 2
"""Kinds of row: nothing; an object is painted there; only background is."""

FIELDS: Final = ("kind", "noun", "colour", "x", "y", "size", "flip")
"""Columns of a row. Places and sizes in native pixels; `noun` and `colour` are indices, colour 0
being the object's own; `flip` is 0 or 1."""

NOUNS: Final = tuple(world.NOUNS)
COLOURS: Final = (None, *world.COLOURS)


def row_of(thing: Thing, kind: int = PAINTED) -> list[float]:
    """An object as a row, in the order of `FIELDS`."""
    return [
        kind, NOUNS.index(thing.noun), COLOURS.index(thing.colour), thing.x, thing.y, thing.size,
        float(thing.flip),
    ]  # fmt: skip


def rows_of(rows: Sequence[Sequence[float]]) -> Floats:
    """Rows padded with absent ones to (`SLOTS`, 7); more than that are cut."""
    out = np.zeros((SLOTS, len(FIELDS)), np.float32)
    for index, row in enumerate(rows[:SLOTS]):
        out[index] = row
    return out


def in_groups(rows: Sequence[tuple[Thing, int]], named: Sequence[str]) -> NDArray[np.float32]:
    """Rows by the kinds that a text names, `EACH` to a kind, in the order that it names them in.

    What a row shows is then told by the text, and only its place is left to chance. Of one kind,
    emptied places come first, then objects from left to right.

    Args:
        rows: Objects and kinds of row.
        named: Kinds of object, each once; what is of no such kind is left out.
    """
    out = np.zeros((SLOTS, len(FIELDS)), np.float32)
    for group, noun in enumerate(named[: world.MAX_GROUPS]):
        mine = [(thing, kind) for thing, kind in rows if thing.noun == noun]
        mine.sort(key=lambda item: (-item[1], item[0].x, item[0].y))
        for index, (thing, kind) in enumerate(mine[:EACH]):
            out[group * EACH + index] = row_of(thing, kind)
    return out


def empty_box(shown: NDArray[np.int16], rng: np.random.Generator) -> list[float] | None:
    """A square, as a row, where a picture shows nothing but background; None if none was found.

    Args:
        shown: What each pixel shows (`experts.pocket.drawing.mask_of`).
        rng: Source of chance.
    """
    for _ in range(6):
        size = float(rng.uniform(12, 30))
        x, y = rng.uniform(size / 2, SIZE - size / 2, 2)
        low_x, high_x = round(x - size / 2), round(x + size / 2)
        low_y, high_y = round(y - size / 2), round(y + size / 2)
        if (shown[low_y:high_y, low_x:high_x] < 0).all():
            return [EMPTIED, 0, 0, float(x), float(y), size, 0]
    return None
