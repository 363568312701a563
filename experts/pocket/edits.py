"""Before/after pairs with the instruction that leads from one to the other.

Whatever an instruction does not name keeps its place, size and colour, to the pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from experts.pocket import world
from experts.pocket.language import article, counted, named
from experts.pocket.scenes import (
    Group,
    Relation,
    Scene,
    Thing,
    arrange,
    insert,
    sample_background,
    sample_colour,
    sample_groups,
)
from experts.pocket.sprites import SpriteSheet

OPERATIONS: Final = (
    "add", "add at relation", "remove", "recolour", "background", "count", "move", "replace",
)  # fmt: skip
"""What an instruction can do."""

_SHARES: Final = (0.22, 0.17, 0.11, 0.14, 0.10, 0.09, 0.07, 0.10)


@dataclass(frozen=True, slots=True)
class Edit:
    """An instruction, and the scene before and after it was carried out."""

    instruction: str
    before: Scene
    after: Scene
    operation: str


Sampler = Callable[[SpriteSheet, np.random.Generator, bool], Edit | None]


def _one_of(rng: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]


def _scene(
    sheet: SpriteSheet, rng: np.random.Generator, most: int = 5, least_kinds: int = 1
) -> Scene:
    background = sample_background(rng)
    shares = np.array([0.36, 0.38, 0.26])
    shares[: least_kinds - 1] = 0
    kinds = int(rng.choice([1, 2, 3], p=shares / shares.sum()))
    groups = sample_groups(rng, background, kinds, most=most)
    return arrange(sheet, rng, groups, (), background)


def _new_noun(scene: Scene, rng: np.random.Generator) -> str:
    return _one_of(rng, [noun for noun in world.NOUNS if noun not in scene.nouns()])


def _pick(scene: Scene, rng: np.random.Generator) -> Group:
    groups = scene.groups()
    return groups[int(rng.integers(len(groups)))]


def _the(group: Group, rng: np.random.Generator, colour_share: float = 0.2) -> str:
    colour = group.colour if rng.random() < colour_share else None
    return f"the {named(group.noun, colour, group.count)}"


def _said(group: Group, rng: np.random.Generator) -> str:
    colour = group.colour
    if colour is None and rng.random() < 0.25:
        colour = world.NOUNS[group.noun].natural
    return counted(group.noun, colour, group.count)


def _words(relation: str, rng: np.random.Generator, move: bool = False) -> str:
    if relation in ("left of", "right of"):
        return _one_of(rng, (relation, f"to the {relation}", f"to the {relation}"))
    if move:
        return relation
    return _one_of(rng, (relation, relation, {"above": "over", "below": "under"}[relation]))


def _add(sheet: SpriteSheet, rng: np.random.Generator, held_out: bool) -> Edit | None:
    scene = _scene(sheet, rng, most=4)
    if rng.random() < 0.06:
        scene = replace(scene, things=())
    noun = _new_noun(scene, rng)
    count = 1 + int(rng.choice(3, p=[0.65, 0.22, 0.13]))
    count = min(count, world.MAX_THINGS - len(scene.things))
    colour = sample_colour(rng, noun, scene.background, held_out, always=held_out)
    if held_out and colour is None:
        return None
    group = Group(noun, colour, count)
    after = insert(sheet, rng, scene, group)
    form = _one_of(rng, ("add {}", "add {}", "add {}", "put {} in the picture", "add {} to it",
                         "there should be {}"))  # fmt: skip
    return Edit(form.format(_said(group, rng)), scene, after, "add")


def _add_at(sheet: SpriteSheet, rng: np.random.Generator, held_out: bool) -> Edit | None:
    scene = _scene(sheet, rng, most=4)
    anchor = _pick(scene, rng)
    if anchor.count > 2:
        return None
    noun, relation = _new_noun(scene, rng), _one_of(rng, world.RELATIONS)
    if world.relation_held_out(noun, relation, anchor.noun) != held_out:
        return None
    count = 2 if rng.random() < 0.15 else 1
    group = Group(noun, sample_colour(rng, noun, scene.background), count)
    after = insert(sheet, rng, scene, group, Relation(noun, relation, anchor.noun))
    text = f"add {_said(group, rng)} {_words(relation, rng)} {_the(anchor, rng)}"
    return Edit(text, scene, after, "add at relation")


def _remove(sheet: SpriteSheet, rng: np.random.Generator, _held_out: bool) -> Edit | None:
    scene = _scene(sheet, rng, most=6)
    group = _pick(scene, rng)
    form = _one_of(rng, ("remove {}", "remove {}", "delete {}", "take away {}", "erase {}"))
    the = _the(group, rng)
    if group.count > 1 and rng.random() < 0.2:
        the = f"all {named(group.noun, None, group.count)}"
    return Edit(form.format(the), scene, scene.without(group.noun), "remove")


def _recolour(sheet: SpriteSheet, rng: np.random.Generator, held_out: bool) -> Edit | None:
    scene = _scene(sheet, rng, most=6)
    group = _pick(scene, rng)
    colour = sample_colour(rng, group.noun, scene.background, held_out, always=True)
    if colour is None or colour == group.colour:
        return None
    things = tuple(replace(t, colour=colour) if t.noun == group.noun else t for t in scene.things)
    form = _one_of(rng, ("make {} {}", "make {} {}", "change {} to {}", "turn {} {}",
                         "paint {} {}", "recolour {} to {}", "{} should be {}"))  # fmt: skip
    text = form.format(_the(group, rng, 0.12), colour)
    return Edit(text, scene, replace(scene, things=things), "recolour")


def _background(sheet: SpriteSheet, rng: np.random.Generator, _held_out: bool) -> Edit | None:
    scene = _scene(sheet, rng, most=6)
    background = sample_background(rng)
    colours = {group.colour for group in scene.groups()}
    if background == scene.background or background in colours:
        return None
    plain = background in world.PLAIN_BACKGROUNDS
    target = background if plain or rng.random() < 0.3 else f"a {background}"
    form = _one_of(rng, ("change the background to {}", "change the background to {}",
                         "make the background {}", "turn the background into {}",
                         "set the background to {}"))  # fmt: skip
    if plain and rng.random() < 0.12:
        form, target = "put everything on {} background", article(background)
    after = replace(scene, background=background, background_seed=int(rng.integers(1 << 31)))
    return Edit(form.format(target), scene, after, "background")


def _count(sheet: SpriteSheet, rng: np.random.Generator, _held_out: bool) -> Edit | None:
    scene = _scene(sheet, rng, most=5)
    group = _pick(scene, rng)
    room = world.MAX_THINGS - (len(scene.things) - group.count)
    choices = [n for n in range(1, min(4, room) + 1) if n != group.count]
    if not choices:
        return None
    wanted = int(rng.choice(choices))
    if wanted > group.count:
        more = replace(group, count=wanted - group.count)
        after = insert(sheet, rng, scene, more)
    else:
        own = [i for i, thing in enumerate(scene.things) if thing.noun == group.noun]
        kept = set(rng.choice(own, wanted, replace=False).tolist())
        after = replace(
            scene,
            things=tuple(
                t for i, t in enumerate(scene.things) if t.noun != group.noun or i in kept
            ),
        )
    number = world.NUMBERS[wanted - 1]
    colour = group.colour if rng.random() < 0.12 else None
    phrase = f"{number} {named(group.noun, colour, wanted)}"
    form = _one_of(rng, ("make it {}", "there should be {}", "there should be exactly {}",
                         "make it exactly {}", "change it to {}"))  # fmt: skip
    return Edit(form.format(phrase), scene, after, "count")


def _move(sheet: SpriteSheet, rng: np.random.Generator, held_out: bool) -> Edit | None:
    scene = _scene(sheet, rng, most=5, least_kinds=2)
    groups = scene.groups()
    first, second = (groups[int(i)] for i in rng.choice(len(groups), 2, replace=False))
    if first.count > 2 or second.count > 2:
        return None
    options = [
        relation
        for relation in world.RELATIONS
        if scene.relates(first.noun, relation, second.noun) is False
        and world.relation_held_out(first.noun, relation, second.noun) == held_out
    ]
    if not options:
        return None
    relation = _one_of(rng, options)
    moved = scene.of(first.noun)
    rest = scene.without(first.noun)
    placed = insert(sheet, rng, rest, first, Relation(first.noun, relation, second.noun)).of(
        first.noun
    )
    if any(thing.size < old.size * 0.75 for thing, old in zip(placed, moved, strict=True)):
        return None
    queue = [replace(new, flip=old.flip) for new, old in zip(placed, moved, strict=True)]
    things: list[Thing] = [queue.pop(0) if t.noun == first.noun else t for t in scene.things]
    form = _one_of(rng, ("move {} {} {}", "move {} {} {}", "put {} {} {}", "place {} {} {}"))
    text = form.format(_the(first, rng, 0.1), _words(relation, rng, True), _the(second, rng, 0.1))
    return Edit(text, scene, replace(scene, things=tuple(things)), "move")


def _replace(sheet: SpriteSheet, rng: np.random.Generator, held_out: bool) -> Edit | None:
    scene = _scene(sheet, rng, most=6)
    old = _pick(scene, rng)
    noun = _new_noun(scene, rng)
    colour = sample_colour(rng, noun, scene.background, held_out, always=held_out)
    if held_out and colour is None:
        return None
    new = Group(noun, colour, old.count)
    things = tuple(
        replace(t, noun=noun, colour=colour) if t.noun == old.noun else t for t in scene.things
    )
    form = _one_of(rng, ("replace {} with {}", "replace {} with {}", "replace {} by {}",
                         "turn {} into {}", "swap {} for {}", "change {} into {}"))  # fmt: skip
    target = _said(new, rng)
    if new.count > 1 and rng.random() < 0.6:
        target = named(noun, colour, new.count)
    text = form.format(_the(old, rng, 0.12), target)
    return Edit(text, scene, replace(scene, things=things), "replace")


_SAMPLERS: Final[dict[str, Sampler]] = {
    "add": _add,
    "add at relation": _add_at,
    "remove": _remove,
    "recolour": _recolour,
    "background": _background,
    "count": _count,
    "move": _move,
    "replace": _replace,
}


def sample_edit(
    sheet: SpriteSheet,
    rng: np.random.Generator,
    operation: str | None = None,
    held_out: bool = False,
) -> Edit:
    """Draws one edit.

    Args:
        sheet: Sprites.
        rng: Source of chance.
        operation: One of `OPERATIONS`; drawn at random where None.
        held_out: Bring in only what is kept out of training: held-out (noun, colour) pairs for
            add, recolour and replace, held-out relations for add at relation and move.

    Returns:
        The edit. Things that the instruction does not name are equal before and after.
    """
    while True:
        chosen = operation or str(rng.choice(OPERATIONS, p=_SHARES))
        try:
            edit = _SAMPLERS[chosen](sheet, rng, held_out)
        except ValueError:
            continue
        if edit is not None:
            return edit
