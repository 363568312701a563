"""What every pipeline of the pocket world shares: parts beside it, pictures in and out.

Weights that several pipelines use stand in folders beside theirs, once; a pipeline's configuration
keeps their hashes.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from diffusers import DiffusionPipeline, UNet2DConditionModel
from diffusers.pipelines.pipeline_utils import ImagePipelineOutput
from PIL import Image
from torch import Tensor
from torch.nn import functional
from transformers import BertModel, PreTrainedTokenizerFast

from experts.pocket.sight_net import SightNet


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


class SharingPipeline(DiffusionPipeline):  # type: ignore[misc]
    """A pipeline some of whose parts stand in folders beside it."""

    shared_parts: ClassVar[dict[str, str]] = {"text_encoder": "shared", "tokenizer": "shared"}

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
        wanted = pipeline.config.get("shared_sha256") or {}
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

    def _to_edit(
        self,
        prompt: str | Sequence[str],
        image: Image.Image | Sequence[Image.Image],
        num_images_per_prompt: int,
        generator: torch.Generator | list[torch.Generator] | None,
    ) -> tuple[list[str], Tensor]:
        """Instructions, and a picture for each (batch, 3, size, size) in [-1, 1], all checked."""
        prompts = self._prompts(prompt, num_images_per_prompt)
        images = self._paired(prompts, image, num_images_per_prompt)
        check_generators(generator, len(prompts))
        return prompts, self._before(images).to(self._execution_device)

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
