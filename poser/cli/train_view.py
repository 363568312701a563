"""Progress of training: a bar with the time left on a terminal, else one line a leg."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from rich.progress import TaskID

    from policies.training.config import Stage
    from policies.training.run import Watcher


class TrainingView:
    """A :class:`policies.training.run.Watcher` that shows a bar, or lines.

    Args:
        console: Where to.
        progress: The bar; ``None`` for lines.
    """

    def __init__(self, console: Console, progress: Progress | None) -> None:
        self._console, self._progress = console, progress
        self._task: TaskID | None = None

    def begun(self, stage: Stage, steps: int, total: int) -> None:
        """See :class:`policies.training.run.Watcher`."""
        if self._progress is not None:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task = self._progress.add_task(
                stage.name, total=total, completed=steps, told="not validated yet"
            )
        else:
            self._console.print(f"stage {stage.name}: {steps} of {total} steps", highlight=False)

    def advanced(self, steps: int) -> None:
        """See :class:`policies.training.run.Watcher`."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=steps)

    def leg(self, figures: Mapping[str, Any]) -> None:
        """See :class:`policies.training.run.Watcher`."""
        told = f"return {figures['validation/return']:+.3f}"
        if (phi := figures.get("validation/phi")) is not None:
            told += f", Phi {phi:.3f}"
        if (spent := figures.get("validation/cost_usd")) is not None:
            told += f", ${spent:.3f}"
        if figures["best"]:
            told += ", best so far"
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, told=told)
        else:
            seconds = figures["seconds"]
            self._console.print(
                f"{figures['steps']} steps, {seconds:.0f} s: {told}", highlight=False
            )


@contextmanager
def watch_training(*, quiet: bool) -> Iterator[Watcher]:
    """What is told of progress, on standard error.

    Args:
        quiet: Nothing is shown.
    """
    from policies.training.run import SilentWatcher

    console = Console(stderr=True)
    if quiet:
        yield SilentWatcher()
    elif not console.is_terminal:
        yield TrainingView(console, None)
    else:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console) as progress:
            yield TrainingView(console, progress)
