"""Settling plans by what a picture shows and an instruction asks; by known chances."""

from __future__ import annotations

import torch

from experts.pocket import slots
from experts.pocket.settling import settle
from experts.pocket.sight import CELL
from experts.pocket.wording import Wording
from tests.pocket.plans import CAR, TREE, rows_with, shown_by


def _rows_of(rows: torch.Tensor, kind: int, noun: int | None = None) -> torch.Tensor:
    """The rows of a kind, and of a kind of object."""
    own = rows[0, :, 0] == kind
    return rows[0][own if noun is None else own & (rows[0, :, 1] == noun)]


def test_what_a_plan_empties_is_where_the_picture_shows_it() -> None:
    rows = settle(
        rows_with((0, [slots.EMPTIED, CAR, 0, 50, 50, 20, 0])),
        shown_by(car=(2, 2, 6, 6)),
        [["car"]],
        False,
    )
    kind, _, _, x, y, size, _ = rows[0, 0].tolist()
    assert (kind, x, y) == (slots.EMPTIED, 16, 16)
    assert size == 4 * CELL + CELL


def test_another_kind_is_painted_where_the_old_one_was() -> None:
    planned = rows_with(
        (0, [slots.EMPTIED, CAR, 0, 50, 50, 20, 0]),
        (slots.EACH, [slots.PAINTED, TREE, 0, 40, 40, 20, 0]),
    )
    rows = settle(planned, shown_by(car=(2, 2, 6, 6)), [["car", "tree"]], False)
    assert rows[0, slots.EACH, 3:5].tolist() == [16, 16]


def test_a_new_object_makes_room_for_what_is_there() -> None:
    planned = rows_with((0, [slots.PAINTED, TREE, 0, 20, 20, 16, 0]))
    shown = shown_by(car=(2, 2, 7, 7))
    rows = settle(planned, shown, [["tree"]], False)
    x, y, size = rows[0, 0, 3:6].tolist()
    assert size == 16
    assert max(abs(x - 18), abs(y - 18)) >= 16
    assert size / 2 <= x <= 64 - size / 2
    assert size / 2 <= y <= 64 - size / 2


def test_what_becomes_smaller_is_emptied_first() -> None:
    planned = rows_with((0, [slots.PAINTED, CAR, 0, 20, 20, 14, 0]))
    rows = settle(planned, shown_by(car=(2, 2, 9, 9)), [["car"]], True)
    assert rows[0, 0].tolist()[3:6] == [22, 22, 14]
    emptied = _rows_of(rows, slots.EMPTIED)
    assert emptied[:, 3:6].tolist() == [[22, 22, 7 * CELL + CELL]]


def _kinds(rows: torch.Tensor, noun: int) -> tuple[int, int]:
    """How many of a kind are painted and how many emptied."""
    own = rows[0][rows[0, :, 1] == noun]
    return tuple(int((own[:, 0] == kind).sum()) for kind in (slots.PAINTED, slots.EMPTIED))  # type: ignore[return-value]


def test_a_plan_paints_as_many_as_are_still_missing() -> None:
    planned = rows_with((0, [slots.PAINTED, CAR, 0, 50, 50, 16, 0]))
    shown = shown_by(car=(1, 1, 5, 5))
    assert _kinds(settle(planned.clone(), shown, [["car"]], False), CAR) == (1, 0)
    rows = settle(planned, shown, [["car"]], False, [Wording(totals={"car": 4})])
    assert _kinds(rows, CAR) == (3, 0)
    places = [tuple(row[3:5].tolist()) for row in rows[0] if row[0] == slots.PAINTED]
    assert len(set(places)) == 3


def test_a_plan_empties_as_many_as_are_too_many() -> None:
    shown = shown_by(car=(1, 1, 4, 4))
    shown[0, CAR, 9:13, 9:13] = shown[0, -1, 11, 11] = 6.0
    planned = rows_with((0, [slots.PAINTED, CAR, 0, 50, 20, 16, 0]))
    rows = settle(planned, shown, [["car"]], False, [Wording(totals={"car": 1})])
    assert _kinds(rows, CAR) == (0, 1)


def test_a_plan_that_only_takes_away_what_is_to_be_moved_paints_it_too() -> None:
    shown = shown_by(car=(2, 2, 6, 6), tree=(2, 7, 6, 11))
    planned = rows_with((0, [slots.EMPTIED, CAR, 0, 16, 16, 20, 0]))
    said = Wording(relation=("car", "right of", "tree"))
    rows = settle(planned, shown, [["car", "tree"]], False, [said])
    assert _kinds(rows, CAR) == (1, 1)
    painted = _rows_of(rows, slots.PAINTED)[0]
    assert painted[3] >= 36 + 10
    assert abs(painted[4] - 16) <= 10


def test_a_new_object_is_moved_to_where_it_is_asked_for() -> None:
    planned = rows_with((0, [slots.PAINTED, CAR, 0, 12, 50, 18, 0]))
    shown = shown_by(tree=(6, 4, 10, 8))
    said = [Wording(relation=("car", "above", "tree"))]
    y = float(settle(planned.clone(), shown, [["car", "tree"]], False, said)[0, 0, 4])
    assert y <= 32 - 10
    unread = float(settle(planned, shown, [["car", "tree"]], False)[0, 0, 4])
    assert unread > 32


def test_small_and_large_are_plain_to_see() -> None:
    for size, low, high in (("small", 12, 14), ("large", 33, 64)):
        planned = rows_with((0, [slots.PAINTED, CAR, 0, 20, 20, 20, 0]))
        shown = shown_by(car=(2, 2, 7, 7))
        rows = settle(planned, shown, [["car"]], True, [Wording(resized={"car": size})])
        assert low <= rows[0, 0, 5] <= high


def test_a_new_object_is_painted_smaller_rather_than_over_others() -> None:
    planned = rows_with((0, [slots.PAINTED, TREE, 0, 32, 32, 28, 0]))
    shown = shown_by(car=(0, 0, 16, 5), bus=(0, 10, 16, 16))
    rows = settle(planned, shown, [["tree"]], False)
    assert 18 <= rows[0, 0, 5] < 28


def _cars(*cells: tuple[int, int], sure: float = 6.0) -> torch.Tensor:
    """A picture of cars of 4 by 4 cells, each a little less sure than the one before."""
    shown = shown_by()
    for index, (top, left) in enumerate(cells):
        shown[0, CAR, top : top + 4, left : left + 4] = sure - index
        shown[0, -1, top + 2, left + 2] = sure
    return shown


def _paint(shown: torch.Tensor, colour: str, top: int, left: int) -> None:
    """Gives a car its colour."""
    label = len(slots.NOUNS) + slots.COLOURS.index(colour) - 1
    shown[0, label, top : top + 4, left : left + 4] = 6.0


def _emptied(rows: torch.Tensor) -> list[list[float]]:
    return _rows_of(rows, slots.EMPTIED)[:, 3:5].tolist()


ONE_CAR = (0, [slots.PAINTED, CAR, 0, 50, 50, 16, 0])
NO_CAR = (0, [slots.EMPTIED, CAR, 0, 10, 10, 16, 0])
THREE = ((1, 1), (1, 9), (9, 1))


def _two_red_and_a_blue() -> torch.Tensor:
    shown = _cars(*THREE)
    for colour, cells in zip(("red", "red", "blue"), THREE, strict=True):
        _paint(shown, colour, *cells)
    return shown


def test_what_is_added_comes_on_top_of_what_is_there() -> None:
    said = [Wording(more={"car": 2}, new=frozenset({"car"}))]
    rows = settle(rows_with(ONE_CAR), _cars(*THREE), [["car"]], False, said)
    assert _kinds(rows, CAR) == (2, 0)
    # Even where a plan would empty some, and where none is there yet.
    rows = settle(rows_with(NO_CAR), _cars(*THREE), [["car"]], False, said)
    assert _kinds(rows, CAR) == (2, 0)
    unnumbered = [Wording(new=frozenset({"car"}))]
    rows = settle(rows_with(NO_CAR, (1, ONE_CAR[1])), _cars(*THREE), [["car"]], False, unnumbered)
    assert _kinds(rows, CAR) == (1, 0)
    rows = settle(rows_with(ONE_CAR), shown_by(), [["car"]], False, said)
    assert _kinds(rows, CAR) == (2, 0)


def test_what_is_added_has_the_colour_that_is_said() -> None:
    shown = _cars((1, 1))
    _paint(shown, "blue", 1, 1)
    said = [Wording(more={"car": 2}, colours={"car": "red"}, new=frozenset({"car"}))]
    rows = settle(rows_with(), shown, [["car"]], False, said)
    painted = _rows_of(rows, slots.PAINTED)
    assert [slots.COLOURS[int(c)] for c in painted[:, 2]] == ["red", "red"]


def test_the_least_sure_go() -> None:
    for said in (Wording(totals={"car": 2}), Wording(fewer={"car": 1}), Wording()):
        rows = settle(rows_with(NO_CAR), _cars(*THREE), [["car"]], False, [said])
        assert _emptied(rows) == [[12, 44]]


def test_a_number_of_a_colour_is_of_those_that_show_it() -> None:
    shown = _two_red_and_a_blue()
    said = [Wording(totals={"car": 1}, colours={"car": "red"})]
    rows = settle(rows_with(NO_CAR), shown, [["car"]], False, said)
    assert _emptied(rows) == [[44, 12]]
    said = [Wording(totals={"car": 2}, colours={"car": "blue"})]
    rows = settle(rows_with(ONE_CAR), shown, [["car"]], False, said)
    assert _kinds(rows, CAR) == (1, 0)
    said = [Wording(totals={"car": 3}, colours={"car": "green"})]
    rows = settle(rows_with(ONE_CAR), shown, [["car"]], False, said)
    assert _kinds(rows, CAR) == (1, 0)


def test_as_many_are_painted_as_are_moved() -> None:
    beside = ("car", "right of", "tree")
    plans = ([NO_CAR], [NO_CAR, (1, ONE_CAR[1]), (2, ONE_CAR[1]), (3, ONE_CAR[1])])
    for places, number, moved in ((((1, 1),), 0, 1), (((1, 1), (9, 1)), 0, 2), (THREE, 0, 3),
                                  (THREE, 1, 1), (THREE, 2, 2)):  # fmt: skip
        shown = _cars(*places)
        shown[0, TREE, 6:9, 5:8] = shown[0, -1, 7, 6] = 6.0
        said = [Wording(relation=beside, fewer={"car": number} if number else {})]
        for planned in plans:
            rows = settle(rows_with(*planned), shown, [["car", "tree"]], False, said)
            assert _kinds(rows, CAR) == (moved, moved)
            painted = _rows_of(rows, slots.PAINTED, CAR)
            assert (painted[:, 3] > 26 + 10).all()


def test_what_is_moved_keeps_its_colour_and_size() -> None:
    shown = shown_by(car=(1, 1, 9, 9), tree=(10, 2, 14, 6))
    shown[0, len(slots.NOUNS) + slots.COLOURS.index("blue") - 1, 1:9, 1:9] = 6.0
    planned = rows_with(NO_CAR, (1, [slots.PAINTED, CAR, 1, 50, 50, 16, 0]))
    said = [Wording(relation=("car", "right of", "tree"))]
    rows = settle(planned, shown, [["car", "tree"]], False, said)
    painted = _rows_of(rows, slots.PAINTED)[0]
    assert slots.COLOURS[int(painted[2])] == "blue"
    assert painted[5] >= 29


def test_those_that_are_moved_keep_their_own_colours_and_sizes() -> None:
    shown = shown_by(tree=(12, 1, 15, 4))
    shown[0, CAR, 0:8, 0:8] = shown[0, -1, 4, 4] = 6.0
    shown[0, CAR, 0:7, 9:16] = shown[0, -1, 3, 12] = 5.0
    shown[0, len(slots.NOUNS) + slots.COLOURS.index("blue") - 1, 0:8, 0:8] = 6.0
    planned = rows_with(NO_CAR, (1, [slots.PAINTED, CAR, 1, 50, 50, 16, 0]))
    said = [Wording(relation=("car", "below", "tree"))]
    rows = settle(planned, shown, [["car", "tree"]], False, said)
    painted = _rows_of(rows, slots.PAINTED, CAR)
    colours = [slots.COLOURS[int(c)] for c in painted[:, 2]]
    assert colours == ["blue", "red"]  # the second as planned: no colour is seen


def test_of_those_that_are_to_be_moved_one_that_needs_it_is() -> None:
    """And it is not painted over the one that stays."""
    shown = _cars((1, 11), (1, 1))
    shown[0, TREE, 6:9, 6:9] = shown[0, -1, 7, 7] = 6.0
    planned = rows_with(NO_CAR, (1, [slots.PAINTED, CAR, 0, 52, 12, 16, 0]))
    said = [Wording(fewer={"car": 1}, relation=("car", "right of", "tree"))]
    rows = settle(planned, shown, [["car", "tree"]], False, said)
    assert _emptied(rows) == [[12, 12]]
    car = _rows_of(rows, slots.PAINTED, CAR)[0]
    assert car[3] >= 30 + 10
    assert max(abs(car[3] - 52), abs(car[4] - 12)) >= 12


def test_what_is_to_be_small_besides_is_moved_itself() -> None:
    shown = shown_by(car=(6, 8, 12, 14), tree=(0, 1, 4, 5))
    planned = rows_with(NO_CAR, (1, [slots.PAINTED, CAR, 0, 50, 50, 16, 0]))
    said = [Wording(resized={"car": "small"}, relation=("car", "above", "tree"))]
    rows = settle(planned, shown, [["car", "tree"]], False, said)
    assert _kinds(rows, CAR) == (1, 1)


def test_what_something_cannot_stand_beside_makes_way() -> None:
    """Nothing can be above a tree at the upper edge: the tree is moved below the car."""
    shown = shown_by(car=(6, 9, 10, 13), tree=(0, 1, 4, 5))
    planned = rows_with(NO_CAR, (1, [slots.PAINTED, CAR, 0, 50, 50, 16, 0]))
    said = [Wording(relation=("car", "above", "tree"))]
    rows = settle(planned, shown, [["car", "tree"]], False, said)
    assert _kinds(rows, CAR) == (0, 0)
    assert _kinds(rows, TREE) == (1, 1)
    tree = _rows_of(rows, slots.PAINTED)[0]
    assert tree[4] >= 32 + 10
    assert _rows_of(rows, slots.EMPTIED)[0, 3:5].tolist() == [12, 8]


def test_for_what_is_new_the_other_makes_way_too() -> None:
    shown = shown_by(tree=(0, 1, 4, 5))
    said = [Wording(relation=("car", "above", "tree"), new=frozenset({"car"}))]
    rows = settle(rows_with(ONE_CAR), shown, [["car", "tree"]], False, said)
    assert _kinds(rows, CAR) == (1, 0)
    assert _kinds(rows, TREE) == (1, 1)
    car, tree = (_rows_of(rows, slots.PAINTED, n)[0] for n in (CAR, TREE))
    assert tree[4] - car[4] >= 10
    assert car[4] >= car[5] / 2 - 1


def test_nothing_makes_way_where_there_is_room() -> None:
    shown = shown_by(tree=(8, 6, 12, 10))
    said = [Wording(relation=("car", "above", "tree"), new=frozenset({"car"}))]
    rows = settle(rows_with(ONE_CAR), shown, [["car", "tree"]], False, said)
    assert _kinds(rows, TREE) == (0, 0)


def test_more_than_there_were_stand_beside_one_another() -> None:
    """Of two that replace one, the second is not painted over the first."""
    planned = rows_with(
        (0, [slots.EMPTIED, CAR, 0, 30, 30, 20, 0]),
        (slots.EACH, [slots.PAINTED, TREE, 0, 30, 30, 18, 0]),
    )
    said = [Wording(more={"tree": 2}, new=frozenset({"tree"}))]
    rows = settle(planned, shown_by(car=(6, 6, 10, 10)), [["car", "tree"]], False, said)
    first, second = _rows_of(rows, slots.PAINTED)
    assert first[3:5].tolist() == [32, 32]
    assert max(abs(second[3] - 32), abs(second[4] - 32)) >= 14


def test_what_is_to_stand_beside_something_does_not_take_a_free_place() -> None:
    shown = shown_by(car=(6, 11, 10, 15), dog=(6, 4, 10, 8))
    dog, cat = (slots.NOUNS.index(n) for n in ("dog", "cat"))
    planned = rows_with(
        (0, [slots.EMPTIED, CAR, 0, 52, 32, 20, 0]),
        (slots.EACH, [slots.PAINTED, cat, 0, 40, 40, 14, 0]),
    )
    said = [Wording(more={"cat": 1}, new=frozenset({"cat"}), relation=("cat", "left of", "dog"))]
    rows = settle(planned, shown, [["car", "cat", "dog"]], False, said)
    cats, dogs = (_rows_of(rows, slots.PAINTED, n) for n in (cat, dog))
    beside = float(dogs[0, 3]) if len(dogs) else 24.0
    assert cats[0, 3] <= beside - 10


def test_of_a_colour_go_those_that_show_it() -> None:
    shown = _two_red_and_a_blue()
    said = [Wording(fewer={"car": 2}, colours={"car": "red"})]
    rows = settle(rows_with(NO_CAR), shown, [["car"]], False, said)
    assert sorted(_emptied(rows)) == [[12, 12], [44, 12]]
    said = [Wording(fewer={"car": 2}, colours={"car": "green"})]
    rows = settle(rows_with(NO_CAR), shown, [["car"]], False, said)
    assert _emptied(rows) == [[12, 44]]  # one, as is planned: the least sure


def test_all_are_replaced_by_as_many_where_no_number_is_said() -> None:
    planned = (NO_CAR, (slots.EACH, [slots.PAINTED, TREE, 0, 40, 40, 16, 0]))
    said = Wording(new=frozenset({"tree"}), replaced=frozenset({"car"}))
    rows = settle(rows_with(*planned), _cars(*THREE), [["car", "tree"]], False, [said])
    assert _kinds(rows, CAR) == (0, 3)
    assert _kinds(rows, TREE) == (3, 0)
    trees = _rows_of(rows, slots.PAINTED)[:, 3:5].tolist()
    assert sorted(trees) == [[12, 12], [12, 44], [44, 12]]
    some = Wording(fewer={"car": 1}, new=said.new, replaced=said.replaced)
    rows = settle(rows_with(*planned), _cars(*THREE), [["car", "tree"]], False, [some])
    assert (_kinds(rows, CAR), _kinds(rows, TREE)) == ((0, 1), (1, 0))
    one = Wording(more={"tree": 1}, new=said.new, replaced=said.replaced)
    rows = settle(rows_with(*planned), _cars(*THREE), [["car", "tree"]], False, [one])
    assert (_kinds(rows, CAR), _kinds(rows, TREE)) == ((0, 3), (1, 0))


def test_a_replacement_has_the_size_that_is_asked_for() -> None:
    planned = rows_with(NO_CAR, (slots.EACH, [slots.PAINTED, TREE, 0, 40, 40, 20, 0]))
    said = [Wording(more={"tree": 1}, sizes={"tree": "small"}, new=frozenset({"tree"}))]
    rows = settle(planned, shown_by(car=(2, 2, 10, 10)), [["car", "tree"]], False, said)
    assert rows[0, slots.EACH, 5] < 15
    assert rows[0, slots.EACH, 3:5].tolist() == [24, 24]


def test_room_for_what_becomes_smaller_is_taken_after_all_kinds_are_planned() -> None:
    """Rows of a later kind of object are not free before that kind is settled."""
    planned = rows_with(
        *((i, [slots.PAINTED, CAR, 0, 12, 12, 14, 0]) for i in range(slots.EACH)),
        (slots.EACH, [slots.PAINTED, TREE, 0, 40, 40, 20, 0]),
    )
    shown = _cars((0, 0), (0, 6), (0, 12), (6, 0))
    shown[0, TREE, 10:15, 10:15] = shown[0, -1, 12, 12] = 6.0
    said = [Wording(resized={"car": "small"})]
    rows = settle(planned, shown, [["car", "tree"]], True, said)
    assert _kinds(rows, CAR) == (4, 4)
    assert _kinds(rows, TREE) == (1, 0)
    assert rows[0, slots.EACH, 1] == TREE
