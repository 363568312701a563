"""``poser plan``: what a prompt is taken to ask for."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from poser.cli.options import CriticFolder, Json, Registry, registry_files


def plan(
    prompt: Annotated[str, typer.Argument(help="A text file, or - for standard input.")],
    edits: Annotated[
        bool, typer.Option("--edits", help="The prompt edits a given picture.")
    ] = False,
    registry: Registry = None,
    critic: CriticFolder = None,
    as_json: Json = False,
) -> None:
    """Print the plan of a prompt as a tree: commands, criteria, and what depends on what."""
    from critic.vqa import POCKET, VqaCritic
    from experts.registry import load_registry
    from poser.compose.coverage import coverage_notes
    from poser.compose.finishing import with_finish
    from poser.compose.inputs import read_prompt
    from poser.decompose import RuleDecomposer

    text = read_prompt(prompt)
    specs = load_registry(registry_files(registry))
    made = with_finish(RuleDecomposer().decompose(text, has_picture=edits), specs.values())
    made = made.setting_aside(VqaCritic(critic or POCKET).outside_scope(made.criteria))
    if as_json:
        typer.echo(json.dumps(made.model_dump(mode="json"), indent=2))
        return
    from rich.console import Console

    from poser.decompose.tree import plan_tree

    console = Console(width=None if _is_terminal() else 100)
    console.print(plan_tree(made))
    for note in coverage_notes(made, specs):
        console.print(f"! {note}", style="yellow", markup=False, highlight=False)


def _is_terminal() -> bool:
    import sys

    return sys.stdout.isatty()
