"""What is said about scenes: noun phrases and captions, in many ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from experts.pocket import world
from experts.pocket.facts import Said, Told
from experts.pocket.scenes import Group, Relation, Scene

_FILLERS: Final = (
    "cute", "beautiful", "shiny", "old", "bright", "happy", "wooden",
)  # fmt: skip


def _one_of(rng: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]


def article(word: str) -> str:
    """The word with "a" or "an" before it."""
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def named(noun: str, colour: str | None, count: int = 1, size: str | None = None) -> str:
    """A noun phrase without article or number: "red apples", "small red apple"."""
    kind = world.NOUNS[noun]
    word = kind.name if count == 1 else kind.plural
    return " ".join(part for part in (size, colour, word) if part)


def counted(noun: str, colour: str | None, count: int, size: str | None = None) -> str:
    """A noun phrase with article or number: "a red apple", "two small apples"."""
    phrase = named(noun, colour, count, size)
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


def style_phrase(style: str, rng: np.random.Generator) -> tuple[str, str]:
    """How a caption names a style: what stands before it and what after; one is ""."""
    if rng.random() < 0.5:
        kinds = {
            "pixel art": ("a pixel art picture of", "a pixel art image of", "pixel art of"),
            "watercolor": (
                "a watercolor painting of",
                "a watercolor of",
                "a watercolor picture of",
            ),
            "comic": ("a comic picture of", "a comic drawing of", "a comic style picture of"),
        }[style]
        return _one_of(rng, kinds), ""
    return "", _one_of(rng, (f"in {style} style", f"in a {style} style", f"in the style of {style}",
                             f"in {style} style"))  # fmt: skip


def said_colour(group: Group, rng: np.random.Generator, share: float = 0.93) -> str | None:
    """The colour a text names: what the group was painted, or now and then its natural one."""
    if group.colour is not None:
        return group.colour if rng.random() < share else None
    return world.NOUNS[group.noun].natural if rng.random() < 0.25 else None


def _said(group: Group, rng: np.random.Generator) -> tuple[str, Said]:
    colour = said_colour(group, rng)
    size = group.size if rng.random() < 0.85 else None
    phrase, count = counted(group.noun, colour, group.count, size), group.count
    said: int | None = count
    if rng.random() < 0.03:
        first, _, rest = phrase.partition(" ")
        phrase = f"{first} {_one_of(rng, _FILLERS)} {rest}"
    if count == 1 and rng.random() < 0.06:
        phrase = f"one {named(group.noun, colour, 1, size)}"
    if count > 1 and rng.random() < 0.04:
        phrase, said = f"some {named(group.noun, colour, count, size)}", None
    return phrase, Said("shown", said, colour, size)


def caption(scene: Scene, relations: Sequence[Relation], rng: np.random.Generator) -> Told:
    """One of many ways to say what a picture shows.

    Args:
        scene: The picture's scene graph.
        relations: Relations that hold in it; most, not all, are said.
        rng: Source of chance.

    Returns:
        Such as "a red car left of a tree, two small apples on a blue background", and what it
        says. Everything said is true; colours, sizes, relations, background and style may be
        left out.
    """
    worded = {group.noun: _said(group, rng) for group in scene.groups()}
    phrases = {noun: phrase for noun, (phrase, _) in worded.items()}
    named_before: set[str] = set()
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
        left = phrases[first] if first not in named_before else f"the {named(first, None)}"
        right = phrases[second] if second not in named_before else f"the {named(second, None)}"
        parts.append(f"{left}{verb} {_one_of(rng, words)} {right}")
        named_before |= {first, second}
    parts += [phrase for noun, phrase in phrases.items() if noun not in named_before]
    if len(chosen) < 2 or rng.random() < 0.3:
        order = rng.permutation(len(parts))
        if not _refers_back(parts, order):
            parts = [parts[i] for i in order]
    text = _join(parts, rng)
    background = scene.background if rng.random() < 0.85 else None
    if background is not None:
        phrase = background_phrase(background, rng)
        if rng.random() < 0.12 and phrase.startswith(("on", "in", "at", "under")):
            text = f"{phrase}, {text}"
        else:
            text = f"{text}{_one_of(rng, (' ', ', '))}{phrase}"
    style = scene.style if rng.random() < 0.95 else None
    if style is not None:
        before, after = style_phrase(style, rng)
        text = f"{before} {text}" if before else f"{text}{_one_of(rng, (' ', ', '))}{after}"
    elif rng.random() < 0.2:
        text = f"{_one_of(rng, ('a photo of', 'a picture of', 'an image of'))} {text}"
    nouns = {noun: said for noun, (_, said) in worded.items()}
    return Told(text, "show", nouns, tuple(chosen), background, style)


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
