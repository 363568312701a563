"""Files that a reader, or a kill, finds whole."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def replace_file(path: Path, data: bytes) -> None:
    """Writes a file so that a reader, or a kill, sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def publish(source: Path, folder: Path) -> None:
    """Moves every file of an exported folder over the one in place, each at once."""
    for path in sorted(source.rglob("*")):
        if path.is_file():
            replace_file(folder / path.relative_to(source), path.read_bytes())
