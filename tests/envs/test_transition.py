from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envs.legality import legal_actions
from envs.potential import potential
from envs.rules import Rules
from envs.state import State, all_settled, initial_state, status, statuses
from envs.transition import apply, begin, failed, interrupted, mean_score, revived
from poser.core.action import ALL, Call, Revert, Stop
from poser.core.critique import CriticFailure, Critique, Verdict
from poser.core.errors import IllegalActionError, MalformedCritiqueError
from poser.core.expert import Cost, ExpertFailure, ExpertResult, ExpertSpec
from poser.core.picture import ImageRef
from poser.core.plan import Command, Criterion, Plan
from tests import strategies as ours

RELAXED = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def registry_of(*specs: ExpertSpec) -> dict[str, ExpertSpec]:
    return {s.id: s for s in specs}


T2I = ExpertSpec(id="t2i", adapter="x", task="text_to_image")
EDITOR = ExpertSpec(id="editor", adapter="x", task="image_to_image", capabilities={"add": 0.8})
TYPE = ExpertSpec(id="type", adapter="x", task="image_to_image", capabilities={"text": 1.0})
EXPERTS = registry_of(T2I, EDITOR, TYPE)


def image(n: int) -> ImageRef:
    return ImageRef(sha256=f"{n:064x}", width=64, height=64)


def result(n: int, cost: float = 0.0) -> ExpertResult:
    return ExpertResult(image=image(n), cost=cost)


def plan_of_two() -> Plan:
    return Plan(
        prompt="a cat and a dog, the dog is red",
        commands=(
            Command(
                id="c1",
                op="add",
                instruction="add a cat",
                criteria=(Criterion(id="k1", question="Is there a cat?"),),
            ),
            Command(
                id="c2",
                op="add",
                instruction="add a red dog",
                depends_on=("c1",),
                criteria=(
                    Criterion(id="k2", question="Is there a dog?"),
                    Criterion(id="k3", question="Is the dog red?", depends_on=("k2",)),
                ),
            ),
        ),
    )


def critique_of(plan: Plan, *scores: float, cost: float = 0.0) -> Critique:
    verdicts = tuple(
        Verdict(criterion=k.id, score=s) for k, s in zip(plan.judged, scores, strict=True)
    )
    return Critique(score=0.5, verdicts=verdicts, cost=cost)


@RELAXED
@given(data=st.data())
def test_the_return_is_exactly_the_gain_of_the_champion_less_costs(data: st.DataObject) -> None:
    """Undiscounted return = Phi(champion) - Phi(start) - lambda * costs - step penalties.

    The optional terms add b * (Phi(champion) - Phi(start)) and w * (S(champion) - S(start)).
    """
    plan = data.draw(ours.plans())
    shaping = {
        "feedback": data.draw(st.sampled_from(["none", "text", "reward", "both"])),
        "feedback_weight": 0.25,
        "benefit_weight": data.draw(st.sampled_from([0.0, 0.5])),
    }
    rules = data.draw(ours.rules).model_copy(update=shaping)
    registry = registry_of(*data.draw(st.lists(ours.specs, min_size=1, max_size=4)))
    start = data.draw(st.none() | ours.image_refs)
    critique = data.draw(ours.critiques(plan)) if start else None
    state = initial_state(plan, rules, image=start, critique=critique)
    phi_start, spent_start = state.phi, state.spent
    mean_start = mean_score(plan, state.current)
    rewards: list[float] = []
    while state.end is None:
        legal = legal_actions(state, registry)
        assert legal
        action = data.draw(st.sampled_from(legal))
        outcome = judgement = None
        if isinstance(action, Call):
            outcome = data.draw(ours.results | ours.failures)
            if isinstance(outcome, ExpertResult):
                judgement = data.draw(ours.critiques(plan) | ours.critic_failures)
        state, reward = apply(state, action, outcome, judgement, registry)
        rewards.append(reward.total)
        if failed(outcome, judgement):
            assert reward.terms["phi"] == 0.0
            assert reward.terms.get("benefit", 0.0) == 0.0
        assert ("feedback" in reward.terms) == (rules.feedback in ("reward", "both"))
        if not isinstance(action, Call):
            assert "benefit" not in reward.terms
        assert State.from_dict(state.to_dict()) == state
    costs = rules.cost_weight * (state.spent - spent_start) + rules.step_penalty * state.step
    if rewards:
        gain = (1 + rules.benefit_weight) * (state.champion_phi - phi_start)
        gain += rules.score_weight * (mean_score(plan, state.champion) - mean_start)
        assert math.isclose(math.fsum(rewards), gain - costs, abs_tol=1e-9)
    assert state.step <= rules.max_steps
    assert legal_actions(state, registry) == ()


def test_first_only_text_to_image_is_legal_with_all_or_one_command() -> None:
    state = initial_state(plan_of_two(), Rules())
    assert legal_actions(state, EXPERTS) == (
        Call(command=ALL, expert="t2i"),
        Call(command="c1", expert="t2i"),
        Stop(),
    )


def test_with_a_picture_editors_that_serve_it_join_and_text_to_image_keeps_all_only() -> None:
    plan = plan_of_two()
    state = initial_state(plan, Rules(), image=image(0), critique=critique_of(plan, 0.9, 0.1, 0.9))
    drawn = replace(state, given=False)
    assert legal_actions(drawn, EXPERTS) == (
        Call(command=ALL, expert="t2i"),
        Call(command=ALL, expert="editor"),
        Call(command="c2", expert="editor"),
        Stop(),
    )


def test_a_picture_of_the_users_is_never_drawn_anew() -> None:
    plan = plan_of_two()
    state = initial_state(plan, Rules(), image=image(0), critique=critique_of(plan, 0.9, 0.1, 0.9))
    calls = [a for a in legal_actions(state, EXPERTS) if isinstance(a, Call)]
    assert {call.expert for call in calls} == {"editor"}


def test_below_a_failed_criterion_a_score_counts_nothing() -> None:
    plan = plan_of_two()
    assert potential(plan, critique_of(plan, 0.9, 0.1, 0.9), Rules()) == pytest.approx(1 / 3)
    assert potential(plan, critique_of(plan, 0.9, 0.6, 0.9), Rules(threshold=0.5)) == pytest.approx(
        0.8
    )


def test_a_critique_that_misses_a_criterion_is_refused() -> None:
    plan = plan_of_two()
    state = initial_state(plan, Rules())
    broken = Critique(score=1.0, verdicts=(Verdict(criterion="k1", score=1.0),))
    with pytest.raises(MalformedCritiqueError, match="misses k2, k3"):
        apply(state, Call(command=ALL, expert="t2i"), result(1), broken, EXPERTS)


def test_a_command_is_given_up_after_three_failed_attempts_and_frees_those_behind_it() -> None:
    plan = plan_of_two()
    rules = Rules(max_steps=20)
    state = initial_state(plan, rules, image=image(0), critique=critique_of(plan, 0.1, 0.1, 0.1))
    for n in range(3):
        assert status(state, plan.commands[0]) == "pending"
        assert Call(command="c2", expert="editor") not in legal_actions(state, EXPERTS)
        call = Call(command="c1", expert="editor")
        state, _ = apply(state, call, result(n + 1), critique_of(plan, 0.1, 0.1, 0.1), EXPERTS)
    assert statuses(state) == {"c1": "given_up", "c2": "pending"}
    legal = legal_actions(state, EXPERTS)
    assert Call(command="c1", expert="editor") not in legal
    assert Call(command="c2", expert="editor") in legal


def test_a_satisfied_command_that_an_edit_breaks_is_pending_again() -> None:
    plan = plan_of_two()
    state = initial_state(plan, Rules(), image=image(0), critique=critique_of(plan, 0.9, 0.1, 0.1))
    call = Call(command="c2", expert="editor")
    state, reward = apply(state, call, result(1), critique_of(plan, 0.2, 0.9, 0.2), EXPERTS)
    assert statuses(state) == {"c1": "pending", "c2": "pending"}
    assert reward.terms["phi"] == pytest.approx((0.2 + 0.9 + 0.2) / 3 - (0.9 + 0.1) / 3)


def test_an_attempt_that_breaks_more_than_it_mends_has_failed() -> None:
    """Otherwise going back to the champion would repeat the very same request for ever."""
    plan = plan_of_two()
    state = initial_state(
        plan, Rules(threshold=0.5), image=image(0), critique=critique_of(plan, 0.2, 0.9, 0.9)
    )
    call = Call(command="c1", expert="editor")
    state, _ = apply(state, call, result(1), critique_of(plan, 0.6, 0.1, 0.1), EXPERTS)
    assert statuses(state)["c1"] == "satisfied"
    assert state.attempts == {"c1": 1}
    state, _ = apply(state, Revert(), None, None, EXPERTS)
    assert statuses(state)["c1"] == "pending"


def test_the_champion_is_kept_and_revert_goes_back_to_it() -> None:
    plan = plan_of_two()
    state = initial_state(plan, Rules(), image=image(0), critique=critique_of(plan, 0.9, 0.9, 0.1))
    call = Call(command="c2", expert="editor")
    state, _ = apply(state, call, result(1), critique_of(plan, 0.1, 0.1, 0.1), EXPERTS)
    assert state.champion is not None
    assert state.champion.image == image(0)
    assert Revert() in legal_actions(state, EXPERTS)
    stopped, reward = apply(state, Stop(), None, None, EXPERTS)
    assert reward.terms["final"] == pytest.approx(stopped.champion_phi - stopped.phi)
    state, _ = apply(state, Revert(), None, None, EXPERTS)
    assert state.current == state.champion
    assert Revert() not in legal_actions(state, EXPERTS)


def test_a_failed_call_teaches_nothing_and_marks_the_expert_down_in_the_end() -> None:
    plan = plan_of_two()
    before = initial_state(plan, Rules(max_failures=2))
    call = Call(command=ALL, expert="t2i")
    state, reward = apply(before, call, ExpertFailure(cost=0.5), None, EXPERTS)
    assert failed(ExpertFailure(), None)
    assert reward.terms["phi"] == 0.0
    assert (state.current, state.attempts, state.spent) == (None, {}, 0.5)
    assert call in legal_actions(state, EXPERTS)
    state, _ = apply(state, call, ExpertFailure(), None, EXPERTS)
    assert state.down == ("t2i",)
    assert state.end == "nothing_legal"
    final, _ = apply(before, call, ExpertFailure(retryable=False), None, EXPERTS)
    assert final.down == ("t2i",)


@pytest.mark.parametrize("reason", ["invalid_request", "refused"])
def test_a_request_at_fault_counts_against_the_command_and_not_the_expert(reason: str) -> None:
    plan = plan_of_two()
    rules = Rules(max_steps=20)
    state = initial_state(plan, rules, image=image(0), critique=critique_of(plan, 0.1, 0.1, 0.1))
    failure = ExpertFailure.model_validate({"reason": reason, "retryable": False})
    for _ in range(rules.max_attempts):
        state, reward = apply(state, Call(command="c1", expert="editor"), failure, None, EXPERTS)
        assert reward.terms["phi"] == 0.0
    assert (state.down, statuses(state)["c1"]) == ((), "given_up")


def test_after_an_outage_an_ended_episode_gets_a_new_chance() -> None:
    plan = plan_of_two()
    call = Call(command=ALL, expert="t2i")
    state, _ = apply(
        initial_state(plan, Rules()), call, ExpertFailure(retryable=False), None, registry_of(T2I)
    )
    assert (state.end, interrupted(state)) == ("nothing_legal", True)
    again = revived(state, registry_of(T2I))
    assert (again.end, again.down, again.step) == (None, (), 1)
    fine = initial_state(plan, Rules(), image=image(0), critique=critique_of(plan, 0.9, 0.9, 0.1))
    stopped, _ = apply(fine, Stop(), None, None, EXPERTS)
    assert not interrupted(stopped)


def test_text_does_not_outlast_a_later_change_underneath_it() -> None:
    text = Command(id="t", op="text", instruction="write HI", text="HI")
    plan = plan_of_two()
    plan = Plan(prompt="p", commands=(*plan.commands, text))
    state = initial_state(plan, Rules(), image=image(0), critique=critique_of(plan, 0.9, 0.1, 0.1))
    scores = critique_of(plan, 0.9, 0.1, 0.1)
    state, _ = apply(state, Call(command="t", expert="type"), result(1), scores, EXPERTS)
    assert statuses(state)["t"] == "unjudged"
    state, _ = apply(state, Call(command="c2", expert="editor"), result(2), scores, EXPERTS)
    assert statuses(state)["t"] == "pending"
    assert statuses(state, state.champion)["t"] == "unjudged"


def test_all_satisfied_and_all_settled_are_told_apart() -> None:
    text = Command(id="t", op="text", instruction="write HI", text="HI")
    plan = Plan(prompt="p", commands=(*plan_of_two().commands, text))
    good = critique_of(plan, 0.9, 0.9, 0.9)
    state = begin(plan, Rules(), EXPERTS, image=image(0), critique=good)
    assert state.end is None
    state, _ = apply(state, Call(command="t", expert="type"), result(1), good, EXPERTS)
    assert state.end == "settled"


def test_a_critic_failure_keeps_the_old_picture_and_ends_when_repeated() -> None:
    plan = plan_of_two()
    state = initial_state(plan, Rules(max_critic_failures=2))
    call = Call(command=ALL, expert="t2i")
    state, _ = apply(state, call, result(1, cost=0.1), CriticFailure(cost=0.01), EXPERTS)
    assert (state.current, state.end, state.attempts) == (None, None, {})
    assert state.spent == pytest.approx(0.11)
    state, _ = apply(state, call, result(1), CriticFailure(), EXPERTS)
    assert state.end == "critic_down"


def test_ends() -> None:
    plan = plan_of_two()
    good, bad = critique_of(plan, 0.9, 0.9, 0.9), critique_of(plan, 0.1, 0.1, 0.1)
    call = Call(command=ALL, expert="t2i")
    fresh = initial_state(plan, Rules(max_steps=1))
    assert apply(fresh, call, result(1), good, EXPERTS)[0].end == "satisfied"
    assert apply(fresh, call, result(1), bad, EXPERTS)[0].end == "out_of_steps"
    assert apply(fresh, Stop(), None, None, EXPERTS)[0].end == "stopped"
    paid = registry_of(T2I.model_copy(update={"cost": Cost(usd=1.0)}))
    capped = initial_state(plan, Rules(budget=1.5))
    assert apply(capped, call, result(1, cost=1.0), bad, paid)[0].end == "out_of_budget"
    assert begin(plan, Rules(), EXPERTS, image=image(1), critique=good).end == "satisfied"
    assert begin(plan, Rules(budget=0.5), paid).end == "out_of_budget"
    assert begin(plan, Rules(), registry_of(EDITOR)).end == "nothing_legal"
    assert begin(plan, Rules(), EXPERTS).end is None


def test_the_budget_is_hard_and_counts_the_judgement() -> None:
    paid = registry_of(T2I.model_copy(update={"cost": Cost(usd=1.0)}))
    plan = plan_of_two()
    assert legal_actions(initial_state(plan, Rules(budget=1.0)), paid)[:-1]
    rules = Rules(budget=1.0, judgement_cost=0.01)
    assert legal_actions(initial_state(plan, rules), paid) == (Stop(),)


def test_an_unjudged_command_is_carried_out_once_and_kept_on_the_champion() -> None:
    plan = plan_of_two()
    text = Command(
        id="c3",
        op="text",
        instruction='write "OPEN"',
        text="OPEN",
        criteria=(Criterion(id="k4", question="Does it say OPEN?"),),
    )
    plan = Plan(prompt="p", commands=(*plan.commands, text)).setting_aside({"k4": "cannot read"})
    scores = critique_of(plan, 0.9, 0.9, 0.2)
    state = replace(initial_state(plan, Rules(), image=image(0), critique=scores), given=False)
    call = Call(command="c3", expert="type")
    assert call in legal_actions(state, EXPERTS)
    slightly_worse = critique_of(plan, 0.89, 0.9, 0.2)
    state, _ = apply(state, call, result(1), slightly_worse, EXPERTS)
    assert statuses(state)["c3"] == "unjudged"
    assert state.champion is not None
    assert state.champion.image == image(1)
    assert call not in legal_actions(state, EXPERTS)
    state, _ = apply(state, Call(command=ALL, expert="t2i"), result(2), slightly_worse, EXPERTS)
    assert statuses(state)["c3"] == "pending"


def test_what_settles_everything_outranks_a_higher_potential() -> None:
    plan = plan_of_two()
    almost = critique_of(plan, 0.99, 0.99, 0.45)
    state = initial_state(plan, Rules(threshold=0.5), image=image(0), critique=almost)
    call = Call(command="c2", expert="editor")
    state, _ = apply(state, call, result(1), critique_of(plan, 0.6, 0.6, 0.6), EXPERTS)
    assert (state.end, all_settled(state)) == ("satisfied", True)
    assert state.champion is not None
    assert state.champion.image == image(1)


def test_closed_vocabularies_and_masks_bound_what_is_legal() -> None:
    plan = plan_of_two()
    pocket = EDITOR.model_copy(
        update={"id": "pocket", "vocabulary": frozenset({"add", "a", "cat"})}
    )
    inpaint = ExpertSpec(id="inpaint", adapter="x", task="inpainting")
    registry = registry_of(pocket, inpaint)
    state = initial_state(plan, Rules(), image=image(0), critique=critique_of(plan, 0.1, 0.1, 0.1))
    assert Call(command="c1", expert="pocket") in legal_actions(state, registry)
    assert not any(
        isinstance(a, Call) and a.expert == "inpaint" for a in legal_actions(state, registry)
    )
    masked = replace(state, mask="0" * 64)
    assert Call(command="c1", expert="inpaint") in legal_actions(masked, registry)
    cat_there = initial_state(
        plan, Rules(), image=image(0), critique=critique_of(plan, 0.9, 0.1, 0.1)
    )
    assert legal_actions(cat_there, registry) == (Stop(),)


def test_what_no_expert_can_do_does_not_stand_in_the_way() -> None:
    plan = Plan(
        prompt="p",
        commands=(
            Command(id="c1", op="style", instruction="make it an oil painting"),
            Command(id="c2", op="add", instruction="add a cat", depends_on=("c1",)),
        ),
    )
    state = initial_state(plan, Rules(), image=image(0), critique=critique_of(plan))
    editors = registry_of(EDITOR, TYPE)
    assert legal_actions(state, editors) == (Call(command="c2", expert="editor"), Stop())
    stylist = ExpertSpec(id="z", adapter="x", task="image_to_image", capabilities={"style": 1.0})
    blocked = registry_of(EDITOR, stylist)
    assert legal_actions(state, blocked) == (Call(command="c1", expert="z"), Stop())
    without = replace(state, down=("z",))
    assert legal_actions(without, blocked) == (Call(command="c2", expert="editor"), Stop())


def test_a_closed_vocabulary_must_know_what_a_command_is_about_and_skips_the_rest() -> None:
    from envs.requests import build_request

    command = Command(
        id="c1",
        op="add",
        instruction="add a tall tree",
        subject="tree",
        criteria=(Criterion(id="k1", question="Is there a tree?", about=("tree",)),),
    )
    plan = Plan(prompt="p", commands=(command,))
    pocket = EDITOR.model_copy(update={"vocabulary": frozenset({"add", "a", "tree"})})
    state = initial_state(plan, Rules(), image=image(0), critique=critique_of(plan, 0.1))
    call = Call(command="c1", expert="editor")
    assert call in legal_actions(state, registry_of(pocket))
    assert build_request(state, call, pocket, 0).prompt == "add a tree"
    blind = EDITOR.model_copy(update={"vocabulary": frozenset({"add", "a", "tall"})})
    assert legal_actions(state, registry_of(blind)) == (Stop(),)


def test_illegal_actions_are_refused() -> None:
    state = initial_state(plan_of_two(), Rules())
    with pytest.raises(IllegalActionError):
        apply(state, Revert(), None, None, EXPERTS)
    with pytest.raises(IllegalActionError):
        apply(state, Call(command="c1", expert="nobody"), result(1), None, EXPERTS)
