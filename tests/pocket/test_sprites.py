from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experts.pocket import sprites, world
from experts.pocket.sprites import SpriteArchiveError, SpriteSheet


def test_oklab_round_trip() -> None:
    rgb = np.random.default_rng(0).random((50, 3)).astype(np.float32)
    assert np.allclose(sprites.oklab_to_rgb(sprites.rgb_to_oklab(rgb)), rgb, atol=2e-3)


@pytest.mark.parametrize("colour", world.COLOURS)
def test_painting_changes_the_body_and_keeps_the_outline(colour: str) -> None:
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[4:28, 4:28] = (200, 60, 50, 255)
    pixels[4:10, 4:28] = (128, 128, 128, 255)
    painted = np.asarray(sprites.paint(Image.fromarray(pixels), colour, "hue"))
    assert np.array_equal(painted[..., 3], pixels[..., 3])
    assert np.allclose(painted[4:10, 4:28, :3], 128, atol=3)
    lab = sprites.rgb_to_oklab(painted[20, 16, :3].astype(np.float32) / 255)
    light, chroma, hue = sprites.PAINTS[colour]
    assert lab[0] == pytest.approx(light, abs=0.05)
    if chroma > 0.05:
        angle = np.degrees(np.arctan2(lab[2], lab[1])) % 360
        assert abs((angle - hue + 180) % 360 - 180) < 12


def test_an_unpaintable_noun_takes_no_colour(sheet: SpriteSheet) -> None:
    with pytest.raises(ValueError, match="takes no colour"):
        sheet.cut("banana", "blue", 20, False)


def test_another_archive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text(f"#!/bin/sh\necho other > {sprites.ARCHIVE}\n")
    npm.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(npm))
    with pytest.raises(SpriteArchiveError, match="not the pinned archive"):
        sprites.fetch_archive(tmp_path / "cache")
    assert not (tmp_path / "cache" / sprites.ARCHIVE).exists()


def test_without_npm_the_error_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(SpriteArchiveError, match="Install npm"):
        sprites.fetch_archive(tmp_path)


def test_the_real_archive_has_every_sprite() -> None:
    try:
        sheet = SpriteSheet.load()
    except (SpriteArchiveError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"no sprite archive here: {error}")
    for noun in world.NOUNS:
        assert max(sheet.master(noun, None).size) == 256
        cut = sheet.cut(noun, "red" if world.paintable(noun) else None, 20, True)
        assert max(cut.shape[:2]) == 20
        assert 0 <= cut.min() <= cut.max() <= 1
