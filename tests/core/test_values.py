from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from poser.core.action import Action
from poser.core.errors import PlanError
from poser.core.plan import Command, Criterion, Plan, in_dependency_order
from poser.core.record import Reward
from poser.core.value import Value
from tests import strategies as ours

RELAXED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@RELAXED
@given(
    st.one_of(
        ours.plans(),
        ours.plans().flatmap(ours.critiques),
        ours.specs,
        ours.requests,
        ours.results,
        ours.failures,
        ours.critic_failures,
        ours.rewards,
        ours.rules,
        ours.step_records(),
        ours.episodes,
    )
)
def test_every_value_survives_the_json_round_trip(value: Value) -> None:
    assert type(value).from_json(value.to_json()) == value
    assert type(value).model_validate(value.to_dict()) == value


@given(ours.actions)
def test_actions_survive_the_round_trip(action: Action) -> None:
    adapter: TypeAdapter[Action] = TypeAdapter(Action)
    assert adapter.validate_json(adapter.dump_json(action)) == action


@RELAXED
@given(ours.plans())
def test_the_shares_of_commands_are_of_what_is_judged(plan: Plan) -> None:
    shares = plan.shares
    assert list(shares) == [c.id for c in plan.commands]
    assert sum(shares.values()) == pytest.approx(1.0 if plan.judged else 0.0)
    fewer = plan.model_copy(update={"commands": plan.commands[:1]})
    assert list(fewer.shares) == [c.id for c in fewer.commands]
    assert {k.id for k in fewer.judged} <= {k.id for k in fewer.criteria}
    unjudged = plan.setting_aside({k.id: "outside its scope" for k in plan.criteria})
    assert set(unjudged.shares.values()) <= {0.0}


def test_values_are_frozen_and_strict() -> None:
    criterion = Criterion(id="k1", question="Is there a cat?")
    with pytest.raises(ValidationError):
        criterion.weight = 2.0  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Criterion.model_validate({"id": "k1", "question": "?", "wieght": 1.0})


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan"), float("inf")])
def test_scores_out_of_range_are_refused(bad: float) -> None:
    from poser.core.critique import Verdict

    with pytest.raises(ValidationError):
        Verdict(criterion="k1", score=bad)


def test_a_reward_is_the_sum_of_its_terms() -> None:
    assert Reward.of(phi=0.5, cost=-0.25).total == 0.25
    with pytest.raises(ValidationError):
        Reward(terms={"phi": 0.5}, total=0.6)


def _command(name: str, *parents: str, criteria: tuple[Criterion, ...] = ()) -> Command:
    return Command(id=name, op="add", instruction="x", depends_on=parents, criteria=criteria)


@pytest.mark.parametrize(
    ("commands", "message"),
    [
        ((_command("c1"), _command("c1")), "two command entries"),
        ((_command("c1", "c2"),), "not in the plan"),
        ((_command("c1", "c2"), _command("c2", "c1")), "circular"),
        (
            (_command("c1", criteria=(Criterion(id="k1", question="?", depends_on=("k9",)),)),),
            "not in the plan",
        ),
    ],
)
def test_inconsistent_plans_are_refused(commands: tuple[Command, ...], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        Plan(prompt="p", commands=commands)


@given(ours.plans())
def test_dependency_order_puts_parents_first(plan: Plan) -> None:
    seen: set[str] = set()
    for criterion in in_dependency_order(plan.criteria):
        assert set(criterion.depends_on) <= seen
        seen.add(criterion.id)
    assert seen == {k.id for k in plan.criteria}


@given(ours.requests)
def test_the_cache_key_depends_on_every_field(request_: object) -> None:
    from poser.core.expert import ExpertRequest

    assert isinstance(request_, ExpertRequest)
    changed = {
        "prompt": request_.prompt + "x",
        "seed": (request_.seed + 1) % 2**31,
        "revision": request_.revision + "x",
        "params": {**request_.params, "extra": 1},
        "image": "0" * 64 if request_.image != "0" * 64 else "1" * 64,
    }
    for name, value in changed.items():
        assert request_.model_copy(update={name: value}).key != request_.key
