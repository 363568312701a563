"""What is said about scenes: captions, and yes/no questions with their answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from experts.pocket import world
from experts.pocket.scenes import Group, Relation, Scene

KINDS: Final = ("existence", "count", "colour", "relation", "background")
"""What a question can be about."""

_FILLERS: Final = (
    "small", "big", "cute", "beautiful", "shiny", "old", "little", "bright", "happy", "wooden",
)  # fmt: skip


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


def article(word: str) -> str:
    """The word with "a" or "an" before it."""
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def named(noun: str, colour: str | None, count: int = 1) -> str:
    """A noun phrase without article or number: "red apples"."""
    kind = world.NOUNS[noun]
    word = kind.name if count == 1 else kind.plural
    return f"{colour} {word}" if colour else word


def counted(noun: str, colour: str | None, count: int) -> str:
    """A noun phrase with article or number: "a red apple", "two apples"."""
    phrase = named(noun, colour, count)
    return article(phrase) if count == 1 else f"{world.NUMBERS[count - 1]} {phrase}"


def background_phrase(background: str, rng: np.random.Generator) -> str:
    """How a caption names a background: "on a blue background", "at sunset"."""
    if background in world.PLAIN_BACKGROUNDS:
        form = _one_of(rng, ("on a {} background", "on a {} background", "with a {} background",
                             "against a {} background", "the background is {}"))  # fmt: skip
        return form.format(background)
    forms = {
        "beach": ("on a beach", "on the beach", "at the beach"),
        "meadow": ("in a meadow", "on a meadow"),
        "night sky": ("under a night sky", "in the night sky", "on a night sky"),
        "sunset": ("at sunset", "at a sunset", "on a sunset"),
        "snow": ("in the snow", "on snow"),
    }[background]
    if rng.random() < 0.25:
        return f"{_one_of(rng, ('on a', 'with a', 'against a'))} {background} background"
    return _one_of(rng, forms)


def _said_colour(group: Group, rng: np.random.Generator) -> str | None:
    if group.colour is not None:
        return group.colour if rng.random() < 0.93 else None
    return world.NOUNS[group.noun].natural if rng.random() < 0.25 else None


def _said(group: Group, rng: np.random.Generator) -> str:
    colour = _said_colour(group, rng)
    phrase = counted(group.noun, colour, group.count)
    if rng.random() < 0.04:
        first, _, rest = phrase.partition(" ")
        phrase = f"{first} {_one_of(rng, _FILLERS)} {rest}"
    if group.count == 1 and rng.random() < 0.06:
        phrase = f"one {named(group.noun, colour)}"
    if group.count > 1 and rng.random() < 0.04:
        phrase = f"some {named(group.noun, colour, group.count)}"
    return phrase


def caption(scene: Scene, relations: Sequence[Relation], rng: np.random.Generator) -> str:
    """One of many ways to say what a picture shows.

    Args:
        scene: The picture's scene graph.
        relations: Relations that hold in it; most, not all, are said.
        rng: Source of chance.

    Returns:
        Such as "a red car left of a tree, two apples on a blue background". Everything said is
        true; colours, relations and the background may be left out.
    """
    phrases = {group.noun: _said(group, rng) for group in scene.groups()}
    said: set[str] = set()
    parts: list[str] = []
    chosen = [r for r in relations if rng.random() < 0.92]
    for rule in chosen:
        first, second, relation = rule.noun, rule.other, rule.relation
        if rng.random() < 0.3 and not world.relation_held_out(
            second, world.INVERSE[relation], first
        ):
            first, second, relation = second, first, world.INVERSE[relation]
        words = {
            "left of": ("left of", "to the left of", "on the left of"),
            "right of": ("right of", "to the right of", "on the right of"),
            "above": ("above", "above", "over"),
            "below": ("below", "below", "under"),
        }[relation]
        verb = " is" if rng.random() < 0.1 else ""
        left = phrases[first] if first not in said else f"the {named(first, None)}"
        right = phrases[second] if second not in said else f"the {named(second, None)}"
        parts.append(f"{left}{verb} {_one_of(rng, words)} {right}")
        said |= {first, second}
    parts += [phrase for noun, phrase in phrases.items() if noun not in said]
    if len(chosen) < 2 or rng.random() < 0.3:
        order = rng.permutation(len(parts))
        if not _refers_back(parts, order):
            parts = [parts[i] for i in order]
    text = _join(parts, rng)
    if rng.random() < 0.85:
        phrase = background_phrase(scene.background, rng)
        if rng.random() < 0.12 and phrase.startswith(("on", "in", "at", "under")):
            text = f"{phrase}, {text}"
        else:
            text = f"{text}{_one_of(rng, (' ', ', '))}{phrase}"
    if rng.random() < 0.2:
        text = f"{_one_of(rng, ('a photo of', 'a picture of', 'an image of'))} {text}"
    return text


def _refers_back(parts: Sequence[str], order: Sequence[int] | np.ndarray) -> bool:
    """Whether a reordering would put "the car" before the part that introduces the car."""
    return any(" the " in f" {part} " for part in parts) and list(order) != sorted(order)


def _join(parts: Sequence[str], rng: np.random.Generator) -> str:
    if len(parts) == 1:
        return parts[0]
    style = rng.random()
    if style < 0.45:
        return ", ".join(parts)
    if style < 0.75:
        return ", ".join(parts[:-1]) + " and " + parts[-1]
    if style < 0.9:
        return " and ".join(parts)
    return parts[0] + " with " + " and ".join(parts[1:])


# -------------------------------------------------------------------------- questions


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
    if group.count and rng.random() < 0.12:
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
    groups = [group for group in scene.groups() if _true_colour(group)]
    if held_out:
        groups = [g for g in groups if (g.noun, g.colour) in world.HELD_OUT_COLOURS]
    if not groups:
        return None
    group = groups[int(rng.integers(len(groups)))]
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
    if group.count == 1:
        return Question(f"Is the {kind.name} {colour}?", yes, "colour", kind.name)
    return Question(f"Are the {kind.plural} {colour}?", yes, "colour", kind.name)


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
    colours = rng.random() < 0.12
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


_ASK: Final[dict[str, Callable[[Scene, np.random.Generator], Question | None]]] = {
    "existence": _ask_existence,
    "count": _ask_count,
    "colour": _ask_colour,
    "relation": _ask_relation,
    "background": _ask_background,
}
_SHARES: Final = (0.22, 0.24, 0.22, 0.22, 0.10)


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
        A question; yes and no are equally frequent within each kind, and no's are hard: another
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
