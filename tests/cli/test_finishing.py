"""``--no-finish`` and ``poser plan``, without a call to any expert."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from poser.cli.app import app
from poser.compose.begin import Brief, begin
from poser.compose.view import settings_of
from tests.cli.conftest import Poser

FINISHER = """
version: 1
experts:
- {id: my/finisher, adapter: typography, task: image_to_image, capabilities: {finish: 1.0}}
"""


def test_the_choice_is_kept_with_the_run(tmp_path: Path) -> None:
    for finish in (True, False):
        run = begin(Brief(prompt="a red car", runs=tmp_path, finish=finish))
        assert settings_of(run).finish is finish
    assert settings_of(begin(Brief(prompt="a red car", runs=tmp_path))).finish


def test_the_plan_shows_the_finish(tmp_path: Path, poser: Poser) -> None:
    (tmp_path / "prompt.txt").write_text('A red car. A sign says "OPEN".')
    (tmp_path / "mine.yaml").write_text(FINISHER)
    shown = poser("plan", "prompt.txt", "--registry", "mine.yaml")
    assert shown.returncode == 0, shown.stderr
    assert "commands and the finish, " in shown.stdout
    assert "bring the picture to full size" in shown.stdout
    made = poser("plan", "prompt.txt", "--registry", "mine.yaml", "--json")
    ops = [c["op"] for c in json.loads(made.stdout)["commands"]]
    assert ops.count("finish") == 1
    assert ops[-2:] == ["finish", "text"]


def test_no_finish_reaches_the_run(tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("a red car")
    (tmp_path / "dear.yaml").write_text(FINISHER + "- {id: pocket/painter, cost: {usd: 1.0}}\n")
    arguments = ["compose", str(tmp_path / "prompt.txt"), "--runs", str(tmp_path / "runs")]
    arguments += ["--registry", str(tmp_path / "dear.yaml"), "--budget", "0.1", "--quiet"]
    for option, expected in (([], True), (["--no-finish"], False)):
        CliRunner().invoke(app, [*arguments, *option])
        newest = max((tmp_path / "runs").iterdir(), key=lambda p: p.stat().st_mtime_ns)
        plan = json.loads((newest / "plan.json").read_text())
        assert any(c["op"] == "finish" for c in plan["commands"]) is expected
