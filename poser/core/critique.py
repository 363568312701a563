"""What a critic says of a picture."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from poser.core.plan import Identifier
from poser.core.value import NonNegative, UnitInterval, Value


class Verdict(Value):
    """The judgement of one criterion.

    Attributes:
        criterion: Its id.
        score: Probability in [0, 1] that the criterion holds (already turned round where the
            expected answer is "no").
        reason: Why, in a few words.
        applicable: ``False`` where a criterion it depends on failed; such a score counts 0.
    """

    criterion: Identifier
    score: UnitInterval
    reason: str = ""
    applicable: bool = True


class Defect(Value):
    """One thing that is wrong, in the words of an editor's instruction ("make the bus red")."""

    criterion: Identifier
    instruction: str


class Critique(Value):
    """A full judgement (Agent-RRM's triple of reasoning, critique and score, plus verdicts).

    Attributes:
        reasoning: How the critic came to it.
        critique: The judgement in a sentence or two.
        score: Weighted mean of the applicable verdicts, in [0, 1].
        verdicts: One for every criterion asked; a critique that misses one is no critique.
        defects: What to mend, worst first.
        quality: Optional quality of the picture as such, in [0, 1].
        seconds: Wall time of the judgement.
        cost: US dollars billed for it.
    """

    kind: Literal["critique"] = "critique"
    reasoning: str = ""
    critique: str = ""
    score: UnitInterval
    verdicts: tuple[Verdict, ...]
    defects: tuple[Defect, ...] = ()
    quality: UnitInterval | None = None
    seconds: NonNegative = 0.0
    cost: NonNegative = 0.0


class CriticFailure(Value):
    """A judgement that could not be had. It is never turned into a low score.

    Attributes:
        reason: ``unavailable`` or ``malformed``.
        message: One line for a person.
        seconds: Wall time spent.
        cost: US dollars billed all the same.
    """

    kind: Literal["failure"] = "failure"
    reason: Literal["unavailable", "malformed"] = "unavailable"
    message: str = ""
    seconds: NonNegative = 0.0
    cost: NonNegative = 0.0


CritiqueOutcome = Annotated[Critique | CriticFailure, Field(discriminator="kind")]
