"""The example prompts come out as a reader would expect, and the tree shows them."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from poser.decompose import RuleDecomposer, plan_tree

EXAMPLES = Path(__file__).parents[2] / "examples"
DECOMPOSER = RuleDecomposer()

ADDED = {
    "long_prompt": ["car", "tree", "ball", "bird"],
    "bus_with_words": ["bus", "house", "cat"],
    "snow_without_trees": ["sheep", "rocket", "balloon"],
    "painters_letter": ["house", "tree", "dog", "balloon"],
}


def prompt_of(name: str) -> str:
    return (EXAMPLES / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ADDED)
def test_things_of_the_pocket_examples(name: str) -> None:
    plan = DECOMPOSER.decompose(prompt_of(name))
    assert [c.subject for c in plan.commands if c.op == "add"] == ADDED[name]
    assert not [c for c in plan.commands if c.op == "other"]
    assert not plan.edits_picture


def test_first_run_example() -> None:
    plan = DECOMPOSER.decompose(prompt_of("long_prompt"))
    assert [k.question for k in plan.criteria] == [
        "Is the background a beach?",
        "Is there a car?",
        "Is there one car?",
        "Is the car red?",
        "Is there a tree?",
        "Is there one tree?",
        "Is the tree green?",
        "Is there a ball?",
        "Is there one ball?",
        "Is the ball yellow?",
        "Are there birds?",
        "Are there two birds?",
        "Are the birds blue?",
        "Is the tree right of the car?",
        "Is the ball below the tree?",
        "Are the birds above the car?",
        "Are the birds left of the tree?",
        "Is the ball right of the car?",
    ]


def test_negation_and_text_of_the_examples() -> None:
    snow = DECOMPOSER.decompose(prompt_of("snow_without_trees"))
    gone = [k.about for k in snow.criteria if not k.expected]
    assert gone == [("tree",), ("house",), ("car",), ("person",)]
    bus = DECOMPOSER.decompose(prompt_of("bus_with_words"))
    assert [c.text for c in bus.commands if c.op == "text"] == ["HELLO SUN"]


def test_beyond_the_pocket_world() -> None:
    plan = DECOMPOSER.decompose(prompt_of("dragon_oil_painting"))
    asked = {k.question for k in plan.criteria}
    assert {
        "Is there a dragon?",
        "Does the dragon have wings?",
        "Are the dragon's wings golden?",
        "Is the knight holding the shield?",
        "Are there three ravens?",
        "Are the ravens above the horse?",
        "Is this an oil painting?",
        'Does the text "BEWARE" appear?',
    } <= asked


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.txt")), ids=lambda p: p.stem)
def test_examples_are_long_prompts(path: Path) -> None:
    assert 30 <= len(path.read_text(encoding="utf-8").split()) <= 300


def test_tree() -> None:
    plan = DECOMPOSER.decompose('a red car left of a sign that says "GO", no cats')
    last = plan.criteria[-1]
    console = Console(width=120)
    with console.capture() as capture:
        console.print(plan_tree(plan.setting_aside({last.id: "the critic cannot read"})))
    text = capture.get()
    assert "move the car to the left of the sign" in text
    assert "after c1, c3" in text
    assert "Is there a cat? no" in text
    assert "not judged: the critic cannot read" in text
