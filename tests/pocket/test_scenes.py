from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from experts.pocket import world
from experts.pocket.degrade import degrade, letter, ruin
from experts.pocket.drawing import draw_background, mask_of, render, stylise
from experts.pocket.edits import sample_edit
from experts.pocket.facts import OPERATIONS
from experts.pocket.language import caption
from experts.pocket.questions import KINDS, Question, ask
from experts.pocket.sampling import sample_drawn_scene, sample_scene
from experts.pocket.scenes import Scene, Thing
from experts.pocket.sprites import SpriteSheet

NUMBER = {word: index + 1 for index, word in enumerate(world.NUMBERS)}


def noun_of(word: str) -> world.Noun | None:
    """The noun of a normalised word, where "orange" is the colour."""
    return None if word == "orange" else world.find_noun(word)


def said(text: str) -> list[str]:
    return world.normalise(text).split()


def holds(scene: Scene, question: Question) -> bool:
    """The answer, found from the question's words alone."""
    words = said(question.text)
    nouns = [n.name for w in words if (n := noun_of(w)) is not None]
    text = " ".join(words)
    if styles := [style for style in world.STYLES if style in text]:
        return scene.style == styles[0]
    if words[-1] in world.SIZES:
        return all(thing.seen_size == words[-1] for thing in scene.of(nouns[0]))
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


def test_a_larger_scale_shows_the_same_picture(sheet: SpriteSheet) -> None:
    rng = np.random.default_rng(11)
    for _ in range(12):
        scene, _ = sample_scene(sheet, rng)
        small, large = render(sheet, scene), render(sheet, scene, 4)
        assert large.shape == (256, 256, 3)
        shrunk = large.reshape(64, 4, 64, 4, 3).mean((1, 3))
        assert np.abs(shrunk - small).mean() < 12


@pytest.mark.parametrize("style", world.STYLES)
def test_styles_change_the_picture_and_keep_its_layout(sheet: SpriteSheet, style: str) -> None:
    scene = Scene((Thing("cat", None, 32, 32, 30, False),), "blue", 3)
    plain = render(sheet, scene) / np.float32(255)
    treated = stylise(plain.astype(np.float32), style, 3)
    assert treated.shape == plain.shape
    assert 0 <= treated.min() <= treated.max() <= 1
    assert np.abs(treated - plain).mean() > 0.005
    assert np.corrcoef(treated.ravel(), plain.ravel())[0, 1] > 0.6
    with pytest.raises(ValueError, match="unknown style"):
        stylise(plain.astype(np.float32), "cubist", 3)


def test_what_drawing_models_are_taught(sheet: SpriteSheet) -> None:
    rng = np.random.default_rng(12)
    counts = [sample_drawn_scene(sheet, rng, "counts")[0] for _ in range(40)]
    assert all(any(g.count > 1 for g in s.groups()) for s in counts)
    assert {len(s.groups()) for s in counts} == {1, 2}
    layouts = [sample_drawn_scene(sheet, rng, "layouts") for _ in range(40)]
    assert all(relations for _, relations in layouts)
    assert {len(s.things) for s, _ in layouts} == {2, 3}
    simple = [sample_drawn_scene(sheet, rng, "simple")[0] for _ in range(20)]
    assert {len(s.things) for s in simple} == {1, 2}
    with pytest.raises(ValueError, match="unknown kind"):
        [sample_drawn_scene(sheet, rng, "mazes") for _ in range(20)]


def test_a_ruined_object_is_no_object(sheet: SpriteSheet) -> None:
    rng = np.random.default_rng(13)
    for _ in range(40):
        scene, _ = sample_scene(sheet, rng)
        picture, rest, doubtful = ruin(sheet, scene, rng)
        (gone,) = set(scene.nouns()) - set(rest.nouns())
        assert picture.shape == (64, 64, 3)
        assert not set(doubtful) & set(scene.nouns())
        assert scene.without(gone) == rest


def test_letters_leave_most_of_the_picture(sheet: SpriteSheet) -> None:
    picture = render(sheet, Scene((), "blue", 0))
    for seed in range(10):
        lettered = letter(picture, np.random.default_rng(seed))
        assert 0 < (lettered != picture).any(-1).mean() < 0.35


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
        told = caption(scene, relations, rng)
        words = said(told.text)
        assert told.style in (None, scene.style)
        assert told.background in (None, scene.background)
        for index, word in enumerate(words):
            noun = noun_of(word)
            if noun is None:
                continue
            assert noun.name in scene.nouns()
            before = words[max(0, index - 2) : index]
            if before and noun_of(before[-1]) is not None:
                continue
            if sizes := [w for w in before if w in world.SIZES]:
                assert scene.size_of(noun.name) == sizes[-1]
                assert told.nouns[noun.name].size == sizes[-1]
            if numbers := [NUMBER[w] for w in before if w in NUMBER]:
                assert scene.count(noun.name) == numbers[-1]
            if before and before[-1] in world.COLOURS:
                assert scene.of(noun.name)[0].seen_colour == before[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_answers_agree_with_the_scene(sheet: SpriteSheet, kind: str) -> None:
    rng = np.random.default_rng(3)
    answers = []
    for _ in range(500):
        scene, _ = sample_scene(sheet, rng)
        question = ask(scene, rng, kind)
        assert holds(scene, question) == question.answer, (question, scene)
        if question.kind == kind:
            answers.append(question.answer)
    # Most scenes have no style and no size that stands out.
    least = {"style": 0.12, "size": 0.3}.get(kind, 0.38)
    assert least < np.mean(answers) < 0.62


def test_questions_and_captions_never_name_a_held_out_pair(sheet: SpriteSheet) -> None:
    rng = np.random.default_rng(3)
    for _ in range(400):
        scene, relations = sample_scene(sheet, rng)
        for text in (caption(scene, relations, rng).text, ask(scene, rng).text):
            words = said(text)
            for first, second in itertools.pairwise(words):
                noun = noun_of(second)
                assert noun is None or (noun.name, first) not in world.HELD_OUT_COLOURS
            match = re.fullmatch(r"(?:is|are) (\w+) (left of|right of|above|below) (\w+)",
                                 " ".join(words))  # fmt: skip
            if match:
                first_noun, second_noun = noun_of(match[1]), noun_of(match[3])
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
        named = {n.name for w in said(edit.instruction) if (n := noun_of(w)) is not None}
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
        if operation == "style":
            assert edit.before.things == edit.after.things
            assert edit.after.style == edit.told.style
        else:
            assert edit.before.style == edit.after.style
        if operation == "resize":
            (noun,) = named
            assert edit.after.size_of(noun) == edit.told.nouns[noun].size
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
        if edit.before.style is not None:
            continue  # a treatment of the whole reaches a little further
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
