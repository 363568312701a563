"""Losses that leave out what is not known."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

UNKNOWN = -100
"""The label of what is not known."""


def known_cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    """The mean cross-entropy over what is known, 0 where nothing is.

    Args:
        logits: (batch, classes).
        truth: Classes, (batch,), int64; :data:`UNKNOWN` where there is none to learn.
    """
    known = (truth != UNKNOWN).sum().clamp(min=1)
    loss: Tensor = (
        functional.cross_entropy(logits, truth, reduction="sum", ignore_index=UNKNOWN) / known
    )
    return loss
