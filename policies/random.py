"""The random policy: uniform over legal actions, the floor of every comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from envs.state import State
from policies.base import Decision
from poser.core.action import Action
from poser.core.expert import ExpertSpec


@dataclass(frozen=True, slots=True)
class RandomPolicy:
    """A :class:`policies.base.Policy`: the seed and the step decide, so a run can be repeated."""

    seed: int = 0

    @property
    def name(self) -> str:
        """``random``."""
        return "random"

    def choose(
        self,
        state: State,
        legal: Sequence[Action],
        registry: Mapping[str, ExpertSpec],
    ) -> Decision:
        """See :class:`policies.base.Policy`."""
        return Decision(Random(f"{self.seed}|{state.step}").choice(list(legal)), "at random")
