"""The scorer: no fixed slots, any number of commands and experts, only what is legal."""

from __future__ import annotations

import pytest
import torch

from envs.layout import CONTEXT_FEATURES, Layout
from policies.scorer import IMPOSSIBLE, Scorer
from policies.shape import ScorerShape
from tests.policies.tiny_worlds import LEGAL, pairs_of, random_parts

LAYOUT = Layout(6, 5, 8, 12)
SHAPE = ScorerShape(width=16, heads=4, hidden=24, text_dim=8, image_dim=12)


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    torch.manual_seed(1)
    made = Scorer(SHAPE).double().eval()
    for weight in made.parameters():  # no head at zero: everything has an influence
        torch.nn.init.normal_(weight, std=0.3)
    return made


def grid(logits: torch.Tensor, layout: Layout = LAYOUT) -> torch.Tensor:
    return logits[:, :-2].view(len(logits), layout.max_commands + 1, layout.max_experts)


def test_scores_follow_any_order_of_commands_and_experts(scorer: Scorer) -> None:
    parts = random_parts(LAYOUT, 6, 5)
    before = scorer(parts)
    rows, columns = torch.tensor([3, 0, 5, 1, 4, 2]), torch.tensor([4, 2, 0, 1, 3])
    with_all = torch.cat((rows, torch.tensor([6])))
    moved = dict(parts)
    moved["commands"] = parts["commands"][:, rows]
    moved["experts"] = parts["experts"][:, columns]
    pairs = pairs_of(LAYOUT, parts["pairs"])[:, with_all][:, :, columns]
    moved["pairs"] = pairs.flatten(1, 2)
    after = scorer(moved)
    expected = grid(before.logits)[:, with_all][:, :, columns]
    torch.testing.assert_close(grid(after.logits), expected, rtol=0, atol=1e-11)
    torch.testing.assert_close(after.logits[:, -2:], before.logits[:, -2:], rtol=0, atol=1e-11)
    torch.testing.assert_close(after.values, before.values, rtol=0, atol=1e-11)


@pytest.mark.parametrize("room", [(6, 5), (9, 5), (6, 11), (20, 30)])
def test_padding_changes_nothing(scorer: Scorer, room: tuple[int, int]) -> None:
    small = Layout(3, 2, 8, 12)
    exact = random_parts(small, 3, 2)
    large = Layout(*room, 8, 12)
    padded = {
        k: torch.zeros(len(exact["context"]), *shape).double() for k, shape in large.shapes.items()
    }
    for name in ("commands", "command_mask"):
        padded[name][:, :3] = exact[name]
    for name in ("experts", "expert_mask"):
        padded[name][:, :2] = exact[name]
    for name in ("context", "image"):
        padded[name] = exact[name]
    there, here = pairs_of(large, padded["pairs"]), pairs_of(small, exact["pairs"])
    there[:, :3, :2], there[:, -1, :2] = here[:, :3], here[:, -1]
    one, other = scorer(exact), scorer(padded)
    torch.testing.assert_close(other.values, one.values, rtol=0, atol=1e-11)
    wide, narrow = grid(other.logits, large), grid(one.logits, small)
    torch.testing.assert_close(wide[:, :3, :2], narrow[:, :3], rtol=0, atol=1e-11)
    torch.testing.assert_close(wide[:, -1, :2], narrow[:, -1], rtol=0, atol=1e-11)
    assert bool((wide[:, 3:-1] == IMPOSSIBLE).all())
    assert bool((wide[:, :, 2:] == IMPOSSIBLE).all())


def test_only_legal_calls_are_scored(scorer: Scorer) -> None:
    parts = random_parts(LAYOUT, 4, 3)
    scores = scorer(parts)
    legal = pairs_of(LAYOUT, parts["pairs"])[..., LEGAL] > 0.5
    assert bool(((grid(scores.logits) > IMPOSSIBLE / 2) == legal).all())
    assert scores.logits.shape == (3, LAYOUT.actions)
    assert bool(scores.logits.isfinite().all())


def test_no_expert_and_no_legal_call_are_no_error(scorer: Scorer) -> None:
    scores = scorer(random_parts(LAYOUT, 0, 0))
    assert bool(scores.values.isfinite().all())
    assert bool((scores.logits[:, :-2] == IMPOSSIBLE).all())


def test_what_was_never_seen_changes_nothing() -> None:
    fresh = Scorer(SHAPE).double()
    parts = random_parts(LAYOUT, 4, 3)
    blind = {**parts, "image": torch.zeros_like(parts["image"])}
    torch.testing.assert_close(fresh(parts).logits, fresh(blind).logits, rtol=0, atol=0)


def test_the_cost_weight_has_an_influence(scorer: Scorer) -> None:
    parts = random_parts(LAYOUT, 4, 3)
    dear = {**parts, "context": parts["context"].clone()}
    dear["context"][:, CONTEXT_FEATURES.index("cost_weight")] += 0.5
    assert not torch.allclose(scorer(parts).logits, scorer(dear).logits)
    assert not torch.allclose(scorer(parts).values, scorer(dear).values)


def test_it_is_small() -> None:
    assert Scorer(ScorerShape()).parameters_count <= 300_000


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="do not divide"):
        Scorer(ScorerShape(width=10, heads=4))
