"""Killed anywhere, a run goes on and repeats no finished call."""

from __future__ import annotations

import multiprocessing
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from envs.state import State
from policies.base import Decision
from poser.compose.view import change_rules, load_view
from poser.core.action import Action, Call, Stop
from poser.core.errors import RunLockedError
from poser.core.expert import Cost, ExpertSpec
from poser.core.record import EpisodeRecord, StepRecord
from poser.store import Run
from poser.store.calls import DiskCallRecord
from tests.compose.fakes import DRAW, EDIT, KillAt, Ledger, fake_composer, fake_run

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


def _resume(folder: Path, kill_at: int, budget: float | None, steps: int | None) -> None:
    composer = fake_composer(Run(folder), KillAt(kill_at))
    composer.budget, composer.max_steps = budget, steps
    composer.compose()


@pytest.mark.parametrize(("budget", "steps"), [(0.09, None), (None, 4), (0.4, 30)])
def test_killed_while_the_rules_are_changed_nothing_is_lost(
    budget: float | None,
    steps: int | None,
    undisturbed: tuple[EpisodeRecord, int, list[str]],
    tmp_path: Path,
) -> None:
    """Killed, gone on with by other rules and killed again, gone on with as the line says."""
    priced = [s.to_dict() for s in (DRAW, EDIT)]
    _, events, _ = undisturbed
    for first in range(4, min(events, 28), 3):
        for second in range(1, 6, 2):
            run = fake_run(tmp_path / f"{first}-{second}", rules={"budget": 0.2}, experts=priced)
            assert _in_child(run.folder, first) == -signal.SIGKILL
            child = FORK.Process(target=_resume, args=(run.folder, second, budget, steps))
            child.start()
            child.join(60)
            resumed = fake_composer(run).compose()
            state = load_view(run).state
            assert (state.end, state.spent) == (resumed.end, pytest.approx(resumed.cost))
            limit = state.rules.budget
            assert limit in (0.2, budget)
            paid = [s for s in resumed.steps if s.outcome and s.outcome.cost]
            made = Ledger(run.folder / "ledger.txt").lines()
            keys = {line for line in made if line.startswith("expert")}
            asked = {f"expert {s.request.key}" for s in paid if s.request}
            # What was being paid for as the process died may be asked for otherwise.
            assert len(keys - asked) <= 2, (first, second)
            assert resumed.cost <= limit + 1e-9


def test_what_is_paid_for_is_kept_though_another_choice_would_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after a result is on record, then given more: the result still counts."""
    dear = DRAW.model_copy(update={"id": "dear", "cost": Cost(usd=0.5)})
    run = fake_run(tmp_path, rules={"budget": 0.1}, experts=[DRAW.to_dict(), dear.to_dict()])

    def dearest(state: State, legal: Sequence[Action], specs: Mapping[str, ExpertSpec]) -> Decision:
        calls = [a for a in legal if isinstance(a, Call)]
        chosen = max(calls, key=lambda a: specs[a.expert].cost.usd, default=Stop())
        return Decision(chosen, "the dearest")

    class Death(Exception):
        pass

    put = DiskCallRecord.put

    def dying(record: DiskCallRecord, key: str, value: dict[str, Any], step: int) -> None:
        put(record, key, value, step)
        raise Death

    cut = fake_composer(run)
    cut.chooser = dearest
    with monkeypatch.context() as patch:
        patch.setattr(DiskCallRecord, "put", dying)
        with pytest.raises(Death):
            cut.compose()
    richer = fake_composer(run)
    richer.chooser, richer.budget, richer.max_steps = dearest, 0.55, 1
    episode = richer.compose()
    paid = [line for line in Ledger(run.folder / "ledger.txt").lines() if "expert" in line]
    assert episode.cost == pytest.approx(0.02)
    assert len(paid) == 1
    assert load_view(run).state.spent == pytest.approx(episode.cost)


@pytest.mark.parametrize("change", [{"budget": 0.06}, {"max_steps": 4}, {"max_steps": 100}])
@pytest.mark.parametrize("kill_at", [13, 0])
def test_rules_that_were_noted_hold_though_the_process_died_before_it_went_on(
    change: dict[str, float], kill_at: int, tmp_path: Path
) -> None:
    run = fake_run(tmp_path, rules={"budget": 0.3}, steps=6)
    if kill_at:
        assert _in_child(run.folder, kill_at) == -signal.SIGKILL
    else:
        fake_composer(run).compose()
    cut = load_view(run).state
    assert cut.step >= 1
    change_rules(run, cut.step, cut.rules.model_copy(update=change))
    resumed = fake_composer(run).compose()
    state = load_view(run).state
    assert (state.end, state.spent) == (resumed.end, pytest.approx(resumed.cost))
    assert {name: getattr(state.rules, name) for name in change} == change
