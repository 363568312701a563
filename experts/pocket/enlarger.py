"""A diffusers pipeline that finishes a pocket picture: four times as large, sharp and clean.

A `UNet2DModel` over space-to-depth pixels sees the small picture once and predicts, for every pixel
of it, by what the sixteen large ones differ from bicubic interpolation. There is no noise and no
step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from diffusers import UNet2DModel
from PIL import Image
from torch import Tensor
from torch.nn import functional

from experts.pocket.sharing import SharingPipeline

FACTOR = 4
"""Large pixels along a side of a small one."""

CHANNELS = (48, 56)
"""UNet channels by level, finest first."""

FOLD = 2
"""Small pixels along a side of what the UNet takes as one: a fourth of the work."""

REACH = 5
"""Side in pixels of the neighbourhood whose contrast scales what is added to it."""

LARGEST = 256
"""Longest side in pixels of a picture that is enlarged."""

Pictures = Image.Image | Sequence[Image.Image]


def build_enlarger(channels: Sequence[int] = CHANNELS, factor: int = FACTOR) -> UNet2DModel:
    """A UNet that starts as bicubic interpolation; its other weights are random.

    Args:
        channels: By level, finest first; multiples of 8.
        factor: How many times as large it makes a side.
    """
    levels = len(channels)
    unet = UNet2DModel(
        sample_size=64 // FOLD,
        in_channels=3 * FOLD * FOLD,
        out_channels=3 * (FOLD * factor) ** 2,
        block_out_channels=tuple(channels),
        layers_per_block=1,
        down_block_types=("DownBlock2D",) * levels,
        up_block_types=("UpBlock2D",) * levels,
        norm_num_groups=8,
        add_attention=False,
    )
    torch.nn.init.zeros_(unet.conv_out.weight)
    torch.nn.init.zeros_(unet.conv_out.bias)
    return unet


def _contrast(pixels: Tensor) -> Tensor:
    """How far the darkest and the lightest pixel of each neighbourhood are apart, by channel."""
    lightest, darkest = (
        functional.max_pool2d(sign * pixels, REACH, stride=1, padding=REACH // 2)
        for sign in (1, -1)
    )
    spread: Tensor = lightest + darkest
    return spread


def enlarge(unet: UNet2DModel, pixels: Tensor) -> Tensor:
    """Enlarges pictures.

    What the network adds to bicubic interpolation is in units of half the local contrast, so that
    even areas stay as they are, and a faint edge is sharpened as a strong one is.

    Args:
        unet: As `build_enlarger` makes it.
        pixels: (batch, 3, height, width) in [-1, 1]; any sides.

    Returns:
        (batch, 3, factor * height, factor * width), float32, a little beyond [-1, 1] at most.
    """
    fold, spread = (
        math.isqrt(int(channels) // 3)
        for channels in (unet.config.in_channels, unet.config.out_channels)
    )
    factor = spread // fold
    multiple = fold * 2 ** (len(unet.config.block_out_channels) - 1)
    height, width = pixels.shape[-2:]
    room = (0, -width % multiple, 0, -height % multiple)
    padded = functional.pad(pixels, room, mode="replicate") if any(room) else pixels
    plain = padded.float().contiguous()
    smooth = functional.interpolate(plain, scale_factor=factor, mode="bicubic")
    contrast = functional.interpolate(_contrast(plain), scale_factor=factor, mode="bilinear")
    folded = functional.pixel_unshuffle(padded, fold)
    detail = functional.pixel_shuffle(unet(folded, 0).sample.float(), spread)
    large: Tensor = smooth + 0.5 * contrast * detail
    return large[..., : height * factor, : width * factor]


class PocketEnlargePipeline(SharingPipeline):
    """Makes a picture four times as large and sharp, whatever it shows."""

    unet: UNet2DModel
    model_cpu_offload_seq = "unet"
    shared_parts: ClassVar[dict[str, str]] = {}

    def __init__(self, unet: UNet2DModel) -> None:
        super().__init__()
        self.register_modules(unet=unet)

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | Sequence[str] | None = None,
        image: Pictures | None = None,
        *,
        generator: torch.Generator | list[torch.Generator] | None = None,
        num_images_per_prompt: int = 1,
        output_type: str = "pil",
        return_dict: bool = True,
    ) -> Any:
        """Enlarges one picture or several of one size.

        Args:
            prompt: Not read: there is nothing to instruct. Where it is a list, it has one text
                a picture.
            image: What to enlarge; no side longer than `LARGEST`. It is not resampled first.
            generator: Not used: there is no chance in it.
            num_images_per_prompt: Copies of each picture.
            output_type: "pil", "np" (batch, height, width, 3) or "pt" (batch, 3, height, width),
                in [0, 1].
            return_dict: Whether to return an `ImagePipelineOutput` rather than a tuple.

        Returns:
            The large pictures.

        Raises:
            ValueError: There is no picture, one is too large, their sizes or number do not fit,
                or the type of output is unknown.
        """
        if output_type not in ("pil", "np", "pt"):
            raise ValueError(f"output_type {output_type!r} is none of 'pil', 'np', 'pt'")
        images = self._images(prompt, image)
        images = [picture for picture in images for _ in range(num_images_per_prompt)]
        small = np.stack([np.asarray(p.convert("RGB"), np.float32) / 127.5 - 1 for p in images])
        pixels = torch.from_numpy(small).permute(0, 3, 1, 2).contiguous()
        pixels = pixels.to(self._execution_device, self.unet.dtype)
        large = enlarge(self.unet, pixels).clamp(-1, 1)
        height, width = large.shape[-2:]
        return self._output(large, (width, height), output_type, return_dict)

    @staticmethod
    def _images(prompt: str | Sequence[str] | None, image: Pictures | None) -> list[Image.Image]:
        if image is None:
            raise ValueError("there is no picture to enlarge: give image")
        images = [image] if isinstance(image, Image.Image) else list(image)
        if not images:
            raise ValueError("there is no picture to enlarge: image is empty")
        if len({picture.size for picture in images}) > 1:
            raise ValueError("pictures of several sizes in one call: give those of one size")
        width, height = images[0].size
        if max(width, height) > LARGEST:
            raise ValueError(f"{width} x {height} pixels are more than {LARGEST} along a side")
        if prompt is not None and not isinstance(prompt, str):
            if len(images) == 1:
                images = images * len(prompt)
            elif len(images) != len(prompt):
                raise ValueError(f"{len(images)} pictures for {len(prompt)} prompts")
        return images
