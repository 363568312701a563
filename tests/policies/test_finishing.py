"""The last rule: to finish, then text, in time, and nothing after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from envs.legality import legal_actions
from envs.rules import Rules
from envs.state import State, initial_state
from envs.transition import apply
from policies.base import Policy
from policies.export import export_policy
from policies.learned import LearnedPolicy
from policies.router import CapabilityRouter
from policies.scorer import Scorer
from policies.shape import ScorerShape
from poser.core.action import ALL, Action, Call, Revert
from poser.core.critique import Critique, Verdict
from poser.core.expert import ExpertFailure, ExpertResult, ExpertSpec, Limits
from poser.core.picture import ImageRef
from poser.core.plan import Command, Criterion, Plan

ROUTER = CapabilityRouter()

Scores = Callable[[Call], float]
"""How the critic finds the only criterion after a call."""


def expert(name: str, task: str = "image_to_image", **able: float) -> ExpertSpec:
    return ExpertSpec.model_validate(
        {"id": name, "adapter": "x", "task": task, "capabilities": able}
    )


ENLARGE = expert("enlarge", finish=0.9).model_copy(update={"limits": Limits(max_side=64)})
EXPERTS = {
    s.id: s for s in (expert("draw", "text_to_image", add=0.5), expert("edit", add=0.8), ENLARGE)
} | {"type": expert("type", text=1.0)}
FINISH = Call(command="finish", expert="enlarge")
EDIT = Call(command="c1", expert="edit")


def text(n: int) -> Call:
    return Call(command=f"t{n}", expert="type")


def plan_of(texts: int = 0) -> Plan:
    add = Command(id="c1", op="add", instruction="add", criteria=(Criterion(id="k", question="?"),))
    finish = Command(id="finish", op="finish", instruction="finish")
    letters = [
        Command(
            id=f"t{n}",
            op="text",
            instruction="write",
            text="HI",
            depends_on=(f"t{n - 1}",) if n > 1 else (),
        )
        for n in range(1, texts + 1)
    ]
    return Plan(prompt="p", commands=(add, finish, *letters))


def judged(score: float) -> Critique:
    return Critique(score=score, verdicts=(Verdict(criterion="k", score=score),))


def given(steps: int, texts: int = 0, score: float = 0.1) -> State:
    image = ImageRef(sha256="0" * 64, width=64, height=64)
    return initial_state(
        plan_of(texts), Rules(max_steps=steps), image=image, critique=judged(score)
    )


def played(
    state: State, scores: Scores, *, down: bool = False, policy: Policy = ROUTER
) -> tuple[list[Action], State]:
    """What a policy does to the end; ``down``: the finisher cannot be reached."""
    actions: list[Action] = []
    while state.end is None:
        action = policy.choose(state, legal_actions(state, EXPERTS), EXPERTS).action
        actions.append(action)
        outcome: ExpertResult | ExpertFailure | None = None
        critique = None
        if isinstance(action, Call) and down and action.expert == "enlarge":
            outcome = ExpertFailure()
        elif isinstance(action, Call):
            side = 256 if action.expert in ("enlarge", "type") else 64
            image = ImageRef(sha256=f"{state.step + 1:064x}", width=side, height=side)
            outcome, critique = ExpertResult(image=image), judged(scores(action))
        state, _ = apply(state, action, outcome, critique, EXPERTS)
    return actions, state


def test_first_the_edits_then_the_finish_then_the_texts() -> None:
    actions, state = played(given(20, texts=2), lambda c: 0.9)
    assert actions == [EDIT, FINISH, text(1), text(2)]
    assert state.end == "settled"
    assert state.champion is not None
    assert state.champion.carried_out == ("finish", "t1", "t2")


def test_a_picture_is_drawn_and_finished() -> None:
    state = initial_state(plan_of(), Rules())
    actions, state = played(state, lambda c: 0.9)
    assert actions == [Call(command=ALL, expert="draw"), FINISH]
    assert state.end == "satisfied"


def test_it_comes_when_nothing_more_can_be_mended() -> None:
    actions, state = played(given(20), lambda c: 0.1)
    assert actions[:4] == [EDIT, EDIT, EDIT, FINISH]
    assert actions.count(FINISH) == 1
    assert state.champion is not None
    assert state.champion.carried_out == ("finish",)


@pytest.mark.parametrize("steps", range(2, 9))
@pytest.mark.parametrize("texts", [0, 1, 2])
def test_it_comes_in_time_and_texts_come_first_where_steps_are_few(steps: int, texts: int) -> None:
    actions, state = played(given(steps, texts), lambda c: 0.1)
    assert state.champion is not None
    letters = [c for c in state.champion.carried_out if c != "finish"]
    assert len(letters) == min(texts, steps)
    assert (FINISH in actions) == (steps >= (texts + 3 if texts else 2))


def test_the_first_step_belongs_to_what_the_prompt_asks_for() -> None:
    assert played(given(1), lambda c: 0.9)[0] == [EDIT]
    assert played(given(2), lambda c: 0.9)[0] == [EDIT, FINISH]


def test_a_finish_that_the_critic_takes_back_is_tried_a_few_times_and_keeps_no_text() -> None:
    spoilt: Scores = lambda c: 0.1 if c == FINISH else 0.9  # noqa: E731
    actions, state = played(given(20, texts=1, score=0.9), spoilt)
    assert actions == 3 * [FINISH, Revert()] + [text(1)]
    assert state.end == "settled"
    for steps in range(1, 9):
        _, state = played(given(steps, texts=1, score=0.9), spoilt)
        assert state.champion is not None
        assert state.champion.carried_out == ("t1",)


def test_a_finisher_that_is_down_keeps_no_text() -> None:
    actions, state = played(given(20, texts=1), lambda c: 0.9, down=True)
    assert actions == [EDIT, FINISH, FINISH, text(1)]
    assert state.end == "settled"
    for steps in range(3, 9):
        _, state = played(given(steps, texts=1), lambda c: 0.9, down=True)
        assert state.champion is not None
        assert state.champion.carried_out == ("t1",)


def test_nothing_is_changed_on_a_finished_picture() -> None:
    """Even where the critic finds a fault in it that an editor could mend."""
    worse: Scores = lambda c: 0.48 if c == FINISH else 0.49  # noqa: E731
    actions, state = played(given(12, score=0.49), worse)
    assert FINISH in actions
    after = actions[actions.index(FINISH) + 1 :]
    assert EDIT not in after
    assert state.champion is not None
    assert state.champion.image.width == 256


def untrained(folder: Path, seed: int) -> LearnedPolicy:
    """A policy that prefers whatever its random weights say."""
    torch.manual_seed(seed)
    shape = ScorerShape()
    scorer = Scorer(shape)
    for weight in scorer.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    export_policy(scorer.state_dict(), shape, folder, worlds={}, training={}, version="0")
    return LearnedPolicy.load(folder)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("texts", [0, 2])
def test_a_learned_policy_leaves_nothing_out_that_comes_last(
    tmp_path: Path, seed: int, texts: int
) -> None:
    """Whatever its network prefers: no reward tells it to."""
    actions, state = played(given(9, texts), lambda c: 0.3, policy=untrained(tmp_path, seed))
    assert state.champion is not None
    assert state.champion.carried_out == ("finish", *(f"t{n + 1}" for n in range(texts)))
    first = next(n for n, a in enumerate(actions) if a in (FINISH, text(1)))
    assert not any(a == EDIT for a in actions[first:])


def test_a_learned_policy_goes_on_where_the_finisher_cannot_be_had(tmp_path: Path) -> None:
    for seed in range(6):
        actions, state = played(
            given(9), lambda c: 0.3, down=True, policy=untrained(tmp_path, seed)
        )
        assert state.end is not None
        assert actions.count(FINISH) <= 2
