"""Which machine a benchmark ran on, and the options that all benchmarks share."""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any


def describe() -> str:
    """This machine and Python in one line."""
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores "
        f"({_processor()}), Python {platform.python_version()}"
    )


def arguments(description: str) -> argparse.ArgumentParser:
    """A parser with ``--json FILE``, ``--seed`` and ``--quick``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="end within a minute")
    return parser


def write(path: Path | None, figures: dict[str, Any]) -> None:
    """Writes the figures as JSON, with the machine they were measured on."""
    if path is not None:
        path.write_text(json.dumps({"machine": describe(), **figures}, indent=2) + "\n")


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown processor"
