"""Best-of-N and the bandit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envs.layout import Layout
from envs.legality import legal_actions
from envs.rules import Rules
from envs.state import initial_state
from envs.transition import apply
from policies.bandit import FEATURES, BanditPolicy, LinUcb, fit
from policies.base import Policy
from policies.best_of import BestOfN
from policies.catalogue import make_policy
from policies.training.validation import play, uniform
from poser.core.action import ALL, Call, Stop
from poser.core.expert import Cost, ExpertResult
from tests import strategies as ours
from tests.policies.test_router import DRAW, PLAN, at, critique, expert, image, registry_of
from tests.policies.tiny_worlds import Bandits

NARROW = expert("narrow", "text_to_image", text=1.0)


def chosen_by(policy: Policy, registry: dict, steps: int = 20) -> list[object]:  # type: ignore[type-arg]
    state, chosen = initial_state(PLAN, Rules(max_steps=steps)), []
    while state.end is None:
        action = policy.choose(state, legal_actions(state, registry), registry).action
        chosen.append(action)
        outcome = ExpertResult(image=image(state.step), cost=0.02) if action != Stop() else None
        said = critique(0.1, 0.1, 0.1, 0.1) if outcome else None
        state, _ = apply(state, action, outcome, said, registry)
    return chosen


@pytest.mark.parametrize("n", [1, 4])
def test_the_best_expert_draws_n_times(n: int) -> None:
    chosen = chosen_by(BestOfN(n), registry_of(NARROW, DRAW))
    assert chosen == [*n * [Call(command=ALL, expert="draw")], Stop()]


def test_as_often_as_the_spend_allows() -> None:
    dear = DRAW.model_copy(update={"cost": Cost(usd=0.02)})
    chosen = chosen_by(BestOfN(None, spend=0.05), registry_of(NARROW, dear))
    assert chosen == [*2 * [Call(command=ALL, expert="draw")], Stop()]


def test_a_picture_of_the_users_is_edited_by_one_expert() -> None:
    registry = registry_of(DRAW, expert("some", add=0.9), expert("most", add=0.8, recolour=0.8))
    state = at(0.1, 0.9, 0.1, 0.1)
    action = BestOfN(1).choose(state, legal_actions(state, registry), registry).action
    assert isinstance(action, Call)
    assert action.expert == "most"


def test_names() -> None:
    assert make_policy("single") == BestOfN(1)
    assert make_policy("best-of-12") == BestOfN(12)
    assert [BestOfN(n).name for n in (1, 4, None)] == ["single", "best-of-4", "best-of"]


def test_a_bandit_finds_the_linear_model() -> None:
    rng = np.random.default_rng(0)
    features, weights = rng.normal(size=(2000, FEATURES)), rng.normal(size=FEATURES)
    bandit = LinUcb()
    bandit.learn(features, features @ weights)
    np.testing.assert_allclose(bandit.scores(features[:5], explore=False), features[:5] @ weights,
                               atol=0.05)  # fmt: skip
    assert (bandit.scores(features, explore=True) > bandit.scores(features, explore=False)).all()


def test_a_bandit_learns_whom_to_call() -> None:
    layout = Layout(2, 3, 0, 0)
    bandit = fit(Bandits(32, layout), steps=2000, seed=0)

    def choose(parts: dict, masks: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        rows = [{k: v[n] for k, v in parts.items()} for n in range(len(masks))]
        return np.array(
            [bandit.prefer(p, m, explore=False) for p, m in zip(rows, masks, strict=True)]
        )

    venv = Bandits(500, layout)
    learned, chance = play(choose, venv, 9)["return"], play(uniform(0), venv, 9)["return"]
    assert learned > chance + 0.25


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data(), number=st.integers(0, 3))
def test_baselines_choose_legally_and_come_to_an_end(data: st.DataObject, number: int) -> None:
    optimist = LinUcb(vector=np.ones(FEATURES))
    policies: list[Policy] = [BestOfN(1), BestOfN(None), BestOfN(3), BanditPolicy(optimist)]
    policy = policies[number]
    plan = data.draw(ours.plans())
    registry = registry_of(*data.draw(st.lists(ours.specs, min_size=1, max_size=3)))
    state = initial_state(plan, Rules(max_steps=8))
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
