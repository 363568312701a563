"""Diffusers pipelines of the pocket world, made of stock components.

A `UNet2DConditionModel` works on space-to-depth pixels: (3, 64, 64) becomes (12, 32, 32), so there
is no autoencoder. It predicts the clean picture; the flow-matching velocity the scheduler wants
is `(noisy - clean) / sigma`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnAddedKVProcessor
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor
from torch.nn import functional

from experts.pocket.matte import keep_objects
from experts.pocket.sharing import SharingPipeline, check_generators, encode_text
from experts.pocket.sight_net import SightNet

DATA_SCALE = 0.5
"""About the standard deviation of the pictures' pixels in [-1, 1]."""

SCHEDULER_SHIFT = 2.0
"""Shift of the noise levels of sampling towards much noise."""

GUIDED_ABOVE = 0.4
"""Noise level from which guidance is applied."""

Step = Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]


def predict(
    unet: UNet2DConditionModel,
    noisy: Tensor,
    sigma: Tensor,
    states: Tensor,
    mask: Tensor,
    before: Tensor | None = None,
    layout: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Predicts the clean picture from a noisy one.

    The network is given noisy pictures of unit scale at every noise level, and its output is the
    clean picture itself, not the noise: clean pictures have far fewer degrees of freedom, and a
    narrow network has no room for noise (Li and He, "Back to Basics: Let Denoising Generative
    Models Denoise", arXiv 2511.13720).

    Args:
        unet: Takes 3 * f * f channels, or twice as many when it edits.
        noisy: (batch, 3, height, width): `(1 - sigma) * clean + sigma * noise`.
        sigma: (batch,) noise level in (0, 1].
        states: Text states (batch, length, width).
        mask: Text mask (batch, length).
        before: The picture to edit, shaped as `noisy`, in [-1, 1]; None when drawing afresh.
        layout: A map of what is to be painted where (`experts.pocket.layout_map`).

    Returns:
        The clean picture (batch, 3, height, width), and for an editor the logits (batch, 1, height,
        width) of the pixels it changes: elsewhere the picture before shows through.
    """
    factor = noisy.shape[-1] // int(unet.config.sample_size)
    level = sigma[:, None, None, None].float()
    scale = (((1 - level) * DATA_SCALE) ** 2 + level**2).sqrt()
    inputs = (noisy / scale).to(noisy.dtype)
    if before is not None:
        inputs = torch.cat([inputs, before / DATA_SCALE], 1)
    cells = functional.pixel_unshuffle(inputs, factor)
    if layout is not None:
        cells = torch.cat([cells, layout.to(cells.dtype)], 1)
    out = unet(
        cells,
        sigma * 1000,
        encoder_hidden_states=states,
        encoder_attention_mask=mask,
        # The first state stands for the text as a whole: background, style, kind of edit.
        class_labels=states[:, 0] if unet.config.class_embed_type else None,
    ).sample.float()
    shuffled = functional.pixel_shuffle(out, factor)
    clean = DATA_SCALE * shuffled[:, :3]
    if before is None:
        return clean, None
    gate = shuffled[:, 3:]
    original = before.float()
    return original + gate.sigmoid() * (clean - original), gate


def _stack(
    states: Tensor, mask: Tensor, none: Tensor, none_mask: Tensor, batch: int
) -> tuple[Tensor, Tensor]:
    """Texts followed by as many empty texts, padded to one length."""
    room = states.shape[1] - none.shape[1]
    none = functional.pad(none, (0, 0, 0, room)).expand(batch, -1, -1)
    none_mask = functional.pad(none_mask, (0, room)).expand(batch, -1)
    return torch.cat([states, none]), torch.cat([mask, none_mask])


class _PocketPipeline(SharingPipeline):
    """What drawing and editing share."""

    unet: UNet2DConditionModel
    text_encoder: Any
    tokenizer: Any
    scheduler: FlowMatchEulerDiscreteScheduler
    model_cpu_offload_seq = "text_encoder->unet"

    def __init__(
        self,
        unet: UNet2DConditionModel,
        text_encoder: Any,
        tokenizer: Any,
        scheduler: FlowMatchEulerDiscreteScheduler,
        native_size: int = 64,
        shared_sha256: dict[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.register_modules(
            unet=unet, text_encoder=text_encoder, tokenizer=tokenizer, scheduler=scheduler
        )
        self.register_to_config(native_size=native_size, shared_sha256=shared_sha256)
        # Plain attention is faster than the fused one on a CPU at 64 and 16 tokens.
        unet.set_attn_processor(AttnAddedKVProcessor())
        unet.to(memory_format=torch.channels_last)  # faster there, too

    def _sample(
        self,
        prompts: list[str],
        before: Tensor | None,
        num_inference_steps: int,
        guidance_scale: float,
        generator: torch.Generator | list[torch.Generator] | None,
        callback_on_step_end: Step | None,
        callback_on_step_end_tensor_inputs: Sequence[str],
        layout: Tensor | None = None,
        keep: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Samples pictures (batch, 3, height, width) in [-1, 1].

        `layout` is a map of what is to be painted where. `keep` is a picture and a mask
        (batch, 1, height, width), 1 where that picture stays.
        """
        device = self._execution_device
        size, batch = int(self.config.native_size), len(prompts)
        check_generators(generator, batch)
        dtype = self.unet.dtype
        latents: Tensor = randn_tensor(
            (batch, 3, size, size), generator=generator, device=device, dtype=dtype
        )
        guided = guidance_scale > 1.0
        states, mask = encode_text(self.tokenizer, self.text_encoder, prompts)
        states = states.to(dtype)
        if guided:
            none, none_mask = encode_text(self.tokenizer, self.text_encoder, [""])
            doubled = _stack(states, mask, none.to(dtype), none_mask, batch)
        if before is not None:
            before = before.to(device, dtype)
        self.scheduler.set_timesteps(num_inference_steps, device=device)
        levels = self.scheduler.sigmas
        with self.progress_bar(total=num_inference_steps) as progress:
            for index, timestep in enumerate(self.scheduler.timesteps):
                level = levels[index].to(dtype)
                # Guidance settles what is where; the last, fine steps go without it.
                twice = guided and float(level) >= GUIDED_ABOVE
                copies = 2 if twice else 1
                clean, _ = predict(
                    self.unet,
                    latents.repeat(copies, 1, 1, 1),
                    level.expand(batch * copies),
                    *(doubled if twice else (states, mask)),
                    None if before is None else before.repeat(copies, 1, 1, 1),
                    None if layout is None else layout.repeat(copies, 1, 1, 1),
                )
                if twice:
                    with_text, without = clean.chunk(2)
                    clean = without + guidance_scale * (with_text - without)
                clean = clean.clamp(-1, 1)
                if keep is not None:
                    clean = torch.lerp(clean, keep[0].float(), keep[1].float())
                velocity = (latents.float() - clean) / level.float()
                latents = self.scheduler.step(velocity, timestep, latents, return_dict=False)[0]
                latents = latents.to(dtype)
                if callback_on_step_end is not None:
                    given = {"latents": latents}
                    wanted = {k: given[k] for k in callback_on_step_end_tensor_inputs}
                    changed = callback_on_step_end(self, index, timestep, wanted) or {}
                    latents = changed.get("latents", latents)
                progress.update()
        return latents.float().clamp(-1, 1)


class PocketEditPipeline(_PocketPipeline):
    """Edits a picture as an instruction says, and leaves the rest of it as it is.

    Args:
        unet: Predicts the picture, and which of its pixels change.
        text_encoder: Shared with all others.
        tokenizer: Likewise.
        scheduler: Flow matching.
        sight: Tells where objects are, which stay as they are on another background.
        native_size: Side of pictures.
        shared_sha256: Hashes of the shared parts.
    """

    sight: SightNet
    model_cpu_offload_seq = "text_encoder->sight->unet"
    shared_parts: ClassVar[dict[str, str]] = {**_PocketPipeline.shared_parts, "sight": "sight"}

    def __init__(
        self,
        unet: UNet2DConditionModel,
        text_encoder: Any,
        tokenizer: Any,
        scheduler: FlowMatchEulerDiscreteScheduler,
        sight: SightNet,
        native_size: int = 64,
        shared_sha256: dict[str, str] | None = None,
    ) -> None:
        super().__init__(unet, text_encoder, tokenizer, scheduler, native_size, shared_sha256)
        self.register_modules(sight=sight)

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | Sequence[str],
        image: Image.Image | Sequence[Image.Image],
        *,
        num_inference_steps: int = 12,
        guidance_scale: float = 1.5,
        generator: torch.Generator | list[torch.Generator] | None = None,
        height: int | None = None,
        width: int | None = None,
        num_images_per_prompt: int = 1,
        output_type: str = "pil",
        return_dict: bool = True,
        callback_on_step_end: Step | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
    ) -> Any:
        """Edits one picture a prompt.

        Args:
            prompt: Instruction or instructions, such as "add a red car left of the tree".
            image: Picture to edit, or one a prompt; resampled to the native size.
            num_inference_steps: Steps of the scheduler.
            guidance_scale: Classifier-free guidance on the instruction; 1 switches it off.
            generator: Source of the noise; one for all, or one a picture.
            height: Height of "pil" pictures; the native size where None.
            width: Width of "pil" pictures, likewise.
            num_images_per_prompt: Pictures a prompt.
            output_type: "pil", "np" (batch, 64, 64, 3) or "pt" (batch, 3, 64, 64), in [0, 1].
            return_dict: Whether to return an `ImagePipelineOutput` rather than a tuple.
            callback_on_step_end: As in `PocketTextToImagePipeline`.
            callback_on_step_end_tensor_inputs: Likewise.

        Returns:
            The edited pictures.

        Raises:
            ValueError: An argument is out of its range, or pictures and prompts differ in number.
        """
        prompts, before = self._to_edit(prompt, image, num_images_per_prompt, generator)
        size = int(self.config.native_size)
        before = before.to(self.unet.dtype)
        pixels = self._sample(
            prompts, before, num_inference_steps, guidance_scale,
            generator, callback_on_step_end, callback_on_step_end_tensor_inputs,
        )  # fmt: skip
        shown, _ = self.sight(before.to(self.sight.dtype))
        pixels = keep_objects(before.float(), pixels, shown)
        return self._output(pixels, (width or size, height or size), output_type, return_dict)
