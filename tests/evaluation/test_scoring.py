"""Evaluations: the same terms for all, nothing twice, outages without a score."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from envs.batching import outcomes_together
from envs.episodes import Rollout
from envs.legality import legal_actions
from envs.outcomes import LiveOutcomes
from envs.rules import Rules
from experts.prices import priced
from policies.export import export_policy
from policies.router import CapabilityRouter
from policies.scorer import Scorer
from policies.shape import ScorerShape
from poser.core.action import Call
from poser.core.errors import ExpertError, PoserError, RegistryError, UnknownPolicyError
from poser.core.expert import Cost
from poser.evaluation.methods import method_named
from poser.evaluation.summary import figures, scores_of
from tests.evaluation.studio import DRAW, EDIT, Studio

METHODS = ("router", "random", "single", "best-of-3", "router+beam:2", "critic-beam:2", "oracle:2")


def test_a_plain_policy_is_played_by_the_one_transition(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "a")
    (results,) = studio.of("router")
    other = Studio(tmp_path / "b")
    for case, scored in zip(other.cases, results.scored.values(), strict=True):
        rollout = Rollout.start(other.setting.episode(case), other.setting.encoder(case))
        while rollout.state.end is None:
            legal = legal_actions(rollout.state, other.setting.registry)
            action = CapabilityRouter().choose(rollout.state, legal, other.setting.registry).action
            outcome = None
            if isinstance(action, Call):
                live = rollout.episode.outcomes
                assert isinstance(live, LiveOutcomes)
                (outcome,) = outcomes_together([(live, rollout.state, action, scored.seed)])
            rollout.advance(action, outcome)
        state = rollout.state
        assert (scored.end, scored.spent, scored.phi) == (
            state.end,
            state.spent,
            state.champion_phi,
        )


def test_scores_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    together = Studio(tmp_path / "a").of(*METHODS, batch=16)
    alone = Studio(tmp_path / "b").of(*METHODS, batch=1)
    for one, other in zip(together, alone, strict=True):
        for ours, theirs in zip(one.scored.values(), other.scored.values(), strict=True):
            assert ours.model_copy(update={"seconds": 0.0}) == theirs.model_copy(
                update={"seconds": 0.0}
            ), one.method


def test_the_same_command_repeats_nothing(tmp_path: Path) -> None:
    first = Studio(tmp_path).of(*METHODS)
    calls = Studio(tmp_path).ledger.lines()
    again = Studio(tmp_path).of(*METHODS)
    assert Studio(tmp_path).ledger.lines() == calls
    assert [r.scored for r in again] == [r.scored for r in first]


def test_another_plan_of_a_prompt_is_played_anew(tmp_path: Path) -> None:
    Studio(tmp_path).of("router")
    studio = Studio(tmp_path)
    case = studio.cases[0]
    others = case.plan.model_copy(update={"decomposer": "another 2"})
    studio.cases[0] = replace(case, plan=others)
    began: list[int] = []

    def told(_name: str, finished: int, _all: int) -> None:
        began.append(finished)

    studio.evaluation(told=told).of(["router"])
    assert began == [len(studio.cases) - 1, len(studio.cases)]


def test_a_killed_evaluation_goes_on(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(_name: str, finished: int, _all: int) -> None:
        if finished == 3:
            raise Killed

    whole = Studio(tmp_path / "whole").of("router")
    with pytest.raises(Killed):
        Studio(tmp_path / "cut").evaluation(batch=1, told=kill).of(["router"])
    before = Studio(tmp_path / "cut").paid()
    rest = Studio(tmp_path / "cut").of("router", batch=1)
    assert [r.scored for r in rest] == [r.scored for r in whole]
    calls = Studio(tmp_path / "cut").paid()
    assert len(calls) == len(set(calls))
    assert before == calls[: len(before)]


def test_an_outage_has_no_score_and_is_tried_again(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    down = ExpertError("no connection", kind="unavailable", retryable=False)
    studio.painters["draw"].fails = [down]
    (results,) = studio.of("single", batch=1)
    assert list(results.outages.values()) == ["no connection"]
    assert len(results.scored) == len(studio.cases) - 1
    row = figures([results])["methods"][0]
    assert row["not_scored"] == 1
    assert row["prompts"] == len(studio.cases) - 1
    (again,) = Studio(tmp_path).of("single")
    assert not again.outages
    assert len(again.scored) == len(studio.cases)


def test_a_refusal_is_no_outage(tmp_path: Path) -> None:
    studio = Studio(tmp_path, prompts=1)
    no = [ExpertError("content filter", kind="refused", retryable=False) for _ in range(9)]
    studio.painters["draw"].fails = no
    (results,) = studio.of("single", batch=1)
    assert not results.outages
    assert [s.share for s in results.scored.values()] == [0.0]


def test_a_search_of_which_an_outage_ended_a_branch_has_no_score(tmp_path: Path) -> None:
    studio = Studio(tmp_path, prompts=1)
    down = ExpertError("no connection", kind="unavailable", retryable=False)
    studio.painters["draw"].fails = [down, down]  # the batch, then one of its calls alone
    (results,) = studio.of("single+best-of:3", batch=1)
    assert results.outages
    assert not results.scored
    (again,) = Studio(tmp_path, prompts=1).of("single+best-of:3")
    assert len(again.scored) == 1


def test_the_same_method_by_another_name_is_one(tmp_path: Path) -> None:
    (one,) = Studio(tmp_path, prompts=2).of("critic-beam", "critic-beam:3")
    assert one.method == "critic-beam:3"


def test_without_a_picture_nothing_is_fulfilled(tmp_path: Path) -> None:
    studio = Studio(tmp_path, rules=Rules(budget=0.001))
    (results,) = studio.of("router")
    for scored in results.scored.values():
        assert scored.end == "out_of_budget"
        assert scored.image is None
        assert scored.share == 0.0
        assert scored.verdicts["k5"] is None  # a text, which the evaluator cannot read


def test_users_prompts_are_scored_by_the_critic(tmp_path: Path) -> None:
    (results,) = Studio(tmp_path, known=False).of("single")
    for scored in results.scored.values():
        assert scored.judged_by == "hash"
        assert scored.verdicts["k5"] is None
    with pytest.raises(PoserError, match="oracle"):
        Studio(tmp_path, known=False).of("oracle")


def test_seconds_are_priced_and_billed(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    assert studio.setting.registry["draw"].cost.usd == pytest.approx(0.02)
    (results,) = studio.of("router")
    for scored in results.scored.values():
        price = {"draw": 0.02, "edit": 0.01}
        bill = sum(price[e] * n for e, ops in scored.used.items() for n in ops.values())
        assert scored.spent == pytest.approx(bill)
    with pytest.raises(RegistryError, match="poser experts probe draw"):
        priced({"draw": DRAW.model_copy(update={"cost": Cost()})}, 0.1)
    assert priced({"draw": DRAW}, 0.0)["draw"] == DRAW


@pytest.mark.parametrize("method", ["router", "critic-beam:3", "router+best-of:3"])
def test_a_budget_is_kept(tmp_path: Path, method: str) -> None:
    (results,) = Studio(tmp_path, rules=Rules(budget=0.05)).of(method)
    assert all(scored.spent <= 0.05 + 1e-9 for scored in results.scored.values())


def test_methods_share_calls_but_not_bills(tmp_path: Path) -> None:
    """Paid experts: each request is paid once, whichever methods make it, a crash between."""
    paid = [s.model_copy(update={"cost": Cost(usd=0.02)}) for s in (DRAW, EDIT)]
    (single,) = Studio(tmp_path, specs=paid).of("single")
    _, four = Studio(tmp_path, specs=paid).of("single", "best-of-4")
    calls = Studio(tmp_path).paid()
    assert len(calls) == len(set(calls))
    assert single.spend == pytest.approx(0.02)
    assert all(s.spent == pytest.approx(0.02 * s.calls) for s in four.scored.values()), (
        "what was known already is billed all the same"
    )


def test_best_of_at_equal_spend(tmp_path: Path) -> None:
    studio = Studio(tmp_path, prompts=24)
    equal, router = studio.of("best-of@router")
    assert (router.method, equal.method) == ("router", "best-of@router")
    assert 0.8 * router.spend <= equal.spend <= 1.2 * router.spend
    assert all(set(s.used) == {"draw"} for s in equal.scored.values())


def test_a_beam_at_equal_spend(tmp_path: Path) -> None:
    beam, router = Studio(tmp_path).of("critic-beam@router")
    assert beam.method == "critic-beam:3@router"
    spent = {case: (s.spent, router.scored[case].spent) for case, s in beam.scored.items()}
    assert all(0.0 < ours <= theirs + 1e-9 for ours, theirs in spent.values())
    assert len({theirs for _, theirs in spent.values()}) > 1


def test_equal_spend_needs_a_price(tmp_path: Path) -> None:
    with pytest.raises(PoserError, match="--usd-per-second"):
        Studio(tmp_path, rate=0.0).of("best-of@router")


def test_an_oracle_asks_the_evaluator_alone(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    (oracle,) = studio.of("oracle:3")
    assert not [line for line in studio.ledger.lines() if line.startswith("critic")]
    (single,) = studio.of("single")
    ours, theirs = scores_of(oracle), scores_of(single)
    assert sum(ours.values()) > sum(theirs.values())


def test_only_the_whole_plan(tmp_path: Path) -> None:
    (results,) = Studio(tmp_path).of("random~whole-plan")
    used = {op for s in results.scored.values() for ops in s.used.values() for op in ops}
    assert used <= {"whole plan"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ruoter", "there is no method 'ruoter'"),
        ("router~upside-down", "no-picture"),
        ("router~no-picture", "only a learned policy"),
        ("dqn:./nowhere~no-picture", "only a learned policy"),
        ("router+beam:0", "beam:K"),
        ("oracle:2+beam:3", "search already"),
        ("./nowhere", "there is no policy in"),
        ("bandit:nowhere", "holds no bandit"),
        ("best-of@router", "another method"),
        ("critic-beam:2@router", "another method"),
    ],
)
def test_what_is_no_method(tmp_path: Path, name: str, said: str) -> None:
    studio = Studio(tmp_path)
    with pytest.raises(PoserError) as caught:
        method_named(name, studio.setting, work=tmp_path)
    assert said in str(caught.value)


def test_unknown_methods_are_found_before_anything_is_called(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    with pytest.raises(UnknownPolicyError):
        studio.of("router", "ruoter")
    assert not studio.ledger.lines()


def test_an_editor_is_never_asked_first(tmp_path: Path) -> None:
    """Beams over rated calls begin with a drawing."""
    studio = Studio(tmp_path, specs=(EDIT, DRAW))
    (results,) = studio.of("critic-beam:2")
    assert all(s.image is not None for s in results.scored.values())


def test_learned_policies_by_folder(tmp_path: Path) -> None:
    shape = ScorerShape(width=16, heads=2, rounds=1, hidden=16, text_dim=4, image_dim=12)
    for seed in (0, 1):
        torch.manual_seed(seed)
        config = {"stages": [{"feedback": "text"}]} if seed else {}
        export_policy(
            Scorer(shape).state_dict(),
            shape,
            tmp_path / f"run-seed{seed}" / "policy",
            worlds={},
            training={"config": config},
            version="test",
        )
    folders = [str(tmp_path / f"run-seed{seed}" / "policy") for seed in (0, 1)]
    studio = Studio(tmp_path / "studio")
    found = studio.of(*folders, f"{folders[0]}~no-picture", f"{folders[0]}+beam:2")
    assert [r.group for r in found[:2]] == [str(tmp_path / "run")] * 2
    assert len({r.group for r in found}) == 3
    assert all(len(r.scored) == len(studio.cases) for r in found)
    plus = tmp_path / "a+beam2" / "policy"
    shutil.copytree(folders[0], plus)
    (named,) = studio.of(str(plus))
    assert len(named.scored) == len(studio.cases)
    modes = [method_named(f, studio.setting, work=tmp_path).identity for f in folders]
    assert [m.rpartition("@")[2] for m in modes] == ["none", "text"]


def test_one_failed_call_without_a_picture_is_no_score(tmp_path: Path) -> None:
    """A single call that fails is not retried by that method, and nothing is marked down."""
    studio = Studio(tmp_path)
    for painter in studio.painters.values():
        painter.fails = [ExpertError("timed out") for _ in range(50)]
    (results,) = studio.of("single")
    assert not results.scored
    assert results.outages
