"""Choosing by search: all branches are played first, then the graph follows the best one.

Branches are played over the run's own record of calls, one call after the other, so that each is
on record before the next is made. The graph then makes no call of its own: it is given what the
search was given, failures included, so that its trace is that of the branch found.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from envs.batching import Asked
from envs.calling import Caller
from envs.episodes import Episode
from envs.layout import Layout
from envs.observation import ObservationEncoder
from envs.outcomes import LiveOutcomes, Outcome
from envs.state import State
from policies.base import Decision
from policies.search import Account, Found, Proposer, Search
from poser.compose.branches import Answer, Branches, Entry, Path
from poser.compose.view import change_rules, start_of
from poser.core.action import Action
from poser.core.critique import CriticFailure, Critique
from poser.core.expert import ExpertFailure, ExpertRequest, ExpertResult, ExpertSpec
from poser.core.picture import ImageRef
from poser.core.plan import Plan
from poser.core.record import StepRecord
from poser.core.value import content_hash
from poser.report.observer import Observer


@dataclass(slots=True)
class Following(Caller):
    """A caller that answers, along a path that was found, as the search was answered.

    Attributes:
        path: Steps by number.
    """

    path: dict[int, StepRecord] = field(default_factory=dict)

    def call(self, request: ExpertRequest, step: int) -> tuple[ExpertResult | ExpertFailure, bool]:
        """See :class:`envs.calling.Caller`."""
        known = self.path.get(step)
        if known is not None and known.request == request and known.outcome is not None:
            return known.outcome, known.cached
        return Caller.call(self, request, step)  # super() does not know a class with slots

    def judge(self, plan: Plan, image: ImageRef, step: int) -> Critique | CriticFailure:
        """See :class:`envs.calling.Caller`."""
        known = self.path.get(step)
        if known is None or known.critique is None or not isinstance(known.outcome, ExpertResult):
            return Caller.judge(self, plan, image, step)
        if known.outcome.image == image:
            return known.critique
        return Caller.judge(self, plan, image, step)


@dataclass(slots=True)
class Searching:
    """Chooses what the best branch of a search did.

    Where the path found ends and the run goes on (after an outage, or with a larger cap or more
    steps), it searches again from there.

    Attributes:
        search: Which one.
        branches: What the run keeps of it.
        registry: Specs by id.
        proposer: Proposes actions.
        caller: The run's; it is told the path.
        observer: Is told of every call.
        seed: The seed that requests follow from; changed where ``best-of`` keeps another episode.
    """

    search: Search
    branches: Branches
    registry: Mapping[str, ExpertSpec]
    proposer: Proposer
    caller: Following
    observer: Observer
    seed: int
    _path: Path | None = None

    def __post_init__(self) -> None:
        for path in self.branches.paths:
            self._follow(path)

    @property
    def spent(self) -> float:
        """US dollars that all branches have spent together so far."""
        return self.branches.account(self._first).spent

    @property
    def _first(self) -> float:
        """US dollars spent before the first search."""
        start = start_of(self.branches.run)
        return start.critique.cost if start and start.critique else 0.0

    def ready(self, state: State) -> State:
        """The state to choose from: searched from, and by the rules that hold on the path.

        Other branches may have used up what the one found had left of the cap; the change of rules
        is told in ``start.json``, like one by ``--resume``.
        """
        if self._next(state) is None:
            self._search(state)
        assert self._path is not None, "a search finds a path"
        rules = self._path.rules_at(state.step)
        if rules == state.rules:
            return state
        change_rules(self.branches.run, state.step, rules)
        return replace(state, rules=rules)

    def choose(
        self, state: State, legal: Sequence[Action], registry: Mapping[str, ExpertSpec]
    ) -> Decision:
        """See :data:`poser.compose.graph.Chooser`; the state is :meth:`ready`."""
        step = self._next(state)
        assert step is not None, "a search from a state that has not ended takes a step"
        return Decision(step.action, step.reason)

    def _next(self, state: State) -> StepRecord | None:
        """The step found for a state; ``None`` where the rules have changed since."""
        path = self._path
        if path is None:
            return None
        if state.rules not in (path.rules_at(state.step - 1), path.rules_at(state.step)):
            return None
        return self.caller.path.get(state.step)

    def _follow(self, path: Path) -> None:
        first = path.steps[0].step
        for step in [n for n in self.caller.path if n >= first]:
            del self.caller.path[step]
        self.caller.path |= {s.step: s for s in path.steps}
        self.seed, self._path = path.seed, path

    def _search(self, state: State) -> None:
        leg = content_hash(
            {"search": str(self.search), "seed": self.seed, "state": state.to_dict()}
        )
        self.branches.heal()
        found = self._found(state, leg)
        steps = tuple(
            step.model_copy(update={"reason": f"{self.search}: {reason}"})
            for step, reason in zip(found.rollout.steps, found.reasons, strict=True)
        )
        path = Path(
            rules=state.rules,
            seed=found.rollout.episode.seed,
            steps=steps,
            changes=dict(found.changes),
        )
        self.branches.add(Entry(leg=leg, path=path))
        self._follow(path)

    def _found(self, state: State, leg: str) -> Found:
        ours = self.caller
        caller = Caller(ours.expert, ours.critic, ours.images, ours.record)
        layout = Layout(max(1, len(state.plan.commands)), len(self.registry), 0, 0)
        account = self.branches.account(self._first, leaving_out=leg)
        asking = self.search.of(
            Episode(
                plan=state.plan,
                registry=self.registry,
                rules=state.rules,
                outcomes=LiveOutcomes(caller, self.registry),
                seed=self.seed,
                pictures=ours.images,
                mask=state.mask,
            ),
            ObservationEncoder(self.registry, layout=layout),
            self.proposer,
            start=state,
            account=account,
        )
        known = [e.answers for e in self.branches.entries if e.leg == leg and e.answers]
        try:
            asked = next(asking)
            while True:
                requests = [live.request(before, call, seed) for live, before, call, seed in asked]
                batch = known.pop(0) if known else ()
                if [a.key for a in batch] == [r.key for r in requests]:
                    outcomes = [
                        replace(a.outcome(), request=r)
                        for a, r in zip(batch, requests, strict=True)
                    ]
                else:
                    for answer in (*batch, *(a for other in known for a in other)):
                        account.add(answer.key, answer.outcome())
                    known = []
                    outcomes = self._carried_out(asked, requests, account)
                    self.branches.add(Entry(leg=leg, answers=_answers(requests, outcomes)))
                asked = asking.send(outcomes)
        except StopIteration as end:
            ours.outside_seconds += caller.outside_seconds
            found: Found = end.value
            return found

    def _carried_out(
        self, asked: Sequence[Asked], requests: Sequence[ExpertRequest], account: Account
    ) -> list[Outcome]:
        """The outcomes of a batch, one after the other: each is on record before the next."""
        outcomes = []
        for (live, state, _, _), request in zip(asked, requests, strict=True):
            started = time.perf_counter()
            self.observer.calling(request)
            result, cached = live.caller.call(request, state.step)
            critique = None
            if isinstance(result, ExpertResult):
                self.observer.judging(result.image)
                critique = live.caller.judge(state.plan, result.image, state.step)
            if cached and not account.knows(request.key):
                # Made for this very batch by a process that died before it could tell.
                made = live.caller.record.get(f"expert-{request.key}")
                cached = made is None or made.step != state.step
            seconds = time.perf_counter() - started
            outcomes.append(Outcome(result, critique, request, cached, seconds))
        return outcomes


def _answers(requests: Sequence[ExpertRequest], outcomes: Sequence[Outcome]) -> tuple[Answer, ...]:
    return tuple(
        Answer(key=r.key, result=o.result, critique=o.critique, cached=o.cached, seconds=o.seconds)
        for r, o in zip(requests, outcomes, strict=True)
    )
