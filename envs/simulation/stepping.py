"""The transition, the reward and legality for many simulated episodes at once.

The same as ``envs.transition`` and ``envs.legality``, written out in NumPy for speed;
``tests/envs/test_simulation.py`` plays both side by side on random episodes and compares every
state, mask, reward and observation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, get_args

import numpy as np

from critic.rubric import THRESHOLD
from envs.layout import STATUSES, Layout
from envs.rules import Rules
from envs.simulation.known import I2I, INPAINTING, T2I
from envs.simulation.sampling import FATAL, OUTAGE, REFUSED, UNJUDGED, WORKED, Sampled
from envs.simulation.worlds import FINISH, SIDE, TEXT, Bools, Floats, Ints, Worlds
from poser.core.record import EndReason

ENDS: tuple[EndReason | None, ...] = (None, *get_args(EndReason))
"""Why an episode ended, by code; 0 while it goes on."""

_CODE: dict[EndReason | None, int] = {end: code for code, end in enumerate(ENDS)}
PENDING, SATISFIED, UNJUDGEABLE, GIVEN_UP = range(len(STATUSES))


@dataclass(slots=True)
class Frames:
    """One picture of each of N episodes.

    Attributes:
        there: Whether there is one, (N,).
        number: Its number within its episode, (N,).
        side: Its longest side in pixels, (N,).
        holds: Whether a criterion truly holds on it, (N, C, 2).
        score: The critic's score of it, below a failed criterion 0, (N, C, 2).
        phi: Its potential, (N,).
        mean: The weighted mean of the scores as they are, (N,); 0 where no reward needs it.
        carried: Commands without judged criteria that were carried out on it, (N, C).
        settled: Commands that are satisfied or carried out, (N, C).
        answered: Whether all that the prompt asks for is settled, (N,).
        complete: Whether all commands are, (N,).
    """

    there: Bools
    number: Ints
    side: Ints
    holds: Bools
    score: Floats
    phi: Floats
    mean: Floats
    carried: Bools
    settled: Bools
    answered: Bools
    complete: Bools

    @classmethod
    def none(cls, count: int, commands: int) -> Frames:
        """No picture in any of ``count`` episodes."""
        wide = (count, commands, 2)
        return cls(
            np.zeros(count, np.bool_),
            np.zeros(count, np.int64),
            np.full(count, SIDE),
            np.zeros(wide, np.bool_),
            np.zeros(wide),
            np.zeros(count),
            np.zeros(count),
            np.zeros(wide[:2], np.bool_),
            np.zeros(wide[:2], np.bool_),
            np.zeros(count, np.bool_),
            np.zeros(count, np.bool_),
        )

    def put(self, places: Any, others: Frames) -> None:
        """Sets the pictures of ``others`` in these places, from the same places."""
        for f in fields(self):
            getattr(self, f.name)[places] = getattr(others, f.name)[places]


Rewards = dict[str, Floats]
"""The rewards of one step by the name of their term, (N,) each; their sum is the reward."""


Draw = Callable[["Simulation", Ints, Ints, Ints], Sampled]
"""What comes of calls: of the simulation, the places that call, their commands and experts."""


@dataclass(slots=True)
class Simulation:
    """N episodes of the MDP. Attributes are those of :class:`envs.state.State`, as arrays.

    Attributes:
        layout: How much room there is.
        worlds: What is played, N of them.
        rules: What is not drawn for a world. No quality is simulated.
        end: Code of why an episode ended, see :data:`ENDS`, (N,).
        legal: Which calls are legal, (N, C + 1, E).
        revert: Whether Revert is, (N,).

    Raises:
        ValueError: The rules have a quality term.
    """

    layout: Layout
    worlds: Worlds
    rules: Rules = field(default_factory=Rules)
    current: Frames = field(init=False)
    champion: Frames = field(init=False)
    step: Ints = field(init=False)
    spent: Floats = field(init=False)
    attempts: Ints = field(init=False)
    tried: Ints = field(init=False)
    failures: Ints = field(init=False)
    down: Bools = field(init=False)
    critic_failures: Ints = field(init=False)
    pictures: Ints = field(init=False)
    end: Ints = field(init=False)
    status: Ints = field(init=False)
    callable: Bools = field(init=False)
    available: Bools = field(init=False)
    affordable: Bools = field(init=False)
    reach: Bools = field(init=False)
    possible: Bools = field(init=False)
    legal: Bools = field(init=False)
    revert: Bools = field(init=False)
    serves: Bools = field(init=False)
    edits_at_once: Bools = field(init=False)
    judgeable: Bools = field(init=False)
    asked: Bools = field(init=False)
    weights: Floats = field(init=False)

    def __post_init__(self) -> None:
        if self.rules.quality_weight:
            raise ValueError("the simulator has no quality term")
        count, (most, experts) = (
            len(self.worlds),
            (
                self.layout.max_commands,
                self.layout.max_experts,
            ),
        )
        self.current = Frames.none(count, most)
        self.champion = Frames.none(count, most)
        self.step = np.zeros(count, np.int64)
        self.spent = np.zeros(count)
        self.attempts = np.zeros((count, most + 1), np.int64)
        self.tried = np.zeros((count, most + 1, experts), np.int64)
        self.failures = np.zeros((count, experts), np.int64)
        self.down = np.zeros((count, experts), np.bool_)
        self.critic_failures = np.zeros(count, np.int64)
        self.pictures = np.zeros(count, np.int64)
        self.end = np.zeros(count, np.int64)
        self._begin()

    def _begin(self) -> None:
        """Works out what stays the same, and where the episodes begin."""
        worlds = self.worlds
        self.serves, self.asked = worlds.serves, worlds.asked
        all_served = (self.serves | ~self.asked[:, :, None]).all(axis=1)
        self.edits_at_once = all_served & ~worlds.closed & (worlds.task != T2I) & worlds.experts
        self.judgeable = np.asarray(worlds.judged.any(axis=2))
        total = worlds.weight.sum(axis=(1, 2))
        self.weights = worlds.weight / np.where(total > 0, total, 1.0)[:, None, None]
        self.spent = np.where(worlds.given, worlds.judgement_cost, 0.0)
        start = self._frames(worlds.start, worlds.start_score)
        start.there[:] = worlds.given
        for name in ("settled", "answered", "complete", "phi", "mean"):
            getattr(start, name)[~start.there] = 0
        self.current.put(start.there, start)
        self.champion.put(start.there, start)
        self._look()
        self.end = self._ends()
        self._close()

    def adopt(self, places: Ints, other: Simulation, rows: Ints) -> None:
        """Sets episodes of another simulation in these places, one for one, as they stand."""
        for name in self.__slots__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if isinstance(mine, np.ndarray):
                mine[places] = theirs[rows]
            elif isinstance(mine, Frames | Worlds):
                for f in fields(mine):
                    getattr(mine, f.name)[places] = getattr(theirs, f.name)[rows]

    def masks(self) -> Bools:
        """Which actions are legal, (N, actions)."""
        count = len(self.worlds)
        mask = np.empty((count, self.layout.actions), np.bool_)
        mask[:, : self.layout.revert] = self.legal.reshape(count, -1)
        mask[:, self.layout.revert] = self.revert
        mask[:, self.layout.stop] = self.end == 0
        return mask

    def take(self, actions: Ints, draw: Draw) -> Rewards:
        """One step of all N episodes; none of them has ended.

        Args:
            actions: Legal ones, (N,).
            draw: Draws what comes of the calls.
        """
        phi, mean = self.current.phi.copy(), self.current.mean.copy()
        champion, cost = self.champion.phi.copy(), np.zeros(len(actions))
        self.step += 1
        row, expert = np.divmod(actions, self.layout.max_experts)
        calls = np.flatnonzero(actions < self.layout.revert)
        if len(calls):
            cost[calls] = self._call(calls, row[calls], expert[calls], draw)
            self.spent += cost
        self.current.put(actions == self.layout.revert, self.champion)
        self._look()
        stopped = actions == self.layout.stop
        self.end[:] = np.where(stopped, _CODE["stopped"], self._ends())
        self._close()
        ended = self.end > 0
        terms = {
            "phi": self.current.phi - phi,
            "cost": -self.worlds.cost_weight * cost,
            "step": -self.worlds.step_penalty,
            "final": np.where(ended, self.champion.phi - self.current.phi, 0.0),
        }
        if weight := self.rules.score_weight:
            shown = np.where(ended, self.champion.mean, self.current.mean)
            terms["feedback"] = weight * (shown - mean)
        if weight := self.rules.benefit_weight:
            terms["benefit"] = weight * (self.champion.phi - champion)
        return terms

    def again(self, at: Ints, row: Ints) -> Bools | None:
        """Which calls of these commands are told what was wrong before, (N,); ``None`` for none.

        See ``envs.requests.build_request``; that no criterion of the command failed on the picture
        in hand, so that there is nothing to tell, is left out of account.
        """
        if not self.rules.retells:
            return None
        again: Bools = (self.attempts[at, row] > 0) & self.current.there[at]
        return again

    def _call(self, at: Ints, row: Ints, expert: Ints, draw: Draw) -> Floats:
        """What calls do to the episodes of these places; returns what they cost."""
        sampled = draw(self, at, row, expert)
        kind, worlds = sampled.kind, self.worlds
        paid = (kind == WORKED) | (kind == UNJUDGED)
        cost = np.where(paid, worlds.usd[at, expert], 0.0)
        cost = cost + np.where(kind == WORKED, worlds.judgement_cost[at], 0.0)
        out = (kind == OUTAGE) | (kind == FATAL)
        self.failures[at, expert] = np.where(
            out,
            self.failures[at, expert] + 1,
            np.where(paid, 0, self.failures[at, expert]),
        )
        gone = (kind == FATAL) | (self.failures[at, expert] >= self.rules.max_failures)
        self.down[at, expert] |= out & gone
        self.critic_failures[at] = np.where(
            kind == UNJUDGED,
            self.critic_failures[at] + 1,
            np.where(kind == WORKED, 0, self.critic_failures[at]),
        )
        new = self._made(at, row, expert, sampled)
        worked = np.zeros(len(self.worlds), np.bool_)
        worked[at] = kind == WORKED
        best = worked & (~self.champion.there | self._ranks_first(new))
        self.current.put(worked, new)
        self.champion.put(best, new)
        wide = np.pad(self.current.settled, ((0, 0), (0, 1)))
        wide[:, -1] = self.current.complete
        failed = np.where(kind == WORKED, ~(wide[at, row] & best[at]), kind == REFUSED)
        self.attempts[at, row] += failed
        self.tried[at, row, expert] += failed
        return cost

    def _made(self, at: Ints, row: Ints, expert: Ints, sampled: Sampled) -> Frames:
        """The pictures that the calls made, in their places among all N."""
        worlds, most = self.worlds, self.layout.max_commands
        holds, score = self.current.holds.copy(), self.current.score.copy()
        holds[at], score[at] = sampled.holds, sampled.score
        edits = worlds.task[at, expert] != T2I
        single = row < most
        command = np.minimum(row, most - 1)
        last = np.isin(worlds.op, (FINISH, TEXT))
        lasting = single & last[at, command]
        carried = np.zeros_like(self.current.carried)
        carried[at] = (
            self.current.carried[at]
            & edits[:, None]
            & self.current.there[at, None]
            & (lasting[:, None] | ~last[at])
        )
        carried[at, command] |= single & ~self.judgeable[at, command]
        new = self._frames(holds, score, carried)
        self.pictures[at] += 1
        new.number[at] = self.pictures[at]
        op = worlds.op[at, command]
        before = self.current.side[at]
        side = np.where(op == FINISH, 4 * before, np.where(op == TEXT, before, SIDE))
        edited = single & (worlds.task[at, expert] == I2I)
        new.side[at] = np.where(edited, side, SIDE)
        return new

    def _frames(self, holds: Bools, score: Floats, carried: Bools | None = None) -> Frames:
        """Pictures with what follows from their scores, in all N places."""
        worlds, threshold = self.worlds, self.rules.threshold
        new = Frames.none(*worlds.op.shape)
        new.there[:] = True
        new.holds[:] = holds
        first = score[:, :, 0] >= max(threshold, THRESHOLD)  # below it a critic says "no"
        can = ~(worlds.builds & ~first[:, None, :]).any(axis=2)
        new.score[:, :, 0] = score[:, :, 0] * can
        new.score[:, :, 1] = score[:, :, 1] * (can & first)
        new.score *= worlds.judged
        new.phi[:] = np.minimum(1.0, (self.weights * new.score).sum(axis=(1, 2)))
        if self.rules.score_weight:
            new.mean[:] = (self.weights * score).sum(axis=(1, 2))
        if carried is not None:
            new.carried[:] = carried
        met = ((new.score >= threshold) | ~worlds.judged).all(axis=2)
        new.settled[:] = np.where(self.judgeable, met, new.carried) & worlds.commands
        new.answered[:] = (new.settled | ~self.asked).all(axis=1)
        new.complete[:] = (new.settled | ~worlds.commands).all(axis=1)
        return new

    def _ranks_first(self, new: Frames) -> Bools:
        """Whether new pictures rank no lower than the champions; see ``envs.state.rank``."""
        old, bonus = self.champion, self.rules.unjudged_bonus
        mine = new.phi + bonus * new.carried.sum(axis=1)
        theirs = old.phi + bonus * old.carried.sum(axis=1)
        level = new.complete == old.complete
        higher = (new.complete > old.complete) | (level & (mine >= theirs))
        same = new.answered == old.answered
        first: Bools = (new.answered > old.answered) | (same & higher)
        return first

    def _look(self) -> None:
        """Works out statuses and legality of where the episodes stand."""
        worlds, now = self.worlds, self.current
        most = self.layout.max_commands
        spent_out = self.attempts[:, :most] >= self.rules.max_attempts
        unmet = np.where(spent_out, GIVEN_UP, PENDING)
        met = np.where(self.judgeable, SATISFIED, UNJUDGEABLE)
        self.status = np.where(now.settled, met, unmet)
        left = np.maximum(0.0, worlds.budget - self.spent)
        price = worlds.usd + worlds.judgement_cost[:, None]
        self.affordable = worlds.experts & (price <= left[:, None] + 1e-12)
        # No mask is simulated.
        self.available = worlds.experts & ~self.down & (worlds.task != INPAINTING)
        edits = worlds.task != T2I
        texted = (now.carried & (worlds.op == TEXT)).any(axis=1)
        may_finish = ~now.there | (~texted & (now.side <= SIDE))
        takes = self.serves & ((worlds.op != FINISH) | may_finish[:, None])[:, :, None]
        fits = (edits | ~now.there[:, None]) & self.available
        reach = (takes & (fits & self.affordable)[:, None, :]).any(axis=2)
        self.reach = reach
        free = (self.status != PENDING) | ~reach
        waits = (worlds.depends & ~free[:, None, :]).any(axis=2)
        self.callable = worlds.commands & (self.status == PENDING) & ~waits
        in_turn = self.available & (edits == now.there[:, None])
        possible = np.empty_like(self.tried, np.bool_)
        possible[:, :most] = takes & self.callable[:, :, None] & in_turn[:, None, :]
        draws = ~edits & ~worlds.given[:, None]
        possible[:, most] = self.available & (draws | (now.there[:, None] & self.edits_at_once))
        self.possible = possible
        self.legal = possible & self.affordable[:, None, :]
        self.revert = now.there & self.champion.there & (now.number != self.champion.number)

    def _ends(self) -> Ints:
        """Why each episode ends where it stands; see ``envs.transition.end_of``."""
        worlds = self.worlds
        finish = (worlds.op == FINISH) & worlds.commands
        to_finish = (finish & (self.status == PENDING) & self.reach).any(axis=1)
        unjudged = ((self.status == UNJUDGEABLE) & self.asked).any(axis=1)
        answered = self.current.answered & self.current.there & ~to_finish
        return np.select(
            [
                answered & unjudged,
                answered,
                self.critic_failures >= self.rules.max_critic_failures,
                self.step >= worlds.max_steps,
                ~self.possible.any(axis=(1, 2)),
                ~self.legal.any(axis=(1, 2)),
            ],
            [
                _CODE["settled"],
                _CODE["satisfied"],
                _CODE["critic_down"],
                _CODE["out_of_steps"],
                _CODE["nothing_legal"],
                _CODE["out_of_budget"],
            ],
            0,
        )

    def _close(self) -> None:
        """Nothing is legal any more where an episode has ended."""
        going = self.end == 0
        self.legal &= going[:, None, None]
        self.revert &= going
