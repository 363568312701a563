"""Pictures as an eye would see them, by known chances, and plans."""

from __future__ import annotations

import torch

from experts.pocket import slots
from experts.pocket.labels import LABELS

CAR, TREE = slots.NOUNS.index("car"), slots.NOUNS.index("tree")


def shown_by(**boxes: tuple[int, int, int, int]) -> torch.Tensor:
    """Logits of a picture: noun to the cells (top, left, bottom, right) that show it."""
    shown = torch.full((1, LABELS, 16, 16), -6.0)
    for noun, (top, left, bottom, right) in boxes.items():
        shown[0, slots.NOUNS.index(noun), top:bottom, left:right] = 6.0
        shown[0, -1, (top + bottom) // 2, (left + right) // 2] = 6.0
    return shown


def rows_with(*rows: tuple[int, list[float]]) -> torch.Tensor:
    out = torch.zeros(1, slots.SLOTS, len(slots.FIELDS))
    for index, row in rows:
        out[0, index] = torch.tensor(row)
    return out
