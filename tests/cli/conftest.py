from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Poser = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def poser(tmp_path: Path) -> Poser:
    """Runs ``poser`` as a user would: its own process, in an empty folder."""

    def run(
        *arguments: object, stdin: bytes = b"", timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
        finished = subprocess.run(
            [sys.executable, "-m", "poser", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            cwd=tmp_path,
            env=environment,
            timeout=timeout,
        )
        return subprocess.CompletedProcess(
            finished.args,
            finished.returncode,
            finished.stdout.decode(errors="replace"),
            finished.stderr.decode(errors="replace"),
        )

    return run
