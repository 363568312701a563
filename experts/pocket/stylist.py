"""A diffusers pipeline that gives a pocket picture another style, in one pass.

What a style does to a picture follows from the picture, but for the grain of paper. So there is
nothing to denoise: a network without normalisation (levels of brightness matter) adds to the
picture what the text asks for, and takes the grain from the noise that it is given. Few shades are
a staircase, which convolutions learn slowly: a palette that the text decides offers it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from experts.pocket.sharing import SharingPipeline, encode_text
from experts.pocket.world import GRAINS, NATIVE_SIZE

FOLD = 2
"""Pixels along a side of what the network takes as one."""

SHADES = 8
"""Levels of brightness of a palette."""


class _Block(nn.Module):
    """A residual block that the text scales and shifts (FiLM, Perez et al., AAAI 2018)."""

    def __init__(self, width: int, told: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, 1, 1)
        self.second = nn.Conv2d(width, width, 3, 1, 1)
        self.film = nn.Linear(told, 2 * width)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, features: Tensor, told: Tensor) -> Tensor:
        scale, shift = self.film(told)[..., None, None].chunk(2, 1)
        inner = functional.silu(self.first(features) * (1 + scale) + shift)
        out: Tensor = features + self.second(inner)
        return out


class StyleNet(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Adds to a picture what a style is, and may put the result into a few shades.

    Args:
        text_width: Width of the text state it reads.
        width: Channels.
        layers: Residual blocks.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, text_width: int = 128, width: int = 64, layers: int = 5) -> None:
        super().__init__()
        self.told = nn.Sequential(nn.Linear(text_width, text_width), nn.SiLU())
        self.enter = nn.Conv2d(4 * FOLD * FOLD, width, 3, 1, 1)
        self.body = nn.ModuleList(_Block(width, text_width) for _ in range(layers))
        self.leave = nn.Conv2d(width, 4 * FOLD * FOLD, 3, 1, 1)
        # Levels of the palette, and how sharply one of them is chosen.
        self.palette = nn.Linear(text_width, SHADES + 1)
        for layer in (self.leave, self.palette):
            nn.init.zeros_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def forward(self, picture: Tensor, text: Tensor, noise: Tensor) -> Tensor:
        """Gives pictures a style.

        Args:
            picture: (batch, 3, size, size) in [-1, 1].
            text: (batch, text width): the state that stands for the whole instruction.
            noise: (batch, 1, grains, grains) of unit variance.

        Returns:
            Pictures, shaped as `picture`, a little beyond [-1, 1] at most.
        """
        grain = functional.interpolate(noise, picture.shape[-2:], mode="bicubic")
        cells = functional.pixel_unshuffle(torch.cat([picture, grain.to(picture.dtype)], 1), FOLD)
        told = self.told(text)
        features = self.enter(cells)
        for block in self.body:
            features = block(features, told)
        left = functional.pixel_shuffle(self.leave(functional.silu(features)).float(), FOLD)
        smooth = picture.float() + left[:, :3]
        out: Tensor = torch.lerp(smooth, self._in_shades(smooth, told), left[:, 3:].sigmoid())
        return out

    def _in_shades(self, smooth: Tensor, told: Tensor) -> Tensor:
        """Each value as the nearest level of a palette that the text decides, softly."""
        levels, sharpness = self.palette(told).float().split((SHADES, 1), -1)
        levels = levels + torch.linspace(-1, 1, SHADES, device=levels.device)
        sharp = 20 * sharpness.exp()[:, None, None]
        apart = (smooth[..., None] - levels[:, None, None, None]).square()
        share = (-sharp[..., None] * apart).softmax(-1)
        shades: Tensor = (share * levels[:, None, None, None]).sum(-1)
        return shades


class PocketStylePipeline(SharingPipeline):
    """Gives a picture another style, and leaves it alone where something else is asked for.

    Args:
        stylist: The network.
        text_encoder: Shared with all others.
        tokenizer: Likewise.
        native_size: Side of pictures.
        shared_sha256: Hashes of the shared parts.
    """

    stylist: StyleNet
    text_encoder: Any
    tokenizer: Any
    model_cpu_offload_seq = "text_encoder->stylist"

    def __init__(
        self,
        stylist: StyleNet,
        text_encoder: Any,
        tokenizer: Any,
        native_size: int = NATIVE_SIZE,
        shared_sha256: dict[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.register_modules(stylist=stylist, text_encoder=text_encoder, tokenizer=tokenizer)
        self.register_to_config(native_size=native_size, shared_sha256=shared_sha256)

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | Sequence[str],
        image: Image.Image | Sequence[Image.Image],
        *,
        generator: torch.Generator | list[torch.Generator] | None = None,
        height: int | None = None,
        width: int | None = None,
        num_images_per_prompt: int = 1,
        output_type: str = "pil",
        return_dict: bool = True,
    ) -> Any:
        """Styles one picture a prompt.

        Args:
            prompt: Instruction or instructions, such as "make it in comic style".
            image: Picture to edit, or one a prompt; resampled to the native size.
            generator: Source of the grain; one for all, or one a picture.
            height: Height of "pil" pictures; the native size where None.
            width: Width of "pil" pictures, likewise.
            num_images_per_prompt: Pictures a prompt.
            output_type: "pil", "np" (batch, 64, 64, 3) or "pt" (batch, 3, 64, 64), in [0, 1].
            return_dict: Whether to return an `ImagePipelineOutput` rather than a tuple.

        Returns:
            The pictures in the other style.

        Raises:
            ValueError: An argument is out of its range, or pictures and prompts differ in number.
        """
        prompts, before = self._to_edit(prompt, image, num_images_per_prompt, generator)
        size = int(self.config.native_size)
        device, dtype = self._execution_device, self.stylist.dtype
        states, _ = encode_text(self.tokenizer, self.text_encoder, prompts)
        noise: Tensor = randn_tensor(
            (len(prompts), 1, GRAINS, GRAINS), generator=generator, device=device, dtype=dtype
        )
        pixels = self.stylist(before.to(dtype), states[:, 0].to(dtype), noise)
        shown = pixels.clamp(-1, 1)
        return self._output(shown, (width or size, height or size), output_type, return_dict)
