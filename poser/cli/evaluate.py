"""``poser evaluate``: how well policies compose, on held-out prompts, by an independent judge."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poser.cli.options import CriticFolder, Json, registry_files
from poser.cli.options import Registry as RegistryFiles
from poser.core.errors import BudgetError

if TYPE_CHECKING:
    from experts.registry import Registry
    from poser.evaluation.cases import Case
    from poser.evaluation.scoring import Results, Told
    from poser.evaluation.setting import Setting

HELD_OUT = 200
"""Held-out prompts unless told otherwise."""

NOT_SCORED = 6
"""Exit status where an outage kept an episode from being scored; that of an ExpertError."""


def evaluate(
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            "-p",
            help="What is evaluated (repeatable): random, single, best-of-4, best-of@METHOD (as "
            "many as the spend of METHOD allows), router, bandit, bandit:FILE, dqn:FOLDER, the "
            "FOLDER of a policy that poser train made, critic-beam:3 (@METHOD caps it too), "
            "oracle:3. After + a search: router+beam:3, router+best-of:4.",
            show_default="router",
        ),
    ] = None,
    search: Annotated[
        str | None,
        typer.Option(
            "--search",
            help="beam:K or best-of:N, on top of every policy that searches nothing yet.",
            show_default=False,
        ),
    ] = None,
    n: Annotated[
        int | None,
        typer.Option(
            "--n",
            min=1,
            max=100_000,
            help="Held-out prompts; with --prompts the first N of those, by default all.",
            show_default="200",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**31 - 1, help="Same seed, same prompts.")
    ] = 0,
    prompts: Annotated[
        Path | None,
        typer.Option(
            "--prompts",
            help="Prompts of your own: a text file, or a folder of them. Nobody knows what they "
            "truly ask for: the critic alone scores them.",
            show_default=False,
        ),
    ] = None,
    quality: Annotated[
        float | None,
        typer.Option(
            "--quality",
            min=0.0,
            max=1.0,
            help="From cheap (0) to good (1): sets --cost-weight as poser compose does.",
            show_default=False,
        ),
    ] = None,
    cost_weight: Annotated[
        float | None,
        typer.Option(
            "--cost-weight",
            min=0.0,
            help="Lambda, reward lost per US dollar; 0 unless given.",
            show_default=False,
        ),
    ] = None,
    usd_per_second: Annotated[
        float,
        typer.Option(
            "--usd-per-second",
            min=0.0,
            help="Price of a second of an expert that has no price: what renting would cost.",
        ),
    ] = 0.0,
    budget: Annotated[
        float | None,
        typer.Option(
            "--budget",
            min=0.0,
            help="Hard cap on the spend of each prompt in US dollars.",
            show_default=False,
        ),
    ] = None,
    max_steps: Annotated[
        int | None,
        typer.Option(
            "--max-steps",
            min=1,
            max=10_000,
            help="Most steps; by default 6, or three for each command if that is more.",
            show_default=False,
        ),
    ] = None,
    batch: Annotated[
        int, typer.Option("--batch", min=1, max=1024, help="Prompts that are composed at once.")
    ] = 16,
    registry: RegistryFiles = None,
    critic: CriticFolder = None,
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="Folder of the scores and pictures: what is there is not repeated."
        ),
    ] = Path("runs/evaluation"),
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Call experts that cost money, without a cap.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the table.")] = False,
    as_json: Json = False,
) -> None:
    """Evaluate policies on held-out prompts: same prompts and seeds, an independent evaluator.

    Every score is kept as it comes; the same command goes on where it was stopped. An episode that
    an outage ended has no score: the command ends with status 6 and tries it again when repeated.
    """
    terms = _Terms(quality, cost_weight, usd_per_second, budget, max_steps, seed, yes)
    names = [_searching(name, search) for name in policy or ["router"]]
    from experts.registry import load_registry

    cases = _cases(prompts, n, seed)
    with load_registry(registry_files(registry)) as found:
        setting = terms.setting(found, critic, out, known=prompts is None)
        results = _run(cases, setting, names, out, batch, quiet=quiet)
    _report(results, setting, cases, out, as_json=as_json)
    if any(one.outages for one in results):
        raise typer.Exit(NOT_SCORED)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What was asked of the terms."""

    quality: float | None
    cost_weight: float | None
    usd_per_second: float
    budget: float | None
    max_steps: int | None
    seed: int
    yes: bool

    def __post_init__(self) -> None:
        import math

        if self.quality is not None and self.cost_weight is not None:
            raise typer.BadParameter("give either --quality or --cost-weight")
        for number in (self.quality, self.cost_weight, self.usd_per_second, self.budget):
            if number is not None and not math.isfinite(number):
                raise typer.BadParameter("a price, a budget, a quality must be a finite number")

    def setting(
        self, registry: Registry, critic: Path | None, out: Path, *, known: bool
    ) -> Setting:
        """The terms over a registry; critic and evaluator are loaded, to find a broken one first.

        Raises:
            PoserError: One of them cannot be had, or calls cost money and nobody agreed to that.
        """
        from critic.detector import DetectorEvaluator
        from critic.vqa import POCKET, VqaCritic
        from envs.rules import Rules
        from policies.quality import cost_weight_of
        from poser.evaluation.setting import setting_of

        paid = [spec.id for spec in registry.values() if spec.cost.usd > 0.0]
        if paid and self.budget is None and not self.yes:
            raise BudgetError(
                f"{', '.join(paid)} would cost money on every prompt",
                remedy="say --yes, or cap the spend of each prompt with --budget",
            )
        judge = VqaCritic(critic or POCKET)
        judge.load()
        evaluator = DetectorEvaluator() if known else None
        if evaluator is not None:
            evaluator.load()
        weight = self.cost_weight or 0.0
        if self.quality is not None:
            weight = cost_weight_of(self.quality)
        return setting_of(
            registry,
            judge,
            evaluator,
            Rules(budget=self.budget, cost_weight=weight),
            usd_per_second=self.usd_per_second,
            max_steps=self.max_steps,
            seed=self.seed,
            paid=out,
        )


def _searching(name: str, search: str | None) -> str:
    """A method's name with the search that is asked for on top."""
    if search is None:
        return name
    from policies.search import parse_search

    asked = parse_search(search)
    from poser.evaluation.methods import searches

    return name if searches(name) else f"{name}+{asked}"


def _cases(prompts: Path | None, n: int | None, seed: int) -> list[Case]:
    from poser.evaluation.cases import pocket_cases, prompt_cases

    return pocket_cases(n or HELD_OUT, seed) if prompts is None else prompt_cases(prompts)[:n]


def _run(
    cases: list[Case], setting: Setting, names: list[str], out: Path, batch: int, *, quiet: bool
) -> list[Results]:
    from poser.evaluation.scoring import Evaluation
    from poser.store.images import DiskImageStore
    from poser.store.journal import DiskJournal

    journal = DiskJournal(out / "episodes.jsonl", DiskImageStore(out / "images"))
    try:
        with journal.locked(), _progress(quiet) as told:
            return Evaluation(cases, setting, journal, out, batch, told).of(names)
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("poser: interrupted; nothing is lost, the same command goes on", err=True)
        raise typer.Exit(130) from None


@contextmanager
def _progress(quiet: bool) -> Iterator[Told]:
    """What shows progress on standard error: a bar on a terminal, else one line a method."""
    if quiet:
        yield lambda _name, _finished, _all: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=console, transient=True) as bar:
        tasks = {}

        def told(name: str, finished: int, every: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=every)
            bar.update(tasks[name], completed=finished)
            if finished == every and not console.is_terminal:
                console.print(f"{name}: {every} prompts", markup=False)

        yield told


def _report(
    results: list[Results], setting: Setting, cases: list[Case], out: Path, *, as_json: bool
) -> None:
    from poser.evaluation.summary import figures

    found = figures(results)
    if as_json:
        terms = {"terms": setting.identity, "prompts": len(cases)}
        sys.stdout.write(json.dumps({**terms, **found}, indent=2) + "\n")
        return
    from rich.console import Console

    from poser.evaluation.table import differences_table, methods_table, notes

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=200)
    console.print(methods_table(found))
    if found["differences"]:
        console.print()
        console.print(differences_table(found))
    for line in notes(found, setting, len(cases), out):
        console.print(line, style="dim", markup=False, soft_wrap=True)
