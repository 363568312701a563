"""The weights that ship load as any model does, and work."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from experts.pocket.measure_critic import Judge
from experts.pocket.pipeline import PocketEditPipeline
from experts.pocket.recipes import RECIPES
from experts.pocket.slot_pipeline import PocketRepaintPipeline, PocketTextToImagePipeline

DRAWING = [r.name for r in RECIPES.values() if r.task == "plan"]
EDITING = [r.name for r in RECIPES.values() if r.task in ("edit", "plan edit")]


def load(kind: Any, name: str) -> Any:
    pipeline = kind.from_pretrained(RECIPES[name].folder)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def test_all_weights_are_small_and_have_a_card() -> None:
    total = 0
    for recipe in RECIPES.values():
        files = [path for path in recipe.folder.rglob("*") if path.is_file()]
        part = recipe.name in ("text", "renderer", "sight")
        assert part or recipe.folder / "README.md" in files
        assert recipe.folder / "training.json" in files
        assert not [path for path in files if path.suffix in (".bin", ".pt", ".pkl", ".ckpt")]
        total += sum(path.stat().st_size for path in files)
    assert total <= 60 * 10**6


@pytest.mark.parametrize("name", DRAWING)
def test_painters_draw_the_background_they_are_asked_for(name: str) -> None:
    pipeline = load(PocketTextToImagePipeline, name)
    assert pipeline.unet.dtype == torch.float32
    images = pipeline(
        ["a car on a black background", "a car on a yellow background"],
        num_inference_steps=6,
        generator=[torch.Generator().manual_seed(s) for s in (0, 1)],
    ).images
    assert [image.size for image in images] == [(64, 64)] * 2
    black, yellow = (np.asarray(image, np.float32) for image in images)
    assert np.median(black) < 90
    assert np.median(yellow[..., 0]) > 180 > 170 > np.median(yellow[..., 2])


def test_scenery_changes_the_background() -> None:
    pipeline = load(PocketEditPipeline, "scenery")
    before = Image.new("RGB", (64, 64), (250, 250, 248))
    after = pipeline(
        "change the background to black", before, num_inference_steps=4, guidance_scale=1.0,
        generator=torch.Generator().manual_seed(0),
    ).images[0]  # fmt: skip
    assert after.size == (64, 64)
    assert np.median(np.asarray(after)) < 100


@pytest.mark.parametrize("name", EDITING)
def test_editors_leave_most_of_a_picture_alone(name: str) -> None:
    """What is asked for is not there: there is nothing to remove, recolour or move."""
    repaints = RECIPES[name].task == "plan edit"
    pipeline = load(PocketRepaintPipeline if repaints else PocketEditPipeline, name)
    before = np.full((64, 64, 3), (95, 165, 230), np.uint8)
    before[40:60, 8:28] = (220, 40, 40)
    request = {"scenery": "change the background to blue"}.get(name, "make the dog red")
    after = pipeline(
        request, Image.fromarray(before), num_inference_steps=4, guidance_scale=1.0,
        generator=torch.Generator().manual_seed(0),
    ).images[0]  # fmt: skip
    apart = np.abs(np.asarray(after, np.float32) - before).max(-1)
    assert (apart < 60).mean() > 0.6


@pytest.mark.parametrize("colour", ["blue", "yellow"])
def test_critic_sees_the_background(colour: str) -> None:
    judge = Judge(RECIPES["critic"].folder)
    fill = {"blue": (95, 165, 230), "yellow": (245, 230, 120)}[colour]
    image = Image.new("RGB", (64, 64), fill)
    chances = judge([image] * 2, ["Is the background blue?", "Is the background yellow?"])
    assert all(0 <= chance <= 1 for chance in chances)
    assert (chances[0] > chances[1]) == (colour == "blue")
    assert judge([image], ["Is the background blue?"]) == pytest.approx(chances[:1], abs=1e-5)
