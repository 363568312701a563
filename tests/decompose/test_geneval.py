"""GenEval: its prompts against their metadata, its class names in other sentences."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from poser.core.plan import Plan
from poser.decompose import RuleDecomposer
from poser.decompose.morphology import article, plural

DECOMPOSER = RuleDecomposer()
GENEVAL = Path(__file__).parents[2].parent / "shared" / "benchmarks" / "geneval"
METADATA = GENEVAL / "evaluation_metadata.jsonl"

Facts = Counter[tuple[str, ...]]

# names whose words mean something else by themselves, and some that do not
NAMES = [
    "traffic light", "wine glass", "stop sign", "cell phone", "teddy bear", "fire hydrant",
    "parking meter", "dining table", "hair drier", "hot dog", "potted plant", "sports ball",
    "tv remote", "computer mouse", "computer keyboard", "baseball glove", "skis", "scissors",
    "sheep", "orange", "tie", "sink", "broccoli", "couch", "knife", "person", "skateboard",
]  # fmt: skip


def facts(plan: Plan) -> Facts:
    """What a plan adds and what it asks beyond existence."""
    found: Facts = Counter()
    found.update(("add", c.subject) for c in plan.commands if c.op == "add")
    found.update((c.op,) for c in plan.commands if c.op in ("other", "replace", "text"))
    found.update(
        (k.kind if k.expected else f"not {k.kind}", *k.about)
        for k in plan.criteria
        if k.kind not in ("entity", "global")
    )
    return found


def stated(include: list[dict[str, Any]]) -> Facts:
    """The same of the metadata of a prompt."""
    wanted: Facts = Counter()
    for entry in include:
        name = entry["class"]
        wanted["add", name] += 1
        if entry["count"] > 1:
            wanted["count", name, str(entry["count"])] += 1
        if "color" in entry:
            wanted["attribute", name, entry["color"]] += 1
        if "position" in entry:
            relation, other = entry["position"]
            wanted["relation", name, include[other]["class"], relation] += 1
    return wanted


@pytest.mark.skipif(not METADATA.is_file(), reason="shared/benchmarks is absent")
def test_every_prompt_says_what_its_metadata_say() -> None:
    wrong = []
    for line in METADATA.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if facts(DECOMPOSER.decompose(entry["prompt"])) != stated(entry["include"]):
            wrong.append(entry["prompt"])
    assert wrong == []


def sentences(name: str) -> list[tuple[str, list[tuple[str, ...]]]]:
    """Prompts with a name, and what their plans must hold, no more and no less."""
    one = f"{article(name)} {name}"
    many = plural(name)
    dog = ("add", "dog")
    own = ("add", name)
    red = ("attribute", name, "red")
    two = ("count", name, "2")
    return [
        (f"a photo of {one}", [own]),
        (f"two {many}", [own, two]),
        (f"There are four {many}.", [own, ("count", name, "4")]),
        (f"a red {name} left of a dog", [own, dog, red, ("relation", name, "dog", "left of")]),
        (f"Above the {name} is a dog.", [own, dog, ("relation", "dog", name, "above")]),
        (f"{one.capitalize()}. The {name} is red.", [own, red]),
        (f"a dog and two {many} on a beach", [own, dog, two]),
        (f"There is a dog but no {name}.", [dog, ("not absence", name)]),
        (
            f"Two small red {many} are below the dog.",
            [
                own,
                dog,
                two,
                red,
                ("attribute", name, "small"),
                ("relation", name, "dog", "below"),
            ],
        ),
        (
            f"a large dog with two {many} above it",
            [own, dog, two, ("attribute", "dog", "large"), ("relation", name, "dog", "above")],
        ),
    ]


def check(name: str) -> None:
    for prompt, expected in sentences(name):
        assert facts(DECOMPOSER.decompose(prompt)) == Counter(expected), prompt


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str) -> None:
    check(name)


@pytest.mark.skipif(not METADATA.is_file(), reason="shared/benchmarks is absent")
def test_every_name_of_the_benchmark() -> None:
    for name in (GENEVAL / "object_names.txt").read_text(encoding="utf-8").split("\n"):
        if name and name != "dog":
            check(name)


@pytest.mark.parametrize(
    ("prompt", "question"),
    [
        ("a car below the traffic light", "Is there a traffic light?"),
        ("two traffic lights", "Are there two traffic lights?"),
        ("two wine glasses", "Are there two wine glasses?"),
        ("the wine glass is red", "Is there a wine glass?"),
        ("a pair of scissors", "Are there scissors?"),
        ("two sheep", "Are there two sheep?"),
        ("water in a glass", "Is there water?"),
        ("several street lights", "Are there several street lights?"),
    ],
)
def test_articles_and_plurals(prompt: str, question: str) -> None:
    assert question in [k.question for k in DECOMPOSER.decompose(prompt).criteria]
