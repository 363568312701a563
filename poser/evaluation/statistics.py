"""What scores amount to: means with bootstrap intervals over prompts and training seeds.

Intervals are percentiles of the bootstrap (Efron and Tibshirani, 1993). Prompts are drawn anew,
and with them, where a method was trained several times, its training seeds. Differences between
methods are paired: they are taken on the same prompts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DRAWS = 10_000
"""Bootstrap samples."""

LEVEL = 0.95
"""Coverage of an interval."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and where the true one lies.

    Attributes:
        mean: Of all scores.
        low: Lower end of the 95 % interval.
        high: Upper end.
        n: Prompts.
    """

    mean: float
    low: float
    high: float
    n: int

    def to_dict(self) -> dict[str, float]:
        """As plain JSON data."""
        return {"mean": self.mean, "low": self.low, "high": self.high, "n": self.n}


def estimate(scores: Floats) -> Estimate:
    """The mean score and its interval.

    Args:
        scores: (training seeds, prompts).

    Raises:
        ValueError: There is none.
    """
    return difference(scores, np.zeros((1, scores.shape[1])))


def difference(ours: Floats, theirs: Floats) -> Estimate:
    """The mean difference between two methods on the same prompts, and its interval.

    Args:
        ours: (training seeds, prompts).
        theirs: (training seeds of that method, the same prompts).

    Raises:
        ValueError: There are no prompts, or not the same number.
    """
    if ours.shape[1] != theirs.shape[1] or not ours.size:
        raise ValueError("differences are taken on the same prompts, at least one")
    rng = np.random.default_rng(0)
    n = ours.shape[1]
    weights = _resampled(n, rng)
    ends = (_resampled(len(s), rng) @ s for s in (ours, theirs))
    means = ((next(ends) - next(ends)) * weights).sum(1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(ours.mean() - theirs.mean()), float(low), float(high), n)


def _resampled(n: int, rng: np.random.Generator) -> Floats:
    """How much each of n counts when as many are drawn anew: (draws, n), rows sum up to 1."""
    if n == 1:
        return np.ones((DRAWS, 1))
    drawn: Floats = rng.multinomial(n, np.full(n, 1.0 / n), size=DRAWS) / n
    return drawn


def matrix(runs: Sequence[Mapping[str, float]], prompts: Sequence[str]) -> Floats:
    """Scores by prompt as a matrix: (runs, prompts).

    Args:
        runs: One for each training seed: score by prompt id.
        prompts: Ids that all runs have.
    """
    return np.array([[run[p] for p in prompts] for run in runs], np.float64).reshape(
        len(runs), len(prompts)
    )


def shared(*runs: Mapping[str, float]) -> list[str]:
    """The prompts that all of them have, in the order of the first."""
    return [p for p in runs[0] if all(p in run for run in runs)] if runs else []


def band(requirements: int) -> str:
    """The band of a number of requirements: ``4 to 6``, ``7 to 9``, ``10 to 12``, ..."""
    low = 3 * ((requirements - 1) // 3) + 1
    return f"{low} to {low + 2}"
