"""What the experts here cannot do is said, in few lines, with what would serve it."""

from __future__ import annotations

from poser.compose.coverage import coverage_notes
from poser.core.expert import ExpertSpec
from poser.core.picture import ImageRef
from poser.core.plan import Command, Criterion, Op, Plan

CLOSED = ExpertSpec.model_validate(
    {
        "id": "closed",
        "adapter": "x",
        "task": "text_to_image",
        "vocabulary": ["add", "a", "cat"],
        "capabilities": {"add": 1.0},
    }
)
EDITOR = CLOSED.model_copy(update={"id": "editor", "task": "image_to_image"})
PICTURE = ImageRef(sha256="0" * 64, width=1024, height=768)


def command(n: int, op: Op, thing: str) -> Command:
    question = Criterion(id=f"k{n}", question="?", about=(thing,))
    return Command(
        id=f"c{n}", op=op, instruction=f"{op} a {thing}", subject=thing, criteria=(question,)
    )


def test_what_can_be_drawn_needs_no_words() -> None:
    plan = Plan(prompt="p", commands=(command(1, "add", "cat"),))
    assert coverage_notes(plan, {"closed": CLOSED}) == ()


def test_unknown_words_and_missing_capabilities_are_told_apart() -> None:
    commands = (command(1, "add", "dragon"), command(2, "style", "etching"))
    words, capability = coverage_notes(Plan(prompt="p", commands=commands), {"closed": CLOSED})
    assert words.startswith("no expert here knows 'dragon' (c1 add a dragon); ")
    assert "examples/registry.yaml" in words
    assert capability.startswith("no expert here serves 'style' (c2 style a etching); ")
    assert "docs/experts.md" in capability


def test_many_are_summed_up() -> None:
    things = "orc elf troll imp ghoul gnome sprite wyvern hydra".split()
    commands = tuple(command(n, "add", thing) for n, thing in enumerate(things))
    (note,) = coverage_notes(Plan(prompt="p", commands=commands), {"closed": CLOSED})
    assert "'wyvern' and 1 more words" in note
    assert "and 6 more commands" in note


def test_a_picture_larger_than_the_editors_and_a_mask_without_inpainting_are_noted() -> None:
    small = EDITOR.model_copy(update={"limits": EDITOR.limits.model_copy(update={"max_side": 64})})
    plan = Plan(prompt="p", commands=(command(1, "add", "cat"),))
    notes = coverage_notes(plan, {"editor": small}, picture=PICTURE, mask=True)
    assert any("1024 x 768" in n and "64" in n for n in notes)
    assert any("inpainting" in n for n in notes)
    assert any("--image" in n for n in coverage_notes(plan, {"editor": small}))
