"""Slots drawn as a map that a UNet reads: at each place, what is to be painted there."""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional

from experts.pocket import slots
from experts.pocket.world import NATIVE_SIZE

_REACH = 1.15
"""Half-width of an object's place on the map, in half-widths of the object."""


_PACE = 6.0
"""Factor of the textures. The optimiser's steps are of one size for all weights; this lets
textures, each of which is seen in few pictures, go faster."""


class LayoutMap(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Embeds what each slot shows, and lays it where the slot is.

    Args:
        nouns: Kinds of object.
        colours: Colours, with the object's own.
        noun_width: Width of a kind's embedding.
        colour_width: Width of a colour's embedding.
        texture_width: Channels of a kind's texture.
        texture_side: Rows and columns of a texture.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        nouns: int = len(slots.NOUNS),
        colours: int = len(slots.COLOURS),
        noun_width: int = 24,
        colour_width: int = 8,
        texture_width: int = 12,
        texture_side: int = 16,
    ) -> None:
        super().__init__()
        self.noun = nn.Embedding(nouns, noun_width)
        self.colour = nn.Embedding(colours, colour_width)
        # What a kind of object looks like at each place within it: a learned picture that only
        # the UNet can read (neural textures, Thies et al., 2019). Without it a small UNet has to
        # remember shapes in its convolutions, which takes it many times longer.
        self.texture = nn.Parameter(
            0.3 / _PACE * torch.randn(nouns, texture_width, texture_side, texture_side)
        )

    @property
    def channels(self) -> int:
        """Channels of the map."""
        widths = (self.config.noun_width, self.config.colour_width, self.config.texture_width)
        return int(sum(widths)) + 5

    def forward(self, rows: Tensor, side: int) -> Tensor:
        """Draws the map.

        Args:
            rows: (batch, slots, 7), columns as `slots.FIELDS`.
            side: Rows and columns of the map.

        Returns:
            (batch, channels, side, side): embeddings of kind and colour; place within the object
            (mirrored as the object is) and its size; whether there is one; whether there is to be
            nothing; the kind's texture. Where objects overlap, the one whose middle is relatively
            nearer counts.
        """
        kind, noun, colour, x, y, size, flip = rows.unbind(-1)
        line = (torch.arange(side, device=rows.device) + 0.5) * (NATIVE_SIZE / side)
        half = size.clamp(min=4)[..., None, None] / 2
        dx = (line[None, None, None, :] - x[..., None, None]) / half
        dy = (line[None, None, :, None] - y[..., None, None]) / half
        dx, dy = dx.expand(-1, -1, side, -1), dy.expand(-1, -1, -1, side)
        far = torch.maximum(dx.abs(), dy.abs())
        # What is painted counts before what is emptied in the same place.
        emptied = (kind == slots.EMPTIED)[..., None, None] & (far <= _REACH)
        far = torch.where(emptied, far.clamp(min=0.99 * _REACH), far)
        far = torch.where((kind > 0)[..., None, None], far, torch.full_like(far, 9.0))
        nearest, index = far.min(1, keepdim=True)
        inside = (nearest <= _REACH).to(rows.dtype)
        sign = (1 - 2 * flip)[..., None, None]
        place = [
            torch.gather(part, 1, index)
            for part in (dx * sign, dy, (size / 32)[..., None, None].expand_as(dx))
        ]
        told = torch.cat([self.noun(noun.long()), self.colour(colour.long())], -1)
        told = torch.cat([told, (kind == slots.EMPTIED)[..., None].to(told.dtype)], -1)
        flat = index[:, 0].flatten(1)[..., None].expand(-1, -1, told.shape[-1])
        spread = torch.gather(told, 1, flat).transpose(1, 2).reshape(len(rows), -1, side, side)
        empty = spread[:, -1:] * inside
        painted = inside - empty
        textures = functional.grid_sample(
            (_PACE * self.texture)[noun.long()].flatten(0, 1),
            (torch.stack([dx * sign, dy], -1) / _REACH).flatten(0, 1),
            align_corners=False,
        ).unflatten(0, rows.shape[:2])  # type: ignore[no-untyped-call]
        chosen = index[:, :, None].expand(-1, -1, textures.shape[2], -1, -1)
        texture = torch.gather(textures, 1, chosen)[:, 0]
        return torch.cat(
            [spread[:, :-1] * painted, *(p * painted for p in place), painted, empty,
             texture * painted], 1
        )  # fmt: skip
