"""``poser runs``: what was composed before."""

from __future__ import annotations

from typing import Annotated

import typer

from poser.cli.options import RUNS, Json, Runs

app = typer.Typer(help="List and show runs.", no_args_is_help=True)


@app.command("list")
def list_(root: Runs = RUNS, as_json: Json = False) -> None:
    """List the runs in a folder, the newest first."""
    from dataclasses import asdict

    from poser.compose.view import Overview, overview
    from poser.core.errors import PoserError
    from poser.store import list_runs

    rows: list[Overview] = []
    damaged: list[str] = []
    for run in list_runs(root):
        try:
            rows.append(overview(run))
        except PoserError as error:
            damaged.append(f"{run.id}: {error.message}")
    if as_json:
        import json

        typer.echo(json.dumps([asdict(r) for r in rows], indent=2))
        for line in damaged:
            typer.echo(f"poser: {line}", err=True)
        return
    if not rows and not damaged:
        typer.echo(f"no runs in {root}; 'poser compose PROMPT_FILE' makes one")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name, justify in (("run", "left"), ("steps", "right"), ("score", "right")):
        table.add_column(name, justify=justify, no_wrap=name == "run")  # type: ignore[arg-type]
    table.add_column("cost", justify="right")
    table.add_column("end")
    for row in rows:
        score = "-" if row.phi is None else f"{row.phi:.2f}"
        cost, end = f"${row.cost:.4f}", row.end.replace("_", " ")
        table.add_row(row.id, str(row.steps), score, cost, end)
    console = Console()
    console.print(table)
    for line in damaged:
        console.print(f"! {line}", style="yellow", markup=False)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="A run's id, the beginning of one, or its folder.")],
    root: Runs = RUNS,
    as_json: Json = False,
) -> None:
    """Show one run: score, commands, spend, paths. Writes its report anew if it has none."""
    import json
    from contextlib import suppress

    from poser.compose.view import load_view
    from poser.core.errors import StorageError
    from poser.report.html import render_report
    from poser.report.summary import print_summary, summary_dict
    from poser.store import find_run
    from poser.store.files import write_text

    run = find_run(root, name)
    view = load_view(run)
    paths = {"run": run.folder}
    with suppress(StorageError):  # a folder that may only be read is shown all the same
        if not (run.finished and run.report_path.exists()):
            write_text(run.report_path, render_report(view))
    if run.report_path.exists():
        paths["report"] = run.report_path
    if run.result_path.exists():
        paths["result"] = run.result_path
    if as_json:
        typer.echo(json.dumps(summary_dict(view, paths), indent=2))
        return
    from rich.console import Console

    print_summary(Console(), view, paths)
