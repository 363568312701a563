"""Random scenes: what is drawn how often, and what is held out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np

from experts.pocket import world
from experts.pocket.scenes import Group, Relation, Scene, arrange
from experts.pocket.sprites import SpriteSheet

STYLED: Final = 1 / 6
"""Share of scenes in one of the styles."""


def clashes(colour: str | None, background: str) -> bool:
    """Whether an object of a colour would be hard to see on a background."""
    return colour is not None and (
        colour == background
        or (colour == "black" and background == "night sky")
        or (colour == "white" and background == "snow")
        or (colour in ("purple", "orange") and background == "sunset")
    )


def sample_colour(
    rng: np.random.Generator,
    noun: str,
    background: str,
    held_out: bool = False,
    always: bool = False,
) -> str | None:
    """A colour for a kind of object that stands out from the background.

    Args:
        rng: Source of chance.
        noun: Kind of object.
        background: What it stands on.
        held_out: Take the held-out colour of this noun instead of any other.
        always: Never leave a paintable object uncoloured.

    Returns:
        A colour, or None for the sprite's own.
    """
    if not world.paintable(noun):
        return None
    if not always and rng.random() < 0.4:
        return None
    choices = [
        colour
        for colour in world.COLOURS
        if ((noun, colour) in world.HELD_OUT_COLOURS) == held_out
        and not clashes(colour, background)
    ]
    return str(rng.choice(choices)) if choices else None


def sample_background(rng: np.random.Generator) -> str:
    """A background: one of a single colour twice as often as a scenic one."""
    if rng.random() < 0.66:
        return str(rng.choice(world.PLAIN_BACKGROUNDS))
    return str(rng.choice(world.SCENIC_BACKGROUNDS))


def sample_style(rng: np.random.Generator) -> str | None:
    """No style five times in six, else one of `world.STYLES`."""
    return str(rng.choice(world.STYLES)) if rng.random() < STYLED else None


def sample_groups(
    rng: np.random.Generator,
    background: str,
    kinds: int | None = None,
    held_out_colours: bool = False,
    most: int = world.MAX_THINGS,
) -> list[Group]:
    """One to four kinds of object with counts and colours, at most `most` objects in all."""
    if kinds is None:
        kinds = int(rng.choice([1, 2, 3, 4], p=[0.3, 0.38, 0.22, 0.1]))
    nouns = [str(noun) for noun in rng.choice(list(world.NOUNS), kinds, replace=False)]
    groups = []
    left = most
    for index, noun in enumerate(nouns):
        room = min(4, left - (kinds - index - 1))
        weights = np.array([0.62, 0.16, 0.12, 0.10])[:room]
        if kinds == 1:
            weights = np.array([0.4, 0.2, 0.2, 0.2])[:room]
        count = 1 + int(rng.choice(room, p=weights / weights.sum()))
        left -= count
        colour = sample_colour(rng, noun, background, held_out_colours)
        groups.append(Group(noun, colour, count, sample_size(rng, count)))
    return groups


def sample_size(rng: np.random.Generator, count: int) -> str | None:
    """No wanted size, mostly; sometimes small, or large for a single object."""
    chance = rng.random()
    if chance < 0.12:
        return "small"
    return "large" if chance < 0.24 and count == 1 else None


def sample_relations(
    rng: np.random.Generator, groups: Sequence[Group], held_out: bool = False
) -> list[Relation]:
    """No, one or two relations between neighbouring groups, of the wanted split."""
    found: list[Relation] = []
    for first, second in itertools.pairwise(groups):
        if len(found) == 2 or (not held_out and rng.random() < 0.45):
            continue
        options = [
            Relation(first.noun, relation, second.noun)
            for relation in world.RELATIONS
            if world.relation_held_out(first.noun, relation, second.noun) == held_out
        ]
        if options and first.count + second.count <= 4:
            found.append(options[int(rng.integers(len(options)))])
    return found


def sample_scene(
    sheet: SpriteSheet,
    rng: np.random.Generator,
    kinds: int | None = None,
    held_out: bool = False,
    most: int = world.MAX_THINGS,
) -> tuple[Scene, list[Relation]]:
    """A scene, and the relations it was arranged for.

    Args:
        sheet: Sprites.
        rng: Source of chance.
        kinds: How many kinds of object; drawn at random where None.
        held_out: Use the (noun, colour) pairs and relations kept out of training instead of
            the others.
        most: Most objects.
    """
    while True:
        background = sample_background(rng)
        groups = sample_groups(rng, background, kinds, held_out, most)
        relations = sample_relations(rng, groups, held_out)
        try:
            scene = arrange(sheet, rng, groups, relations, background, sample_style(rng))
            return scene, relations
        except ValueError:
            continue


def sample_drawn_scene(
    sheet: SpriteSheet, rng: np.random.Generator, kind: str
) -> tuple[Scene, list[Relation]]:
    """A scene for a drawing model to learn from.

    Args:
        sheet: Sprites.
        rng: Source of chance.
        kind: "any"; "simple" (one or two objects); "counts" (one or two kinds of object, at least
            one of them two to four times); "layouts" (two or three objects of different kinds,
            always related).

    Returns:
        As `sample_scene`.

    Raises:
        ValueError: The kind is unknown.
    """
    if kind == "any":
        return sample_scene(sheet, rng)
    if kind == "simple":
        return sample_scene(sheet, rng, int(rng.integers(1, 3)), most=2)
    while True:
        if kind == "counts":
            scene, relations = sample_scene(sheet, rng, int(rng.integers(1, 3)))
            fits = any(group.count > 1 for group in scene.groups())
        elif kind == "layouts":
            kinds = int(rng.choice([2, 3], p=[0.7, 0.3]))
            scene, relations = sample_scene(sheet, rng, kinds, most=kinds)
            fits = bool(relations)
        else:
            raise ValueError(f"unknown kind of scene {kind!r}")
        if fits:
            return scene, relations
