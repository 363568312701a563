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
from experts.pocket.pipeline import SCHEDULER_SHIFT, Step, _PocketPipeline
from experts.pocket.planner import PLACES, SlotPlanner, named_in, noun_indices, setting_texts
from experts.pocket.recipes import Recipe
from experts.pocket.setting import asked_setting, repainted, with_setting
from experts.pocket.settling import settle
from experts.pocket.sharing import check_generators, encode_text, load_part, load_text_encoder
from experts.pocket.sight import SURE, cover, others
from experts.pocket.sight_net import SightNet
from experts.pocket.slots import ABSENT, EACH, NOUNS, SLOTS
from experts.pocket.wording import wording_of
from experts.pocket.world import NATIVE_SIZE

PLANNING_STEPS = 4
"""Evaluations of the planner; it is many times cheaper than the renderer."""

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
    ) -> None:
        super().__init__(unet, text_encoder, tokenizer, scheduler, native_size, shared_sha256)
        self.register_modules(planner=planner, layout_map=layout_map)

    def _plan(
        self,
        prompts: list[str],
        generator: torch.Generator | list[torch.Generator] | None,
        seen: Tensor | None = None,
        plans: int = 1,
    ) -> Tensor:
        """Rows (batch * plans, slots, 7) for each prompt, the plans of one after one another.

        `seen` (batch, tokens, width) is what the planner saw of pictures.
        """
        device, dtype = self._execution_device, self.planner.dtype
        states, mask = encode_text(self.tokenizer, self.text_encoder, prompts)
        noise: Tensor = randn_tensor(
            (len(prompts) * plans, SLOTS, PLACES), generator=_repeated(generator, plans),
            device=device, dtype=dtype,
        )  # fmt: skip
        named, kinds = named_in(self.tokenizer, prompts)
        told = (states.to(dtype), mask, named.to(device))
        states, mask, named = (part.repeat_interleave(plans, 0) for part in told)
        seen = None if seen is None else seen.repeat_interleave(plans, 0)
        rows = self.planner.plan(states, mask, named, noise, PLANNING_STEPS, seen)
        return ground(rows, [kind for kind in kinds for _ in range(plans)])

    def _map(self, rows: Tensor) -> Tensor:
        layout: Tensor = self.layout_map(rows, int(self.unet.config.sample_size))
        return layout

    @torch.no_grad()
    def paint(
        self,
        texts: list[str],
        rows: Tensor,
        num_inference_steps: int,
        generator: torch.Generator | list[torch.Generator] | None,
        keep: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Paints what rows say.

        Args:
            texts: Captions; they tell the renderer background and style.
            rows: What is where (batch, slots, 7), see `experts.pocket.slots`.
            num_inference_steps: Steps of the scheduler.
            generator: Source of the noise; one for all, or one a picture.
            keep: A picture (batch, 3, size, size) in [-1, 1] and where it stays, in [0, 1].

        Returns:
            Pictures (batch, 3, size, size) in [-1, 1].
        """
        layout = self._map(rows)
        return self._sample(
            texts, None, num_inference_steps, 1.0, generator, None, (), layout, keep
        )


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
    """Edits a picture by repainting the places that an instruction is about, and only those.

    Args:
        planner: Says what is to be emptied and painted, and roughly where.
        layout_map: Lays that out for the UNet.
        unet: The renderer.
        text_encoder: Shared with all others.
        tokenizer: Likewise.
        scheduler: Flow matching.
        sight: Tells what the picture shows where.
        native_size: Side of pictures.
        shared_sha256: Hashes of the shared parts.
        in_place: Whether what is painted are objects that are there already; None: those that are
            planned where one of their kind is seen.
        candidates: Plans of an edit, of which the one that covers least is painted.
        heeds: Whether plans are held to the number, size and relation that an instruction says.
        settings: Whether it changes backgrounds and styles as well.
    """

    sight: SightNet
    model_cpu_offload_seq = "text_encoder->planner->sight->layout_map->unet"
    shared_parts: ClassVar[dict[str, str]] = {**_SHARED, "sight": "sight"}

    def __init__(
        self,
        planner: SlotPlanner,
        layout_map: LayoutMap,
        unet: UNet2DConditionModel,
        text_encoder: Any,
        tokenizer: Any,
        scheduler: FlowMatchEulerDiscreteScheduler,
        sight: SightNet,
        native_size: int = NATIVE_SIZE,
        shared_sha256: dict[str, str] | None = None,
        in_place: bool | None = False,
        candidates: int = 1,
        settings: bool = False,
        heeds: bool = False,
    ) -> None:
        super().__init__(
            planner, layout_map, unet, text_encoder, tokenizer, scheduler, native_size,
            shared_sha256,
        )  # fmt: skip
        self.register_modules(sight=sight)
        self.register_to_config(
            in_place=in_place, candidates=candidates, settings=settings, heeds=heeds
        )

    def _freest(self, prompts: list[str], generator: Any, seen: Tensor, shown: Tensor) -> Tensor:
        """Of several plans for each prompt, the one that paints over least of what is there."""
        plans = int(self.config.candidates)
        rows = self._plan(prompts, generator, seen, plans)
        covered = cover(rows, shown.repeat_interleave(plans, 0))
        best = covered.reshape(len(prompts), plans).argmin(1)
        first = torch.arange(len(prompts), device=best.device) * plans
        return rows[first + best]

    def _repaint_settings(
        self, prompts: list[str], rows: Tensor, kept: Tensor, told: list[str], shown: Tensor
    ) -> None:
        """Of what asks for another background or style: rows, what is kept, and words, changed."""
        for index, prompt in enumerate(prompts):
            background, style = asked_setting(self.tokenizer, prompt)
            if background is None and style is None:
                continue
            rows[index] = repainted(rows[index], shown[index], style)
            seen = shown[index, : len(NOUNS)].float().sigmoid().amax(0) >= SURE
            kept[index, 0] = 0 if style is not None else seen.to(kept.dtype)
            told[index] = with_setting(told[index], background, style)

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
        prompts, before = self._to_edit(prompt, image, num_images_per_prompt, generator)
        size = int(self.config.native_size)
        before = before.to(self.planner.dtype)
        _, kinds = named_in(self.tokenizer, prompts)
        _, seen, _ = self.planner.look(before, noun_indices(kinds).to(before.device))
        shown, setting = self.sight(before)
        rows = self._freest(prompts, generator, seen, shown)
        said = None
        if self.config.heeds:
            said = [wording_of(self.tokenizer, text) for text in prompts]
        rows = settle(rows, shown, kinds, self.config.in_place, said)
        kept = others(rows, shown, self.config.in_place)
        told = setting_texts(setting)
        if self.config.settings:
            self._repaint_settings(prompts, rows, kept, told, shown)
        layout = self._map(rows)
        stays = outside(rows, size, kept)
        pixels = self._sample(
            told, None, num_inference_steps, 1.0, generator, callback_on_step_end,
            callback_on_step_end_tensor_inputs, layout, (before, stays),
        )  # fmt: skip
        pixels = torch.lerp(pixels, before.float(), stays.float())
        return self._output(pixels, (width or size, height or size), output_type, return_dict)


def _repeated(generator: Any, plans: int) -> Any:
    """One generator a plan; those of one picture are the same one, drawn from in turn."""
    if isinstance(generator, list):
        return [source for source in generator for _ in range(plans)]
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


def outside(rows: Tensor, side: int, kept: Tensor | None = None) -> Tensor:
    """Where no slot is: (batch, 1, side, side), 1 outside, with a soft seam of about a pixel.

    Args:
        rows: What is where (batch, slots, 7).
        side: Rows and columns of the picture.
        kept: Cells (batch, 1, rows, columns) that count as outside, where 1.
    """
    line = torch.arange(side, device=rows.device, dtype=rows.dtype) + 0.5
    kind, x, y, size = (rows[..., i, None, None] for i in (0, 3, 4, 5))
    half = size / 2 + 1.5
    inside = (
        (kind > 0) & ((line[None, None, None, :] - x).abs() <= half)
        & ((line[None, None, :, None] - y).abs() <= half)
    )  # fmt: skip
    hard = inside.any(1, keepdim=True).to(rows.dtype)
    if kept is not None:
        hard = hard * (1 - functional.interpolate(kept.to(hard.dtype), (side, side)))
    soft: Tensor = functional.avg_pool2d(hard, 3, 1, 1, count_include_pad=False)
    return 1 - soft


def export_pipeline(planner: SlotPlanner, recipe: Recipe, folder: Path, text: Path) -> None:
    """Saves a planner as a pipeline beside the parts that it shares.

    Args:
        planner: In the precision it is to be saved in.
        recipe: What it was taught.
        folder: Where to.
        text: The text encoder's folder; those of renderer and sight are beside it. Where what it
            needs is not there yet, the planner is saved by itself.
    """
    root = text.parent
    if not (root / "renderer" / "unet").is_dir():
        planner.save_pretrained(folder / "planner")
        return
    edits = recipe.task == "plan edit"
    if edits and not (root / "sight" / "sight").is_dir():
        planner.save_pretrained(folder / "planner")
        return
    encoder, tokenizer = load_text_encoder(text)
    parts: dict[str, Any] = {
        "planner": planner,
        "layout_map": load_part(root / "renderer", "layout_map", torch.float16),
        "unet": load_part(root / "renderer", "unet", torch.float16),
        "text_encoder": encoder,
        "tokenizer": tokenizer,
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=SCHEDULER_SHIFT),
    }
    pipeline: _SlotPipeline
    if edits:
        pipeline = PocketRepaintPipeline(
            **parts,
            sight=load_part(root / "sight", "sight", torch.float16),
            in_place=recipe.in_place,
            candidates=recipe.candidates,
            settings=recipe.settings,
            heeds=recipe.heeds,
        )
    else:
        pipeline = PocketTextToImagePipeline(**parts)
    pipeline.save_sharing(folder, root)
