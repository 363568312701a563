"""The learned policy where a run chooses: legal, repeatable, with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envs.legality import legal_actions
from envs.rules import Rules
from envs.state import initial_state
from envs.transition import apply
from policies.catalogue import make_policy, policy_reference, policy_revision
from policies.export import export_policy, load_policy
from policies.learned import CLOSING, LearnedPolicy, NoPolicyError
from policies.quality import MOST, cost_weight_of
from policies.scorer import Scorer
from policies.shape import ScorerShape
from poser.core.action import Call, Stop
from poser.core.errors import UnknownPolicyError
from poser.core.expert import ExpertResult
from tests import strategies as ours
from tests.policies.test_router import EXPERTS, PLAN, registry_of

SHAPE = ScorerShape(width=16, heads=2, hidden=16, rounds=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(5)
    scorer = Scorer(SHAPE)
    for weight in scorer.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    path = tmp_path_factory.mktemp("policy")
    export_policy(scorer.state_dict(), SHAPE, path, worlds={}, training={}, version="0")
    return path


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_it_chooses_legally_and_always_the_same(data: st.DataObject, folder: Path) -> None:
    policy = LearnedPolicy.load(folder)
    plan = data.draw(ours.plans())
    registry = registry_of(*data.draw(st.lists(ours.specs, min_size=1, max_size=3)))
    state = initial_state(plan, Rules(max_steps=8))
    while state.end is None:
        legal = legal_actions(state, registry)
        decision = policy.choose(state, legal, registry)
        assert decision.action in legal
        assert decision.reason.startswith(("preferred at ", CLOSING))
        assert policy.choose(state, legal, registry) == decision
        outcome = judgement = None
        if isinstance(decision.action, Call):
            outcome = data.draw(ours.results | ours.failures)
            judgement = (
                data.draw(ours.critiques(plan)) if isinstance(outcome, ExpertResult) else None
            )
        state, _ = apply(state, decision.action, outcome, judgement, registry)


def test_it_chooses_among_what_it_is_given_alone(folder: Path) -> None:
    policy = LearnedPolicy.load(folder)
    state = initial_state(PLAN, Rules())
    assert policy.choose(state, [Stop()], EXPERTS).action == Stop()


def test_the_order_of_the_registry_does_not_matter(folder: Path) -> None:
    policy = LearnedPolicy.load(folder)
    state = initial_state(PLAN, Rules())
    turned = dict(reversed(EXPERTS.items()))
    one = policy.choose(state, legal_actions(state, EXPERTS), EXPERTS)
    other = policy.choose(state, legal_actions(state, turned), turned)
    assert one == other


def test_more_commands_and_experts_than_in_training_are_served(folder: Path) -> None:
    policy = LearnedPolicy.load(folder)
    (first, *_) = PLAN.commands
    commands = tuple(first.model_copy(update={"id": f"c{n}", "criteria": ()}) for n in range(40))
    plan = PLAN.model_copy(update={"commands": commands})
    draw = EXPERTS["draw"]
    registry = {f"e{n}": draw.model_copy(update={"id": f"e{n}"}) for n in range(70)}
    state = initial_state(plan, Rules())
    legal = legal_actions(state, registry)
    assert policy.choose(state, legal, registry).action in legal


def test_quality_to_lambda() -> None:
    assert cost_weight_of(1.0) == 0.0
    assert cost_weight_of(0.5) == 1.0
    assert cost_weight_of(0.2) == pytest.approx(4.0)
    assert cost_weight_of(0.0) == cost_weight_of(0.01) == MOST
    weights = [cost_weight_of(n / 100) for n in range(101)]
    assert weights == sorted(weights, reverse=True)
    with pytest.raises(ValueError, match="from 0 to 1"):
        cost_weight_of(1.5)


def test_by_folder_in_the_catalogue(folder: Path, tmp_path: Path) -> None:
    assert make_policy(str(folder)).name == "learned"
    assert policy_reference(str(folder)) == str(folder)
    assert policy_reference("router") == "router"
    assert policy_revision(str(folder)) == load_policy(folder)[1].weights
    assert policy_revision("router") == ""
    with pytest.raises(UnknownPolicyError, match="folder of a trained policy"):
        make_policy("xyzzy")


def test_where_none_ships_the_remedy_is_to_train_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("policies.learned.SHIPPED", tmp_path / "none")
    with pytest.raises(NoPolicyError, match="poser train"):
        make_policy("learned")


def test_a_state_with_a_picture_shows_it(folder: Path) -> None:
    from PIL import Image

    from envs.memory import MemoryImages
    from tests.policies.test_router import critique

    pictures = MemoryImages()
    red = pictures.put(Image.new("RGB", (8, 8), "red"))
    state = initial_state(
        PLAN, Rules(max_steps=9), image=red, critique=critique(0.9, 0.1, 0.9, 0.9)
    )
    blind, seeing = LearnedPolicy.load(folder), LearnedPolicy.load(folder, pictures=pictures)
    legal = legal_actions(state, EXPERTS)
    reasons = {p.choose(state, legal, EXPERTS).reason for p in (blind, seeing)}
    assert len(reasons) == 2
