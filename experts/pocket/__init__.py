"""The pocket world: small generative models of our own, trained on rendered scenes.

`experts.pocket.world` holds the vocabulary and imports nothing heavy. The pipelines
(`pipeline`, `slot_pipeline`, `stylist`, `enlarger`) import torch and diffusers; import them only
where a picture is made.
"""

from __future__ import annotations

from pathlib import Path


def registry_path() -> Path:
    """The entries of the pocket experts, for the entry-point group ``poser.experts``."""
    return Path(__file__).with_name("experts.yaml")
