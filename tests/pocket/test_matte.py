"""Objects stay as they are where an edit changes the background, and only there."""

from __future__ import annotations

import torch

from experts.pocket.labels import LABELS
from experts.pocket.matte import keep_objects


def _scene() -> tuple[torch.Tensor, torch.Tensor]:
    """A red square on blue, and what each cell shows."""
    before = torch.zeros(1, 3, 64, 64)
    before[:, 2] = 0.8
    before[:, :, 22:38, 22:38] = torch.tensor([0.9, -0.8, -0.8])[None, :, None, None]
    shown = torch.full((1, LABELS, 16, 16), -8.0)
    shown[:, 5, 5:10, 5:10] = 8.0
    return before, shown


def test_objects_stay_on_a_new_background() -> None:
    before, shown = _scene()
    after = torch.full_like(before, -0.9)
    after[:, :, 22:38, 22:38] = before[:, :, 22:38, 22:38] * 0.7  # dulled a little
    kept = keep_objects(before, after, shown)
    assert torch.equal(kept[..., 22:38, 22:38], before[..., 22:38, 22:38])
    around = torch.ones(64, 64, dtype=torch.bool)
    around[22:38, 22:38] = False
    assert torch.equal(kept[..., around], after[..., around])


def test_an_edit_of_everything_is_left_alone() -> None:
    before, shown = _scene()
    after = -before
    assert torch.equal(keep_objects(before, after, shown), after)


def test_a_picture_full_of_objects_has_no_background() -> None:
    before, shown = _scene()
    shown[:, 7] = 8.0
    assert torch.isfinite(keep_objects(before, -before, shown)).all()
