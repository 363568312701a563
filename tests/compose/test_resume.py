"""Killed anywhere, a run goes on and repeats no finished call."""

from __future__ import annotations

import multiprocessing
import signal
from collections import Counter
from pathlib import Path

import pytest

from poser.compose.view import load_view
from poser.core.errors import RunLockedError
from poser.core.record import EpisodeRecord, StepRecord
from poser.store import Run
from tests.compose.fakes import KillAt, Ledger, fake_composer, fake_run

FORK = multiprocessing.get_context("fork")


def essence(steps: tuple[StepRecord, ...]) -> list[object]:
    """What must be the same however often a run was interrupted: all but times and caching."""
    dropped = {"seconds": True, "cached": True, "outcome": {"seconds"}, "critique": {"seconds"}}
    return [s.model_dump(mode="json", exclude=dropped) for s in steps]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[EpisodeRecord, int, list[str]]:
    run = fake_run(tmp_path_factory.mktemp("whole"))
    counter = KillAt(-1)
    episode = fake_composer(run, counter).compose()
    return episode, counter.count, Ledger(run.folder / "ledger.txt").lines()


def _compose(folder: Path, kill_at: int) -> None:
    fake_composer(Run(folder), KillAt(kill_at)).compose()


def _in_child(folder: Path, kill_at: int) -> int | None:
    child = FORK.Process(target=_compose, args=(folder, kill_at))
    child.start()
    child.join(60)
    return child.exitcode


def test_the_undisturbed_run_is_worth_disturbing(
    undisturbed: tuple[EpisodeRecord, int, list[str]],
) -> None:
    episode, events, _ = undisturbed
    assert len(episode.steps) >= 5
    assert events >= 30
    assert {s.action.kind for s in episode.steps} >= {"call"}


def test_killed_at_every_event_in_turn_it_ends_the_same(
    undisturbed: tuple[EpisodeRecord, int, list[str]], tmp_path: Path
) -> None:
    """One kill a run: at every boundary between nodes, in mid-call and in mid-judgement."""
    episode, events, ledger = undisturbed
    for kill_at in range(1, events + 1):
        run = fake_run(tmp_path / str(kill_at))
        assert _in_child(run.folder, kill_at) == -signal.SIGKILL
        assert not run.finished or kill_at == events
        resumed = fake_composer(run).compose()
        assert essence(resumed.steps) == essence(episode.steps), kill_at
        assert (resumed.end, resumed.cost, resumed.phi) == (episode.end, episode.cost, episode.phi)
        assert resumed.result == episode.result
        paid = Counter(Ledger(run.folder / "ledger.txt").lines())
        again = [line for line, times in paid.items() if times > 1]
        # The one call whose process died between its return and its record may be made again:
        # no local file can tell that it returned. All others are found on record.
        assert len(again) <= 1, (kill_at, again)
        assert set(paid) == set(ledger)
        assert load_view(run).state.end == episode.end


def test_killed_again_and_again_it_still_comes_to_its_end(
    undisturbed: tuple[EpisodeRecord, int, list[str]], tmp_path: Path
) -> None:
    episode, _, _ = undisturbed
    run = fake_run(tmp_path)
    for _ in range(200):
        if _in_child(run.folder, 9) == 0:
            break
    assert run.finished
    done_by_now = run.episode()
    assert done_by_now is not None
    assert essence(done_by_now.steps) == essence(episode.steps)


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    run = fake_run(tmp_path)
    first = fake_composer(run).compose()
    before = Ledger(run.folder / "ledger.txt").lines()
    assert fake_composer(run).compose() == first
    assert Ledger(run.folder / "ledger.txt").lines() == before


def test_a_lost_episode_record_is_written_again_without_any_call(tmp_path: Path) -> None:
    run = fake_run(tmp_path)
    first = fake_composer(run).compose()
    before = Ledger(run.folder / "ledger.txt").lines()
    run.episode_path.unlink()
    assert fake_composer(run).compose() == first
    assert Ledger(run.folder / "ledger.txt").lines() == before


def test_a_half_written_line_of_the_trace_is_healed(tmp_path: Path) -> None:
    run = fake_run(tmp_path)
    assert _in_child(run.folder, 20) == -signal.SIGKILL
    with run.trace_path.open("ab") as file:
        file.write(b'{"step": 99, "act')
    episode = fake_composer(run).compose()
    assert [s.step for s in run.steps()] == list(range(len(episode.steps)))


def test_a_second_process_on_the_same_run_is_kept_out(tmp_path: Path) -> None:
    run = fake_run(tmp_path)
    with run.locked(), pytest.raises(RunLockedError, match="another process"):
        fake_composer(run).compose()
    assert fake_composer(run).compose().steps
