"""Bandits as files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from poser.evaluation.bandits import BanditFileError, fitted, read_bandit, write_bandit


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


@pytest.mark.parametrize("broken", ["nan", "singular", "float32"])
def test_numbers_that_are_none_are_refused(tmp_path: Path, broken: str) -> None:
    bandit, _ = fitted(tmp_path, seed=1, steps=64)
    matrix, vector = bandit.matrix.copy(), bandit.vector.copy()
    if broken == "nan":
        vector[0] = np.nan
    elif broken == "singular":
        matrix[:] = 0.0
    else:
        matrix = matrix.astype(np.float32)
    write_bandit(tmp_path / "b.safetensors", replace(bandit, matrix=matrix, vector=vector))
    with pytest.raises(BanditFileError, match="damaged"):
        read_bandit(tmp_path / "b.safetensors")
