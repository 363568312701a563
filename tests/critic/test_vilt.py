"""Any ViLT for question answering in a folder is a critic."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from critic.vilt import CPU_BATCH, ViltAnswers
from critic.vqa import VqaCritic
from experts.pocket.tokens import build_tokenizer
from poser.core.errors import CriticError

BLUE = Image.new("RGB", (64, 64), (70, 150, 230))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ViLT with random weights, as it is saved by transformers."""
    import torch
    from transformers import ViltConfig, ViltForQuestionAnswering, ViltProcessor
    from transformers.models.vilt.image_processing_pil_vilt import ViltImageProcessorPil

    saved = tmp_path_factory.mktemp("vilt") / "tiny"
    tokenizer = build_tokenizer(24)
    torch.manual_seed(0)
    config = ViltConfig(
        vocab_size=len(tokenizer), hidden_size=24, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=24, image_size=64, patch_size=16, max_position_embeddings=24,
        id2label={0: "no", 1: "yes"}, label2id={"no": 0, "yes": 1}, initializer_range=0.5,
    )  # fmt: skip
    ViltForQuestionAnswering(config).save_pretrained(saved)
    images = ViltImageProcessorPil(size={"shortest_edge": 64}, size_divisor=16)
    ViltProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(saved)
    return saved


def changed(folder: Path, to: Path, name: str, content: bytes) -> Path:
    to.mkdir()
    for file in folder.iterdir():
        (to / file.name).write_bytes(content if file.name == name else file.read_bytes())
    return to


def test_pictures_judged_together_get_the_answers_that_each_gets_alone(folder: Path) -> None:
    critic = VqaCritic(folder, device="cpu")
    large = Image.new("RGB", (200, 100), "green")
    texts = ["Is there a cat?", "Is the red car left of the green tree?"]
    asked = [(texts, BLUE), (texts[:1] * 20, large), ([], BLUE)]
    together = critic.answers(asked)
    assert [len(found) for found in together] == [2, 20, 0]
    for (questions, image), found in zip(asked, together, strict=True):
        assert found == pytest.approx(critic.answers([(questions, image)])[0], abs=1e-5)
    assert all(0 <= answer <= 1 for found in together for answer in found)
    assert together[0][0] != pytest.approx(together[0][1], abs=1e-3)


def test_it_says_nothing_of_quality(folder: Path) -> None:
    critic = VqaCritic(folder, device="cpu")
    assert [told.quality for told in critic._told([(["Is there a cat?"], BLUE)])] == [None]


def test_questions_of_several_pictures_share_forward_passes(folder: Path) -> None:
    critic = VqaCritic(folder, device="cpu")
    assert isinstance(critic._loaded, ViltAnswers)
    rows: list[int] = []
    critic._loaded.model.register_forward_pre_hook(
        lambda _net, _args, named: rows.append(len(named["input_ids"])), with_kwargs=True
    )
    critic.answers([(["Is there a cat?"] * 3, BLUE), (["Is there a dog?"] * 20, BLUE)])
    assert rows == [CPU_BATCH, 23 - CPU_BATCH]


@pytest.mark.parametrize("shown", [True, False])
def test_loading_shows_no_bar_and_leaves_the_setting_as_it_was(
    shown: bool, capfd: pytest.CaptureFixture[str], folder: Path
) -> None:
    from transformers.utils import logging

    before = logging.is_progress_bar_enabled()
    try:
        (logging.enable_progress_bar if shown else logging.disable_progress_bar)()
        VqaCritic(folder, device="cpu").load()
        assert logging.is_progress_bar_enabled() is shown
        assert "Loading" not in "".join(capfd.readouterr())
    finally:
        (logging.enable_progress_bar if before else logging.disable_progress_bar)()


@pytest.mark.parametrize(
    ("name", "content"), [("model.safetensors", b"\x10"), ("processor_config.json", b"[")]
)
def test_damaged_folders_say_so_in_one_line(
    name: str, content: bytes, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(CriticError, match="cannot be loaded") as caught:
        VqaCritic(changed(folder, tmp_path / "damaged", name, content)).load()
    assert "\n" not in str(caught.value)


def test_a_model_without_yes_and_no_is_refused(folder: Path, tmp_path: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {"id2label": {"0": "cat", "1": "dog"}, "label2id": {"cat": 0, "dog": 1}}
    other = changed(folder, tmp_path / "other", "config.json", json.dumps(config).encode())
    with pytest.raises(CriticError, match="no labels"):
        VqaCritic(other).load()
