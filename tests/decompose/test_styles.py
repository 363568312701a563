"""Styles of the whole picture, however they are said."""

from __future__ import annotations

import pytest

from poser.decompose import RuleDecomposer
from poser.decompose.styles import style_name, whole_style, wording

DECOMPOSER = RuleDecomposer()

# prompt -> what follows "make it" and "Is this", and the bare name
SAID: list[tuple[str, str, str]] = [
    ("a pixel art picture of a cat", "a pixel art picture", "pixel art"),
    ("a watercolor painting of a cat", "a watercolor painting", "watercolor"),
    ("a watercolour of a cat", "a watercolour", "watercolor"),
    ("a cat, in comic style", "in comic style", "comic"),
    ("a cat in the style of pixel art", "in pixel art style", "pixel art"),
    ("a cat, pixel art style", "in pixel art style", "pixel art"),
    ("A cat. Everything is in a watercolor style.", "in watercolor style", "watercolor"),
    ("A cat. The whole picture is in comic style.", "in comic style", "comic"),
    ("A cat. The scene is drawn as a comic.", "a comic", "comic"),
    ("A cat. Paint it all in watercolor style.", "in watercolor style", "watercolor"),
    ("a cat, rendered as pixel art", "pixel art", "pixel art"),
    ("a cat, painted in watercolors", "in watercolor style", "watercolor"),
    ("A cat. The picture should look like a watercolor painting.", "a watercolor painting",
     "watercolor"),
    ("A cat. It should look like pixel art.", "pixel art", "pixel art"),
    ("A cat. Make it look like a comic.", "a comic", "comic"),
    ("A cat. The style of the picture is watercolor.", "in watercolor style", "watercolor"),
    ("Style: pixel art. A cat.", "in pixel art style", "pixel art"),
    ("A cat. As a style, use watercolor.", "in watercolor style", "watercolor"),
    ("In the style of a comic, a cat.", "in comic style", "comic"),
    ("Make a comic style picture of a cat.", "a comic style picture", "comic"),
    ("Create a pixel art picture with a cat.", "a pixel art picture", "pixel art"),
    ("The image is a watercolor painting. A cat.", "a watercolor painting", "watercolor"),
    ("A cat, and draw everything in comic style.", "in comic style", "comic"),
    ("a cat by night", "a night scene", "night"),
    ("It is night. A cat.", "a night scene", "night"),
    ("a cat in the style of van Gogh", "in the style of van Gogh", "van Gogh"),
]  # fmt: skip


@pytest.mark.parametrize(("prompt", "said", "name"), SAID, ids=[p for p, *_ in SAID])
def test_a_style_is_one_command(prompt: str, said: str, name: str) -> None:
    plan = DECOMPOSER.decompose(prompt)
    assert [c.op for c in plan.commands] == ["add", "style"]
    command = plan.commands[-1]
    assert command.instruction == f"make it {said}"
    assert [(k.question, k.about) for k in command.criteria] == [(f"Is this {said}?", (name,))]


def test_a_style_said_twice_is_one_command() -> None:
    plan = DECOMPOSER.decompose("A watercolor painting of a cat. It should all be watercolor.")
    styles = [c for c in plan.commands if c.op == "style"]
    assert [c.instruction for c in styles] == ["make it a watercolor painting"]


@pytest.mark.parametrize(
    "prompt",
    [
        "a man reading a comic",
        "A comic book lies on a table.",
        "a cat made of watercolor paper",
        "A room. There is no painting.",
        "a wooden toy next to a sketch",
    ],
)
def test_pictures_in_the_picture_are_no_style(prompt: str) -> None:
    assert "style" not in [c.op for c in DECOMPOSER.decompose(prompt).commands]


def test_words_of_style() -> None:
    assert whole_style("everything is in a watercolor style".split()) == "in watercolor style"
    assert whole_style("a red car".split()) == ""
    assert wording(["comic"], inside=True) == "in comic style"
    assert style_name("in pixel art style") == style_name("a pixel-art picture") == "pixel art"
    assert style_name("oil painting") == "oil painting"
