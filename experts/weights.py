"""Where weights come from: a folder beside the entry, or a pinned revision of a hub id."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from pydantic import JsonValue

HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")
PINNED = re.compile(r"^[0-9a-f]{40}$")

_SAMPLE = 4096
_SAMPLES = 8


def is_folder_name(source: str) -> bool:
    """Whether a source is written as a path: it begins with ``.``, ``/`` or ``~``."""
    return source.startswith((".", "/", "~")) or Path(source).is_absolute()


def folder_of(source: str, base: Path) -> Path | None:
    """The folder that a source names, whether it exists or not; ``None`` for a hub id.

    Args:
        source: As the entry states it.
        base: The folder of the registry file, for relative paths.
    """
    if is_folder_name(source):
        return (base / Path(source).expanduser()).resolve()
    folder = base / source
    return folder.resolve() if folder.is_dir() else None


def content_revision(path: Path) -> str:
    """A revision for weights on disk that changes when their content does.

    It hashes the name and size of every file and eight samples of 4 kB of each: retraining
    changes all weights, so this finds it in milliseconds however large the files are.

    Args:
        path: A file, or a folder; hidden files and ``.md`` files in it do not count.

    Returns:
        ``content-`` and 16 hexadecimal digits, or an empty text where nothing can be read.
    """
    digest = hashlib.sha256()
    try:
        if path.is_file():
            _add(digest, path, path.name)
        elif path.is_dir():
            for file in sorted(path.rglob("*")):
                name = file.relative_to(path).as_posix()
                if file.is_file() and not name.endswith(".md") and "/." not in f"/{name}":
                    _add(digest, file, name)
        else:
            return ""
    except OSError:
        return ""
    return f"content-{digest.hexdigest()[:16]}"


def _add(digest: hashlib._Hash, path: Path, name: str) -> None:
    size = path.stat().st_size
    digest.update(f"{name}\0{size}\0".encode())
    with path.open("rb") as stream:
        for index in range(_SAMPLES):
            stream.seek(max(0, (size - _SAMPLE) * index // (_SAMPLES - 1)))
            digest.update(stream.read(_SAMPLE))


def with_absolute_paths(value: JsonValue, base: Path) -> JsonValue:
    """A table whose texts that begin with ``./``, ``../`` or ``~/`` are made absolute.

    Args:
        value: JSON data, as an entry's ``load``.
        base: The folder that relative paths start from.
    """
    if isinstance(value, dict):
        return {key: with_absolute_paths(item, base) for key, item in value.items()}
    if isinstance(value, list):
        return [with_absolute_paths(item, base) for item in value]
    if isinstance(value, str) and value.startswith(("./", "../", "~/")):
        return str((base / Path(value).expanduser()).resolve())
    return value


def with_contents(value: JsonValue) -> JsonValue:
    """A table whose absolute paths are replaced by a hash of what is there."""
    if isinstance(value, dict):
        return {key: with_contents(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_contents(item) for item in value]
    if isinstance(value, str) and Path(value).is_absolute():
        return f"{Path(value).name}@{content_revision(Path(value))}"
    return value
