from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from experts.base import Generated
from experts.check import MemoryPictures
from experts.diffusers_adapter import DiffusersExpert
from experts.pocket.enlarger import LARGEST, PocketEnlargePipeline, build_enlarger
from experts.pocket.measure_enlarger import (
    cases,
    interpolation,
    learned,
    measure,
    psnr,
    sharpness,
    ssim,
)
from experts.pocket.recipes import RECIPES
from experts.pocket.sprites import SpriteSheet
from experts.pocket.training.enlarger import EnlargerTask, pairs
from experts.pocket.training.loop import Schedule, train
from poser.core.errors import PoserError
from poser.core.expert import ExpertRequest, ExpertSpec

CPU = torch.device("cpu")
SMALL = (16, 16)
"""Channels of a tiny model."""

WEIGHTS = RECIPES["enlarger"].folder


def build(scale: float = 0.02) -> Any:
    torch.manual_seed(0)
    unet = build_enlarger(SMALL).eval()
    torch.nn.init.normal_(unet.conv_out.weight, std=scale)
    return PocketEnlargePipeline(unet)


def picture(size: tuple[int, int] = (64, 64), seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(pixels)


def test_saved_and_loaded_it_enlarges_the_same(tmp_path: Path) -> None:
    pipeline = build()
    pipeline.save_pretrained(tmp_path)
    assert not list(tmp_path.rglob("*.bin"))
    loaded = PocketEnlargePipeline.from_pretrained(tmp_path)
    one, two = (np.asarray(p(image=picture()).images[0]) for p in (pipeline, loaded))
    assert one.shape == (256, 256, 3)
    assert np.abs(one.astype(int) - two).max() <= 1  # weights in memory lie elsewhere
    assert np.array_equal(two, np.asarray(loaded(image=picture()).images[0]))


def test_it_starts_as_interpolation() -> None:
    image = picture()
    made = PocketEnlargePipeline(build_enlarger(SMALL))(image=image, output_type="np").images[0]
    plain = np.asarray(image.resize((256, 256), Image.Resampling.BICUBIC), np.float32) / 255
    # torch and Pillow take cubics of slightly different shape
    assert np.abs(made - plain).mean() < 0.02


def test_an_even_picture_stays_as_it_is() -> None:
    made = build(1.0)(image=Image.new("RGB", (64, 64), (90, 160, 230))).images[0]
    assert (np.asarray(made) == (90, 160, 230)).all()


@pytest.mark.parametrize("size", [(64, 64), (64, 40), (33, 17), (96, 64)])
def test_a_picture_is_enlarged_from_its_own_size(size: tuple[int, int]) -> None:
    made = build()(image=picture(size)).images
    assert [image.size for image in made] == [(4 * size[0], 4 * size[1])]


def test_a_picture_does_not_depend_on_its_batch() -> None:
    pipeline = build()
    images = [picture(seed=seed) for seed in range(3)]
    batch = pipeline(["a"] * 3, images, generator=[torch.Generator()] * 3, output_type="np").images
    for image, made in zip(images, batch, strict=True):
        alone = pipeline(image=image, output_type="np").images[0]
        assert np.allclose(made, alone, atol=1e-5)


def test_outputs_and_copies() -> None:
    pipeline = build()
    tensor = pipeline(image=picture(), output_type="pt", return_dict=False)[0]
    assert tensor.shape == (1, 3, 256, 256)
    assert tensor.min() >= 0 <= 1 >= tensor.max()
    assert len(pipeline(["a", "b"], picture()).images) == 2
    assert len(pipeline("a", picture(), num_images_per_prompt=3).images) == 3


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "no picture"),
        ({"image": []}, "empty"),
        ({"image": [picture(), picture((32, 32))]}, "several sizes"),
        ({"image": [picture()] * 2, "prompt": ["a"] * 3}, "2 pictures for 3 prompts"),
        ({"image": picture((LARGEST + 1, 8))}, f"more than {LARGEST}"),
        ({"image": picture(), "output_type": "gif"}, "gif"),
    ],
)
def test_what_it_refuses(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        build()(**arguments)


def test_the_adapter_calls_it(tmp_path: Path) -> None:
    build().save_pretrained(tmp_path)
    spec = ExpertSpec.model_validate(
        {
            "id": "test/enlarger",
            "adapter": "diffusers",
            "task": "image_to_image",
            "source": str(tmp_path),
            "pipeline": "experts.pocket.enlarger:PocketEnlargePipeline",
            "load": {"dtype": "float32"},
            "limits": {"min_side": 16, "max_side": 128},
        }
    )
    pictures = MemoryPictures()
    expert = DiffusersExpert(spec)

    def call(*images: Image.Image) -> list[Generated]:
        requests = [
            ExpertRequest(
                expert=spec.id, task=spec.task, prompt="a cat", image=pictures.put(image).sha256
            )
            for image in images
        ]
        return expert.generate(requests, pictures)

    made = call(picture(), picture((64, 48)))
    assert [result.image.size for result in made] == [(256, 256), (256, 192)]
    again = call(picture())[0].image
    assert again.tobytes() == call(picture())[0].image.tobytes()
    expert.close()


def test_pairs_show_one_scene(sheet: SpriteSheet) -> None:
    for seed in range(4):
        (small, again), large = pairs(sheet, np.random.default_rng(seed), 2, 0)
        assert np.array_equal(small, again)
        assert small.shape == (64, 64, 3)
        assert large.shape == (256, 256, 3)
        boxed = large.reshape(64, 4, 64, 4, 3).mean((1, 3))
        assert np.abs(boxed - small).mean() < 12


def test_resumed_training_ends_with_the_same_weights(sheet: SpriteSheet, tmp_path: Path) -> None:
    def task() -> EnlargerTask:
        return EnlargerTask(sheet, 0, 2, CPU, channels=SMALL)

    def schedule(steps: int) -> Schedule:
        return Schedule(minutes=10, steps=steps, batch=2, warmup=2, horizon=4)

    straight, resumed = task(), task()
    train(straight, schedule(4), tmp_path / "a", tmp_path / "out_a")
    train(task(), schedule(2), tmp_path / "b", tmp_path / "out_b")
    record = train(resumed, schedule(4), tmp_path / "b", tmp_path / "out_b")
    assert (record["steps"], record["images"]) == (4, 8)
    for key, value in straight.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[key]), key
    name = "unet/diffusion_pytorch_model.safetensors"
    one, two = load_file(tmp_path / "out_a" / name), load_file(tmp_path / "out_b" / name)
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert all(value.dtype == torch.float16 for value in one.values())
    loaded = PocketEnlargePipeline.from_pretrained(tmp_path / "out_b")
    assert loaded.unet.dtype == torch.float32
    assert loaded(image=picture()).images[0].size == (256, 256)
    logged = json.loads((tmp_path / "b" / "log.jsonl").read_text().splitlines()[-1])
    assert {"pixels", "edges", "bicubic", "psnr"} <= logged.keys()


def test_every_weight_learns(sheet: SpriteSheet) -> None:
    task = EnlargerTask(sheet, 0, 1, CPU, channels=SMALL)
    torch.nn.init.normal_(task.unet.conv_out.weight, std=0.1)
    loss, _ = task.loss(0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in task.model.parameters())


def test_the_measures() -> None:
    image = np.asarray(picture())
    flat = np.full_like(image, 128)
    assert psnr(image, image) > 60 > 20 > psnr(flat, image)
    assert ssim(image, image) == pytest.approx(1)
    assert ssim(flat, image) < 0.2
    assert sharpness(image, image) == pytest.approx(1)
    assert sharpness(flat, image) == 0


def test_the_same_scenes_are_worn_more_or_less(sheet: SpriteSheet) -> None:
    sharp, soft = (cases(sheet, 2, 0, worn) for worn in (0, 2))
    for (small, large), (worn, same) in zip(sharp, soft, strict=True):
        assert np.array_equal(large, same)
        assert not np.array_equal(small, worn)


def steps_trained() -> int:
    try:
        return int(json.loads((WEIGHTS / "training.json").read_text())["steps"])
    except OSError:
        return 0


@pytest.mark.skipif(steps_trained() < 600, reason="no trained weights here")
def test_the_shipped_weights_beat_interpolation() -> None:
    try:
        sprites = SpriteSheet.load()
    except PoserError as error:
        pytest.skip(f"no sprites here: {error}")
    pipeline = PocketEnlargePipeline.from_pretrained(WEIGHTS)
    assert sum(path.stat().st_size for path in WEIGHTS.rglob("*")) <= 1.7 * 2**20
    ways = {
        "bicubic": interpolation(Image.Resampling.BICUBIC, 4),
        "enlarger": learned(pipeline),
    }
    found = measure(ways, sprites, 12, 5)
    for condition in ("sharp", "softened", "softened twice"):
        assert found[condition, "enlarger"][0] > found[condition, "bicubic"][0]
        assert found[condition, "enlarger"][1] > found[condition, "bicubic"][1]
