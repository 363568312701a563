"""Search at test time: a policy proposes, the critic's judgements decide which branch is kept.

``best-of:N`` plays N whole episodes and keeps the best; ``beam:K`` keeps K states at every step and
expands each by the policy's best proposals (beam search, Lowerre 1976; for a learned policy this is
the search that trades compute for score, Snell et al., arXiv 2408.03314). A search asks for calls
and is sent their outcomes, so that many of them can share each batch; see
:mod:`policies.playing`. All
branches of an episode share its caller: what one of them paid for, the others find on record.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from envs.batching import Asked
from envs.episodes import Episode, Rollout
from envs.legality import legal_actions
from envs.observation import ObservationEncoder
from envs.outcomes import LiveOutcomes, Outcome
from envs.rules import Rules
from envs.state import State
from envs.transition import interrupted
from policies.proposing import Proposer, one_of
from poser.core.action import Action, Call, Stop
from poser.core.critique import CriticFailure, Critique
from poser.core.errors import PoserError
from poser.core.expert import ExpertResult, ExpertSpec

OUT_OF_BUDGET = "the budget of all branches together is used up"
"""Why a branch was stopped that the cap allowed no further call."""

WIDEST = 256
"""Most branches of a search."""

BRANCH = 3
"""Proposals that a beam takes of each state."""


__all__ = [
    "BRANCH",
    "OUT_OF_BUDGET",
    "Account",
    "Asking",
    "Found",
    "Proposer",
    "Search",
    "SearchError",
    "Value",
    "beam",
    "best_of",
    "one_of",
    "parse_search",
    "worth",
]


class SearchError(PoserError):
    """There is no such search, or none can be made here."""

    exit_code: ClassVar[int] = 2


Value = Callable[[State], float]
"""What a state is worth; see :func:`worth`."""

Asking = Generator[list[Asked], list[Outcome], "Found"]
"""A search: it yields calls, is sent their outcomes in that order, and returns what it found."""


@dataclass(frozen=True, slots=True)
class Search:
    """Which search is asked for.

    Attributes:
        kind: ``beam`` or ``best-of``.
        width: States kept, or episodes played.
    """

    kind: Literal["beam", "best-of"]
    width: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.width}"

    @property
    def breadth(self) -> int:
        """Most calls that it makes in a step."""
        return self.width * BRANCH if self.kind == "beam" else self.width

    def of(
        self,
        episode: Episode,
        encoder: ObservationEncoder,
        proposer: Proposer,
        *,
        start: State | None = None,
        account: Account | None = None,
    ) -> Asking:
        """This search of an episode; see :func:`beam` and :func:`best_of`."""
        if self.kind == "beam":
            width = self.width
            return beam(episode, encoder, proposer, width=width, start=start, account=account)
        return best_of(episode, encoder, proposer, n=self.width, start=start, account=account)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes:
        rollout: Of the best final state.
        spent: US dollars of all branches together, each paid call counted once.
        calls: Expert calls made by all branches; what was on record is not among them.
        seconds: Seconds that experts took for those calls.
        reasons: Why each step of the rollout was taken, in a few words.
        changes: Rules that held from a step on: the cap of a branch, once other branches have used
            up what it had left. A replay needs them.
        outages: Whether outages ended a branch, so that the search was narrower than asked for.
    """

    rollout: Rollout
    spent: float
    calls: int
    seconds: float
    reasons: tuple[str, ...] = ()
    changes: Mapping[int, Rules] = field(default_factory=dict)
    outages: bool = False


@dataclass(slots=True)
class Account:
    """What all branches of a search have spent together, each paid call counted once.

    Attributes:
        spent: US dollars so far.
        calls: Expert calls made so far.
        seconds: Seconds of experts so far.
    """

    spent: float = 0.0
    calls: int = 0
    seconds: float = 0.0
    _made: set[str] = field(default_factory=set)
    _judged: set[str] = field(default_factory=set)
    _settled: set[str] = field(default_factory=set)

    def knows(self, key: str) -> bool:
        """Whether a request of that key was fulfilled already, for this search or from a record."""
        return key in self._made

    def price(self, key: str, spec: ExpertSpec, state: State) -> float:
        """What a call of that key may add, in US dollars: what is known of it costs nothing."""
        judgement = 0.0 if key in self._settled else state.rules.judgement_cost
        return judgement if key in self._made else spec.cost.usd + judgement

    def add(self, key: str, outcome: Outcome) -> None:
        """Counts what came of one request, whichever branches wanted it."""
        result, critique = outcome.result, outcome.critique
        if isinstance(result, ExpertResult):
            fresh = key not in self._made
            self._made.add(key)
        else:
            fresh = True  # a failure is on no record
        if fresh:
            self.spent += result.cost
            if not outcome.cached:
                self.calls += 1
                self.seconds += result.seconds
        if isinstance(critique, CriticFailure):
            self.spent += critique.cost
        elif isinstance(critique, Critique) and isinstance(result, ExpertResult):
            if result.image.sha256 not in self._judged:
                self.spent += critique.cost
            self._judged.add(result.image.sha256)
            self._settled.add(key)


def parse_search(text: str) -> Search:
    """The search that ``beam:3`` or ``best-of:4`` asks for.

    Raises:
        SearchError: It is neither.
    """
    match = re.fullmatch(r"(beam|best-of):([1-9]\d{0,2})", text.strip())
    if match is None or int(match[2]) > WIDEST:
        raise SearchError(
            f"there is no search {text[:40]!r}",
            remedy=f"give beam:K or best-of:N, a number from 1 to {WIDEST}, as in beam:3",
        )
    return Search("beam" if match[1] == "beam" else "best-of", int(match[2]))


def worth(state: State) -> float:
    """Phi of the champion less lambda times the spend of its own branch."""
    return state.champion_phi - state.rules.cost_weight * state.spent


def beam(
    episode: Episode,
    encoder: ObservationEncoder,
    proposer: Proposer,
    *,
    width: int,
    branch: int = BRANCH,
    value: Value | None = None,
    start: State | None = None,
    account: Account | None = None,
) -> Asking:
    """Keeps the best states at every step and expands each by its best proposals.

    States of the same picture, champion and attempts are merged. An ended state holds its place
    among the kept until better ones take it, and stays a candidate for the end. From a width of 2
    on, the line that the policy alone would play is always among the kept: without a cap the result
    is worth no less than the policy's own. Equal worth is decided by the proposals' scores.

    Args:
        episode: What it is about; its outcomes are live.
        encoder: Of the rollouts.
        proposer: Proposes actions.
        width: States kept, at least 1.
        branch: Proposals of a state, at least 1.
        value: What a state is worth; :func:`worth` unless given.
        start: Where to begin; the episode's first state unless given.
        account: What was spent before, and is counted on; a new one unless given.

    Raises:
        SearchError: The outcomes of the episode are not live.
    """
    value = value or worth
    root = _root(episode, encoder, start)
    account = account or Account(spent=root.state.spent)
    kept = [root]
    ended = [root] if root.state.end is not None else []
    while moves := _moves([b for b in kept if b.state.end is None], proposer, branch, account):
        children = yield from _carried_out(moves, account)
        ended += [b for b in children if b.state.end is not None]
        pool = _merged([*(b for b in kept if b.state.end is not None), *children], value)
        pool.sort(key=lambda b: (-value(b.state), -b.score))
        kept = pool[:width]
        own = next((b for b in pool if b.own and b.state.end is None), None)
        if own is not None and width > 1 and own not in kept:
            kept[-1] = own
    return _found(ended, value, account)


def best_of(
    episode: Episode,
    encoder: ObservationEncoder,
    proposer: Proposer,
    *,
    n: int,
    value: Value | None = None,
    start: State | None = None,
    account: Account | None = None,
) -> Asking:
    """Plays whole episodes in lockstep, each by the first proposals, and keeps the best.

    The first has the episode's own seed, the others seeds derived from it: n = 1 is the plain
    policy. Arguments and errors as in :func:`beam`.
    """
    account = account or Account(spent=_root(episode, encoder, start).state.spent)
    seeds = [episode.seed, *(_derived(episode.seed, k) for k in range(1, n))]
    branches = [_root(replace(episode, seed=s), encoder, start) for s in seeds]
    while moves := _moves([b for b in branches if b.state.end is None], proposer, 1, account):
        children = yield from _carried_out(moves, account)
        moved = {id(move.parent): child for move, child in zip(moves, children, strict=True)}
        branches = [moved.get(id(b), b) for b in branches]
    return _found(branches, value or worth, account)


@dataclass(slots=True, eq=False)
class _Branch:
    """One line of play. ``own``: it is what the policy alone would play."""

    rollout: Rollout
    score: float = 0.0
    own: bool = True
    reasons: tuple[str, ...] = ()
    changes: Mapping[int, Rules] = field(default_factory=dict)

    @property
    def state(self) -> State:
        return self.rollout.state


@dataclass(frozen=True, slots=True, eq=False)
class _Move:
    """A proposal that is taken. ``asked`` and its ``key`` only for calls."""

    parent: _Branch
    action: Action
    score: float
    own: bool
    reason: str
    asked: Asked | None = None
    key: str = ""


def _root(episode: Episode, encoder: ObservationEncoder, start: State | None) -> _Branch:
    if not isinstance(episode.outcomes, LiveOutcomes):
        raise SearchError(
            "a search needs live experts and a critic", remedy="play recorded episodes without one"
        )
    if start is not None:
        return _Branch(Rollout(episode, encoder, start))
    return _Branch(Rollout.start(episode, encoder))


def _moves(
    branches: Sequence[_Branch], proposer: Proposer, most: int, account: Account
) -> list[_Move]:
    """The best proposals of each branch, as far as the cap allows all of their calls together.

    What is possible follows from the search alone and not from what is on record, so that a search
    that was killed makes the same calls again and finds them there.
    """
    moves: list[_Move] = []
    reserved: dict[str, float] = {}
    for branch in branches:
        episode = branch.rollout.episode
        registry, outcomes, budget = episode.registry, episode.outcomes, episode.rules.budget
        assert isinstance(outcomes, LiveOutcomes)

        def left(budget: float | None = budget) -> float:
            spent = account.spent + math.fsum(reserved.values())
            return math.inf if budget is None else budget - spent

        seen, legal = _possible(branch, left())
        state = branch.state
        if not _any_call(legal) and _any_call(legal_actions(state, registry)):
            moves.append(_Move(branch, Stop(), 0.0, branch.own, OUT_OF_BUDGET))
            continue
        taken = 0
        for place, (action, score) in enumerate(proposer.rank(seen, legal, registry)):
            if taken == most:
                break
            asked, key = None, ""
            if isinstance(action, Call):
                asked = (outcomes, state, action, episode.seed)
                key = outcomes.request(state, action, episode.seed).key
                if key not in reserved:
                    price = account.price(key, registry[action.expert], state)
                    if price > left() + 1e-12:
                        continue
                    reserved[key] = price
            own = branch.own and place == 0
            reason = "the policy's choice" if place == 0 else f"the policy's choice no. {place + 1}"
            moves.append(_Move(branch, action, score, own, reason, asked, key))
            taken += 1
        if not taken:
            moves.append(_Move(branch, Stop(), 0.0, branch.own, OUT_OF_BUDGET))
    return moves


def _possible(branch: _Branch, left: float) -> tuple[State, list[Action]]:
    """The state with no more budget than all branches have left, and what is possible in it.

    Where that leaves nothing but what costs nothing, the branch's own cap is lowered to it, for
    only then does the transition let what comes last (text) go on without what is out of reach.
    """
    state, registry = branch.state, branch.rollout.episode.registry
    cap, remaining = state.rules.budget, state.remaining_budget
    if cap is None or remaining is None or left >= remaining - 1e-9:
        return state, list(legal_actions(state, registry))
    seen = replace(state, spent=cap - max(0.0, left))
    allowed = legal_actions(seen, registry)
    legal = [a for a in legal_actions(state, registry) if a in allowed]
    if _any_call(legal) or not _any_call(allowed):
        return seen, legal
    rules = state.rules.model_copy(update={"budget": state.spent + max(0.0, left)})
    branch.rollout.state = replace(state, rules=rules)
    branch.changes = {**branch.changes, state.step: rules}
    return branch.state, list(legal_actions(branch.state, registry))


def _carried_out(
    moves: Sequence[_Move], account: Account
) -> Generator[list[Asked], list[Outcome], list[_Branch]]:
    """The branches after these moves; the same request is asked once, whoever wants it."""
    asked = {m.key: m.asked for m in moves if m.asked is not None}
    outcomes: dict[str, Outcome] = {}
    if asked:
        answers = yield list(asked.values())
        outcomes = dict(zip(asked, answers, strict=True))
        for key, outcome in outcomes.items():
            account.add(key, outcome)
    children = []
    for move in moves:
        before = move.parent.rollout
        rollout = Rollout(before.episode, before.encoder, before.state, list(before.steps))
        rollout.advance(move.action, outcomes[move.key] if move.asked is not None else None)
        score = move.parent.score + move.score
        reasons = (*move.parent.reasons, move.reason)
        children.append(_Branch(rollout, score, move.own, reasons, move.parent.changes))
    return children


def _merged(branches: Sequence[_Branch], value: Value) -> list[_Branch]:
    """One branch for each picture, champion and attempts: the policy's own, else the best."""
    best: dict[object, _Branch] = {}
    for branch in sorted(branches, key=lambda b: (not b.own, -value(b.state), -b.score)):
        best.setdefault(_same(branch.state), branch)
    return [b for b in branches if best[_same(b.state)] is b]


def _same(state: State) -> object:
    frames = [
        (f.image.sha256, f.carried_out) if f else None for f in (state.current, state.champion)
    ]
    return tuple(frames), tuple(sorted(state.attempts.items())), state.end


def _found(branches: Sequence[_Branch], value: Value, account: Account) -> Found:
    """The best ended branch; one that an outage ended only where there is no other.

    Work that no criterion can judge counts by the bonus that it has in the champion's rank, so that
    text is not thrown away for the critic's rounding error.
    """

    def final(branch: _Branch) -> float:
        champion, rules = branch.state.champion, branch.state.rules
        bonus = rules.unjudged_bonus * len(champion.carried_out) if champion else 0.0
        return value(branch.state) + bonus

    whole = [b for b in branches if not interrupted(b.rollout.state)]
    narrowed = len(whole) < len(branches)
    whole = whole or list(branches)
    best = max(whole, key=lambda b: (final(b), b.own, -b.state.spent))  # the first of equals
    spent, calls, seconds = account.spent, account.calls, account.seconds
    return Found(best.rollout, spent, calls, seconds, best.reasons, best.changes, narrowed)


def _any_call(actions: Sequence[Action]) -> bool:
    return any(isinstance(a, Call) for a in actions)


def _derived(seed: int, number: int) -> int:
    digest = hashlib.sha256(f"{seed}|episode {number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 2**31
