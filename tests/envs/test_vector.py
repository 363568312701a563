"""N episodes together: batches by expert, outages alone, nothing dependent on the order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from envs import ComposeVecEnv, ImagePoserEnv
from envs.batching import outcomes_together
from envs.episodes import Episode, LiveEpisodes
from envs.layout import Layout
from envs.legality import legal_actions
from envs.outcomes import LiveOutcomes
from envs.transition import begin
from experts.base import Generated
from poser.core.action import Call
from poser.core.critique import CriticFailure, Critique
from poser.core.errors import CriticError, ExpertError
from poser.core.expert import ExpertFailure, ExpertRequest, ExpertResult
from poser.core.picture import ImageSource
from poser.core.plan import Plan
from poser.core.record import EpisodeRecord
from tests.compose.fakes import SPECS, FixedDecomposer, HashCritic, Ledger, Painter

LAYOUT = Layout(max_commands=6, max_experts=4)
REGISTRY = {s.id: s for s in SPECS}
PLAN = FixedDecomposer().decompose("a cat, a dog, a bus and a tree")


class Batched(Painter):
    """Notes the size of each batch, and fails as a whole if a request has a bad seed."""

    bad: frozenset[int] = frozenset()

    def generate(self, requests: Sequence[ExpertRequest], images: ImageSource) -> list[Generated]:
        self.batches = [*getattr(self, "batches", []), len(requests)]
        if any(r.seed in self.bad for r in requests):
            raise ExpertError("one of them is bad")
        return super().generate(requests, images)


class BatchedCritic(HashCritic):
    batches: tuple[int, ...] = ()
    whole_batch_fails = False

    def judge_many(self, asked: Sequence[tuple[Plan, Image.Image]]) -> list[Critique]:
        self.batches = (*self.batches, len(asked))
        if self.whole_batch_fails:
            raise CriticError("no batch today")
        return [self.judge(plan, image) for plan, image in asked]


class Studio:
    def __init__(self, root: Path, critic: type[HashCritic] = BatchedCritic) -> None:
        ledger = Ledger(root / "calls.txt")
        self.painters = {s.id: Batched(s, ledger) for s in SPECS}
        self.critic = critic(ledger)
        self.episodes = LiveEpisodes(
            [PLAN], REGISTRY, lambda name: self.painters[name], self.critic
        )

    def drawn(self, seeds: Sequence[int]) -> list[tuple[LiveOutcomes, Episode]]:
        """Episodes of these seeds."""
        found = []
        for seed in seeds:
            episode = self.episodes(np.random.default_rng(seed), {})
            assert isinstance(episode.outcomes, LiveOutcomes)
            found.append((episode.outcomes, episode))
        return found


def asked_of(drawn: Sequence[tuple[LiveOutcomes, Episode]]) -> list:  # type: ignore[type-arg]
    call = Call(command="ALL", expert="draw")
    return [(o, begin(e.plan, e.rules, e.registry), call, e.seed) for o, e in drawn]


def test_calls_go_out_as_one_batch_for_each_expert(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    env = ComposeVecEnv(lambda: ImagePoserEnv(studio.episodes, LAYOUT), 5)
    env.seed(3)
    observation = env.reset()
    assert isinstance(observation, dict)
    assert observation["commands"].shape == (5, *LAYOUT.shapes["commands"])
    draw = LAYOUT.encode(Call(command="ALL", expert="draw"), PLAN, list(REGISTRY))
    env.step(np.full(5, draw))
    assert studio.painters["draw"].batches == [5]
    assert studio.critic.batches == (5,)
    masks = np.stack(env.env_method("action_masks"))
    edit = LAYOUT.encode(Call(command="ALL", expert="draw"), PLAN, list(REGISTRY))
    mixed = np.array([edit, edit, *(int(np.flatnonzero(m)[0]) for m in masks[2:])])
    env.step(mixed)
    assert sum(sum(getattr(p, "batches", [])) for p in studio.painters.values()) == 10


@pytest.mark.parametrize("critic", [HashCritic, BatchedCritic])
def test_together_or_alone_an_episode_is_the_same(tmp_path: Path, critic: type[HashCritic]) -> None:
    """Whole random episodes, three at a time, each alone, and in another order."""

    def records(seeds: Sequence[int]) -> dict[int, EpisodeRecord]:
        studio = Studio(tmp_path, critic)
        env = ComposeVecEnv(lambda: ImagePoserEnv(studio.episodes, LAYOUT), len(seeds))
        for place, seed in zip(env.envs, seeds, strict=True):
            place.reset(seed=seed)
        found: dict[int, EpisodeRecord] = {}
        while len(found) < len(seeds):
            actions = []
            for place in env.envs:
                assert isinstance(place, ImagePoserEnv)
                state = place.rollout.state
                legal = legal_actions(state, REGISTRY)
                pick = legal[(7 * state.step + place.rollout.episode.seed) % max(1, len(legal) - 1)]
                actions.append(LAYOUT.encode(pick, state.plan, list(REGISTRY)))
            *_, ended, infos = env.step(np.array(actions))
            for seed, over, info in zip(seeds, ended, infos, strict=True):
                if over:
                    found.setdefault(seed, info["episode_record"])
        return found

    def bare(record: EpisodeRecord) -> dict[str, object]:
        left_out = {"seconds": True, "steps": {"__all__": {"seconds"}}}
        return record.model_dump(exclude=left_out)  # type: ignore[arg-type]

    together, turned = records((1, 2, 3)), records((3, 1, 2))
    for seed in (1, 2, 3):
        alone = records((seed,))[seed]
        assert bare(together[seed]) == bare(turned[seed]) == bare(alone)


def test_an_outage_of_one_request_does_not_lose_the_others(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    drawn = studio.drawn((1, 2, 3, 4))
    asked = asked_of(drawn)
    requests = [o.request(state, call, seed) for o, state, call, seed in asked]
    studio.painters["draw"].bad = frozenset({requests[2].seed})
    outcomes = outcomes_together(asked)
    kinds = [type(o.result) for o in outcomes]
    assert kinds == [ExpertResult, ExpertResult, ExpertFailure, ExpertResult]
    assert [o.critique is None for o in outcomes] == [False, False, True, False]
    assert [o.request for o in outcomes] == requests
    # What worked is on record: asked again in that step, nothing is called.
    studio.painters["draw"].batches = []
    again = outcomes_together(asked)
    assert studio.painters["draw"].batches == [1]
    assert [o.cached for o in again] == [True, True, False, True]


def test_a_critic_whose_batch_fails_is_asked_one_by_one(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    assert isinstance(studio.critic, BatchedCritic)
    studio.critic.whole_batch_fails = True
    studio.critic.fails = [CriticError("down")]
    outcomes = outcomes_together(asked_of(studio.drawn((1, 2, 3))))
    failed = [isinstance(o.critique, CriticFailure) for o in outcomes]
    assert failed == [True, False, False]


def test_the_same_request_of_two_episodes_is_made_once_and_paid_by_both(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    one, other = outcomes_together(asked_of(studio.drawn((1, 1))))
    assert studio.painters["draw"].batches == [1]
    assert one.result == other.result
    assert one.result.cost == 0.02


def test_what_a_failed_batch_billed_stays_billed(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    asked = asked_of(studio.drawn((1, 2)))
    plain = sum(o.result.cost for o in outcomes_together(asked_of(studio.drawn((1, 2)))))
    painter, painted = studio.painters["draw"], Batched.generate

    def generate(requests: Sequence[ExpertRequest], images: ImageSource) -> list[Generated]:
        if len(requests) > 1:
            error = ExpertError("the connection broke")
            error.cost = 0.5
            raise error
        return painted(painter, requests, images)

    painter.generate = generate  # type: ignore[method-assign]
    assert sum(o.result.cost for o in outcomes_together(asked)) == pytest.approx(plain + 0.5)


def test_the_same_picture_is_judged_once(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    assert isinstance(studio.critic, BatchedCritic)
    one, other, _ = outcomes_together(asked_of(studio.drawn((1, 1, 2))))
    assert studio.critic.batches == (2,)
    assert one.critique == other.critique


def test_what_a_failed_batch_of_judgements_billed_stays_billed(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    assert isinstance(studio.critic, BatchedCritic)
    plain = outcomes_together(asked_of(studio.drawn((1, 2))))

    def judge_many(asked: Sequence[tuple[Plan, Image.Image]]) -> list[Critique]:
        error = CriticError("the connection broke")
        error.cost = 0.25
        raise error

    studio.critic.judge_many = judge_many  # type: ignore[method-assign]
    billed = outcomes_together(asked_of(studio.drawn((1, 2))))
    costs = [sum(o.critique.cost for o in many if o.critique) for many in (plain, billed)]
    assert costs[1] == pytest.approx(costs[0] + 0.25)
