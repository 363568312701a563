"""The evaluator: its verdicts, its loading, and what the shipped weights can do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from critic.detection import Detection, Seen, Words, outside, verdicts
from critic.detector import POCKET_DETECTOR, DetectorEvaluator
from experts.pocket.scope import detector_words
from experts.pocket.training.detector import detector_config
from poser.core.errors import CriticError
from poser.core.plan import Command, Criterion, CriterionKind, Plan

WORDS = Words.model_validate(detector_words())
TINY = {
    "backbone": {"embedding_size": 8, "hidden_sizes": [8, 8, 8], "depths": [1, 1, 1]},
    "neck": 8,
    "head": 8,
}


def seen(noun: str, x: float, y: float, side: float = 22, colour: str | None = None) -> Seen:
    return Seen(noun=noun, colour=colour, x=x, y=y, width=side, height=side - 4)


BEACH = Detection(
    objects=(
        seen("car", 12, 30, 14, "red"),
        seen("car", 20, 50, 16, "red"),
        seen("tree", 50, 32, 30, "green"),
        seen("bird", 21.5, 40, 22),
    ),
    background="beach",
    style="pixel art",
)


def asked(
    question: str,
    kind: CriterionKind,
    *about: str,
    name: str = "k1",
    expected: bool = True,
    needs: tuple[str, ...] = (),
) -> Criterion:
    return Criterion(
        id=name, question=question, kind=kind, about=about, expected=expected, depends_on=needs
    )


@pytest.mark.parametrize(
    ("criterion", "holds"),
    [
        (asked("Is there a car?", "entity", "car"), True),
        (asked("Are there automobiles?", "entity", "automobiles"), True),
        (asked("Is there a dog?", "entity", "dog"), False),
        (asked("Is there a dragon?", "entity", "dragon"), None),
        (asked("Is the dog wearing a hat?", "entity", "hat", needs=("k0",)), None),
        (asked("Is the background a beach?", "entity", "beach"), True),
        (asked("Is the background snow?", "entity", "snow"), False),
        (asked("Is the background blue?", "attribute", "background", "blue"), False),
        (asked("Is the background grey?", "attribute", "background", "grey"), None),
        (asked("Are there two cars?", "count", "car", "2"), True),
        (asked("Is there one car?", "count", "car", "one"), False),
        (asked("Are there several cars?", "count", "car", "several"), None),
        (asked("Are the cars red?", "attribute", "car", "red"), True),
        (asked("Are the cars crimson?", "attribute", "cars", "crimson"), True),
        (asked("Are the cars blue?", "attribute", "car", "blue"), False),
        (asked("Are the cars small?", "attribute", "car", "small"), True),
        (asked("Is the tree large?", "attribute", "tree", "big"), True),
        (asked("Is the bird large?", "attribute", "bird", "large"), False),
        (asked("Is the bird small?", "attribute", "bird", "small"), False),
        (asked("Is the bird red?", "attribute", "bird", "red"), False),
        (asked("Is the car wooden?", "attribute", "car", "wooden"), None),
        (asked("Are the cars left of the tree?", "relation", "car", "tree", "left of"), True),
        (asked("Is the tree right of the cars?", "relation", "tree", "car", "right of"), True),
        (asked("Is the tree left of the cars?", "relation", "tree", "car", "left of"), False),
        (asked("Are the cars above the tree?", "relation", "car", "tree", "above"), False),
        (asked("Is the tree on top of the cars?", "relation", "tree", "car", "on top of"), False),
        (asked("Are the cars above the bird?", "relation", "car", "bird", "above"), False),
        (asked("Are two of the cars above the bird?", "relation", "car", "bird", "above"), False),
        (
            asked("Are two of the cars left of the tree?", "relation", "car", "tree", "left of"),
            True,
        ),
        (asked("Are ten of the cars above the bird?", "relation", "car", "bird", "above"), None),
        (asked("Is one of the cars above the bird?", "relation", "car", "bird", "above"), True),
        (
            asked("Is one of the cars right of the tree?", "relation", "car", "tree", "right of"),
            False,
        ),
        (asked("Is the bird left of the dog?", "relation", "bird", "dog", "left of"), False),
        (asked("Is the bird in the tree?", "relation", "bird", "tree", "in"), None),
        (asked("Is there a dog?", "absence", "dog", expected=False), True),
        (asked("Is there a car?", "absence", "car", expected=False), False),
        (asked("Does the dog have a hat?", "absence", "dog", "hat", expected=False), None),
        (asked("Is this pixel art?", "global", "pixel art"), True),
        (asked("Is this a pixel art picture?", "global", "pixel art picture"), True),
        (asked("Is this in comic style?", "global", "in comic style"), False),
        (asked("Is this a watercolour painting?", "global", "watercolour painting"), False),
        (asked("Is this an oil painting?", "global", "oil painting"), None),
        (asked('Does the text "HI" appear?', "text", "HI"), None),
    ],
    ids=lambda value: value.question if isinstance(value, Criterion) else str(value),
)
def test_verdicts(criterion: Criterion, holds: bool | None) -> None:
    assert verdicts(WORDS, [criterion], BEACH) == {"k1": holds}
    assert (criterion.id in outside(WORDS, [criterion])) == (holds is None)


@pytest.mark.parametrize(("x", "y", "holds"), [(33, 30, False), (34, 30, True), (39, 50, False)])
def test_a_relation_needs_four_pixels_and_a_direction(x: float, y: float, holds: bool) -> None:
    both = Detection(objects=(seen("cat", 30, 30), seen("dog", x, y)), background="white")
    assert both.relates("cat", "left of", "dog") is holds
    assert both.relates("dog", "right of", "cat") is holds


def test_one_of_several_or_all_of_them() -> None:
    cars = Detection(
        objects=(seen("car", 12, 30, colour="red"), seen("car", 50, 30, colour="blue")),
        background="white",
    )
    criteria = [
        asked("Are the cars red?", "attribute", "car", "red", name="all"),
        asked("Is there a red car?", "attribute", "car", "red", name="one"),
        asked("Are there two red cars?", "attribute", "car", "red", name="two"),
    ]
    assert verdicts(WORDS, criteria, cars) == {"all": False, "one": True, "two": False}


def test_below_what_fails_nothing_holds_and_below_the_unjudged_nothing_is_judged() -> None:
    criteria = [
        asked("Is there a dog?", "entity", "dog", name="dog"),
        asked("Are there no cats?", "absence", "cat", name="no", expected=False, needs=("dog",)),
        asked("Is there a dragon?", "entity", "dragon", name="dragon"),
        asked("Are the cars red?", "attribute", "car", "red", name="red", needs=("dragon",)),
        asked("Are the cars red?", "attribute", "car", "red", name="far", needs=("elsewhere",)),
    ]
    assert verdicts(WORDS, criteria, BEACH) == {
        "dog": False, "no": False, "dragon": None, "red": None, "far": True,
    }  # fmt: skip
    assert "dragon" in outside(WORDS, criteria)["red"]


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from safetensors.torch import save_file

    from critic.centre_net import CentreNet

    folder = tmp_path_factory.mktemp("detector")
    config = detector_config(**TINY, threshold=0.0)
    torch.manual_seed(0)
    save_file(CentreNet(config).half().state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "labels.json").write_text(json.dumps(detector_words()))
    return folder


def test_pictures_of_any_size_are_seen_alone_as_in_company(untrained: Path) -> None:
    evaluator = DetectorEvaluator(untrained, "cpu")
    small = Image.new("RGB", (64, 64), (70, 150, 230))
    other = Image.effect_noise((64, 64), 90).convert("RGBA")
    alone = evaluator.detect([small])[0]
    together = evaluator.detect([small.resize((256, 256), Image.Resampling.NEAREST), other])
    assert [o.noun for o in together[0].objects] == [o.noun for o in alone.objects]
    assert 0 < len(alone.objects) <= 24
    assert evaluator.detect([]) == []
    assert all(0 <= o.score <= 1 for o in alone.objects)
    assert Detection.from_json(alone.to_json()) == alone


def test_a_mirror_image_shows_the_same_mirrored(untrained: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    seen, mirrored = DetectorEvaluator(untrained, "cpu").detect([noise, ImageOps.mirror(noise)])

    def told(objects: tuple[Seen, ...]) -> list[tuple[str, ...]]:
        return sorted(
            (o.noun, str(o.colour), *(f"{v:.1f}" for v in (o.x, o.y, o.width, o.height)))
            for o in objects
        )

    flipped = tuple(o.model_copy(update={"x": 64 - o.x}) for o in mirrored.objects)
    assert seen.objects
    assert told(seen.objects) == told(flipped)
    assert (seen.background, seen.style) == (mirrored.background, mirrored.style)


def test_it_can_stand_where_a_critic_does(untrained: Path) -> None:
    from critic.base import Critic

    evaluator: Critic = DetectorEvaluator(untrained, "cpu")
    evaluator.load()
    blue = Image.new("RGB", (64, 64), (70, 150, 230))
    criteria = (
        asked("Is the background blue?", "attribute", "background", "blue"),
        asked("Is there an elephant?", "absence", "elephant", name="k2", expected=False),
        asked("Is there a dragon?", "entity", "dragon", name="k3"),
    )
    command = Command(id="c1", op="add", instruction="add it", criteria=criteria)
    plan = Plan(prompt="p", commands=(command,))
    plan = plan.setting_aside(evaluator.outside_scope(plan.criteria))
    critique = evaluator.judge(plan, blue)
    assert {v.criterion: v.score >= 0.5 for v in critique.verdicts} == {
        k: v for k, v in evaluator.verdicts(criteria, blue).items() if v is not None  # type: ignore[attr-defined]
    }  # fmt: skip
    assert [a.criterion for a in plan.set_aside] == ["k3"]
    assert evaluator.id.startswith("detector/")
    assert len(evaluator.revision) == 16
    assert evaluator.cost == 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b"\x10\x00\x00\x00"),
        ("model.safetensors", None),
        ("config.json", b"{"),
        ("config.json", b"[]"),
        ("config.json", b"{}"),
        ("labels.json", b"{}"),
    ],
)
def test_a_broken_detector_says_so_in_a_line(
    name: str, content: bytes | None, untrained: Path, tmp_path: Path
) -> None:
    for path in untrained.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CriticError) as caught:
        DetectorEvaluator(tmp_path, "cpu").load()
    assert "\n" not in str(caught.value)


SHIPPED = pytest.mark.skipif(
    not (POCKET_DETECTOR / "model.safetensors").is_file(), reason="the detector does not ship"
)


@SHIPPED
def test_the_shipped_words_are_those_of_the_world() -> None:
    config = json.loads((POCKET_DETECTOR / "config.json").read_text())
    assert {**detector_config(), "threshold": config["threshold"]} == config
    assert DetectorEvaluator().words == WORDS
    assert sum(p.stat().st_size for p in POCKET_DETECTOR.glob("*.safetensors")) < 2.5e6


@SHIPPED
def test_the_shipped_detector_tells_backgrounds_and_finds_nothing_on_an_empty_one() -> None:
    fills = {"blue": (95, 165, 230), "yellow": (245, 230, 120), "black": (22, 22, 24)}
    found = DetectorEvaluator().detect([Image.new("RGB", (64, 64), f) for f in fills.values()])
    assert sum(d.background == name for d, name in zip(found, fills, strict=True)) >= 2
    assert sum(len(d.objects) for d in found) <= 1
