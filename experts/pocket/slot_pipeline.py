"""Diffusers pipelines that plan first and paint then: a planner of slots, and a renderer.

The painters plan a scene from a caption. The editors that repaint look at a picture, plan which
places are to be emptied or painted, and leave everything else as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DConditionModel
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor
from torch.nn import functional

from experts.pocket.layout_map import LayoutMap
from experts.pocket.pipeline import (
    SCHEDULER_SHIFT,
    Step,
    _PocketPipeline,
    check_generators,
    encode_text,
    load_part,
    load_text_encoder,
)
from experts.pocket.planner import PLACES, SlotPlanner, named_in, noun_indices, setting_texts
from experts.pocket.recipes import Recipe
from experts.pocket.sight import cover, settle
from experts.pocket.slots import ABSENT, EACH, NOUNS, SLOTS
from experts.pocket.world import NATIVE_SIZE

PLANNING_STEPS = 6
"""Evaluations of the planner; it is many times cheaper than the renderer."""

CANDIDATES = 4
"""Plans of an edit, of which one is painted."""

_SHARED = {
    "text_encoder": "shared", "tokenizer": "shared", "unet": "renderer", "layout_map": "renderer",
}  # fmt: skip


class _SlotPipeline(_PocketPipeline):
    """What painting and repainting share."""

    planner: SlotPlanner
    layout_map: LayoutMap
    model_cpu_offload_seq = "text_encoder->planner->layout_map->unet"
    shared_parts: ClassVar[dict[str, str]] = _SHARED

    def __init__(
        self,
        planner: SlotPlanner,
        layout_map: LayoutMap,
        unet: UNet2DConditionModel,
        text_encoder: Any,
        tokenizer: Any,
        scheduler: FlowMatchEulerDiscreteScheduler,
        native_size: int = NATIVE_SIZE,
        shared_sha256: dict[str, str] | None = None,
        in_place: bool = False,
    ) -> None:
        super().__init__(unet, text_encoder, tokenizer, scheduler, native_size, shared_sha256)
        self.register_modules(planner=planner, layout_map=layout_map)
        self.register_to_config(in_place=in_place)

    def _plan(
        self,
        prompts: list[str],
        generator: torch.Generator | list[torch.Generator] | None,
        seen: Tensor | None = None,
    ) -> Tensor:
        """Rows (batch, slots, 7) for each prompt; `seen` is what the planner saw of a picture."""
        device, dtype = self._execution_device, self.planner.dtype
        states, mask = encode_text(self.tokenizer, self.text_encoder, prompts)
        noise: Tensor = randn_tensor(
            (len(prompts), SLOTS, PLACES), generator=generator, device=device, dtype=dtype
        )
        named, kinds = named_in(self.tokenizer, prompts)
        rows = self.planner.plan(
            states.to(dtype), mask, named.to(device), noise, PLANNING_STEPS, seen
        )
        return ground(rows, kinds)

    def _map(self, rows: Tensor) -> Tensor:
        layout: Tensor = self.layout_map(rows, int(self.unet.config.sample_size))
        return layout


class PocketTextToImagePipeline(_SlotPipeline):
    """Draws pocket-world scenes, 64x64, from captions."""

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | Sequence[str],
        *,
        num_inference_steps: int = 6,
        guidance_scale: float = 1.0,
        generator: torch.Generator | list[torch.Generator] | None = None,
        height: int | None = None,
        width: int | None = None,
        num_images_per_prompt: int = 1,
        output_type: str = "pil",
        return_dict: bool = True,
        callback_on_step_end: Step | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
    ) -> Any:
        """Draws one picture a prompt.

        Args:
            prompt: Caption or captions, such as "a red car left of a tree on a blue background".
            num_inference_steps: Steps of the scheduler.
            guidance_scale: Classifier-free guidance; 1 and less switch it off.
            generator: Source of the noise; one for all, or one a picture, which makes each
                picture independent of the others in the batch.
            height: Height of "pil" pictures; drawn at the native size and resampled.
            width: Width of "pil" pictures, likewise.
            num_images_per_prompt: Pictures a prompt.
            output_type: "pil", "np" (batch, 64, 64, 3) or "pt" (batch, 3, 64, 64), in [0, 1].
            return_dict: Whether to return an `ImagePipelineOutput` rather than a tuple.
            callback_on_step_end: Called after each step with (pipeline, index, timestep,
                tensors); may return tensors to go on with.
            callback_on_step_end_tensor_inputs: Which tensors it is given; only "latents".

        Returns:
            The pictures.

        Raises:
            ValueError: An argument is out of its range.
        """
        size = int(self.config.native_size)
        prompts = self._prompts(prompt, num_images_per_prompt)
        check_generators(generator, len(prompts))
        layout = self._map(self._plan(prompts, generator))
        pixels = self._sample(
            prompts, None, num_inference_steps, guidance_scale, generator, callback_on_step_end,
            callback_on_step_end_tensor_inputs, layout,
        )  # fmt: skip
        return self._output(pixels, (width or size, height or size), output_type, return_dict)


class PocketRepaintPipeline(_SlotPipeline):
    """Edits a picture by repainting the places that an instruction is about, and only those."""

    def _freest(self, prompts: list[str], generator: Any, seen: Tensor, shown: Tensor) -> Tensor:
        """Of several plans for each prompt, the one that paints over least of what is there."""
        texts = [text for text in prompts for _ in range(CANDIDATES)]
        rows = self._plan(texts, _repeated(generator), seen.repeat_interleave(CANDIDATES, 0))
        covered = cover(rows, shown.repeat_interleave(CANDIDATES, 0))
        best = covered.reshape(len(prompts), CANDIDATES).argmin(1)
        first = torch.arange(len(prompts), device=best.device) * CANDIDATES
        return rows[first + best]

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | Sequence[str],
        image: Image.Image | Sequence[Image.Image],
        *,
        num_inference_steps: int = 6,
        guidance_scale: float = 1.0,
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
            guidance_scale: Without effect beyond 1: what is painted is told by places, not words.
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
        prompts = self._prompts(prompt, num_images_per_prompt)
        check_generators(generator, len(prompts))
        size = int(self.config.native_size)
        before = self._before(self._paired(prompts, image, num_images_per_prompt))
        before = before.to(self._execution_device, self.planner.dtype)
        _, kinds = named_in(self.tokenizer, prompts)
        shown, seen, setting = self.planner.look(before, noun_indices(kinds).to(before.device))
        rows = self._freest(prompts, generator, seen, shown)
        rows = settle(rows, shown, kinds, bool(self.config.in_place))
        layout = self._map(rows)
        stays = _outside(rows, size)
        pixels = self._sample(
            setting_texts(setting), None, num_inference_steps, 1.0, generator, callback_on_step_end,
            callback_on_step_end_tensor_inputs, layout, (before, stays),
        )  # fmt: skip
        pixels = torch.lerp(pixels, before.float(), stays.float())
        return self._output(pixels, (width or size, height or size), output_type, return_dict)


def _repeated(generator: Any) -> Any:
    """One generator a plan; those of one picture are the same one, drawn from in turn."""
    if isinstance(generator, list):
        return [source for source in generator for _ in range(CANDIDATES)]
    return generator


def ground(rows: Tensor, kinds: Sequence[Sequence[str]]) -> Tensor:
    """Lets rows show the kinds that their words name; rows without a word are absent."""
    for index, named in enumerate(kinds):
        for group in range(SLOTS // EACH):
            part = slice(group * EACH, (group + 1) * EACH)
            if group < len(named):
                rows[index, part, 1] = NOUNS.index(named[group])
            else:
                rows[index, part, 0] = ABSENT
    return rows


def _outside(rows: Tensor, side: int) -> Tensor:
    """Where no slot is: (batch, 1, side, side), 1 outside, with a soft seam of about a pixel."""
    line = torch.arange(side, device=rows.device, dtype=rows.dtype) + 0.5
    kind, x, y, size = (rows[..., i, None, None] for i in (0, 3, 4, 5))
    half = size / 2 + 1.5
    inside = (
        (kind > 0) & ((line[None, None, None, :] - x).abs() <= half)
        & ((line[None, None, :, None] - y).abs() <= half)
    )  # fmt: skip
    hard = inside.any(1, keepdim=True).to(rows.dtype)
    soft: Tensor = functional.avg_pool2d(hard, 3, 1, 1, count_include_pad=False)
    return 1 - soft


def export_pipeline(planner: SlotPlanner, recipe: Recipe, folder: Path, text: Path) -> None:
    """Saves a planner as a pipeline beside the parts that it shares.

    Args:
        planner: In the precision it is to be saved in.
        recipe: What it was taught.
        folder: Where to.
        text: The text encoder's folder; the renderer's is beside it. Where there is no renderer
            yet, the planner is saved by itself.
    """
    root = text.parent
    if not (root / "renderer" / "unet").is_dir():
        planner.save_pretrained(folder / "planner")
        return
    encoder, tokenizer = load_text_encoder(text)
    kind = PocketRepaintPipeline if recipe.task == "plan edit" else PocketTextToImagePipeline
    pipeline = kind(
        planner=planner,
        layout_map=load_part(root / "renderer", "layout_map", torch.float16),
        unet=load_part(root / "renderer", "unet", torch.float16),
        text_encoder=encoder,
        tokenizer=tokenizer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=SCHEDULER_SHIFT),
        in_place=recipe.in_place,
    )
    pipeline.save_sharing(folder, root)
