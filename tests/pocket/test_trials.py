"""The probe tasks of the pocket world, as trials."""

from __future__ import annotations

import numpy as np
import pytest

from experts.pocket.requirements import is_held_out
from experts.pocket.sprites import SpriteSheet
from experts.pocket.trials import HELD_OUT, SKILLS, ops_of, sample_trials
from poser.core.expert import ExpertSpec


@pytest.fixture(autouse=True)
def _sprites(sheet: SpriteSheet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SpriteSheet, "load", lambda: sheet)


def test_the_same_seed_gives_the_same_tasks_and_more_of_them_begin_alike() -> None:
    some = sample_trials(1, 3)
    more = sample_trials(2, 3)[::2]
    assert [t.skill for t in some] == list(SKILLS)
    for one, other in zip(some, more, strict=True):
        assert (one.text, one.seed, one.criteria, one.kept) == (
            other.text,
            other.seed,
            other.criteria,
            other.kept,
        )
        assert (one.image is None) == one.skill.startswith("draw: ")
        if one.image is not None and other.image is not None:
            assert np.array_equal(np.asarray(one.image), np.asarray(other.image))
    assert [t.text for t in sample_trials(1, 4)] != [t.text for t in some]


def test_each_task_has_a_seed_of_its_own_and_something_to_judge() -> None:
    trials = sample_trials(3, 0)
    assert len({t.seed for t in trials}) == len(trials)
    for trial in trials:
        ids = [k.id for k in (*trial.criteria, *trial.kept)]
        assert trial.criteria or trial.finished is not None
        assert len(set(ids)) == len(ids)


def test_held_out_tasks_are_others_than_those_of_training() -> None:
    held_out = sample_trials(1, 3, HELD_OUT, held_out=True)
    usual = sample_trials(1, 3, HELD_OUT)
    assert [t.skill for t in held_out] == [t.skill for t in usual] == list(HELD_OUT)
    for one, other in zip(held_out, usual, strict=True):
        assert one.seed != other.seed
        assert any(is_held_out(k) for k in one.criteria)
        assert not any(is_held_out(k) for k in other.criteria)


def test_one_who_draws_objects_draws_those_that_are_added() -> None:
    assert ops_of("draw: object") == ("create", "add")
    assert ops_of("edit: count") == ("count",)
    adder = ExpertSpec(id="a", adapter="x", task="image_to_image", capabilities={"add": 0.5})
    fitting = {t.skill for t in sample_trials(1, 0) if t.fits(adder)}
    assert fitting == {"edit: add", "edit: add at relation"}
