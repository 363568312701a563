"""A disk that fills up in mid-run: one clear line, and after some cleaning the run goes on."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from poser.core.errors import StorageError
from poser.store import files
from tests.compose.fakes import Ledger, fake_composer, fake_run


@pytest.mark.parametrize("writes", [1, 2, 3, 5, 8, 13])
def test_a_full_disk_loses_nothing(
    writes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fake_composer(fake_run(tmp_path / "whole")).compose()
    run = fake_run(tmp_path / "disturbed")
    left = writes
    fsync = files.os.fsync

    def filling(handle: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(28, "No space left on device")
        fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", filling)
        with pytest.raises(StorageError, match="disk is full"):
            fake_composer(run).compose()
    assert not list(run.folder.rglob("*.tmp"))
    resumed = fake_composer(run).compose()
    assert (resumed.result, resumed.phi, resumed.end) == (whole.result, whole.phi, whole.end)
    keys = [line for line in Ledger(run.folder / "ledger.txt").lines() if "expert" in line]
    assert len(keys) - len(set(keys)) <= 1


def test_sqlite_on_a_full_disk_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="free some space"), files.checkpointing(tmp_path):
        raise sqlite3.OperationalError("database or disk is full")
