"""The docs say what is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from poser.core import errors
from poser.core.errors import PoserError
from tests.cli.conftest import Poser

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_python_example_runs(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "cli.md").read_text(), re.S)
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert "result.png" in printed
    assert list(tmp_path.glob("runs/*/result.png"))


def test_every_exit_code_is_documented() -> None:
    table = (ROOT / "docs" / "cli.md").read_text().partition("## Exit codes")[2]
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.M)}
    ours = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, PoserError)
    }
    assert ours | {0, 2, 130} == documented


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_option_of_compose_has_help(poser: Poser) -> None:
    shown = poser("compose", "--help").stdout
    for option in ("--image", "--mask", "--out", "--registry", "--policy", "--max-steps"):
        assert option in shown
    for option in ("--finish", "--no-finish"):
        assert option in shown
    for option in ("--budget", "--seed", "--json", "--interactive", "--resume", "--cache"):
        assert option in shown
