from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experts.pocket import world
from experts.pocket.drafts import NOUNS
from experts.pocket.prompts import (
    FEWEST,
    MOST,
    LongPrompt,
    agreement,
    main,
    prompts,
    sample_prompt,
    to_json,
)
from experts.pocket.prose import LONGEST, SHORTEST
from experts.pocket.requirements import (
    SPLITS,
    Asked,
    colour_split,
    holds,
    is_held_out,
    key_of,
    plainly,
    relation_split,
    split_of,
)
from experts.pocket.scenes import Group, Relation
from experts.pocket.sprites import SpriteSheet
from poser.core.plan import Command, Criterion, Plan
from poser.decompose import RuleDecomposer


def combinations(sample: list[LongPrompt]) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for criterion in (k for prompt in sample for k in prompt.criteria):
        about = criterion.about
        if criterion.kind == "relation":
            rule = plainly(Relation(about[0], about[2], about[1]))
            found.add((rule.noun, rule.relation, rule.other))
        elif split_of(criterion) is not None:
            found.add(about)
    return found


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9), split=st.sampled_from(SPLITS))
def test_a_prompt_and_its_truth(sheet: SpriteSheet, seed: int, split: str) -> None:
    prompt = sample_prompt(sheet, seed, split)
    assert SHORTEST <= len(prompt.text.split()) <= LONGEST
    assert FEWEST <= prompt.requirements == len(prompt.criteria) <= MOST
    assert len(prompt.scene.things) <= world.MAX_THINGS
    assert len(prompt.scene.nouns()) <= world.MAX_GROUPS
    assert all(holds(prompt.scene, criterion) is True for criterion in prompt.criteria)
    assert len({key_of(criterion) for criterion in prompt.criteria}) == prompt.requirements
    command = Command(id="c", op="other", instruction="x", criteria=prompt.criteria)
    assert Plan(prompt=prompt.text, commands=(command,)).criteria == prompt.criteria
    assert {split_of(criterion) for criterion in prompt.criteria} <= {split, None}
    assert split == "test" or not prompt.held_out


def test_splits_share_no_combination(sheet: SpriteSheet) -> None:
    found = {split: combinations(prompts(sheet, split, 120, 0)) for split in SPLITS}
    assert all(len(own) > 50 for own in found.values())
    assert not found["train"] & found["validation"]
    assert not found["train"] & found["test"]
    assert not found["validation"] & found["test"]


def test_shares_of_the_splits() -> None:
    pairs = [
        (noun, colour)
        for noun in NOUNS
        for colour in world.COLOURS
        if (noun, colour) not in world.HELD_OUT_COLOURS
    ]
    shares = Counter(colour_split(noun, colour) for noun, colour in pairs)
    assert 0.74 < shares["train"] / len(pairs) < 0.86
    triples = [
        relation_split(one, "left of", other)
        for one in NOUNS
        for other in NOUNS
        if one != other and not world.relation_held_out(one, "left of", other)
    ]
    assert 0.78 < triples.count("train") / len(triples) < 0.82
    assert 0.08 < triples.count("validation") / len(triples) < 0.12


def test_held_out_combinations_are_of_the_test_split() -> None:
    assert {colour_split(noun, colour) for noun, colour in world.HELD_OUT_COLOURS} == {"test"}
    for one, other in pairwise(NOUNS):
        for relation in world.RELATIONS:
            split = relation_split(one, relation, other)
            assert split == relation_split(other, world.INVERSE[relation], one)
            assert split == "test" or not world.relation_held_out(one, relation, other)


def test_held_out_combinations_can_be_left_out(sheet: SpriteSheet) -> None:
    known = prompts(sheet, "test", 60, 3, held_out=False)
    assert not any(is_held_out(k) for prompt in known for k in prompt.criteria)
    assert any(prompt.held_out for prompt in prompts(sheet, "test", 60, 3))


def test_prompts_are_reproducible_from_their_seed(sheet: SpriteSheet) -> None:
    first = prompts(sheet, "validation", 5, 11)
    assert first == prompts(sheet, "validation", 5, 11)
    assert first == [sample_prompt(sheet, prompt.seed, "validation") for prompt in first]
    assert first[0].text != sample_prompt(sheet, first[0].seed, "train").text
    assert len({prompt.text for prompt in first}) == 5


@pytest.mark.parametrize("wanted", [FEWEST, 8, MOST])
def test_a_wanted_number_of_requirements(sheet: SpriteSheet, wanted: int) -> None:
    for split in SPLITS:
        assert sample_prompt(sheet, 1, split, wanted).requirements == wanted


def test_arguments_out_of_range(sheet: SpriteSheet) -> None:
    with pytest.raises(ValueError, match="unknown split"):
        sample_prompt(sheet, 0, "dev")
    with pytest.raises(ValueError, match="unknown split"):
        prompts(sheet, "dev", 0, 0)
    with pytest.raises(ValueError, match="requirements"):
        sample_prompt(sheet, 0, "train", MOST + 1)


def test_the_requirement_graph() -> None:
    asked = Asked(
        (Group("cat", "red", 3, "small"), Group("bus", None, 1)),
        (Relation("cat", "above", "bus"),),
        frozenset({"bus"}),
        ("dog",),
        "snow",
        "comic",
    )
    told = [(k.id, k.kind, k.about, k.question, k.depends_on) for k in asked.criteria()]
    assert told == [
        ("k1", "entity", ("snow",), "Is the background snow?", ()),
        ("k2", "entity", ("cat",), "Are there cats?", ()),
        ("k3", "count", ("cat", "3"), "Are there three cats?", ("k2",)),
        ("k4", "attribute", ("cat", "red"), "Are the cats red?", ("k2",)),
        ("k5", "attribute", ("cat", "small"), "Are the cats small?", ("k2",)),
        ("k6", "entity", ("bus",), "Is there a bus?", ()),
        ("k7", "count", ("bus", "1"), "Is there one bus?", ("k6",)),
        ("k8", "relation", ("cat", "bus", "above"), "Are the cats above the bus?", ("k2", "k6")),
        ("k9", "absence", ("dog",), "Is there a dog?", ()),
        ("k10", "global", ("comic",), "Is this in comic style?", ()),
    ]
    assert [k.expected for k in asked.criteria()].count(False) == 1


def test_the_truth_has_the_forms_of_the_decomposer() -> None:
    asked = Asked((Group("cat", "red", 3),), (), frozenset(), ("dog",), "beach", "watercolor")
    text = "On a beach there are three red cats. There is no dog. It is a watercolor painting."
    read = RuleDecomposer().decompose(text).criteria
    told = {(k.kind, k.about, k.expected) for k in asked.criteria()}
    assert told == {(k.kind, k.about, k.expected) for k in read}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("entity", "sofas"), ("entity", "couch")),
        (("attribute", "kitten", "tiny"), ("attribute", "cat", "small")),
        (("relation", "car", "tree", "left of"), ("relation", "tree", "car", "right of")),
        (("count", "cell phone", "2"), ("count", "mobile phones", "2")),
    ],
)
def test_keys_are_the_same_for_the_same_meaning(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    made = [
        Criterion.model_validate({"id": "k", "question": "?", "kind": kind, "about": about})
        for kind, *about in (one, other)
    ]
    assert key_of(made[0]) == key_of(made[1])


def test_the_rules_read_what_is_meant(sheet: SpriteSheet) -> None:
    sample = prompts(sheet, "test", 80, 0)
    decomposer = RuleDecomposer()
    found = agreement(sample, lambda text: decomposer.decompose(text).criteria)
    assert found.recall >= 0.95, found.wrong[:3]
    assert found.precision >= 0.95, found.wrong[:3]


def test_agreement_counts_what_is_missed_and_invented(sheet: SpriteSheet) -> None:
    prompt = sample_prompt(sheet, 0)
    perfect = agreement([prompt], lambda _: prompt.criteria)
    assert perfect.recall == perfect.precision == 1.0
    assert not perfect.wrong
    extra = Criterion(id="k", question="Is there a moon?", kind="entity", about=("moon",))
    found = agreement([prompt], lambda _: [extra, *prompt.criteria[1:]])
    assert found.right == prompt.requirements - 1
    assert found.invented == {"entity": 1}
    assert "recall" in str(found)


def test_command_line(
    sheet: SpriteSheet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(SpriteSheet, "load", lambda: sheet)
    file = tmp_path / "prompts.jsonl"
    assert main(["--n", "3", "--requirements", "6", "--known", "--json", str(file)]) == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines == [to_json(p) for p in prompts(sheet, "test", 3, 0, 6, held_out=False)]
    assert {line["requirements"] for line in lines} == {6}
    assert main(["--n", "2", "--texts", str(tmp_path / "texts")]) == 0
    written = sorted((tmp_path / "texts").iterdir())
    assert [path.name for path in written] == ["test-0000.txt", "test-0001.txt"]
    assert written[0].read_text() == prompts(sheet, "test", 2, 0)[0].text + "\n"
    assert main(["--split", "train", "--n", "2"]) == 0
    assert prompts(sheet, "train", 2, 0)[0].text in capsys.readouterr().out
    assert main(["--n", "3", "--check"]) == 0
    assert "precision" in capsys.readouterr().out
