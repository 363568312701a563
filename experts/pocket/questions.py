"""Yes/no questions about scenes, with their answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from experts.pocket import world
from experts.pocket.language import article, named
from experts.pocket.scenes import Group, Scene

KINDS: Final = ("existence", "count", "colour", "relation", "background", "size", "style")
"""What a question can be about."""


MISCOUNTED: Final = 0.12
"""Share of questions about the looks of several objects that are asked as if there were one; half
of those about objects that differ."""


@dataclass(frozen=True, slots=True)
class Question:
    """A yes/no question about one picture.

    Attributes:
        text: The question, as it would be asked.
        answer: True for yes.
        kind: One of `KINDS`.
        subject: The kind of object it is about; "" for the background.
        other: The second one of a relation; else "".
    """

    text: str
    answer: bool
    kind: str
    subject: str = ""
    other: str = ""


def _one_of(rng: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]


def _other(rng: np.random.Generator, options: Sequence[str], *but: str | None) -> str:
    return _one_of(rng, [option for option in options if option not in but])


def _absent(scene: Scene, rng: np.random.Generator) -> str:
    return _other(rng, tuple(world.NOUNS), *scene.nouns())


def _pick(scene: Scene, rng: np.random.Generator) -> Group:
    groups = scene.groups()
    return groups[int(rng.integers(len(groups)))]


def _ask_existence(scene: Scene, rng: np.random.Generator) -> Question | None:
    yes = bool(rng.random() < 0.5) and bool(scene.things)
    noun = _pick(scene, rng).noun if yes else _absent(scene, rng)
    kind = world.NOUNS[noun]
    form = _one_of(rng, ("Is there {a}?", "Is there {a}?", "Are there any {s}?", "Are there {s}?",
                         "Is there {a} in the picture?"))  # fmt: skip
    return Question(form.format(a=article(kind.name), s=kind.plural), yes, "existence", noun)


def _ask_count(scene: Scene, rng: np.random.Generator) -> Question | None:
    if not scene.things:
        return None
    group = _pick(scene, rng)
    yes = bool(rng.random() < 0.5)
    number = group.count
    if not yes:
        near = [n for n in (number - 1, number + 1) if 1 <= n <= 4]
        far = [n for n in range(1, 5) if n != number]
        number = int(rng.choice(near if rng.random() < 0.75 else far))
        if rng.random() < 0.12:
            group = Group(_absent(scene, rng), None, 0)
    word = world.NUMBERS[number - 1]
    colour = None
    if group.count and rng.random() < 0.12 and not scene.mixed(group.noun):
        colour = group.colour
    thing = named(group.noun, colour, number)
    forms = (
        ("Is there one {}?", "Is there exactly one {}?", "Is there only one {}?")
        if number == 1
        else (f"Are there {word} {{}}?", f"Are there exactly {word} {{}}?")
    )
    return Question(_one_of(rng, forms).format(thing), yes, "count", group.noun)


def _true_colour(group: Group) -> str | None:
    return group.colour or world.NOUNS[group.noun].natural


def _ask_colour(scene: Scene, rng: np.random.Generator, held_out: bool = False) -> Question | None:
    groups = [g for g in scene.groups() if _true_colour(g) or scene.mixed(g.noun)]
    if held_out:
        groups = [g for g in groups if (g.noun, g.colour) in world.HELD_OUT_COLOURS]
    if not groups:
        return None
    group = groups[int(rng.integers(len(groups)))]
    if scene.mixed(group.noun):
        return _ask_mixed(scene, group.noun, rng)
    truth = _true_colour(group)
    assert truth is not None
    yes = bool(rng.random() < 0.5)
    colour = truth
    if not yes:
        others = [c for g in scene.groups() if (c := _true_colour(g)) and c != truth]
        near_background = scene.background if scene.background in world.COLOURS else None
        pool = [c for c in [*others, near_background] if c and c != truth]
        if pool and rng.random() < 0.5:
            colour = _one_of(rng, pool)
        else:
            colour = _other(rng, world.COLOURS, truth)
        if not held_out and (group.noun, colour) in world.HELD_OUT_COLOURS:
            return None
    kind = world.NOUNS[group.noun]
    if rng.random() < 0.3:
        wrong = not yes and rng.random() < 0.15
        noun = world.NOUNS[_absent(scene, rng)] if wrong else kind
        if wrong and not world.paintable(noun.name):
            return None
        if (noun.name, colour) in world.HELD_OUT_COLOURS and not held_out:
            return None
        if group.count > 1 and rng.random() < 0.6:
            return Question(f"Are there {colour} {noun.plural}?", yes, "colour", noun.name)
        return Question(f"Is there {article(f'{colour} {noun.name}')}?", yes, "colour", noun.name)
    if group.count == 1 or rng.random() < MISCOUNTED:
        return Question(f"Is the {kind.name} {colour}?", yes, "colour", kind.name)
    return Question(f"Are the {kind.plural} {colour}?", yes, "colour", kind.name)


def _ask_mixed(scene: Scene, noun: str, rng: np.random.Generator) -> Question | None:
    """Of objects of several colours: no colour is that of all, and each of them is there."""
    kind, there = world.NOUNS[noun], {t.seen_colour for t in scene.of(noun)}
    seen = sorted(colour for colour in there if colour is not None)
    colour = _one_of(rng, seen if rng.random() < 0.75 else world.COLOURS)
    if (noun, colour) in world.HELD_OUT_COLOURS:
        return None
    # What has no colour word of its own may look as if it had.
    if rng.random() < 0.35 and (colour in seen or None not in there):
        text = f"Is there {article(f'{colour} {noun}')}?"
        return Question(text, colour in seen, "colour", noun)
    said = f"Is the {noun}" if rng.random() < 0.5 else f"Are the {kind.plural}"
    return Question(f"{said} {colour}?", False, "colour", noun)


def _ask_relation(
    scene: Scene, rng: np.random.Generator, held_out: bool = False
) -> Question | None:
    groups = scene.groups()
    if len(groups) < 2:
        return None
    first, second = (groups[int(i)] for i in rng.choice(len(groups), 2, replace=False))
    yes = bool(rng.random() < 0.5)
    options = [
        relation
        for relation in world.RELATIONS
        if scene.relates(first.noun, relation, second.noun) is yes
        and world.relation_held_out(first.noun, relation, second.noun) == held_out
    ]
    if not options:
        return None
    swapped = [
        r for r in options if scene.relates(first.noun, world.INVERSE[r], second.noun) is True
    ]
    relation = _one_of(rng, swapped if swapped and rng.random() < 0.75 else options)
    if not yes and rng.random() < 0.08:
        second = Group(_absent(scene, rng), None, 1)
    words = {
        "left of": ("left of", "to the left of"),
        "right of": ("right of", "to the right of"),
        "above": ("above",),
        "below": ("below",),
    }[relation]
    verb = "Is" if first.count == 1 else "Are"
    colours = rng.random() < 0.12 and not any(scene.mixed(g.noun) for g in (first, second))
    left = named(first.noun, first.colour if colours else None, first.count)
    right = named(second.noun, second.colour if colours else None, second.count)
    text = f"{verb} the {left} {_one_of(rng, words)} the {right}?"
    return Question(text, yes, "relation", first.noun, second.noun)


def _ask_background(scene: Scene, rng: np.random.Generator) -> Question | None:
    yes = bool(rng.random() < 0.5)
    name = scene.background
    if not yes:
        colours = [g.colour for g in scene.groups() if g.colour in world.PLAIN_BACKGROUNDS]
        colours = [c for c in colours if c != name]
        if colours and rng.random() < 0.4:
            name = _one_of(rng, [c for c in colours if c])
        else:
            name = _other(rng, world.BACKGROUNDS, name)
    if name in world.PLAIN_BACKGROUNDS:
        form = _one_of(rng, ("Is the background {}?", "Is the background {}?",
                             "Is there a {} background?"))  # fmt: skip
        return Question(form.format(name), yes, "background")
    form = _one_of(rng, ("Is the background {}?", "Is the background a {}?",
                         "Is there a {} background?"))  # fmt: skip
    return Question(form.format(name), yes, "background")


def _ask_size(scene: Scene, rng: np.random.Generator) -> Question | None:
    groups = [(g, {t.seen_size for t in scene.of(g.noun)}) for g in scene.groups()]
    unlike = [
        (g, sorted(str(size) for size in s if size))
        for g, s in groups
        if len(s) > 1 and None not in s
    ]
    if unlike and rng.random() < 0.5:
        return _ask_unlike(*unlike[int(rng.integers(len(unlike)))], rng)
    plain = [(g, next(iter(s)) or "") for g, s in groups if len(s) == 1 and None not in s]
    if not plain:
        return None
    yes = bool(rng.random() < 0.5)
    fitting = [(g, s) for g, s in plain if s]
    if not yes and (not fitting or rng.random() < 0.5):
        fitting = list(plain) if rng.random() < 0.5 else []
    if not fitting:
        return None
    group, seen = fitting[int(rng.integers(len(fitting)))]
    size = seen if yes else _other(rng, world.SIZES, seen)
    number = 1 if rng.random() < MISCOUNTED else group.count
    colour = group.colour if rng.random() < 0.1 and not scene.mixed(group.noun) else None
    return _about_size(group.noun, colour, number, size, yes)


def _ask_unlike(group: Group, sizes: list[str], rng: np.random.Generator) -> Question:
    """Of objects of several sizes: none is that of all."""
    size, number = sizes[int(rng.integers(len(sizes)))], int(rng.integers(1, 3))
    return _about_size(group.noun, None, number, size, False)


def _about_size(noun: str, colour: str | None, number: int, size: str, yes: bool) -> Question:
    verb = "Is" if number == 1 else "Are"
    return Question(f"{verb} the {named(noun, colour, number)} {size}?", yes, "size", noun)


def _ask_style(scene: Scene, rng: np.random.Generator) -> Question | None:
    yes = bool(rng.random() < 0.5)
    # Most scenes have no style: were all of them asked, no would nearly always be right.
    if scene.style is None and (yes or rng.random() < 0.5):
        return None
    style = scene.style if yes else _other(rng, world.STYLES, scene.style)
    nouns = {"pixel art": ("picture", "image"), "watercolor": ("painting", "picture"),
             "comic": ("picture", "drawing")}[style or ""]  # fmt: skip
    form = _one_of(rng, (f"Is this a {style} {_one_of(rng, nouns)}?", f"Is this in {style} style?",
                         f"Is this in a {style} style?", f"Is it in the style of {style}?",
                         f"Is this in the style of {style}?"))  # fmt: skip
    return Question(form, yes, "style")


_ASK: Final[dict[str, Callable[[Scene, np.random.Generator], Question | None]]] = {
    "existence": _ask_existence,
    "count": _ask_count,
    "colour": _ask_colour,
    "relation": _ask_relation,
    "background": _ask_background,
    "size": _ask_size,
    "style": _ask_style,
}
_SHARES: Final = (0.17, 0.21, 0.19, 0.19, 0.07, 0.06, 0.11)


def ask(
    scene: Scene, rng: np.random.Generator, kind: str | None = None, held_out: bool = False
) -> Question:
    """Asks one question whose answer the scene decides.

    Args:
        scene: What the picture shows.
        rng: Source of chance.
        kind: One of `KINDS`; drawn at random where None. Where the scene does not allow the
            kind (a relation between one kind of object), another is asked.
        held_out: Ask about the (noun, colour) pairs or relations kept out of training.

    Returns:
        A question; yes and no are about equally frequent within each kind (fewer yes for style
        and size, which most scenes lack, and for objects that differ), and no's are hard: another
        object's colour, a swapped relation, a count off by one.
    """
    wanted = kind
    for _ in range(30):
        chosen = wanted or str(rng.choice(KINDS, p=_SHARES))
        if chosen == "colour":
            question = _ask_colour(scene, rng, held_out)
        elif chosen == "relation":
            question = _ask_relation(scene, rng, held_out)
        else:
            question = _ASK[chosen](scene, rng)
        if question is not None:
            return question
        if not held_out and rng.random() < 0.3:
            wanted = None
    fallback = _ask_existence(scene, rng)
    assert fallback is not None
    return fallback
