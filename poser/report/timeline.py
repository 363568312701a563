"""A run as a sequence of moments: what each step changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envs.potential import gated_scores
from poser.core.action import ALL, Call, Revert, Stop
from poser.core.critique import CriticFailure, Critique
from poser.core.expert import ExpertFailure, ExpertResult
from poser.core.picture import ImageRef
from poser.core.plan import Criterion, Plan
from poser.core.record import StepRecord
from poser.report.view import RunView
from poser.report.words import FAILURES, action_words, sentence

MomentKind = Literal["picture", "failed", "revert", "stop"]


@dataclass(frozen=True, slots=True)
class Moment:
    """One step, with what it changed.

    Attributes:
        number: Counted from 1.
        record: The step.
        kind: ``failed`` where the expert or the critic failed.
        title: The action in words.
        commands: Ids of the commands it is about.
        image: The picture made in this step, judged or not; ``None`` where none was made.
        critique: The judgement of that picture.
        gained: Criteria that hold now and did not on the picture before.
        lost: Criteria that held on the picture before and do not now.
        phi_before: Potential of the picture before.
        champion_phi: Potential of the champion after the step.
        crowned: Whether this step's picture became the champion.
        is_result: Whether this step's picture is the champion to this day.
        failure: What failed, in words; empty where nothing did.
    """

    number: int
    record: StepRecord
    kind: MomentKind
    title: str
    commands: tuple[str, ...] = ()
    image: ImageRef | None = None
    critique: Critique | None = None
    gained: tuple[Criterion, ...] = ()
    lost: tuple[Criterion, ...] = ()
    phi_before: float = 0.0
    champion_phi: float = 0.0
    crowned: bool = False
    is_result: bool = False
    failure: str = ""

    @property
    def gain(self) -> float:
        """Change of the potential in this step."""
        return self.record.phi - self.phi_before

    @property
    def verbatim(self) -> bool:
        """Whether the expert was sent the very words of the title."""
        request = self.record.request
        if request is None or request.negative_prompt:
            return False
        return sentence(request.prompt) == self.title


def holding(plan: Plan, critique: Critique | None, threshold: float) -> dict[str, bool]:
    """Whether each judged criterion holds, by id; empty without a critique."""
    if critique is None:
        return {}
    gated = gated_scores(plan, critique, threshold)
    return {k: score >= threshold for k, score in gated.items()}


def timeline(view: RunView) -> tuple[Moment, ...]:
    """The steps of a run, each with what it changed since the picture before."""
    threshold = view.state.rules.threshold
    critiques: dict[str, Critique] = {}
    phis: dict[str, float] = {}
    current, phi, champion = view.start, view.state.start_phi, view.start
    if view.start is not None:
        phis[view.start.sha256] = phi
        if view.start_critique is not None:
            critiques[view.start.sha256] = view.start_critique
    result_at = _result_step(view)
    moments = []
    for index, record in enumerate(view.steps):
        image, critique, failure = _made(record)
        if critique is not None and record.image is not None:
            critiques[record.image.sha256] = critique
        if record.image is not None:
            phis[record.image.sha256] = record.phi
        before = _critique_of(current, critiques)
        after = _critique_of(record.image, critiques)
        held, holds = (holding(view.plan, c, threshold) for c in (before, after))
        changed = [k for k in view.plan.judged if held.get(k.id, False) != holds.get(k.id, False)]
        crowned = (
            critique is not None and record.champion == record.image and champion != record.champion
        )
        champion = record.champion
        moments.append(
            Moment(
                number=record.step + 1,
                record=record,
                kind=_kind(record, failure),
                title=_title(record, view.plan, again=current is not None),
                commands=_commands(record, view.plan),
                image=image,
                critique=critique,
                gained=tuple(k for k in changed if holds.get(k.id, False)),
                lost=tuple(k for k in changed if held.get(k.id, False)),
                phi_before=phi,
                champion_phi=phis.get(champion.sha256, record.phi) if champion else 0.0,
                crowned=crowned,
                is_result=index == result_at,
                failure=failure,
            )
        )
        current, phi = record.image, record.phi
    return tuple(moments)


def start_is_result(view: RunView) -> bool:
    """Whether the picture that the run started from is still the best one."""
    return view.start is not None and _champion(view) == view.start


def _champion(view: RunView) -> ImageRef | None:
    return view.state.champion.image if view.state.champion else None


def _result_step(view: RunView) -> int | None:
    """Index of the step that made the champion; ``None`` where it is the start or none."""
    champion = _champion(view)
    if champion is None or champion == view.start:
        return None
    for index, record in enumerate(view.steps):
        if record.image == champion and isinstance(record.critique, Critique):
            return index
    return None


def _made(record: StepRecord) -> tuple[ImageRef | None, Critique | None, str]:
    image = record.outcome.image if isinstance(record.outcome, ExpertResult) else None
    if isinstance(record.outcome, ExpertFailure):
        words = sentence(FAILURES[record.outcome.reason])
        return None, None, f"{words}: {record.outcome.message}" if record.outcome.message else words
    if isinstance(record.critique, CriticFailure):
        words = {
            "unavailable": "The critic could not be reached",
            "malformed": "The critic's answer could not be read",
        }[record.critique.reason]
        message = record.critique.message
        return image, None, f"{words}: {message}" if message else words
    return image, record.critique, ""


def _kind(record: StepRecord, failure: str) -> MomentKind:
    if failure or record.infrastructure_failure:
        return "failed"
    if isinstance(record.action, Revert):
        return "revert"
    return "stop" if isinstance(record.action, Stop) else "picture"


def _title(record: StepRecord, plan: Plan, *, again: bool) -> str:
    task = record.request.task if record.request else None
    return action_words(record.action, plan, task=task, again=again)


def _commands(record: StepRecord, plan: Plan) -> tuple[str, ...]:
    if not isinstance(record.action, Call):
        return ()
    if record.action.command == ALL:
        return tuple(c.id for c in plan.commands)
    return (record.action.command,)


def _critique_of(image: ImageRef | None, critiques: dict[str, Critique]) -> Critique | None:
    return critiques.get(image.sha256) if image else None
