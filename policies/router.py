"""The capability router: stated rules over the registry's capability table.

1. No picture yet: the whole plan goes to the text_to_image expert that serves most of it. A
   picture of the user's is never drawn anew.
2. The best picture misses more than half of what can be drawn, and few were drawn yet: draw the
   whole plan once more with a new seed.
3. The current picture ranks below the champion, which could be edited: go back to the champion.
4. Otherwise the first pending command that is callable goes to the expert most capable of its op;
   its a-th retry goes to the a-th best, in turn, of those not hopeless beside the best.
5. Nothing pending is callable: draw once more if something that can be drawn is still missing and
   few pictures were drawn yet. "Few" is 3 where money counts and they cost some, else 8.
6. What belongs on the finished picture comes last: to finish it, then text. It comes in time
   before the steps run out, text before size where they do not suffice for both; after it nothing
   else is changed. The first step is not kept for a finish that was appended to the plan.

Money counts where lambda is above 0 or a run is capped. Prices then weigh beside capabilities, and
what is expected of a call but the first (how likely it serves, times the share of the requirements)
must be worth its price.

Training-free routers of this kind are strong baselines (see docs/architecture.md for sources).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from envs.legality import FINISHING, serves
from envs.state import State, attempts, statuses
from policies.base import Decision
from policies.finishing import (
    finished,
    finishing,
    reserved,
    served,
    steps_left,
    worse_than_champion,
)
from poser.core.action import ALL, Action, Call, Revert, Stop
from poser.core.expert import ExpertSpec
from poser.core.plan import Command

ABLE = 0.3
"""Least capability, as a share of the best expert's, of an expert that a retry goes to."""


@dataclass(frozen=True, slots=True)
class CapabilityRouter:
    """A :class:`policies.base.Policy` by the rules above.

    Attributes:
        draws: Whole pictures drawn at most where money counts, and drawing or judging costs some.
        free_draws: Whole pictures drawn at most elsewhere.
        redraw_above: Share of the drawable commands missing above which it is drawn anew.
        cost_weight: Capability that one US dollar is worth, when experts are compared, under a cap
            and where lambda is no larger.
    """

    draws: int = 3
    free_draws: int = 8
    redraw_above: float = 0.5
    cost_weight: float = 1.0

    @property
    def name(self) -> str:
        """``router``."""
        return "router"

    def choose(
        self, state: State, legal: Sequence[Action], registry: Mapping[str, ExpertSpec]
    ) -> Decision:
        """See :class:`policies.base.Policy`."""
        calls = [a for a in legal if isinstance(a, Call)]
        draws = [c for c in calls if c.command == ALL and not registry[c.expert].needs_picture]
        if state.current is None and draws:
            return self._draw(state, draws, registry, "no picture yet")
        drawn = attempts(state, ALL)
        drawers = [registry[c.expert] for c in draws]
        best = replace(state, current=state.champion)
        share = _share_missing(best, drawers)
        last = finishing(best, registry)
        closed = steps_left(state) <= reserved(best, registry) or finished(best)
        rules = state.rules
        free = rules.judgement_cost == 0.0 and all(s.cost.usd == 0.0 for s in drawers)
        counts = rules.cost_weight > 0.0 or rules.budget is not None
        more = bool(draws) and drawn < (self.draws if counts and not free else self.free_draws)
        more = more and any(share * _served(state, s) >= _price(state, s) for s in drawers)
        if not closed and more and drawn and share > self.redraw_above:
            return self._draw(state, draws, registry, "most of it is missing: draw it anew")
        redraws = not closed and more and share > 0.0
        edits = () if closed else _editing(best, registry)
        worse = Revert() in legal and worse_than_champion(state)
        if worse and (edits or (last and not redraws)):
            return Decision(Revert(), "the last change made it worse: back to the best so far")
        for command in edits:
            mine = [c for c in calls if c.command == command.id]
            if mine := [c for c in mine if _pays(state, command, registry[c.expert])]:
                return self._edit(state, command, mine, registry)
        if redraws:
            return self._draw(state, draws, registry, "editing got no further: draw it anew")
        for command in last:
            if mine := [c for c in calls if c.command == command.id]:
                return self._edit(state, command, mine, registry)
        return Decision(Stop(), "nothing left that an expert here could mend")

    def _weight(self, state: State) -> float:
        """Capability that one US dollar is worth here."""
        capped = self.cost_weight if state.rules.budget is not None else 0.0
        return max(state.rules.cost_weight, capped)

    def _draw(
        self,
        state: State,
        draws: Sequence[Call],
        registry: Mapping[str, ExpertSpec],
        why: str,
    ) -> Decision:
        def fitness(call: Call) -> float:
            spec = registry[call.expert]
            return _served(state, spec) - self._weight(state) * spec.cost.usd

        ordered = sorted(draws, key=lambda c: (-fitness(c), c.expert))
        best = ordered[attempts(state, ALL) % len(ordered)]
        return Decision(best, f"{why}, with the expert that serves most of the plan")

    def _edit(
        self,
        state: State,
        command: Command,
        calls: Sequence[Call],
        registry: Mapping[str, ExpertSpec],
    ) -> Decision:
        def fitness(call: Call) -> float:
            spec = registry[call.expert]
            return spec.capability_at(command) - self._weight(state) * spec.cost.usd

        best = max(registry[c.expert].capability_at(command) for c in calls)
        able = [c for c in calls if registry[c.expert].capability_at(command) >= ABLE * best]
        ordered = sorted(able, key=lambda c: (-fitness(c), c.expert))
        attempt = attempts(state, command.id)
        choice = ordered[attempt % len(ordered)]
        capability = registry[choice.expert].capability_at(command)
        again = f", attempt {attempt + 1} with a new seed" if attempt else ""
        why = f"{command.id} is missing" if command.asked else "nothing else is to be changed"
        return Decision(choice, f"{why}; {command.op} {capability:.2f}{again}")


def _served(state: State, spec: ExpertSpec) -> float:
    """How much of the plan a drawing by this expert is expected to serve, in [0, 1]."""
    served = [spec.capability_at(c) if serves(spec, c) else 0.0 for c in state.plan.asked]
    return sum(served) / max(1, len(served))


def _price(state: State, spec: ExpertSpec) -> float:
    """What a call of an expert costs, in Phi: lambda times the US dollars of it and its judge."""
    return state.rules.cost_weight * (spec.cost.usd + state.rules.judgement_cost)


def _pays(state: State, command: Command, spec: ExpertSpec) -> bool:
    """Whether a call is expected to be worth its price; one that nobody judges always is."""
    share = state.plan.shares[command.id]
    return share == 0.0 or spec.capability_at(command) * share >= _price(state, spec)


def _share_missing(state: State, drawers: Sequence[ExpertSpec]) -> float:
    """Share in [0, 1] that the picture misses of the commands these experts can draw.

    Only those count that can be judged: nothing else would tell one picture from the next.
    """
    status = statuses(state)
    judged = {k.id for k in state.plan.judged}
    drawable = [
        status[c.id]
        for c in state.plan.commands
        if any(k.id in judged for k in c.criteria) and any(serves(spec, c) for spec in drawers)
    ]
    return sum(s in ("pending", "given_up") for s in drawable) / max(1, len(drawable))


def _editing(state: State, registry: Mapping[str, ExpertSpec]) -> list[Command]:
    """The commands that an expert here can be called for, but those that come last."""
    return [c for c in served(state, registry) if c.op not in FINISHING]
