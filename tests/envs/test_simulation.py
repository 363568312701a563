"""The simulator in NumPy against the one transition, and what it draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envs import ImagePoserEnv, SimulatedVecEnv
from envs.episodes import Rollout
from envs.layout import STATUSES, Layout, LayoutError
from envs.observation import ObservationEncoder
from envs.outcomes import Outcome
from envs.rules import Rules
from envs.simulation import KnownExperts, Ranges, draw_worlds
from envs.simulation.observing import SimulatedObservations
from envs.simulation.outcomes import episode_of
from envs.simulation.sampling import READ, Sampled, sample_calls
from envs.simulation.stepping import ENDS, GIVEN_UP, PENDING, Simulation
from envs.simulation.values import result_for, side_after
from envs.simulation.vector import POOL
from envs.state import statuses
from poser.core.action import Call
from poser.core.errors import IllegalActionError, PlanError
from poser.core.expert import Cost, ExpertSpec

LAYOUT = Layout(max_commands=8, max_experts=5, text_dim=3, image_dim=2)
ROUGH = Ranges(
    commands=(1, 6),
    experts=(1, 5),
    outage=0.9,
    refusal=0.2,
    critic_outage=0.2,
    finish=0.6,
    given=0.4,
    usd=0.05,
    judgement_usd=0.02,
    kept=(0.3, 1.0),
    max_steps=(2, 4),
)
COUNT = 4
OWN = KnownExperts(
    {
        "drawer": ExpertSpec(
            id="drawer", adapter="x", task="text_to_image", cost=Cost(usd=0.04, seconds=3.0)
        ),
        "editor": ExpertSpec(
            id="editor",
            adapter="x",
            task="image_to_image",
            capabilities={"add": 0.5, "recolour": 0.9, "finish": 0.8},
            vocabulary=frozenset({"bus"}),
        ),
        "filler": ExpertSpec(id="filler", adapter="x", task="inpainting"),
    }
)
ALL_TERMS = Rules(feedback="both", feedback_weight=0.3, benefit_weight=0.5)


def same(one: np.ndarray, other: np.ndarray, what: str) -> None:
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6, err_msg=what)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32 - 1),
    rules=st.builds(
        lambda rules, threshold: rules.model_copy(update={"threshold": threshold}),
        st.sampled_from([Rules(), ALL_TERMS, ALL_TERMS.model_copy(update={"feedback": "text"})]),
        st.sampled_from([0.3, 0.5, 0.9]),
    ),
    known=st.sampled_from([None, OWN]),
)
def test_the_simulator_is_the_one_transition(
    seed: int, rules: Rules, known: KnownExperts | None
) -> None:
    """States, masks, rewards, ends and observations are equal, step by step."""
    rng = np.random.default_rng(seed)
    worlds = draw_worlds(rng, COUNT, LAYOUT, ROUGH, known)
    simulation = Simulation(LAYOUT, worlds.rows(np.arange(COUNT)), rules)
    observing = SimulatedObservations(simulation)
    rollouts: list[Rollout] = []
    for n in range(COUNT):
        episode = episode_of(worlds.rows(slice(n, n + 1)), rng, rules)
        encoder = ObservationEncoder(episode.registry, episode.tables, LAYOUT)
        rollouts.append(Rollout.start(episode, encoder))
    kept: dict[int, tuple[int, int, np.ndarray, int]] = {}

    def draw(simulation: Simulation, at: np.ndarray, row: np.ndarray, e: np.ndarray) -> Sampled:
        sampled = sample_calls(
            simulation.worlds.rows(at),
            simulation.serves[at],
            simulation.current.holds[at],
            np.isin(simulation.status[at], (PENDING, GIVEN_UP)),
            row,
            e,
            rng,
        )
        for i, n in enumerate(at):
            side = int(simulation.current.side[n])
            side = side_after(simulation.worlds, n, int(row[i]), int(e[i]), side)
            kept[int(n)] = (int(sampled.kind[i]), int(e[i]), sampled.score[i], side)
        return sampled

    going = list(range(COUNT))
    for _ in range(60):
        seen, masks = observing.observe(), simulation.masks()
        for n in going:
            state, count = rollouts[n].state, len(rollouts[n].state.plan.commands)
            assert ENDS[simulation.end[n]] == state.end
            assert masks[n].tolist() == rollouts[n].action_masks().tolist()
            for name, part in rollouts[n].observe().items():
                same(seen[name][n], part, f"{name} of {n}")
            codes = [STATUSES[code] for code in simulation.status[n][:count]]
            assert codes == list(statuses(state).values())
            assert simulation.spent[n] == pytest.approx(state.spent)
            assert simulation.champion.phi[n] == pytest.approx(state.champion_phi)
        going = [n for n in going if simulation.end[n] == 0]
        if not going:
            return
        actions = np.full(COUNT, LAYOUT.stop)  # for those that have ended
        for n in going:
            legal = np.flatnonzero(masks[n])
            # Stopping is rare, or little would be seen.
            actions[n] = rng.choice(legal[:-1] if rng.random() < 0.95 else legal)
        kept.clear()
        rewards = simulation.take(actions, draw)
        for n in going:
            rollout = rollouts[n]
            action = rollout.action(int(actions[n]))
            outcome = None
            if isinstance(action, Call):
                kind, expert, score, side = kept[int(n)]
                outcome = Outcome(
                    *result_for(
                        worlds,
                        int(n),
                        rollout.state.plan,
                        kind,
                        expert,
                        score,
                        (int(simulation.pictures[n]), side),
                    )
                )
            terms = rollout.advance(action, outcome).reward.terms
            assert set(terms) <= set(rewards)
            for name, values in rewards.items():
                assert values[n] == pytest.approx(terms.get(name, 0.0), abs=1e-9), name
    pytest.fail("an episode goes on for ever")


def test_worlds_and_episodes_follow_from_the_seed() -> None:
    def rollout(seed: int) -> tuple[list[float], list[str]]:
        env = SimulatedVecEnv(3, LAYOUT, ROUGH, seed)
        rng = np.random.default_rng(0)
        found, ends = [], []
        observation = env.reset()
        for _ in range(40):
            masks = np.stack(env.env_method("action_masks"))
            actions = np.array([rng.choice(np.flatnonzero(m)) for m in masks])
            observation, rewards, _, infos = env.step(actions)
            found += [*rewards.tolist(), *(float(p.sum()) for p in observation.values())]
            ends += [i["end"] for i in infos if "end" in i]
            for reward, info in zip(rewards, infos, strict=True):
                assert reward == pytest.approx(sum(info["reward_terms"].values()), abs=1e-6)
        return found, ends

    assert rollout(1) == rollout(1) != rollout(2)
    assert len(rollout(1)[1]) > 3


def test_its_spaces_are_those_of_the_environment() -> None:
    env, one = SimulatedVecEnv(2, LAYOUT, ROUGH), ImagePoserEnv(layout=Layout())
    assert one.observation_space == SimulatedVecEnv(1).observation_space
    observation = env.reset()
    for n in range(2):
        assert env.observation_space.contains({k: v[n] for k, v in observation.items()})
    with pytest.raises(IllegalActionError, match="not legal in episode 1"):
        env.step(np.array([LAYOUT.stop, LAYOUT.revert]))
    with pytest.raises(LayoutError, match="narrow the ranges"):
        SimulatedVecEnv(1, LAYOUT, Ranges())


def test_better_experts_settle_more_and_a_kept_rate_of_one_breaks_nothing() -> None:
    """10,000 calls: shares are what the world says, within four standard errors."""
    count = 10_000
    none = (0.0, 0.0)
    ranges = Ranges(commands=(4, 4), experts=(4, 4), blind=none, hardness=none, knack=none)
    one = draw_worlds(np.random.default_rng(3), 1, LAYOUT, ranges)
    worlds = one.rows(np.zeros(count, np.int64))
    worlds.kept[:] = 0.8
    serves = worlds.serves
    row, expert = (int(n[0]) for n in np.nonzero(serves[0] & (worlds.task[0] == 1)))
    before = np.ones_like(worlds.judged) & worlds.judged
    sampled = sample_calls(
        worlds,
        serves,
        before,
        np.zeros_like(worlds.commands),
        np.full(count, row),
        np.full(count, expert),
        np.random.default_rng(4),
    )
    rate = float(worlds.rate[0, expert, worlds.op[0, row]])
    first = before[0, :, 0]
    others = np.flatnonzero(first & (np.arange(len(first)) != row))
    assert sampled.holds[:, others, 0].mean() == pytest.approx(0.8, abs=0.01)
    expected = rate + (1 - rate) * 0.8  # a failed edit leaves what held before
    assert sampled.holds[:, row, 0].mean() == pytest.approx(expected, abs=0.02)
    right = (sampled.score >= 0.5) == sampled.holds
    assert right[worlds.judged].mean() > 0.8


def test_maskable_ppo_trains_on_it(tmp_path: Path) -> None:
    from sb3_contrib import MaskablePPO
    from stable_baselines3.common.logger import configure

    env = SimulatedVecEnv(4, LAYOUT, ROUGH)
    model = MaskablePPO("MultiInputPolicy", env, n_steps=8, batch_size=16, n_epochs=1, seed=0)
    model.set_logger(configure(str(tmp_path), []))
    model.learn(32)
    assert len(model.ep_info_buffer or ()) > 0


def test_a_sample_reads_no_more_of_worlds_than_it_says() -> None:
    worlds = draw_worlds(np.random.default_rng(3), 6, LAYOUT, ROUGH)
    at = np.array([4, 1])
    calls = (np.array([0, LAYOUT.max_commands]), np.array([0, 0]))
    before, unsettled = worlds.start[at], worlds.commands[at]
    one, other = (
        sample_calls(w, worlds.serves[at], before, unsettled, *calls, np.random.default_rng(1))
        for w in (worlds.rows(at), worlds.rows(at, READ))
    )
    for name in ("kind", "holds", "score"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_what_a_critic_does_not_see_it_does_not_see_again() -> None:
    ranges = Ranges(commands=(4, 4), experts=(4, 4), noise=(0.3, 0.3), blind=(2.0, 2.0))
    worlds = draw_worlds(np.random.default_rng(5), 400, LAYOUT, ranges)
    holds = np.ones_like(worlds.judged) & worlds.judged
    scores = [
        sample_calls(
            worlds,
            worlds.serves,
            holds,
            np.zeros_like(worlds.commands),
            np.zeros(400, np.int64),
            np.zeros(400, np.int64),
            np.random.default_rng(seed),
        )
        for seed in (6, 7)
    ]
    again = [s.holds & worlds.judged & (s.score < 0.5) for s in scores]
    both = scores[0].holds & scores[1].holds & worlds.judged
    missed = float(again[0][both].mean())
    assert missed > 0.05
    assert float(again[1][both & again[0]].mean()) > 3 * missed


def test_as_many_episodes_begin_as_are_asked_for() -> None:
    """Where a picture is given and nothing can edit it, there is nothing to do: drawn anew."""
    env = SimulatedVecEnv(POOL + 40, Layout(), Ranges(given=0.5, experts=(2, 3)), seed=3)
    assert env.reset()["command_mask"].any(axis=1).all()
    assert env.action_masks().any(axis=1).all()
    hopeless = Ranges(given=1.0, experts=(1, 1))
    with pytest.raises(PlanError, match="nothing to do"):
        SimulatedVecEnv(2, Layout(), hopeless)
