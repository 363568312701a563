"""What comes of simulated calls: drawn for many episodes at once.

A call of an expert at a command settles it with the expert's true success at the op, more or less
by how well that command suits it, which stays the same throughout an episode; a drawing turns out
better or worse as a whole. What holds besides outlasts the edit with the expert's true kept rate,
criterion by criterion; what does not hold comes to hold with a little luck. Drawing the whole plan
tries every command that the expert serves, with a success that falls with their number. The
critic's score of a criterion is the logistic of log odds that lie on the right side, with noise,
and off by an amount that stays the same throughout an episode.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.simulation.known import T2I
from envs.simulation.worlds import Bools, Floats, Ints, Worlds, at_commands

WORKED, OUTAGE, FATAL, REFUSED, UNJUDGED = range(5)
"""What became of a call: a picture and its critique; an outage that may pass; one that does not;
a refusal; a picture that the critic could not be reached for."""

FATAL_SHARE = 0.1
"""Share of outages that do not pass."""


READ = frozenset(
    (
        *(
            "commands",
            "op",
            "judged",
            "task",
            "rate",
            "many",
            "able",
            "denied",
            "trials",
            "ease",
            "swing",
            "kept",
            "crowding",
            "outage",
            "refusal",
        ),
        *("base", "sureness", "noise", "blind", "critic_outage", "luck", "partial"),
        "feedback_gain",
    )
)
"""The attributes of worlds that :func:`sample_calls` reads."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """What came of N calls.

    Attributes:
        kind: What became of each, (N,).
        holds: Whether a criterion truly holds on the new picture, (N, C, 2).
        score: The critic's score of it, in [0, 1], (N, C, 2).
    """

    kind: Ints
    holds: Bools
    score: Floats


def sample_calls(
    worlds: Worlds,
    serves: Bools,
    holds: Bools,
    unsettled: Bools,
    row: Ints,
    expert: Ints,
    rng: np.random.Generator,
    again: Bools | None = None,
) -> Sampled:
    """Draws what comes of one call in each of N worlds.

    Args:
        worlds: N of them.
        serves: ``worlds.serves``, (N, C, E).
        holds: Whether a criterion truly holds before, (N, C, 2).
        unsettled: Commands that an editor given the whole plan works at, (N, C).
        row: The command, or C for ALL, (N,).
        expert: The expert, (N,).
        rng: All is drawn from it.
        again: Whether the expert is told what was wrong with an attempt before, (N,); ``None``
            for none.
    """
    count, most = worlds.op.shape
    each = np.arange(count)
    draws = worlds.task[each, expert] == T2I
    whole = row == most
    serving = serves[each, :, expert]
    chosen = np.arange(most) == row[:, None]
    at = np.where(whole[:, None], serving & (draws[:, None] | unsettled), chosen & worlds.commands)
    true, said = worlds.rate[each, expert], worlds.said[each, expert]
    rate = at_commands(worlds.op, worlds.many, true[:, None], said[:, None])[:, :, 0]
    turn = worlds.swing * rng.standard_normal(count) * draws
    rate = eased(rate, worlds.ease[each, :, expert] + turn[:, None])
    crowd = np.maximum(0, at.sum(axis=1) - 1) * worlds.crowding[each, expert]
    chance = rate * np.exp(-crowd * whole)[:, None]
    if again is not None:
        chance += (1.0 - chance) * (worlds.feedback_gain * again)[:, None]
    uniform = rng.random((4, *holds.shape))
    success = uniform[0, :, :, 0] < chance
    partly = uniform[0, :, :, 1] < worlds.partial[:, None]
    last = np.where(worlds.judged[:, :, 1], 1, 0)
    failed = partly[:, :, None] & (np.arange(2) < last[:, :, None])
    kept = holds & (uniform[1] < worlds.kept[each, expert][:, None, None])
    lucky = ~holds & (uniform[2] < worlds.luck[:, None, None])
    before = np.where(draws[:, None, None], uniform[1] < worlds.base, kept | lucky)
    worked = np.where(success[:, :, None], True, np.where(draws[:, None, None], failed, before))
    # A failed edit leaves its own command as it was but for what it breaks.
    after = np.where(at[:, :, None], worked, before) & worlds.judged
    odds = np.where(after, 1.0, -1.0) * worlds.sureness[:, None, None]
    odds = odds + worlds.blind + worlds.noise[:, None, None] * rng.standard_normal(holds.shape)
    score = worlds.judged / (1.0 + np.exp(-odds))
    fate = uniform[3].reshape(count, -1)
    outage = fate[:, 0] < worlds.outage[each, expert]
    fatal = outage & (fate[:, 1] < FATAL_SHARE)
    refused = fate[:, 2] < worlds.refusal[each, expert]
    unjudged = fate[:, 3] < worlds.critic_outage
    kind = np.select([fatal, outage, refused, unjudged], [FATAL, OUTAGE, REFUSED, UNJUDGED], WORKED)
    return Sampled(kind, after, score)


def eased(rate: Floats, ease: Floats) -> Floats:
    """Rates in [0, 1] with this much added to their log odds; those of 0 and 1 stay."""
    return rate / np.maximum(rate + (1.0 - rate) * np.exp(-ease), 1e-12)
