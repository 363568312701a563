"""What is to be composed in an evaluation, and how it is known whether it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from critic.base import Critic
from envs.potential import gated_scores
from envs.state import State
from poser.core.errors import InvalidPromptError
from poser.core.plan import Criterion, Plan
from poser.core.value import content_hash

if TYPE_CHECKING:
    from PIL.Image import Image

Verdicts = dict[str, bool | None]
"""Whether each requirement holds, by id; ``None`` where it cannot be judged."""


class Evaluator(Critic, Protocol):
    """What scores pictures; :class:`critic.detector.DetectorEvaluator` is one."""

    def verdicts(self, criteria: Sequence[Criterion], picture: Any, /) -> Verdicts:
        """Whether each criterion holds on a picture (RGB, any size)."""
        ...


@dataclass(frozen=True, slots=True)
class Case:
    """A prompt and what is known of it.

    Attributes:
        text: The prompt.
        plan: Made of the text alone, as in composing.
        criteria: All that the prompt asks for; ``None`` where only the plan tells.
        name: For people; may be empty.
    """

    text: str
    plan: Plan
    criteria: tuple[Criterion, ...] | None = None
    name: str = ""

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits that change with the prompt and its criteria."""
        known = None if self.criteria is None else [k.to_dict() for k in self.criteria]
        return content_hash({"text": self.text, "criteria": known})[:16]

    @property
    def requirements(self) -> int:
        """How many things the prompt asks for, as far as that is known."""
        return len(self.plan.criteria if self.criteria is None else self.criteria)


def pocket_cases(n: int, seed: int, split: str = "test") -> list[Case]:
    """Held-out prompts of the pocket world, with 4 to 12 requirements that are known.

    Args:
        n: How many.
        seed: Same seed, same prompts.
        split: One of :data:`experts.pocket.prompts.SPLITS`; what is chosen by one is measured on
            another.
    """
    from experts.pocket.prompts import prompts
    from experts.pocket.sprites import SpriteSheet
    from poser.decompose import RuleDecomposer

    decomposer = RuleDecomposer()
    drawn = prompts(SpriteSheet.load(), split, n, seed)
    return [Case(p.text, decomposer.decompose(p.text), p.criteria) for p in drawn]


def prompt_cases(path: Path) -> list[Case]:
    """A user's prompts: one text file, or the ``.txt`` files of a folder in their order.

    What they truly ask for is not known, so that only the critic can score them.

    Raises:
        InvalidPromptError: There is none, or one cannot be used.
    """
    from poser.compose.inputs import read_prompt
    from poser.decompose import RuleDecomposer

    files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
    if not files:
        raise InvalidPromptError(
            f"there are no prompts in {path}", remedy="put each into a .txt file of its own"
        )
    decomposer = RuleDecomposer()
    texts = [(f.name, read_prompt(str(f))) for f in files]
    return [Case(text, decomposer.decompose(text), name=name) for name, text in texts]


def verdicts_on(
    case: Case, state: State, image: Image | None, evaluator: Evaluator | None
) -> Verdicts:
    """Which requirements of a case the champion of an ended episode fulfils.

    Where there is no picture none is fulfilled. Without known requirements, or without an
    evaluator, the critic's own scores of the champion count.

    Args:
        case: The prompt.
        state: The last state.
        image: The champion; ``None`` where no picture came about.
        evaluator: What judges the known requirements.

    Raises:
        CriticError: The evaluator cannot judge.
    """
    if case.criteria is not None and evaluator is not None:
        if image is not None:
            return dict(evaluator.verdicts(case.criteria, image))
        outside = evaluator.outside_scope(case.criteria)
        return {k.id: None if k.id in outside else False for k in case.criteria}
    plan, champion, least = state.plan, state.champion, state.rules.threshold
    scores = gated_scores(plan, champion.critique, least) if champion else {}
    judged = {k.id for k in plan.judged}
    return {k.id: scores.get(k.id, 0.0) >= least if k.id in judged else None for k in plan.criteria}
