from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from envs.replay import replay
from envs.state import State
from poser.compose.view import load_view, overview, settings_of, start_of
from poser.core.errors import (
    BudgetError,
    CriticError,
    ExpertError,
    MalformedCritiqueError,
    RunError,
    StorageError,
)
from poser.core.expert import ExpertRequest
from poser.core.plan import Plan
from poser.report.observer import SilentObserver
from poser.report.summary import summary_dict
from poser.store import Run, find_run, list_runs, read_json
from tests.compose.fakes import DRAW, EDIT, Ledger, Painter, fake_composer, fake_run


def painter(composer: object, name: str) -> Painter:
    found = composer.experts.expert(name)  # type: ignore[attr-defined]
    assert isinstance(found, Painter)
    return found


def test_a_run_leaves_everything_behind(tmp_path: Path) -> None:
    run = fake_run(tmp_path)
    episode = fake_composer(run).compose()
    for name in (
        "config.json",
        "plan.json",
        "start.json",
        "trace.jsonl",
        "episode.json",
        "report.html",
        "result.png",
        "checkpoint.sqlite",
    ):
        assert (run.folder / name).stat().st_size > 0, name
    assert not list(run.folder.rglob("*.tmp"))
    assert episode.result is not None
    assert run.result_path.read_bytes() == run.images.read(episode.result.sha256)
    assert Plan.model_validate(read_json(run.plan_path)) == episode.plan
    assert [s.step for s in episode.steps] == list(range(len(episode.steps)))


def test_the_same_seed_gives_the_same_picture_and_another_one_another(tmp_path: Path) -> None:
    results = [
        fake_composer(fake_run(tmp_path / str(n), seed=seed)).compose().result
        for n, seed in enumerate((1, 1, 2))
    ]
    assert results[0] == results[1] != results[2]


def test_training_and_composing_cannot_drift(tmp_path: Path) -> None:
    """The trace, replayed by the pure transition, gives the graph's own final state."""
    run = fake_run(tmp_path)
    episode = fake_composer(run).compose()
    start, settings = start_of(run), settings_of(run)
    assert start is not None
    specs = {s.id: s for s in settings.experts}
    state = replay(episode.plan, start.rules, episode.steps, specs)
    assert (state.end, state.spent, state.champion_phi) == (episode.end, episode.cost, episode.phi)
    assert State.from_dict(state.to_dict()) == state
    total = sum(s.reward.total for s in episode.steps)
    costs = start.rules.step_penalty * len(episode.steps)
    assert total == pytest.approx(episode.phi - costs)


def test_a_retry_draws_a_new_seed_and_no_call_is_made_twice(tmp_path: Path) -> None:
    run = fake_run(tmp_path, steps=30)
    episode = fake_composer(run).compose()
    keys = [s.request.key for s in episode.steps if s.request]
    assert (
        len(keys)
        == len(set(keys))
        == sum(line.startswith("expert") for line in Ledger(run.folder / "ledger.txt").lines())
    )


def test_a_shared_cache_pays_once_for_two_runs(tmp_path: Path) -> None:
    shared = tmp_path / "cache"
    episodes = []
    for name in ("one", "two"):
        made = fake_run(tmp_path / name, cache=str(shared))
        run = Run(made.folder, shared)
        episodes.append(fake_composer(run).compose())
    first, second = episodes
    assert first.result == second.result
    assert (first.cost > 0, second.cost) == (True, 0.0)
    assert all(s.cached for s in second.steps if s.request)
    assert Ledger(run.folder / "ledger.txt").lines() == []
    assert second.result is not None
    assert run.images.path(second.result.sha256).exists()


def test_the_cap_is_hard(tmp_path: Path) -> None:
    run = fake_run(tmp_path, rules={"budget": 0.05}, steps=50)
    episode = fake_composer(run).compose()
    assert episode.cost <= 0.05 + 1e-9
    assert episode.end in ("out_of_budget", "stopped")
    nothing = fake_run(tmp_path / "none", rules={"budget": 0.0})
    assert fake_composer(nothing).compose().cost == 0.0


def test_an_estimate_comes_before_the_first_paid_call(tmp_path: Path) -> None:
    told: list[str] = []

    class Listener(SilentObserver):
        def planned(self, plan: Plan, state: State, notes: Sequence[str]) -> None:
            told.extend(notes)

        def calling(self, request: ExpertRequest) -> None:
            assert told

    composer = fake_composer(fake_run(tmp_path, rules={"budget": 0.05}))
    composer.observer = Listener()
    composer.compose()
    assert "estimated spend: $0.02 to $0.05 (hard cap $0.05)" in told


def test_an_expert_that_is_down_for_a_moment_costs_no_score(tmp_path: Path) -> None:
    run = fake_run(tmp_path)
    composer = fake_composer(run)
    painter(composer, "draw").fails = [ExpertError("busy", kind="unavailable")]
    episode = composer.compose()
    first = episode.steps[0]
    assert first.infrastructure_failure
    assert first.reward.terms["phi"] == 0.0
    assert first.outcome is not None
    assert first.outcome.kind == "failure"
    assert episode.steps[1].request == first.request
    assert episode.result is not None


@pytest.mark.parametrize("blind", [True, False])
def test_where_nothing_can_be_judged_there_is_no_score(tmp_path: Path, blind: bool) -> None:
    run = fake_run(tmp_path)
    composer = fake_composer(run)
    if blind:
        composer.critic.outside_scope = lambda criteria: {k.id: "unseen" for k in criteria}  # type: ignore[method-assign]
    episode = composer.compose()
    found = summary_dict(load_view(run), {})
    assert found["score"] == overview(run).phi == (None if blind else episode.phi)
    assert found["start_score"] == (None if blind else 0.0)
    assert ("score 0." in run.report_path.read_text().lower()) != blind
    run.episode_path.unlink()
    assert (overview(run).phi is None) == blind


def test_when_the_only_painter_stays_down_the_run_ends_without_a_picture(tmp_path: Path) -> None:
    run = fake_run(tmp_path, experts=[DRAW.to_dict()])
    composer = fake_composer(run)
    painter(composer, "draw").fails = [ExpertError("gone", retryable=False)]
    episode = composer.compose()
    assert (episode.end, episode.result, episode.phi) == ("nothing_legal", None, 0.0)
    assert run.report_path.exists()


def test_after_an_outage_the_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    run = fake_run(tmp_path)
    composer = fake_composer(run)
    composer.critic.fails = [CriticError("down"), CriticError("down")]  # type: ignore[attr-defined]
    first = composer.compose()
    assert (first.end, first.result, run.finished) == ("critic_down", None, False)
    resumed = fake_composer(run).compose()
    assert run.finished
    assert resumed.result is not None
    assert [s.step for s in resumed.steps] == list(range(len(resumed.steps)))
    paid = [k for k in Ledger(run.folder / "ledger.txt").lines() if k.startswith("expert")]
    assert len(paid) == len(set(paid))
    assert load_view(run).state.end == resumed.end


def test_a_run_out_of_steps_or_budget_goes_on_when_given_more(tmp_path: Path) -> None:
    experts = [DRAW.to_dict(), EDIT.to_dict()]
    run = fake_run(tmp_path, rules={"budget": 0.05}, steps=2, experts=experts)
    first = fake_composer(run).compose()
    assert first.end == "out_of_steps"
    more = fake_composer(run)
    more.max_steps = 30
    second = more.compose()
    assert second.end == "out_of_budget"
    assert second.cost <= 0.05 + 1e-9
    assert second.steps[:2] == first.steps
    richer = fake_composer(run)
    richer.budget = 0.2
    third = richer.compose()
    assert third.cost > second.cost
    assert third.steps[: len(second.steps)] == second.steps
    assert load_view(run).state.end == third.end
    stingy = fake_composer(run)
    stingy.budget = 0.01
    with pytest.raises(BudgetError, match="spent already"):
        stingy.compose()


def test_a_failure_that_is_billed_counts_towards_the_cap(tmp_path: Path) -> None:
    run = fake_run(tmp_path, rules={"budget": 0.05}, steps=50)
    composer = fake_composer(run)
    bills = [ExpertError("timed out", kind="timeout", cost=0.02) for _ in range(9)]
    painter(composer, "draw").fails = bills
    episode = composer.compose()
    assert 0 < episode.cost <= 0.05 + 1e-9


def test_what_lies_outside_the_mask_is_kept(tmp_path: Path) -> None:
    run = fake_run(tmp_path, experts=[EDIT.to_dict()])
    picture = Image.effect_noise((48, 40), 80).convert("RGB")
    mask = Image.new("L", picture.size, 0)
    mask.paste(255, (0, 0, 24, 40))
    given = {"image": run.images.put(picture).to_dict(), "mask": run.images.put(mask).to_dict()}
    run.write_config({**read_json(run.config_path)["settings"], **given})
    episode = fake_composer(run).compose()
    edited = [s.image for s in episode.steps if s.outcome and s.image]
    assert edited
    for ref in edited:
        after = run.images.get(ref.sha256)
        assert after.size == picture.size
        outside = (24, 0, 48, 40)
        assert after.crop(outside).tobytes() == picture.crop(outside).tobytes()


def test_a_renamed_run_goes_on(tmp_path: Path) -> None:
    run = fake_run(tmp_path, steps=2)
    first = fake_composer(run).compose()
    moved = Run(run.folder.rename(tmp_path / "moved"))
    more = fake_composer(moved)
    more.max_steps = 4
    assert more.compose().steps[:2] == first.steps


def test_damaged_runs_say_so_and_do_not_hide_the_others(tmp_path: Path) -> None:
    good, bad = fake_run(tmp_path), fake_run(tmp_path)
    for run in (good, bad):
        fake_composer(run).compose()
    bad.episode_path.write_text("{}")
    with pytest.raises(RunError, match="damaged"):
        bad.episode()
    (good.folder / "start.json").write_text("{}")
    with pytest.raises(RunError, match="damaged"):
        load_view(good)
    broken = fake_run(tmp_path / "sqlite")
    broken.checkpoint_path.write_bytes(b"not a database" * 100)
    with pytest.raises(StorageError, match="damaged"):
        fake_composer(broken).compose()


@pytest.mark.parametrize("error", [CriticError("down"), MalformedCritiqueError("no verdict")])
def test_a_failed_judgement_is_asked_again_and_the_picture_not_paid_again(
    tmp_path: Path, error: CriticError
) -> None:
    run = fake_run(tmp_path)
    composer = fake_composer(run)
    composer.critic.fails = [error]  # type: ignore[attr-defined]
    episode = composer.compose()
    first, second = episode.steps[:2]
    assert first.infrastructure_failure
    assert first.critique is not None
    assert first.critique.kind == "failure"
    assert first.outcome is not None
    assert first.outcome.cost == pytest.approx(0.02)
    assert second.request == first.request
    assert second.cached
    assert second.outcome is not None
    assert second.outcome.cost == 0.0


def test_starting_from_a_picture(tmp_path: Path) -> None:
    run = fake_run(tmp_path)
    ref = run.images.put(Image.new("RGB", (32, 32), "green"))
    config = read_json(run.config_path)
    run.write_config({**config["settings"], "image": ref.to_dict()})
    episode = fake_composer(run).compose()
    assert episode.start == ref
    assert load_view(run).start_critique is not None


def test_runs_are_found_by_id_beginning_and_path(tmp_path: Path) -> None:
    run = fake_run(tmp_path)
    fake_composer(run).compose()
    assert find_run(tmp_path, run.id).folder == run.folder
    assert find_run(tmp_path, run.id[:10]).folder == run.folder
    assert find_run(Path("elsewhere"), str(run.folder)).folder == run.folder.resolve()
    assert [r.id for r in list_runs(tmp_path)] == [run.id]
    assert overview(run).end != "unfinished"
    unfinished = fake_run(tmp_path)
    assert overview(unfinished).end == "unfinished"


def test_nothing_secret_or_heavy_is_checkpointed(tmp_path: Path) -> None:
    run = fake_run(tmp_path)
    fake_composer(run).compose()
    assert (run.folder / "checkpoint.sqlite").stat().st_size < 3_000_000
    for line in run.trace_path.read_text().splitlines():
        assert len(json.dumps(json.loads(line))) < 20_000
