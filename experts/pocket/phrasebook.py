"""The wording of long prompts: sentence forms by what they say, and sentences that ask nothing.

Placeholders: `np` a noun phrase, `be` "is" or "are", `has` "has" or "have", `place` "above the
car", `x` and `o` a known thing as subject and object, `c` a colour or size, `a` a phrase with its
article, `s` and `p` a kind in singular and plural.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

NAMES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "airplane": ("plane", "planes"),
        "backpack": ("rucksack", "rucksacks"),
        "bicycle": ("bike", "bikes"),
        "boat": ("ship", "ships"),
        "cat": ("kitten", "kittens"),
        "cell phone": ("mobile phone", "mobile phones"),
        "couch": ("sofa", "sofas"),
        "cup": ("mug", "mugs"),
        "dog": ("puppy", "puppies"),
        "donut": ("doughnut", "doughnuts"),
        "flower": ("tulip", "tulips"),
        "handbag": ("purse", "purses"),
        "house": ("cottage", "cottages"),
        "motorcycle": ("motorbike", "motorbikes"),
        "rocket": ("spaceship", "spaceships"),
        "tv": ("television", "televisions"),
        "umbrella": ("parasol", "parasols"),
    }
)
"""Other names of some kinds of object, singular and plural."""

SIZE_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "small": ("small", "small", "small", "tiny", "little"),
        "large": ("large", "large", "large", "big", "huge"),
    }
)

PLACE_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "left of": ("to the left of", "to the left of", "left of", "on the left of",
                    "on the left side of"),
        "right of": ("to the right of", "to the right of", "right of", "on the right of",
                     "on the right side of"),
        "above": ("above", "above", "above", "over"),
        "below": ("below", "below", "under", "beneath", "underneath"),
    }
)  # fmt: skip

FIRST_FORMS: Final = (
    "there {be} {np}", "there {be} {np}", "you can see {np}", "one can see {np}",
    "I would like to see {np}", "the picture shows {np}", "in the picture there {be} {np}",
    "please draw {np}", "here {be} {np}", "there should be {np}", "{np} {be} in the picture",
    "{np} can be seen", "I imagine {np}", "what I see {be} {np}", "the picture contains {np}",
)  # fmt: skip
"""Introduce a thing."""

LATER_FORMS: Final = (
    "there {be} also {np}", "then there {be} {np}", "please add {np}", "next, there {be} {np}",
    "also, there {be} {np}", "you can also see {np}", "one can also see {np}",
    "apart from that, there {be} {np}", "I would also like to see {np}",
)  # fmt: skip
"""Introduce a thing where others are known."""

RELATION_FORMS: Final = (
    "{place} there {be} {np}", "{place} there {be} {np}", "{place} {be} {np}",
    "{place} you can see {np}", "{np} {be} {place}", "there {be} {np} {place}",
    "put {np} {place}", "add {np} {place}", "I would like {np} {place}", "I want {np} {place}",
    "please draw {np} {place}", "{place} there should be {np}",
)  # fmt: skip
"""Introduce a thing by its place."""

PUT_FORMS: Final = (
    "{x} {be} {place}", "{x} {be} {place}", "{x} should be {place}", "{x} must be {place}",
    "I want {x} to be {place}", "put {x} {place}", "place {x} {place}", "{x} can be seen {place}",
    "you can see {x} {place}", "please put {x} {place}",
)  # fmt: skip
"""Say where a known thing is."""

TRAIT_FORMS: Final = (
    "{x} {be} {c}", "{x} {be} {c}", "{x} {be} {c}", "{x} should be {c}", "{x} must be {c}",
    "{x} {has} to be {c}", "make {o} {c}", "please make {o} {c}", "I want {o} to be {c}",
)  # fmt: skip
"""Give a known thing a colour or size."""

BACKGROUND_FORMS: Final = (
    "the background is {c}", "the background should be {c}", "make the background {c}",
    "please use {a}", "everything is shown on {a}", "the backdrop is {c}",
    "all of this is shown on {a}", "the background must be {c}", "the picture has {a}",
    "the scene has {a}", "there is {a}",
)  # fmt: skip

SCENE_FORMS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "beach": ("the scene takes place on a beach", "the background is a beach",
                  "the background should be a beach", "all of this is set on a beach",
                  "behind everything there is a beach"),
        "meadow": ("the scene takes place in a meadow", "the background is a meadow",
                   "the background should be a meadow", "all of this is set in a meadow",
                   "behind everything there is a meadow"),
        "night sky": ("the background is the night sky", "the background is a night sky",
                      "all of this is set under a night sky",
                      "the background should be a night sky"),
        "sunset": ("the background is a sunset", "the background should be a sunset",
                   "the background shows a sunset", "the scene has a sunset background"),
        "snow": ("the background is snow", "the background should be snow",
                 "the scene takes place in the snow", "all of this is set in the snow"),
    }
)  # fmt: skip

STYLE_FORMS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "watercolor": (
            "the whole picture should look like a watercolor painting",
            "it should be a watercolor painting", "this is a watercolor painting",
            "the picture is a watercolor painting", "the picture is in watercolor style",
            "please paint it in watercolor", "make it a watercolor painting",
            "draw the whole picture in the style of a watercolor",
            "I want it to look like a watercolor painting", "I would like it in watercolor style",
            "the style of the picture is watercolor", "render everything in watercolor style",
        ),
        "pixel art": (
            "the whole picture should look like pixel art", "the style is pixel art",
            "the style of the picture is pixel art", "render everything in pixel art",
            "make everything look like pixel art", "I want it in the style of pixel art",
            "it should be drawn in pixel art style", "the picture is in pixel art style",
            "please draw all of this in pixel art style", "I would like it in pixel art style",
        ),
        "comic": (
            "the whole picture should look like a comic", "render everything in a comic style",
            "please draw all of this in comic style", "make it a comic drawing",
            "the picture should look like a comic drawing", "it should be drawn in comic style",
            "the picture should be in the style of a comic", "the picture is in comic style",
            "the style should be that of a comic", "I would like it in comic style",
        ),
    }
)  # fmt: skip

ABSENT_FORMS: Final = (
    "there are no {p}", "there is no {s} in the picture", "there should be no {s}",
    "there must not be any {p}", "there must not be {a}", "do not add any {p}",
    "do not draw {a}", "please do not include any {p}", "do not show any {p}",
    "keep the picture free of {p}", "the picture contains no {s}", "the picture shows no {p}",
    "I do not want any {p}", "no {s} is in the picture", "no {p} are visible", "no {p}, please",
)  # fmt: skip

AGAIN: Final = (
    "again,", "once more,", "once again,", "as described,", "as described above,", "so",
)  # fmt: skip
"""Begin a sentence that says something again."""

OPENERS: Final = (
    "Can you see all of this?",
    "Here is what I would like to see.",
    "Here is what you can see in the picture.",
    "I can almost see it already.",
    "I have never seen it like this before, but here is what I would like to see.",
    "I would like you to do this for me.",
    "It was like this when I was there.",
    "Nobody has seen it like this before.",
    "This is how I see it.",
    "This is how the picture should be, and this is how I remember it.",
    "What is in the picture?",
    "What would I like to see?",
    "Who would not like to see this?",
    "Would you do this for me?",
)
"""Sentences to begin with that ask for nothing that can be drawn."""

ASIDES: Final = (
    "All of this is up to you, but this is how I would like it to be.",
    "And there is more to see.",
    "And what else should there be?",
    "And where should it all be?",
    "But that is not all, and there is more to be seen in this picture.",
    "But that is not all.",
    "But there is more to be seen.",
    "But there is more.",
    "Can you see it already?",
    "Could it be that there is more?",
    "Everything is as it should be.",
    "Have you ever seen all of this before?",
    "Here is what else I would like to see.",
    "I have never seen this before, and you have never seen it like this.",
    "I have never seen this before.",
    "I would like you to do just this and nothing else.",
    "I would like you to do just this.",
    "If it is not like this, it is not what I would like to see.",
    "If you would like to see more, there is more.",
    "Is there more?",
    "It has always been so.",
    "It is nothing more than that.",
    "It is up to you how you do it, but please do it just like this.",
    "It is up to you how you do it.",
    "It was like this when I was there.",
    "Nobody but you can do this, so please do it just like this.",
    "Nobody has seen it like this before.",
    "Now there is more to see, so here is what else I would like to see.",
    "Now there is more to see.",
    "Now what else would I like to see?",
    "Please do it just like this.",
    "Should there be more than this?",
    "So here is what else there should be.",
    "So what is there to see?",
    "That is how I remember all of this, and that is how it should be.",
    "That is how I remember all of this.",
    "That is how it should be.",
    "That is not all there is.",
    "That is up to you.",
    "Then there is more.",
    "There is more to see in this picture than you can see at once.",
    "There is more to see in this picture.",
    "There was more to it when I was there, but that is not what this is about.",
    "This is how I see it.",
    "This is how the picture should be, and this is how I remember it.",
    "This is just as it should be.",
    "This is not all that can be seen.",
    "This is what it is about.",
    "This is what it was like then, and this is what it should be like now.",
    "This was all there before, and it should be there again.",
    "We have all seen this before, but nobody has seen it like this.",
    "We have all seen this before.",
    "What else can be seen?",
    "What else is in the picture, and where should it all be?",
    "What else is in the picture?",
    "Where it is from and what it is for is up to you.",
    "Who has seen this before, and who has not?",
    "You can see all of this at once.",
    "You can see what this is about, and I can almost see it already.",
    "You could do this as you like, but I would like it to be like this.",
    "You have seen this before.",
)
"""Sentences for in between that ask for nothing that can be drawn."""

CLOSERS: Final = (
    "All of this can be seen at once.",
    "And that is really all there is to it.",
    "And this is what the picture shows.",
    "Everything else is up to you.",
    "I would like all of this.",
    "Now you have it all.",
    "One should see all of it at once.",
    "Please do all of this.",
    "So that is what the picture shows.",
    "That is how it should be, and everything else is up to you.",
    "This is everything that I would like to see.",
    "Would you do this for me?",
    "You can see all of this at once.",
)
"""Sentences to end with that ask for nothing that can be drawn."""
