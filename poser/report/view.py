"""What a report shows: one run as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from envs.state import State
from poser.core.critique import Critique
from poser.core.expert import ExpertSpec
from poser.core.picture import ImageRef, ImageSource
from poser.core.plan import Plan
from poser.core.record import SearchRecord, StepRecord


@dataclass(frozen=True)
class RunView:
    """A finished or unfinished run, as the report and the summary read it.

    Attributes:
        id: The run's id.
        created: When it began, ISO 8601.
        seed: The run's seed.
        version: Version of Image-POSER that made it.
        plan: What was asked.
        state: The last state; ``state.end`` is ``None`` while the run goes on.
        images: Where the pixels are.
        config: Policy, registry files, options: printed as given, so it must hold no secret.
        start: The picture it started from, if any.
        start_critique: The judgement of that picture.
        steps: All transitions so far.
        specs: The registry's experts by id.
        seconds: Wall time so far.
        notes: Sentences for the reader: parts that no expert can draw and what would serve them.
        critic: Name of the critic.
        search: What all branches cost, where the steps were found by a search.
    """

    id: str
    created: str
    seed: int
    version: str
    plan: Plan
    state: State
    images: ImageSource
    config: Mapping[str, JsonValue] = field(default_factory=dict)
    start: ImageRef | None = None
    start_critique: Critique | None = None
    steps: tuple[StepRecord, ...] = ()
    specs: Mapping[str, ExpertSpec] = field(default_factory=dict)
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    critic: str = ""
    search: SearchRecord | None = None
