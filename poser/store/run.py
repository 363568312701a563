"""The folder of a run: everything about it, and nothing outside it.

``config.json``, ``plan.json``, ``start.json``, ``images/``, ``calls/``, ``checkpoint.sqlite``,
``trace.jsonl``, ``episode.json``, ``report.html``, ``result.png``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from poser.core.errors import RunError, StorageError
from poser.core.record import EpisodeRecord, StepRecord
from poser.store.calls import DiskCallRecord
from poser.store.files import (
    locking,
    make_folder,
    read_json,
    storing,
    write_json,
    write_text,
)
from poser.store.images import DiskImageStore

FORMAT = 1
"""Version of the folder's layout."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run on disk.

    Attributes:
        folder: Its folder; the folder's name is the run's id.
        shared: A cache folder shared with other runs, if the user wants that.
    """

    folder: Path
    shared: Path | None = None

    @property
    def id(self) -> str:
        """The run's id."""
        return self.folder.name

    @property
    def config_path(self) -> Path:
        """``config.json``."""
        return self.folder / "config.json"

    @property
    def plan_path(self) -> Path:
        """``plan.json``."""
        return self.folder / "plan.json"

    @property
    def trace_path(self) -> Path:
        """``trace.jsonl``: one :class:`StepRecord` a line."""
        return self.folder / "trace.jsonl"

    @property
    def episode_path(self) -> Path:
        """``episode.json``: the :class:`EpisodeRecord`, once finished."""
        return self.folder / "episode.json"

    @property
    def result_path(self) -> Path:
        """``result.png``: the champion."""
        return self.folder / "result.png"

    @property
    def report_path(self) -> Path:
        """``report.html``."""
        return self.folder / "report.html"

    @property
    def checkpoint_path(self) -> Path:
        """``checkpoint.sqlite``."""
        return self.folder / "checkpoint.sqlite"

    @property
    def images(self) -> DiskImageStore:
        """The run's pictures."""
        behind = DiskImageStore(self.shared / "images") if self.shared else None
        return DiskImageStore(self.folder / "images", behind)

    @property
    def calls(self) -> DiskCallRecord:
        """The run's finished calls."""
        shared = self.shared / "calls" if self.shared else None
        return DiskCallRecord(self.folder / "calls", self.images, shared)

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return self.episode_path.exists()

    def config(self) -> dict[str, Any]:
        """The run's configuration.

        Raises:
            RunError: There is none, or it is of another version.
        """
        try:
            config = read_json(self.config_path)
        except StorageError as error:
            raise RunError(
                f"{self.folder} is no run: it has no readable config.json",
                remedy="'poser runs list' shows the runs there are",
            ) from error
        if not isinstance(config, dict) or config.get("format") != FORMAT:
            raise RunError(
                f"{self.folder} was written by another version of Image-POSER",
                remedy="compose again with this version",
            )
        return config

    def write_config(self, settings: dict[str, Any]) -> None:
        """Writes the run's configuration: from now on it is a run that can be resumed.

        Raises:
            StorageError: It cannot be written.
        """
        config = {
            "format": FORMAT,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "cache": str(self.shared or ""),
            "settings": settings,
        }
        write_json(self.config_path, config)

    def steps(self) -> list[StepRecord]:
        """All steps on record; a half-written last line is not one."""
        if not self.trace_path.exists():
            return []
        with storing(self.trace_path):
            lines = self.trace_path.read_bytes().split(b"\n")
        steps: list[StepRecord] = []
        for number, line in enumerate(lines[:-1], start=1):
            try:
                steps.append(StepRecord.from_json(line))
            except ValueError as error:
                raise RunError(
                    f"{self.trace_path}, line {number}, is damaged",
                    remedy="compose again; pictures in images/ are intact",
                ) from error
        return steps

    def record(self, step: StepRecord) -> None:
        """Appends a step to the trace, durably.

        Raises:
            StorageError: It cannot be written.
        """
        with storing(self.trace_path), self.trace_path.open("ab") as file:
            file.write(step.to_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def rewind(self, step: int) -> None:
        """Drops from the trace what comes after the last checkpoint (and a half-written line)."""
        if not self.trace_path.exists():
            return
        kept = [s for s in self.steps() if s.step < step]
        write_text(self.trace_path, "".join(s.to_json() + "\n" for s in kept))

    def episode(self) -> EpisodeRecord | None:
        """The finished episode, if the run is finished."""
        if not self.finished:
            return None
        with storing(self.episode_path):
            data = self.episode_path.read_bytes()
        try:
            return EpisodeRecord.from_json(data)
        except ValueError as error:
            raise RunError(
                f"{self.episode_path} is damaged",
                remedy="delete that file: --resume writes it again without any call",
            ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes out; the lock goes with the process.

        Raises:
            RunLockedError: Another process works on this run.
        """
        lock = self.folder / ".lock"
        with locking(lock, self.folder, f"another process works on the run {self.id}"):
            yield


def new_run(root: Path, prompt: str, shared: Path | None = None) -> Run:
    """Makes a new run's folder under ``root``; its name tells when, and the first words.

    Raises:
        StorageError: It cannot be made.
    """
    make_folder(root)
    now = datetime.now(UTC)
    words = re.findall(r"[a-z0-9]+", prompt.lower())[:5]
    stem = "-".join([now.strftime("%Y%m%d-%H%M%S"), *words])[:48].rstrip("-")
    for attempt in range(1000):
        folder = root / (stem if attempt == 0 else f"{stem}-{attempt + 1}")
        try:
            with storing(folder):
                folder.mkdir()
        except StorageError as error:
            if isinstance(error.__cause__, FileExistsError) and folder.is_dir():
                continue
            raise
        return Run(folder, shared)
    raise RunError(f"cannot find a free name under {root}", remedy="choose another with --runs")


def find_run(root: Path, name: str) -> Run:
    """The run of that id (or unique beginning of one) under ``root``, or at that path.

    Raises:
        RunError: There is none, or the beginning fits several.
    """
    for folder in (Path(name), root / name):
        if _is_run(folder):
            return _with_shared(Run(folder.resolve()))
    fits = [r for r in list_runs(root) if r.id.startswith(name)] if name else []
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise RunError(
            f"{name!r} is the beginning of {len(fits)} runs",
            remedy=f"give more of it: {', '.join(r.id for r in fits[:3])}",
        )
    shown = name if len(name) <= 80 else name[:77] + "..."
    raise RunError(
        f"there is no run {shown!r} under {root}", remedy="'poser runs list' shows those there are"
    )


def list_runs(root: Path) -> list[Run]:
    """All runs under ``root``, the newest first."""
    try:
        folders = [f for f in root.iterdir() if _is_run(f)]
    except OSError:
        return []
    return [_with_shared(Run(f)) for f in sorted(folders, key=lambda f: f.name, reverse=True)]


def _is_run(folder: Path) -> bool:
    try:
        return (folder / "config.json").is_file()
    except OSError:  # a name too long to be a file's
        return False


def _with_shared(run: Run) -> Run:
    try:
        shared = run.config().get("cache")
    except RunError:
        return run
    return Run(run.folder, Path(shared)) if isinstance(shared, str) and shared else run
