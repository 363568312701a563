"""The typography expert: sets quoted text on a picture, spelled right.

``style`` reads what is asked, ``fonts`` finds the font and what it lacks, ``layout`` breaks and
fits the text, ``placement`` finds the calmest place and colours that read well there, ``drawing``
sets it. Importing this package imports no Pillow.
"""

from __future__ import annotations

from pathlib import Path

from experts.typography.expert import TypographyExpert

__all__ = ["TypographyExpert", "registry_path"]


def registry_path() -> Path:
    """The entry of the typography expert, for the entry-point group ``poser.experts``."""
    return Path(__file__).with_name("experts.yaml")
