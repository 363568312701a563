"""Reading what a picture shows; by known chances, not by a model."""

from __future__ import annotations

import numpy as np
import pytest

from experts.pocket import slots
from experts.pocket.sight import find, others
from experts.pocket.slot_pipeline import outside
from tests.pocket.plans import CAR, rows_with, shown_by


def test_objects_that_touch_are_told_apart_by_their_middles() -> None:
    chances = np.zeros((16, 16), np.float32)
    chances[4:8, 2:10] = 0.9
    centres = np.zeros((16, 16), np.float32)
    assert find(chances, centres) == [(24.0, 24.0, 32.0)]
    centres[6, 4] = centres[6, 8] = 0.8
    left, right = sorted(find(chances, centres))
    assert left == (pytest.approx(17, abs=3), 24.0, pytest.approx(16, abs=4))
    assert right == (pytest.approx(33, abs=3), 24.0, pytest.approx(16, abs=4))


def test_nothing_is_found_where_nothing_is_sure() -> None:
    assert find(np.full((16, 16), 0.4, np.float32), np.zeros((16, 16), np.float32)) == []


def test_what_an_edit_is_not_about_stays_in_front() -> None:
    rows = rows_with((0, [slots.EMPTIED, CAR, 0, 24, 24, 40, 0]))
    shown = shown_by(car=(2, 2, 6, 6), tree=(6, 6, 10, 10))
    kept = others(rows, shown, False)
    assert kept[0, 0, 8, 8] == 1
    assert kept[0, 0, 4, 4] == 0
    stays = outside(rows, 64, kept)
    assert stays[0, 0, 33, 33] == 1  # the tree
    assert stays[0, 0, 16, 16] == 0  # the car
    assert stays[0, 0, 60, 60] == 1
