"""Policies by name."""

from __future__ import annotations

import difflib

from policies.base import Policy
from poser.core.errors import UnknownPolicyError

POLICY_NAMES = ("router", "random")
"""The names that :func:`make_policy` knows."""


def make_policy(name: str, seed: int = 0) -> Policy:
    """The policy of that name.

    Raises:
        UnknownPolicyError: There is none.
    """
    if name == "router":
        from policies.router import CapabilityRouter

        return CapabilityRouter()
    if name == "random":
        from policies.random import RandomPolicy

        return RandomPolicy(seed)
    near = difflib.get_close_matches(name, POLICY_NAMES, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(POLICY_NAMES)}"
    raise UnknownPolicyError(f"there is no policy {name!r}", remedy=hint)
