"""The probe tasks of the pocket world, as trials for any expert."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from experts.pocket.sprites import SpriteSheet
from experts.pocket.tasks import HELD_OUT_SKILLS, OPS, sample_task
from experts.probe import Trial
from poser.core.plan import Op

SKILLS = tuple(OPS)
"""What can be probed."""

HELD_OUT = tuple(skill for skill in SKILLS if skill in HELD_OUT_SKILLS)
"""What can be probed on combinations kept out of training."""


def sample_trials(
    n: int, seed: int, skills: Sequence[str] = SKILLS, *, held_out: bool = False
) -> list[Trial]:
    """Draws tasks: the same for every expert, and the first of them the same for every `n`.

    Args:
        n: Tasks of each skill.
        seed: What they are drawn by.
        skills: Some of `SKILLS`; with `held_out`, of `HELD_OUT`.
        held_out: Ask for what is kept out of the pocket models' training.

    Raises:
        SpriteArchiveError: The sprites are not in the cache and cannot be fetched.
    """
    sheet = SpriteSheet.load()
    return [_trial(sheet, skill, seed, i, held_out) for skill in skills for i in range(n)]


def ops_of(skill: str) -> tuple[Op, ...]:
    """The ops that a skill stands for. One who draws objects draws those that are added, too."""
    op = OPS[skill]
    return ("create", "add") if op == "create" else (op,)


def _trial(sheet: SpriteSheet, skill: str, seed: int, index: int, held_out: bool) -> Trial:
    key = hashlib.sha256(f"probe/{seed}/{skill}/{index}/{held_out}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(key[:16], "big"))
    task = sample_task(sheet, rng, skill, held_out)
    return Trial(
        skill=skill,
        ops=ops_of(skill),
        seed=int.from_bytes(key[16:20], "big") % 2**31,
        text=task.text,
        image=None if task.image is None else Image.fromarray(task.image),
        criteria=task.criteria,
        kept=task.kept,
        finished=None if task.finished is None else Image.fromarray(task.finished),
    )
