"""The critic that ships, and critics that do not load."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from critic.answering import BATCH, NetAnswers
from critic.scope import Scope, load_scope
from critic.vqa import POCKET, VqaCritic
from envs.batching import BatchCritic
from experts.pocket.scope import critic_scope
from poser.core.errors import CriticError
from poser.core.plan import Command, Criterion, CriterionKind, Plan

CRITIC = VqaCritic()


def question(
    text: str, kind: CriterionKind, *about: str, name: str = "k1", needs: tuple[str, ...] = ()
) -> Criterion:
    return Criterion(id=name, question=text, kind=kind, about=about, depends_on=needs)


@pytest.mark.parametrize(
    "criterion",
    [
        question("Is there a cat?", "entity", "cat"),
        question("Are there puppies?", "entity", "puppies"),
        question("Are there three apples?", "count", "apple", "3"),
        question("Is the car red?", "attribute", "car", "red"),
        question("Is the cat left of the dog?", "relation", "cat", "dog", "left of"),
        question("Is the background blue?", "attribute", "background", "blue"),
        question("Is the background a beach?", "entity", "beach"),
        question("Is there a banana?", "absence", "banana"),
        question("Is this a comic drawing?", "global", "comic"),
        question("Is this pixel art?", "global", "pixel art"),
    ],
    ids=lambda k: k.question,
)
def test_its_world_is_in_scope(criterion: Criterion) -> None:
    assert CRITIC.outside_scope([criterion]) == {}


@pytest.mark.parametrize(
    ("criterion", "reason"),
    [
        (question("Is there a dragon?", "entity", "dragon"), "'dragon'"),
        (question("Is the car wooden?", "attribute", "car", "wooden"), "'wooden'"),
        (question("Are there nine cats?", "count", "cat", "9"), "'9'"),
        (question("Is the cat in the hat?", "relation", "cat", "hat", "in"), "'in'"),
        (question('Does the text "HI" appear?', "text", "HI"), "cannot read"),
        (question("Is this an oil painting?", "global", "oil painting"), "'oil painting'"),
    ],
)
def test_what_lies_beyond_is_set_aside_with_a_reason(criterion: Criterion, reason: str) -> None:
    assert reason in CRITIC.outside_scope([criterion])["k1"]


def test_what_depends_on_something_outside_is_outside_too() -> None:
    dragon = question("Is there a dragon?", "entity", "dragon")
    red = question("Is the cat red?", "attribute", "cat", "red", name="k2", needs=("k1",))
    assert "k1" in CRITIC.outside_scope([red, dragon])["k2"]


def test_it_tells_a_blue_ground_from_a_red_one_and_repeats_itself() -> None:
    blue = Image.new("RGB", (64, 64), (70, 150, 230))
    questions = ["Is the background blue?", "Is the background red?", "Is there an elephant?"]
    first = CRITIC.probabilities(questions, blue)
    assert first[0] > 0.8
    assert first[1] < 0.2
    assert first[2] < 0.5
    assert CRITIC.probabilities(questions, blue) == first
    assert CRITIC.probabilities(questions, blue.resize((512, 512))) == pytest.approx(first, abs=0.1)


def test_an_expected_no_turns_the_score_round() -> None:
    plan = Plan(
        prompt="p",
        commands=(
            Command(
                id="c1",
                op="remove",
                instruction="remove the elephant",
                criteria=(
                    Criterion(
                        id="k1",
                        question="Is there an elephant?",
                        kind="absence",
                        about=("elephant",),
                        expected=False,
                    ),
                ),
            ),
        ),
    )
    blue = Image.new("RGB", (64, 64), (70, 150, 230))
    (verdict,) = CRITIC.judge(plan, blue).verdicts
    assert verdict.score == pytest.approx(
        1 - CRITIC.probabilities(["Is there an elephant?"], blue)[0]
    )


def plan_asking(*questions: str) -> Plan:
    criteria = tuple(
        question(text, "entity", "thing", name=f"k{n}") for n, text in enumerate(questions)
    )
    command = Command(id="c1", op="create", instruction="draw", criteria=criteria)
    return Plan(prompt="p", commands=(command,))


ASKED = [
    (plan_asking(*texts), Image.new("RGB", size, colour))
    for texts, size, colour in [
        (["Is there a cat?", "Is the red car left of the green tree?"], (64, 64), "skyblue"),
        (["Is the background blue?"] * 40, (64, 64), "#4696e6"),
        (["Is the background green?", "Are there three apples?"], (200, 100), "green"),
        ([], (64, 64), "black"),
    ]
]


def test_pictures_judged_together_get_the_answers_that_each_gets_alone() -> None:
    together = CRITIC.judge_many(ASKED)
    alone = [CRITIC.judge(plan, image) for plan, image in ASKED]
    for one, other in zip(together, alone, strict=True):
        assert [v.criterion for v in one.verdicts] == [v.criterion for v in other.verdicts]
        scores = [v.score for v in other.verdicts]
        assert [v.score for v in one.verdicts] == pytest.approx(scores, abs=1e-5)
    assert together[1].verdicts[0].score > 0.8
    assert CRITIC.judge_many([]) == []


def test_questions_of_several_pictures_share_forward_passes() -> None:
    critic = VqaCritic(device="cpu")
    critic.load()
    model = critic._loaded
    assert isinstance(model, NetAnswers)
    passes: list[tuple[int, ...]] = []
    model.net.text.register_forward_pre_hook(lambda _net, args: passes.append(args[0].shape))
    critic.judge_many(ASKED)
    assert sum(rows for rows, *_ in passes) == 44
    assert len(passes) == 2  # two pictures with two questions each, and the one with forty
    passes.clear()
    critic.judge_many(ASKED[:1] * (BATCH // 2 + 1))
    assert [rows for rows, *_ in passes] == [BATCH, 2]


def test_a_picture_is_looked_at_once_for_all_its_questions() -> None:
    critic = VqaCritic(device="cpu")
    model = critic._loaded
    assert isinstance(model, NetAnswers)
    seen: list[int] = []
    model.net.stem.register_forward_pre_hook(lambda _net, args: seen.append(len(args[0])))
    critic.probabilities(["Is there a cat?"] * 40, Image.new("RGB", (64, 64)))
    assert seen == [1]


def test_a_critic_that_cannot_answer_fails_the_batch() -> None:
    critic = VqaCritic(device="cpu")
    model = critic._loaded
    assert isinstance(model, NetAnswers)
    model.net.answer.bias.data.fill_(float("nan"))
    with pytest.raises(CriticError, match="not a number"):
        critic.judge_many(ASKED)


def test_the_callers_random_numbers_are_left_alone() -> None:
    import torch

    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    CRITIC.probabilities(["Is there a cat?"], Image.new("RGB", (64, 64)))
    assert torch.equal(torch.rand(1), expected)


def test_it_rates_pictures_as_such() -> None:
    critique = CRITIC.judge(plan_asking("Is there a cat?"), Image.new("RGB", (64, 64), "skyblue"))
    assert critique.quality is not None
    assert 0.0 <= critique.quality <= 1.0


def test_it_judges_in_batches_for_the_environment() -> None:
    assert isinstance(CRITIC, BatchCritic)


def test_the_shipped_scope_is_that_of_the_world() -> None:
    assert load_scope(POCKET) == Scope.model_validate(critic_scope())


def test_a_critic_that_declares_no_styles_judges_none() -> None:
    told = {name: words for name, words in critic_scope().items() if name != "styles"}
    asked = question("Is this a comic drawing?", "global", "comic")
    assert "'global'" in (Scope.model_validate(told).reason_outside(asked) or "")


def copy_without(folder: Path, name: str, content: bytes | None) -> Path:
    shutil.copytree(POCKET, folder)
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    return folder


def prepare(folder: Path) -> None:
    critic = VqaCritic(folder)
    critic.outside_scope([question("Is there a cat?", "entity", "cat")])
    critic.load()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b"\x10\x00\x00\x00"),
        ("config.json", b"{"),
        ("tokenizer.json", b"{}"),
        ("tokenizer.json", None),
        ("config.json", b'{"model_type": "answer_net"}'),
        ("config.json", b'{"model_type": "answer_net", "fine": "wide"}'),
        ("config.json", {"calibration_temperature": -1}),
        ("config.json", {"calibration_temperature": 0}),
        ("config.json", {"image_size": 60}),
        ("config.json", {"image_size": 64000}),
        ("config.json", {"words": 50}),
        ("config.json", {"vocabulary": 20}),
        ("scope.json", b"{}"),
    ],
)
def test_broken_critics_say_so_before_anything_is_paid_for(
    name: str, content: bytes | dict[str, int] | None, tmp_path: Path
) -> None:
    if isinstance(content, dict):
        content = json.dumps(json.loads((POCKET / name).read_bytes()) | content).encode()
    folder = copy_without(tmp_path / "critic", name, content)
    with pytest.raises(CriticError) as caught:
        prepare(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_critic_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CriticError, match="holds no critic"):
        VqaCritic(tmp_path)


def test_memory_that_ran_out_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    critic = VqaCritic()

    def answers(_asked: object) -> object:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(critic._loaded, "answers", answers)
    with pytest.raises(CriticError, match="memory"):
        critic.probabilities(["Is there a car?"], Image.new("RGB", (64, 64)))
