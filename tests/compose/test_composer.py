from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from envs.replay import replay
from envs.state import State
from poser.compose.view import load_view, overview, settings_of, start_of
from poser.core.errors import CriticError, ExpertError, MalformedCritiqueError
from poser.core.expert import ExpertRequest
from poser.core.plan import Plan
from poser.report.observer import SilentObserver
from poser.store import Run, find_run, list_runs, read_json
from tests.compose.fakes import DRAW, Ledger, Painter, fake_composer, fake_run


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


def test_when_the_only_painter_stays_down_the_run_ends_without_a_picture(tmp_path: Path) -> None:
    run = fake_run(tmp_path, experts=[DRAW.to_dict()])
    composer = fake_composer(run)
    painter(composer, "draw").fails = [ExpertError("gone", retryable=False)]
    episode = composer.compose()
    assert (episode.end, episode.result, episode.phi) == ("nothing_legal", None, 0.0)
    assert run.report_path.exists()


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
