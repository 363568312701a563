"""Asking for files by names that others chose."""

from __future__ import annotations

from pathlib import Path


def is_file(path: Path) -> bool:
    """Whether a file is there, as far as this user may know."""
    try:
        return path.is_file()
    except OSError:  # a name too long to be a file's, or a folder that may not be entered
        return False
