"""Policies by name, or by the folder of a trained one."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast, get_args

from envs.rules import Feedback
from policies.base import Policy
from poser.core.capability import CapabilityTable
from poser.core.errors import UnknownPolicyError
from poser.core.picture import ImageSource

UNTRAINED = ("router", "random", "single", "best-of-4")
"""The names of policies that need no training; any other number may follow ``best-of-``."""

_BEST_OF = re.compile(r"best-of-([1-9]\d{0,3})")

POLICY_NAMES = (*UNTRAINED, "learned")
"""The names that :func:`make_policy` knows."""


def make_policy(
    name: str,
    seed: int = 0,
    *,
    tables: Mapping[str, CapabilityTable] | None = None,
    pictures: ImageSource | None = None,
) -> Policy:
    """The policy of that name.

    Args:
        name: One of :data:`POLICY_NAMES`, or a folder that ``poser train`` made.
        seed: For policies that draw at random.
        tables: Measured capabilities by expert id, for policies that read them.
        pictures: Where pictures are read from, likewise.

    Raises:
        UnknownPolicyError: There is none.
        PoserError: A learned policy cannot be loaded; see :class:`policies.learned.LearnedPolicy`.
    """
    if name == "router":
        from policies.router import CapabilityRouter

        return CapabilityRouter()
    if name == "random":
        from policies.random import RandomPolicy

        return RandomPolicy(seed)
    counted = _BEST_OF.fullmatch(name)
    if name == "single" or counted:
        from policies.best_of import BestOfN

        return BestOfN(int(counted[1]) if counted else 1)
    if is_learned(name):
        from policies.learned import LearnedPolicy

        folder = None if name == "learned" else Path(name)
        return LearnedPolicy.load(folder, tables=tables, pictures=pictures)
    near = difflib.get_close_matches(name, POLICY_NAMES, n=1)
    known = f"choose one of {', '.join(POLICY_NAMES)}, or the folder of a trained policy"
    hint = f"did you mean {near[0]!r}?" if near else known
    raise UnknownPolicyError(f"there is no policy {name!r}", remedy=hint)


def is_learned(name: str) -> bool:
    """Whether a name stands for a trained policy: ``learned``, or a folder."""
    if name in UNTRAINED or _BEST_OF.fullmatch(name):
        return False
    return name == "learned" or os.sep in name or "/" in name or Path(name).is_dir()


def policy_reference(name: str) -> str:
    """The name as a run keeps it: folders as absolute paths."""
    return str(Path(name).absolute()) if is_learned(name) and name != "learned" else name


def policy_revision(name: str) -> str:
    """The hash of a trained policy's weights, so that a run goes on with the same; else empty.

    Raises:
        PoserError: The policy cannot be read.
    """
    if not is_learned(name):
        return ""
    from policies.export import read_card
    from policies.learned import SHIPPED

    return read_card(SHIPPED if name == "learned" else Path(name)).weights


def feedback_of(name: str) -> Feedback:
    """What a critique is used for while a policy composes: what it was used for in training.

    Args:
        name: As :func:`make_policy`; what was not trained uses it for nothing.

    Raises:
        PoserError: The policy cannot be read.
    """
    if not is_learned(name):
        return "none"
    from policies.export import PolicyFileError, read_card
    from policies.learned import SHIPPED

    training = read_card(SHIPPED if name == "learned" else Path(name)).training
    config = training.get("config")
    stages = config.get("stages") if isinstance(config, dict) else None
    found = stages if isinstance(stages, list) else []
    for stage in found:
        if isinstance(stage, dict) and stage.get("name") == training.get("stage"):
            mode = stage.get("feedback", "none")
            if mode not in get_args(Feedback):
                raise PolicyFileError(
                    f"the card of policy {name!r} has an unknown feedback mode {mode!r}",
                    remedy=f"it must be one of {', '.join(get_args(Feedback))}",
                )
            return cast(Feedback, mode)
    return "none"
