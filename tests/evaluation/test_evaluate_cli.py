"""``poser evaluate`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from poser.cli.evaluate import _cases, _searching
from poser.evaluation.cases import pocket_cases, prompt_cases
from tests.cli.conftest import Poser, poser

__all__ = ["poser"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--quality", "0.5", "--cost-weight", "1"], 2, "--cost-weight"),
        (["--usd-per-second", "inf"], 2, "finite"),
        (["--search", "deep:3"], 2, "beam:3"),
        (["--prompts", "nowhere.txt"], 3, "there is no file"),
    ],
)
def test_what_is_wrong_is_one_line(
    poser: Poser, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    ended = poser("evaluate", *arguments)
    assert ended.returncode == code
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "runs").exists()


def test_cases(tmp_path: Path) -> None:
    cases = pocket_cases(4, seed=1)
    assert [c.id for c in cases] == [c.id for c in pocket_cases(4, seed=1)]
    assert all(4 <= c.requirements <= 12 and c.criteria for c in cases)
    (tmp_path / "b.txt").write_text("A red car is on a beach.")
    (tmp_path / "a.txt").write_text("Two birds are in a tree.")
    assert [c.name for c in prompt_cases(tmp_path)] == ["a.txt", "b.txt"]
    assert all(c.criteria is None for c in prompt_cases(tmp_path))
    assert [c.name for c in _cases(tmp_path, 1, 0)] == ["a.txt"]
    assert len(_cases(tmp_path, None, 0)) == 2


@pytest.mark.parametrize(
    "name", ["router", "runs/a+b/policy", "oracle-runs/policy", "critic-beam-2/policy"]
)
def test_a_search_is_put_on_what_has_none(name: str) -> None:
    assert _searching(name, "beam:3") == f"{name}+beam:3"


@pytest.mark.parametrize(
    "name",
    ["router+best-of:4", "oracle", "critic-beam:2", "critic-beam:2@a/b", "best-of@router+beam:2"],
)
def test_a_search_is_not_put_on_another(name: str) -> None:
    assert _searching(name, "beam:3") == name


@pytest.mark.slow
def test_evaluate_and_again(poser: Poser) -> None:
    arguments = ("evaluate", "-p", "single", "--n", 2, "--max-steps", 2, "--json")
    first = poser(*arguments)
    assert first.returncode == 0, first.stderr
    (row,) = json.loads(first.stdout)["methods"]
    assert row["prompts"] == 2
    again = poser(*arguments)
    assert json.loads(again.stdout) == json.loads(first.stdout)
