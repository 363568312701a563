"""Search at test time: never over the cap, nothing paid twice, never worse than the policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
import torch

from envs.batching import outcomes_together
from envs.calling import Caller
from envs.episodes import Episode, Rollout
from envs.layout import Layout
from envs.legality import legal_actions
from envs.memory import MemoryCalls, MemoryImages
from envs.observation import ObservationEncoder
from envs.outcomes import LiveOutcomes, RecordedOutcomes
from envs.replay import replay
from envs.rules import Rules
from envs.state import State
from policies.base import Policy
from policies.best_of import BestOfN
from policies.export import export_policy
from policies.learned import LearnedPolicy
from policies.playing import together
from policies.random import RandomPolicy
from policies.router import CapabilityRouter
from policies.scorer import Scorer
from policies.search import (
    OUT_OF_BUDGET,
    Found,
    Search,
    SearchError,
    beam,
    best_of,
    one_of,
    parse_search,
    worth,
)
from policies.shape import ScorerShape
from poser.core.action import Call, Revert, Stop
from poser.core.critique import Critique
from poser.core.errors import CriticError, ExpertError
from poser.core.picture import ImageRef
from tests.compose.fakes import SPECS, FixedDecomposer, HashCritic, Ledger, Painter

REGISTRY = {s.id: s for s in SPECS}
PLAN = FixedDecomposer().decompose("a cat, a dog, a bus and a tree")
PLAN = PLAN.setting_aside({"k5": "cannot read"})
WITHOUT_TEXT = PLAN.model_copy(update={"commands": PLAN.commands[:4], "set_aside": ()})
ENCODER = ObservationEncoder(REGISTRY, layout=Layout(6, 4, 0, 0))


@dataclass
class Studio:
    """Experts and a critic that write down what is paid."""

    folder: Path
    judgement_cost: float = 0.0

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.ledger = Ledger(self.folder / "ledger.txt")
        self.painters = {s.id: Billing(s, self.ledger) for s in SPECS}
        self.critic = HashCritic(self.ledger, cost=self.judgement_cost)

    def episode(self, seed: int = 0, **rules: object) -> Episode:
        images = MemoryImages()
        caller = Caller(self.painters.__getitem__, self.critic, images, MemoryCalls())
        made = {"max_steps": 7, "judgement_cost": self.judgement_cost, **rules}
        return Episode(
            plan=PLAN,
            registry=REGISTRY,
            rules=Rules.model_validate(made),
            outcomes=LiveOutcomes(caller, REGISTRY),
            seed=seed,
            pictures=images,
        )

    @property
    def paid(self) -> float:
        lines = self.ledger.lines()
        judged = sum(line.startswith("critic") for line in lines)
        return sum(p.billed for p in self.painters.values()) + judged * self.judgement_cost


class Billing(Painter):
    """Sums up what its calls cost."""

    billed = 0.0

    def _one(self, request, images):  # type: ignore[no-untyped-def]
        made = super()._one(request, images)
        self.billed += made.cost
        return made


def plain(episode: Episode, policy: Policy) -> Rollout:
    """The episode as the policy alone plays it."""
    rollout = Rollout.start(episode, ENCODER)
    while rollout.state.end is None:
        legal = legal_actions(rollout.state, REGISTRY)
        action = policy.choose(rollout.state, legal, REGISTRY).action
        rollout.advance(action, rollout.outcome(action))
    return rollout


def run(search: str, episode: Episode, policy: Policy) -> Found:
    (found,) = together([parse_search(search).of(episode, ENCODER, one_of(policy))])
    return found


def shown(rollout: Rollout) -> list[tuple[object, ImageRef | None]]:
    return [(s.action, s.image) for s in rollout.steps]


def final(rollout: Rollout) -> float:
    champion = rollout.state.champion
    carried = len(champion.carried_out) if champion else 0
    return worth(rollout.state) + rollout.state.rules.unjudged_bonus * carried


@pytest.mark.parametrize("policy", [CapabilityRouter(), RandomPolicy(3), BestOfN(3)])
@pytest.mark.parametrize("budget", [None, 0.06])
def test_one_branch_is_the_plain_policy(
    tmp_path: Path, policy: Policy, budget: float | None
) -> None:
    for seed in (0, 1):
        studio = Studio(tmp_path, judgement_cost=0.003)
        alone = plain(studio.episode(seed, budget=budget), policy)
        (narrow,) = together(
            [beam(studio.episode(seed, budget=budget), ENCODER, one_of(policy), width=1, branch=1)]
        )
        single = run("best-of:1", studio.episode(seed, budget=budget), policy)
        for found in (narrow, single):
            assert shown(found.rollout) == shown(alone)
            assert found.rollout.state == alone.state
            assert found.spent == pytest.approx(alone.state.spent)
            assert found.calls == sum(isinstance(s.action, Call) for s in alone.steps)


@pytest.mark.parametrize("search", ["beam:1", "beam:4", "best-of:5"])
@pytest.mark.parametrize("budget", [0.0, 0.021, 0.05, 0.11, 0.23])
def test_the_cap_holds_over_all_branches(tmp_path: Path, search: str, budget: float) -> None:
    studio = Studio(tmp_path, judgement_cost=0.001)
    found = run(search, studio.episode(budget=budget, max_steps=9), CapabilityRouter())
    assert studio.paid <= budget + 1e-9
    assert found.spent == pytest.approx(studio.paid)
    lines = studio.ledger.lines()
    assert len(lines) == len(set(lines)), "nothing is paid for twice"
    assert found.calls == sum(line.startswith("expert") for line in lines)
    assert found.rollout.state.end is not None
    assert found.rollout.state.spent <= found.spent + 1e-9


def test_what_is_free_and_comes_last_is_done_when_the_cap_is_used_up(tmp_path: Path) -> None:
    """And the record of it follows from the rules, with their changes."""
    episode = Studio(tmp_path).episode(budget=0.1, max_steps=20)
    found = run("best-of:4", episode, CapabilityRouter())
    steps = found.rollout.steps
    assert steps[-1].action == Call(command="c5", expert="type")
    assert found.changes
    state = replay(PLAN, episode.rules, steps, REGISTRY, changes=found.changes)
    assert state == found.rollout.state
    assert found.rollout.record().end == "out_of_budget"


def test_a_branch_without_budget_says_so(tmp_path: Path) -> None:
    """Without text, nothing that is left is free: the branch is stopped, and the reason told."""
    studio = Studio(tmp_path, judgement_cost=0.001)
    episode = replace(studio.episode(budget=0.1, max_steps=20), plan=WITHOUT_TEXT)
    found = run("best-of:4", episode, CapabilityRouter())
    assert found.rollout.record().end == "stopped"
    assert found.reasons[-1] == OUT_OF_BUDGET
    assert len(found.reasons) == len(found.rollout.steps)


def test_a_beam_is_never_worth_less_than_the_policy_alone(tmp_path: Path) -> None:
    better = 0
    for seed in range(6):
        studio = Studio(tmp_path)
        policy = CapabilityRouter() if seed % 2 else RandomPolicy(seed)
        alone = plain(studio.episode(seed), policy)
        for width in (2, 3):
            found = run(f"beam:{width}", studio.episode(seed), policy)
            assert final(found.rollout) >= final(alone) - 1e-12
            better += final(found.rollout) > final(alone)
        several = run("best-of:3", studio.episode(seed), policy)
        assert final(several.rollout) >= final(alone) - 1e-12
    assert better, "and sometimes worth more"


def test_more_episodes_are_never_worth_less(tmp_path: Path) -> None:
    """The first n of more episodes are the same n."""
    found = [
        run(f"best-of:{n}", Studio(tmp_path).episode(5), CapabilityRouter()) for n in (1, 2, 4, 6)
    ]
    values = [final(f.rollout) for f in found]
    assert values == sorted(values)


def test_a_beam_that_keeps_everything_is_the_best_of_all(tmp_path: Path) -> None:
    for seed in range(3):
        narrow = [
            run(f"beam:{w}", Studio(tmp_path).episode(seed, max_steps=3), CapabilityRouter())
            for w in (1, 2, 3)
        ]
        whole = run("beam:64", Studio(tmp_path).episode(seed, max_steps=3), CapabilityRouter())
        assert final(whole.rollout) >= max(final(f.rollout) for f in narrow) - 1e-12


def test_together_or_alone_a_search_finds_the_same(tmp_path: Path) -> None:
    def searches(seeds: Sequence[int]) -> list[Found]:
        studio = Studio(tmp_path)
        policy = one_of(CapabilityRouter())
        asking = []
        for n, seed in enumerate(seeds):
            episode = studio.episode(seed)
            search = Search("beam" if n % 2 else "best-of", 2)
            asking.append(search.of(episode, ENCODER, policy))
        return together(asking)

    both = searches((1, 2))
    assert shown(both[0].rollout) == shown(searches((1,))[0].rollout)
    (second,) = together(
        [beam(Studio(tmp_path).episode(2), ENCODER, one_of(CapabilityRouter()), width=2)]
    )
    assert shown(both[1].rollout) == shown(second.rollout)
    assert (both[1].spent, both[1].calls) == (second.spent, second.calls)
    assert together([]) == []


def test_a_value_of_ones_own_decides(tmp_path: Path) -> None:
    def cheapest(state: State) -> float:
        return -state.spent - (10.0 if state.champion is None else 0.0)

    episode = Studio(tmp_path).episode(threshold=0.5)
    (found,) = together(
        [beam(episode, ENCODER, one_of(CapabilityRouter()), width=3, value=cheapest)]
    )
    assert found.rollout.state.spent == pytest.approx(0.02)


def test_a_branch_that_an_outage_ended_is_dropped_unless_it_is_all_there_is(
    tmp_path: Path,
) -> None:
    studio = Studio(tmp_path)
    studio.critic.fails = [CriticError("down")] * 2
    # The pictures of the first branch cannot be judged, twice in a row; those of the second can.
    asking = best_of(studio.episode(), ENCODER, one_of(CapabilityRouter()), n=2)
    asked = next(asking)
    one_alone: list[float] = []
    try:
        while True:
            outcomes = [outcomes_together([a])[0] for a in asked[:1]]
            studio_fails, studio.critic.fails = studio.critic.fails, []
            outcomes += outcomes_together(asked[1:])
            studio.critic.fails = studio_fails
            one_alone.append(len(asked))
            asked = asking.send(outcomes)
    except StopIteration as end:
        found = end.value
    assert one_alone[-1] == 1, "the first ended early"
    assert not found.rollout.truncated
    assert found.rollout.state.champion is not None

    dark = Studio(tmp_path / "dark")
    dark.critic.fails = [CriticError("down")] * 99
    nothing = run("beam:2", dark.episode(), CapabilityRouter())
    assert nothing.rollout.truncated
    assert nothing.rollout.record().end == "critic_down"


def test_a_bill_for_a_failure_counts(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    bills = [ExpertError("timed out", kind="timeout", cost=0.02) for _ in range(2)]
    # The batch as a whole fails first, unbilled; then each of its two requests.
    studio.painters["draw"].fails = [ExpertError("no batch today"), *bills]
    found = run("best-of:2", studio.episode(budget=0.05, max_steps=9), CapabilityRouter())
    assert studio.paid + 0.04 <= 0.05 + 1e-9
    assert found.spent == pytest.approx(studio.paid + 0.04)


def test_what_is_on_record_is_no_call(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    episode = studio.episode()
    first = run("beam:2", episode, CapabilityRouter())
    again = run("beam:2", episode, CapabilityRouter())
    assert shown(first.rollout) == shown(again.rollout)
    assert (first.calls > 0, again.calls) == (True, 0)


def test_proposals_of_a_policy_without_any(tmp_path: Path) -> None:
    proposer = one_of(CapabilityRouter())
    state = Rollout.start(Studio(tmp_path).episode(), ENCODER).state
    legal = legal_actions(state, REGISTRY)
    ranked = proposer.rank(state, legal, REGISTRY)
    assert {a for a, _ in map(_hashable, ranked)} == {_hashable((a, 0))[0] for a in legal}
    assert ranked[0][0] == CapabilityRouter().choose(state, legal, REGISTRY).action
    scores = [s for _, s in ranked]
    assert scores == sorted(scores, reverse=True)
    assert ranked[-1][0] == Stop()


def test_a_picture_of_the_users_is_never_drawn_anew(tmp_path: Path) -> None:
    from PIL import Image

    studio = Studio(tmp_path)
    episode = studio.episode()
    assert isinstance(episode.outcomes, LiveOutcomes)
    image = episode.outcomes.caller.images.put(Image.new("RGB", (32, 32), "green"))
    critique = episode.outcomes.caller.judge(PLAN, image, -1)
    assert isinstance(critique, Critique)
    found = run("beam:3", replace(episode, image=image, critique=critique), CapabilityRouter())
    assert not studio.painters["draw"].billed
    assert studio.painters["edit"].billed
    assert found.rollout.steps


def test_recorded_episodes_cannot_be_searched(tmp_path: Path) -> None:
    episode = replace(Studio(tmp_path).episode(), outcomes=RecordedOutcomes(REGISTRY))
    with pytest.raises(SearchError, match="live"):
        run("beam:2", episode, CapabilityRouter())


@pytest.mark.parametrize(
    "text", ["", "beam", "beam:0", "beam:-1", "beam:1.5", "best-of:", "best:3", "beam:257", "b\n:2"]
)
def test_nonsense_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(SearchError, match="beam:3"):
        parse_search(text)


def test_a_search_in_words_and_back() -> None:
    for text in ("beam:3", "best-of:4"):
        assert str(parse_search(text)) == text
    assert parse_search(" beam:12 ") == Search("beam", 12)


def test_a_learned_policy_ranks_and_searches(tmp_path: Path) -> None:
    torch.manual_seed(5)
    shape = ScorerShape(width=16, heads=2, hidden=16, rounds=1)
    scorer = Scorer(shape)
    for weight in scorer.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    export_policy(scorer.state_dict(), shape, tmp_path / "p", worlds={}, training={}, version="0")
    policy = LearnedPolicy.load(tmp_path / "p")
    assert one_of(policy) is policy
    rollout = plain(Studio(tmp_path).episode(2), policy)
    random = Random(1)
    state = Rollout.start(Studio(tmp_path).episode(2), ENCODER).state
    for step in rollout.steps:
        legal = list(legal_actions(state, REGISTRY))
        random.shuffle(legal)
        ranked = policy.rank(state, legal, REGISTRY)
        assert sum(2.718281828**s for _, s in ranked) == pytest.approx(1.0, abs=1e-4)
        assert policy.choose(state, legal, REGISTRY).action == ranked[0][0]
        state = replay(PLAN, state.rules, rollout.steps[: step.step + 1], REGISTRY)
        if state.end is not None:
            break
    found = run("best-of:1", Studio(tmp_path).episode(2), policy)
    assert shown(found.rollout) == shown(rollout)
    wide = run("beam:3", Studio(tmp_path).episode(2), policy)
    assert final(wide.rollout) >= final(rollout) - 1e-12


def _hashable(pair: tuple[object, float]) -> tuple[str, float]:
    action, score = pair
    assert isinstance(action, (Call, Revert, Stop))
    return action.to_json(), score
