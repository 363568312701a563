"""To finish a picture: when it is legal, what it counts for, and how an episode ends with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envs.legality import legal_actions, serves
from envs.requests import build_request
from envs.rules import Rules, default_max_steps
from envs.state import State, answered, initial_state, rank, statuses
from envs.transition import apply, begin
from poser.core.action import ALL, Call, Revert
from poser.core.critique import Critique, Verdict
from poser.core.expert import Cost, ExpertFailure, ExpertResult, ExpertSpec, Limits
from poser.core.picture import ImageRef
from poser.core.plan import Command, Criterion, Op, Plan


def expert(name: str, task: str = "image_to_image", **able: float) -> ExpertSpec:
    return ExpertSpec.model_validate(
        {"id": name, "adapter": "x", "task": task, "capabilities": able}
    )


DRAW = expert("draw", "text_to_image", add=0.5)
EDIT = expert("edit", add=0.8)
TYPE = expert("type", text=1.0)
ENLARGE = expert("enlarge", finish=0.9).model_copy(update={"limits": Limits(max_side=64)})
EXPERTS = {s.id: s for s in (DRAW, EDIT, TYPE, ENLARGE)}
FINISH = Call(command="finish", expert="enlarge")
TEXT = Call(command="c3", expert="type")


def plan_of(*ops: Op) -> Plan:
    """Commands ``c1``, ``c2``, ... with a question each; a finish and a text have none."""
    commands = []
    for n, op in enumerate(ops, start=1):
        plain = op in ("finish", "text")
        commands.append(
            Command(
                id="finish" if op == "finish" else f"c{n}",
                op=op,
                instruction=f"do {n}",
                criteria=() if plain else (Criterion(id=f"k{n}", question="?"),),
            )
        )
    return Plan(prompt="p", commands=tuple(commands))


def picture(n: int, side: int = 64) -> ImageRef:
    return ImageRef(sha256=f"{n:064x}", width=side, height=side)


def critique(plan: Plan, *scores: float) -> Critique:
    verdicts = tuple(
        Verdict(criterion=k.id, score=s) for k, s in zip(plan.judged, scores, strict=True)
    )
    return Critique(score=0.5, verdicts=verdicts)


def at(plan: Plan, *scores: float, side: int = 64) -> State:
    return begin(
        plan,
        Rules(threshold=0.5),
        EXPERTS,
        image=picture(0, side),
        critique=critique(plan, *scores),
    )


def step(state: State, call: Call, n: int, *scores: float, side: int = 64) -> State:
    outcome = ExpertResult(image=picture(n, side))
    return apply(state, call, outcome, critique(state.plan, *scores), EXPERTS)[0]


def test_a_picture_that_answers_the_prompt_is_finished_once_and_then_the_episode_ends() -> None:
    plan = plan_of("add", "finish")
    state = at(plan, 0.9)
    assert (state.end, answered(state)) == (None, True)
    after = step(state, FINISH, 1, 0.9, side=256)
    assert (after.end, statuses(after)["finish"]) == ("satisfied", "unjudged")
    assert after.champion is not None
    assert after.champion.image == picture(1, 256)


def test_it_changes_no_potential() -> None:
    with_it, without = at(plan_of("add", "finish"), 0.7), at(plan_of("add"), 0.7)
    assert with_it.phi == without.phi
    assert step(with_it, FINISH, 1, 0.7).phi == without.phi


def test_a_finished_picture_outranks_the_same_unfinished_however_the_critic_rounds() -> None:
    state = at(plan_of("add", "finish"), 0.95)
    after = step(state, FINISH, 1, 0.55)
    assert after.champion is after.current
    assert after.end == "satisfied"


def test_a_finish_that_breaks_what_holds_is_not_kept() -> None:
    state = at(plan_of("add", "finish"), 0.9)
    after = step(state, FINISH, 1, 0.1)
    assert after.champion is not None
    assert (after.champion.image, after.attempts) == (picture(0), {"finish": 1})
    assert Revert() in legal_actions(after, EXPERTS)


def test_what_answers_the_prompt_outranks_a_higher_potential_before_it_is_finished() -> None:
    plan = plan_of("add", "add", "finish")
    state = at(plan, 0.99, 0.45)
    after = step(state, Call(command="c2", expert="edit"), 1, 0.6, 0.6)
    assert after.current is not None
    assert after.champion is after.current
    assert rank(after, after.current)[:2] == (True, False)


def test_a_later_edit_takes_the_finish_away() -> None:
    state = at(plan_of("add", "add", "finish"), 0.9, 0.1)
    state = step(state, FINISH, 1, 0.9, 0.1, side=256)
    assert FINISH not in legal_actions(state, EXPERTS)
    state = step(state, Call(command="c2", expert="edit"), 2, 0.9, 0.9)
    assert (statuses(state)["finish"], state.end) == ("pending", None)
    assert FINISH in legal_actions(state, EXPERTS)


def test_text_goes_on_the_finished_picture_and_never_under_it() -> None:
    plan = plan_of("add", "finish", "text")
    finished = step(at(plan, 0.9), FINISH, 1, 0.9, side=256)
    assert finished.end is None
    lettered = step(finished, TEXT, 2, 0.9, side=256)
    assert (lettered.end, lettered.current is lettered.champion) == ("settled", True)
    text_first = step(at(plan, 0.9), TEXT, 1, 0.9)
    assert FINISH not in legal_actions(text_first, EXPERTS)
    assert text_first.end == "settled"


@pytest.mark.parametrize(
    "change", [{"down": ("enlarge",)}, {"mask": "0" * 64}, {"attempts": {"finish": 3}}]
)
def test_without_a_finisher_nothing_waits_for_it(change: dict[str, object]) -> None:
    plan = plan_of("add", "finish", "text")
    state = replace(at(plan, 0.9), **change)  # type: ignore[arg-type]
    assert FINISH not in legal_actions(state, EXPERTS)
    assert TEXT in legal_actions(state, EXPERTS)
    assert step(state, TEXT, 1, 0.9).end == "settled"


def test_without_a_finisher_that_can_be_paid_the_episode_ends_as_if_there_were_none() -> None:
    dear = {**EXPERTS, "enlarge": ENLARGE.model_copy(update={"cost": Cost(usd=1.0)})}
    plan = plan_of("add", "finish")
    good = critique(plan, 0.9)
    poor = begin(plan, Rules(budget=0.5), dear, image=picture(0), critique=good)
    rich = begin(plan, Rules(budget=1.5), dear, image=picture(0), critique=good)
    assert (poor.end, rich.end) == ("satisfied", None)


def test_a_finisher_that_goes_down_leaves_the_picture_as_it_was() -> None:
    state = at(plan_of("add", "finish"), 0.9)
    down = ExpertFailure(retryable=False)
    after, reward = apply(state, FINISH, down, None, EXPERTS)
    assert (after.end, after.champion, reward.terms["phi"]) == ("satisfied", state.champion, 0.0)


def test_a_picture_larger_than_the_finisher_takes_is_left_as_it_is() -> None:
    assert at(plan_of("add", "finish"), 0.9, side=65).end == "satisfied"


def test_it_must_be_said_of_an_expert_that_edits_pictures() -> None:
    finish = Command(id="finish", op="finish", instruction="bring the picture to full size")
    closed = ENLARGE.model_copy(update={"vocabulary": frozenset({"cat"})})
    assert serves(ENLARGE, finish)
    assert serves(closed, finish)
    assert not serves(expert("any"), finish)
    assert not serves(expert("draw", "text_to_image", finish=1.0), finish)
    fill = expert("fill", "inpainting", finish=1.0)
    assert not serves(fill, finish)


def test_an_editor_of_everything_may_still_be_given_the_whole_prompt() -> None:
    state = at(plan_of("add", "finish"), 0.1)
    call = Call(command=ALL, expert="edit")
    assert call in legal_actions(state, EXPERTS)


def test_a_finisher_is_told_what_it_sees() -> None:
    state = at(plan_of("add", "finish"), 0.9)
    request = build_request(state, FINISH, ENLARGE, 0)
    assert (request.prompt, request.image) == ("p", picture(0).sha256)


def test_a_finish_that_the_prompt_asks_for_counts_like_any_other() -> None:
    asked = Command(id="c2", op="finish", instruction="finish it", source="finish it")
    plan = Plan(prompt="finish it", commands=(*plan_of("add").commands, asked))
    assert plan.finish is None
    assert len(plan.asked) == 2
    state = at(plan, 0.9)
    assert not answered(state)
    assert step(state, Call(command="c2", expert="enlarge"), 1, 0.9).end == "settled"


def test_it_has_steps_of_its_own() -> None:
    assert default_max_steps(plan_of("add")) == 6
    assert default_max_steps(plan_of("add", "finish")) == 8
    assert default_max_steps(plan_of("add", "add", "add", "finish")) == 11
    assert initial_state(plan_of("add", "finish"), Rules()).rules.max_steps == 6
