"""Training of the evaluator, on sprites drawn here, and the figures it is measured by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from critic.centre_net import BOX_UNIT, STRIDE, CentreNet, Outputs, peaks
from critic.detection import Detection, Seen
from critic.detector import DetectorEvaluator
from experts.pocket import measure_detector, world
from experts.pocket.drawing import render
from experts.pocket.measure_detector import Tally, measure, table
from experts.pocket.recipes import RECIPES
from experts.pocket.sampling import sample_scene
from experts.pocket.scenes import Scene, Thing
from experts.pocket.scope import detector_words
from experts.pocket.sprites import SpriteSheet
from experts.pocket.training import detector
from experts.pocket.training.detector import DetectorTask, detector_config
from experts.pocket.training.loop import Schedule, train
from experts.pocket.training.painted import PaintedScenes

CPU = torch.device("cpu")


def build(sheet: SpriteSheet) -> DetectorTask:
    return DetectorTask(
        sheet, 0, 4, CPU, neck=8, head=8,
        backbone={"embedding_size": 8, "hidden_sizes": [8, 8, 8], "depths": [1, 1, 1]},
    )  # fmt: skip


def test_resumed_training_ends_with_the_same_weights_and_exports_a_detector(
    sheet: SpriteSheet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector, "PROBES", 8)
    schedule = Schedule(minutes=10, steps=4, batch=4, warmup=2, horizon=4)
    straight, resumed = build(sheet), build(sheet)
    train(straight, schedule, tmp_path / "a", tmp_path / "out_a")
    train(build(sheet), replace(schedule, steps=2), tmp_path / "b", tmp_path / "out_b")
    train(resumed, schedule, tmp_path / "b", tmp_path / "out_b")
    for key, value in straight.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[key]), key
    one, two = (load_file(tmp_path / f / "model.safetensors") for f in ("out_a", "out_b"))
    assert all(torch.equal(one[k], two[k]) for k in one)
    assert all(v.dtype == torch.float16 for v in one.values())
    evaluator = DetectorEvaluator(tmp_path / "out_b", "cpu")
    figures = table(measure(evaluator, sheet, 3, 0))
    assert "| pictures | 3 | 3 | 3 | 3 | 3 | 3 | 3 | 3 |" in figures


def test_the_shipped_size_fits_its_budget() -> None:
    net = CentreNet(detector_config())
    assert sum(p.numel() for p in net.parameters()) <= 1_200_000
    assert RECIPES["detector"].folder.name == "pocket_detector"


def test_every_word_of_the_world_has_a_label() -> None:
    words = detector_words()
    assert set(words["nouns"].values()) == set(world.NOUNS)
    assert {*world.NOUNS, *world.PLURALS} <= set(words["nouns"])
    assert words["nouns"]["puppies"] == "dog"
    assert words["nouns"]["orange"] == words["colours"]["orange"] == "orange"
    assert words["numbers"]["three"] == words["numbers"]["3"] == "3"
    assert set(words["backgrounds"].values()) == set(world.BACKGROUNDS)


def test_targets_lead_back_to_the_scene(sheet: SpriteSheet) -> None:
    """A network that says exactly what it is taught finds every object where it is."""
    task = build(sheet)
    rng = np.random.default_rng(3)
    scenes = [sample_scene(sheet, rng)[0] for _ in range(20)]
    truth = task.targets([detector.objects_of(s) for s in scenes], scenes)
    box = torch.zeros(20, 4, *truth["heat"].shape[2:])
    index, row, col = truth["places"].unbind(1)
    box[index, :, row, col] = truth["box"]
    out = Outputs(
        heat=torch.logit(truth["heat"], 1e-4), box=box, colour=torch.zeros(20, 9, 16, 16),
        background=torch.zeros(20, 13), style=torch.zeros(20, 4),
    )  # fmt: skip
    nouns = list(world.NOUNS)
    for scene, found in zip(scenes, peaks(out, 0.9), strict=True):
        places = sorted((nouns[o.noun], round(o.x), round(o.y)) for o in found)
        assert places == sorted((t.noun, round(t.x), round(t.y)) for t in scene.things)
        for one in found:
            width, height = sheet.aspect[nouns[one.noun]]
            assert one.width / one.height == pytest.approx(width / height, rel=0.01)
    assert STRIDE * 16 == world.NATIVE_SIZE
    assert BOX_UNIT > 0


def test_spoiled_objects_are_not_to_be_found(
    sheet: SpriteSheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector, "RUINED", 1.0)
    monkeypatch.setattr(detector, "EMPTY", 0.0)
    monkeypatch.setattr(detector, "GHOSTED", 0.0)
    rng = np.random.default_rng(0)
    for image, scene in build(sheet).scenes_of(rng, 6):
        assert image.shape == (64, 64, 3)
        assert (image != render(sheet, scene)).any()


def test_it_learns_from_paintings_that_nobody_could_argue_about(
    sheet: SpriteSheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector, "PAINTED", 1.0)
    monkeypatch.setattr(detector, "STYLED", 0.0)
    task = build(sheet)
    task.painted = PaintedScenes(sheet, 11, 40)
    task.painted._images = (
        np.arange(40, dtype=np.uint8)[:, None, None, None].repeat(64, 1).repeat(64, 2).repeat(3, 3)
    )
    for image, scene in task.scenes_of(np.random.default_rng(0), 12):
        painting = task.painted.painting(int(image[0, 0, 0]))
        assert scene.things == painting.shown.things
        assert not painting.doubtful
        assert scene.style == (None if painting.shown.style is None else detector.UNSURE)
        style = int(task.targets([detector.objects_of(scene)], [scene])["style"])
        assert style == (len(world.STYLES) if scene.style is None else -100)


def test_of_styles_only_clear_pictures_tell(
    sheet: SpriteSheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector, "PAINTED", 1.0)
    monkeypatch.setattr(detector, "STYLED", 1.0)
    monkeypatch.setattr(detector, "LETTERED", 0.0)
    monkeypatch.setattr(detector, "WORN", 1.0)
    task = build(sheet)
    task.painted = PaintedScenes(sheet, 11, 40)
    noise = np.random.default_rng(1).integers(0, 256, (40, 64, 64, 3), np.uint8)
    task.painted._images = noise
    for image, scene in task.scenes_of(np.random.default_rng(0), 12):
        assert scene.style in (*world.STYLES, detector.UNSURE)
        if scene.style == "pixel art":
            assert (image[::2, ::2] == image[1::2, 1::2]).all()
    rng = np.random.default_rng(0)
    unclear = [int(s) for _ in range(10) for s in task.batch_of(rng, 8)[1]["style"]]
    monkeypatch.setattr(detector, "WORN", 0.0)
    clear = [int(s) for _ in range(10) for s in task.batch_of(rng, 8)[1]["style"]]
    assert unclear.count(-100) > 2 * clear.count(-100)
    monkeypatch.setattr(detector, "PAINTED", 0.0)
    monkeypatch.setattr(detector, "GHOSTED", 1.0)
    monkeypatch.setattr(detector, "RUINED", 0.0)
    first, *others = (scene.style for _, scene in task.scenes_of(rng, 6))
    assert first != detector.UNSURE
    assert set(others) == {detector.UNSURE}


def test_what_is_measured() -> None:
    things = (Thing("cat", "red", 20, 20, 20, False), Thing("dog", None, 44, 40, 20, False))
    scene = Scene(things, "beach", 0)
    box = {"width": 20.0, "height": 20.0}
    tally = Tally()
    tally.add(scene, Detection(
        objects=(Seen(noun="cat", colour="red", x=22, y=21, **box),
                 Seen(noun="cat", colour="blue", x=44, y=40, **box)),
        background="beach",
    ))  # fmt: skip
    figures = tally.shares()
    assert figures == {
        "precision": 0.5, "recall": 0.5, "exact pictures": 0.0, "exact counts": 0.0,
        "colour": 1.0, "background": 1.0, "style": 1.0,
    }  # fmt: skip
    assert tally.f1() == pytest.approx({"dog": 0.0, "cat": 2 / 3})


def test_it_is_measured_on_paintings_that_nobody_could_argue_about(
    sheet: SpriteSheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from experts.pocket.training.painted import PaintedScenes

    def numbered(self: PaintedScenes, *_: object) -> None:
        images = np.zeros((self.count, 64, 64, 3), np.uint8)
        images[:, 0, 0, 0] = np.arange(self.count)
        self._images = images

    monkeypatch.setattr(PaintedScenes, "load", numbered)
    made = measure_detector.scenes(sheet, measure_detector.PAINTED, 12, 1)
    assert len(made) == 12
    painted = PaintedScenes(sheet, measure_detector.STREAM + 1, 256)
    for image, scene in made:
        painting = painted.painting(np.asarray(image)[0, 0, 0].item())
        assert (painting.shown, painting.doubtful, scene.style) == (scene, (), None)
