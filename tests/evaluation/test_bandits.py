"""Bandits as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from poser.evaluation.bandits import BanditFileError, fitted, read_bandit


def test_a_bandit_is_fitted_once(tmp_path: Path) -> None:
    bandit, revision = fitted(tmp_path, seed=1, steps=64)
    again, same = fitted(tmp_path, seed=1, steps=64)
    assert revision == same
    assert np.array_equal(bandit.matrix, again.matrix)
    assert bandit.matrix.trace() > len(bandit.vector), "it has counted calls"


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.safetensors"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(BanditFileError, match="holds no bandit"):
        read_bandit(path)
