"""``poser compose`` as a user runs it: real experts, a real critic, its own process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Poser

PROMPT = 'A red car on a blue background. A cat is to the left of the car. A sign says "HELLO".'


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished run of three steps, its JSON in ``summary.json``."""
    folder = tmp_path_factory.mktemp("composed")
    (folder / "prompt.txt").write_text(PROMPT)
    finished = subprocess.run(
        f"{sys.executable} -m poser compose prompt.txt --max-steps 3 --seed 7 --json --out out.jpg",
        shell=True,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert finished.returncode == 0, finished.stderr
    (folder / "summary.json").write_text(finished.stdout)
    (folder / "progress.txt").write_text(finished.stderr)
    return folder


def run_folder(folder: Path) -> Path:
    (run,) = (folder / "runs").iterdir()
    return run


def test_it_leaves_a_picture_a_report_and_json(composed: Path) -> None:
    summary = json.loads((composed / "summary.json").read_text())
    run = run_folder(composed)
    assert summary["id"] == run.name
    assert Image.open(run / "result.png").size >= (64, 64)
    assert Image.open(composed / "out.jpg").format == "JPEG"
    assert "<html" in (run / "report.html").read_text()
    assert len((run / "trace.jsonl").read_text().splitlines()) <= 3


def test_progress_is_plain_lines_in_a_pipe(composed: Path) -> None:
    progress = (composed / "progress.txt").read_text()
    assert re.search(r"step 1/3", progress)
    assert "\x1b" not in progress
    assert "Loading" not in progress


def test_it_says_what_the_critic_cannot_judge(composed: Path) -> None:
    plan = json.loads((run_folder(composed) / "plan.json").read_text())
    aside = {a["criterion"]: a["reason"] for a in plan["set_aside"]}
    kinds = {k["id"]: k["kind"] for c in plan["commands"] for k in c["criteria"]}
    assert any(kinds[k] == "text" and "cannot read" in reason for k, reason in aside.items())


def test_runs_list_and_show(composed: Path, poser: Poser) -> None:
    run = run_folder(composed)
    listed = poser("runs", "list", "--runs", composed / "runs", "--json")
    assert [r["id"] for r in json.loads(listed.stdout)] == [run.name]
    (run / "report.html").unlink()
    shown = poser("runs", "show", run.name[:12], "--runs", composed / "runs")
    assert shown.returncode == 0, shown.stderr
    assert "report" in shown.stdout.lower()
    assert (run / "report.html").exists()
    assert poser("runs", "list").stdout.startswith("no runs")


def test_resuming_a_finished_run_calls_nobody(composed: Path, poser: Poser) -> None:
    run = run_folder(composed)
    before = (run / "trace.jsonl").read_bytes()
    finished = poser("compose", "--resume", run, "--json", "--out", "copy.png")
    assert finished.returncode == 0, finished.stderr
    assert (run / "trace.jsonl").read_bytes() == before
    assert json.loads(finished.stdout)["id"] == run.name


def test_killed_for_real_and_resumed_it_paints_the_same_picture(
    composed: Path, tmp_path: Path, poser: Poser
) -> None:
    (tmp_path / "prompt.txt").write_text(PROMPT)
    process = subprocess.Popen(
        [sys.executable, "-m", "poser", "compose", "prompt.txt", "--max-steps", "3", "--seed", "7"],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and process.poll() is None:
        if list(tmp_path.glob("runs/*/calls/expert-*.json")):
            break
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    run = run_folder(tmp_path)
    paid = {p.name: p.stat().st_mtime_ns for p in run.glob("calls/*.json")}
    finished = poser("compose", "--resume", run.name, "--quiet", timeout=240)
    assert finished.returncode == 0, finished.stderr
    for name, written in paid.items():
        assert (run / "calls" / name).stat().st_mtime_ns == written
    whole = run_folder(composed)
    assert (run / "result.png").read_bytes() == (whole / "result.png").read_bytes()


def test_by_hand_from_a_given_picture(composed: Path, poser: Poser, tmp_path: Path) -> None:
    picture = run_folder(composed) / "result.png"
    answers = b"zzz\n99\ns\n"
    (tmp_path / "edit.txt").write_text("Add a green tree. Remove the car.")
    finished = poser("compose", "-i", "--image", picture, "edit.txt", stdin=answers, timeout=240)
    assert finished.returncode == 0, finished.stderr
    assert "-> " in finished.stderr
    assert "1 to " in finished.stderr
    trace = (run_folder(tmp_path) / "trace.jsonl").read_text().splitlines()
    assert json.loads(trace[0])["reason"] == "stopped by hand"
    assert (run_folder(tmp_path) / "result.png").exists()


def test_a_prompt_beyond_the_pocket_world_still_runs(poser: Poser, tmp_path: Path) -> None:
    prompt = b"A green dragon with golden wings sleeps on an old stone tower under three moons."
    finished = poser("compose", "-", "--max-steps", "1", stdin=prompt, timeout=240)
    assert finished.returncode == 0, finished.stderr
    assert "no expert here knows" in finished.stderr
    assert "docs/experts.md" in finished.stderr or "examples/registry.yaml" in finished.stderr
    assert "0 of" in finished.stdout


def test_doctor(poser: Poser) -> None:
    finished = poser("doctor", "--json")
    findings = {f["name"]: f for f in json.loads(finished.stdout)}
    failures = [f for f in findings.values() if f["state"] == "failure"]
    assert (finished.returncode, failures) == (0, [])
    assert findings["package envs"]["detail"] == "ours"
    assert "experts" in findings["registry"]["detail"]
