"""Reading what a picture shows, and settling plans by it; by known chances, not by a model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experts.pocket import slots
from experts.pocket.labels import LABELS
from experts.pocket.sight import CELL, find, others, settle
from experts.pocket.slot_pipeline import outside
from experts.pocket.wording import Wording

CAR, TREE = slots.NOUNS.index("car"), slots.NOUNS.index("tree")


def _shown(**boxes: tuple[int, int, int, int]) -> torch.Tensor:
    """Logits of a picture: noun to the cells (top, left, bottom, right) that show it."""
    shown = torch.full((1, LABELS, 16, 16), -6.0)
    for noun, (top, left, bottom, right) in boxes.items():
        shown[0, slots.NOUNS.index(noun), top:bottom, left:right] = 6.0
        shown[0, -1, (top + bottom) // 2, (left + right) // 2] = 6.0
    return shown


def _rows(*rows: tuple[int, list[float]]) -> torch.Tensor:
    out = torch.zeros(1, slots.SLOTS, len(slots.FIELDS))
    for index, row in rows:
        out[0, index] = torch.tensor(row)
    return out


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


def test_what_a_plan_empties_is_where_the_picture_shows_it() -> None:
    rows = settle(
        _rows((0, [slots.EMPTIED, CAR, 0, 50, 50, 20, 0])),
        _shown(car=(2, 2, 6, 6)),
        [["car"]],
        False,
    )
    kind, _, _, x, y, size, _ = rows[0, 0].tolist()
    assert (kind, x, y) == (slots.EMPTIED, 16, 16)
    assert size == 4 * CELL + CELL


def test_another_kind_is_painted_where_the_old_one_was() -> None:
    planned = _rows(
        (0, [slots.EMPTIED, CAR, 0, 50, 50, 20, 0]),
        (slots.EACH, [slots.PAINTED, TREE, 0, 40, 40, 20, 0]),
    )
    rows = settle(planned, _shown(car=(2, 2, 6, 6)), [["car", "tree"]], False)
    assert rows[0, slots.EACH, 3:5].tolist() == [16, 16]


def test_a_new_object_makes_room_for_what_is_there() -> None:
    planned = _rows((0, [slots.PAINTED, TREE, 0, 20, 20, 16, 0]))
    shown = _shown(car=(2, 2, 7, 7))
    rows = settle(planned, shown, [["tree"]], False)
    x, y, size = rows[0, 0, 3:6].tolist()
    assert size == 16
    assert max(abs(x - 18), abs(y - 18)) >= 16
    assert size / 2 <= x <= 64 - size / 2
    assert size / 2 <= y <= 64 - size / 2


def test_what_an_edit_is_not_about_stays_in_front() -> None:
    rows = _rows((0, [slots.EMPTIED, CAR, 0, 24, 24, 40, 0]))
    shown = _shown(car=(2, 2, 6, 6), tree=(6, 6, 10, 10))
    kept = others(rows, shown, False)
    assert kept[0, 0, 8, 8] == 1
    assert kept[0, 0, 4, 4] == 0
    stays = outside(rows, 64, kept)
    assert stays[0, 0, 33, 33] == 1  # the tree
    assert stays[0, 0, 16, 16] == 0  # the car
    assert stays[0, 0, 60, 60] == 1


def test_what_becomes_smaller_is_emptied_first() -> None:
    planned = _rows((0, [slots.PAINTED, CAR, 0, 20, 20, 14, 0]))
    rows = settle(planned, _shown(car=(2, 2, 9, 9)), [["car"]], True)
    assert rows[0, 0].tolist()[3:6] == [22, 22, 14]
    emptied = rows[0][rows[0, :, 0] == slots.EMPTIED]
    assert emptied[:, 3:6].tolist() == [[22, 22, 7 * CELL + CELL]]


def _kinds(rows: torch.Tensor, noun: int) -> tuple[int, int]:
    """How many of a kind are painted and how many emptied."""
    own = rows[0][rows[0, :, 1] == noun]
    return tuple(int((own[:, 0] == kind).sum()) for kind in (slots.PAINTED, slots.EMPTIED))  # type: ignore[return-value]


def test_a_plan_paints_as_many_as_are_still_missing() -> None:
    planned = _rows((0, [slots.PAINTED, CAR, 0, 50, 50, 16, 0]))
    shown = _shown(car=(1, 1, 5, 5))
    assert _kinds(settle(planned.clone(), shown, [["car"]], False), CAR) == (1, 0)
    rows = settle(planned, shown, [["car"]], False, [Wording({"car": 4})])
    assert _kinds(rows, CAR) == (3, 0)
    places = [tuple(row[3:5].tolist()) for row in rows[0] if row[0] == slots.PAINTED]
    assert len(set(places)) == 3


def test_a_plan_empties_as_many_as_are_too_many() -> None:
    shown = _shown(car=(1, 1, 4, 4))
    shown[0, CAR, 9:13, 9:13] = shown[0, -1, 11, 11] = 6.0
    planned = _rows((0, [slots.PAINTED, CAR, 0, 50, 20, 16, 0]))
    rows = settle(planned, shown, [["car"]], False, [Wording({"car": 1})])
    assert _kinds(rows, CAR) == (0, 1)


def test_a_plan_that_only_takes_away_what_is_to_be_moved_paints_it_too() -> None:
    shown = _shown(car=(2, 2, 6, 6), tree=(2, 7, 6, 11))
    planned = _rows((0, [slots.EMPTIED, CAR, 0, 16, 16, 20, 0]))
    said = Wording(relation=("car", "right of", "tree"))
    rows = settle(planned, shown, [["car", "tree"]], False, [said])
    assert _kinds(rows, CAR) == (1, 1)
    painted = rows[0][rows[0, :, 0] == slots.PAINTED][0]
    assert painted[3] >= 36 + 10
    assert abs(painted[4] - 16) <= 10


def test_a_new_object_is_moved_to_where_it_is_asked_for() -> None:
    planned = _rows((0, [slots.PAINTED, CAR, 0, 12, 50, 18, 0]))
    shown = _shown(tree=(6, 4, 10, 8))
    said = [Wording(relation=("car", "above", "tree"))]
    y = float(settle(planned.clone(), shown, [["car", "tree"]], False, said)[0, 0, 4])
    assert y <= 32 - 10
    unread = float(settle(planned, shown, [["car", "tree"]], False)[0, 0, 4])
    assert unread > 32


def test_small_and_large_are_plain_to_see() -> None:
    for size, low, high in (("small", 12, 14), ("large", 33, 64)):
        planned = _rows((0, [slots.PAINTED, CAR, 0, 20, 20, 20, 0]))
        shown = _shown(car=(2, 2, 7, 7))
        rows = settle(planned, shown, [["car"]], True, [Wording(sizes={"car": size})])
        assert low <= rows[0, 0, 5] <= high


def test_a_new_object_is_painted_smaller_rather_than_over_others() -> None:
    planned = _rows((0, [slots.PAINTED, TREE, 0, 32, 32, 28, 0]))
    shown = _shown(car=(0, 0, 16, 5), bus=(0, 10, 16, 16))
    rows = settle(planned, shown, [["tree"]], False)
    assert 18 <= rows[0, 0, 5] < 28
