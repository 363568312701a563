"""Scenes in which objects of one kind differ, and what is asked about them."""

from __future__ import annotations

import numpy as np

from experts.pocket import world
from experts.pocket.questions import ask
from experts.pocket.sampling import sample_scene
from experts.pocket.scenes import Scene, Thing, crowding
from experts.pocket.sprites import SpriteSheet
from experts.pocket.training.mingled import MOST, mingled
from experts.pocket.training.vqa import facts_of

TWO = Scene(
    (
        Thing("car", "red", 16, 16, 14, False),
        Thing("car", "blue", 44, 16, 34, False),
        Thing("tree", None, 30, 44, 22, False),
    ),
    "white",
    1,
)


def test_one_object_differs_from_the_others_of_its_kind(sheet: SpriteSheet) -> None:
    rng = np.random.default_rng(0)
    changed = 0
    for _ in range(60):
        scene, _ = sample_scene(sheet, rng)
        made = mingled(sheet, scene, rng)
        assert made.nouns() == scene.nouns()
        assert len(scene.things) <= len(made.things) <= world.MAX_THINGS
        assert max(made.count(noun) for noun in made.nouns()) <= MOST
        assert [t.noun for t in made.things] == sorted(
            (t.noun for t in made.things), key=made.nouns().index
        )
        new = [t for t in made.things if t not in scene.things]
        assert len(new) <= 1
        for thing in new:
            changed += 1
            assert (thing.noun, thing.colour) not in world.HELD_OUT_COLOURS
            others = [t for t in made.things if t is not thing]
            assert crowding(sheet, others, thing) <= 0.2
            if thing.size >= 31:
                assert thing.size / 2 <= min(thing.x, thing.y)
                assert max(thing.x, thing.y) <= 64 - thing.size / 2
            alike = [t for t in made.of(thing.noun) if t is not thing]
            assert any(
                (t.seen_colour, t.seen_size) != (thing.seen_colour, thing.seen_size) for t in alike
            )
    assert changed > 25
    assert mingled(sheet, Scene((), "white", 1), rng) == Scene((), "white", 1)


def test_no_look_is_that_of_all_where_they_differ() -> None:
    rng = np.random.default_rng(1)
    answers: dict[str, set[bool]] = {}
    for kind in ("colour", "size", "count", "relation"):
        for _ in range(400):
            question = ask(TWO, rng, kind)
            if question.subject == "car":
                answers.setdefault(question.text, set()).add(question.answer)
    assert all(len(told) == 1 for told in answers.values())
    said = {text: told.pop() for text, told in answers.items()}
    for text in ("Is the car red?", "Are the cars red?", "Is the car blue?", "Are the cars small?",
                 "Is the car large?"):  # fmt: skip
        assert said[text] is False
    assert said["Is there a red car?"] is True
    assert said["Is there a blue car?"] is True
    assert not any("red cars" in text or "blue cars" in text for text in said)
    assert said["Are there two cars?"] is True


def test_there_is_no_colour_to_learn_where_they_differ() -> None:
    rng = np.random.default_rng(2)
    found = {facts_of(TWO, q)[1] for _ in range(200) if (q := ask(TWO, rng)).subject == "car"}
    assert found == {-100}


def test_what_has_no_colour_word_is_asked_about_where_others_have_one() -> None:
    scene = Scene(
        (Thing("cat", None, 16, 16, 20, False), Thing("cat", "blue", 44, 16, 20, False)), "white", 1
    )
    rng = np.random.default_rng(3)
    asked = {(q.text, q.answer) for _ in range(400) if (q := ask(scene, rng, "colour")).subject}
    colours = {a for a in asked if "blue" in a[0] or "yellow" in a[0]}
    assert ("Is the cat blue?", False) in colours
    assert ("Is there a blue cat?", True) in colours
    assert not any(text == "Is there a yellow cat?" for text, _ in colours)
