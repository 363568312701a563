"""Sizes that a pipeline can work at."""

from __future__ import annotations

import math
from typing import Any

from poser.core.expert import Limits

Size = tuple[int, int]
"""Width and height in pixels."""


def side_multiple(pipeline: Any) -> int:
    """What both sides of a pipeline's pictures must be a multiple of, in pixels; at least 8."""
    processor = getattr(pipeline, "image_processor", None)
    config = getattr(processor, "config", None)
    found = getattr(config, "vae_scale_factor", None) or getattr(pipeline, "vae_scale_factor", 1)
    return math.lcm(8, found if isinstance(found, int) and found > 0 else 1)


def legal_size(size: Size, limits: Limits, multiple: int) -> Size:
    """The nearest size within the limits, of the same aspect as far as the multiple allows.

    Args:
        size: Width and height wished for, each at least 1.
        limits: The expert's; where both sides of a long strip cannot be within them, the larger
            side is.
        multiple: What both sides must be a multiple of.
    """
    width, height = size
    scale = max(1.0, limits.min_side / min(width, height))
    scale = min(scale, limits.max_side / max(width, height))
    return (
        _legal_side(width * scale, limits, multiple),
        _legal_side(height * scale, limits, multiple),
    )


def _legal_side(side: float, limits: Limits, multiple: int) -> int:
    most = max(multiple, limits.max_side // multiple * multiple)
    least = min(most, math.ceil(limits.min_side / multiple) * multiple)
    # A strip longer than the limits allow keeps its aspect rather than its smaller side.
    least = least if side >= limits.min_side - multiple / 2 else multiple
    return min(most, max(least, round(side / multiple) * multiple))
