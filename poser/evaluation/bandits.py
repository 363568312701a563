"""Bandits that are fitted in the simulator, and kept as a file (safetensors, never a pickle)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import ClassVar

import numpy as np

from policies.bandit import FEATURES, LinUcb, fit
from poser.core.errors import PoserError
from poser.store.files import make_folder, write_bytes


class BanditFileError(PoserError):
    """A file holds no bandit of this version."""

    exit_code: ClassVar[int] = 2


def fitted(folder: Path, seed: int, steps: int) -> tuple[LinUcb, str]:
    """The bandit of a seed: read from a folder where it was fitted before, else fitted now.

    By the threshold that policies are trained by.

    Args:
        folder: Where it is kept.
        seed: Of the simulated worlds.
        steps: Of all simulated episodes together.

    Returns:
        The bandit and its revision.

    Raises:
        StorageError: It cannot be written.
        BanditFileError: The file is damaged.
    """
    path = folder / f"bandit3-{steps}-seed{seed}.safetensors"
    if not path.is_file():
        from critic.rubric import THRESHOLD
        from envs.layout import Layout
        from envs.rules import Rules
        from envs.simulation.vector import SimulatedVecEnv

        layout, rules = Layout(text_dim=0, image_dim=0), Rules(threshold=THRESHOLD)
        write_bandit(path, fit(SimulatedVecEnv(64, layout, rules=rules), steps, seed))
    return read_bandit(path)


def write_bandit(path: Path, bandit: LinUcb) -> None:
    """Writes a bandit.

    Raises:
        StorageError: It cannot be written.
    """
    from safetensors.numpy import save

    make_folder(path.parent)
    write_bytes(path, save({"matrix": bandit.matrix, "vector": bandit.vector}))


def read_bandit(path: Path) -> tuple[LinUcb, str]:
    """The bandit in a file, and its revision.

    Raises:
        BanditFileError: There is none.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        data = path.read_bytes()
        tensors = load(data)
        bandit = LinUcb(matrix=tensors["matrix"], vector=tensors["vector"])
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise BanditFileError(
            f"{path} holds no bandit", remedy="leave the file out: one is fitted"
        ) from error
    if bandit.matrix.shape != (FEATURES, FEATURES) or bandit.vector.shape != (FEATURES,):
        raise BanditFileError(
            f"{path} holds a bandit of another version", remedy="leave the file out: one is fitted"
        )
    if not all(t.dtype == np.float64 and np.isfinite(t).all() for t in tensors.values()):
        raise BanditFileError(
            f"{path} is damaged: its numbers are none", remedy="leave the file out: one is fitted"
        )
    if np.linalg.matrix_rank(bandit.matrix) < FEATURES:
        raise BanditFileError(
            f"{path} is damaged: its matrix has no inverse",
            remedy="leave the file out: one is fitted",
        )
    return bandit, hashlib.sha256(data).hexdigest()[:16]
