"""Options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Registry: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--registry",
        "-r",
        help="Registry file that is merged over the built-in experts (repeatable); "
        "also POSER_REGISTRY.",
        show_default=False,
    ),
]
Runs: TypeAlias = Annotated[
    Path, typer.Option("--runs", help="Folder that runs are kept in.", envvar="POSER_RUNS")
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")]
CriticFolder: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--critic",
        help="Folder of a ViLT model for question answering; by default the pocket critic.",
        show_default=False,
    ),
]

RUNS = Path("runs")
"""Where runs are kept by default."""


def registry_files(given: list[Path] | None) -> tuple[Path, ...]:
    """The registry files of an invocation: those given, else those of ``POSER_REGISTRY``."""
    if given:
        return tuple(p.absolute() for p in given)
    named = os.environ.get("POSER_REGISTRY", "")
    return tuple(Path(p).absolute() for p in named.split(os.pathsep) if p)
