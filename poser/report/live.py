"""A run as it goes on: a live view for terminals, plain lines for pipes and logs.

Both write to standard error, so that standard output stays free for the result.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import IO, TYPE_CHECKING, Final, Protocol, Self

from envs.state import State
from poser.core.plan import Plan
from poser.core.record import StepRecord
from poser.report.observer import Observer, SilentObserver
from poser.report.progress import Clock, Line, Progress
from poser.report.tally import Entry, Standing
from poser.report.words import (
    counted,
    duration,
    encodable,
    ending,
    plain,
    sentence,
    shortened,
    signed,
    spend,
)

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

_MARKS: Final[dict[Standing, tuple[str, str, str]]] = {
    "satisfied": ("✓", "x", "green"),
    "open": ("○", "-", "dim"),
    "given_up": ("✗", "!", "red"),
    "unjudged": ("◌", "?", "yellow"),
}
ESTIMATE: Final = "estimated spend"
"""How the note begins that is shown even when all else is silent."""

_ACTIVE: Final = ("▸", ">", "bold cyan")


class Watching(Observer, Protocol):
    """An observer with a beginning and an end."""

    def __enter__(self) -> Self:
        """Begins to show."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ceases to show and leaves the terminal as it was."""
        ...

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leaves the terminal to somebody else for a while, as for a question to the user."""
        ...


def watch(console: Console | None = None, *, quiet: bool = False) -> Watching:
    """The view that suits: nothing, lines, or a live view where there is a terminal for it.

    Args:
        console: Where to show; standard error by default.
        quiet: Show nothing.
    """
    if quiet:
        return SilentView()
    if console is None:
        from rich.console import Console

        console = Console(stderr=True, highlight=False)
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveView(console)
    return LineView(console.file)


class Plain:
    """What needs no preparing: nothing to begin, to end or to leave alone."""

    def __enter__(self) -> Self:
        """Does nothing."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Does nothing."""

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Does nothing."""
        yield


class SilentView(Plain, SilentObserver):
    """Shows nothing but what a run may cost, where it costs anything."""

    def planned(self, plan: Plan, state: State, notes: Sequence[str]) -> None:
        """Prints the estimate to standard error."""
        for note in notes:
            if note.startswith(ESTIMATE):
                print(plain(note), file=sys.stderr)  # noqa: T201


class LineView(Plain, Progress):
    """One plain line for each step: no colour, no cursor movement."""

    def __init__(self, stream: IO[str] | None = None, *, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._stream = stream

    def planned(self, plan: Plan, state: State, notes: Sequence[str]) -> None:
        """Prints the size of the plan, and the notes."""
        super().planned(plan, state, notes)
        aside = len(plan.set_aside)
        self._print(
            f"plan: {counted(len(plan.asked), 'command')}"
            + (" and the finish, " if plan.finish else ", ")
            + f"{counted(len(plan.judged), 'question')}"
            + (f" and {aside} that cannot be judged" if aside else "")
            + f", at most {counted(state.rules.max_steps, 'step')}"
        )
        for note in notes:
            self._print(f"note: {note}")

    def stepped(self, record: StepRecord, state: State) -> None:
        """Prints the step."""
        super().stepped(record, state)
        line = self.lines[-1]
        by = f" [{line.expert}]" if line.expert else ""
        result = f": {line.result}" if line.result else ""
        standing = self.tally(state)
        self._print(
            f"step {line.number}/{state.rules.max_steps}: {shortened(line.title, 72)}{by}{result}; "
            f"{len(standing.satisfied)}/{standing.total} satisfied, "
            f"{spend(state)}, {duration(record.seconds)}"
        )

    def finished(self, state: State) -> None:
        """Prints why it ended."""
        super().finished(state)
        self._print(f"{ending(state).lower()}")

    def _print(self, text: str) -> None:
        stream = sys.stderr if self._stream is None else self._stream
        line = " ".join(plain(text).split()) + "\n"
        with suppress(BrokenPipeError):  # nobody watches any more; the run goes on
            stream.write(encodable(line, getattr(stream, "encoding", None) or "utf-8"))
            stream.flush()


class LiveView(Progress):
    """A view that is drawn again and again at the bottom of a terminal, and goes when it ends."""

    def __init__(self, console: Console | None = None, *, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        if console is None:
            from rich.console import Console

            console = Console(stderr=True, highlight=False)
        self._console = console
        self._live: Live | None = None

    def __enter__(self) -> Self:
        """Begins to draw."""
        from rich.live import Live

        self._live = Live(
            get_renderable=self.frame,
            console=self._console,
            refresh_per_second=8,
            transient=True,
            redirect_stdout=False,
        )
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ceases to draw and clears the view away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leaves the terminal to somebody else for a while, as for a question to the user."""
        live = self._live
        if live is None:
            yield
            return
        live.stop()
        try:
            yield
        finally:
            self.__enter__()

    def planned(self, plan: Plan, state: State, notes: Sequence[str]) -> None:
        """Prints the notes above the view, where they stay."""
        from rich.text import Text

        super().planned(plan, state, notes)
        for note in notes:
            text = Text.assemble(("note: ", "yellow"), plain(note))
            text.plain = encodable(text.plain, self._console.encoding)
            self._console.print(text)

    def frame(self) -> Group:
        """The view at this moment, no higher than the terminal."""
        from rich.console import Group

        height = max(5, self._console.height - 1)
        small = height < 14
        head = self._head()
        gap = [] if small else [self._text("")]
        room = height - len(head) - 1 - 2 * len(gap)
        history = self.lines[-min(5, room // 3) :] if room >= 3 else ()
        commands = self._commands(room - len(history))
        past = [self._history(line) for line in history]
        lines = [*head, *gap, *commands, *gap, *past, self._foot()]
        for line in lines:
            line.plain = encodable(line.plain, self._console.encoding)
        return Group(*lines)

    def _head(self) -> list[Text]:
        state = self.state
        roomy = self._console.width >= 72
        title = self._text("Image-POSER  " if roomy or state is None else "", "bold")
        if state is None:
            return [title]
        standing = self.tally(state)
        step = min(state.step + (state.end is None), state.rules.max_steps)
        title.append(f"step {step} of at most {state.rules.max_steps}")
        title.append(f"  {self._times()}", "dim")
        numbers = self._text("")
        if standing.scored:
            numbers.append(f"{self._bar(standing.score, 20 if roomy else 8)} ")
            numbers.append(f"best {standing.score:.2f}", "bold")
            numbers.append(f", now {state.phi:.2f}  ", "dim")
        numbers.append(f"{len(standing.satisfied)}/{standing.total} satisfied")
        numbers.append(f"  {spend(state)}{' spent' if roomy else ''}")
        return [title, numbers]

    def _times(self) -> str:
        left = self.seconds_left
        passed = duration(self.elapsed, coarse=True)
        return passed if left is None else f"{passed}, at most {duration(left, coarse=True)} left"

    def _bar(self, score: float, width: int) -> str:
        full, empty = ("#", ".") if self._ascii else ("█", "░")
        filled = round(width * min(1.0, max(0.0, score)))
        return full * filled + empty * (width - filled)

    def _commands(self, room: int) -> list[Text]:
        """The commands, or as many around the active one as there is room for."""
        if self.state is None:
            return []
        entries = self.tally(self.state).entries
        if len(entries) <= room:
            return [self._command(e) for e in entries]
        if room < 2:
            return []
        room -= 1
        at = next((n for n, e in enumerate(entries) if e.command.id == self.active), None)
        if at is None:
            at = next((n for n, e in enumerate(entries) if e.standing == "open"), 0)
        first = min(max(0, at - room // 2), len(entries) - room)
        hidden = [*entries[:first], *entries[first + room :]]
        satisfied = sum(e.standing == "satisfied" for e in hidden)
        rest = f"  {self._dots} {len(hidden)} more, {satisfied} of them satisfied"
        return [*map(self._command, entries[first : first + room]), self._text(rest, "dim")]

    def _command(self, entry: Entry) -> Text:
        active = entry.command.id == self.active
        mark, plain_mark, style = _ACTIVE if active else _MARKS[entry.standing]
        line = self._text(f"  {plain_mark if self._ascii else mark} ", style)
        words = plain(sentence(entry.command.instruction))
        line.append(words, "bold" if active else "dim" if entry.standing == "open" else "")
        if entry.standing in ("given_up", "unjudged"):
            line.append(f"  {entry.words}", style)
        elif not entry.judged and entry.command.asked:
            line.append("  cannot be judged", "yellow")
        return line

    def _history(self, line: Line) -> Text:
        text = self._text(f"  {line.number:>3}  ", "dim")
        style = "red" if line.failed else "dim"
        if line.gain is not None and not line.failed:
            text.append(f"{signed(line.gain):>5}  ", _gain_style(line.gain))
        else:
            text.append(f"{'fail' if line.failed else '':>5}  ", style)
        room = max(20, self._console.width - 46)
        text.append(shortened(line.title, room))
        text.append(f"  {line.expert}" if line.expert else "", "dim")
        if line.failed:
            text.append(f"  {line.result}", "red")
        return text

    def _foot(self) -> Text:
        line = self._text(" ")
        if self.state is not None and self.state.end is not None:
            return line.append(self.activity.words, "bold")
        line.append(self._spinner(), "cyan")
        passed = self._clock() - self.activity.since
        line.append(f" {duration(passed, coarse=True)}", "dim")
        return line.append(f"  {' '.join(self.activity.words.split())}")

    def _spinner(self) -> str:
        wheel = "|/-\\" if self._ascii else "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
        return wheel[int(self._clock() * 8) % len(wheel)]

    def _text(self, text: str, style: str = "") -> Text:
        from rich.text import Text

        line = Text(no_wrap=True, overflow="crop" if self._ascii else "ellipsis")
        line.append(text, style)
        return line

    @property
    def _ascii(self) -> bool:
        return not self._console.encoding.lower().startswith("utf")

    @property
    def _dots(self) -> str:
        return "..." if self._ascii else "…"


def _gain_style(gain: float) -> str:
    if abs(gain) < 0.005:
        return "dim"
    return "green" if gain > 0 else "red"
