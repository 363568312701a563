"""The Markov decision process: actions, state, transition and reward, all pure functions.

The environments over it are imported when they are first asked for: ``envs.ImagePoserEnv``,
``envs.ComposeVecEnv`` (many live episodes) and ``envs.SimulatedVecEnv`` (no pixels).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from envs.compose_env import ImagePoserEnv
    from envs.simulation.vector import SimulatedVecEnv
    from envs.vector import ComposeVecEnv

_LAZY = {
    "ImagePoserEnv": "envs.compose_env",
    "ComposeVecEnv": "envs.vector",
    "SimulatedVecEnv": "envs.simulation.vector",
}

__all__ = ["ComposeVecEnv", "ImagePoserEnv", "SimulatedVecEnv"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'envs' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
