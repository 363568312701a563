from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from experts.pocket.edits import sample_edit
from experts.pocket.recipes import Recipe
from experts.pocket.slots import EMPTIED, PAINTED
from experts.pocket.sprites import SpriteSheet
from experts.pocket.training.diffusion import DiffusionTask
from experts.pocket.training.files import replace_file
from experts.pocket.training.loop import Schedule, Task, train
from experts.pocket.training.planning import PlanTask, changes
from experts.pocket.training.text import TextTask
from experts.pocket.training.vqa import CriticModel, CriticTask, critic_config

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def text(sheet: SpriteSheet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    task = reader(sheet)
    task.export(task.model.state_dict(), folder, {})
    return folder


def reader(sheet: SpriteSheet) -> TextTask:
    return TextTask(
        sheet, 0, 4, CPU, hidden_size=32, num_hidden_layers=1, intermediate_size=32,
    )  # fmt: skip


def build(name: str, sheet: SpriteSheet, text: Path) -> Task:
    if name == "text":
        return reader(sheet)
    if name == "critic":
        return CriticTask(
            sheet, 0, 4, CPU, hidden_size=48, num_hidden_layers=2, num_attention_heads=3,
            intermediate_size=64,
        )  # fmt: skip
    kinds = {"renderer": "draw", "editor": "edit", "painter": "plan", "adder": "plan edit"}
    recipe = Recipe(
        name, kinds[name], Path(), 1, 1e-3, 4, channels=(32, 32, 32),
        operations=(("add", 0.5), ("move", 0.5)) if name == "adder" else (),
    )  # fmt: skip
    if name in ("painter", "adder"):
        return PlanTask(recipe, sheet, 0, 4, CPU, text, width=32, layers=1)
    return DiffusionTask(recipe, sheet, 0, 4, CPU, text)


@pytest.mark.parametrize("name", ["text", "renderer", "editor", "painter", "adder", "critic"])
def test_resumed_training_ends_with_the_same_weights(
    name: str, sheet: SpriteSheet, text: Path, tmp_path: Path
) -> None:
    schedule = Schedule(minutes=10, steps=4, batch=4, warmup=2, horizon=4)
    straight = build(name, sheet, text)
    train(straight, schedule, tmp_path / "a", tmp_path / "out_a")
    train(
        build(name, sheet, text),
        Schedule(minutes=10, steps=2, batch=4, warmup=2, horizon=4),
        tmp_path / "b",
        tmp_path / "out_b",
    )
    resumed = build(name, sheet, text)
    record = train(resumed, schedule, tmp_path / "b", tmp_path / "out_b")
    assert record["steps"] == 4
    assert record["images"] == 16
    for key, value in straight.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[key]), key
    exported = sorted(p.relative_to(tmp_path / "out_a") for p in (tmp_path / "out_a").rglob("*.*"))
    assert any(path.suffix == ".safetensors" for path in exported)
    for path in exported:
        if path.suffix == ".safetensors":
            one, two = load_file(tmp_path / "out_a" / path), load_file(tmp_path / "out_b" / path)
            assert all(torch.equal(one[k], two[k]) for k in one)
            assert all(v.dtype == torch.float16 for v in one.values() if v.is_floating_point())
    lines = (tmp_path / "b" / "log.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["step"] == 4


def test_what_an_edit_changes(sheet: SpriteSheet) -> None:
    rng = np.random.default_rng(0)
    for operation, kinds in {
        "add": {PAINTED}, "remove": {EMPTIED}, "recolour": {PAINTED}, "replace": {PAINTED, EMPTIED},
        "move": {PAINTED, EMPTIED}, "background": set(),
    }.items():  # fmt: skip
        for _ in range(10):
            edit = sample_edit(sheet, rng, operation)
            assert {kind for _, kind in changes(edit)} == kinds, (operation, edit)


def test_a_damaged_export_never_replaces_a_good_one(tmp_path: Path) -> None:
    path = tmp_path / "weights" / "a.json"
    replace_file(path, b"one")
    replace_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_the_rate_warms_up_and_comes_down() -> None:
    schedule = Schedule(minutes=1, rate=1.0, warmup=10, horizon=100, floor=0.1)
    assert schedule.rate_at(0) == pytest.approx(0.1)
    assert schedule.rate_at(10) > 0.9
    assert schedule.rate_at(100) == pytest.approx(0.1)
    assert schedule.rate_at(5000) == pytest.approx(0.1)


def test_packed_questions_answer_as_single_ones_do() -> None:
    """The first question of a packed row sees what it sees alone, and so does the picture."""
    torch.manual_seed(0)
    config = critic_config(
        60, hidden_size=48, num_hidden_layers=2, num_attention_heads=3, intermediate_size=64
    )
    model = CriticModel(config).eval()
    pixels = torch.rand(2, 3, 64, 64) * 2 - 1
    ids = torch.randint(4, 60, (2, 3, 7))
    mask = torch.ones_like(ids)
    mask[:, 1, 4:] = 0
    with torch.no_grad():
        packed = model(pixels, ids, mask)[0][:, 0]
        alone = model(pixels, ids[:, :1], mask[:, :1])[0][:, 0]
        stock = model.critic(
            input_ids=ids[:, 0], attention_mask=mask[:, 0], pixel_values=pixels,
            pixel_mask=torch.ones(2, 64, 64, dtype=torch.long),
        ).logits  # fmt: skip
    assert torch.allclose(packed, alone, atol=1e-5)
    assert torch.allclose(alone, stock, atol=1e-5)
