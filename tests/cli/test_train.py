"""``poser train`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from policies.training.run import Training
from poser.cli.app import app
from tests.cli.conftest import Poser

TINY = """
updates: 1
max_commands: 4
max_experts: 3
scorer: {width: 16, heads: 2, hidden: 16, rounds: 1}
ppo: {rollout: 4, batch: 16, epochs: 1}
validation: {episodes: 4}
stages:
  - {name: simulator, steps: 32, envs: 4, ranges: {commands: [2, 3], experts: [2, 3]}}
"""


def test_train_and_go_on(poser: Poser, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    first = poser("train", "--config", "tiny.yaml", "--seed", 3)
    assert first.returncode == 0, first.stderr
    folder = tmp_path / "training" / "tiny-seed3"
    assert (folder / "policy" / "policy.safetensors").is_file()
    assert "poser compose PROMPT --policy" in first.stdout
    assert "32 steps" in first.stderr
    assert "return" in first.stderr
    again = poser("train", "--resume", folder, "--json", "--quiet")
    assert again.returncode == 0, again.stderr
    assert again.stderr == ""
    assert json.loads(again.stdout)["stage"] == "simulator"


def test_the_hint_after_an_interruption_repeats_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_training: Training, *, resume: bool) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Training, "run", interrupted)
    (tmp_path / "tiny.yaml").write_text(TINY)
    arguments = ["train", "--config", str(tmp_path / "tiny.yaml"), "--out", "t", "--quiet"]
    ended = CliRunner().invoke(app, [*arguments, "--device", "auto"])
    assert ended.exit_code == 130
    assert ended.stderr.endswith("poser train --resume t --device auto\n")
    ended = CliRunner().invoke(app, arguments)
    assert ended.stderr.endswith("poser train --resume t\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--config"),
        (["--config", "none.yaml"], "cannot read none.yaml"),
        (["--config", "wrong.yaml"], "wrong.yaml: unknown key 'stages[0].setps'"),
        (["--resume", "nowhere"], "there is no training run in nowhere"),
        (["--config", "wrong.yaml", "--device", "tpu"], "--device"),
        (["--resume", "nowhere", "--seed", "1"], "--seed"),
    ],
)
def test_what_is_wrong_is_one_line(
    poser: Poser, tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "wrong.yaml").write_text("stages: [{name: a, setps: 3, steps: 1}]\n")
    ended = poser("train", *arguments)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_a_later_stage_has_no_room_for_is_found_first(poser: Poser, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("A red car, a blue dog, two green cats and a yellow bird.")
    live = "  - {name: live, world: pixels, steps: 32, envs: 2, prompts: [long.txt]}\n"
    (tmp_path / "live.yaml").write_text(TINY.replace("max_experts: 3", "max_experts: 16") + live)
    ended = poser("train", "--config", "live.yaml", "--live")
    assert ended.returncode == 2
    assert "long.txt has 9 commands, and max_commands is 4" in ended.stderr
    (tmp_path / "few.yaml").write_text(TINY + live)
    ended = poser("train", "--config", "few.yaml", "--live")
    assert ended.returncode == 2
    assert "11 experts, and max_experts is 3" in ended.stderr
    assert not (tmp_path / "training").exists()


def test_the_experts_of_the_variable_are_those_trained_with(
    poser: Poser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = "experts:\n" + "".join(
        f"  - {{id: pocket/{name}, enabled: false}}\n"
        for name in ("counter", "layout", "editor", "scenery", "stylist")
    )
    (tmp_path / "mine.yaml").write_text(off)
    monkeypatch.setenv("POSER_REGISTRY", str(tmp_path / "mine.yaml"))
    text = TINY.replace("envs: 4", "envs: 4, experts: registry").replace("experts: 3", "experts: 6")
    (tmp_path / "tiny.yaml").write_text(text)
    ended = poser("train", "--config", "tiny.yaml", "--out", "t")
    assert ended.returncode == 0, ended.stderr  # 11 experts would have no room


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--policy", "./none"], "there is no policy in"),
        (["--quality", "0.5", "--policy", "router"], "learned policy"),
        (["--quality", "2", "--policy", "./none"], "--quality"),
    ],
)
def test_compose_refuses_what_is_no_policy(
    poser: Poser, tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "p.txt").write_text("A red car is on a beach.")
    ended = poser("compose", "p.txt", *arguments)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_compose_with_what_was_trained(poser: Poser, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    (tmp_path / "p.txt").write_text("A red car is on a beach.")
    assert poser("train", "--config", "tiny.yaml", "--out", "t").returncode == 0
    made = poser(
        *("compose", "p.txt", "--policy", "t/policy", "--quality", "0.7", "--max-steps", "2"),
        "--json",
    )
    assert made.returncode in (0, 6), made.stderr  # untrained: it may stop at once
    (run,) = (tmp_path / "runs").iterdir()
    settings = json.loads((run / "config.json").read_text())["settings"]
    assert settings["policy"] == str(tmp_path / "t" / "policy")
    assert settings["policy_revision"]
    assert settings["rules"]["cost_weight"] == pytest.approx(3 / 7)
    trace = (run / "trace.jsonl").read_text()
    assert "preferred at" in trace
