"""Importing this module registers ``image_poser/Compose-v0`` with Gymnasium.

``gymnasium.make("envs.registration:image_poser/Compose-v0")`` imports it by itself. Gymnasium has
had no entry points for packages since 1.0, and importing ``envs`` alone does not import Gymnasium.
"""

from __future__ import annotations

from gymnasium.envs.registration import register, registry

ENV_ID = "image_poser/Compose-v0"
"""The environment of :class:`envs.compose_env.ImagePoserEnv`."""

if ENV_ID not in registry:
    register(id=ENV_ID, entry_point="envs.compose_env:ImagePoserEnv")
