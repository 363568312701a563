"""What is left out of an update after a failure of infrastructure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from policies.training.outages import OutageAwareBuffer

STEPS = 6


def buffer(**options: Any) -> OutageAwareBuffer:
    space = spaces.Dict({"x": spaces.Box(0.0, 1.0, (1,), np.float32)})
    return OutageAwareBuffer(
        STEPS, space, spaces.Discrete(3), "cpu", gae_lambda=0.9, gamma=1.0, n_envs=2, **options
    )


def fill(
    into: OutageAwareBuffer,
    failed: list[tuple[int, int]],
    starts: list[tuple[int, int]] = [(0, 0), (0, 1)],  # noqa: B006
    rewards: Any = None,
) -> None:
    """Adds six steps of two episodes; values are 1 throughout, rewards 0 unless given."""
    into.reset()
    for step in range(STEPS):
        into.note(np.array([(step, n) in failed for n in range(2)]))
        into.add(
            {"x": np.full((2, 1), step / 10, np.float32)},
            np.zeros((2, 1)),
            np.zeros(2) if rewards is None else rewards[step],
            np.array([(step, n) in starts for n in range(2)], np.float32),
            torch.ones(2, 1),
            torch.zeros(2),
            action_masks=np.ones((2, 3)),
        )
    into.compute_returns_and_advantage(torch.ones(2, 1), np.zeros(2, np.bool_))


def test_without_failures_it_is_the_buffer_of_sb3() -> None:
    from sb3_contrib.common.maskable.buffers import MaskableDictRolloutBuffer

    ours, rewards = buffer(), np.random.default_rng(0).normal(size=(STEPS, 2))
    theirs = MaskableDictRolloutBuffer(
        STEPS, ours.observation_space, ours.action_space, "cpu", 0.9, 1.0, 2
    )
    theirs.note = lambda failed: None  # type: ignore[attr-defined]
    for one in (ours, theirs):
        fill(one, [], starts=[(0, 0), (3, 1)], rewards=rewards)  # type: ignore[arg-type]
    np.testing.assert_allclose(ours.advantages, theirs.advantages, atol=1e-6)
    np.testing.assert_allclose(ours.returns, theirs.returns, atol=1e-6)
    assert ours.usable == 2 * STEPS


def test_the_failed_step_and_later_ones_are_left_out_until_the_episode_ends() -> None:
    masking = buffer()
    fill(masking, [(1, 0)], starts=[(0, 0), (0, 1), (4, 0)])
    assert masking.kept[:, 0].tolist() == [True, False, False, False, True, True]
    assert masking.kept[:, 1].all()


def test_later_steps_can_be_kept() -> None:
    keeping = buffer(later="keep")
    fill(keeping, [(1, 0)])
    assert keeping.kept[:, 0].tolist() == [True, False, True, True, True, True]


def test_an_episode_that_failed_is_left_out_in_the_next_rollout_too() -> None:
    masking = buffer()
    fill(masking, [(5, 1)])
    fill(masking, [], starts=[(2, 1)])
    assert masking.kept[:, 1].tolist() == [False, False, True, True, True, True]
    assert masking.kept[:, 0].all()
    masking.forget()
    fill(masking, [], starts=[])
    assert masking.kept.all()


def test_earlier_choices_are_not_blamed() -> None:
    rewards = np.zeros((STEPS, 2))
    rewards[2:, 0] = -1.0  # what an outage and its aftermath cost
    masking = buffer(clamp=False)
    fill(masking, [(2, 0)], rewards=rewards)
    np.testing.assert_allclose(masking.advantages[:2, 0], 0.0, atol=1e-6)


def test_before_a_failure_nothing_is_discouraged_but_all_may_be_encouraged() -> None:
    rewards = np.zeros((STEPS, 2))
    rewards[0], rewards[1] = -0.5, 0.2
    clamped, plain = buffer(), buffer(clamp=False)
    for one in (clamped, plain):
        fill(one, [(2, 0)], rewards=rewards)
    assert plain.advantages[0, 0] < 0
    assert clamped.advantages[0, 0] == 0
    assert clamped.advantages[1, 0] == pytest.approx(plain.advantages[1, 0]) == pytest.approx(0.2)
    np.testing.assert_allclose(clamped.advantages[:, 1], plain.advantages[:, 1])
    np.testing.assert_allclose(clamped.returns, plain.returns)


def test_normalised_too_nothing_before_a_failure_is_discouraged() -> None:
    rewards = np.random.default_rng(3).normal(size=(STEPS, 2))
    clamped = buffer()
    fill(clamped, [(4, 0)], rewards=rewards)
    plain = clamped.plain[clamped.kept]
    spared = clamped.spared[clamped.kept]
    list(clamped.get())
    shown = clamped.advantages.reshape(2, STEPS).T[clamped.kept]  # flattened by then
    normal = (plain - plain.mean()) / plain.std()
    np.testing.assert_allclose(shown, np.where(spared, normal.clip(0.0), normal), rtol=1e-4)
    assert (normal[spared] < 0).any()
    assert (shown[spared] >= 0).all()


def test_batches_hold_each_kept_step_once() -> None:
    masking = buffer()
    fill(masking, [(3, 0)])
    assert masking.usable == 9
    batches = list(masking.get(4))
    assert [len(b.actions) for b in batches] == [3, 3, 3]
    seen = torch.cat([b.observations["x"] for b in batches]).flatten().tolist()
    expected = [s / 10 for s in (0, 0, 1, 1, 2, 2, 3, 4, 5)]
    assert sorted(seen) == pytest.approx(expected)


def test_where_all_has_failed_there_is_nothing_to_learn() -> None:
    masking = buffer()
    fill(masking, [(0, 0), (0, 1)])
    assert masking.usable == 0
    assert list(masking.get(4)) == []
