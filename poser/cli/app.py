"""The typer application."""

from __future__ import annotations

from typing import Annotated

import typer

from poser import __version__
from poser.cli import compose, doctor, evaluate, experts, plan, runs, train

app = typer.Typer(
    name="poser",
    help="Compose one picture from a long prompt with many image models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"image-poser {__version__}")
        raise typer.Exit


@app.callback()
def poser(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Compose one picture from a long prompt with many image models."""


app.command("compose")(compose.compose)
app.command("plan")(plan.plan)
app.add_typer(experts.app, name="experts")
app.add_typer(runs.app, name="runs")
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("doctor")(doctor.doctor)
