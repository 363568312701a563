"""Sprites drawn here, so that no test of the generator needs the archive."""

from __future__ import annotations

import colorsys

import pytest
from PIL import Image, ImageDraw

from experts.pocket import world
from experts.pocket.sprites import SpriteSheet


@pytest.fixture(scope="session")
def sheet() -> SpriteSheet:
    sprites = {}
    for index, noun in enumerate(world.NOUNS):
        image = Image.new("RGBA", (128, 128 if index % 3 else 96), (0, 0, 0, 0))
        hue = colorsys.hsv_to_rgb(index / len(world.NOUNS), 0.8, 0.9)
        fill = tuple(round(255 * channel) for channel in hue)
        draw = ImageDraw.Draw(image)
        shape = draw.ellipse if index % 2 else draw.rectangle
        shape((2, 2, image.width - 3, image.height - 3), fill=(*fill, 255))
        sprites[noun] = image
    return SpriteSheet(sprites)
