"""What the pocket world can show: its nouns, colours, numbers, relations and backgrounds.

Plain data and small pure functions over words. Imports nothing heavy, so that the command line
can ask which parts of a prompt the pocket experts know without loading a model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Final

NATIVE_SIZE: Final = 64
"""Width and height, in pixels, of every picture of the pocket world."""

MAX_THINGS: Final = 6
"""Most objects one picture shows."""

MAX_GROUPS: Final = 4
"""Most kinds of object one picture shows."""


@dataclass(frozen=True, slots=True)
class Noun:
    """A kind of object.

    Attributes:
        name: Singular, lower case.
        plural: Plural; equal to `name` for "sheep" and "fish".
        sprite: Code points of the emoji, as the sprite archive names its file.
        natural: Colour word that describes the uncoloured sprite, or None where no one word does.
        paint: Which pixels a colour replaces: "hue" (those near the sprite's own main hue),
            "light" (pale, unsaturated ones), or None: takes no colour.
        hue: Main hue for "hue", in OKLCh degrees; found from the sprite where None.
    """

    name: str
    plural: str
    sprite: str
    natural: str | None = None
    paint: str | None = None
    hue: float | None = None


_NOUNS: Final = (
    Noun("airplane", "airplanes", "2708-fe0f", None, "light"),
    Noun("apple", "apples", "1f34e", "red", "hue"),
    Noun("backpack", "backpacks", "1f392", None, "hue"),
    Noun("ball", "balls", "1f3c0", "orange", "hue"),
    Noun("balloon", "balloons", "1f388", "red", "hue"),
    Noun("banana", "bananas", "1f34c", "yellow"),
    Noun("bear", "bears", "1f43b"),
    Noun("bird", "birds", "1f426", None, "hue"),
    Noun("boat", "boats", "26f5", None, "hue", 75.0),
    Noun("book", "books", "1f4d5", "red", "hue"),
    Noun("bus", "buses", "1f68c", None, "hue", 65.0),
    Noun("cake", "cakes", "1f382"),
    Noun("car", "cars", "1f697", "red", "hue"),
    Noun("carrot", "carrots", "1f955", "orange"),
    Noun("cat", "cats", "1f431", None, "hue"),
    Noun("chair", "chairs", "1fa91", None, "hue"),
    Noun("clock", "clocks", "23f0", None, "hue"),
    Noun("cow", "cows", "1f404"),
    Noun("cup", "cups", "2615", None, "light"),
    Noun("dog", "dogs", "1f436", None, "hue"),
    Noun("donut", "donuts", "1f369"),
    Noun("elephant", "elephants", "1f418"),
    Noun("fish", "fish", "1f41f", "blue", "hue"),
    Noun("flower", "flowers", "1f337", None, "hue"),
    Noun("giraffe", "giraffes", "1f992"),
    Noun("hat", "hats", "1f9e2", "blue", "hue"),
    Noun("horse", "horses", "1f40e"),
    Noun("house", "houses", "1f3e0"),
    Noun("pizza", "pizzas", "1f355"),
    Noun("rocket", "rockets", "1f680"),
    Noun("sheep", "sheep", "1f411"),
    Noun("star", "stars", "2b50", "yellow", "hue"),
    Noun("train", "trains", "1f682"),
    Noun("tree", "trees", "1f333", "green"),
    Noun("truck", "trucks", "1f69a", None, "hue"),
    Noun("umbrella", "umbrellas", "2602-fe0f", None, "hue"),
    Noun("vase", "vases", "1f3fa", None, "hue"),
    Noun("zebra", "zebras", "1f993"),
)

NOUNS: Final[Mapping[str, Noun]] = MappingProxyType({noun.name: noun for noun in _NOUNS})
"""Every kind of object, by its singular."""

PLURALS: Final[Mapping[str, str]] = MappingProxyType({noun.plural: noun.name for noun in _NOUNS})
"""Singular by plural."""

COLOURS: Final = ("red", "orange", "yellow", "green", "blue", "purple", "white", "black")
"""Colours an object can take, where it takes any."""

PLAIN_BACKGROUNDS: Final = (
    "white", "blue", "green", "yellow", "red", "purple", "pink", "black",
)  # fmt: skip
"""Backgrounds of one colour; "a blue background"."""

SCENIC_BACKGROUNDS: Final = ("beach", "meadow", "night sky", "sunset", "snow")
"""Backgrounds that are drawn; "a beach", "the night sky"."""

BACKGROUNDS: Final = PLAIN_BACKGROUNDS + SCENIC_BACKGROUNDS

NUMBERS: Final = ("one", "two", "three", "four")
"""Number words; `NUMBERS[n - 1]` says n."""

RELATIONS: Final = ("left of", "right of", "above", "below")

INVERSE: Final[Mapping[str, str]] = MappingProxyType(
    {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
)

SYNONYMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "plane": "airplane", "planes": "airplanes", "aeroplane": "airplane",
        "aeroplanes": "airplanes", "jet": "airplane", "jets": "airplanes",
        "rucksack": "backpack", "rucksacks": "backpacks", "basketball": "ball",
        "basketballs": "balls", "teddy": "bear", "sailboat": "boat", "sailboats": "boats",
        "ship": "boat", "ships": "boats", "automobile": "car", "automobiles": "cars",
        "kitten": "cat", "kittens": "cats", "kitty": "cat", "mug": "cup", "mugs": "cups",
        "puppy": "dog", "puppies": "dogs", "doughnut": "donut", "doughnuts": "donuts",
        "fishes": "fish", "tulip": "flower", "tulips": "flowers", "cap": "hat", "caps": "hats",
        "pony": "horse", "ponies": "horses", "cottage": "house", "cottages": "houses",
        "spaceship": "rocket", "spaceships": "rockets", "lamb": "sheep", "lambs": "sheep",
        "locomotive": "train", "locomotives": "trains", "lorry": "truck", "lorries": "trucks",
        "parasol": "umbrella", "parasols": "umbrellas", "buss": "bus", "busses": "buses",
        "airliner": "airplane", "crimson": "red", "scarlet": "red", "violet": "purple",
        "golden": "yellow", "snowy": "snow", "seaside": "beach", "seashore": "beach",
        "grassland": "meadow", "field": "meadow", "sundown": "sunset", "dusk": "sunset",
        "backdrop": "background", "1": "one", "2": "two", "3": "three", "4": "four",
        "single": "one", "underneath": "below", "beneath": "below",
    }
)  # fmt: skip
"""Words read as another word of the world, plural as plural."""

PHRASES: Final[tuple[tuple[str, str], ...]] = (
    (r"\b(?:to|on|at) (?:the )?(left|right)(?: (?:side|hand side))? of\b", r"\1 of"),
    (r"\b(?:in|of|on) (?:the |this |a )?(?:photo|picture|image|scene)\b", " "),
    (r"\bon top of\b", "above"),
    (r"\b(?:under|in|on|at|against|with) (?:a |the )?(night sky|sunset|snow|beach|meadow)\b",
     r"on \1"),
    (r"\b(?:against|in front of) (?:a |an |the )?(?=\w+ background\b)", "on "),
    (r"\bunder\b", "below"),
    (r"\bover\b", "above"),
    (r"\b(?:a|an) (?:photo|picture|image|drawing) of\b", " "),
    (r"\b(?:a|an|the|some)\b", " "),
)  # fmt: skip
"""Rewriting rules (pattern, replacement), in order, that bring a text to the world's few forms."""

_FUNCTION_WORDS: Final = (
    "add", "and", "any", "are", "background", "be", "below", "above", "by", "change", "exactly",
    "in", "is", "it", "left", "make", "move", "no", "not", "of", "on", "put", "remove", "replace",
    "right", "set", "should", "so", "that", "there", "to", "turn", "with", "delete", "place",
    "paint", "recolour", "into", "another", "more", "all", "everything", "else", "showing",
    "standing", "next", "swap", "for", "erase", "away", "take", "draw", "insert", "than",
)  # fmt: skip


def _vocabulary() -> tuple[str, ...]:
    words: dict[str, None] = {}
    for noun in _NOUNS:
        words[noun.name] = None
        words[noun.plural] = None
    for phrase in (*COLOURS, *BACKGROUNDS, *NUMBERS, *RELATIONS, *_FUNCTION_WORDS):
        for word in phrase.split():
            words[word] = None
    return tuple(words)


VOCABULARY: Final = _vocabulary()
"""Every word that has a token of its own, in token order (after the special tokens)."""

KNOWN_WORDS: Final = frozenset(VOCABULARY) | frozenset(SYNONYMS) | {
    "a", "an", "the", "some", "photo", "picture", "image", "drawing", "scene", "this", "under",
    "over", "front", "against", "at", "top", "side", "hand",
}  # fmt: skip
"""Every word that means something to the pocket models in the forms they were trained on."""


def normalise(text: str) -> str:
    """Brings a text to the forms the pocket models were trained on.

    Lower case, punctuation and articles dropped, synonyms and set phrases rewritten. The
    tokenizer applies the same rules, so callers need this only to look at what a model reads.

    Args:
        text: Any text.

    Returns:
        Words with single spaces between them; "" where nothing is left.
    """
    text = re.sub(r"[^a-z0-9]+", " ", text.lower())
    for word, meaning in SYNONYMS.items():
        text = re.sub(rf"\b{word}\b", meaning, text)
    for pattern, replacement in PHRASES:
        text = re.sub(pattern, replacement, text)
    return " ".join(text.split())


def unknown_words(text: str) -> tuple[str, ...]:
    """The words of `text` that mean nothing to the pocket models, in order, each once."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    return tuple(dict.fromkeys(word for word in words if word not in KNOWN_WORDS))


def find_noun(word: str) -> Noun | None:
    """The kind of object a word names: singular, plural or synonym; None for any other word."""
    word = SYNONYMS.get(word.lower(), word.lower())
    return NOUNS.get(PLURALS.get(word, word))


def paintable(noun: str) -> bool:
    """Whether objects of this kind can take a colour. Raises KeyError for an unknown noun."""
    return NOUNS[noun].paint is not None


def _draw(key: str, sides: int) -> int:
    return int.from_bytes(sha256(key.encode()).digest()[:8], "big") % sides


def _held_out_colours() -> frozenset[tuple[str, str]]:
    pairs = set()
    for noun in _NOUNS:
        if noun.paint is not None:
            choices = [colour for colour in COLOURS if colour != noun.natural]
            pairs.add((noun.name, choices[_draw(f"colour/{noun.name}", len(choices))]))
    return frozenset(pairs)


HELD_OUT_COLOURS: Final = _held_out_colours()
"""(noun, colour) pairs that no training scene, caption, question or instruction contains."""


def relation_held_out(noun: str, relation: str, other: str) -> bool:
    """Whether "NOUN RELATION OTHER" is kept out of training; its inverse is then as well."""
    if relation in ("right of", "below"):
        noun, relation, other = other, INVERSE[relation], noun
    return _draw(f"relation/{noun}/{relation}/{other}", 12) == 0
