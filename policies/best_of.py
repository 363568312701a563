"""Best-of-N: one expert draws the whole plan N times, the critic keeps the best.

With N = 1 it is the best single expert, as a user without orchestration would choose it. A strong
baseline at equal spend: no editing, no routing, all by chance and choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from envs.legality import serves
from envs.state import State
from policies.base import Decision
from poser.core.action import ALL, Action, Call, Revert, Stop
from poser.core.expert import ExpertSpec


@dataclass(frozen=True, slots=True)
class BestOfN:
    """A :class:`policies.base.Policy`.

    A picture of the user's is edited instead, by the one expert that serves most of the plan: all
    at once where it can be told so, else command by command.

    Attributes:
        n: Calls at most; ``None`` for as many as the steps and the budget allow.
        spend: US dollars at most, for comparisons at equal spend; ``None`` for no bound.
    """

    n: int | None = 1
    spend: float | None = None

    @property
    def name(self) -> str:
        """``single`` for one call, else ``best-of-N``."""
        if self.n == 1:
            return "single"
        return f"best-of-{self.n}" if self.n else "best-of"

    def choose(
        self, state: State, legal: Sequence[Action], registry: Mapping[str, ExpertSpec]
    ) -> Decision:
        """See :class:`policies.base.Policy`; every step but Revert counts as a call."""
        calls = [a for a in legal if isinstance(a, Call)]
        if state.given:
            return self._edit(state, legal, calls, registry)
        draws = [c for c in calls if c.command == ALL and not registry[c.expert].needs_picture]
        if not draws or (self.n is not None and state.step >= self.n):
            return Decision(Stop(), "the calls are used up; the best is kept")
        best = max(draws, key=lambda c: (fitness(state, registry[c.expert]), c.expert))
        if not self._affords(state, registry[best.expert]):
            return Decision(Stop(), "the spend is used up; the best is kept")
        return Decision(best, "the expert that serves most of the plan draws it")

    def _affords(self, state: State, spec: ExpertSpec) -> bool:
        price = spec.cost.usd + state.rules.judgement_cost
        return self.spend is None or state.spent + price <= self.spend + 1e-12

    def _edit(
        self,
        state: State,
        legal: Sequence[Action],
        calls: Sequence[Call],
        registry: Mapping[str, ExpertSpec],
    ) -> Decision:
        if Revert() in legal:
            return Decision(Revert(), "the last change made it worse")
        edits = [c for c in calls if registry[c.expert].needs_picture]
        limit = self.n if self.n != 1 else len(state.plan.commands)
        if not edits or (limit is not None and state.step >= limit):
            return Decision(Stop(), "nothing left that this expert could mend")
        one = max({c.expert for c in edits}, key=lambda e: (fitness(state, registry[e]), e))
        mine = [c for c in edits if c.expert == one]
        if not self._affords(state, registry[one]):
            return Decision(Stop(), "the spend is used up; the best is kept")
        whole = Call(command=ALL, expert=one)
        return Decision(whole if whole in mine else mine[0], "one expert for everything")


def fitness(state: State, spec: ExpertSpec) -> float:
    """How well an expert serves what is asked, in [0, 1]: the mean over commands."""
    rates = [spec.capability_at(c) if serves(spec, c) else 0.0 for c in state.plan.asked]
    return sum(rates) / max(1, len(rates))
