from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from PIL import Image

from experts.pocket import world
from experts.pocket.edits import sample_edit
from experts.pocket.facts import OPERATIONS
from experts.pocket.requirements import holds, is_held_out
from experts.pocket.sampling import sample_scene
from experts.pocket.sprites import SpriteSheet
from experts.pocket.tasks import (
    FULL_SIZE,
    HELD_OUT_SKILLS,
    OPS,
    edit_task,
    finish_task,
    sample_task,
    skills,
)
from poser.core.plan import Op

EDITS = [skill for skill in OPS if skill.startswith("edit: ")]
NEEDS_PICTURE = [*EDITS, "finish"]


def test_every_operation_and_only_real_commands_have_skills() -> None:
    assert {f"edit: {operation}" for operation in OPERATIONS} == set(EDITS)
    assert set(OPS.values()) <= set(get_args(Op))
    assert set(OPS) >= HELD_OUT_SKILLS
    assert skills("relation") == ["draw: relation", "edit: move"]


@pytest.mark.parametrize("skill", OPS)
def test_a_task_of_every_skill(sheet: SpriteSheet, skill: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(6):
        task = sample_task(sheet, rng, skill)
        assert task.skill == skill
        assert task.text
        assert bool(task.criteria) == (skill != "finish")
        everything = [*task.criteria, *task.kept]
        ids = [criterion.id for criterion in everything]
        assert len(set(ids)) == len(ids)
        assert all(parent in ids for criterion in everything for parent in criterion.depends_on)
        assert not any(is_held_out(criterion) for criterion in task.criteria)
        if skill in NEEDS_PICTURE:
            assert task.image is not None
            assert task.image.shape == (world.NATIVE_SIZE, world.NATIVE_SIZE, 3)
            assert task.image.dtype == np.uint8
        else:
            assert task.image is None
            assert not task.kept


@pytest.mark.parametrize("operation", OPERATIONS)
def test_edits_fulfil_their_tasks(sheet: SpriteSheet, operation: str) -> None:
    rng = np.random.default_rng(2)
    for _ in range(15):
        edit = sample_edit(sheet, rng, operation)
        task = edit_task(sheet, edit)
        assert all(holds(edit.after, criterion) is True for criterion in task.criteria)
        for criterion in task.kept:
            assert holds(edit.before, criterion) is True
            assert holds(edit.after, criterion) is True


@pytest.mark.parametrize("skill", sorted(HELD_OUT_SKILLS))
def test_held_out_tasks(sheet: SpriteSheet, skill: str) -> None:
    rng = np.random.default_rng(3)
    for _ in range(3):
        task = sample_task(sheet, rng, skill, held_out=True)
        assert any(is_held_out(criterion) for criterion in task.criteria)


def test_captions_say_what_is_asked(sheet: SpriteSheet) -> None:
    rng = np.random.default_rng(4)
    for skill in OPS.keys() - set(NEEDS_PICTURE):
        task = sample_task(sheet, rng, skill)
        said = world.normalise(task.text).split()
        for criterion in task.criteria:
            for word in criterion.about:
                number = world.NUMBERS[int(word) - 1] if word.isdigit() else word
                kind = world.NOUNS.get(number)
                options = {kind.token, kind.plural_token} if kind else set()
                tokens = world.normalise(number).split()
                assert options & set(said) or set(tokens) <= set(said), (task.text, word)


def test_a_picture_to_be_finished_comes_with_itself_at_full_size(sheet: SpriteSheet) -> None:
    rng = np.random.default_rng(6)
    for _ in range(6):
        scene, _ = sample_scene(sheet, rng)
        task = finish_task(sheet, scene, rng)
        assert task.image is not None
        assert task.finished is not None
        side = FULL_SIZE * world.NATIVE_SIZE
        assert task.finished.shape == (side, side, 3)
        assert task.finished.dtype == np.uint8
        assert task.kept
        assert all(holds(scene, criterion) is True for criterion in task.kept)
        shrunk = np.asarray(Image.fromarray(task.finished).resize((64, 64), Image.Resampling.BOX))
        off = np.abs(shrunk.astype(float) - task.image).mean()
        assert 0 < off < 16


def test_arguments_out_of_range(sheet: SpriteSheet) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="unknown skill"):
        sample_task(sheet, rng, "edit: polish")
    with pytest.raises(ValueError, match="nothing is held out"):
        sample_task(sheet, rng, "edit: remove", held_out=True)
