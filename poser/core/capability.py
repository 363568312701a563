"""What an expert can do, as measured: successes per skill, time and cost."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from poser.core.expert import ExpertId, ExpertSpec, Task
from poser.core.plan import Op
from poser.core.value import NonNegative, Value

Count = Annotated[int, Field(ge=0)]

_Z = 1.959963984540054  # 95 % of a normal distribution lie within so many deviations


class Share(Value):
    """How many of so many.

    Attributes:
        successes: Those that hold.
        n: Those that were judged.
    """

    successes: Count = 0
    n: Count = 0

    @model_validator(mode="after")
    def _no_more_than_all(self) -> Self:
        if self.successes > self.n:
            raise ValueError("more successes than trials")
        return self

    @property
    def rate(self) -> float | None:
        """The share, in [0, 1]; ``None`` where nothing was judged."""
        return self.successes / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true rate lies, by 95 % (Wilson's score interval); (0, 1) for no trials."""
        if self.n == 0:
            return 0.0, 1.0
        rate, square = self.successes / self.n, _Z * _Z / self.n
        middle = (rate + square / 2) / (1 + square)
        half = _Z * math.sqrt(rate * (1 - rate) / self.n + square / (4 * self.n)) / (1 + square)
        return max(0.0, middle - half), min(1.0, middle + half)

    @property
    def error(self) -> float:
        """Half the width of :attr:`interval`."""
        low, high = self.interval
        return (high - low) / 2


class SkillMeasure(Share):
    """How well an expert does one kind of task.

    Attributes:
        skill: Name of the kind of task.
        ops: The ops of a plan that it stands for.
        kept: Of what was to stay as it was, that which did; counted by requirement.
        unscored: Tasks that the evaluator could not judge; they are not in ``n``.
    """

    skill: Annotated[str, Field(min_length=1)]
    ops: tuple[Op, ...] = ()
    kept: Share = Share()
    unscored: Count = 0


class CapabilityTable(Value):
    """The measured capabilities of one expert.

    Attributes:
        version: Of the format of this table.
        expert: The expert's id when it was measured.
        task: What it makes of what.
        fingerprint: ``ExpertSpec.fingerprint`` of what was measured.
        defaults: ``ExpertSpec.defaults`` of what was measured.
        evaluator: Id of what judged the pictures.
        evaluator_revision: Its revision.
        n: Tasks of each skill that were to be put to the expert.
        seed: What the tasks were drawn by.
        skills: One measure for each skill.
        usd: US dollars a call.
        seconds: Of a call with one request: the median. ``None`` where none was timed.
        batch_seconds: Of a picture in a call with 16 requests: the median.
        failures: Tasks without a picture because the expert could not be had. They say nothing
            of its skill and are not in ``n`` of a skill.
        created_by: Program and version that measured it.
    """

    version: Literal[1] = 1
    expert: ExpertId
    task: Task
    fingerprint: str
    defaults: dict[str, JsonValue] = Field(default_factory=dict)
    evaluator: str
    evaluator_revision: str
    n: Count
    seed: Count
    skills: tuple[SkillMeasure, ...] = ()
    usd: NonNegative = 0.0
    seconds: NonNegative | None = None
    batch_seconds: NonNegative | None = None
    failures: Count = 0
    created_by: str = ""

    @property
    def kept(self) -> Share:
        """Of all that was to stay as it was, that which did."""
        return Share(
            successes=sum(s.kept.successes for s in self.skills),
            n=sum(s.kept.n for s in self.skills),
        )

    @property
    def unscored(self) -> int:
        """Tasks that the evaluator could not judge."""
        return sum(s.unscored for s in self.skills)

    @property
    def capabilities(self) -> dict[Op, float]:
        """The rate of each op that was measured: the mean over the skills that stand for it."""
        rates: dict[Op, list[float]] = {}
        for skill in self.skills:
            if skill.rate is not None:
                for op in skill.ops:
                    rates.setdefault(op, []).append(skill.rate)
        return {op: sum(values) / len(values) for op, values in rates.items()}

    def skill(self, name: str) -> SkillMeasure | None:
        """The measure of that skill, if there is one."""
        return next((s for s in self.skills if s.skill == name), None)

    def joined(self, older: CapabilityTable) -> CapabilityTable:
        """This table, with the skills that only an older measure of the same thing has.

        Args:
            older: Left alone where the expert, the evaluator or the seed was another.
        """
        same = ("fingerprint", "defaults", "evaluator", "evaluator_revision", "seed")
        if any(getattr(self, name) != getattr(older, name) for name in same):
            return self
        mine = {s.skill for s in self.skills}
        others = tuple(s for s in older.skills if s.skill not in mine)
        return self.model_copy(update={"skills": (*self.skills, *others)})

    def measures(self, spec: ExpertSpec) -> bool:
        """Whether this is a measure of what an entry says now: the same weights and loading."""
        return bool(self.fingerprint) and self.fingerprint == spec.fingerprint
