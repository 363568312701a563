"""Scene graphs with places: what a picture shows and where, and how places are found.

Everything is drawn from one `numpy.random.Generator`: the same seed gives the same scene.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from experts.pocket import world
from experts.pocket.sprites import SpriteSheet

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
    def seen_size(self) -> str | None:
        """Whether it is "small", "large" or "" (neither); None where one could argue."""
        if self.size <= world.SMALL:
            return "small"
        if self.size >= world.LARGE:
            return "large"
        return "" if world.SMALL + 3 <= self.size <= world.LARGE - 4 else None

    @property
    def seen_colour(self) -> str | None:
        """The colour word that describes it, or None where no single word does."""
        return self.colour or world.NOUNS[self.noun].natural


@dataclass(frozen=True, slots=True)
class Group:
    """What a caption names: `count` objects of one kind, all of one colour and size.

    `size` is one of `world.SIZES` where the objects were made small or large, else None.
    """

    noun: str
    colour: str | None
    count: int
    size: str | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """NOUN is RELATION (one of `world.RELATIONS`) OTHER."""

    noun: str
    relation: str
    other: str


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene graph with places. Each kind of object occurs in one colour, unless `mixed`."""

    things: tuple[Thing, ...]
    background: str
    background_seed: int
    style: str | None = None

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
            Group(noun, self.of(noun)[0].colour, self.count(noun), self.size_of(noun))
            for noun in self.nouns()
        )

    def mixed(self, noun: str) -> bool:
        """Whether objects of a kind differ in colour; its group then has that of the first."""
        return len({thing.seen_colour for thing in self.of(noun)}) > 1

    def size_of(self, noun: str) -> str | None:
        """What all objects of a kind plainly are, small or large; else None."""
        sizes = {thing.seen_size for thing in self.of(noun)}
        return next(iter(sizes)) or None if len(sizes) == 1 else None

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


def _overlap(
    sheet: SpriteSheet, others: Sequence[Thing], noun: str, size: int, xs: Floats, ys: Floats
) -> Floats:
    """The share of an object's box, at each of many places, that those of others cover."""
    width, height = _box(sheet, noun, size)
    total = np.zeros(len(xs), np.float32)
    for thing in others:
        w, h = _box(sheet, thing.noun, thing.size)
        dx = np.clip((width + w) / 2 - np.abs(xs - thing.x), 0, min(w, width))
        dy = np.clip((height + h) / 2 - np.abs(ys - thing.y), 0, min(h, height))
        total += dx * dy / (width * height)
    return total


class _Layout:
    """Boxes placed so far, and a search for the next one that overlaps them least."""

    def __init__(self, sheet: SpriteSheet, rng: np.random.Generator) -> None:
        self._sheet, self._rng = sheet, rng
        self.things: list[Thing] = []

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
        cost = _overlap(self._sheet, self.things, noun, size, xs, ys)
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


_SIZES: Final = {1: (22, 28), 2: (21, 27), 3: (20, 26), 4: (19, 24), 5: (18, 22), 6: (18, 20)}
_SMALL: Final = (12, world.SMALL)
_LARGE: Final = {1: (31, 44), 2: (31, 40), 3: (30, 36), 4: (30, 34), 5: (30, 32), 6: (30, 31)}


def _draw_size(rng: np.random.Generator, size: str | None, total: int) -> int:
    """A longest side in pixels for objects of a wanted size, among `total` objects."""
    total = min(max(total, 1), 6)
    low, high = _SMALL if size == "small" else (_LARGE if size == "large" else _SIZES)[total]
    return int(rng.integers(low, high + 1))


def _vary(rng: np.random.Generator, size: int, wanted: str | None) -> int:
    """About `size`, and still what was wanted."""
    varied = size + int(rng.integers(-2, 3))
    if wanted == "small":
        return min(max(varied, _SMALL[0]), world.SMALL)
    return max(varied, world.LARGE + 1) if wanted == "large" else max(varied, world.SMALL + 2)


def arrange(
    sheet: SpriteSheet,
    rng: np.random.Generator,
    groups: Sequence[Group],
    relations: Sequence[Relation] = (),
    background: str = "white",
    style: str | None = None,
) -> Scene:
    """Finds places for objects so that they hardly overlap and the relations hold.

    Args:
        sheet: Sprites, for their proportions.
        rng: Source of all chance.
        groups: What to place.
        relations: What must hold; kinds of `groups`.
        background: One of `world.BACKGROUNDS`.
        style: One of `world.STYLES`, or None.

    Returns:
        A scene in which `Scene.relates` is True for every relation.

    Raises:
        ValueError: No arrangement was found (relations that contradict one another).
    """
    total = sum(group.count for group in groups)
    for attempt in range(60):
        shrink = 0.97 ** (attempt // 3)
        layout = _Layout(sheet, rng)
        worst = 0.0
        usual = _draw_size(rng, None, total)
        # The large ones first: they find room more easily in an empty picture.
        for group in sorted(groups, key=lambda g: g.size != "large"):
            rules = [r for r in relations if r.noun == group.noun] + [
                Relation(r.other, world.INVERSE[r.relation], r.noun)
                for r in relations
                if r.other == group.noun
            ]
            size = usual if group.size is None else _draw_size(rng, group.size, total)
            for _ in range(group.count):
                own = _vary(rng, round(size * shrink), group.size)
                worst = max(worst, layout.place(group.noun, group.colour, own, rules))
        limit = 0.12 + 0.004 * attempt
        order = {group.noun: index for index, group in enumerate(groups)}
        things = tuple(sorted(layout.things, key=lambda t: order[t.noun]))
        scene = Scene(things, background, int(rng.integers(1 << 31)), style)
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
    same = scene.of(group.noun)
    for attempt in range(24):
        drawn = same[0].size if same else _draw_size(rng, group.size, total)
        shrunk = round(drawn * 0.97**attempt)
        size = _vary(rng, shrunk, group.size) if group.size else max(world.SMALL + 2, shrunk)
        size = drawn if same and drawn <= world.SMALL else size
        layout = _Layout(sheet, rng)
        layout.things = list(scene.things)
        rules = [relation] if relation else []
        worst = max(layout.place(group.noun, group.colour, size, rules) for _ in range(group.count))
        after = replace(scene, things=tuple(layout.things))
        holds = relation is None or after.relates(relation.noun, relation.relation, relation.other)
        if worst <= 0.15 + 0.01 * attempt and holds:
            return after
    raise ValueError(f"no room for {group}")


def crowding(sheet: SpriteSheet, others: Sequence[Thing], thing: Thing) -> float:
    """The share of an object's box that those of others cover, each counted for itself."""
    x, y = (np.array([v], np.float32) for v in (thing.x, thing.y))
    return float(_overlap(sheet, others, thing.noun, thing.size, x, y)[0])


def resize(
    sheet: SpriteSheet, rng: np.random.Generator, scene: Scene, noun: str, size: str
) -> Scene:
    """Makes every object of a kind small or large, where it stands.

    Raises:
        ValueError: There is no room for it.
    """
    for _ in range(8):
        wanted = _draw_size(rng, size, len(scene.things))
        things = []
        for thing in scene.things:
            if thing.noun == noun:
                width, height = _box(sheet, noun, wanted)
                x = float(np.clip(thing.x, width / 2, SIZE - width / 2))
                y = float(np.clip(thing.y, height / 2, SIZE - height / 2))
                thing = replace(thing, size=wanted, x=x, y=y)
            things.append(thing)
        others = [t for t in things if t.noun != noun]
        if max(crowding(sheet, others, t) for t in things if t.noun == noun) <= 0.2:
            return replace(scene, things=tuple(things))
    raise ValueError(f"no room for a {size} {noun}")
