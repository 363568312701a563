"""A plan: what a long prompt asks for, as commands to carry out and criteria to judge by.

The criteria follow the Davidsonian Scene Graph (Cho et al., ICLR 2024): atomic yes/no questions
with dependencies, so that "is the car red?" counts only where there is a car.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from poser.core.errors import PlanError
from poser.core.value import Value

Op = Literal[
    "create",
    "add",
    "remove",
    "replace",
    "count",
    "recolour",
    "attribute",
    "relation",
    "background",
    "style",
    "text",
    "finish",
    "other",
]
"""What a command does; experts declare which of these they serve (``ExpertSpec.capabilities``)."""

CriterionKind = Literal[
    "entity", "count", "attribute", "relation", "global", "text", "absence", "other"
]

Identifier = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]


class Criterion(Value):
    """One atomic yes/no question about the finished picture.

    Attributes:
        id: Unique within the plan.
        question: The question in English, ending in a question mark.
        kind: What the question is about.
        about: The tuple behind the question, in the manner of DSG: ``(entity,)``,
            ``(entity, attribute)``, ``(entity, count)``, ``(subject, object, relation)``.
        expected: The answer that satisfies the prompt; ``False`` for "no bananas".
        depends_on: Ids of criteria that must hold for this one to make sense.
        weight: Relative weight in the potential, > 0.
    """

    id: Identifier
    question: Annotated[str, Field(min_length=1)]
    kind: CriterionKind = "other"
    about: tuple[str, ...] = ()
    expected: bool = True
    depends_on: tuple[Identifier, ...] = ()
    weight: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1.0


class Command(Value):
    """One thing to do to the picture.

    Attributes:
        id: Unique within the plan.
        op: What kind of change it is.
        instruction: The change as an editor is told it, in English ("make the car red").
        subject: What it is about ("car"); empty where it is about the whole picture.
        depends_on: Ids of commands to settle first.
        criteria: The questions that tell whether the command is satisfied.
        caption: The same as a phrase of a caption ("a red car"), for text_to_image.
        source: The words of the prompt that it comes from.
        text: The literal text to set on the picture, for ``op == "text"``.
    """

    id: Identifier
    op: Op
    instruction: Annotated[str, Field(min_length=1)]
    subject: str = ""
    depends_on: tuple[Identifier, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    caption: str = ""
    source: str = ""
    text: str | None = None

    @property
    def asked(self) -> bool:
        """Whether the prompt asks for it.

        A ``finish`` that is appended to a plan has neither words of the prompt nor criteria: it
        says nothing about what the picture shows, and counts neither for nor against it.
        """
        return self.op != "finish" or bool(self.source or self.criteria)

    @property
    def ops(self) -> tuple[Op, ...]:
        """The ops that it takes: its own, and to count where it asks for several of a thing."""
        several = any(
            k.kind == "count" and k.about[1:] not in (("1",), ("one",)) for k in self.criteria
        )
        return (self.op, "count") if several and self.op != "count" else (self.op,)

    @cached_property
    def subjects(self) -> tuple[str, ...]:
        """The words, lower case, of what the command is about: its subject and its criteria.

        Without either, all words of its instruction, unless nobody asked for it. A count is told
        as "three" but about "3": digits that the instruction lacks are left out.
        """
        told = words_of(self.instruction)
        about = [part for k in self.criteria for part in k.about]
        words = words_of(" ".join([self.subject, *about])) or (told if self.asked else [])
        return tuple(dict.fromkeys(w for w in words if not w.isdigit() or w in told))


class SetAside(Value):
    """A criterion that nobody, or the configured critic not, can judge; and why."""

    criterion: Identifier
    reason: str


class Plan(Value):
    """The decomposition of a prompt.

    Attributes:
        prompt: The prompt as given.
        commands: What to do, in a workable order.
        set_aside: Criteria outside the critic's scope, or that no picture alone can show. They are
            shown as not judged, and never count as satisfied.
        edits_picture: Whether the prompt edits a given picture rather than describing a new one.
        decomposer: Name and version of what made the plan.

    Raises:
        PlanError: Duplicate ids, or dependencies that are unknown or circular.
    """

    prompt: str
    commands: tuple[Command, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
    edits_picture: bool = False
    decomposer: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_graph("command", {c.id: c.depends_on for c in self.commands}, len(self.commands))
        criteria = [k for c in self.commands for k in c.criteria]
        _check_graph("criterion", {k.id: k.depends_on for k in criteria}, len(criteria))
        known = {k.id for k in criteria}
        for aside in self.set_aside:
            if aside.criterion not in known:
                raise PlanError(f"the plan sets aside an unknown criterion {aside.criterion!r}")
        return self

    @cached_property
    def asked(self) -> tuple[Command, ...]:
        """The commands that the prompt asks for: all but a ``finish`` that was appended."""
        return tuple(c for c in self.commands if c.asked)

    @property
    def finish(self) -> Command | None:
        """The ``finish`` that was appended, if any."""
        return next((c for c in self.commands if not c.asked), None)

    @cached_property
    def criteria(self) -> tuple[Criterion, ...]:
        """All criteria, in the order of their commands."""
        return tuple(k for c in self.commands for k in c.criteria)

    @cached_property
    def judged(self) -> tuple[Criterion, ...]:
        """The criteria that the critic is asked: all but those set aside."""
        aside = {a.criterion for a in self.set_aside}
        return tuple(k for k in self.criteria if k.id not in aside)

    @cached_property
    def shares(self) -> dict[str, float]:
        """What each command can add to Phi at most, by id: its part of the weight of all judged."""
        weights = {k.id: k.weight for k in self.judged}
        total = sum(weights.values()) or 1.0
        return {
            c.id: sum(weights.get(k.id, 0.0) for k in c.criteria) / total for c in self.commands
        }

    def command(self, command_id: str) -> Command:
        """The command of that id.

        Raises:
            KeyError: There is none.
        """
        for command in self.commands:
            if command.id == command_id:
                return command
        raise KeyError(command_id)

    def setting_aside(self, reasons: Mapping[str, str]) -> Plan:
        """This plan with the criteria of those ids set aside besides, each with its reason."""
        known = {a.criterion: a.reason for a in self.set_aside} | dict(reasons)
        aside = tuple(
            SetAside(criterion=k.id, reason=known[k.id]) for k in self.criteria if k.id in known
        )
        fields = {name: getattr(self, name) for name in Plan.model_fields}
        return Plan.model_validate({**fields, "set_aside": aside})


def words_of(text: str) -> list[str]:
    """The words of a text, lower case, without punctuation."""
    return "".join(ch if ch.isalnum() else " " for ch in text.lower()).split()


def in_dependency_order(criteria: Iterable[Criterion]) -> Iterator[Criterion]:
    """The criteria, each after those it depends on (dependencies outside are ignored)."""
    by_id = {k.id: k for k in criteria}
    graph = {k.id: [d for d in k.depends_on if d in by_id] for k in by_id.values()}
    for criterion_id in TopologicalSorter(graph).static_order():
        yield by_id[criterion_id]


def _check_graph(noun: str, graph: Mapping[str, tuple[str, ...]], count: int) -> None:
    if len(graph) != count:
        raise PlanError(f"the plan has two {noun} entries of one id")
    for node, parents in graph.items():
        for parent in parents:
            if parent not in graph:
                raise PlanError(f"{noun} {node!r} depends on {parent!r}, which is not in the plan")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        cycle = " -> ".join(error.args[1])
        raise PlanError(f"the plan's {noun} dependencies are circular: {cycle}") from error
