"""A small centre-point detector: what is where, in which colour, on what, in which style.

After Zhou et al., "Objects as Points" (2019): a heat map for each kind of object has a peak at
every object's centre, and the features there tell the box and the colour. The backbone is the
ResNet of ``transformers``; the picture is doubled in size first, as its stem is made for larger
pictures. Imports torch, so it is imported only where a detector runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import ResNetBackbone, ResNetConfig

STRIDE = 4
"""Native pixels between two cells of the heat map."""

BOX_UNIT = 16.0
"""Native pixels that a box's width and height are counted in."""

OVERLAP = 0.5
"""Intersection over union from which the weaker of two boxes is dropped."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What the network says of a batch of pictures.

    Attributes:
        heat: (batch, nouns, rows, columns) logits of a centre.
        box: (batch, 4, rows, columns): width and height in `BOX_UNIT`, and the centre's place in
            its cell, from -0.5 to 0.5, in x and y.
        colour: (batch, colours + 1, rows, columns) logits; the last one: no colour word.
        background: (batch, backgrounds) logits.
        style: (batch, styles + 1) logits; the last one: no style.
    """

    heat: Tensor
    box: Tensor
    colour: Tensor
    background: Tensor
    style: Tensor


def _block(inside: int, outside: int, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, size, padding=size // 2, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )


class CentreNet(nn.Module):
    """The network.

    Args:
        config: What ``config.json`` holds: ``backbone`` (``embedding_size``, ``hidden_sizes``,
            ``depths``), ``neck``, ``head``, and the lists ``nouns``, ``colours``, ``backgrounds``
            and ``styles``.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        sizes = config["backbone"]
        widths = list(sizes["hidden_sizes"])
        stages = [f"stage{index + 1}" for index in range(len(widths))]
        backbone = ResNetConfig(
            embedding_size=sizes["embedding_size"],
            hidden_sizes=widths,
            depths=list(sizes["depths"]),
            layer_type="basic",
            downsample_in_first_stage=False,
            out_features=stages,
        )
        self.backbone = ResNetBackbone(backbone)
        neck, head = config["neck"], config["head"]
        # The first stage has cells of two native pixels; it serves the style only.
        self.lateral = nn.ModuleList(nn.Conv2d(width, neck, 1) for width in widths[1:])
        self.smooth = _block(neck, neck)
        self.what = nn.Sequential(_block(neck, head), nn.Conv2d(head, len(config["nouns"]), 1))
        self.where = nn.Sequential(
            _block(neck, neck), nn.Conv2d(neck, 4 + len(config["colours"]) + 1, 1)
        )
        pooled = 2 * sum(widths)
        self.whole = nn.Linear(pooled, len(config["backgrounds"]) + len(config["styles"]) + 1)
        self._backgrounds = len(config["backgrounds"])
        bias = self.what[-1].bias
        assert isinstance(bias, Tensor)
        nn.init.constant_(bias, -4.6)

    def forward(self, pixels: Tensor) -> Outputs:
        """Looks at pictures (batch, 3, 64, 64) in [-1, 1]."""
        large = functional.interpolate(
            pixels, scale_factor=2, mode="bilinear", align_corners=False
        ).contiguous(memory_format=torch.channels_last)
        maps = self.backbone(large).feature_maps
        top = self.lateral[-1](maps[-1])
        for lateral, features in zip(list(self.lateral)[-2::-1], list(maps)[-2:0:-1], strict=True):
            top = functional.interpolate(top, scale_factor=2, mode="nearest") + lateral(features)
        shared = self.smooth(functional.relu(top))
        where = self.where(shared)
        flat = [m.float().flatten(2) for m in maps]
        whole = self.whole(torch.cat([*(m.mean(-1) for m in flat), *(m.amax(-1) for m in flat)], 1))
        return Outputs(
            heat=self.what(shared).float(),
            box=where[:, :4].float(),
            colour=where[:, 4:].float(),
            background=whole[:, : self._backgrounds].float(),
            style=whole[:, self._backgrounds :].float(),
        )


def look_twice(net: CentreNet, pixels: Tensor) -> Outputs:
    """What is seen of pictures and of their mirror images, on average: the flip test of Zhou et al.

    Logits are averaged, not scores; a centre's place in its cell changes sign in x.

    Args:
        net: The network.
        pixels: As in `CentreNet.forward`.

    Returns:
        As of one look; that of a mirror image is the mirror image of it.
    """
    seen, mirrored = net(pixels), net(pixels.flip(-1))
    box = mirrored.box.flip(-1)
    box = torch.cat([box[:, :2], -box[:, 2:3], box[:, 3:]], 1)
    return Outputs(
        heat=(seen.heat + mirrored.heat.flip(-1)) / 2,
        box=(seen.box + box) / 2,
        colour=(seen.colour + mirrored.colour.flip(-1)) / 2,
        background=(seen.background + mirrored.background) / 2,
        style=(seen.style + mirrored.style) / 2,
    )


@dataclass(frozen=True, slots=True)
class Found:
    """One object: indices of noun and colour, and its box (centre, sides) in native pixels."""

    noun: int
    colour: int
    x: float
    y: float
    width: float
    height: float
    score: float


def peaks(outputs: Outputs, threshold: float, most: int = 24) -> list[list[Found]]:
    """The objects of each picture, the surest first.

    Args:
        outputs: Of the network.
        threshold: Score in [0, 1] from which a peak is an object.
        most: Most objects a picture, before boxes that overlap are dropped.
    """
    heat = outputs.heat.sigmoid()
    heat = heat * (heat == functional.max_pool2d(heat, 3, 1, 1))
    batch, _, rows, cols = heat.shape
    scores, places = heat.flatten(1).topk(min(most, heat[0].numel()))
    colours = outputs.colour.argmax(1)
    found: list[list[Found]] = []
    for index in range(batch):
        kept: list[Found] = []
        for score, place in zip(scores[index].tolist(), places[index].tolist(), strict=True):
            if score < threshold:
                break
            noun, cell = divmod(place, rows * cols)
            row, col = divmod(cell, cols)
            width, height, right, down = outputs.box[index, :, row, col].tolist()
            one = Found(
                noun=noun,
                colour=int(colours[index, row, col]),
                x=(col + 0.5 + right) * STRIDE,
                y=(row + 0.5 + down) * STRIDE,
                width=max(1.0, width * BOX_UNIT),
                height=max(1.0, height * BOX_UNIT),
                score=score,
            )
            if all(overlap(one, other) < OVERLAP for other in kept):
                kept.append(one)
        found.append(kept)
    return found


def overlap(one: Found, other: Found) -> float:
    """Intersection over union of two boxes."""
    wide = (one.width + other.width) / 2 - abs(one.x - other.x)
    high = (one.height + other.height) / 2 - abs(one.y - other.y)
    both = max(0.0, min(wide, one.width, other.width)) * max(
        0.0, min(high, one.height, other.height)
    )
    return both / (one.width * one.height + other.width * other.height - both)
