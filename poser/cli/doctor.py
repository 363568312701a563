"""``poser doctor``: whether this machine can compose, and what is in the way."""

from __future__ import annotations

import os
import platform
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import typer

from poser.cli.options import RUNS, Json, Runs

PACKAGES = ("experts", "critic", "envs", "policies", "poser")
"""Our import packages: names that other distributions may own as well."""

LIBRARIES = (
    "torch",
    "diffusers",
    "transformers",
    "safetensors",
    "langgraph",
    "langgraph-checkpoint-sqlite",
    "numpy",
    "pillow",
    "pydantic",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    name: str
    state: Literal["ok", "warning", "failure"]
    detail: str


def doctor(root: Runs = RUNS, as_json: Json = False) -> None:
    """Check versions, devices, writable folders and clashes of package names."""
    findings = [*_versions(), *_clashes(), *_folders(root), *_devices(), *_parts()]
    if as_json:
        import json
        from dataclasses import asdict

        typer.echo(json.dumps([asdict(f) for f in findings], indent=2))
    else:
        from rich.console import Console

        console = Console()
        marks = {
            "ok": "[green]ok[/]     ",
            "warning": "[yellow]warn[/]   ",
            "failure": "[red]FAIL[/]   ",
        }
        for finding in findings:
            console.print(marks[finding.state], end="")
            console.print(f"{finding.name}: {finding.detail}", markup=False, highlight=False)
    if any(f.state == "failure" for f in findings):
        raise typer.Exit(1)


def _versions() -> list[Finding]:
    findings = [
        Finding("python", "ok", f"{platform.python_version()} on {platform.platform()}"),
    ]
    for name in ("image-poser", *LIBRARIES):
        try:
            findings.append(Finding(name, "ok", metadata.version(name)))
        except metadata.PackageNotFoundError:
            findings.append(Finding(name, "failure", f"is not installed: pip install {name}"))
    return findings


def _clashes() -> list[Finding]:
    """Another distribution that owns one of our names would overwrite us without a word."""
    owners = metadata.packages_distributions()
    findings = []
    for package in PACKAGES:
        others = sorted({d for d in owners.get(package, []) if d != "image-poser"})
        spec_path = _origin(package)
        ours = _origin("poser")
        if others:
            findings.append(
                Finding(
                    f"package {package}",
                    "failure",
                    f"{', '.join(others)} installs a package of the same name: "
                    "use a virtual environment of its own for image-poser",
                )
            )
        elif spec_path is None or ours is None or spec_path.parent.parent != ours.parent.parent:
            findings.append(
                Finding(
                    f"package {package}",
                    "failure",
                    f"is found at {spec_path}, not beside poser at {ours}: something of that "
                    "name stands before it on the path",
                )
            )
        else:
            findings.append(Finding(f"package {package}", "ok", "ours"))
    return findings


def _origin(package: str) -> Path | None:
    from importlib.util import find_spec

    spec = find_spec(package)
    return Path(spec.origin).resolve() if spec and spec.origin else None


def _folders(root: Path) -> list[Finding]:
    import shutil

    findings = []
    for name, folder in (("runs folder", root), ("temporary folder", Path(tempfile.gettempdir()))):
        existing = folder.absolute()
        while not existing.exists():
            existing = existing.parent
        try:
            with tempfile.TemporaryFile(dir=existing):
                free = shutil.disk_usage(existing).free / 2**30
        except OSError as error:
            findings.append(Finding(name, "failure", f"{folder} is not writable: {error.strerror}"))
            continue
        state: Literal["ok", "warning"] = "ok" if free > 1 else "warning"
        findings.append(Finding(name, state, f"{folder} is writable, {free:.1f} GB free"))
    return findings


def _devices() -> list[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:
        return [Finding("devices", "failure", f"torch cannot be imported: {error}")]
    names = [f"cpu ({os.cpu_count()} cores, {torch.get_num_threads()} threads for torch)"]
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        names.append(f"cuda:{index} {properties.name}, {properties.total_memory / 2**30:.0f} GB")
    if torch.backends.mps.is_available():
        names.append("mps")
    return [Finding("devices", "ok", "; ".join(names))]


def _parts() -> list[Finding]:
    """The registry and the critic load."""
    from critic.vqa import VqaCritic
    from experts.registry import load_registry
    from poser.cli.options import registry_files
    from poser.core.errors import PoserError

    findings = []
    try:
        registry = load_registry(registry_files(None))
        findings.append(Finding("registry", "ok", f"{len(registry)} experts"))
        findings += [Finding("registry", "warning", line) for line in registry.warnings]
    except PoserError as error:
        findings.append(Finding("registry", "failure", str(error)))
    try:
        critic = VqaCritic()
        findings.append(Finding("critic", "ok", f"{critic.id}, revision {critic.revision}"))
    except PoserError as error:
        findings.append(Finding("critic", "failure", str(error)))
    return findings
