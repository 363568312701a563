"""Finished calls by content, one JSON file each: nothing is paid for twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from envs.calling import Finished
from poser.core.errors import StorageError
from poser.core.value import content_hash
from poser.store.files import make_folder, read_json, write_json
from poser.store.images import DiskImageStore


class DiskCallRecord:
    """A :class:`envs.calling.CallRecord` in a folder.

    Args:
        folder: This run's calls.
        images: The run's pictures; a call whose picture is gone is not used.
        shared: A folder of calls that several runs share, if the user wants that.
    """

    def __init__(self, folder: Path, images: DiskImageStore, shared: Path | None = None) -> None:
        self.folder = folder
        self.images = images
        self.shared = shared

    def get(self, key: str) -> Finished | None:
        """See :class:`envs.calling.CallRecord`. A damaged file counts as absent."""
        own = self._read(self.folder / _name(key))
        if own is not None:
            return Finished(own["value"], own["step"])
        if self.shared is not None:
            other = self._read(self.shared / _name(key))
            if other is not None:
                # The run keeps its own copy, so that it is whole without the shared folder.
                make_folder(self.folder)
                entry = {"key": key, "step": None, "value": other["value"]}
                write_json(self.folder / _name(key), entry, durable=False)
                return Finished(other["value"], None)
        return None

    def put(self, key: str, value: dict[str, Any], step: int) -> None:
        """See :class:`envs.calling.CallRecord`. What was paid for outlasts even a power cut.

        Raises:
            StorageError: It cannot be written.
        """
        durable = value.get("cost", 0.0) > 0.0
        entry = {"key": key, "step": step, "value": value}
        for folder in (self.folder, self.shared):
            if folder is not None:
                make_folder(folder)
                write_json(folder / _name(key), entry, durable=durable)

    def _read(self, path: Path) -> dict[str, Any] | None:
        if not path.exists():
            return None
        try:
            entry = read_json(path)
            image = entry["value"].get("image")
            if image is not None:
                self.images.read(image["sha256"])
            return {"value": dict(entry["value"]), "step": entry["step"]}
        except (StorageError, KeyError, TypeError, AttributeError):
            return None


def _name(key: str) -> str:
    kind = key.partition("-")[0]
    return f"{kind}-{content_hash(key)[:32]}.json"
