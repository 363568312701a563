"""What a policy is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from envs.state import State
from poser.core.action import Action
from poser.core.expert import ExpertSpec


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy chose, and why in a few words."""

    action: Action
    reason: str = ""


class Policy(Protocol):
    """Chooses among legal actions. Pure: same state, same decision."""

    @property
    def name(self) -> str:
        """Name for people and for records."""
        ...

    def choose(
        self, state: State, legal: Sequence[Action], registry: Mapping[str, ExpertSpec]
    ) -> Decision:
        """Chooses one of ``legal``.

        Args:
            state: The current state; not ended.
            legal: What :func:`envs.legality.legal_actions` gave; never empty.
            registry: Specs by id.
        """
        ...
