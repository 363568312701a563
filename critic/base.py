"""What a critic is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from PIL.Image import Image

    from poser.core.critique import Critique
    from poser.core.plan import Criterion, Plan


class Critic(Protocol):
    """Judges pictures against the criteria of a plan."""

    @property
    def id(self) -> str:
        """Name for people and for the cache."""
        ...

    @property
    def revision(self) -> str:
        """Changes whenever its answers may; part of the cache key."""
        ...

    @property
    def cost(self) -> float:
        """US dollars a judgement, for estimates and the cap."""
        ...

    def load(self) -> None:
        """Loads what it needs, so that a broken critic is found before anything is paid for.

        Raises:
            CriticError: It cannot be loaded or reached.
        """
        ...

    def outside_scope(self, criteria: Sequence[Criterion]) -> Mapping[str, str]:
        """The criteria that it cannot judge: id -> reason. They are set aside, never failed."""
        ...

    def judge(self, plan: Plan, image: Image) -> Critique:
        """Judges all of ``plan.judged``, those satisfied before included: edits break things.

        Args:
            plan: The plan; only ``plan.judged`` is asked.
            image: Mode RGB, any size.

        Raises:
            CriticError: It could not be reached or loaded.
            MalformedCritiqueError: It did not give one verdict for every criterion asked.
        """
        ...
