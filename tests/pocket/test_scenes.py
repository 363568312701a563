from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from experts.pocket import world
from experts.pocket.degrade import degrade
from experts.pocket.edits import OPERATIONS, sample_edit
from experts.pocket.language import KINDS, Question, ask, caption
from experts.pocket.scenes import (
    Scene,
    Thing,
    draw_background,
    mask_of,
    render,
    sample_scene,
)
from experts.pocket.sprites import SpriteSheet

NUMBER = {word: index + 1 for index, word in enumerate(world.NUMBERS)}


def said(text: str) -> list[str]:
    return world.normalise(text).split()


def holds(scene: Scene, question: Question) -> bool:
    """The answer, found from the question's words alone."""
    words = said(question.text)
    nouns = [n.name for w in words if (n := world.find_noun(w)) is not None]
    text = " ".join(words)
    if "background" in words:
        return any(scene.background == b for b in world.BACKGROUNDS if f" {b}" in f" {text}")
    for relation in world.RELATIONS:
        if f" {relation} " in text:
            return scene.relates(nouns[0], relation, nouns[1]) is True
    things = scene.of(nouns[0])
    colours = [w for w in words if w in world.COLOURS]
    if colours:
        things = tuple(t for t in things if t.seen_colour == colours[0])
    numbers = [NUMBER[w] for w in words if w in NUMBER]
    return len(things) == numbers[0] if numbers else bool(things)


def test_the_same_seed_gives_the_same_scene_and_pixels(sheet: SpriteSheet) -> None:
    for seed in range(20):
        one, _ = sample_scene(sheet, np.random.default_rng(seed))
        two, _ = sample_scene(sheet, np.random.default_rng(seed))
        assert one == two
        assert np.array_equal(render(sheet, one), render(sheet, two))
    other, _ = sample_scene(sheet, np.random.default_rng(99))
    assert other != one


def test_scenes_keep_to_their_limits(sheet: SpriteSheet) -> None:
    rng = np.random.default_rng(0)
    for _ in range(150):
        scene, relations = sample_scene(sheet, rng)
        assert 1 <= len(scene.things) <= world.MAX_THINGS
        assert len(scene.nouns()) <= world.MAX_GROUPS
        picture = render(sheet, scene)
        assert picture.shape == (64, 64, 3)
        assert picture.dtype == np.uint8
        assert all(scene.relates(r.noun, r.relation, r.other) is True for r in relations)
        for group in scene.groups():
            assert (group.noun, group.colour) not in world.HELD_OUT_COLOURS


@pytest.mark.parametrize("name", world.BACKGROUNDS)
def test_backgrounds_fill_the_picture(name: str) -> None:
    picture = draw_background(name, 3)
    assert picture.shape == (64, 64, 3)
    assert 0 <= picture.min() <= picture.max() <= 1
    assert np.array_equal(picture, draw_background(name, 3))


def test_captions_say_only_what_is_so(sheet: SpriteSheet) -> None:
    rng = np.random.default_rng(1)
    for _ in range(150):
        scene, relations = sample_scene(sheet, rng)
        words = said(caption(scene, relations, rng))
        for index, word in enumerate(words):
            noun = world.find_noun(word)
            if noun is None:
                continue
            assert noun.name in scene.nouns()
            before = words[max(0, index - 2) : index]
            if before and world.find_noun(before[-1]) is not None:
                continue
            if numbers := [NUMBER[w] for w in before if w in NUMBER]:
                assert scene.count(noun.name) == numbers[-1]
            if before and before[-1] in world.COLOURS:
                assert scene.of(noun.name)[0].seen_colour == before[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_answers_agree_with_the_scene(sheet: SpriteSheet, kind: str) -> None:
    rng = np.random.default_rng(2)
    answers = []
    for _ in range(250):
        scene, _ = sample_scene(sheet, rng)
        question = ask(scene, rng, kind)
        assert holds(scene, question) == question.answer, (question, scene)
        if question.kind == kind:
            answers.append(question.answer)
    assert 0.38 < np.mean(answers) < 0.62


def test_questions_and_captions_never_name_a_held_out_pair(sheet: SpriteSheet) -> None:
    rng = np.random.default_rng(3)
    for _ in range(400):
        scene, relations = sample_scene(sheet, rng)
        for text in (caption(scene, relations, rng), ask(scene, rng).text):
            words = said(text)
            for first, second in itertools.pairwise(words):
                noun = world.find_noun(second)
                assert noun is None or (noun.name, first) not in world.HELD_OUT_COLOURS
            match = re.fullmatch(r"(?:is|are) (\w+) (left of|right of|above|below) (\w+)",
                                 " ".join(words))  # fmt: skip
            if match:
                first_noun, second_noun = world.find_noun(match[1]), world.find_noun(match[3])
                assert first_noun is not None
                assert second_noun is not None
                assert not world.relation_held_out(first_noun.name, match[2], second_noun.name)


def test_held_out_scenes_hold_only_what_training_never_does(sheet: SpriteSheet) -> None:
    rng = np.random.default_rng(4)
    for _ in range(60):
        scene, relations = sample_scene(sheet, rng, held_out=True)
        for group in scene.groups():
            assert group.colour is None or (group.noun, group.colour) in world.HELD_OUT_COLOURS
        assert all(world.relation_held_out(r.noun, r.relation, r.other) for r in relations)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_edits_leave_the_rest_untouched(sheet: SpriteSheet, operation: str) -> None:
    rng = np.random.default_rng(5)
    for _ in range(40):
        edit = sample_edit(sheet, rng, operation)
        named = {n.name for w in said(edit.instruction) if (n := world.find_noun(w)) is not None}
        before = [t for t in edit.before.things if t.noun not in named]
        after = [t for t in edit.after.things if t.noun not in named]
        assert before == after
        assert edit.before != edit.after
        assert world.unknown_words(edit.instruction) == ()
        if operation == "background":
            assert edit.before.things == edit.after.things
            assert edit.after.background in " ".join(said(edit.instruction))
        else:
            assert edit.before.background == edit.after.background
            assert edit.before.background_seed == edit.after.background_seed
        if operation in ("add", "add at relation"):
            assert edit.after.things[: len(edit.before.things)] == edit.before.things
        if operation == "count":
            (noun,) = named
            number = next(NUMBER[w] for w in said(edit.instruction) if w in NUMBER)
            assert edit.after.count(noun) == number


def test_far_pixels_are_equal_before_and_after(sheet: SpriteSheet) -> None:
    rng = np.random.default_rng(6)
    for _ in range(40):
        edit = sample_edit(sheet, rng, "add")
        new = edit.after.things[len(edit.before.things) :]
        same = (render(sheet, edit.before) == render(sheet, edit.after)).all(-1)
        rows, cols = np.mgrid[0:64, 0:64]
        far = np.ones((64, 64), bool)
        for thing in new:
            reach = thing.size / 2 + 1
            far &= (np.abs(rows - thing.y) > reach) | (np.abs(cols - thing.x) > reach)
        assert same[far].all()


def test_relations_are_plain_or_not_judged() -> None:
    def scene(*places: tuple[float, float]) -> Scene:
        nouns = ("cat", "dog")
        things = [Thing(n, None, x, y, 20, False) for n, (x, y) in zip(nouns, places, strict=True)]
        return Scene(tuple(things), "white", 0)

    apart = scene((12, 32), (50, 34))
    assert apart.relates("cat", "left of", "dog") is True
    assert apart.relates("dog", "right of", "cat") is True
    assert apart.relates("cat", "right of", "dog") is False
    assert apart.relates("cat", "above", "dog") is False
    assert apart.relates("cat", "left of", "tree") is None
    assert scene((28, 32), (33, 34)).relates("cat", "left of", "dog") is None


def test_masks_name_the_thing_on_top(sheet: SpriteSheet) -> None:
    under = Thing("car", None, 32, 32, 30, False)
    over = Thing("cat", None, 32, 32, 14, False)
    shown = mask_of(sheet, Scene((under, over), "white", 0))
    assert shown[32, 32] == 1
    assert shown[32, 20] == 0
    assert shown[2, 2] == -1


def test_degrading_keeps_shape_and_seed(sheet: SpriteSheet) -> None:
    scene, _ = sample_scene(sheet, np.random.default_rng(7))
    picture = render(sheet, scene)
    for seed in range(30):
        one = degrade(picture, np.random.default_rng(seed), picture[::-1])
        two = degrade(picture, np.random.default_rng(seed), picture[::-1])
        assert one.shape == picture.shape
        assert one.dtype == np.uint8
        assert np.array_equal(one, two)
        assert np.abs(one.astype(float) - picture).mean() < 40
