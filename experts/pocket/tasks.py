"""Probe tasks: small requests, one skill each, that show what an expert can do and cannot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from experts.pocket import world
from experts.pocket.degrade import soften
from experts.pocket.drawing import render, render_twice
from experts.pocket.edits import Edit, sample_edit
from experts.pocket.language import background_phrase, counted, style_phrase
from experts.pocket.requirements import (
    Asked,
    absent,
    attribute,
    background_is,
    counts,
    exists,
    graph,
    holds,
    related,
    style_is,
)
from experts.pocket.sampling import clashes, sample_scene
from experts.pocket.scenes import Group, Relation, Scene
from experts.pocket.sprites import SpriteSheet
from poser.core.plan import Criterion, Op

OPS: Final[Mapping[str, Op]] = MappingProxyType(
    {
        "draw: object": "create",
        "draw: two objects": "create",
        "draw: count": "count",
        "draw: colour": "recolour",
        "draw: two colours": "recolour",
        "draw: relation": "relation",
        "draw: background": "background",
        "draw: style": "style",
        "draw: size": "attribute",
        "draw: several": "create",
        "edit: add": "add",
        "edit: add at relation": "add",
        "edit: remove": "remove",
        "edit: recolour": "recolour",
        "edit: resize": "attribute",
        "edit: background": "background",
        "edit: style": "style",
        "edit: count": "count",
        "edit: move": "relation",
        "edit: replace": "replace",
        "finish": "finish",
    }
)
"""Every skill, and the kind of command that it tells about. "draw: ..." is for experts that make
a picture from a caption, "edit: ..." (one of `facts.OPERATIONS`) for those that change one,
"finish" for those that bring one to full size."""

FULL_SIZE: Final = 4
"""Pixels of a finished picture for each native one, along a side."""

HELD_OUT_SKILLS: Final = frozenset(
    {"draw: colour", "draw: two colours", "draw: relation", "edit: add", "edit: add at relation",
     "edit: recolour", "edit: move", "edit: replace"}
)  # fmt: skip
"""Skills that can be probed on colours and relations kept out of the models' training."""

FINISHING: Final = "bring the picture to full size"
"""What a finisher is sent; there is nothing to instruct."""

_RELOCATED: Final = ("moved", "counted")
"""Roles of which an instruction leaves open where the objects end up beside the others."""


@dataclass(frozen=True, slots=True)
class Task:
    """A request and what decides whether it was carried out.

    Attributes:
        skill: One of `OPS`.
        text: The caption or instruction.
        image: The picture to change, (64, 64, 3) bytes; None for "draw: ..." skills.
        criteria: What must hold afterwards; nothing for "finish". Ids are unique within `criteria`
            and `kept` together, and a criterion may depend on one of the other.
        kept: What holds before, is untouched by the instruction and must still hold.
        finished: The picture at full size, (256, 256, 3) bytes; None but for "finish".
    """

    skill: str
    text: str
    image: NDArray[np.uint8] | None
    criteria: tuple[Criterion, ...]
    kept: tuple[Criterion, ...] = ()
    finished: NDArray[np.uint8] | None = None


def _nouns(rng: np.random.Generator, number: int, paint: bool = False) -> list[str]:
    pool = [noun for noun in world.NOUNS if not paint or world.paintable(noun)]
    return [str(noun) for noun in rng.choice(pool, number, replace=False)]


def _colour(rng: np.random.Generator, noun: str, held_out: bool, *but: str | None) -> str | None:
    """A colour of the wanted side of the split; None where `but` leaves none."""
    pool = [
        colour
        for colour in world.COLOURS
        if ((noun, colour) in world.HELD_OUT_COLOURS) == held_out and colour not in but
    ]
    return str(rng.choice(pool)) if pool else None


def _drawn(asked: Asked, rng: np.random.Generator) -> str:
    """A caption that says just what is asked."""
    phrases = {g.noun: counted(g.noun, g.colour, g.count, g.size) for g in asked.groups}
    if asked.relations:
        rule = asked.relations[0]
        text = f"{phrases[rule.noun]} {rule.relation} {phrases[rule.other]}"
    else:
        *first, last = phrases.values()
        text = f"{', '.join(first)} and {last}" if first else last
    if asked.background is not None:
        text = f"{text} {background_phrase(asked.background, rng)}"
    if asked.style is not None:
        before, after = style_phrase(asked.style, rng)
        return f"{before} {text}" if before else f"{text} {after}"
    return f"a photo of {text}" if rng.random() < 0.3 else text


def _objects(number: int) -> Callable[[np.random.Generator, bool], Asked]:
    def sample(rng: np.random.Generator, _held_out: bool) -> Asked:
        return Asked(tuple(Group(noun, None, 1) for noun in _nouns(rng, number)))

    return sample


def _count(rng: np.random.Generator, _held_out: bool) -> Asked:
    (noun,) = _nouns(rng, 1)
    return Asked((Group(noun, None, int(rng.integers(2, 5))),))


def _colours(number: int) -> Callable[[np.random.Generator, bool], Asked]:
    def sample(rng: np.random.Generator, held_out: bool) -> Asked:
        while True:
            groups: list[Group] = []
            for noun in _nouns(rng, number, paint=True):
                colour = _colour(rng, noun, held_out, *(group.colour for group in groups))
                groups.append(Group(noun, colour, 1))
            if all(group.colour for group in groups):
                return Asked(tuple(groups))

    return sample


def _relation(rng: np.random.Generator, held_out: bool) -> Asked:
    while True:
        first, second = _nouns(rng, 2)
        relation = str(rng.choice(world.RELATIONS))
        if world.relation_held_out(first, relation, second) == held_out:
            groups = (Group(first, None, 1), Group(second, None, 1))
            return Asked(groups, (Relation(first, relation, second),))


def _background(rng: np.random.Generator, _held_out: bool) -> Asked:
    (noun,), background = _nouns(rng, 1), str(rng.choice(world.BACKGROUNDS))
    return Asked((Group(noun, None, 1),), background=background)


def _style(rng: np.random.Generator, _held_out: bool) -> Asked:
    (noun,), style = _nouns(rng, 1), str(rng.choice(world.STYLES))
    return Asked((Group(noun, None, 1),), style=style)


def _size(rng: np.random.Generator, _held_out: bool) -> Asked:
    (noun,), size = _nouns(rng, 1), str(rng.choice(world.SIZES))
    return Asked((Group(noun, None, 1, size),))


def _several(rng: np.random.Generator, _held_out: bool) -> Asked:
    first, second, third = _nouns(rng, 3)
    background = str(rng.choice(world.PLAIN_BACKGROUNDS))
    colour = _colour(rng, second, False) if world.paintable(second) else None
    groups = (
        Group(first, None, int(rng.integers(2, 4))),
        Group(second, None if clashes(colour, background) else colour, 1),
        Group(third, None, 1),
    )
    order = rng.permutation(3)
    return Asked(tuple(groups[i] for i in order), background=background)


_DRAWN: Final[Mapping[str, Callable[[np.random.Generator, bool], Asked]]] = MappingProxyType(
    {
        "draw: object": _objects(1),
        "draw: two objects": _objects(2),
        "draw: count": _count,
        "draw: colour": _colours(1),
        "draw: two colours": _colours(2),
        "draw: relation": _relation,
        "draw: background": _background,
        "draw: style": _style,
        "draw: size": _size,
        "draw: several": _several,
    }
)


def _wanted(edit: Edit) -> list[Criterion]:
    """What the instruction brings about."""
    told, before = edit.told, {group.noun: group for group in edit.before.groups()}
    after = {group.noun: group for group in edit.after.groups()}
    made: list[Criterion] = []
    for noun, group in after.items():
        said, new = told.nouns.get(noun), noun not in before
        made += [exists(group)] if new else []
        if said is None or said.role == "anchor":
            continue
        if said.count is not None or (new and group.count > 1):
            made.append(counts(group))
        made += [attribute(group, value) for value in (said.colour, said.size) if value]
    made += [absent(noun) for noun in before if noun not in after]
    for rule in told.relations:
        made.append(related(after[rule.noun], rule.relation, after[rule.other]))
    if edit.after.background != edit.before.background:
        made.append(background_is(edit.after.background))
    if edit.after.style is not None and edit.after.style != edit.before.style:
        made.append(style_is(edit.after.style))
    return made


def _same(start: Scene, end: Scene, relocated: Collection[str] = ()) -> list[Criterion]:
    """What holds before and after, by the groups, their relations and the background.

    Args:
        start: The scene before.
        end: The scene after.
        relocated: Kinds of object whose relations are left open.
    """
    before = {group.noun: group for group in start.groups()}
    both = [group for group in end.groups() if group.noun in before]
    made: list[Criterion] = []
    for group in both:
        old = before[group.noun]
        made.append(exists(group))
        if old.count == group.count:
            made.append(counts(group))
        colour = group.colour or world.NOUNS[group.noun].natural
        if old.colour == group.colour and colour is not None:
            made.append(attribute(group, colour))
        if old.size == group.size and group.size is not None:
            made.append(attribute(group, group.size))
    still = [g for g in both if g.noun not in relocated]
    for one, other in combinations(still, 2):
        made += [
            related(one, relation, other)
            for relation in world.RELATIONS
            if _relate(start, one, relation, other) and _relate(end, one, relation, other)
        ]
    if end.background == start.background:
        made.append(background_is(end.background))
    if end.style is not None and end.style == start.style:
        made.append(style_is(end.style))
    return made


def _relate(scene: Scene, one: Group, relation: str, other: Group) -> bool:
    return scene.relates(one.noun, relation, other.noun) is True


def edit_task(sheet: SpriteSheet, edit: Edit) -> Task:
    """The task of carrying out an edit.

    A kind of object whose colour, size, number or place the instruction changes keeps the rest:
    a recoloured car is still one car, and still left of the tree. Where moved or counted objects
    are in relation to others is left open.
    """
    wanted = _wanted(edit)
    told = {(k.kind, k.about) for k in wanted}
    relocated = [noun for noun, said in edit.told.nouns.items() if said.role in _RELOCATED]
    same = _same(edit.before, edit.after, relocated)
    kept = [k for k in same if (k.kind, k.about) not in told]
    linked = graph([*wanted, *kept])
    image = render(sheet, edit.before)
    skill = f"edit: {edit.operation}"
    return Task(skill, edit.instruction, image, linked[: len(wanted)], linked[len(wanted) :])


def finish_task(sheet: SpriteSheet, scene: Scene, rng: np.random.Generator) -> Task:
    """The task of bringing a small picture of a scene, soft as an expert's, to full size.

    Args:
        sheet: Sprites.
        scene: What it shows.
        rng: Decides how the small picture is softened.
    """
    small, large = render_twice(sheet, scene, FULL_SIZE)
    kept = graph(_same(scene, scene))
    return Task("finish", FINISHING, soften(small, rng), (), kept, large)


def sample_task(
    sheet: SpriteSheet, rng: np.random.Generator, skill: str, held_out: bool = False
) -> Task:
    """Draws one task.

    Args:
        sheet: Sprites.
        rng: Source of all chance.
        skill: One of `OPS`.
        held_out: Ask for what is kept out of the models' training; `HELD_OUT_SKILLS` only.

    Raises:
        ValueError: The skill is unknown, or nothing of it is held out.
    """
    if skill not in OPS:
        raise ValueError(f"unknown skill {skill!r}; one of {', '.join(OPS)}")
    if held_out and skill not in HELD_OUT_SKILLS:
        raise ValueError(f"nothing is held out of {skill!r}")
    if skill == "finish":
        return finish_task(sheet, sample_scene(sheet, rng)[0], rng)
    if skill in _DRAWN:
        asked = _DRAWN[skill](rng, held_out)
        return Task(skill, _drawn(asked, rng), None, asked.criteria())
    while True:
        edit = sample_edit(sheet, rng, skill.removeprefix("edit: "), held_out)
        if not all(holds(edit.before, criterion) for criterion in _wanted(edit)):
            return edit_task(sheet, edit)  # not to make a blue couch blue


def skills(op: str) -> Sequence[str]:
    """The skills that tell about a kind of command."""
    return [skill for skill, served in OPS.items() if served == op]
