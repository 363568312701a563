"""Where new objects go."""

from __future__ import annotations

import numpy as np
import pytest

from experts.pocket import world
from experts.pocket.room import GAP, _sides, short_of, wide_of
from experts.pocket.scenes import Scene, Thing


@pytest.mark.parametrize("relation", world.RELATIONS)
def test_what_falls_nowhere_short_of_a_relation_stands_in_it(relation: str) -> None:
    """By the scene's own rule, which is a little less strict."""
    line = np.arange(0.0, 64.0)
    others = [(30.0, 34.0), (36.0, 26.0)]
    wide = wide_of(relation, line[None, :], line[:, None], others)
    assert wide.shape == (64, 64)
    assert (wide == 0).any()
    trees = tuple(Thing("tree", None, x, y, 16, False) for x, y in others)
    for y, x in np.argwhere(wide == 0)[::7]:
        scene = Scene((Thing("car", None, float(x), float(y), 16, False), *trees), "white", 1)
        assert scene.relates("car", relation, "tree") is True
    assert wide_of(relation, np.array(33.0), np.array(30.0), others) > 5
    along, across = {"left of": (-14, 0), "right of": (14, 0), "above": (0, -14), "below": (0, 14)}[
        relation
    ]
    plain = np.array(33.0 + along * 1.3), np.array(30.0 + across * 1.3)
    assert wide_of(relation, *plain, others) == 0


@pytest.mark.parametrize("relation", world.RELATIONS)
def test_where_nothing_falls_short_there_is_room_for_the_other(relation: str) -> None:
    size, line = 20.0, np.arange(0.0, 65.0)
    short = short_of(relation, size, line[None, :], line[:, None])
    assert short.shape == (65, 65)
    for y, x in np.argwhere(short == 0)[::97]:
        centres = np.arange(size / 2, 64 - size / 2 + 1)
        grid = wide_of(relation, centres[None, :], centres[:, None], [(float(x), float(y))])
        assert (grid == 0).any()
    middle = short_of(relation, size, np.array(32.0), np.array(32.0))
    assert middle == 0
    assert short.max() == GAP + size / 2


def test_what_is_large_stays_large_and_what_is_small_stays_as_it_is() -> None:
    for size in range(8, 64):
        sides = _sides(float(size))
        assert sides[0] == size
        assert sides == sorted(sides, reverse=True)
        if size >= world.LARGE:
            assert min(sides) >= world.LARGE
        elif size > world.SMALL + 3:
            assert min(sides) >= world.SMALL + 3
        else:
            assert sides == [size]
