"""``poser compose``: a long prompt in, a picture out."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import click
import typer

from poser.cli.options import RUNS, CriticFolder, Json, Registry, Runs, registry_files
from poser.core.errors import (
    BudgetError,
    CriticError,
    ExpertError,
    PoserError,
    RegistryError,
    StorageError,
)

if TYPE_CHECKING:
    from poser.compose.composer import Composer
    from poser.core.record import EpisodeRecord
    from poser.store import Run

OUT_FORMATS = (".png", ".jpg", ".jpeg", ".webp")


FIXED = (
    *("prompt", "image", "mask", "registry", "policy", "quality", "seed", "critic", "cache"),
    *("usd_per_second", "finish", "search", "feedback"),
)
"""What a run keeps for good; ``--budget`` and ``--max-steps`` may be changed on resuming."""


def compose(
    context: typer.Context,
    prompt: Annotated[
        str | None,
        typer.Argument(help="A text file with the prompt, or - for standard input."),
    ] = None,
    image: Annotated[
        Path | None, typer.Option("--image", help="Start from this picture.", show_default=False)
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option("--mask", help="White where it may change (inpainting).", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Copy the result there.", show_default=False),
    ] = None,
    registry: Registry = None,
    policy: Annotated[
        str,
        typer.Option(
            "--policy",
            help="What chooses the experts: router, random, single, best-of-N, learned, or the "
            "folder of a policy that poser train made.",
        ),
    ] = "learned",
    search: Annotated[
        str | None,
        typer.Option(
            "--search",
            help="Search with the policy as proposal: best-of:N plays N whole episodes, beam:K "
            "keeps K states at every step; the critic's best is kept.",
            show_default=False,
        ),
    ] = None,
    quality: Annotated[
        float | None,
        typer.Option(
            "--quality",
            min=0.0,
            max=1.0,
            help="From cheap (0) to good (1), for a learned policy; 1 unless given.",
            show_default=False,
        ),
    ] = None,
    max_steps: Annotated[
        int | None,
        typer.Option(
            "--max-steps",
            min=1,
            max=10_000,
            help="Most steps; by default 6, or three for each command if that is more, and two "
            "to finish.",
            show_default=False,
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            "--budget", min=0.0, help="Hard cap on spend in US dollars.", show_default=False
        ),
    ] = None,
    usd_per_second: Annotated[
        float,
        typer.Option(
            "--usd-per-second",
            min=0.0,
            help="What your machine costs: bills each call of an expert that has no price the "
            "seconds that were measured of it.",
        ),
    ] = 0.0,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**31 - 1, help="Same seed, same picture.")
    ] = 0,
    finish: Annotated[
        bool,
        typer.Option(
            "--finish/--no-finish",
            help="Bring the picture to full size at the end, where an expert serves 'finish'.",
        ),
    ] = True,
    feedback: Annotated[
        Literal["none", "text"] | None,
        typer.Option(
            "--feedback",
            help="text: a retry is told what the critique says is wrong; none: it is not. By "
            "default what the policy was trained with.",
            show_default=False,
        ),
    ] = None,
    critic: CriticFolder = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache",
            envvar="POSER_CALLS",
            help="Share finished calls with other runs in this folder.",
            show_default=False,
        ),
    ] = None,
    root: Runs = RUNS,
    resume: Annotated[
        str | None,
        typer.Option("--resume", help="Go on with this run (id or folder).", show_default=False),
    ] = None,
    interactive: Annotated[
        bool, typer.Option("--interactive", "-i", help="Approve or change every step.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the end.")] = False,
    as_json: Json = False,
) -> None:
    """Compose one picture from a long prompt: decompose, then choose, call and judge experts.

    Everything about the run is kept in RUNS/ID: the plan, every picture, the trace and a report.
    An interrupted run goes on with --resume and repeats no finished call.
    """
    if resume is not None:
        _check_resuming(context)
    if prompt == "-" and interactive:
        raise typer.BadParameter("with --interactive give a file: standard input is for answers")
    if search is not None and interactive:
        raise typer.BadParameter(
            "a search plays all of its branches by itself: drop --search or --interactive"
        )
    if budget is not None and not math.isfinite(budget):
        raise typer.BadParameter("--budget must be a finite number; leave it out for no cap")
    if not math.isfinite(usd_per_second):
        raise typer.BadParameter("--usd-per-second must be a finite number")
    if quality is not None:
        _check_quality(quality, policy)
    if out is not None:
        _check_out(out)
    from poser.compose.begin import Brief, begin, composer_for
    from poser.compose.inputs import read_prompt
    from poser.report.live import watch
    from poser.store import find_run

    if resume is not None:
        run = find_run(root, resume)
    elif prompt is not None:
        brief = Brief(
            prompt=read_prompt(prompt),
            runs=root,
            image=image,
            mask=mask,
            registry=registry_files(registry),
            policy=policy,
            search=_search(search),
            quality=quality,
            max_steps=max_steps,
            budget=budget,
            usd_per_second=usd_per_second,
            seed=seed,
            critic=critic,
            cache=cache,
            finish=finish,
            feedback=feedback,
        )
        run = begin(brief)
    else:
        raise typer.BadParameter("give a text file with the prompt, - or --resume RUN")
    composer = composer_for(run)
    if resume is not None:
        if interactive and composer.settings.search:
            raise typer.BadParameter(
                f"this run searches by itself ({composer.settings.search}): drop --interactive"
            )
        composer.budget, composer.max_steps = budget, max_steps
    view = watch(quiet=quiet or run.finished)
    composer.observer = view
    if interactive:
        from poser.cli.interactive import asking

        composer.chooser = asking(composer.policy(), view.paused)
    with view:
        episode = _drive(composer, run)
    _conclude(run, episode, out, as_json, notes=quiet)


def _drive(composer: Composer, run: Run) -> EpisodeRecord:
    again = f"go on with: poser compose --resume {shlex.quote(str(run.folder))}"
    if composer.budget is not None:
        again += f" --budget {composer.budget:g}"
    if composer.max_steps is not None:
        again += f" --max-steps {composer.max_steps}"
    try:
        return composer.compose()
    except (KeyboardInterrupt, click.Abort):
        typer.echo(f"poser: interrupted; nothing is lost, {again}", err=True)
        raise typer.Exit(130) from None
    except RegistryError as error:
        error.remedy = f"{error.remedy}, then compose again: a run keeps the entries it began with"
        raise
    except PoserError as error:
        if "--resume" not in error.remedy:
            error.remedy = f"{error.remedy}, then {again}" if error.remedy else again
        raise


def _conclude(
    run: Run, episode: EpisodeRecord, out: Path | None, as_json: bool, *, notes: bool
) -> None:
    from poser.compose.view import load_view
    from poser.report.summary import print_summary, summary_dict

    paths = {"report": run.report_path, "run": run.folder}
    if episode.result is not None:
        paths = {"result": run.result_path, **paths}
        if out is not None:
            _copy(run, episode.result.sha256, out)
            paths = {"out": out, **paths}
    view = load_view(run)
    if as_json:
        import json

        typer.echo(json.dumps(summary_dict(view, paths), indent=2))
    else:
        from rich.console import Console

        print_summary(Console(), view, paths, notes=notes)
    if not run.finished:
        typer.echo(
            f"poser: an outage ended it; go on with: poser compose --resume {run.folder}", err=True
        )
    if episode.result is None:
        if episode.end == "out_of_budget":
            raise BudgetError(
                "the cap does not allow a call that would make a picture",
                remedy="raise --budget, or register a cheaper text_to_image expert",
            )
        if episode.end == "critic_down":
            raise CriticError("no picture could be judged", remedy=_last_failure(episode))
        raise ExpertError(
            f"no picture came about ({episode.end.replace('_', ' ')})",
            remedy=_last_failure(episode) or "see the report for what was tried",
        )


def _last_failure(episode: EpisodeRecord) -> str:
    for step in reversed(episode.steps):
        for part in (step.critique, step.outcome):
            if part is not None and part.kind == "failure":
                return part.message
    return ""


def _check_resuming(context: typer.Context) -> None:
    for name in FIXED:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(
                f"--resume goes on with what the run was given: drop {name!r} "
                "(--budget and --max-steps may be changed)"
            )


def _search(text: str | None) -> str:
    """The search in its own words; an empty one is refused like any other nonsense."""
    if text is None:
        return ""
    from policies.search import parse_search

    return str(parse_search(text))


def _check_quality(quality: float, policy: str) -> None:
    from policies.catalogue import is_learned

    if not math.isfinite(quality):
        raise typer.BadParameter("--quality must be from 0 to 1")
    if not is_learned(policy):
        raise typer.BadParameter(
            f"--quality is heeded by a learned policy, not by {policy!r}: give one with --policy"
        )


def _check_out(out: Path) -> None:
    if out.suffix.lower() not in OUT_FORMATS:
        raise typer.BadParameter(f"--out must end in one of {', '.join(OUT_FORMATS)}")
    if not out.absolute().parent.is_dir():
        raise StorageError(
            f"there is no folder {out.absolute().parent}", remedy="make it, or change --out"
        )
    if out.is_dir():
        raise StorageError(f"{out} is a folder", remedy="give the name of a file with --out")


def _copy(run: Run, sha256: str, out: Path) -> None:
    from io import BytesIO

    from PIL import Image

    from poser.store import write_bytes

    data = run.images.read(sha256)
    if out.suffix.lower() != ".png":
        buffer = BytesIO()
        kind = "WEBP" if out.suffix.lower() == ".webp" else "JPEG"
        Image.open(BytesIO(data)).convert("RGB").save(buffer, format=kind, quality=95)
        data = buffer.getvalue()
    write_bytes(out, data)
