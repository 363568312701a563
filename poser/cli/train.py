"""``poser train``: a policy that learns which expert to call for what."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poser.cli.options import CriticFolder, Json, Registry, registry_files

if TYPE_CHECKING:
    from policies.training.run import Training


def train(
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="What to train: a YAML file.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Folder of the run; by default training/NAME-seedN, NAME that of the file.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps", min=1, help="Steps of every stage, over the file.", show_default=False
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed", min=0, max=2**31 - 1, help="A seed, over the file.", show_default=False
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", help="Go on with the run in this folder.", show_default=False),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Also run stages with pixels: live experts and critic.")
    ] = False,
    device: Annotated[
        str, typer.Option("--device", help="Of the network: cpu, cuda or auto.")
    ] = "cpu",
    registry: Registry = None,
    critic: CriticFolder = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the end.")] = False,
    as_json: Json = False,
) -> None:
    """Train a policy: stages of PPO over any number of experts, exported for poser compose.

    A run that was killed goes on with --resume and ends with the same weights. The folder holds
    the policy, a checkpoint, a log and TensorBoard's figures.
    """
    if (config is None) == (resume is None):
        raise typer.BadParameter("give either --config FILE or --resume FOLDER")
    if resume is not None and any(given is not None for given in (out, seed, steps)):
        raise typer.BadParameter("--resume goes on as it began: drop --out, --seed and --steps")
    if device not in ("cpu", "cuda", "auto"):
        raise typer.BadParameter("--device must be cpu, cuda or auto")
    from policies.training.config import read_config, resumed

    if resume is not None:
        asked, folder = resumed(resume), resume
    else:
        assert config is not None, "checked above"
        asked = read_config(config, steps=steps, seed=seed)
        folder = out or Path("training") / f"{config.stem}-seed{asked.seed}"
    from policies.training.run import Training
    from policies.training.worlds import check_prices, of_registry
    from poser.cli.train_view import watch_training

    training = Training(asked, folder, live=live, device=device)
    if registry or any(of_registry(stage, live=live) for stage in asked.stages):
        from critic.vqa import POCKET, VqaCritic
        from experts.registry import load_registry
        from poser.compose.worlds import check_room, too_few_apart, worlds_with

        experts = load_registry(registry_files(registry))
        check_prices(asked, experts, live=live)
        check_room(asked, experts, live=live)
        if not quiet:
            for note in too_few_apart(asked) if live else ():
                typer.echo(f"poser: {note}", err=True)
        training.make_world = worlds_with(experts, VqaCritic(critic or POCKET))
    with watch_training(quiet=quiet) as watcher:
        training.watcher = watcher
        given = [part for path in registry or () for part in ("--registry", str(path))]
        given += ["--critic", str(critic)] if critic else []
        given += ["--live"] if live else []
        given += ["--device", device] if device != "cpu" else []
        _run(training, given, resume=resume is not None)
    _conclude(folder, as_json)


def _run(training: Training, given: Sequence[str], *, resume: bool) -> None:
    try:
        training.run(resume=resume)
    except KeyboardInterrupt:
        again = shlex.join(["poser", "train", "--resume", str(training.folder), *given])
        told = f"the last leg is begun anew, go on with: {again}"
        typer.echo(f"poser: interrupted; {told}", err=True)
        raise typer.Exit(130) from None


def _conclude(folder: Path, as_json: bool) -> None:
    from policies.export import read_card
    from policies.training.config import TrainingError

    if not (folder / "policy").is_dir():
        raise TrainingError("no stage was run", remedy="give --live to run stages with pixels")
    training = read_card(folder / "policy").training
    found = {"policy": str(folder / "policy"), **{k: training[k] for k in ("stage", "steps")}}
    found["validation"] = training["validation"]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    validation = training["validation"]
    assert isinstance(validation, dict), "written so by the training loop"
    typer.echo(f"best return on held-out episodes: {validation['return']:.3f}")
    typer.echo(f"policy: {folder / 'policy'}")
    typer.echo(f"use it: poser compose PROMPT --policy {folder / 'policy'}")
