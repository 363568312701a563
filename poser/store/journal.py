"""A file that only grows: values by key, one line of JSON each."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from poser.store.files import locking, make_folder, storing
from poser.store.images import DiskImageStore


class DiskJournal:
    """A :class:`experts.probe.Journal` in a file.

    A line that a kill cut short, and a call whose picture is gone, count as absent.

    Args:
        path: The file; made when first needed.
        images: The pictures that values name under ``image``.
    """

    def __init__(self, path: Path, images: DiskImageStore) -> None:
        self.path = path
        self.images = images

    def get(self, key: str) -> dict[str, Any] | None:
        """See :class:`experts.probe.Journal`."""
        return self._entries.get(key)

    def put(self, key: str, value: dict[str, Any]) -> None:
        """See :class:`experts.probe.Journal`. What was paid for outlasts even a power cut.

        Raises:
            StorageError: It cannot be written.
        """
        entries = self._entries
        make_folder(self.path.parent)
        line = json.dumps({"key": key, "value": value}, ensure_ascii=False)
        with storing(self.path), self.path.open("ab") as file:
            file.write(f"{line}\n".encode())
            file.flush()
            if value.get("cost"):
                os.fsync(file.fileno())
        entries[key] = value

    @cached_property
    def _entries(self) -> dict[str, dict[str, Any]]:
        if not self.path.exists():
            return {}
        with storing(self.path):
            data = self.path.read_bytes()
            if data and not data.endswith(b"\n"):
                with self.path.open("ab") as file:
                    file.write(b"\n")
        entries: dict[str, dict[str, Any]] = {}
        for line in data.splitlines():
            try:
                entry = json.loads(line)
                key, value = str(entry["key"]), dict(entry["value"])
            except (ValueError, KeyError, TypeError):
                continue
            image = value.get("image")
            if image is None or self.images.path(str(image)).exists():
                entries[key] = value
        return entries

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes out; the lock goes with the process.

        Raises:
            RunLockedError: Another process writes to it.
        """
        make_folder(self.path.parent)
        lock = self.path.with_suffix(".lock")
        with locking(lock, self.path, f"another process writes to {self.path}"):
            yield
