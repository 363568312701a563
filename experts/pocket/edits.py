"""Before/after pairs with the instruction that leads from one to the other.

Whatever an instruction does not name keeps its place, size and colour, to the pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from experts.pocket import world
from experts.pocket.facts import OPERATIONS, Said, Told
from experts.pocket.language import article, counted, named, said_colour, style_phrase
from experts.pocket.sampling import (
    sample_background,
    sample_colour,
    sample_groups,
    sample_size,
    sample_style,
)
from experts.pocket.scenes import Group, Relation, Scene, Thing, arrange, insert, resize
from experts.pocket.sprites import SpriteSheet

_SHARES: Final = (0.20, 0.15, 0.10, 0.12, 0.06, 0.10, 0.05, 0.08, 0.06, 0.08)


@dataclass(frozen=True, slots=True)
class Edit:
    """An instruction, and the scene before and after it was carried out."""

    told: Told
    before: Scene
    after: Scene

    @property
    def instruction(self) -> str:
        """The instruction."""
        return self.told.text

    @property
    def operation(self) -> str:
        """One of `OPERATIONS`."""
        return self.told.whole


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
    return arrange(sheet, rng, groups, (), background, sample_style(rng))


def _new_noun(scene: Scene, rng: np.random.Generator) -> str:
    return _one_of(rng, [noun for noun in world.NOUNS if noun not in scene.nouns()])


def _pick(scene: Scene, rng: np.random.Generator) -> Group:
    groups = scene.groups()
    return groups[int(rng.integers(len(groups)))]


def _the(group: Group, rng: np.random.Generator, share: float = 0.2) -> str:
    """How an instruction points at objects that are there."""
    colour = group.colour if rng.random() < share else None
    size = group.size if rng.random() < share / 3 else None
    return f"the {named(group.noun, colour, group.count, size)}"


def _told(
    whole: str,
    text: str,
    nouns: dict[str, Said],
    *relations: Relation,
    background: str | None = None,
    style: str | None = None,
) -> Told:
    return Told(text, whole, nouns, relations, background, style)


def _new(group: Group, rng: np.random.Generator, role: str) -> tuple[str, Said]:
    """How an instruction names objects to come, and what that says."""
    colour = said_colour(group, rng, 1.0)
    phrase = counted(group.noun, colour, group.count, group.size)
    return phrase, Said(role, group.count, colour, group.size)


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
    group = Group(noun, colour, count, sample_size(rng, count))
    after = insert(sheet, rng, scene, group)
    form = _one_of(rng, ("add {}", "add {}", "add {}", "put {} in the picture", "add {} to it",
                         "there should be {}"))  # fmt: skip
    phrase, said = _new(group, rng, "added")
    return Edit(_told("add", form.format(phrase), {noun: said}), scene, after)


def _add_at(sheet: SpriteSheet, rng: np.random.Generator, held_out: bool) -> Edit | None:
    scene = _scene(sheet, rng, most=4)
    anchor = _pick(scene, rng)
    if anchor.count > 2:
        return None
    noun, relation = _new_noun(scene, rng), _one_of(rng, world.RELATIONS)
    if world.relation_held_out(noun, relation, anchor.noun) != held_out:
        return None
    count = 2 if rng.random() < 0.15 else 1
    size = sample_size(rng, count)
    group = Group(noun, sample_colour(rng, noun, scene.background), count, size)
    rule = Relation(noun, relation, anchor.noun)
    after = insert(sheet, rng, scene, group, rule)
    phrase, said = _new(group, rng, "added")
    text = f"add {phrase} {_words(relation, rng)} {_the(anchor, rng)}"
    nouns = {noun: said, anchor.noun: Said("anchor")}
    return Edit(_told("add at relation", text, nouns, rule), scene, after)


def _remove(sheet: SpriteSheet, rng: np.random.Generator, _held_out: bool) -> Edit | None:
    scene = _scene(sheet, rng, most=6)
    group = _pick(scene, rng)
    form = _one_of(rng, ("remove {}", "remove {}", "delete {}", "take away {}", "erase {}"))
    the = _the(group, rng)
    if group.count > 1 and rng.random() < 0.2:
        the = f"all {named(group.noun, None, group.count)}"
    told = _told("remove", form.format(the), {group.noun: Said("removed")})
    return Edit(told, scene, scene.without(group.noun))


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
    told = _told("recolour", text, {group.noun: Said("recoloured", colour=colour)})
    return Edit(told, scene, replace(scene, things=things))


def _resize(sheet: SpriteSheet, rng: np.random.Generator, _held_out: bool) -> Edit | None:
    scene = _scene(sheet, rng, most=4)
    group = _pick(scene, rng)
    size = _one_of(rng, world.SIZES)
    if group.size == size or (size == "large" and group.count > 1):
        return None
    resized = resize(sheet, rng, scene, group.noun, size)
    form = _one_of(rng, ("make {} {}", "make {} {}", "make {} {}", "{} should be {}"))
    text = form.format(_the(group, rng, 0.1), size)
    if rng.random() < 0.15:
        text = f"make {_the(group, rng, 0.1)} {'smaller' if size == 'small' else 'bigger'}"
    return Edit(_told("resize", text, {group.noun: Said("resized", size=size)}), scene, resized)


def style_instruction(style: str, rng: np.random.Generator) -> str:
    """What an editor is told to give a picture a style, one of `world.STYLES`."""
    before, after = style_phrase(style, rng)
    if before:
        kind = before.removesuffix(" of")
        form = "{}" if kind.startswith("a ") else "a {} picture"
        return f"{_one_of(rng, ('make it', 'make it', 'make this', 'turn it into'))} " + (
            form.format(kind)
        )
    return f"{_one_of(rng, ('make it', 'make it', 'draw it', 'paint it', 'render it'))} {after}"


def _style(sheet: SpriteSheet, rng: np.random.Generator, _held_out: bool) -> Edit | None:
    scene = _scene(sheet, rng, most=6)
    style = _one_of(rng, world.STYLES)
    if scene.style is not None:
        return None
    text = style_instruction(style, rng)
    return Edit(_told("style", text, {}, style=style), scene, replace(scene, style=style))


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
    told = _told("background", form.format(target), {}, background=background)
    return Edit(told, scene, after)


def _count(sheet: SpriteSheet, rng: np.random.Generator, _held_out: bool) -> Edit | None:
    scene = _scene(sheet, rng, most=5)
    group = _pick(scene, rng)
    room = world.MAX_THINGS - (len(scene.things) - group.count)
    choices = [n for n in range(1, min(4, room) + 1) if n != group.count]
    if not choices:
        return None
    wanted = int(rng.choice(choices))
    if wanted > group.count:
        more = replace(group, count=wanted - group.count, size=None)
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
    told = _told("count", form.format(phrase), {group.noun: Said("counted", wanted)})
    return Edit(told, scene, after)


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
    rule = Relation(first.noun, relation, second.noun)
    placed = insert(sheet, rng, rest, first, rule).of(first.noun)
    queue = [
        replace(new, flip=old.flip, size=old.size) for new, old in zip(placed, moved, strict=True)
    ]
    things: list[Thing] = [queue.pop(0) if t.noun == first.noun else t for t in scene.things]
    form = _one_of(rng, ("move {} {} {}", "move {} {} {}", "put {} {} {}", "place {} {} {}"))
    text = form.format(_the(first, rng, 0.1), _words(relation, rng, True), _the(second, rng, 0.1))
    after = replace(scene, things=tuple(things))
    if not after.relates(first.noun, relation, second.noun):
        return None
    nouns = {first.noun: Said("moved"), second.noun: Said("anchor")}
    return Edit(_told("move", text, nouns, rule), scene, after)


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
    target, said = _new(new, rng, "new")
    if new.count > 1 and rng.random() < 0.6:
        target = named(noun, said.colour, new.count)
        said = replace(said, count=None)
    text = form.format(_the(old, rng, 0.12), target)
    told = _told("replace", text, {old.noun: Said("old"), noun: said})
    return Edit(told, scene, replace(scene, things=things))


_SAMPLERS: Final[dict[str, Sampler]] = {
    "add": _add,
    "add at relation": _add_at,
    "remove": _remove,
    "recolour": _recolour,
    "resize": _resize,
    "style": _style,
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
