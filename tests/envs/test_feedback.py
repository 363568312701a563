"""Feedback: what a retry is told, what scores and gains are paid, and both in the simulator."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from critic.rubric import critique_of
from envs.layout import Layout
from envs.requests import build_request
from envs.rules import Rules
from envs.simulation import Ranges, draw_worlds
from envs.simulation.sampling import sample_calls
from envs.simulation.stepping import Simulation
from envs.state import State, initial_state
from envs.transition import apply
from poser.core.action import ALL, Call, Revert
from poser.core.critique import Critique
from poser.core.expert import ExpertResult, ExpertSpec, Limits
from poser.core.picture import ImageRef
from poser.core.plan import Command, Criterion, Plan

BIRDS = Command(
    id="c1",
    op="add",
    instruction="add two blue birds",
    caption="two blue birds",
    criteria=(
        Criterion(id="k1", question="Is there a bird?", kind="entity", about=("bird",)),
        Criterion(
            id="k2",
            question="Are there two birds?",
            kind="count",
            about=("bird", "2"),
            depends_on=("k1",),
        ),
        Criterion(
            id="k3",
            question="Are the birds blue?",
            kind="attribute",
            about=("birds", "blue"),
            depends_on=("k1",),
        ),
    ),
)
CAT = Command(
    id="c2",
    op="remove",
    instruction="take the cat away",
    criteria=(
        Criterion(
            id="k4", question="Is there a cat?", kind="absence", about=("cat",), expected=False
        ),
    ),
)
PLAN = Plan(prompt="two blue birds and no cat", commands=(BIRDS, CAT))
EDITOR = ExpertSpec(id="editor", adapter="x", task="image_to_image")
DRAWER = ExpertSpec(id="drawer", adapter="x", task="text_to_image")
EXPERTS = {s.id: s for s in (EDITOR, DRAWER)}
ADD = Call(command="c1", expert="editor")


def judged(*scores: float) -> Critique:
    return critique_of(PLAN, dict(zip(("k1", "k2", "k3", "k4"), scores, strict=True)))


def image(n: int) -> ImageRef:
    return ImageRef(sha256=f"{n:064x}", width=64, height=64)


def state_of(feedback: str, *scores: float, attempts: int = 1) -> State:
    rules = Rules.model_validate({"feedback": feedback})
    state = initial_state(PLAN, rules, image=image(0), critique=judged(*scores))
    return replace(state, attempts={"c1": attempts, ALL: attempts})


def told(state: State, command: str, spec: ExpertSpec) -> str:
    return build_request(state, Call(command=command, expert=spec.id), spec, seed=1).prompt


@pytest.mark.parametrize("feedback", ["text", "both"])
def test_an_editor_is_told_what_mends_the_command_worst_first(feedback: str) -> None:
    state = state_of(feedback, 0.9, 0.3, 0.1, 0.0)
    assert told(state, "c1", EDITOR) == "make the birds blue, there should be two birds"
    # Below a failed criterion nothing can be said: the bird itself is missing.
    assert told(state_of(feedback, 0.2, 0.1, 0.1, 0.9), "c1", EDITOR) == "add two blue birds"


@pytest.mark.parametrize("feedback", ["none", "reward"])
def test_without_text_feedback_and_at_the_first_attempt_nothing_changes(feedback: str) -> None:
    scores = (0.2, 0.3, 0.1, 0.0)
    assert told(state_of(feedback, *scores), "c1", EDITOR) == "add two blue birds"
    assert told(state_of("text", *scores, attempts=0), "c1", EDITOR) == "add two blue birds"
    assert told(state_of("none", *scores), ALL, DRAWER) == PLAN.prompt


@pytest.mark.parametrize("feedback", ["none", "reward", "text"])
@pytest.mark.parametrize("attempts", [0, 1])
@pytest.mark.parametrize("sure", [0.9, 0.6])  # satisfied, or more likely there than not
def test_an_editor_is_not_told_to_add_what_is_there(
    feedback: str, attempts: int, sure: float
) -> None:
    one_bird = state_of(feedback, sure, 0.3, 0.9, 0.0, attempts=attempts)
    assert told(one_bird, "c1", EDITOR) == "there should be two birds"
    assert told(one_bird, "c2", EDITOR) == "take the cat away"


def test_a_redraw_gets_the_defects_after_the_prompt_and_nothing_that_is_to_be_absent() -> None:
    state = state_of("text", 0.2, 0.9, 0.9, 0.1)
    assert told(state, ALL, DRAWER) == "two blue birds and no cat, two blue birds"
    assert told(state, ALL, EDITOR) == (
        "two blue birds and no cat, remove the cat, add two blue birds"
    )


def test_what_an_expert_cannot_read_or_has_no_room_for_is_left_out() -> None:
    state = state_of("text", 0.9, 0.3, 0.1, 0.9)
    words = frozenset("add two blue birds make the".split())
    closed = EDITOR.model_copy(update={"vocabulary": words})
    assert told(state, "c1", closed) == "make the birds blue"
    assert told(state, "c1", closed.model_copy(update={"vocabulary": words - {"make"}})) == (
        "add two blue birds"
    )
    short = EDITOR.model_copy(update={"limits": Limits(prompt_words=5)})
    assert told(state, "c1", short) == "make the birds blue"


def test_the_words_of_the_critic_come_before_the_rubrics_and_a_repeat_is_the_same_request() -> None:
    state = state_of("text", 0.9, 0.9, 0.1, 0.9)
    assert state.current is not None
    own = state.current.critique.defects[0].model_copy(update={"instruction": "paint  them blue"})
    critique = state.current.critique.model_copy(update={"defects": (own,)})
    state = replace(state, current=replace(state.current, critique=critique))
    request = build_request(state, ADD, EDITOR, seed=1)
    assert request.prompt == "paint them blue"
    later = replace(state, step=state.step + 1, critic_failures=1)
    assert build_request(later, ADD, EDITOR, seed=1) == request


def step(state: State, scores: tuple[float, ...], action: Call | Revert = ADD) -> dict[str, float]:
    result = None if isinstance(action, Revert) else ExpertResult(image=image(7))
    critique = None if isinstance(action, Revert) else judged(*scores)
    return dict(apply(state, action, result, critique, EXPERTS)[1].terms)


def test_scores_are_paid_below_the_threshold_and_below_a_failed_ancestor() -> None:
    rules = Rules(feedback="reward", feedback_weight=0.4)
    start = initial_state(PLAN, rules, image=image(0), critique=judged(0.1, 0.1, 0.1, 0.1))
    terms = step(start, (0.1, 0.3, 0.3, 0.1))
    assert terms["phi"] == pytest.approx(0.0)
    assert terms["feedback"] == pytest.approx(0.4 * 0.1)


def test_a_call_without_gain_is_worth_no_more_than_not_calling() -> None:
    rules = Rules(benefit_weight=2.0)
    start = initial_state(PLAN, rules, image=image(0), critique=judged(0.9, 0.1, 0.1, 0.1))
    worse, better = step(start, (0.2, 0.1, 0.1, 0.1)), step(start, (0.9, 0.9, 0.1, 0.1))
    assert worse["benefit"] == 0.0
    assert better["benefit"] == pytest.approx(2.0 * 0.2)
    spoiled, _ = apply(start, ADD, ExpertResult(image=image(7)), judged(0.2, 0, 0, 0), EXPERTS)
    back = step(spoiled, (), Revert())
    assert "benefit" not in back
    assert back["phi"] > 0  # what going back regains is no benefit of a call


def test_text_feedback_makes_retries_succeed_more_by_the_share_that_is_drawn() -> None:
    layout, count = Layout(5, 4, 0, 0), 20_000
    ranges = Ranges(commands=(4, 4), experts=(4, 4), feedback_gain=(0.5, 0.5))
    worlds = draw_worlds(np.random.default_rng(3), 1, layout, ranges).rows(np.zeros(count, int))
    row, expert = (int(n[0]) for n in np.nonzero(worlds.serves[0] & (worlds.task[0] == 1)))
    rate = float(worlds.rate[0, expert, worlds.op[0, row]])
    worlds.luck[:] = 0.0
    sampled = sample_calls(
        worlds,
        worlds.serves,
        np.zeros_like(worlds.judged),
        np.zeros_like(worlds.commands),
        np.full(count, row),
        np.full(count, expert),
        np.random.default_rng(4),
        np.arange(count) < count // 2,
    )
    again, first = np.split(sampled.holds[:, row, 0], 2)
    assert first.mean() == pytest.approx(rate, abs=0.02)
    assert again.mean() == pytest.approx(rate + (1 - rate) / 2, abs=0.02)


def test_gains_of_feedback_leave_what_else_a_seed_draws_as_it_was() -> None:
    layout = Layout(13, 10, 0, 0)
    plain, told = (
        draw_worlds(np.random.default_rng(5), 20, layout, Ranges(feedback_gain=gain))
        for gain in ((0.0, 0.0), (0.1, 0.4))
    )
    for f in fields(plain):
        if f.name != "feedback_gain":
            np.testing.assert_array_equal(getattr(plain, f.name), getattr(told, f.name), f.name)
    assert not plain.feedback_gain.any()
    assert (told.feedback_gain >= 0.1).all()


def test_the_simulator_refuses_rules_that_it_does_not_play() -> None:
    layout = Layout(13, 10, 0, 0)
    worlds = draw_worlds(np.random.default_rng(5), 2, layout)
    with pytest.raises(ValueError, match="quality"):
        Simulation(layout, worlds, Rules(quality_weight=0.2))
