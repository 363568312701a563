"""What proposes actions to a search: a policy that ranks them, or any other made to do so."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from envs.legality import FINISHING
from envs.state import State
from policies.base import Policy
from policies.best_of import fitness
from poser.core.action import ALL, Action, Call, Revert
from poser.core.expert import ExpertSpec


@runtime_checkable
class Proposer(Protocol):
    """What proposes actions; :func:`one_of` makes one of any policy."""

    def rank(
        self, state: State, legal: Sequence[Action], registry: Mapping[str, ExpertSpec]
    ) -> Sequence[tuple[Action, float]]:
        """Legal actions with scores, best first.

        Args:
            state: The current state; not ended.
            legal: Never empty.
            registry: Specs by id.

        Returns:
            Scores are log probabilities where there are any; else they fall from 0 on.
        """
        ...


@dataclass(frozen=True, slots=True)
class OneOf:
    """Any policy as a :class:`Proposer`; see :func:`one_of`."""

    policy: Policy

    def rank(
        self, state: State, legal: Sequence[Action], registry: Mapping[str, ExpertSpec]
    ) -> Sequence[tuple[Action, float]]:
        """See :class:`Proposer`."""
        chosen = self.policy.choose(state, legal, registry).action
        others = [(a, _score(state, a, registry)) for a in legal if a != chosen]
        return [(chosen, 0.0), *sorted(others, key=lambda pair: -pair[1])]


def one_of(policy: Policy) -> Proposer:
    """A policy as a proposer.

    A policy with proposals of its own (``rank``) is one already. Of any other the first proposal
    is what it chooses. The rest are the other legal calls: untried ones first, by the rates that
    the registry gives for them, what comes last (finish, text) after them; then going back, then
    stopping. So ``best-of`` varies nothing but seeds under such a policy, and ``beam`` tries its
    choice and the best-rated calls beside it.
    """
    return policy if isinstance(policy, Proposer) else OneOf(policy)


def _score(state: State, action: Action, registry: Mapping[str, ExpertSpec]) -> float:
    """A score below 0 for what a policy without proposals did not choose."""
    if not isinstance(action, Call):
        return -20.0 if isinstance(action, Revert) else -21.0
    spec = registry[action.expert]
    last = False
    if action.command == ALL:
        rate = fitness(state, spec)
    else:
        command = state.plan.command(action.command)
        rate, last = spec.capability_at(command), command.op in FINISHING
    tried = state.tried.get(action.command, {}).get(action.expert, 0)
    return -1.0 + math.log(max(rate, 0.01)) - 1.0 * (tried > 0) - 5.0 * last
