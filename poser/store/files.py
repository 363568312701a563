"""Files that are there in full or not at all, and storage errors in one line."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from poser.core.errors import RunLockedError, StorageError

_REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space, then go on with --resume",
    errno.EDQUOT: "your disk quota is used up: free some space, then go on with --resume",
    errno.EFBIG: "the file would exceed this system's limit on file sizes",
    errno.EROFS: "the file system is read-only: choose another folder with --runs or --out",
    errno.EACCES: "you may not write there: choose another folder with --runs or --out",
    errno.EPERM: "you may not write there: choose another folder with --runs or --out",
    errno.ENOTDIR: "a part of that path is a file: choose another folder with --runs or --out",
    errno.EEXIST: "a file stands where a folder is needed: choose another with --runs or --out",
}


def storage_error(path: Path, error: OSError) -> StorageError:
    """The one-line error for a failed read or write."""
    reason = error.strerror or str(error)
    remedy = _REMEDIES.get(error.errno or 0, "check the disk and the folder's permissions")
    return StorageError(f"cannot write {path}: {reason}", remedy=remedy)


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turns the operating system's errors into :class:`StorageError`."""
    try:
        yield
    except OSError as error:
        raise storage_error(path, error) from error


@contextmanager
def checkpointing(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into :class:`StorageError`."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StorageError(
            f"cannot write {path}: {error}",
            remedy="free some space or choose another folder, then go on with --resume",
        ) from error
    except sqlite3.DatabaseError as error:
        raise StorageError(
            f"{path} is damaged: {error}",
            remedy="compose again, with --cache to use this run's calls",
        ) from error


@contextmanager
def locking(lock: Path, place: Path, taken: str) -> Iterator[None]:
    """Keeps other processes out; the lock goes with the process.

    Args:
        lock: The lock's file.
        place: What it guards, for errors.
        taken: What to say where another process holds it.

    Raises:
        RunLockedError: Another process holds it.
        StorageError: The lock cannot be made.
    """
    from filelock import FileLock, Timeout

    held = FileLock(lock)
    with storing(place):
        try:
            held.acquire(timeout=0)
        except Timeout as error:
            raise RunLockedError(taken, remedy="wait until it is through, or stop it") from error
    try:
        yield
    finally:
        held.release()


def make_folder(path: Path) -> None:
    """Makes a folder and its parents.

    Raises:
        StorageError: It cannot be made.
    """
    with storing(path):
        path.mkdir(parents=True, exist_ok=True)


def write_bytes(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Writes a file in full or not at all.

    Args:
        path: The file.
        data: All of it.
        durable: Whether it must outlast a power cut, and not only a killed process.

    Raises:
        StorageError: It cannot be written; what was there before is still there.
    """
    with storing(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
            if durable:
                _sync_folder(path.parent)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise


def _sync_folder(folder: Path) -> None:
    """Makes a new name in a folder outlast a power cut, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Like :func:`write_bytes`, in UTF-8."""
    write_bytes(path, text.encode(), durable=durable)


def write_json(path: Path, data: Any, *, durable: bool = True) -> None:
    """Like :func:`write_bytes`, as indented JSON."""
    text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    write_text(path, text, durable=durable)


def read_json(path: Path) -> Any:
    """Reads JSON.

    Raises:
        StorageError: The file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StorageError(
            f"cannot read {path}: {error}", remedy="the file is missing or damaged"
        ) from error
