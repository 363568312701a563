from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from safetensors.torch import load_file

from critic.answer_net import AnswerNet
from experts.pocket import world
from experts.pocket.drawing import render
from experts.pocket.edits import sample_edit
from experts.pocket.recipes import Recipe
from experts.pocket.sampling import sample_scene
from experts.pocket.slots import EMPTIED, PAINTED
from experts.pocket.sprites import SpriteSheet
from experts.pocket.train import main
from experts.pocket.training.diffusion import DiffusionTask
from experts.pocket.training.files import replace_file
from experts.pocket.training.loop import Schedule, Task, train
from experts.pocket.training.painted import PaintedScenes
from experts.pocket.training.planning import PlanTask, changes
from experts.pocket.training.stylist import StylistTask
from experts.pocket.training.text import TextTask
from experts.pocket.training.vqa import (
    CriticTask,
    critic_config,
    likeness,
    settings_of,
    turned,
)

CPU = torch.device("cpu")
TINY_CRITIC = {"fine": 8, "middle": 8, "coarse": 8, "words": 8, "layers": 1, "reading": 8,
               "hidden": 8}  # fmt: skip


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
        return CriticTask(sheet, 0, 4, CPU, look_first=2, **TINY_CRITIC)
    if name == "stylist":
        return StylistTask(sheet, 0, 4, CPU, text, width=8, layers=1)
    kinds = {"renderer": "draw", "editor": "edit", "painter": "plan", "adder": "plan edit"}
    recipe = Recipe(
        name, kinds[name], Path(), 1, 1e-3, 4, channels=(32, 32, 32),
        operations=(("add", 0.5), ("move", 0.5)) if name == "adder" else (),
    )  # fmt: skip
    if name in ("painter", "adder"):
        return PlanTask(recipe, sheet, 0, 4, CPU, text, width=32, layers=1)
    return DiffusionTask(recipe, sheet, 0, 4, CPU, text)


@pytest.mark.parametrize(
    "name", ["text", "renderer", "editor", "painter", "adder", "stylist", "critic"]
)
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


@pytest.mark.parametrize(
    ("scenes", "said"), [("simple", True), ("layouts", True), ("counts", False)]
)
def test_relations_are_said_to_those_alone_who_are_to_learn_them(
    scenes: str, said: bool, sheet: SpriteSheet, text: Path
) -> None:
    recipe = Recipe("painter", "plan", Path(), 1, 1e-3, 4, scenes=scenes)
    task = PlanTask(recipe, sheet, 0, 4, CPU, text, width=32, layers=1)
    rng = np.random.default_rng(0)
    assert any(task._drawn(rng)[0].relations for _ in range(40)) == said


def test_what_an_edit_changes(sheet: SpriteSheet) -> None:
    rng = np.random.default_rng(0)
    for operation, kinds in {
        "add": {PAINTED}, "remove": {EMPTIED}, "recolour": {PAINTED}, "replace": {PAINTED, EMPTIED},
        "move": {PAINTED, EMPTIED}, "background": set(),
    }.items():  # fmt: skip
        for _ in range(10):
            edit = sample_edit(sheet, rng, operation)
            assert {kind for _, kind in changes(edit)} == kinds, (operation, edit)


def test_a_style_is_learned_from_what_the_treatment_makes(sheet: SpriteSheet, text: Path) -> None:
    task = StylistTask(sheet, 0, 4, CPU, text, width=8, layers=1)
    rng = np.random.default_rng(0)
    pairs = [task._pair(rng) for _ in range(60)]
    for told, image, treated, grain in pairs:
        styled = any(style in told for style in world.STYLES)
        assert grain.shape == (1, world.GRAINS, world.GRAINS)
        assert styled or (image == treated).all()
        if "pixel art" in told:
            assert (treated[::2, ::2] == treated[1::2, 1::2]).all()
    assert 0 < sum((image == treated).all() for _, image, treated, _ in pairs) < 20


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


def test_a_question_is_answered_alike_beside_others_and_with_padding() -> None:
    torch.manual_seed(0)
    net = AnswerNet(critic_config(60, **TINY_CRITIC)).eval()
    pixels = torch.rand(2, 3, 64, 64) * 2 - 1
    ids = torch.randint(4, 60, (2, 3, 7))
    mask = torch.ones_like(ids)
    mask[:, 0, 4:] = 0
    with torch.no_grad():
        packed = net(pixels, ids, mask)
        alone = net(pixels, ids[:, :1, :4], mask[:, :1, :4])
    assert packed.shape == (2, 3)
    assert torch.allclose(packed[:, :1], alone, atol=1e-5)
    assert not torch.allclose(packed[:, 0], packed[:, 1], atol=1e-6)


def test_quality_is_likeness_to_the_drawing(sheet: SpriteSheet) -> None:
    rng = np.random.default_rng(0)
    scenes = [sample_scene(sheet, rng)[0] for _ in range(6)]
    worse = []
    for scene in scenes:
        drawn = render(sheet, scene)
        assert likeness(sheet, drawn, scene) == pytest.approx(1.0)
        blurred = Image.fromarray(drawn).filter(ImageFilter.GaussianBlur(2))
        worse.append(likeness(sheet, np.asarray(blurred), scene))
        assert likeness(sheet, np.zeros_like(drawn), scene) == 0.0
    assert all(0.0 < value < 0.99 for value in worse)
    assert np.isnan(likeness(sheet, drawn, replace(scenes[0], things=())))


def test_hues_are_turned_and_nothing_is_asked_of_them(sheet: SpriteSheet) -> None:
    task = CriticTask(sheet, 0, 4, CPU, look_first=0, **TINY_CRITIC)
    rng = np.random.default_rng(1)
    made = [m for m in task._pictures(rng, 60) if "background" in m[2]]
    assert 5 < len(made) < 40
    assert all(thing.colour is None for _, scene, _, _ in made for thing in scene.things)
    assert {ground for ground, _ in settings_of(made)} == {-100}
    image = render(sheet, sample_scene(sheet, rng)[0])
    other = turned(image, rng)
    assert other.shape == image.shape
    assert np.abs(other.astype(int) - image).mean() > 1
    assert np.abs(other.max(-1).astype(int) - image.max(-1)).max() <= 3


def test_the_critic_is_not_asked_for_the_style_of_what_was_degraded(sheet: SpriteSheet) -> None:
    task = CriticTask(sheet, 0, 4, CPU, look_first=0, **TINY_CRITIC)
    rng = np.random.default_rng(0)
    drawn = [task._pictured(rng, None) for _ in range(80)]
    for image, scene, unsure, seeming in drawn:
        if not seeming:
            assert ("style" in unsure) == bool((image != render(sheet, scene)).any())
    assert 20 < sum("style" in unsure for _, _, unsure, _ in drawn) < 70


def test_the_critic_looks_first_and_asks_nothing_of_what_one_could_argue_about(
    sheet: SpriteSheet,
) -> None:
    task = CriticTask(sheet, 0, 4, CPU, look_first=1, **TINY_CRITIC)
    assert "answers" not in task.loss(0)[1]
    assert {"answers", "words", "facts"} <= set(task.loss(1)[1])
    painted = PaintedScenes(sheet, 0, 64)
    paintings = [p for p in map(painted.painting, range(64)) if p.doubtful]
    assert paintings
    for painting in paintings:
        image = np.zeros((64, 64, 3), np.uint8)
        labels, known = task._labels([(image, painting.shown, painting.doubtful, ())])
        unknown = [list(world.NOUNS)[i] for i in (known[0, :, 0, 0] == 0).nonzero()[:, 0]]
        assert set(unknown) == set(painting.doubtful)
        assert labels.shape[2:] == (16, 16)


def test_the_critic_can_learn_to_answer_and_go_on_seeing_as_it_did(
    sheet: SpriteSheet, tmp_path: Path
) -> None:
    task = CriticTask(sheet, 0, 4, CPU, look_first=0, **TINY_CRITIC)
    task.keep_still()
    before = {name: value.clone() for name, value in task.model.state_dict().items()}
    schedule = Schedule(minutes=10, steps=3, batch=4, warmup=1, horizon=3)
    train(task, schedule, tmp_path / "work", tmp_path / "out")
    after = task.model.state_dict()
    names = {name for name in after if (after[name] != before[name]).any()}
    assert all(name.startswith("critic.") for name in names)
    changed = {name.split(".")[1] for name in names}
    assert {"answer", "query", "blocks"} <= changed
    assert not changed & {"stem", "texture", "near", "far", "back", "last", "mix", "quality"}
    assert set(task.loss(0)[1]) == {"answers", "words", "accuracy"}


def test_only_a_critic_that_has_learned_to_see_goes_on_seeing_as_it_did(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="--from"):
        main(["critic", "--still", "--minutes", "0.1", "--painted", "0", "--work", str(tmp_path)])
