"""Which parts of a plan the registry's experts can draw, and what a run may cost."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from envs.legality import FINISHING, serves, unknown_subjects
from envs.state import State, statuses
from poser.core.expert import ExpertSpec
from poser.core.picture import ImageRef
from poser.core.plan import Plan


def coverage_notes(
    plan: Plan,
    registry: Mapping[str, ExpertSpec],
    *,
    picture: ImageRef | None = None,
    mask: bool = False,
) -> tuple[str, ...]:
    """What the experts here cannot do, one line each, and what would serve it.

    Args:
        plan: What is asked.
        registry: Specs by id.
        picture: The picture to start from.
        mask: Whether a mask was given.
    """
    notes = _beyond(plan, registry)
    if mask and not any(spec.task == "inpainting" for spec in registry.values()):
        notes.append(
            "no inpainting expert is registered: editors see the whole picture, and only what they "
            "change inside the mask is kept"
        )
    sides = [s.limits.max_side for s in registry.values() if s.needs_picture and _edits(plan, s)]
    if picture is not None and sides and max(sides) < max(picture.width, picture.height):
        notes.append(
            f"the picture has {picture.width} x {picture.height} pixels, and the editors here "
            f"work at {max(sides)} at most: an edit makes it that small"
            + (" inside the mask" if mask else "")
        )
    if picture is None and not any(spec.task == "text_to_image" for spec in registry.values()):
        notes.append(
            "no text_to_image expert is registered: start from a picture with --image, "
            "or add an entry (docs/experts.md)"
        )
    return tuple(notes)


def judging_notes(plan: Plan) -> tuple[str, ...]:
    """One line on the criteria that are set aside, if any; the plan names each with its reason."""
    if not plan.set_aside:
        return ()
    asked = len(plan.criteria)
    return (
        f"{len(plan.set_aside)} of {asked} questions are outside the critic's scope: they are not "
        "judged, and count neither for nor against ('poser plan' shows which)",
    )


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run is likely to cost, in US dollars.

    Attributes:
        least: Every pending command that the prompt asks for served at once by its cheapest
            expert.
        most: Every step by the dearest expert, or the cap if that is lower.
    """

    least: float
    most: float


def estimate(state: State, registry: Mapping[str, ExpertSpec]) -> Estimate:
    """The bounds on what is still to be spent; 0 and 0 where nothing costs money."""
    judgement = state.rules.judgement_cost
    specs = list(registry.values())
    drawing = [s.cost.usd + judgement for s in specs if s.task == "text_to_image"]
    editing = [s.cost.usd + judgement for s in specs if s.task != "text_to_image"]
    least = min(drawing, default=0.0)
    if state.given:
        status = statuses(state)
        pending = sum(status[c.id] == "pending" for c in state.plan.asked)
        least = pending * min(editing or drawing, default=0.0)
    most = (state.rules.max_steps - state.step) * max([*drawing, *editing], default=0.0)
    left = state.remaining_budget
    return Estimate(least, most if left is None else min(most, left))


def _edits(plan: Plan, spec: ExpertSpec) -> bool:
    return any(serves(spec, c) for c in plan.commands if c.op not in FINISHING)


def _beyond(plan: Plan, registry: Mapping[str, ExpertSpec]) -> list[str]:
    """What no expert here serves: for want of words, and for want of the capability."""
    unread: dict[str, list[str]] = {}
    unserved: dict[str, list[str]] = {}
    for command in plan.commands:
        if any(serves(spec, command) for spec in registry.values()):
            continue
        able = [s for s in registry.values() if s.capability(command.op) > 0.0]
        words = min((unknown_subjects(s, command) for s in able), key=len, default=())
        if words:
            unread[command.id] = [repr(w) for w in words]
        else:
            unserved[command.id] = [repr(command.op)]
    notes = []
    if unread:
        notes.append(
            f"no expert here knows {_some(unread.values())} ({_named(plan, unread)}); a "
            "text_to_image or image_to_image entry with an open vocabulary would serve, such as "
            "those in examples/registry.yaml"
        )
    if unserved:
        notes.append(
            f"no expert here serves {_some(unserved.values())} ({_named(plan, unserved)}); an "
            "entry with that capability would (docs/experts.md)"
        )
    return notes


def _some(groups: Iterable[list[str]], most: int = 8) -> str:
    """The first few of these words, each once, and how many more there are."""
    words = list(dict.fromkeys(w for group in groups for w in group))
    more = f" and {len(words) - most} more words" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def _named(plan: Plan, commands: Collection[str], most: int = 3) -> str:
    """The first few of these commands in words, and how many more there are."""
    first = [f"{c.id} {c.instruction}" for c in plan.commands if c.id in commands][:most]
    more = f" and {len(commands) - most} more commands" if len(commands) > most else ""
    return "; ".join(first) + more
