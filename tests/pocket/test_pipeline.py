from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from PIL import Image
from transformers import BertModel

from experts.pocket import slots
from experts.pocket.layout_map import LayoutMap
from experts.pocket.pipeline import PocketEditPipeline
from experts.pocket.planner import SlotPlanner, named_in
from experts.pocket.scenes import Thing
from experts.pocket.sharing import encode_text, load_text_encoder
from experts.pocket.sight_net import SightNet
from experts.pocket.slot_pipeline import PocketRepaintPipeline, PocketTextToImagePipeline
from experts.pocket.stylist import PocketStylePipeline, StyleNet
from experts.pocket.tokens import build_tokenizer
from experts.pocket.training.diffusion import Denoiser
from experts.pocket.training.text import text_config

SIZES: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 1, "intermediate_size": 32}


KINDS = ("draw", "edit", "repaint", "style")


def build(kind: str) -> Any:
    torch.manual_seed(0)
    tokenizer = build_tokenizer(32)
    model = Denoiser((32, 32, 32), 32, kind == "edit").eval()
    encoder = BertModel(text_config(len(tokenizer), **SIZES)).eval()
    if kind == "style":
        stylist = StyleNet(text_width=32, width=8, layers=1).eval()
        torch.nn.init.normal_(stylist.leave.weight, std=0.3)
        return PocketStylePipeline(stylist, encoder, tokenizer)
    scheduler = FlowMatchEulerDiscreteScheduler()
    sight = SightNet(8, 16, 16).eval()
    if kind == "edit":
        pipeline: Any = PocketEditPipeline(model.unet, encoder, tokenizer, scheduler, sight)
    else:
        planner = SlotPlanner(looks=kind == "repaint", text_width=32, width=32, layers=1).eval()
        parts = (planner, model.layout, model.unet, encoder, tokenizer, scheduler)
        if kind == "repaint":
            pipeline = PocketRepaintPipeline(*parts, sight, candidates=2)
        else:
            pipeline = PocketTextToImagePipeline(*parts)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def given(kind: str, number: int = 1, steps: int = 2) -> dict[str, Any]:
    told = {} if kind == "style" else {"num_inference_steps": steps}
    return told if kind == "draw" else told | {"image": [picture() for _ in range(number)]}


def seeds(*values: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(value) for value in values]


def picture(size: tuple[int, int] = (64, 64)) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_it_draws_the_same(kind: str, tmp_path: Path) -> None:
    pipeline = build(kind)
    pipeline.save_pretrained(tmp_path)
    assert not list(tmp_path.rglob("*.bin"))
    loaded = type(pipeline).from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    one, two = (
        p(
            "a red car", generator=seeds(5), output_type="np", **given(kind)
        ).images
        for p in (pipeline, loaded)
    )  # fmt: skip
    assert one.shape == (1, 64, 64, 3)
    assert np.allclose(one, two, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_pipelines_share_their_parts(kind: str, tmp_path: Path) -> None:
    pipeline = build(kind)
    for part, place in pipeline.shared_parts.items():
        getattr(pipeline, part).save_pretrained(tmp_path / place / part)
    pipeline.save_sharing(tmp_path / "mine", tmp_path)
    assert not any((tmp_path / "mine" / part).exists() for part in pipeline.shared_parts)
    loaded = type(pipeline).from_pretrained(tmp_path / "mine")
    loaded.set_progress_bar_config(disable=True)
    one, two = (
        p("a cat", generator=seeds(3), output_type="np", **given(kind)).images
        for p in (pipeline, loaded)
    )
    assert np.allclose(one, two, atol=1e-6)
    other = BertModel(text_config(len(pipeline.tokenizer), **SIZES))
    other.save_pretrained(tmp_path / "shared" / "text_encoder")
    with pytest.raises(OSError, match="another text_encoder"):
        type(pipeline).from_pretrained(tmp_path / "mine")


def test_rows_become_a_map() -> None:
    layout = LayoutMap()
    cat = Thing("cat", "red", 16, 16, 20, False)
    rows = slots.in_groups([(cat, slots.PAINTED)], ["dog", "cat"])
    assert rows[: slots.EACH, 0].sum() == 0  # nothing is said of where the dog is
    assert rows[slots.EACH].tolist() == slots.row_of(cat)
    drawn = layout(torch.from_numpy(rows)[None], 32)
    assert drawn.shape == (1, layout.channels, 32, 32)
    painted, emptied = drawn[0, 35], drawn[0, 36]
    assert painted[8, 8] == 1
    assert painted[28, 28] == 0
    assert emptied.sum() == 0
    assert drawn[0, :, 28, 28].abs().sum() == 0
    rows[slots.EACH, 0] = slots.EMPTIED
    drawn = layout(torch.from_numpy(rows)[None], 32)
    assert drawn[0, 36, 8, 8] == 1
    assert drawn[0, :36].abs().sum() == 0


def test_texts_are_grounded_in_their_nouns() -> None:
    spots, kinds = named_in(build_tokenizer(32), ["a red car left of two hot dogs", "make it blue"])
    assert kinds == [["car", "hot dog"], []]
    assert spots.tolist() == [[2, 6, -1, -1], [-1] * 4]


def test_repainting_leaves_the_rest_to_the_pixel() -> None:
    pipeline = build("repaint")
    rows = torch.zeros(1, slots.SLOTS, len(slots.FIELDS))
    rows[0, 0] = torch.tensor([slots.PAINTED, 3, 0, 20, 20, 16, 0])
    pipeline._plan = lambda *_: rows
    before = picture()
    after = pipeline("add a cat", before, num_inference_steps=2, generator=seeds(0)).images[0]
    apart = (np.asarray(after) != np.asarray(before)).any(-1)
    assert apart[16:24, 16:24].mean() > 0.9
    assert not apart[34:].any()
    assert not apart[:, 34:].any()
    rows[0, 0, 0] = slots.ABSENT
    same = pipeline("add a cat", before, num_inference_steps=2, generator=seeds(0)).images[0]
    assert np.abs(np.asarray(same, int) - np.asarray(before, int)).max() <= 1


def test_texts_of_any_length_are_masked(tmp_path: Path) -> None:
    """Attention over text and picture once took a text of 16 tokens for an unmasked one."""
    pipeline = build("draw")
    pipeline.text_encoder.save_pretrained(tmp_path / "text_encoder")
    pipeline.tokenizer.save_pretrained(tmp_path / "tokenizer")
    encoder, tokenizer = load_text_encoder(tmp_path)
    for words in (*range(1, 20), 30, 31, 60):
        states, mask = encode_text(tokenizer, encoder, ["cat " * words, "dog"])
        assert states.shape[1] == mask.shape[1]
        assert states.shape[1] % 2 == 1
        assert mask[1].sum() == 3
        assert states.shape[1] <= 48


@pytest.mark.parametrize("kind", ["draw", "style"])
def test_the_seed_decides(kind: str) -> None:
    pipeline = build(kind)
    one, two, other = (
        pipeline("a cat", generator=seeds(s), output_type="np", **given(kind)).images
        for s in (1, 1, 2)
    )
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_does_not_depend_on_its_batch(kind: str) -> None:
    pipeline = build(kind)
    prompts = ["a cat", "three red apples left of a dog", "a star"]
    batch = pipeline(
        prompts, generator=seeds(1, 2, 3), output_type="np", **given(kind, 3, steps=3)
    ).images  # fmt: skip
    for index, prompt in enumerate(prompts):
        alone = pipeline(
            prompt, generator=seeds(index + 1), output_type="np", **given(kind, steps=3)
        ).images  # fmt: skip
        assert np.allclose(batch[index], alone[0], atol=1e-4)


def test_size_output_and_callback() -> None:
    pipeline = build("edit")
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
    pipeline = build("edit")
    with pytest.raises(ValueError, match="2 pictures for 1 prompts"):
        pipeline("remove the cat", [picture(), picture()])
    with pytest.raises(ValueError, match="2 generators for 1 pictures"):
        pipeline("remove the cat", picture(), generator=seeds(1, 2))
    with pytest.raises(ValueError, match="prompt must be"):
        pipeline([], picture())
    with pytest.raises(ValueError, match="output_type"):
        pipeline("remove the cat", picture(), num_inference_steps=1, output_type="latent")


@pytest.mark.parametrize("heeds", [True, False])
def test_an_editor_heeds_the_words_where_it_is_to(
    heeds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from experts.pocket import slot_pipeline
    from experts.pocket.wording import Wording

    told: list[Any] = []

    def spied(*args: Any) -> Any:
        told.append(args[4])
        return settle(*args)

    settle = slot_pipeline.settle
    monkeypatch.setattr(slot_pipeline, "settle", spied)
    pipeline = build("repaint")
    pipeline.register_to_config(heeds=heeds)
    pipeline("put two cups above the sofa", **given("repaint"))
    said = Wording(more={"cup": 2}, relation=("cup", "above", "couch"))
    assert told == [[said] if heeds else None]
