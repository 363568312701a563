"""What painted pictures can be said to show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from experts.pocket.scenes import Scene, Thing
from experts.pocket.slots import EMPTIED, PAINTED
from experts.pocket.sprites import SpriteSheet
from experts.pocket.training.painted import HIDDEN, SEEN, PaintedScenes, in_sight, pushed


def thing(noun: str, x: float, y: float, size: int = 24) -> Thing:
    return Thing(noun, None, x, y, size, False)


def test_what_stands_apart_is_in_sight(sheet: SpriteSheet) -> None:
    shares = in_sight(sheet, (thing("clock", 16, 16), thing("ball", 48, 48)))
    assert min(shares) > 0.9


def test_of_two_in_one_place_not_both_are_certain(sheet: SpriteSheet) -> None:
    apart = in_sight(sheet, (thing("clock", 30, 32), thing("ball", 34, 32)))
    assert max(apart) < 0.8
    assert HIDDEN < min(apart) < SEEN


def test_what_stays_in_front_hides_what_is_painted(sheet: SpriteSheet) -> None:
    front = np.zeros((64, 64), bool)
    front[:, :40] = True
    left, right = in_sight(sheet, (thing("clock", 16, 16), thing("ball", 51, 48)), front)
    assert left == 0.0
    assert right > 0.9
    assert in_sight(sheet, ()) == []


def test_paintings_say_what_they_end_with(sheet: SpriteSheet) -> None:
    scenes = PaintedScenes(sheet, 3, 200)
    paintings = [scenes.painting(index) for index in range(200)]
    assert paintings == [scenes.painting(index) for index in range(200)]
    kinds = {kind for p in paintings for _, kind in p.changed}
    assert kinds == {PAINTED, EMPTIED}
    assert any(p.hidden for p in paintings)
    for painting in paintings:
        new = [t for t, kind in painting.changed if kind == PAINTED]
        gone = [t for t, kind in painting.changed if kind == EMPTIED]
        assert not [t for t in gone if t in painting.shown.things]
        missing = {t.noun for t in new if t not in painting.shown.things}
        assert missing == set(painting.hidden)
        if painting.before is not None and new:
            assert set(painting.before.things) <= set(painting.shown.things)


def test_pushing_moves_objects_and_keeps_them_in_the_picture(sheet: SpriteSheet) -> None:
    scene = Scene((thing("clock", 16, 16), thing("ball", 48, 48)), "blue", 1)
    rng = np.random.default_rng(0)
    made = [pushed(scene, rng) for _ in range(50)]
    assert all(len(s.things) == 2 and s.background == "blue" for s in made)
    assert all(5 <= v <= 59 for s in made for t in s.things for v in (t.x, t.y))
    closest = min(
        np.hypot(s.things[0].x - s.things[1].x, s.things[0].y - s.things[1].y) for s in made
    )
    assert closest < 12


def test_pictures_are_painted_once(sheet: SpriteSheet, tmp_path, monkeypatch) -> None:
    from experts.pocket.training import painted

    calls: list[int] = []

    def paint(self: PaintedScenes, _pipeline: object, start: int) -> np.ndarray:
        calls.append(start)
        return np.full((painted.BATCH, 64, 64, 3), start, np.uint8)

    weights = tmp_path / "weights"
    (weights / "renderer" / "unet").mkdir(parents=True)
    monkeypatch.setattr(painted, "digest_of", lambda _folder: "0" * 64)
    monkeypatch.setattr(PaintedScenes, "_paint", paint)
    monkeypatch.setattr(painted.PocketTextToImagePipeline, "from_pretrained", lambda *_: _Quiet())
    PaintedScenes(sheet, 0, 40).load(tmp_path, weights)
    again = PaintedScenes(sheet, 0, 40)
    again.load(tmp_path, weights)
    assert calls == [0, painted.BATCH]
    _, image = again.sample(np.random.default_rng(0))
    assert image.shape == (64, 64, 3)


class _Quiet:
    def set_progress_bar_config(self, **_: object) -> None: ...


@pytest.mark.parametrize("seed", range(3))
def test_a_doubtful_kind_is_still_part_of_the_scene_or_hidden(
    seed: int, sheet: SpriteSheet
) -> None:
    scenes = PaintedScenes(sheet, seed, 100)
    for index in range(100):
        painting = scenes.painting(index)
        shown = replace(painting.shown).nouns()
        assert all(noun in shown or noun in painting.hidden for noun in painting.doubtful)
