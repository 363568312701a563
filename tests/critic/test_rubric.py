from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from critic.rubric import applicable, check_complete, critique_of, mending
from poser.core.critique import Critique, Verdict
from poser.core.errors import MalformedCritiqueError
from poser.core.plan import Command, Criterion, Plan
from tests import strategies as ours

APPLES = Command(
    id="c1",
    op="add",
    instruction="add two red apples",
    criteria=(
        Criterion(id="k1", question="Are there apples?", kind="entity", about=("apple",)),
        Criterion(
            id="k2",
            question="Are there two apples?",
            kind="count",
            about=("apple", "2"),
            depends_on=("k1",),
        ),
        Criterion(
            id="k3",
            question="Are the apples red?",
            kind="attribute",
            about=("apples", "red"),
            depends_on=("k1",),
        ),
    ),
)
BANANAS = Command(
    id="c2",
    op="remove",
    instruction="remove the bananas",
    criteria=(
        Criterion(
            id="k4",
            question="Is there a banana?",
            kind="absence",
            about=("banana",),
            expected=False,
        ),
    ),
)
PLAN = Plan(prompt="p", commands=(APPLES, BANANAS))


def test_below_a_failed_criterion_nothing_applies_and_nothing_counts() -> None:
    critique = critique_of(PLAN, {"k1": 0.2, "k2": 0.9, "k3": 0.9, "k4": 1.0})
    assert [v.applicable for v in critique.verdicts] == [True, False, False, True]
    assert critique.score == pytest.approx((0.2 + 1.0) / 4)
    assert [d.criterion for d in critique.defects] == ["k1"]


def test_defects_are_what_an_editor_is_told_worst_first() -> None:
    critique = critique_of(PLAN, {"k1": 0.9, "k2": 0.3, "k3": 0.1, "k4": 0.2})
    assert [d.instruction for d in critique.defects] == [
        "make the apples red",
        "remove the banana",
        "there should be two apples",
    ]
    assert "Are the apples red? No." in critique.critique
    assert "Is there a banana? Yes." in critique.critique


def test_a_missing_score_is_no_critique() -> None:
    with pytest.raises(MalformedCritiqueError, match="k4"):
        critique_of(PLAN, {"k1": 0.9, "k2": 0.3, "k3": 0.1})


@pytest.mark.parametrize(
    ("criteria", "said"),
    [(["k1"], "misses"), (["k1", "k2", "k3", "k4", "k9"], "nobody asked")],
)
def test_incomplete_critiques_are_refused(criteria: list[str], said: str) -> None:
    verdicts = tuple(Verdict(criterion=k, score=1.0) for k in criteria)
    with pytest.raises(MalformedCritiqueError, match=said):
        check_complete(PLAN, Critique(score=1.0, verdicts=verdicts))


def test_a_criterion_judged_twice_is_refused() -> None:
    verdicts = tuple(Verdict(criterion=k, score=1.0) for k in ("k1", "k2", "k3", "k4", "k4"))
    with pytest.raises(MalformedCritiqueError, match="twice"):
        check_complete(PLAN, Critique(score=1.0, verdicts=verdicts))


@settings(deadline=None)
@given(data=st.data())
def test_a_critique_is_complete_and_its_score_lies_in_the_unit_interval(
    data: st.DataObject,
) -> None:
    plan = data.draw(ours.plans())
    scores = {k.id: data.draw(ours.unit) for k in plan.judged}
    critique = critique_of(plan, scores)
    check_complete(plan, critique)
    assert 0.0 <= critique.score <= 1.0
    can = applicable(plan.judged, scores)
    for criterion in plan.judged:
        parents = [p for p in criterion.depends_on if p in scores]
        if can[criterion.id]:
            assert all(can[p] and scores[p] >= 0.5 for p in parents)


def test_what_is_not_to_be_so_is_not_mended_by_making_it_so() -> None:
    plain = Criterion(
        id="k1", kind="attribute", question="Is the car red?", about=("car", "red"), expected=True
    )
    command = Command(id="c1", op="attribute", instruction="take the red away", criteria=(plain,))
    assert mending(command, plain) == "make the car red"
    assert mending(command, plain.model_copy(update={"expected": False})) == "take the red away"
