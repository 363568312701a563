"""What each patch of a picture shows: dense targets that models are also trained on."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from experts.pocket import world
from experts.pocket.drawing import mask_of
from experts.pocket.scenes import Scene
from experts.pocket.sprites import SpriteSheet

_NOUNS: Final = {noun: index for index, noun in enumerate(world.NOUNS)}
_COLOURS: Final = {colour: index for index, colour in enumerate(world.COLOURS)}

LABELS: Final = len(_NOUNS) + len(_COLOURS) + 1
"""Labels of a patch: one a noun, one a colour, and whether an object has its centre there."""


def patch_labels(sheet: SpriteSheet, scene: Scene, patch: int) -> NDArray[np.float32]:
    """Labels every patch of a scene's picture.

    Args:
        sheet: Sprites.
        scene: What the picture shows.
        patch: Side of a patch in pixels.

    Returns:
        Array (rows, columns, `LABELS`), 0 or 1. A noun or colour counts where it covers more
        than an eighth of the patch.
    """
    side = world.NATIVE_SIZE // patch
    labels = np.zeros((side, side, LABELS), np.float32)
    shown = mask_of(sheet, scene)
    for index, thing in enumerate(scene.things):
        cover = (shown == index).reshape(side, patch, side, patch).mean((1, 3)) > 0.125
        labels[cover, _NOUNS[thing.noun]] = 1
        if thing.seen_colour is not None:
            labels[cover, len(_NOUNS) + _COLOURS[thing.seen_colour]] = 1
        row, col = (min(int(v // patch), side - 1) for v in (thing.y, thing.x))
        labels[row, col, -1] = 1
    return labels
