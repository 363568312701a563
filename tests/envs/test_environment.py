"""The Gymnasium environment: its interface, and that it is what ``poser compose`` plays."""

from __future__ import annotations

import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3.common.env_checker import check_env as check_for_sb3

from envs import ImagePoserEnv
from envs.encoders import HashedWords, Thumbnail
from envs.episodes import LiveEpisodes, RecordedEpisodes, Recording
from envs.layout import COMMAND_FEATURES, Layout, LayoutError
from envs.legality import legal_actions
from envs.observation import ObservationEncoder
from envs.rules import Rules
from envs.state import initial_state
from experts.base import Expert
from policies.router import CapabilityRouter
from poser.compose.view import settings_of, start_of
from poser.core.action import Call, Revert, Stop
from poser.core.errors import CriticError, ExpertError, IllegalActionError, PlanError
from poser.core.plan import Plan
from poser.core.record import EpisodeRecord, StepRecord
from tests import strategies as ours
from tests.compose.fakes import (
    SPECS,
    FixedDecomposer,
    HashCritic,
    Ledger,
    Painter,
    fake_composer,
    fake_run,
)

LAYOUT = Layout(max_commands=8, max_experts=6)
REGISTRY = {s.id: s for s in SPECS}
PLAN = FixedDecomposer().decompose("a cat, a dog, a bus and a tree")


class Studio:
    """Painters and a critic, and what they were called for."""

    def __init__(self, root: Path) -> None:
        self.ledger = Ledger(root / "calls.txt")
        self.painters = {s.id: Painter(s, self.ledger) for s in SPECS}
        self.critic = HashCritic(self.ledger)

    def expert(self, expert_id: str) -> Expert:
        return self.painters[expert_id]

    def episodes(self, **settings: object) -> LiveEpisodes:
        return LiveEpisodes([PLAN], REGISTRY, self.expert, self.critic, **settings)  # type: ignore[arg-type]


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def play(env: ImagePoserEnv, seed: int = 0) -> EpisodeRecord:
    """Plays an episode by the router."""
    router, registry = CapabilityRouter(), env.rollout.episode.registry
    while True:
        state = env.rollout.state
        chosen = router.choose(state, legal_actions(state, registry), registry).action
        action = env.layout.encode(chosen, state.plan, list(registry))
        _, reward, terminated, truncated, info = env.step(action)
        assert reward == pytest.approx(sum(info["reward_terms"].values()))
        if terminated or truncated:
            record = info["episode_record"]
            assert isinstance(record, EpisodeRecord)
            return record


def without_time(step: StepRecord) -> dict[str, object]:
    return step.model_dump(exclude={"seconds", "reason"})


def test_both_checkers_pass_on_the_registered_environment() -> None:
    env = gymnasium.make("envs.registration:image_poser/Compose-v0", layout=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both dislike arrays of two dimensions
        check_env(env.unwrapped, skip_render_check=True)
        check_for_sb3(env.unwrapped)


def test_both_checkers_pass_on_live_episodes(studio: Studio) -> None:
    env = ImagePoserEnv(studio.episodes(), Layout(), HashedWords(), Thumbnail())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_env(env, skip_render_check=True)
        check_for_sb3(env)


@pytest.mark.parametrize("cost_weight", [0.0, 3.0])
def test_the_environment_is_what_compose_plays(
    tmp_path: Path, studio: Studio, cost_weight: float
) -> None:
    """The router's episode, step by step: requests, pictures, critiques, rewards."""
    seed = 11
    rules = Rules(cost_weight=cost_weight, budget=0.2).to_dict()
    composed = fake_composer(fake_run(tmp_path, seed=seed, rules=rules)).compose()
    env = ImagePoserEnv(studio.episodes(rules=Rules(budget=0.2)), LAYOUT)
    env.reset(seed=1, options={"episode_seed": seed, "cost_weight": cost_weight})
    played = play(env)
    assert [without_time(s) for s in played.steps] == [without_time(s) for s in composed.steps]
    assert len(played.steps) > 5
    left_out = {"id", "seconds", "steps"}
    assert played.model_dump(exclude=left_out) == composed.model_dump(exclude=left_out)


def test_outages_are_the_same_in_both(tmp_path: Path, studio: Studio) -> None:
    composer = fake_composer(fake_run(tmp_path, seed=3))
    critic = composer.critic
    assert isinstance(critic, HashCritic)
    down = ExpertError("down", cost=0.01)
    painter = composer.experts.expert("edit")
    assert isinstance(painter, Painter)
    painter.fails += [down]
    studio.painters["edit"].fails += [down]
    critic.fails += [CriticError("down", cost=0.02)]
    studio.critic.fails += [CriticError("down", cost=0.02)]
    composed = composer.compose()
    env = ImagePoserEnv(studio.episodes(), LAYOUT)
    env.reset(options={"episode_seed": 3})
    played = play(env)

    def what(steps: tuple[StepRecord, ...]) -> list[dict[str, object]]:
        seconds = {"outcome": {"seconds"}, "critique": {"seconds"}, "seconds": True, "reason": True}
        return [s.model_dump(exclude=seconds) for s in steps]  # type: ignore[arg-type]

    assert what(played.steps) == what(composed.steps)
    assert sum(s.infrastructure_failure for s in played.steps) == 2


def test_the_same_seed_is_the_same_episode() -> None:
    def rollout(seed: int) -> list[float]:
        env, rng = ImagePoserEnv(), np.random.default_rng(5)
        observation, _ = env.reset(seed=seed)
        found = [float(sum(part.sum() for part in observation.values()))]
        for _ in range(12):
            action = int(rng.choice(np.flatnonzero(env.action_masks())))
            observation, reward, terminated, truncated, _ = env.step(action)
            found += [reward, float(sum(part.sum() for part in observation.values()))]
            if terminated or truncated:
                observation, _ = env.reset()
        return found

    assert rollout(4) == rollout(4) != rollout(5)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_masks_are_exactly_the_legal_actions(data: st.DataObject) -> None:
    plan, rules = data.draw(ours.plans()), data.draw(ours.rules)
    registry = {s.id: s for s in data.draw(st.lists(ours.specs, max_size=5))}
    start = data.draw(st.none() | ours.image_refs)
    critique = data.draw(ours.critiques(plan)) if start else None
    state = initial_state(plan, rules, image=start, critique=critique)
    encoder = ObservationEncoder(registry, layout=LAYOUT, texts=HashedWords())
    mask = encoder.action_masks(state)
    legal = legal_actions(state, registry)
    assert [LAYOUT.decode(int(n), plan, list(registry)) for n in np.flatnonzero(mask)] == sorted(
        legal, key=lambda a: LAYOUT.encode(a, plan, list(registry))
    )
    observation = encoder.observe(state)
    assert LAYOUT.observation_space().contains(observation)
    assert observation["pairs"][:, 0].tolist() == mask[:-2].tolist()


def test_actions_are_numbered_row_by_row() -> None:
    experts = ["draw", "edit", "type"]
    assert LAYOUT.encode(Call(command="c2", expert="edit"), PLAN, experts) == 1 * 6 + 1
    assert LAYOUT.encode(Call(command="ALL", expert="draw"), PLAN, experts) == 8 * 6
    assert LAYOUT.encode(Revert(), PLAN, experts) == 54
    assert LAYOUT.encode(Stop(), PLAN, experts) == LAYOUT.actions - 1 == 55
    for padding in (3, 5 * 6, 56, -1):
        with pytest.raises(IllegalActionError):
            LAYOUT.decode(padding, PLAN, experts)


def test_what_does_not_fit_is_refused_with_a_remedy(studio: Studio) -> None:
    with pytest.raises(LayoutError, match="raise max_commands"):
        ImagePoserEnv(studio.episodes(), Layout(max_commands=4)).reset()
    with pytest.raises(LayoutError, match="raise max_experts"):
        ImagePoserEnv(studio.episodes(), Layout(max_experts=2)).reset()
    with pytest.raises(LayoutError, match="set text_dim"):
        ImagePoserEnv(studio.episodes(), texts=HashedWords(7)).reset()


def test_an_illegal_action_changes_nothing_unless_that_is_an_error(studio: Studio) -> None:
    env = ImagePoserEnv(studio.episodes(), LAYOUT)
    before, _ = env.reset(seed=0)
    after, reward, terminated, truncated, info = env.step(LAYOUT.revert)
    assert info["illegal"]
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert all((before[name] == after[name]).all() for name in before)
    strict = ImagePoserEnv(studio.episodes(), LAYOUT, strict=True)
    with pytest.raises(IllegalActionError, match="reset"):
        strict.step(0)
    strict.reset()
    with pytest.raises(IllegalActionError):
        strict.step(LAYOUT.revert)


def test_episodes_with_nothing_to_do_are_an_error() -> None:
    nothing = LiveEpisodes([Plan(prompt="p")], {}, lambda _: None, HashCritic(Ledger(Path())))  # type: ignore[arg-type,return-value]
    with pytest.raises(PlanError, match="nothing to do"):
        ImagePoserEnv(nothing, LAYOUT).reset()


def test_embeddings_are_there_when_there_is_an_encoder(studio: Studio) -> None:
    env = ImagePoserEnv(studio.episodes(), Layout(), HashedWords(), Thumbnail())
    first, _ = env.reset(seed=0)
    assert first["image"].tolist() == [0.0] * 49
    known = COMMAND_FEATURES.index("text_known")
    assert first["commands"][:, known].sum() == len(PLAN.commands)
    assert np.linalg.norm(first["commands"][0, len(COMMAND_FEATURES) :]) == pytest.approx(1.0)
    action = int(np.flatnonzero(env.action_masks())[0])
    second, *_ = env.step(action)
    assert second["image"][0] == 1.0
    assert np.abs(second["image"][1:]).sum() > 0.0


def test_a_recorded_run_is_replayed_without_a_call(tmp_path: Path) -> None:
    run = fake_run(tmp_path, seed=2)
    composer = fake_composer(run)
    painter = composer.experts.expert("edit")
    assert isinstance(painter, Painter)
    painter.fails += [ExpertError("down")]
    composed = composer.compose()
    start, specs = start_of(run), {s.id: s for s in settings_of(run).experts}
    assert start is not None
    recorded = RecordedEpisodes([Recording(composed, start.rules)], specs, pictures=run.images)
    env = ImagePoserEnv(recorded, Layout(), images=Thumbnail(), strict=True)
    env.reset()
    assert env.action_masks().sum() == 2  # the call that was made, and to stop
    played = play(env)
    assert [without_time(s) for s in played.steps] == [without_time(s) for s in composed.steps]
    env.reset()
    unknown = set(np.flatnonzero(env.rollout.encoder.action_masks(env.rollout.state)))
    with pytest.raises(IllegalActionError):
        env.step(int((unknown - set(np.flatnonzero(env.action_masks()))).pop()))
