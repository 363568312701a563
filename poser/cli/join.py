"""``poser join``: several trained policies as one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from poser.cli.options import Json


def join(
    policies: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER", help="Policies that poser train made, two or more."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the new policy.")],
    as_json: Json = False,
) -> None:
    """Join policies into one that decides by the mean of what they say.

    Trainings of one configuration that differ by their seed err in different places.
    """
    from policies.ensemble import join_policies

    card = join_policies(policies, out)
    if as_json:
        typer.echo(json.dumps({"policy": str(out), "members": card.members}, indent=2))
        return
    typer.echo(f"{card.members} policies decide together: {out}")
    typer.echo(f"use it: poser compose PROMPT --policy {out}")
