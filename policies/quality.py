"""From a wish between cheap and good to lambda, the reward that a US dollar is worth."""

from __future__ import annotations

MOST = 10.0
"""The greatest lambda: what policies are trained for at most."""


def cost_weight_of(quality: float) -> float:
    """Lambda for a quality: (1 - quality) / quality, at most :data:`MOST`.

    At quality q, one picture that gets everything right instead of nothing may cost
    q / (1 - q) dollars: any amount at 1, $1 at 0.5, 25 cents at 0.2, 10 cents at 0. The feature
    that a policy sees where anything costs, lambda / (1 + lambda), is 1 - q.

    Args:
        quality: In [0, 1].

    Raises:
        ValueError: It is not.
    """
    if not 0.0 <= quality <= 1.0:
        raise ValueError("quality must be from 0 to 1")
    if quality * (1.0 + MOST) <= 1.0:
        return MOST
    return (1.0 - quality) / quality
