"""``poser experts probe``: what each expert can do, measured on tasks whose answers are known."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poser.cli.options import Json, registry_files
from poser.cli.options import Registry as RegistryFiles
from poser.core.errors import BudgetError, RegistryError

if TYPE_CHECKING:
    from rich.console import Console

    from experts.probe import Agreement, Evaluator, Probe, Purse, Trial, Verdicts
    from experts.registry import Registry
    from poser.core.capability import CapabilityTable
    from poser.store.journal import DiskJournal

FAILED = 6
"""Exit status where an expert could not be had; the same as for an ExpertError."""


@dataclass(slots=True)
class Findings:
    """What a probe brings to light.

    Attributes:
        tables: One for each expert that made pictures.
        notes: One line for each expert with something amiss, by id.
        agreement: The critic beside the evaluator, where that was asked for.
        held_out: Whether the tasks were of what is kept out of training.
    """

    tables: list[CapabilityTable] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    agreement: list[Agreement] = field(default_factory=list)
    held_out: bool = False


def probe(
    expert_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="Experts; all where left out.", show_default=False),
    ] = None,
    registry: RegistryFiles = None,
    n: Annotated[int, typer.Option("--n", min=1, max=10_000, help="Tasks of each skill.")] = 40,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**31 - 1, help="Same seed, same tasks.")
    ] = 0,
    skills: Annotated[
        str | None,
        typer.Option(
            "--skills", help="Only these skills, separated by commas.", show_default=False
        ),
    ] = None,
    all_skills: Annotated[
        bool, typer.Option("--all-skills", help="Also skills that an expert does not declare.")
    ] = False,
    held_out: Annotated[
        bool,
        typer.Option(
            "--held-out",
            help="Ask for combinations kept out of the pocket models' training; the tables go into "
            "a folder held-out and are never routed by.",
        ),
    ] = False,
    evaluator: Annotated[
        str,
        typer.Option(
            "--evaluator",
            help="What judges: detector, or the folder of a ViLT model for question answering.",
        ),
    ] = "detector",
    compare_critic: Annotated[
        bool,
        typer.Option("--compare-critic", help="Also say how far the critic agrees with that."),
    ] = False,
    budget: Annotated[
        float | None,
        typer.Option(
            "--budget", min=0.0, help="Hard cap on spend in US dollars.", show_default=False
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Call experts that cost money, without a cap.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            envvar="POSER_CAPABILITIES",
            help="Folder of the tables; by default one of yours, where the registry finds them.",
            show_default=False,
        ),
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(
            "--work",
            envvar="POSER_PROBES",
            help="Folder of pictures and finished calls, to go on from.",
            show_default=False,
        ),
    ] = None,
    matrix: Annotated[
        Path | None,
        typer.Option("--matrix", help="Draw the tables: a .png or .svg file.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure what each expert can do: the same tasks for all, judged by an independent evaluator.

    Killed, it goes on where it was when it is called again. Ends with status 6 where an expert
    could not be had.
    """
    if budget is not None and not math.isfinite(budget):
        raise typer.BadParameter("--budget must be a finite number")
    if matrix is not None:
        from poser.report.matrix import check_matrix_path

        check_matrix_path(matrix)
    from experts.probe import Purse
    from experts.registry import load_registry
    from experts.tables import HELD_OUT, user_folder

    judge = _evaluator(evaluator)
    critic = _critic() if compare_critic else None
    found = load_registry(registry_files(registry))
    specs = [found[i] for i in dict.fromkeys(expert_ids or found)]
    trials = _trials(n, seed, skills, held_out=held_out)
    findings = Findings(held_out=held_out)
    with ExitStack() as stack:
        stack.enter_context(found)
        probes = []
        for spec in specs:
            mine = [t for t in trials if t.fits(spec, all_skills=all_skills)]
            if mine:
                journal = _journal(work, spec.id)
                stack.enter_context(journal.locked())
                probes.append(_probe(spec.id, found, mine, journal))
            else:
                findings.notes[spec.id] = "none of the tasks is one for it"
        _agree_on_price(probes, yes=yes, budget=budget)
        folder = (out or user_folder()) / (HELD_OUT if held_out else "")
        measure = _Measure(found, judge, critic, Purse(budget), n, seed, folder)
        with _going_on():
            measure.all(probes, findings)
    if matrix is not None and findings.tables:
        _draw(findings.tables, matrix, held_out=held_out)
    _report(findings, judge, critic, measure.out, as_json=as_json)
    if any(p.failed for p in probes):
        raise typer.Exit(FAILED)


@dataclass(slots=True)
class _Measure:
    """Calls, judges, counts and writes, one expert after another."""

    registry: Registry
    evaluator: Evaluator
    critic: Evaluator | None
    purse: Purse
    n: int
    seed: int
    out: Path

    def all(self, probes: Sequence[Probe], findings: Findings) -> None:
        """Measures each, and adds what comes to light to the findings."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeRemainingColumn as Remaining

        console = Console(stderr=True, highlight=False)
        pairs: list[tuple[Sequence[Trial], Verdicts, Verdicts]] = []
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
        with Progress(*columns, console=console, transient=True) as bar:
            for number, one in enumerate(probes, start=1):
                label = f"{number}/{len(probes)} {one.spec.id}"
                verdicts = self._one(one, bar, label)
                if self.critic is not None:
                    pairs.append((one.trials, verdicts, one.judge(self.critic)))
                if one.stopped or one.failures:
                    findings.notes[one.spec.id] = _problem(one)
                if verdicts:
                    findings.tables.append(self._write(one, verdicts))
                if not console.is_terminal:
                    console.print(f"{label}: {len(verdicts)} of {len(one.trials)} tasks")
        findings.agreement = _agreement(pairs)

    def _one(self, one: Probe, bar: Any, label: str) -> Verdicts:
        missing = len(one.missing)
        if missing:
            task = bar.add_task(f"{label}: calling", total=missing)
            try:
                expert = self.registry.expert(one.spec.id)
                try:
                    one.call(expert, self.purse, lambda n: bar.advance(task, n))
                finally:
                    expert.close()
            except RegistryError as error:  # some faults of an entry show as it is loaded
                one.stopped = str(error)
            bar.remove_task(task)
        task = bar.add_task(f"{label}: judging", total=len(one.trials))
        verdicts = one.judge(self.evaluator, lambda n: bar.advance(task, n))
        bar.remove_task(task)
        return verdicts

    def _write(self, one: Probe, verdicts: Verdicts) -> CapabilityTable:
        """The table of an expert, on disk: skills measured earlier and not now are kept."""
        from experts.tables import read_table, table_name
        from poser import __version__
        from poser.store.files import make_folder, write_json

        table = one.table(
            self.evaluator,
            verdicts,
            n=self.n,
            seed=self.seed,
            created_by=f"image-poser {__version__}",
        )
        path = self.out / table_name(one.spec.id)
        make_folder(self.out)
        older, _ = read_table(path)
        written = table if older is None else table.joined(older)
        write_json(path, written.to_dict())
        return table


def _evaluator(name: str) -> Evaluator:
    """The evaluator of that name or folder, loaded, so that a broken one is found first."""
    from critic.detector import DetectorEvaluator
    from critic.evaluating import CriticEvaluator
    from critic.vqa import VqaCritic

    if name == "detector":
        detector = DetectorEvaluator()
        detector.load()
        return detector
    judge = CriticEvaluator(VqaCritic(Path(name)))
    judge.load()
    return judge


def _critic() -> Evaluator:
    from critic.evaluating import CriticEvaluator
    from critic.vqa import VqaCritic

    critic = CriticEvaluator(VqaCritic())
    critic.load()
    return critic


def _trials(n: int, seed: int, skills: str | None, *, held_out: bool = False) -> list[Trial]:
    from experts.pocket.trials import HELD_OUT, SKILLS, sample_trials

    known = HELD_OUT if held_out else SKILLS
    what = "held-out skill" if held_out else "skill"
    names = known if skills is None else _named(skills, known, what)
    return sample_trials(n, seed, names, held_out=held_out)


def _named(wanted: str, known: Sequence[str], what: str = "skill") -> list[str]:
    """The skills of those names: ``edit: count``, or ``count`` for all that end so."""
    from experts.nearest import did_you_mean

    found: list[str] = []
    for name in (w.strip() for w in wanted.split(",")):
        fits = [s for s in known if name in (s, s.rpartition(": ")[2])]
        if not fits:
            raise typer.BadParameter(f"unknown {what} {name!r}; {did_you_mean(name, known)}")
        found += fits
    return list(dict.fromkeys(found))


def _journal(work: Path | None, expert_id: str) -> DiskJournal:
    import platformdirs

    from experts.tables import table_name
    from poser.store.images import DiskImageStore
    from poser.store.journal import DiskJournal

    folder = work or platformdirs.user_data_path("image-poser") / "probes"
    path = (folder / table_name(expert_id)).with_suffix(".jsonl")
    return DiskJournal(path, DiskImageStore(folder / "images"))


def _probe(
    expert_id: str, registry: Registry, trials: Sequence[Trial], journal: DiskJournal
) -> Probe:
    from experts.probe import Probe

    return Probe(registry[expert_id], trials, journal.images, journal)


def _agree_on_price(probes: Sequence[Probe], *, yes: bool, budget: float | None) -> None:
    """Says what is to be paid, before it is.

    Raises:
        BudgetError: It costs something, and nobody said yes.
    """
    paid = [p for p in probes if p.spec.cost.usd > 0.0 and p.missing]
    if not paid:
        return
    calls, price = sum(len(p.missing) for p in paid), sum(p.estimate for p in paid)
    typer.echo(f"poser: {calls} calls that cost money, about ${price:.2f} in all", err=True)
    if not yes and budget is None:
        raise BudgetError(
            f"{', '.join(p.spec.id for p in paid)} would cost about ${price:.2f}",
            remedy="say --yes, or set a cap with --budget",
        )


@contextmanager
def _going_on() -> Iterator[None]:
    """An interrupted probe says how to go on."""
    try:
        yield
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("poser: interrupted; nothing is lost, the same command goes on", err=True)
        raise typer.Exit(130) from None


def _problem(one: Probe) -> str:
    if one.stopped:
        return f"{len(one.missing)} of {len(one.trials)} tasks without a picture: {one.stopped}"
    return f"{len(one.failures)} calls failed: {next(iter(one.failures.values()))}"


def _agreement(pairs: Sequence[tuple[Sequence[Trial], Verdicts, Verdicts]]) -> list[Agreement]:
    """The comparison over all experts: each task of each is one of its own."""
    from experts.probe import agreement

    trials: list[Trial] = []
    ours: dict[int, Any] = {}
    theirs: dict[int, Any] = {}
    for mine, one, other in pairs:
        ours |= {len(trials) + i: v for i, v in one.items()}
        theirs |= {len(trials) + i: v for i, v in other.items()}
        trials += mine
    return agreement(trials, ours, theirs)


def _draw(tables: Sequence[CapabilityTable], path: Path, *, held_out: bool) -> None:
    from poser.report.matrix import draw_matrix
    from poser.store.files import make_folder, storing

    make_folder(path.parent)
    with storing(path):
        draw_matrix(tables, path, held_out=held_out)


def _report(
    findings: Findings,
    evaluator: Evaluator,
    critic: Evaluator | None,
    out: Path,
    *,
    as_json: bool,
) -> None:
    if as_json:
        data = {
            "tables": [t.to_dict() for t in findings.tables],
            "held_out": findings.held_out,
            "notes": findings.notes,
            "critic": [asdict(a) for a in findings.agreement] if critic is not None else None,
        }
        sys.stdout.write(json.dumps(data, indent=2) + "\n")
        return
    from poser.report.capabilities import agreement_table, by_task, measures_table

    console = _console()
    for tables in by_task(findings.tables).values():
        console.print(measures_table(tables))
        console.print()
    if critic is not None:
        console.print(agreement_table(findings.agreement, critic.id, evaluator.id))
        console.print()
    if findings.tables:
        n = findings.tables[0].n
        kind = "held-out tasks" if findings.held_out else "tasks"
        line = f"{n} {kind} of each skill, judged by {evaluator.id}; the tables are in {out}"
        console.print(line, style="dim", markup=False, soft_wrap=True)
    for name, note in findings.notes.items():
        console.print(f"! {name}: {note}", style="yellow", markup=False, soft_wrap=True)


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=200)
