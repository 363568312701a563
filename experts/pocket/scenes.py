"""Seeded scenes: a scene graph with places, and its 64x64 picture.

Everything is drawn from one `numpy.random.Generator`: the same seed gives the same scene, and a
scene gives the same pixels.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from experts.pocket import world
from experts.pocket.sprites import SpriteSheet, oklab_to_rgb

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

SIZE: Final = world.NATIVE_SIZE


@dataclass(frozen=True, slots=True)
class Thing:
    """One object: kind, colour (None: its own), centre and longest side in pixels, mirrored."""

    noun: str
    colour: str | None
    x: float
    y: float
    size: int
    flip: bool

    @property
    def seen_colour(self) -> str | None:
        """The colour word that describes it, or None where no single word does."""
        return self.colour or world.NOUNS[self.noun].natural


@dataclass(frozen=True, slots=True)
class Group:
    """What a caption names: `count` objects of one kind, all of one colour."""

    noun: str
    colour: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Relation:
    """NOUN is RELATION (one of `world.RELATIONS`) OTHER."""

    noun: str
    relation: str
    other: str


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene graph with places. Each kind of object occurs in one colour only."""

    things: tuple[Thing, ...]
    background: str
    background_seed: int

    def nouns(self) -> tuple[str, ...]:
        """The kinds of object present, in order of first appearance."""
        return tuple(dict.fromkeys(thing.noun for thing in self.things))

    def of(self, noun: str) -> tuple[Thing, ...]:
        """The objects of one kind."""
        return tuple(thing for thing in self.things if thing.noun == noun)

    def count(self, noun: str) -> int:
        """How many objects of one kind there are."""
        return sum(thing.noun == noun for thing in self.things)

    def groups(self) -> tuple[Group, ...]:
        """One group per kind of object."""
        return tuple(
            Group(noun, self.of(noun)[0].colour, self.count(noun)) for noun in self.nouns()
        )

    def without(self, noun: str) -> Scene:
        """The scene with every object of one kind taken away."""
        return replace(self, things=tuple(t for t in self.things if t.noun != noun))

    def relates(self, noun: str, relation: str, other: str) -> bool | None:
        """Whether NOUN is RELATION OTHER, by the centres of all objects of each kind.

        Returns:
            True or False where it is plain to see; None where a kind is absent or one could
            argue either way.
        """
        if relation in ("right of", "below"):
            noun, relation, other = other, world.INVERSE[relation], noun
        first, second = self.of(noun), self.of(other)
        if not first or not second:
            return None
        along, across = ("x", "y") if relation == "left of" else ("y", "x")
        gap = min(getattr(t, along) for t in second) - max(getattr(t, along) for t in first)
        mean = float(np.mean([getattr(t, along) for t in second])) - float(
            np.mean([getattr(t, along) for t in first])
        )
        aside = abs(
            float(np.mean([getattr(t, across) for t in second]))
            - float(np.mean([getattr(t, across) for t in first]))
        )
        if gap >= 6 and mean >= 10 and mean >= 0.8 * aside:
            return True
        if mean <= 2 or mean <= 0.4 * aside - 4:
            return False
        return None


def _box(sheet: SpriteSheet, noun: str, size: float) -> tuple[float, float]:
    width, height = sheet.aspect[noun]
    return width * size, height * size


class _Layout:
    """Boxes placed so far, and a search for the next one that overlaps them least."""

    def __init__(self, sheet: SpriteSheet, rng: np.random.Generator) -> None:
        self._sheet, self._rng = sheet, rng
        self.things: list[Thing] = []

    def overlap(self, noun: str, size: int, xs: Floats, ys: Floats) -> Floats:
        width, height = _box(self._sheet, noun, size)
        total = np.zeros(len(xs), np.float32)
        for thing in self.things:
            w, h = _box(self._sheet, thing.noun, thing.size)
            dx = np.clip((width + w) / 2 - np.abs(xs - thing.x), 0, min(w, width))
            dy = np.clip((height + h) / 2 - np.abs(ys - thing.y), 0, min(h, height))
            total += dx * dy / (width * height)
        return total

    def place(
        self, noun: str, colour: str | None, size: int, where: Sequence[Relation] = ()
    ) -> float:
        """Adds a thing; returns its overlap, 9 where a relation cannot be kept."""
        width, height = _box(self._sheet, noun, size)
        rng, tries = self._rng, 40
        low_x, high_x, low_y, high_y = width / 2, SIZE - width / 2, height / 2, SIZE - height / 2
        for rule in where:
            others = [t for t in self.things if t.noun == rule.other]
            if not others:
                continue
            if rule.relation == "left of":
                high_x = min(high_x, min(t.x for t in others) - 10)
            elif rule.relation == "right of":
                low_x = max(low_x, max(t.x for t in others) + 10)
            elif rule.relation == "above":
                high_y = min(high_y, min(t.y for t in others) - 10)
            else:
                low_y = max(low_y, max(t.y for t in others) + 10)
        if low_x > high_x or low_y > high_y:
            return 9.0
        xs = rng.uniform(low_x, high_x, tries).astype(np.float32)
        ys = rng.uniform(low_y, high_y, tries).astype(np.float32)
        cost = self.overlap(noun, size, xs, ys)
        for rule in where:
            others = [t for t in self.things if t.noun == rule.other]
            if others:
                dx = np.abs(xs - float(np.mean([t.x for t in others])))
                dy = np.abs(ys - float(np.mean([t.y for t in others])))
                along, across = (dx, dy) if rule.relation.endswith("t of") else (dy, dx)
                cost = cost + np.where(along < across, 0.5, 0.0)
        free = np.flatnonzero(cost <= 0.01)
        best = int(free[0]) if len(free) else int(np.argmin(cost))
        self.things.append(
            Thing(noun, colour, float(xs[best]), float(ys[best]), size, bool(rng.random() < 0.5))
        )
        return float(cost[best])


_SIZES: Final = {1: (24, 42), 2: (22, 32), 3: (20, 28), 4: (19, 25), 5: (17, 22), 6: (16, 20)}


def arrange(
    sheet: SpriteSheet,
    rng: np.random.Generator,
    groups: Sequence[Group],
    relations: Sequence[Relation] = (),
    background: str = "white",
) -> Scene:
    """Finds places for objects so that they hardly overlap and the relations hold.

    Args:
        sheet: Sprites, for their proportions.
        rng: Source of all chance.
        groups: What to place.
        relations: What must hold; kinds of `groups`.
        background: One of `world.BACKGROUNDS`.

    Returns:
        A scene in which `Scene.relates` is True for every relation.

    Raises:
        ValueError: No arrangement was found (relations that contradict one another).
    """
    total = sum(group.count for group in groups)
    low, high = _SIZES[min(max(total, 1), 6)]
    for attempt in range(60):
        shrink = 0.97 ** (attempt // 3)
        size = max(13, round(int(rng.integers(low, high + 1)) * shrink))
        layout = _Layout(sheet, rng)
        worst = 0.0
        for group in groups:
            rules = [r for r in relations if r.noun == group.noun] + [
                Relation(r.other, world.INVERSE[r.relation], r.noun)
                for r in relations
                if r.other == group.noun
            ]
            for _ in range(group.count):
                own = max(13, size + int(rng.integers(-2, 3)))
                worst = max(worst, layout.place(group.noun, group.colour, own, rules))
        limit = 0.12 + 0.004 * attempt
        scene = Scene(tuple(layout.things), background, int(rng.integers(1 << 31)))
        if worst <= limit and all(scene.relates(r.noun, r.relation, r.other) for r in relations):
            return scene
    raise ValueError(f"no room for {groups} with {relations}")


def insert(
    sheet: SpriteSheet,
    rng: np.random.Generator,
    scene: Scene,
    group: Group,
    relation: Relation | None = None,
) -> Scene:
    """Adds objects to a scene and leaves the others where they are.

    Raises:
        ValueError: There is no room for them.
    """
    total = len(scene.things) + group.count
    low, high = _SIZES[min(total, 6)]
    same = scene.of(group.noun)
    for attempt in range(24):
        size = same[0].size if same else int(rng.integers(low, high + 1))
        size = max(13, round(size * 0.97**attempt))
        layout = _Layout(sheet, rng)
        layout.things = list(scene.things)
        rules = [relation] if relation else []
        worst = max(layout.place(group.noun, group.colour, size, rules) for _ in range(group.count))
        after = replace(scene, things=tuple(layout.things))
        holds = relation is None or after.relates(relation.noun, relation.relation, relation.other)
        if worst <= 0.15 + 0.01 * attempt and holds:
            return after
    raise ValueError(f"no room for {group}")


# -------------------------------------------------------------------------- backgrounds

_PLAIN: Final[dict[str, tuple[float, float, float]]] = {
    "white": (0.98, 0.004, 90.0),
    "blue": (0.72, 0.12, 245.0),
    "green": (0.78, 0.14, 148.0),
    "yellow": (0.92, 0.13, 100.0),
    "red": (0.62, 0.19, 25.0),
    "purple": (0.62, 0.15, 305.0),
    "pink": (0.85, 0.09, 355.0),
    "black": (0.17, 0.005, 270.0),
}
_ROWS: Final = np.linspace(0, 1, SIZE, dtype=np.float32)[:, None, None]
_COLS: Final = np.linspace(0, 1, SIZE, dtype=np.float32)[None, :, None]


def _rgb(*values: float) -> Floats:
    return np.array(values, np.float32) / np.float32(255)


def _blend(top: Floats, bottom: Floats, share: Floats) -> Floats:
    out: Floats = top + (bottom - top) * share
    return out


def draw_background(name: str, seed: int) -> Floats:
    """Draws a background.

    Args:
        name: One of `world.BACKGROUNDS`.
        seed: Varies shade, horizon, sun, stars.

    Returns:
        Array (64, 64, 3), sRGB in [0, 1].
    """
    rng = np.random.default_rng(seed)
    if name in _PLAIN:
        light, chroma, hue = _PLAIN[name]
        angle = np.deg2rad(hue + rng.uniform(-5, 5))
        light += rng.uniform(-0.02, 0.015)
        lab = np.array([light, chroma * np.cos(angle), chroma * np.sin(angle)], np.float32)
        tilt = (_ROWS - 0.5) * np.float32(rng.uniform(-0.05, 0.05)) * np.array([1.0, 0, 0])
        return oklab_to_rgb((np.broadcast_to(lab, (SIZE, SIZE, 3)) + tilt).astype(np.float32))
    horizon = np.float32(rng.uniform(0.45, 0.62))
    wave = np.sin(_COLS * rng.uniform(4, 9) + rng.uniform(0, 6)).astype(np.float32)
    if name == "beach":
        sky = _blend(_rgb(150, 215, 250), _rgb(205, 238, 252), _ROWS / horizon)
        sea = _blend(_rgb(40, 150, 205), _rgb(90, 200, 215), (_ROWS - horizon) / 0.2)
        sand = _blend(_rgb(245, 222, 165), _rgb(232, 200, 135), (_ROWS - 0.7) / 0.3)
        shore = horizon + 0.14 + 0.015 * wave
        out = np.where(horizon - 0.08 > _ROWS, sky, np.where(shore > _ROWS, sea, sand))
    elif name == "meadow":
        sky = _blend(_rgb(135, 205, 250), _rgb(210, 240, 255), _ROWS / horizon)
        grass = _blend(_rgb(140, 205, 85), _rgb(70, 155, 60), (_ROWS - horizon) / (1 - horizon))
        out = np.where(horizon + 0.04 * wave > _ROWS, sky, grass)
    elif name == "night sky":
        out = _blend(_rgb(12, 14, 45), _rgb(45, 45, 105), _ROWS * np.ones_like(_COLS))
        for _ in range(int(rng.integers(24, 36))):
            x, y = rng.integers(0, SIZE, 2)
            out[y, x] = _rgb(255, 250, 220) * np.float32(rng.uniform(0.7, 1))
    elif name == "sunset":
        top = _blend(_rgb(85, 50, 120), _rgb(240, 110, 90), np.clip(_ROWS / 0.4, 0, 1))
        out = _blend(top, _rgb(255, 190, 90), np.clip((_ROWS - 0.35) / 0.3, 0, 1))
        cx, cy, radius = rng.uniform(0.25, 0.75), horizon + 0.06, rng.uniform(0.1, 0.14)
        disc = (_COLS - cx) ** 2 + (_ROWS - cy) ** 2 < radius**2
        out = np.where(disc, _rgb(255, 235, 150), out * np.ones_like(_COLS))
        ground = _blend(_rgb(95, 45, 85), _rgb(55, 25, 60), (_ROWS - 0.7) / 0.3)
        out = np.where(horizon + 0.12 < _ROWS, ground, out)
    elif name == "snow":
        sky = _blend(_rgb(175, 195, 220), _rgb(215, 225, 238), _ROWS / horizon)
        drift = _blend(_rgb(250, 252, 255), _rgb(222, 232, 246), (_ROWS - horizon) / (1 - horizon))
        out = np.where(horizon + 0.05 * wave > _ROWS, sky, drift)
        for _ in range(int(rng.integers(25, 40))):
            x, y = rng.integers(0, SIZE, 2)
            out[y, x] = 1.0
    else:
        raise ValueError(f"unknown background {name!r}")
    picture: Floats = np.clip(np.broadcast_to(out, (SIZE, SIZE, 3)), 0, 1).astype(np.float32)
    return picture


def render(sheet: SpriteSheet, scene: Scene) -> Bytes:
    """Draws a scene.

    Args:
        sheet: The sprites.
        scene: What to draw; later things cover earlier ones.

    Returns:
        Array (64, 64, 3), sRGB, 0 to 255.
    """
    canvas = draw_background(scene.background, scene.background_seed).copy()
    for thing in scene.things:
        sprite = sheet.cut(thing.noun, thing.colour, thing.size, thing.flip)
        height, width = sprite.shape[:2]
        left, top = round(thing.x - width / 2), round(thing.y - height / 2)
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + width, SIZE), min(top + height, SIZE)
        if x0 >= x1 or y0 >= y1:
            continue
        part = sprite[y0 - top : y1 - top, x0 - left : x1 - left]
        area = canvas[y0:y1, x0:x1]
        canvas[y0:y1, x0:x1] = part[..., :3] + area * (1 - part[..., 3:])
    return np.rint(np.clip(canvas, 0, 1) * 255).astype(np.uint8)


def mask_of(sheet: SpriteSheet, scene: Scene) -> NDArray[np.int16]:
    """Which thing each pixel shows: (64, 64), index into `scene.things`, -1 for background."""
    out = np.full((SIZE, SIZE), -1, np.int16)
    for index, thing in enumerate(scene.things):
        sprite = sheet.cut(thing.noun, thing.colour, thing.size, thing.flip)
        height, width = sprite.shape[:2]
        left, top = round(thing.x - width / 2), round(thing.y - height / 2)
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + width, SIZE), min(top + height, SIZE)
        part = sprite[y0 - top : y1 - top, x0 - left : x1 - left, 3]
        out[y0:y1, x0:x1][part > 0.4] = index
    return out


# --------------------------------------------------------------------------- sampling


def _clashes(colour: str | None, background: str) -> bool:
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
        and not _clashes(colour, background)
    ]
    return str(rng.choice(choices)) if choices else None


def sample_background(rng: np.random.Generator) -> str:
    """A background: one of a single colour twice as often as a scenic one."""
    if rng.random() < 0.66:
        return str(rng.choice(world.PLAIN_BACKGROUNDS))
    return str(rng.choice(world.SCENIC_BACKGROUNDS))


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
        groups.append(Group(noun, sample_colour(rng, noun, background, held_out_colours), count))
    return groups


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
            return arrange(sheet, rng, groups, relations, background), relations
        except ValueError:
            continue
