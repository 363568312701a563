"""What a picture shows where: the sight that the editors which repaint share."""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional

from experts.pocket import world
from experts.pocket.labels import LABELS

SETTINGS = (len(world.BACKGROUNDS), len(world.STYLES) + 1)
"""Backgrounds; styles, with none."""


def _layer(inner: int, outer: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inner, outer, 3, stride, 1, bias=False), nn.GroupNorm(8, outer), nn.SiLU()
    )


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_layer(width, width), _layer(width, width))

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = features + self.body(features)
        return out


class SightNet(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Tells what each cell of 4 x 4 pixels shows, and the background and style.

    Args:
        fine: Channels at cells of 2 pixels.
        middle: Channels at cells of 4 pixels.
        coarse: Channels at cells of 8 pixels.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, fine: int = 32, middle: int = 80, coarse: int = 128) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), _layer(12, fine), _Residual(fine))
        self.cells = nn.Sequential(_layer(fine, middle, 2), _Residual(middle), _Residual(middle))
        self.around = nn.Sequential(_layer(middle, coarse, 2), _Residual(coarse))
        self.back = nn.Conv2d(coarse, middle, 1)
        self.last = _Residual(middle)
        self.shows = nn.Conv2d(middle, LABELS, 1)
        assert self.shows.bias is not None
        nn.init.constant_(self.shows.bias, -4.0)
        self.setting = nn.Linear(2 * middle + coarse, sum(SETTINGS))

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Looks at pictures.

        Args:
            picture: (batch, 3, 64, 64) in [-1, 1].

        Returns:
            Logits (batch, labels, 16, 16) of what each cell shows (`experts.pocket.labels`), and
            logits of background and style (batch, sum of `SETTINGS`).
        """
        cells = self.cells(self.stem(picture))
        around = self.around(cells)
        seen = self.last(cells + functional.interpolate(self.back(around), scale_factor=2))
        whole = [cells.mean((2, 3)), cells.amax((2, 3)), around.mean((2, 3))]
        return self.shows(seen), self.setting(torch.cat(whole, 1))
