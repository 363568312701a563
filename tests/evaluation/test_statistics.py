"""Intervals, paired differences, and rows of several training seeds."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from poser.evaluation.scoring import Results, Scored
from poser.evaluation.statistics import band, difference, estimate
from poser.evaluation.summary import against, figures
from poser.evaluation.table import differences_table, methods_table, notes
from tests.evaluation.studio import Studio


def scored(case: int, holds: int, of: int = 4, **changes: object) -> Scored:
    verdicts = {f"k{n}": n < holds for n in range(of)}
    fields = {"method": "m", "case": f"c{case}", "seed": 0, "requirements": of}
    made = {"judged_by": "truth", "phi": 0.5, "spent": 0.1, "calls": 2, "seconds": 1.0}
    used = {"used": {"draw": {"add": 2}}, "end": "stopped", "verdicts": verdicts}
    return Scored.model_validate({**fields, **made, **used, **changes})


def results(name: str, holds: list[int]) -> Results:
    group = name.rpartition("-seed")[0] or name
    return Results(name, group, {f"c{n}": scored(n, h) for n, h in enumerate(holds)})


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(60):
        found = estimate(rng.random((1, 40)))
        covered += found.low <= 0.5 <= found.high
    assert covered >= 50


def test_differences_are_paired() -> None:
    rng = np.random.default_rng(2)
    hard = rng.random((1, 200))
    better = difference(hard + 0.05, hard)
    assert better.mean == pytest.approx(0.05)
    assert better.low == pytest.approx(0.05)
    assert estimate(hard).high - estimate(hard).low > 0.05


def test_training_seeds_widen_an_interval() -> None:
    prompts = np.random.default_rng(3).random(100)
    same = estimate(np.stack([prompts, prompts, prompts]))
    apart = estimate(np.stack([prompts - 0.2, prompts, prompts + 0.2]))
    assert apart.mean == pytest.approx(same.mean)
    assert apart.high - apart.low > same.high - same.low


@pytest.mark.parametrize("shape", [(1, 0), (0, 3)])
def test_nothing_has_no_mean(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        estimate(np.zeros(shape))


def test_bands() -> None:
    assert [band(n) for n in (4, 6, 7, 12, 13)] == [
        *("4 to 6", "4 to 6", "7 to 9", "10 to 12", "13 to 15")
    ]


def test_training_seeds_are_one_row() -> None:
    runs = [
        results("p-seed0", [4, 2, 0]),
        results("p-seed1", [4, 4, 4]),
        results("single", [1] * 3),
    ]
    found = figures(runs)
    first, second = found["methods"]
    assert (first["method"], first["runs"]) == ("p", ["p-seed0", "p-seed1"])
    assert first["by_seed"] == [0.5, 1.0]
    assert first["share"]["mean"] == pytest.approx(0.75)
    assert first["fulfilled"]["mean"] == pytest.approx(4 / 6)
    assert second["used"] == {"add": {"draw": 6}}
    assert found["differences"]["single"]["mean"] == pytest.approx(0.25 - 0.75)


def test_only_prompts_that_both_scored_are_compared() -> None:
    ours, theirs = results("a", [4, 4, 0]), results("b", [0, 0, 0])
    del ours.scored["c2"]
    ours.outages["c2"] = "no connection"
    found = against([theirs, ours], "b")
    assert found["a"]["mean"] == pytest.approx(1.0)
    assert found["a"]["n"] == 2


def test_the_table_tells_all(tmp_path: Path) -> None:
    down = Results("down", "down", {}, {"c0": "no connection"})
    found = figures([results("router", [4, 2, 0]), results("single", [1, 1, 1]), down])
    console = Console(file=StringIO(), width=200)
    console.print(methods_table(found))
    console.print(differences_table(found))
    setting = Studio(tmp_path, known=False).setting
    for line in notes(found, setting, 3, tmp_path):
        console.print(line)
    assert isinstance(console.file, StringIO)
    shown = console.file.getvalue()
    assert "0.500" in shown
    assert "-0.250" in shown
    assert "no connection" in shown
    assert "the critic that guided composing" in shown
