from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from PIL import Image
from transformers import BertModel

from experts.pocket.pipeline import (
    PocketEditPipeline,
    PocketTextToImagePipeline,
    encode_text,
    load_text_encoder,
)
from experts.pocket.tokens import build_tokenizer
from experts.pocket.training.diffusion import Denoiser
from experts.pocket.training.text import text_config

SIZES: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 1, "intermediate_size": 32}


def build(edits: bool) -> Any:
    torch.manual_seed(0)
    tokenizer = build_tokenizer(32)
    model = Denoiser((32, 32, 32), 32, edits).eval()
    encoder = BertModel(text_config(len(tokenizer), **SIZES)).eval()
    kind = PocketEditPipeline if edits else PocketTextToImagePipeline
    pipeline = kind(model.unet, encoder, tokenizer, FlowMatchEulerDiscreteScheduler())
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def seeds(*values: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(value) for value in values]


def picture(size: tuple[int, int] = (64, 64)) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("edits", [False, True])
def test_saved_and_loaded_it_draws_the_same(edits: bool, tmp_path: Path) -> None:
    pipeline = build(edits)
    pipeline.save_pretrained(tmp_path)
    assert not list(tmp_path.rglob("*.bin"))
    loaded = type(pipeline).from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    given = {"image": picture()} if edits else {}
    one, two = (
        p("a red car", num_inference_steps=2, generator=seeds(5), output_type="np", **given).images
        for p in (pipeline, loaded)
    )
    assert one.shape == (1, 64, 64, 3)
    assert np.allclose(one, two, atol=1e-6)


def test_pipelines_share_a_text_encoder(tmp_path: Path) -> None:
    pipeline = build(False)
    text = tmp_path / "shared"
    pipeline.text_encoder.save_pretrained(text / "text_encoder")
    pipeline.tokenizer.save_pretrained(text / "tokenizer")
    pipeline.save_sharing(tmp_path / "painter", text)
    assert not (tmp_path / "painter" / "text_encoder").exists()
    loaded = PocketTextToImagePipeline.from_pretrained(tmp_path / "painter")
    loaded.set_progress_bar_config(disable=True)
    one, two = (
        p("a cat", num_inference_steps=2, generator=seeds(3), output_type="np").images
        for p in (pipeline, loaded)
    )
    assert np.array_equal(one, two)
    other = BertModel(text_config(len(pipeline.tokenizer), **SIZES))
    other.save_pretrained(text / "text_encoder")
    with pytest.raises(OSError, match="another text encoder"):
        PocketTextToImagePipeline.from_pretrained(tmp_path / "painter")


def test_texts_of_any_length_are_masked(tmp_path: Path) -> None:
    """Attention over text and picture once took a text of 16 tokens for an unmasked one."""
    pipeline = build(False)
    pipeline.text_encoder.save_pretrained(tmp_path / "text_encoder")
    pipeline.tokenizer.save_pretrained(tmp_path / "tokenizer")
    encoder, tokenizer = load_text_encoder(tmp_path)
    for words in range(1, 20):
        states, mask = encode_text(tokenizer, encoder, ["cat " * words, "dog"])
        assert states.shape[1] == mask.shape[1]
        assert states.shape[1] % 2 == 1
        assert mask[1].sum() == 3


def test_the_seed_decides() -> None:
    pipeline = build(False)
    one, two, other = (
        pipeline("a cat", num_inference_steps=2, generator=seeds(s), output_type="np").images
        for s in (1, 1, 2)
    )
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("edits", [False, True])
def test_a_picture_does_not_depend_on_its_batch(edits: bool) -> None:
    pipeline = build(edits)
    prompts = ["a cat", "three red apples left of a dog", "a star"]
    given = {"image": [picture() for _ in prompts]} if edits else {}
    batch = pipeline(
        prompts, num_inference_steps=3, generator=seeds(1, 2, 3), output_type="np", **given
    ).images
    for index, prompt in enumerate(prompts):
        single = {"image": picture()} if edits else {}
        alone = pipeline(
            prompt, num_inference_steps=3, generator=seeds(index + 1), output_type="np", **single
        ).images
        assert np.allclose(batch[index], alone[0], atol=1e-4)


def test_size_output_and_callback() -> None:
    pipeline = build(True)
    levels: list[float] = []

    def note(_: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        levels.append(float(timestep))
        assert tensors["latents"].shape == (1, 3, 64, 64)
        return {}

    image = pipeline(
        "remove the cat", picture((200, 120)), num_inference_steps=3, width=96, height=80,
        callback_on_step_end=note,
    ).images[0]  # fmt: skip
    assert image.size == (96, 80)
    assert len(levels) == 3
    assert levels == sorted(levels, reverse=True)
    (tensor,) = pipeline(
        "remove the cat", picture(), num_inference_steps=1, output_type="pt", return_dict=False
    )
    assert tensor.shape == (1, 3, 64, 64)
    assert 0 <= float(tensor.min()) <= float(tensor.max()) <= 1


def test_wrong_arguments_are_refused() -> None:
    pipeline = build(True)
    with pytest.raises(ValueError, match="2 pictures for 1 prompts"):
        pipeline("remove the cat", [picture(), picture()])
    with pytest.raises(ValueError, match="2 generators for 1 pictures"):
        pipeline("remove the cat", picture(), generator=seeds(1, 2))
    with pytest.raises(ValueError, match="prompt must be"):
        pipeline([], picture())
    with pytest.raises(ValueError, match="output_type"):
        pipeline("remove the cat", picture(), num_inference_steps=1, output_type="latent")


def test_an_editor_starts_from_the_drawing_model() -> None:
    drawing, editor = Denoiser((32, 32, 32), 32, False), Denoiser((32, 32, 32), 32, True)
    editor.take_from(drawing.state_dict())
    noisy, states = torch.randn(2, 12, 32, 32), torch.randn(2, 5, 32)
    before = torch.randn(2, 12, 32, 32)
    with torch.no_grad():
        first = drawing.unet(noisy, torch.tensor([500.0, 20.0]), states).sample
        second = editor.unet(
            torch.cat([noisy, before], 1), torch.tensor([500.0, 20.0]), states
        ).sample
    assert torch.allclose(first, second[:, :12], atol=1e-5)
    assert torch.allclose(second[:, 12:], torch.tensor(-2.0))
