"""Scenes in which objects of one kind differ, as they do where editors added another one.

In the world a kind of object has one colour and about one size. "Is the cup yellow?" is asked of
composed pictures, though, and a judge that never saw a yellow and a red cup together says yes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from experts.pocket import world
from experts.pocket.sampling import sample_colour
from experts.pocket.scenes import SIZE, Group, Scene, Thing, crowding, insert
from experts.pocket.sprites import SpriteSheet

MINGLED: Final = 0.2
"""Share of the pictures that the critic learns from in which a kind is made to differ."""

MOST: Final = 4
"""Objects of a kind, as many as can be counted."""

CROWDED: Final = 0.2
"""Share of an object that others may cover."""

_SIDES: Final = {"small": (12, world.SMALL), "": (20, 25), "large": (31, 42)}


def mingled(sheet: SpriteSheet, scene: Scene, rng: np.random.Generator) -> Scene:
    """The scene with one object, there already or new, that differs from others of its kind.

    Args:
        sheet: Sprites.
        scene: One whose kinds have one colour each.
        rng: Source of chance.

    Returns:
        It, unchanged where there is no room or nothing to change.
    """
    if not scene.things:
        return scene
    given = scene
    noun = str(rng.choice(scene.nouns()))
    own = scene.of(noun)
    full = len(own) == MOST or len(scene.things) == world.MAX_THINGS
    if full and len(own) == 1:
        return given
    if len(own) == 1 or (not full and rng.random() < 0.4):
        try:
            scene = insert(sheet, rng, scene, Group(noun, own[0].colour, 1))
        except ValueError:
            return given
        chosen = len(scene.things) - 1
    else:
        chosen = int(rng.choice([i for i, t in enumerate(scene.things) if t.noun == noun]))
    things = list(scene.things)
    old = things.pop(chosen)
    new = _another(old, scene.background, rng)
    alike = (new.seen_colour, new.seen_size) == (old.seen_colour, old.seen_size)
    if alike or crowding(sheet, things, new) > CROWDED:
        return given
    # Those of one kind stand together, as in any scene.
    order = scene.nouns()
    things.insert(chosen, new)
    return replace(scene, things=tuple(sorted(things, key=lambda t: order.index(t.noun))))


def _another(thing: Thing, background: str, rng: np.random.Generator) -> Thing:
    """The object in another colour, another size, or both, inside the picture."""
    what = str(rng.choice(("colour", "size", "both"), p=(0.55, 0.3, 0.15)))
    colour = sample_colour(rng, thing.noun, background, always=True)
    if what != "size" and colour is not None and colour != thing.seen_colour:
        thing = replace(thing, colour=colour)
    if what != "colour":
        names = [name for name in _SIDES if name != thing.seen_size]
        low, high = _SIDES[names[int(rng.integers(len(names)))]]
        size = int(rng.integers(low, high + 1))
        x, y = (float(np.clip(v, size / 2, SIZE - size / 2)) for v in (thing.x, thing.y))
        thing = replace(thing, size=size, x=x, y=y)
    return thing
