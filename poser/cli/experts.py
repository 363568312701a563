"""``poser experts``: which experts there are, where they come from, and whether they work."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poser.cli.options import Json, registry_files
from poser.cli.options import Registry as RegistryFiles
from poser.cli.probe import probe

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from experts.check import CheckReport
    from experts.registry import Registry
    from poser.core.expert import ExpertSpec

app = typer.Typer(
    help="List, show, check and measure the experts that a plan can call.", no_args_is_help=True
)

CHECK_FAILED = 6
"""Exit status of ``check`` where any expert failed; the same as for an ExpertError."""


@app.command("list")
def list_experts(registry: RegistryFiles = None, as_json: Json = False) -> None:
    """List all experts: id, task, adapter, ops, cost, seconds, licence."""
    found = _load(registry)
    if as_json:
        _print_json([_summary(found, spec) for spec in found.values()])
        return
    from rich.table import Table
    from rich.text import Text

    console = _console()
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("id", no_wrap=True)
    table.add_column("task", no_wrap=True)
    table.add_column("adapter", no_wrap=True)
    table.add_column("ops", overflow="fold", min_width=12)
    table.add_column("cost", justify="right", no_wrap=True)
    table.add_column("s", justify="right", no_wrap=True)
    table.add_column("licence", overflow="fold")
    for spec in found.values():
        table.add_row(
            Text(spec.id, style="cyan"),
            Text(_short_task(spec)),
            Text(spec.adapter),
            Text(_ops(spec)),
            _money(spec),
            f"{spec.cost.seconds:g}",
            Text(spec.licence or "?"),
        )
    _print_table(console, table)
    if not found:
        console.print(
            "No experts are registered: install image-poser, or name a file with --registry."
        )


@app.command("show")
def show_expert(
    expert_id: Annotated[str, typer.Argument(metavar="ID", help="The expert's id.")],
    registry: RegistryFiles = None,
    as_json: Json = False,
) -> None:
    """Show one expert's entry, and the file and line it comes from."""
    found = _load(registry)
    spec = found[expert_id]
    if as_json:
        _print_json({**_summary(found, spec), **_plain(spec)})
        return
    measure = found.tables.get(spec.id)
    from rich.markup import escape
    from rich.table import Table

    console = _console()
    console.print(f"[bold cyan]{escape(spec.id)}[/]")
    if spec.description:
        console.print(escape(spec.description))
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in _rows(spec):
        table.add_row(key, escape(value))
    if measure is not None:
        by = f"{measure.n} tasks a skill, by {measure.evaluator} {measure.evaluator_revision}"
        table.add_row("measured", escape(by))
    table.add_row("stated at", escape(found.origin(spec.id)))
    _print_table(console, table)


@app.command("check")
def check_experts(
    expert_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One expert; all where left out.")
    ] = None,
    registry: RegistryFiles = None,
    as_json: Json = False,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Let a bug end the check with its traceback.")
    ] = False,
) -> None:
    """Load each expert and run one small request; say what failed and how to mend it.

    Ends with status 6 where any expert failed.
    """
    found = _load(registry)
    ids = [found[expert_id].id] if expert_id is not None else list(found)

    from experts.check import check_expert

    console = _console()
    reports = []
    for name in ids:
        if not as_json and console.is_terminal:
            console.print(f"[dim]{name} ...[/]", end="\r")
        report = check_expert(found, name, raise_bugs=traceback)
        reports.append(report)
        if not as_json:
            _print_report(console, report)
    if as_json:
        _print_json([_report_data(report) for report in reports])
    failed = sum(not report.ok for report in reports)
    if not as_json and len(reports) > 1:
        console.print(f"{len(reports) - failed} of {len(reports)} experts work")
    if failed:
        raise typer.Exit(CHECK_FAILED)


app.command("probe")(probe)


def _load(files: list[Path] | None) -> Registry:
    from experts.registry import load_registry

    return load_registry(registry_files(files))


def _console() -> Console:
    """A console of the terminal's width, or a wide one where the output goes elsewhere."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)


def _print_table(console: Console, table: Table) -> None:
    """Prints a table without blanks at the ends of its lines."""
    with console.capture() as capture:
        console.print(table)
    lines = capture.get().splitlines()
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in lines))


def _print_json(data: Any) -> None:
    sys.stdout.write(json.dumps(data, indent=2) + "\n")


def _plain(spec: ExpertSpec) -> dict[str, Any]:
    data = spec.to_dict()
    if spec.vocabulary is not None:
        data["vocabulary"] = sorted(spec.vocabulary)
    return data


def _summary(found: Registry, spec: ExpertSpec) -> dict[str, Any]:
    return {
        "id": spec.id,
        "task": spec.task,
        "adapter": spec.adapter,
        "ops": sorted(op for op, score in spec.capabilities.items() if score > 0),
        "usd": spec.cost.usd,
        "seconds": spec.cost.seconds,
        "licence": spec.licence,
        "origin": found.origin(spec.id),
    }


def _short_task(spec: ExpertSpec) -> str:
    return {"text_to_image": "create", "image_to_image": "edit", "inpainting": "fill"}[spec.task]


def _ops(spec: ExpertSpec) -> str:
    ops = [op for op, score in spec.capabilities.items() if score > 0]
    return ", ".join(ops) if ops else "any"


def _money(spec: ExpertSpec) -> str:
    return "free" if spec.cost.usd == 0 else f"${spec.cost.usd:g}"


def _rows(spec: ExpertSpec) -> list[tuple[str, str]]:
    def table(values: dict[str, Any]) -> str:
        return ", ".join(f"{key}: {json.dumps(value)}" for key, value in values.items())

    scores = sorted(spec.capabilities.items(), key=lambda item: -item[1])
    words = sorted(spec.vocabulary or ())
    limits = spec.limits.to_dict()
    rows = [
        ("task", spec.task),
        ("adapter", spec.adapter),
        ("source", spec.source),
        ("revision", spec.revision),
        ("pipeline", spec.pipeline),
        ("defaults", table(spec.defaults)),
        ("load", table(spec.load)),
        ("ops", ", ".join(f"{op} {score:g}" for op, score in scores) or "any"),
        ("vocabulary", f"{len(words)} words: {', '.join(words[:12])} ..." if words else ""),
        ("cost", f"{_money(spec)} a call, about {spec.cost.seconds:g} s"),
        ("limits", table({key: value for key, value in limits.items() if value is not None})),
        ("licence", spec.licence),
        ("fingerprint", spec.fingerprint),
    ]
    return [(key, value) for key, value in rows if value]


def _report_data(report: CheckReport) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(report)


def _print_report(console: Console, report: CheckReport) -> None:
    from rich.markup import escape

    if report.ok:
        console.print(
            f"[green]ok[/]      {escape(report.id)}  {report.size[0]}x{report.size[1]} in "
            f"{report.seconds:.2f} s (loading {report.load_seconds:.1f} s)",
            soft_wrap=True,
        )
        return
    console.print(f"[red]failed[/]  {escape(report.id)}  {escape(report.problem)}", soft_wrap=True)
    if report.remedy:
        console.print(f"        to mend it: {escape(report.remedy)}", soft_wrap=True)
