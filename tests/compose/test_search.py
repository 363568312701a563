"""A run that searches: durable, within its cap, and honest about what all branches cost."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from envs.replay import replay
from poser.compose.begin import Brief, begin
from poser.compose.composer import Composer
from poser.compose.view import load_view, overview, settings_of, start_of
from poser.core.errors import BudgetError, CriticError, ExpertError, PoserError, RunError
from poser.core.record import EpisodeRecord, StepRecord
from poser.report.html import render_report
from poser.report.summary import print_summary, summary_dict
from poser.store import Run
from tests.compose.fakes import DRAW, EDIT, KillAt, Ledger, fake_composer, fake_run
from tests.compose.test_composer import painter
from tests.compose.test_resume import FORK, essence


def ledger(run: Run) -> list[str]:
    return Ledger(run.folder / "ledger.txt").lines()


def calls(run: Run) -> int:
    return sum(line.startswith("expert") for line in ledger(run))


def bare(step: StepRecord) -> StepRecord:
    return step.model_copy(update={"reason": "", "seconds": 0.0})


def replayed(run: Run, episode: EpisodeRecord) -> None:
    """The trace follows from the rules alone."""
    start, settings = start_of(run), settings_of(run)
    assert start is not None
    specs = {s.id: s for s in settings.experts}
    state = replay(episode.plan, start.rules, run.steps(), specs, changes=start.changes)
    assert (state.end, state.spent, state.champion_phi) == (episode.end, episode.cost, episode.phi)
    assert load_view(run).state == state


def test_a_single_episode_is_the_plain_run(tmp_path: Path) -> None:
    whole = fake_composer(fake_run(tmp_path / "plain", steps=5)).compose()
    run = fake_run(tmp_path / "search", steps=5, search="best-of:1")
    found = fake_composer(run).compose()
    assert [bare(s) for s in found.steps] == [bare(s) for s in whole.steps]
    assert (found.result, found.end, found.cost) == (whole.result, whole.end, whole.cost)
    assert found.search is not None
    assert found.search.cost == pytest.approx(whole.cost)
    assert found.search.calls == calls(run)
    assert whole.search is None


@pytest.mark.parametrize("search", ["best-of:4", "beam:2"])
def test_the_branch_found_is_the_run(tmp_path: Path, search: str) -> None:
    run = fake_run(tmp_path, steps=4, search=search, rules={"budget": 0.3})
    episode = fake_composer(run).compose()
    replayed(run, episode)
    assert run.finished
    assert len(ledger(run)) == len(set(ledger(run)))
    assert episode.search is not None
    assert episode.search.calls == calls(run) > len([s for s in episode.steps if s.request])
    assert episode.cost < episode.search.cost <= 0.3 + 1e-9
    assert overview(run).cost == episode.search.cost
    shown = load_view(run)
    summary = summary_dict(shown, {})
    assert summary["search"]["cost"] == episode.search.cost
    assert (summary["spent"], summary["budget"]) == (episode.cost, 0.3)
    out = io.StringIO()
    print_summary(Console(file=out, width=200), shown, {})
    words = f"earch {search}: {episode.search.calls} calls, ${episode.search.cost:.2f} of $0.30"
    assert f"{words} in all branches" in out.getvalue()
    assert f"{words} in all branches" in render_report(shown)


def test_the_cap_holds_over_all_branches_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    run = fake_run(tmp_path, steps=12, search="best-of:3", rules={"budget": 0.12})
    first = fake_composer(run).compose()
    replayed(run, first)
    assert first.search is not None
    assert first.cost < first.search.cost <= 0.12 + 1e-9
    assert first.steps[-1].request is not None, "text costs nothing, and is set all the same"
    assert first.steps[-1].request.expert == "type"
    stingy = fake_composer(run)
    stingy.budget = first.search.cost - 0.01
    with pytest.raises(BudgetError, match="spent already"):
        stingy.compose()
    more = fake_composer(run)
    more.budget = 0.2
    second = more.compose()
    replayed(run, second)
    assert second.search is not None
    assert first.search.cost <= second.search.cost <= 0.2 + 1e-9
    assert second.steps[: len(first.steps)] == first.steps
    assert second.phi >= first.phi
    assert len(ledger(run)) == len(set(ledger(run)))
    assert second.search.calls == calls(run)


def test_stopped_for_the_cap_it_goes_on_when_given_more(tmp_path: Path) -> None:
    experts = [DRAW.to_dict(), EDIT.to_dict()]
    settings: dict[str, Any] = {
        "steps": 9,
        "search": "best-of:2",
        "rules": {"budget": 0.06},
        "experts": experts,
    }
    run = fake_run(tmp_path, **settings)
    first = fake_composer(run).compose()
    assert first.end == "stopped"
    more = fake_composer(run)
    more.budget = 0.1
    second = more.compose()
    assert len(second.steps) > len(first.steps)
    replayed(run, second)


def _compose(folder: Path, kill_at: int) -> None:
    fake_composer(Run(folder), KillAt(kill_at)).compose()


def _killed(folder: Path, kill_at: int) -> int | None:
    child = FORK.Process(target=_compose, args=(folder, kill_at))
    child.start()
    child.join(60)
    return child.exitcode


@pytest.mark.parametrize("search", ["best-of:2", "beam:2"])
def test_killed_at_events_all_over_it_ends_the_same(tmp_path: Path, search: str) -> None:
    settings: dict[str, Any] = {"steps": 3, "search": search, "rules": {"budget": 0.25}}
    whole = fake_run(tmp_path / "whole", **settings)
    counter = KillAt(-1)
    episode = fake_composer(whole, counter).compose()
    assert counter.count > 30
    for kill_at in range(1, counter.count + 1, 7):
        run = fake_run(tmp_path / str(kill_at), **settings)
        assert _killed(run.folder, kill_at) == -signal.SIGKILL
        resumed = fake_composer(run).compose()
        assert essence(resumed.steps) == essence(episode.steps), kill_at
        assert resumed.result == episode.result
        assert resumed.search is not None
        assert episode.search is not None
        assert (resumed.search.calls, resumed.search.cost) == (
            episode.search.calls,
            episode.search.cost,
        )
        paid = Counter(ledger(run))
        # As in a plain run: only the call that died between its return and its record.
        assert sum(paid.values()) - len(paid) <= 1
        assert set(paid) == set(ledger(whole))
        replayed(run, resumed)


def test_killed_again_and_again_it_still_comes_to_its_end(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"steps": 3, "search": "beam:2"}
    whole = fake_composer(fake_run(tmp_path / "whole", **settings)).compose()
    run = fake_run(tmp_path / "killed", **settings)
    for _ in range(60):
        if _killed(run.folder, 25) == 0:
            break
    episode = run.episode()
    assert episode is not None
    assert essence(episode.steps) == essence(whole.steps)


def test_a_half_written_line_of_the_search_is_healed_and_a_damaged_one_told(
    tmp_path: Path,
) -> None:
    settings: dict[str, Any] = {"steps": 2, "search": "best-of:2"}
    whole = fake_composer(fake_run(tmp_path / "whole", **settings)).compose()
    run = fake_run(tmp_path / "run", **settings)
    assert _killed(run.folder, 11) == -signal.SIGKILL
    with (run.folder / "search.jsonl").open("ab") as file:
        file.write(b'{"leg": "ab')
    assert essence(fake_composer(run).compose().steps) == essence(whole.steps)
    for line in (run.folder / "search.jsonl").read_text().splitlines():
        json.loads(line)
    (run.folder / "search.jsonl").write_text("{}\n")
    run.episode_path.unlink()
    with pytest.raises(RunError, match="damaged"):
        fake_composer(run).compose()


def test_failures_on_the_path_are_not_tried_again_when_it_is_followed(tmp_path: Path) -> None:
    run = fake_run(tmp_path, steps=4, search="best-of:1")
    composer = fake_composer(run)
    composer.critic.fails = [CriticError("down")]  # type: ignore[attr-defined]
    episode = composer.compose()
    assert [s.infrastructure_failure for s in episode.steps] == [True, False, False, False]
    assert episode.steps[1].cached
    assert len(ledger(run)) == len(set(ledger(run)))
    replayed(run, episode)


def test_after_an_outage_it_searches_on_from_where_it_stood(tmp_path: Path) -> None:
    run = fake_run(tmp_path, steps=6, search="best-of:2")
    composer = fake_composer(run)
    composer.critic.fails = [CriticError("down")] * 9  # type: ignore[attr-defined]
    first = composer.compose()
    assert (first.end, first.result, run.finished) == ("critic_down", None, False)
    resumed = fake_composer(run).compose()
    assert run.finished
    assert resumed.result is not None
    assert resumed.steps[: len(first.steps)] == first.steps
    paid = [line for line in ledger(run) if line.startswith("expert")]
    assert len(paid) == len(set(paid))
    assert load_view(run).state.end == resumed.end


def test_a_billed_failure_is_not_forgotten_over_a_kill(tmp_path: Path) -> None:
    run = fake_run(tmp_path, steps=4, search="best-of:2", rules={"budget": 0.07})

    def dies(name: str) -> None:
        if name == "judging":
            raise KeyboardInterrupt

    composer: Composer = fake_composer(run, dies)
    bills = [ExpertError("timed out", kind="timeout", cost=0.02)] * 2
    painter(composer, "draw").fails = bills
    with pytest.raises(KeyboardInterrupt):
        composer.compose()
    episode = fake_composer(run).compose()
    assert episode.search is not None
    assert 0.06 - 1e-9 <= episode.search.cost <= 0.07 + 1e-9


def test_the_estimate_is_of_all_branches(tmp_path: Path) -> None:
    told: list[str] = []
    composer = fake_composer(fake_run(tmp_path, steps=2, search="best-of:3"))
    assert composer.observer is not None
    composer.observer.planned = lambda plan, state, notes: told.extend(notes)  # type: ignore[method-assign]
    composer.compose()
    assert any("$0.02 to $0.12 (no cap" in note for note in told)
    assert any(note.startswith("search best-of:3") for note in told)


def test_what_is_asked_is_checked_and_kept(tmp_path: Path) -> None:
    with pytest.raises(PoserError, match="beam:3"):
        begin(Brief(prompt="a red car", runs=tmp_path, search="beam:none"))
    assert not list(tmp_path.iterdir())
    run = begin(Brief(prompt="a red car", runs=tmp_path, search="beam:2"))
    assert settings_of(run).search == "beam:2"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--search", "beam:0"], "beam:3"),
        (["--search", ""], "no search"),
        (["--search", "beam:2", "--interactive"], "--interactive"),
        (["--resume", "RUN", "--search", "beam:3"], "'search'"),
        (["--resume", "RUN", "--interactive"], "--interactive"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, options: list[str], says: str) -> None:
    (tmp_path / "prompt.txt").write_text("a red car")
    run = begin(Brief(prompt="a red car", runs=tmp_path / "runs", search="beam:2"))
    given = [str(run.folder) if o == "RUN" else o for o in options]
    prompt = [] if "RUN" in options else [str(tmp_path / "prompt.txt")]
    command = [sys.executable, "-m", "poser", "compose", *prompt, *given]
    refused = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert refused.returncode == 2
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr
    assert list((tmp_path / "runs").iterdir()) == [run.folder]
