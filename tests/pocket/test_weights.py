"""The weights that ship load as any model does, and work."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from experts.pocket.drawing import render
from experts.pocket.measure_critic import Judge
from experts.pocket.pipeline import PocketEditPipeline
from experts.pocket.recipes import RECIPES
from experts.pocket.sampling import sample_scene
from experts.pocket.slot_pipeline import PocketRepaintPipeline, PocketTextToImagePipeline
from experts.pocket.sprites import SpriteSheet
from experts.pocket.stylist import PocketStylePipeline
from experts.pocket.world import STYLES

DRAWING = [r.name for r in RECIPES.values() if r.task == "plan"]
EDITING = {
    "edit": PocketEditPipeline, "plan edit": PocketRepaintPipeline, "style": PocketStylePipeline,
}  # fmt: skip


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


def evenness(image: Image.Image) -> float:
    """The mean difference, 0 to 255, between a pixel and its neighbour in a block of 2 x 2."""
    pixels = np.asarray(image, np.float32)
    return float(np.abs(pixels[::2, ::2] - pixels[1::2, 1::2]).mean())


def test_the_stylist_makes_blocks_outlines_and_pale_grain(sheet: SpriteSheet) -> None:
    pipeline = load(PocketStylePipeline, "stylist")
    rng = np.random.default_rng(3)
    scenes = [replace(sample_scene(sheet, rng)[0], style=None) for _ in range(6)]
    drawn = [Image.fromarray(render(sheet, scene)) for scene in scenes]
    styles = [f"make it in {style} style" for style in STYLES]
    made = pipeline(
        styles[:1] * 6, drawn, generator=[torch.Generator().manual_seed(s) for s in range(6)]
    ).images
    assert sum(map(evenness, made)) < 0.8 * sum(map(evenness, drawn))
    before = drawn[0]
    sources = [torch.Generator().manual_seed(s) for s in range(3)]
    _, pale, inked = pipeline(styles, before, generator=sources).images
    assert np.asarray(pale).mean() > np.asarray(before).mean()
    dark = [(np.asarray(image).max(-1) < 60).mean() for image in (inked, before)]
    assert dark[0] > dark[1]
    again, other = (
        pipeline(styles[1], before, generator=torch.Generator().manual_seed(s)).images[0]
        for s in (1, 2)
    )
    assert np.abs(np.asarray(again, int) - np.asarray(pale, int)).max() <= 1
    assert np.asarray(other).tobytes() != np.asarray(again).tobytes()
    with pytest.raises(ValueError, match="pictures for"):
        pipeline(styles, [before] * 2)


@pytest.mark.parametrize("name", [r.name for r in RECIPES.values() if r.task in EDITING])
def test_editors_leave_most_of_a_picture_alone(name: str) -> None:
    """What is asked for is not there: there is nothing to remove, recolour or move."""
    pipeline = load(EDITING[RECIPES[name].task], name)
    before = np.full((64, 64, 3), (95, 165, 230), np.uint8)
    before[40:60, 8:28] = (220, 40, 40)
    request = {"scenery": "change the background to blue"}.get(name, "make the dog red")
    steps = {} if name == "stylist" else {"num_inference_steps": 4, "guidance_scale": 1.0}
    after = pipeline(
        request, Image.fromarray(before), generator=torch.Generator().manual_seed(0), **steps
    ).images[0]
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
