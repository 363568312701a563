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
        plural: Plural; equal to `name` for "sheep", "fish", "skis" and "scissors".
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

    @property
    def token(self) -> str:
        """The one word it has in the models' vocabulary: "trafficlight"."""
        return _joined(self.name)

    @property
    def plural_token(self) -> str:
        """As `token`, of the plural."""
        return _joined(self.plural)


def _joined(name: str) -> str:
    # The fruit has a word of its own, so that no model takes it for the colour.
    return {"orange": "tangerine", "oranges": "tangerines"}.get(name, name.replace(" ", ""))


_NOUNS: Final = (
    Noun("airplane", "airplanes", "2708-fe0f", None, "light"),
    Noun("apple", "apples", "1f34e", "red", "hue"),
    Noun("backpack", "backpacks", "1f392", None, "hue"),
    Noun("ball", "balls", "1f3c0", "orange", "hue"),
    Noun("balloon", "balloons", "1f388", "red", "hue"),
    Noun("banana", "bananas", "1f34c", "yellow"),
    Noun("bear", "bears", "1f43b", None, "hue"),
    Noun("bed", "beds", "1f6cf-fe0f", None, "hue"),
    Noun("bicycle", "bicycles", "1f6b2", None, "hue"),
    Noun("bird", "birds", "1f426", None, "hue"),
    Noun("boat", "boats", "26f5", None, "hue", 75.0),
    Noun("book", "books", "1f4d5", "red", "hue"),
    Noun("bottle", "bottles", "1f37e", "green", "hue"),
    Noun("bowl", "bowls", "1f963", "blue", "hue"),
    Noun("broccoli", "broccolis", "1f966", "green"),
    Noun("bus", "buses", "1f68c", None, "hue", 65.0),
    Noun("cake", "cakes", "1f382"),
    Noun("car", "cars", "1f697", "red", "hue"),
    Noun("carrot", "carrots", "1f955", "orange"),
    Noun("cat", "cats", "1f431", None, "hue"),
    Noun("cell phone", "cell phones", "1f4f1", None, "hue", 285.0),
    Noun("chair", "chairs", "1fa91", None, "hue"),
    Noun("clock", "clocks", "23f0", None, "hue"),
    Noun("computer keyboard", "computer keyboards", "2328-fe0f", None, "light"),
    Noun("computer mouse", "computer mice", "1f5b1-fe0f", "white", "light"),
    Noun("couch", "couches", "1f6cb-fe0f", "blue", "hue"),
    Noun("cow", "cows", "1f404", None, "light"),
    Noun("cup", "cups", "2615", None, "light"),
    Noun("dog", "dogs", "1f436", None, "hue"),
    Noun("donut", "donuts", "1f369"),
    Noun("elephant", "elephants", "1f418", None, "light"),
    Noun("fish", "fish", "1f41f", "blue", "hue"),
    Noun("flower", "flowers", "1f337", None, "hue"),
    Noun("frisbee", "frisbees", "1f94f", "blue", "hue"),
    Noun("giraffe", "giraffes", "1f992", None, "hue"),
    Noun("handbag", "handbags", "1f45c", None, "light"),
    Noun("hat", "hats", "1f9e2", "blue", "hue"),
    Noun("horse", "horses", "1f40e"),
    Noun("hot dog", "hot dogs", "1f32d"),
    Noun("house", "houses", "1f3e0", None, "hue"),
    Noun("kite", "kites", "1fa81"),
    Noun("knife", "knives", "1f52a", None, "light"),
    Noun("laptop", "laptops", "1f4bb", None, "light"),
    Noun("motorcycle", "motorcycles", "1f3cd-fe0f", "red", "hue"),
    Noun("orange", "oranges", "1f34a", "orange"),
    Noun("person", "people", "1f6b6"),
    Noun("pizza", "pizzas", "1f355"),
    Noun("potted plant", "potted plants", "1fab4", None, "hue", 50.0),
    Noun("rocket", "rockets", "1f680", None, "light"),
    Noun("sandwich", "sandwiches", "1f96a"),
    Noun("scissors", "scissors", "2702-fe0f", None, "hue"),
    Noun("sheep", "sheep", "1f411", "white", "light"),
    Noun("skateboard", "skateboards", "1f6f9", None, "hue"),
    Noun("skis", "skis", "1f3bf", None, "hue", 45.0),
    Noun("spoon", "spoons", "1f944", None, "light"),
    Noun("star", "stars", "2b50", "yellow", "hue"),
    Noun("stop sign", "stop signs", "1f6d1", "red", "hue"),
    Noun("suitcase", "suitcases", "1f9f3", "blue", "hue"),
    Noun("teddy bear", "teddy bears", "1f9f8", None, "hue"),
    Noun("tennis racket", "tennis rackets", "1f3be", None, "hue"),
    Noun("tie", "ties", "1f454", None, "hue", 310.0),
    Noun("toilet", "toilets", "1f6bd", "white", "light"),
    Noun("toothbrush", "toothbrushes", "1faa5", None, "hue"),
    Noun("traffic light", "traffic lights", "1f6a6"),
    Noun("train", "trains", "1f682"),
    Noun("tree", "trees", "1f333", "green", "hue"),
    Noun("truck", "trucks", "1f69a", None, "hue"),
    Noun("tv", "tvs", "1f4fa", None, "light"),
    Noun("umbrella", "umbrellas", "2602-fe0f", None, "hue"),
    Noun("vase", "vases", "1f3fa", None, "hue"),
    Noun("wine glass", "wine glasses", "1f377", None, "hue"),
    Noun("zebra", "zebras", "1f993", None, "light"),
)

NOUNS: Final[Mapping[str, Noun]] = MappingProxyType({noun.name: noun for noun in _NOUNS})
"""Every kind of object, by its singular."""

_BY_TOKEN: Final = {
    token: noun.name for noun in _NOUNS for token in (noun.token, noun.plural_token)
}

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

STYLES: Final = ("pixel art", "watercolor", "comic")
"""Treatments of a whole picture; without one it looks like rendered clay."""

GRAINS: Final = 24
"""Grains of watercolour paper along a side of a picture."""

SIZES: Final = ("small", "large")
"""Sizes an object can be said to have."""

SMALL: Final = 15
"""Longest side, in pixels, up to which an object is small."""

LARGE: Final = 29
"""Longest side, in pixels, from which an object is large."""

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
        "basketballs": "balls", "sailboat": "boat", "sailboats": "boats",
        "ship": "boat", "ships": "boats", "automobile": "car", "automobiles": "cars",
        "kitten": "cat", "kittens": "cats", "kitty": "cat", "mug": "cup", "mugs": "cups",
        "puppy": "dog", "puppies": "dogs", "doughnut": "donut", "doughnuts": "donuts",
        "fishes": "fish", "tulip": "flower", "tulips": "flowers", "cap": "hat", "caps": "hats",
        "pony": "horse", "ponies": "horses", "cottage": "house", "cottages": "houses",
        "spaceship": "rocket", "spaceships": "rockets", "lamb": "sheep", "lambs": "sheep",
        "locomotive": "train", "locomotives": "trains", "lorry": "truck", "lorries": "trucks",
        "parasol": "umbrella", "parasols": "umbrellas", "buss": "bus", "busses": "buses",
        "airliner": "airplane", "crimson": "red", "scarlet": "red", "violet": "purple",
        "golden": "yellow", "tiny": "small", "little": "small", "big": "large",
        "huge": "large", "giant": "large", "smaller": "small", "bigger": "large",
        "larger": "large", "watercolour": "watercolor", "cartoon": "comic", "pixelated": "pixelart",
        "resize": "make",
        "smartphone": "cellphone",
        "smartphones": "cellphones",
        "television": "tv",
        "televisions": "tvs",
        "sofa": "couch",
        "sofas": "couches",
        "settee": "couch",
        "settees": "couches",
        "bike": "bicycle",
        "bikes": "bicycles",
        "motorbike": "motorcycle",
        "motorbikes": "motorcycles",
        "stoplight": "trafficlight",
        "stoplights": "trafficlights",
        "houseplant": "pottedplant",
        "houseplants": "pottedplants",
        "teddies": "teddybears",
        "purse": "handbag",
        "purses": "handbags",
        "luggage": "suitcase",
        "necktie": "tie",
        "neckties": "ties",
        "longboard": "skateboard",
        "longboards": "skateboards",
        "human": "person",
        "humans": "people",
        "persons": "people",
        "man": "person",
        "men": "people",
        "woman": "person",
        "women": "people",
        "armchair": "chair",
        "armchairs": "chairs",
 "snowy": "snow", "seaside": "beach", "seashore": "beach",
        "grassland": "meadow", "field": "meadow", "sundown": "sunset", "dusk": "sunset",
        "backdrop": "background", "1": "one", "2": "two", "3": "three", "4": "four",
        "single": "one", "underneath": "below", "beneath": "below",
    }
)  # fmt: skip
"""Words read as another word of the world, plural as plural."""

_ORANGE: Final = (
    r"orange(?! (?:background|" + "|".join(
        sorted({_joined(word) for noun in _NOUNS for word in (noun.name, noun.plural)})
    ) + r")\b)\b"
)  # fmt: skip
"""The word orange where no noun follows it."""

PHRASES: Final[tuple[tuple[str, str], ...]] = (
    (r"\boranges\b", "tangerines"),
    (rf"\b(an|one|the|another) {_ORANGE}", r"\1 tangerine"),
    (rf"\b(red|yellow|green|blue|purple|white|black|small|large) {_ORANGE}", r"\1 tangerine"),
    (r"\b(?:to|on|at) (?:the )?(left|right)(?: (?:side|hand side))? of\b", r"\1 of"),
    (r"\b(?:in|of|on) (?:the |this |a )?(?:photo|picture|image|scene)\b", " "),
    (r"\bon top of\b", "above"),
    (r"\b(?:under|in|on|at|against|with) (?:a |the )?(night sky|sunset|snow|beach|meadow)\b",
     r"on \1"),
    (r"\b(?:against|in front of) (?:a |an |the )?(?=\w+ background\b)", "on "),
    (r"\bunder\b", "below"),
    (r"\bover\b", "above"),
    (r"\b(?:a|an) (?:photo|picture|image|drawing) of\b", " "),
    (r"\bpixelart\b", "pixel art"),
    (r"\b(?:a|an|the|some)\b", " "),
)  # fmt: skip
"""Rewriting rules (pattern, replacement), in order, that bring a text to the world's few forms."""

_FUNCTION_WORDS: Final = (
    "add", "and", "any", "are", "background", "be", "below", "above", "by", "change", "exactly",
    "in", "is", "it", "left", "make", "move", "no", "not", "of", "on", "put", "remove", "replace",
    "right", "set", "should", "so", "that", "there", "to", "turn", "with", "delete", "place",
    "paint", "recolour", "into", "another", "more", "all", "everything", "else", "showing",
    "standing", "next", "swap", "for", "erase", "away", "take", "draw", "insert", "than",
    "only", "style", "painting", "picture", "image", "drawing", "this", "render", "as",
    "look", "like",

)  # fmt: skip


def _vocabulary() -> tuple[str, ...]:
    words: dict[str, None] = {}
    for noun in _NOUNS:
        words[noun.token] = None
        words[noun.plural_token] = None
    for phrase in (
        *COLOURS, *SIZES, *STYLES, *BACKGROUNDS, *NUMBERS, *RELATIONS, *_FUNCTION_WORDS
    ):  # fmt: skip
        for word in phrase.split():
            words[word] = None
    return tuple(words)


VOCABULARY: Final = _vocabulary()
"""Every word that has a token of its own, in token order (after the special tokens)."""

COMPOUNDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "soccer ball": "ball",
        "soccer balls": "balls",
        "sports ball": "ball",
        "sports balls": "balls",
        "mobile phone": "cellphone",
        "mobile phones": "cellphones",
        "notebook computer": "laptop",
        "notebook computers": "laptops",
        "tennis racquet": "tennisracket",
        "tennis racquets": "tennisrackets",
        "computer mouses": "computermice",
        **{
            word: _joined(word)
            for noun in _NOUNS
            for word in (noun.plural, noun.name)
            if " " in word
        },
    }
)
"""Names of several words, and the one word of the vocabulary that stands for each."""

KNOWN_WORDS: Final = frozenset(VOCABULARY) | frozenset(SYNONYMS) | frozenset(
    word for name in COMPOUNDS for word in name.split()
) | {"orange", "oranges"} | {
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
    for name, word in COMPOUNDS.items():
        text = re.sub(rf"\b{name}\b", word, text)
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
    return NOUNS.get(PLURALS.get(word, _BY_TOKEN.get(word, word)))


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
