"""The weights that ship load as any model does, and work."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from experts.pocket.measure import Judge
from experts.pocket.pipeline import PocketEditPipeline, PocketTextToImagePipeline
from experts.pocket.train import FOLDERS


def load(kind: Any, name: str) -> Any:
    pipeline = kind.from_pretrained(FOLDERS[name])
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def test_all_weights_are_small_and_have_a_card() -> None:
    total = 0
    for folder in FOLDERS.values():
        assert (folder / "README.md").exists()
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert not [path for path in files if path.suffix in (".bin", ".pt", ".pkl", ".ckpt")]
        total += sum(path.stat().st_size for path in files)
    assert total <= 40 * 2**20


def test_text_to_image_draws_the_background_it_is_asked_for() -> None:
    pipeline = load(PocketTextToImagePipeline, "text_to_image")
    assert pipeline.unet.dtype == torch.float32
    images = pipeline(
        ["a car on a black background", "a car on a yellow background"],
        num_inference_steps=6,
        generator=[torch.Generator().manual_seed(s) for s in (0, 1)],
    ).images
    assert [image.size for image in images] == [(64, 64)] * 2
    black, yellow = (np.asarray(image, np.float32) for image in images)
    assert np.median(black) < 80
    assert np.median(yellow[..., 0]) > 180 > 170 > np.median(yellow[..., 2])


def test_editor_changes_the_background() -> None:
    pipeline = load(PocketEditPipeline, "editor")
    before = Image.new("RGB", (64, 64), (250, 250, 248))
    after = pipeline(
        "change the background to black", before, num_inference_steps=6,
        generator=torch.Generator().manual_seed(0),
    ).images[0]  # fmt: skip
    assert after.size == (64, 64)
    assert np.median(np.asarray(after)) < 100


@pytest.mark.parametrize("colour", ["blue", "yellow"])
def test_critic_sees_the_background(colour: str) -> None:
    judge = Judge(FOLDERS["critic"])
    fill = {"blue": (95, 165, 230), "yellow": (245, 230, 120)}[colour]
    image = Image.new("RGB", (64, 64), fill)
    chances = judge([image] * 2, ["Is the background blue?", "Is the background yellow?"])
    assert all(0 <= chance <= 1 for chance in chances)
    assert (chances[0] > chances[1]) == (colour == "blue")
    assert judge([image], ["Is the background blue?"]) == pytest.approx(chances[:1], abs=1e-5)
