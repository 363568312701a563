"""Objects that an edit is not about, cut out of the picture before and set on the new background.

A difference matte: within and around the cells that show an object, what differs from the
background there is the object.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from experts.pocket import slots
from experts.pocket.sight import SURE

ABOUT: Final = 0.7
"""Change of the objects, relative to that of the background, from which an edit is about them."""

SAME: Final = 0.1
"""Difference from the background, in [-1, 1], up to which a pixel is background."""

APART: Final = 0.25
"""Difference from which it is not."""


def keep_objects(before: Tensor, after: Tensor, shown: Tensor) -> Tensor:
    """Puts the objects of the picture before back, where an edit changed mostly the background.

    Args:
        before: Pictures (batch, 3, side, side) in [-1, 1].
        after: The same, edited.
        shown: Logits of what each cell of `before` shows (batch, labels, rows, columns).

    Returns:
        Pictures as `after`; unchanged where the objects changed as much as the background.
    """
    side = before.shape[-1]
    chances = shown[:, : len(slots.NOUNS)].float().sigmoid()
    cells = (1 - (1 - chances).prod(1, keepdim=True) >= SURE).float()
    within = functional.interpolate(cells, (side, side))
    near = functional.interpolate(functional.max_pool2d(cells, 3, 1, 1), (side, side))
    core = functional.interpolate(-functional.max_pool2d(-cells, 3, 1, 1), (side, side))
    changed = (after - before).abs().mean(1, keepdim=True)
    objects, rest = _mean(changed, within), _mean(changed, 1 - within)
    stay = (objects < ABOUT * rest).to(before.dtype)[:, None, None, None]
    off = (before - _background(before, near)).abs().amax(1, keepdim=True)
    matte = ((off - SAME) / (APART - SAME)).clamp(0, 1) * near
    return torch.lerp(after, before, stay * torch.maximum(matte, core))


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    total = (values * weights).sum((1, 2, 3))
    return total / weights.sum((1, 2, 3)).clamp(min=1)


def _background(picture: Tensor, near: Tensor) -> Tensor:
    """The colour of the background by row: the median of what is not near an object."""
    bare = picture.masked_fill(near.bool().expand_as(picture), float("nan"))
    rows = bare.nanmedian(3, keepdim=True).values
    whole = bare.flatten(2).nanmedian(2).values[..., None, None]
    return torch.where(rows.isnan(), whole.nan_to_num(0.0), rows)
