"""The router's stated rules, one test each."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envs.legality import legal_actions
from envs.rules import Rules
from envs.state import State, initial_state
from envs.transition import apply
from policies.base import Policy
from policies.catalogue import UNTRAINED, make_policy
from policies.random import RandomPolicy
from policies.router import CapabilityRouter
from poser.core.action import ALL, Call, Revert, Stop
from poser.core.critique import Critique, Verdict
from poser.core.errors import UnknownPolicyError
from poser.core.expert import Cost, ExpertResult, ExpertSpec
from poser.core.picture import ImageRef
from poser.core.plan import Command, Criterion, Plan
from tests import strategies as ours


def expert(name: str, task: str = "image_to_image", usd: float = 0.0, **able: float) -> ExpertSpec:
    return ExpertSpec.model_validate(
        {"id": name, "adapter": "x", "task": task, "capabilities": able, "cost": Cost(usd=usd)}
    )


def registry_of(*specs: ExpertSpec) -> dict[str, ExpertSpec]:
    return {s.id: s for s in specs}


PLAN = Plan(
    prompt="p",
    commands=tuple(
        Command(
            id=f"c{n}",
            op=op,
            instruction=f"do {n}",
            criteria=(Criterion(id=f"k{n}", question="?"),),
        )
        for n, op in enumerate(("add", "add", "recolour", "background"), start=1)
    ),
)
ROUTER = CapabilityRouter()
DRAW = expert("draw", "text_to_image", add=0.5, background=0.9)
STRONG = expert("strong", add=0.9, recolour=0.4)
WEAK = expert("weak", add=0.3, recolour=0.6)
EXPERTS = registry_of(DRAW, STRONG, WEAK)
FIRST = Call(command=ALL, expert="draw")


def image(n: int) -> ImageRef:
    return ImageRef(sha256=f"{n:064x}", width=8, height=8)


def critique(*scores: float) -> Critique:
    verdicts = tuple(
        Verdict(criterion=k.id, score=s) for k, s in zip(PLAN.judged, scores, strict=True)
    )
    return Critique(score=0.5, verdicts=verdicts)


def at(*scores: float) -> State:
    return initial_state(PLAN, Rules(max_steps=50), image=image(0), critique=critique(*scores))


def choose(state: State, registry: dict[str, ExpertSpec] = EXPERTS) -> object:
    return ROUTER.choose(state, legal_actions(state, registry), registry).action


def step(state: State, action: Call, *scores: float) -> State:
    after, _ = apply(
        state, action, ExpertResult(image=image(state.step + 1)), critique(*scores), EXPERTS
    )
    return after


def test_without_a_picture_the_whole_plan_goes_to_the_painter_that_serves_most() -> None:
    registry = registry_of(expert("narrow", "text_to_image", text=1.0), DRAW)
    assert choose(initial_state(PLAN, Rules()), registry) == Call(command=ALL, expert="draw")


CAPPED, WEIGHED = Rules(budget=9.0, max_steps=50), Rules(cost_weight=1.0, max_steps=50)


@pytest.mark.parametrize("rules", [CAPPED, WEIGHED], ids=["capped", "lambda"])
def test_a_price_counts_where_money_does(rules: Rules) -> None:
    dear = expert("a-dear", "text_to_image", usd=0.5, add=0.5, background=0.9)
    registry = registry_of(dear, DRAW)
    first = Call(command=ALL, expert="draw")
    assert choose(initial_state(PLAN, rules), registry) == first
    assert choose(initial_state(PLAN, Rules()), registry) == Call(command=ALL, expert="a-dear")


def test_a_call_must_be_worth_its_price() -> None:
    """An edit by the strong adds 0.9 of a fourth of the requirements."""
    for usd, action in ((0.22, Call(command="c2", expert="strong")), (0.23, Stop())):
        dear = registry_of(DRAW, STRONG.model_copy(update={"cost": Cost(usd=usd)}))
        state = step(initial_state(PLAN, WEIGHED), FIRST, 0.9, 0.1, 0.9, 0.9)
        free = registry_of(DRAW.model_copy(update={"cost": Cost(usd=1.0)}))
        assert choose(state, dear | free) == action


def test_a_change_for_the_worse_is_taken_back() -> None:
    state = at(0.9, 0.1, 0.9, 0.9)
    state = step(state, Call(command="c2", expert="strong"), 0.1, 0.9, 0.1, 0.1)
    assert choose(state) == Revert()


def test_a_command_goes_to_the_most_capable_and_its_retry_to_the_next() -> None:
    state = at(0.9, 0.1, 0.9, 0.9)
    assert choose(state) == Call(command="c2", expert="strong")
    state = step(state, Call(command="c2", expert="strong"), 0.9, 0.2, 0.9, 0.9)
    assert choose(state) == Call(command="c2", expert="weak")
    assert choose(at(0.9, 0.9, 0.1, 0.9)) == Call(command="c3", expert="weak")


def test_a_picture_that_misses_most_is_drawn_anew_a_few_times() -> None:
    state = initial_state(PLAN, Rules(max_steps=50))
    for _ in range(ROUTER.free_draws):
        assert choose(state) == Call(command=ALL, expert="draw")
        state = step(state, Call(command=ALL, expert="draw"), 0.1, 0.1, 0.1, 0.1)
    assert choose(state) == Call(command="c1", expert="strong")


@pytest.mark.parametrize("rules", [CAPPED, WEIGHED], ids=["capped", "lambda"])
def test_fewer_pictures_are_drawn_where_money_counts(rules: Rules) -> None:
    dear = {**EXPERTS, "draw": DRAW.model_copy(update={"cost": Cost(usd=0.01)})}
    state = initial_state(PLAN, rules)
    for _ in range(ROUTER.draws):
        assert choose(state, dear) == FIRST
        state = step(state, FIRST, 0.1, 0.1, 0.1, 0.1)
    assert choose(state, dear) == Call(command="c1", expert="strong")


def test_prices_mean_nothing_where_money_does_not_count() -> None:
    dear = {**EXPERTS, "draw": DRAW.model_copy(update={"cost": Cost(usd=0.01)})}
    state = initial_state(PLAN, Rules(max_steps=50))
    for _ in range(ROUTER.free_draws):
        assert choose(state, dear) == choose(state) == FIRST
        state = step(state, FIRST, 0.1, 0.1, 0.1, 0.1)
    assert choose(state, dear) == choose(state) != FIRST


def test_a_picture_of_the_users_is_never_drawn_anew() -> None:
    state = at(0.1, 0.1, 0.1, 0.1)
    assert state.given
    assert choose(state, registry_of(DRAW)) == Stop()


def test_what_cannot_be_judged_is_drawn_and_paid_for_once() -> None:
    plan = Plan(
        prompt="p",
        commands=(
            Command(
                id="c1",
                op="add",
                instruction="add a dragon",
                criteria=(Criterion(id="k1", question="?"),),
            ),
        ),
    ).setting_aside({"k1": "unknown"})
    state = initial_state(plan, Rules(max_steps=9))
    nothing = Critique(score=0.0, verdicts=())
    draw = Call(command=ALL, expert="draw")
    assert choose(state, registry_of(DRAW)) == draw
    state, _ = apply(state, draw, ExpertResult(image=image(1)), nothing, registry_of(DRAW))
    assert choose(state, registry_of(DRAW)) == Stop()


def test_text_is_set_before_the_steps_run_out() -> None:
    text = Command(id="c9", op="text", instruction="write HI", text="HI")
    plan = Plan(prompt="p", commands=(*PLAN.commands, text))
    registry = registry_of(DRAW, STRONG, expert("typist", text=1.0))
    poor = critique(0.9, 0.1, 0.9, 0.9)
    state = initial_state(plan, Rules(max_steps=6), image=image(0), critique=poor)
    chosen = []
    while state.end is None:
        action = ROUTER.choose(state, legal_actions(state, registry), registry).action
        chosen.append(action)
        outcome = ExpertResult(image=image(state.step + 1)) if isinstance(action, Call) else None
        state, _ = apply(state, action, outcome, poor if outcome else None, registry)
    assert Call(command="c9", expert="typist") in chosen
    assert state.champion is not None
    assert state.champion.carried_out == ("c9",)


def test_text_is_set_last_of_all() -> None:
    text = Command(id="c2", op="text", instruction="write HI", text="HI")
    add = Command(
        id="c1", op="add", instruction="add it", criteria=(Criterion(id="k1", question="?"),)
    )
    plan = Plan(prompt="p", commands=(add, text))
    typist = expert("typist", text=1.0)
    registry = registry_of(DRAW, typist)
    poor = Critique(score=0.1, verdicts=(Verdict(criterion="k1", score=0.1),))
    state = initial_state(plan, Rules(max_steps=9))
    done_in_order = []
    while state.end is None:
        action = ROUTER.choose(state, legal_actions(state, registry), registry).action
        done_in_order.append(action)
        outcome = ExpertResult(image=image(state.step)) if isinstance(action, Call) else None
        state, _ = apply(state, action, outcome, poor if outcome else None, registry)
    draw = Call(command=ALL, expert="draw")
    assert done_in_order == 7 * [draw] + [Call(command="c2", expert="typist"), Stop()]


def test_what_no_expert_can_mend_is_left_alone() -> None:
    registry = registry_of(STRONG)
    state = at(0.9, 0.9, 0.9, 0.1)
    assert choose(state, registry) == Stop()


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data(), name=st.sampled_from(UNTRAINED))
def test_every_policy_chooses_legally_and_comes_to_an_end(data: st.DataObject, name: str) -> None:
    policy: Policy = make_policy(name, seed=1)
    plan = data.draw(ours.plans())
    registry = registry_of(*data.draw(st.lists(ours.specs, min_size=1, max_size=3)))
    state = initial_state(plan, Rules(max_steps=12))
    while state.end is None:
        legal = legal_actions(state, registry)
        action = policy.choose(state, legal, registry).action
        assert action in legal
        assert policy.choose(state, legal, registry).action == action
        outcome = judgement = None
        if isinstance(action, Call):
            outcome = data.draw(ours.results | ours.failures)
            judgement = (
                data.draw(ours.critiques(plan)) if isinstance(outcome, ExpertResult) else None
            )
        state, _ = apply(state, action, outcome, judgement, registry)


def test_policies_by_name() -> None:
    assert make_policy("random", 3) == RandomPolicy(3)
    with pytest.raises(UnknownPolicyError, match="did you mean 'router'"):
        make_policy("ruoter")
