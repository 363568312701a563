"""A run as the report shows it, from memory or from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import Field

from envs.replay import replay
from envs.rules import Rules
from envs.state import State
from poser.compose.branches import search_record
from poser.compose.coverage import coverage_notes, judging_notes
from poser.compose.settings import Settings
from poser.core.critique import Critique
from poser.core.errors import RunError
from poser.core.plan import Plan
from poser.core.value import Value
from poser.report.view import RunView
from poser.store import Run, read_json, write_json

_T = TypeVar("_T", bound=Value)


class Start(Value):
    """How a run began: with ``plan.json`` and ``trace.jsonl`` all that a replay needs.

    Attributes:
        rules: What is played by.
        critique: The judgement of the picture it started from.
        changes: Rules that held from a step on, where they were changed on resuming.
    """

    rules: Rules
    critique: Critique | None = None
    changes: dict[int, Rules] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Overview:
    """A line of ``poser runs list``; ``phi`` is ``None`` where nothing could be judged."""

    id: str
    prompt: str
    steps: int
    end: str
    phi: float | None
    cost: float


def settings_of(run: Run) -> Settings:
    """The settings of a run.

    Raises:
        RunError: They are missing, damaged, or of another version.
    """
    try:
        return Settings.model_validate(run.config().get("settings"))
    except ValueError as error:
        raise RunError(
            f"the configuration of the run {run.id} is damaged",
            remedy=f"compose again; its pictures are in {run.folder / 'images'}",
        ) from error


def start_of(run: Run) -> Start | None:
    """How a run began; ``None`` where it never came to a plan."""
    path = run.folder / "start.json"
    return _read(Start, path) if path.exists() else None


def change_rules(run: Run, step: int, rules: Rules) -> None:
    """Notes in ``start.json`` that other rules hold from a step on.

    Raises:
        StorageError: It cannot be written.
    """
    if (start := start_of(run)) is not None:
        changed = start.model_copy(update={"changes": {**start.changes, step: rules}})
        write_json(run.folder / "start.json", changed.to_dict())


def _read(kind: type[_T], path: Path) -> _T:
    try:
        return kind.model_validate(read_json(path))
    except ValueError as error:
        raise RunError(
            f"{path} is damaged", remedy="compose again; the run's pictures are intact"
        ) from error


def view_of(run: Run, settings: Settings, state: State) -> RunView:
    """What the report shows of a run in that state."""
    steps = tuple(run.steps())
    specs = {s.id: s for s in settings.experts}
    rate = settings.usd_per_second
    start = start_of(run)
    return RunView(
        id=run.id,
        created=str(run.config().get("created", "")),
        seed=settings.seed,
        version=settings.version,
        plan=state.plan,
        state=state,
        images=run.images,
        config={
            "policy": settings.policy,
            "registry": list(settings.registry),
            "cache": settings.cache,
            "finish": settings.finish,
            **({"usd_per_second": rate} if rate else {}),
            **({"search": settings.search} if settings.search else {}),
        },
        start=settings.image,
        start_critique=start.critique if start else None,
        steps=steps,
        specs=specs,
        seconds=sum(s.seconds for s in steps),
        notes=(
            *coverage_notes(
                state.plan, specs, picture=settings.image, mask=settings.mask is not None
            ),
            *judging_notes(state.plan),
        ),
        critic=settings.critic or "vqa/pocket_vqa",
        search=search_record(run, settings.search, _first(start), state.rules.budget),
    )


def _first(start: Start | None) -> float:
    """US dollars that the judgement of the picture given has cost."""
    return start.critique.cost if start and start.critique else 0.0


def load_view(run: Run) -> RunView:
    """The same, read back from the run's folder: the state is replayed from the trace.

    Raises:
        RunError: The run never came to a plan.
    """
    settings = settings_of(run)
    start = start_of(run)
    if start is None or not run.plan_path.exists():
        raise RunError(
            f"the run {run.id} stopped before it had a plan",
            remedy=f"go on with: poser compose --resume {run.id}",
        )
    state = replay(
        _read(Plan, run.plan_path),
        start.rules,
        run.steps(),
        {s.id: s for s in settings.experts},
        image=settings.image,
        critique=start.critique,
        mask=settings.mask.sha256 if settings.mask else None,
        changes=start.changes,
    )
    return view_of(run, settings, state)


def overview(run: Run) -> Overview:
    """A run in one line, without replaying it."""
    settings = settings_of(run)
    prompt = " ".join(settings.prompt.split())
    if (episode := run.episode()) is not None:
        cost = episode.search.cost if episode.search else episode.cost
        phi = episode.phi if episode.plan.judged else None
        return Overview(run.id, prompt, len(episode.steps), episode.end, phi, cost)
    steps = run.steps()
    cost = sum(
        (s.outcome.cost if s.outcome else 0.0) + (s.critique.cost if s.critique else 0.0)
        for s in steps
    )
    search = search_record(run, settings.search, _first(start_of(run)), None)
    cost = search.cost if search else cost
    judged = run.plan_path.exists() and _read(Plan, run.plan_path).judged
    phi = (steps[-1].phi if steps else 0.0) if judged else None
    return Overview(run.id, prompt, len(steps), "unfinished", phi, cost)
