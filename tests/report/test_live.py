from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from rich.cells import cell_len
from rich.console import Console

from envs.state import initial_state
from envs.transition import apply
from poser.report.live import LineView, LiveView, SilentView, Watching, watch
from poser.report.observer import Observer
from tests.report.runs import SPECS, Run, hostile_run, long_run, street


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def replay(run: Run, observer: Observer, clock: Clock | None = None) -> Iterator[None]:
    """Tells an observer of a run, with a halt after every call."""
    state = initial_state(run.plan, run.rules, image=run.start, critique=run.start_critique)
    observer.planned(run.plan, state, ["nobody paints in watercolour"])
    yield
    for record in run.steps:
        observer.chosen(state, record.action, record.reason)
        yield
        if record.request is not None:
            observer.calling(record.request)
            yield
        if record.outcome is not None and record.outcome.kind == "result":
            observer.judging(record.outcome.image)
            yield
        if clock is not None:
            clock.now += record.seconds
        state, _ = apply(state, record.action, record.outcome, record.critique, SPECS)
        observer.stepped(record, state)
        yield
    if state.end is not None:
        observer.finished(state)
        yield


def terminal(width: int, height: int, encoding: str = "utf-8") -> Console:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return Console(file=stream, force_terminal=True, width=width, height=height)


def written(console: Console) -> str:
    """What the terminal was sent so far."""
    console.file.flush()
    assert isinstance(console.file, io.TextIOWrapper)
    assert isinstance(console.file.buffer, io.BytesIO)
    return console.file.buffer.getvalue().decode()


@pytest.mark.parametrize("size", [(80, 24), (40, 8), (30, 6), (160, 60)])
@pytest.mark.parametrize("make", [street, lambda: long_run(16), hostile_run])
def test_fits_the_terminal(size: tuple[int, int], make: Callable[[], Run]) -> None:
    encoding = "ascii" if size[0] == 40 else "utf-8"
    console = terminal(*size, encoding=encoding)
    view = LiveView(console)
    run = make()
    for _ in replay(run, view):
        with console.capture() as capture:
            console.print(view.frame())
        shown = re.sub(r"\x1b\[[0-9;]*m", "", capture.get())
        lines = shown.rstrip("\n").split("\n")
        assert len(lines) <= size[1]
        assert max(cell_len(line) for line in lines) <= size[0]
        assert "\x1b" not in shown
        shown.encode(encoding)


def test_shows_where_the_run_stands() -> None:
    console = terminal(100, 40)
    clock = Clock()
    view = LiveView(console, clock=clock)
    frames = []
    for _ in replay(street().stop(), view, clock):
        with console.capture() as capture:
            console.print(view.frame())
        frames.append(re.sub(r"\x1b\[[0-9;]*m", "", capture.get()))
    assert "step 1 of at most 18" in frames[0]
    assert "left" not in frames[0].splitlines()[0]
    assert "nobody paints in watercolour" in written(console)
    assert any("pocket-edit: add a red bus in the middle" in f for f in frames)
    assert any("▸ Add a small yellow dog" in f for f in frames)
    assert any("at most" in f and "left" in f for f in frames)
    assert any("no answer after 30 s" in f for f in frames)
    assert "✗ Add three balloons above the bus  given up" in frames[-2]
    assert "Stopped by choice" in frames[-1]
    assert "5/9 satisfied" in frames[-1]


def test_time_left_is_the_mean_by_the_steps_left() -> None:
    clock = Clock()
    view = LineView(io.StringIO(), clock=clock)
    run = street()
    seen = [view.seconds_left for _ in replay(run, view, clock)]
    assert seen[0] is None
    mean = sum(s.seconds for s in run.steps) / len(run.steps)
    assert seen[-1] == pytest.approx(mean * (18 - 13))


def test_a_live_view_cleans_up() -> None:
    console = terminal(80, 24)
    with contextlib.suppress(KeyboardInterrupt), LiveView(console) as view:
        for _ in replay(street(), view):
            pass
        with view.paused():
            console.print("a question")
        raise KeyboardInterrupt
    text = written(console)
    assert "a question" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 2


def test_lines_are_plain() -> None:
    stream = io.StringIO()
    for _ in replay(street().stop(), LineView(stream)):
        pass
    lines = stream.getvalue().splitlines()
    assert len(lines) == 17
    assert lines[0] == (
        "plan: 9 commands, 15 questions and 2 that cannot be judged, at most 18 steps"
    )
    assert lines[3].startswith("step 2/18: Add a red bus in the middle [pocket-edit]: score 0.40")
    assert "failed: no answer after 30 s" in lines[4]
    assert "from the cache" in lines[5]
    assert lines[-1] == "stopped by choice, before the steps ran out"


def test_lines_hold_no_control_characters() -> None:
    stream = io.StringIO()
    for _ in replay(hostile_run(), LineView(stream)):
        pass
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", stream.getvalue()) is None
    assert len(stream.getvalue().splitlines()) == 4


def test_the_view_suits_the_stream() -> None:
    assert isinstance(watch(quiet=True), SilentView)
    assert isinstance(watch(Console(file=io.StringIO())), LineView)
    assert isinstance(watch(terminal(80, 24)), LiveView)


@pytest.mark.parametrize("make", [lambda: SilentView(), lambda: LineView(io.StringIO())])
def test_every_view_is_a_context(make: Callable[[], Watching]) -> None:
    with make() as view, view.paused():
        for _ in replay(street(), view):
            pass


def test_importing_is_light() -> None:
    code = (
        "import sys, poser.report.live, poser.report.summary, poser.report.html;"
        "print([m for m in ('rich', 'jinja2', 'PIL', 'torch') if m in sys.modules])"
    )
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (outcome.stdout, outcome.stderr) == ("[]\n", "")
