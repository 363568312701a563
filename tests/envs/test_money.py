"""Money is observed where it matters, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from envs import ImagePoserEnv
from envs.layout import CONTEXT_FEATURES, EXPERT_FEATURES, Layout
from envs.observation import Observation, ObservationEncoder
from envs.rules import Rules
from envs.simulation import KnownExperts, Ranges, SimulatedEpisodes
from envs.state import State
from poser.core.expert import Cost, ExpertSpec
from tests.compose.fakes import FixedDecomposer

LAYOUT = Layout(5, 2, 0, 0)
DRAWER = ExpertSpec(id="drawer", adapter="x", task="text_to_image", cost=Cost(seconds=3.0))
EDITOR = ExpertSpec(id="editor", adapter="x", task="image_to_image", cost=Cost(seconds=1.0))


def registry(usd: float) -> dict[str, ExpertSpec]:
    """Experts whose every call has that price."""
    return {
        s.id: s.model_copy(update={"cost": s.cost.model_copy(update={"usd": usd})})
        for s in (DRAWER, EDITOR)
    }


def played(usd: float, cost_weight: float) -> list[Observation]:
    """The observations of a simulated episode without a cap."""
    ranges = Ranges(commands=(3, 4), budgets=0.0, judgement_usd=0.0, given=0.0)
    episodes = SimulatedEpisodes(LAYOUT, ranges, known=KnownExperts(registry(usd)))
    env = ImagePoserEnv(episodes, LAYOUT)
    observation, _ = env.reset(seed=3, options={"cost_weight": cost_weight})
    seen = [observation]
    for _ in range(4):
        observation, _, terminated, truncated, _ = env.step(int(env.action_masks().argmax()))
        seen.append(observation)
        if terminated or truncated:
            break
    assert len(seen) > 1
    return seen


def observed(usd: float, cost_weight: float, cap: float | None, fee: float) -> Observation:
    """The first observation of an episode by these rules."""
    rules = Rules(cost_weight=cost_weight, budget=cap, judgement_cost=fee)
    plan = FixedDecomposer().decompose("cats and dogs")
    encoder = ObservationEncoder(registry(usd), {}, LAYOUT)
    return encoder.observe(State(plan=plan, rules=rules))


def alike(one: list[Observation], other: list[Observation]) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(a[name], b[name]) for a, b in zip(one, other, strict=True) for name in a
    )


@pytest.mark.parametrize("cost_weight", [0.0, 3.0])
def test_free_experts_look_alike_whatever_the_wish(cost_weight: float) -> None:
    assert alike(played(0.0, 0.0), played(0.0, cost_weight))


def test_dear_experts_look_like_free_ones_where_money_does_not_count() -> None:
    assert alike(played(0.0, 0.0), played(0.02, 0.0))


def test_prices_are_seen_where_lambda_weighs_them() -> None:
    assert not alike(played(0.0, 3.0), played(0.02, 3.0))
    assert not alike(played(0.01, 3.0), played(0.02, 3.0))
    assert not alike(played(0.02, 1.0), played(0.02, 3.0))


@pytest.mark.parametrize(
    ("usd", "cost_weight", "cap", "fee", "shown"),
    [
        (0.0, 3.0, 1.0, 0.0, set()),
        (0.02, 0.0, None, 0.0, set()),
        (0.0, 0.0, None, 0.01, set()),
        (0.0, 3.0, None, 0.01, {"cost_weight", "judgement_cost"}),
        (0.0, 0.0, 1.0, 0.01, {"budget_known", "judgement_cost"}),
        (0.02, 0.0, 1.0, 0.0, {"budget_known", "usd_if_capped"}),
        (0.02, 3.0, None, 0.0, {"cost_weight", "priced"}),
    ],
)
def test_what_is_shown_of_money(
    usd: float, cost_weight: float, cap: float | None, fee: float, shown: set[str]
) -> None:
    seen = observed(usd, cost_weight, cap, fee)
    of_all = ("cost_weight", "budget_known", "judgement_cost")
    found = {n for n in of_all if seen["context"][CONTEXT_FEATURES.index(n)] > 0.0}
    of_each = ("priced", "usd_if_capped")
    found |= {n for n in of_each if (seen["experts"][:, EXPERT_FEATURES.index(n)] > 0.0).all()}
    assert found == shown
    left = seen["context"][CONTEXT_FEATURES.index("budget_left")]
    assert (left == 1.0) == (cap is None or "budget_known" not in shown or cap >= 1.0)
