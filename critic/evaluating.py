"""A critic in the place of an evaluator: its scores as yes or no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from critic.rubric import THRESHOLD
from poser.core.plan import Command, Criterion, Plan

if TYPE_CHECKING:
    from PIL.Image import Image

    from critic.base import Critic


class CriticEvaluator:
    """An :class:`experts.probe.Evaluator` over a critic.

    Args:
        critic: What is asked. Measured by the critic it is chosen by, an expert that pleases the
            critic looks better than it is.
    """

    def __init__(self, critic: Critic) -> None:
        self._critic = critic

    @property
    def id(self) -> str:
        """The critic's."""
        return self._critic.id

    @property
    def revision(self) -> str:
        """The critic's."""
        return self._critic.revision

    def load(self) -> None:
        """Loads the critic.

        Raises:
            CriticError: It cannot be loaded.
        """
        self._critic.load()

    def verdicts(self, criteria: Sequence[Criterion], image: Image, /) -> dict[str, bool | None]:
        """Whether each criterion holds, by id; ``None`` where the critic cannot judge it.

        Raises:
            CriticError: It cannot be loaded, or gives no verdict.
        """
        asked = {k.id for k in criteria}
        closed = tuple(
            k.model_copy(update={"depends_on": tuple(d for d in k.depends_on if d in asked)})
            for k in criteria
        )
        command = Command(id="judged", op="other", instruction="judge", criteria=closed)
        plan = Plan(prompt="", commands=(command,))
        plan = plan.setting_aside(self._critic.outside_scope(closed))
        found: dict[str, bool | None] = {k.id: None for k in closed}
        for verdict in self._critic.judge(plan, image).verdicts:
            found[verdict.criterion] = verdict.applicable and verdict.score >= THRESHOLD
        return found
