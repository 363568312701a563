"""Another background or style by repainting."""

from __future__ import annotations

import pytest
import torch

from experts.pocket import slots, world
from experts.pocket.labels import patch_labels
from experts.pocket.scenes import Scene, Thing
from experts.pocket.setting import asked_setting, objects_seen, repainted, with_setting
from experts.pocket.settling import settle
from experts.pocket.sight import CELL
from experts.pocket.slots import EMPTIED, PAINTED
from experts.pocket.sprites import SpriteSheet
from experts.pocket.tokens import build_tokenizer

TOKENIZER = build_tokenizer(48)
SCENE = Scene(
    (
        Thing("car", "red", 16.0, 16.0, 24, False),
        Thing("cat", None, 46.0, 46.0, 26, False),
    ),
    "white",
    1,
)


def shown(sheet: SpriteSheet) -> torch.Tensor:
    """Logits of an eye that sees everything."""
    labels = torch.from_numpy(patch_labels(sheet, SCENE, CELL)).permute(2, 0, 1)
    return 12 * labels - 6


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ("change the background to black", ("black", None)),
        ("turn the background into a night sky", ("night sky", None)),
        ("put everything on a yellow background", ("yellow", None)),
        ("make it a watercolor painting", (None, "watercolor")),
        ("draw it in pixel art style", (None, "pixel art")),
        ("make the car red", (None, None)),
        ("add a black cat", (None, None)),
        ("make it nicer", (None, None)),
    ],
)
def test_what_an_instruction_asks_for(told: str, asked: tuple[str | None, str | None]) -> None:
    assert asked_setting(TOKENIZER, told) == asked


def test_every_background_and_style_is_understood() -> None:
    for name in world.BACKGROUNDS:
        assert asked_setting(TOKENIZER, f"change the background to {name}") == (name, None)
    for name in world.STYLES:
        assert asked_setting(TOKENIZER, f"render it in {name} style") == (None, name)


def test_what_is_not_asked_for_stays_as_it_was() -> None:
    told = "on a beach background in comic style"
    assert with_setting(told, "blue", None) == "on a blue background in comic style"
    assert with_setting(told, None, "watercolor") == "on a beach background in watercolor style"
    assert with_setting("on a red background", None, None) == "on a red background"


def test_objects_are_found_with_their_colours(sheet: SpriteSheet) -> None:
    rows = objects_seen(shown(sheet))
    found = {slots.NOUNS[int(row[1])]: row for row in rows}
    assert set(found) == {"car", "cat"}
    assert slots.COLOURS[int(found["car"][2])] == "red"
    assert [row[0] for row in rows] == [PAINTED, PAINTED]
    for thing in SCENE.things:
        assert found[thing.noun][3:5] == pytest.approx((thing.x, thing.y), abs=3)


def test_a_background_empties_everything_and_a_style_paints_the_objects_anew(
    sheet: SpriteSheet,
) -> None:
    rows = torch.zeros(slots.SLOTS, 7)
    ground = repainted(rows, shown(sheet), None)
    assert ground.shape == rows.shape
    assert ground[:, 0].tolist() == [EMPTIED] + [0] * (slots.SLOTS - 1)
    assert float(ground[0, 5]) >= world.NATIVE_SIZE
    style = repainted(rows, shown(sheet), "comic")
    assert style[:3, 0].tolist() == [PAINTED, PAINTED, EMPTIED]


def test_where_it_is_planned_tells_a_new_object_from_one_that_is_there(sheet: SpriteSheet) -> None:
    def planned(x: float, y: float) -> torch.Tensor:
        rows = torch.zeros(1, slots.SLOTS, 7)
        rows[0, 0] = torch.tensor([PAINTED, slots.NOUNS.index("car"), 3, x, y, 20, 0])
        return settle(rows, shown(sheet)[None], [["car"]], None)[0]

    there, new = planned(18, 14), planned(48, 14)
    assert there[0, 3:5].tolist() == pytest.approx((16, 16), abs=3)
    assert float(new[0, 3]) > 32
