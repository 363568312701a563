"""Diffusers pipelines of the pocket world, made of stock components.

A `UNet2DConditionModel` works on space-to-depth pixels: (3, 64, 64) becomes (12, 32, 32), so there
is no autoencoder. It predicts the clean picture; the flow-matching velocity the scheduler wants
is `(noisy - clean) / sigma`.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from diffusers import DiffusionPipeline, FlowMatchEulerDiscreteScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnAddedKVProcessor
from diffusers.pipelines.pipeline_utils import ImagePipelineOutput
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor
from torch.nn import functional
from transformers import BertModel, PreTrainedTokenizerFast

from experts.pocket.matte import keep_objects
from experts.pocket.sight_net import SightNet

DATA_SCALE = 0.5
"""About the standard deviation of the pictures' pixels in [-1, 1]."""

SCHEDULER_SHIFT = 2.0
"""Shift of the noise levels of sampling towards much noise."""

GUIDED_ABOVE = 0.4
"""Noise level from which guidance is applied."""

Step = Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]


def encode_text(tokenizer: Any, text_encoder: Any, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Encodes texts for cross-attention.

    Args:
        tokenizer: The pocket tokenizer.
        text_encoder: A transformers encoder.
        texts: One text a picture.

    Returns:
        States (batch, length, width) and mask (batch, length), 1 where a token is.
    """
    # An odd number at most, for the encoder has no place for one more than its longest.
    longest = tokenizer.model_max_length - 1 + tokenizer.model_max_length % 2
    tokens = tokenizer(
        list(texts), padding="longest", truncation=True, max_length=longest, return_tensors="pt"
    )
    device = text_encoder.device
    ids, mask = tokens["input_ids"].to(device), tokens["attention_mask"].to(device)
    # Attention over text and picture pads its mask only where their lengths differ; an odd one
    # differs from any number of pixels.
    if ids.shape[1] % 2 == 0:
        ids = functional.pad(ids, (0, 1), value=tokenizer.pad_token_id)
        mask = functional.pad(mask, (0, 1))
    states: Tensor = text_encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    return states, mask


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


def load_text_encoder(folder: Path) -> tuple[BertModel, Any]:
    """Loads the text encoder that the pocket experts share, and its tokenizer.

    Args:
        folder: With the folders ``text_encoder`` and ``tokenizer``.

    Raises:
        OSError: They are not there.
    """
    return _load_encoder(folder), load_part(folder, "tokenizer", None)


def _load_encoder(folder: Path) -> BertModel:
    encoder = BertModel.from_pretrained(
        folder / "text_encoder", use_safetensors=True, local_files_only=True, dtype=torch.float32
    )
    encoder.requires_grad_(False)
    return encoder.eval()


def load_part(folder: Path, name: str, dtype: Any) -> Any:
    """Loads one shared part of a pipeline.

    Args:
        folder: That holds it under its name.
        name: "text_encoder", "tokenizer", "unet", "layout_map" or "sight".
        dtype: Of its weights.

    Raises:
        OSError: It is not there.
    """
    if name == "tokenizer":
        return PreTrainedTokenizerFast.from_pretrained(folder / name, local_files_only=True)
    if name == "text_encoder":
        return _load_encoder(folder).to(dtype)
    from experts.pocket.layout_map import LayoutMap

    kind = {"unet": UNet2DConditionModel, "layout_map": LayoutMap, "sight": SightNet}[name]
    return kind.from_pretrained(
        folder / name, torch_dtype=dtype, use_safetensors=True, local_files_only=True
    )


def digest_of(folder: Path) -> str:
    """The sha256 of the weights in a folder; "" where there are none."""
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    return ""


def check_generators(
    generator: torch.Generator | list[torch.Generator] | None, pictures: int
) -> None:
    """Refuses a list of generators that is not one for each picture, by a ValueError."""
    if isinstance(generator, list) and len(generator) != pictures:
        raise ValueError(f"{len(generator)} generators for {pictures} pictures")


def _stack(
    states: Tensor, mask: Tensor, none: Tensor, none_mask: Tensor, batch: int
) -> tuple[Tensor, Tensor]:
    """Texts followed by as many empty texts, padded to one length."""
    room = states.shape[1] - none.shape[1]
    none = functional.pad(none, (0, 0, 0, room)).expand(batch, -1, -1)
    none_mask = functional.pad(none_mask, (0, room)).expand(batch, -1)
    return torch.cat([states, none]), torch.cat([mask, none_mask])


class _PocketPipeline(DiffusionPipeline):  # type: ignore[misc]
    """What drawing and editing share."""

    unet: UNet2DConditionModel
    text_encoder: Any
    tokenizer: Any
    scheduler: FlowMatchEulerDiscreteScheduler
    model_cpu_offload_seq = "text_encoder->unet"
    shared_parts: ClassVar[dict[str, str]] = {"text_encoder": "shared", "tokenizer": "shared"}

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

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Self:
        """Loads a saved pipeline, as `DiffusionPipeline.from_pretrained` does.

        The weights are stored in float16 and loaded as float32 unless `dtype` says
        otherwise; pickled weights are refused. Parts that several pipelines share
        (`shared_parts`) and that the folder lacks are taken from the folders beside it, and must
        be those that it was saved with.

        Raises:
            OSError: Something is missing, or a shared part is another one.
        """
        if "torch_dtype" not in kwargs:
            kwargs.setdefault("dtype", torch.float32)
        kwargs.setdefault("use_safetensors", True)
        folder = Path(args[0] if args else kwargs["pretrained_model_name_or_path"])
        apart = [
            name
            for name in cls.shared_parts
            if folder.is_dir() and not (folder / name).exists() and name not in kwargs
        ]
        dtype = kwargs.get("torch_dtype", kwargs.get("dtype"))
        for name in apart:
            kwargs[name] = load_part(folder.parent / cls.shared_parts[name], name, dtype)
        pipeline: Self = super().from_pretrained(*args, **kwargs)
        wanted = pipeline.config.shared_sha256 or {}
        for name in apart:
            beside = folder.parent / cls.shared_parts[name]
            if name in wanted and wanted[name] != digest_of(beside / name):
                raise OSError(f"{beside} holds another {name} than {folder} was saved with")
        return pipeline

    def save_sharing(self, folder: Path, root: Path) -> None:
        """Saves all but the shared parts, which stand in folders of `root`."""
        found = {
            name: digest_of(root / place / name)
            for name, place in self.shared_parts.items()
            if name != "tokenizer"
        }
        self.register_to_config(shared_sha256=found)
        self.save_pretrained(folder, safe_serialization=True)
        for name in self.shared_parts:
            shutil.rmtree(folder / name)

    def _prompts(self, prompt: str | Sequence[str], num_images_per_prompt: int) -> list[str]:
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        if not prompts or not all(isinstance(text, str) for text in prompts):
            raise ValueError("prompt must be a string or a non-empty list of strings")
        return [text for text in prompts for _ in range(num_images_per_prompt)]

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

    @staticmethod
    def _paired(
        prompts: Sequence[str],
        image: Image.Image | Sequence[Image.Image],
        num_images_per_prompt: int,
    ) -> list[Image.Image]:
        """One picture a prompt."""
        images = [image] if isinstance(image, Image.Image) else list(image)
        if len(images) == 1:
            return images * len(prompts)
        if len(images) * num_images_per_prompt != len(prompts):
            raise ValueError(f"{len(images)} pictures for {len(prompts)} prompts")
        return [picture for picture in images for _ in range(num_images_per_prompt)]

    def _before(self, images: Sequence[Image.Image]) -> Tensor:
        size = int(self.config.native_size)
        arrays = []
        for image in images:
            rgb = image.convert("RGB")
            if rgb.size != (size, size):
                rgb = rgb.resize((size, size), Image.Resampling.LANCZOS)
            arrays.append(np.asarray(rgb, np.float32) / 127.5 - 1)
        return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous()

    def _output(self, pixels: Tensor, size: tuple[int, int], kind: str, as_dict: bool) -> Any:
        images: Any
        array = ((pixels + 1) / 2).permute(0, 2, 3, 1).cpu().numpy()
        if kind == "pt":
            images = (pixels + 1) / 2
        elif kind == "np":
            images = array
        elif kind == "pil":
            images = [Image.fromarray(np.rint(a * 255).astype(np.uint8)) for a in array]
            images = [
                image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)
                for image in images
            ]
        else:
            raise ValueError(f"output_type {kind!r} is none of 'pil', 'np', 'pt'")
        return ImagePipelineOutput(images=images) if as_dict else (images,)


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
        prompts = self._prompts(prompt, num_images_per_prompt)
        images = self._paired(prompts, image, num_images_per_prompt)
        size = int(self.config.native_size)
        before = self._before(images).to(self._execution_device, self.unet.dtype)
        pixels = self._sample(
            prompts, before, num_inference_steps, guidance_scale,
            generator, callback_on_step_end, callback_on_step_end_tensor_inputs,
        )  # fmt: skip
        shown, _ = self.sight(before.to(self.sight.dtype))
        pixels = keep_objects(before.float(), pixels, shown)
        return self._output(pixels, (width or size, height or size), output_type, return_dict)
