"""The matching rule of the benchmark, and that the decomposer stays as good as was measured."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DSG = ROOT.parent / "shared" / "benchmarks" / "dsg-1k" / "dsg-1k-dev.csv"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    folder = str(ROOT / "benchmarks")
    sys.path.insert(0, folder)
    try:
        return import_module("decompose")
    finally:
        sys.path.remove(folder)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("sits on", "on"),
        ("above", "over"),
        ("to the left of", "left of"),
        ("wearing", "with"),
        ("hold", "holding"),
        ("surrounded by", "surround by"),
    ],
)
def test_relations_that_are_one(bench: ModuleType, first: str, second: str) -> None:
    assert bench.relation_key(first) == bench.relation_key(second)


def test_names_and_attributes(bench: ModuleType) -> None:
    assert bench.head("the man's red shirts") == "shirt"
    assert bench.head("group of people") == "person"
    assert bench.head("flowers_1") == "flower"
    assert bench.attribute_words("very tall") == bench.attribute_words("tall")
    assert bench.attribute_words("wooden") == bench.attribute_words("made of wood")
    assert bench.attribute_words("stand") == bench.attribute_words("standing")
    assert bench.attribute_words("red") != bench.attribute_words("blue")


def test_matching_is_one_to_one(bench: ModuleType) -> None:
    one, two, both = frozenset({1}), frozenset({2}), frozenset({1, 2})
    assert bench.matches([one, both], [one, two]) == 2
    assert bench.matches([one, one], [one]) == 1
    assert bench.matches([], [one]) == 0


def test_absent_prompt_sets_are_said(
    bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.main(["--quick", "--benchmarks", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("not measured") == 4


@pytest.mark.skipif(not DSG.is_file(), reason="shared/benchmarks is absent")
def test_as_good_as_measured(bench: ModuleType) -> None:
    items = bench.read_dsg(DSG)
    for half in bench.halves(items, 0):
        scores = bench.measure_dsg(half)["strict"]["overall"].scores()
        assert scores[2] >= 0.60
