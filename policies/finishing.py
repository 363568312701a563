"""What comes last: to finish the picture, then to set text on it.

No question is asked about either, so that neither changes the potential, and nothing that learns
from rewards learns to do them. Policies do them by rule: once nothing else is to be changed, and
in time before the steps run out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from envs.legality import FINISHING, callable_commands, legal_calls, within_reach
from envs.state import State, rank, statuses
from poser.core.action import ALL, Action, Call, Revert, Stop
from poser.core.expert import ExpertSpec
from poser.core.plan import Command


def finishing(state: State, registry: Mapping[str, ExpertSpec]) -> list[Command]:
    """The commands that come last and that an expert here can be called for, in their order.

    A finish is left out where the steps would no longer suffice for the texts after it, should the
    critic have it taken back.
    """
    texts = [c for c in _outstanding(state, registry) if c.op == "text"]
    in_time = not texts or steps_left(state) >= len(texts) + 2
    ordered = sorted(served(state, registry), key=lambda c: c.op == "text")
    return [c for c in ordered if c.op == "text" or (c.op == "finish" and in_time)]


def reserved(state: State, registry: Mapping[str, ExpertSpec]) -> int:
    """Steps kept for what comes last: one each, and one for each change that may be taken back.

    None are kept where nothing comes last.
    """
    last = [c for c in _outstanding(state, registry) if c.asked or state.step]
    texts = sum(c.op == "text" for c in last)
    return len(last) + bool(last) + (0 < texts < len(last))


def closing(
    state: State, ranked: Sequence[tuple[Action, float]], registry: Mapping[str, ExpertSpec]
) -> Action | None:
    """What a policy does in place of its choice, so that nothing that comes last is left out.

    It is closing time once the policy chooses to stop or to do something that comes last, when the
    steps that are left are needed for that, and after any of it was done.

    Args:
        state: Any that has not ended.
        ranked: The legal actions with their scores, best first.
        registry: Specs by id.

    Returns:
        ``None`` where the policy's choice stands.
    """
    if state.champion is None:
        return None
    best, chosen = replace(state, current=state.champion), ranked[0][0]
    closed = chosen == Stop() or _comes_last(state, chosen) or finished(best)
    if not closed and steps_left(state) > reserved(best, registry):
        return None
    action = _completing(state, best, ranked, registry)
    return Stop() if action is None and closed else action


def _comes_last(state: State, action: Action) -> bool:
    if not isinstance(action, Call) or action.command == ALL:
        return False
    return state.plan.command(action.command).op in FINISHING


def _completing(
    state: State,
    best: State,
    ranked: Sequence[tuple[Action, float]],
    registry: Mapping[str, ExpertSpec],
) -> Action | None:
    """To go back to the champion, or the best ranked call for what comes last."""
    legal = legal_calls(best, registry)
    for command in finishing(best, registry):
        mine = [c for c in legal if c.command == command.id]
        if not mine:
            continue
        if worse_than_champion(state) and any(action == Revert() for action, _ in ranked):
            return Revert()
        if call := next((a for a, _ in ranked if a in mine), None):
            return call
    return None


def worse_than_champion(state: State) -> bool:
    """Whether the current picture ranks below the champion."""
    if state.current is None or state.champion is None:
        return False
    return rank(state, state.current) < rank(state, state.champion)


def finished(state: State) -> bool:
    """Whether something was put on the finished picture already."""
    if state.current is None:
        return False
    return any(state.plan.command(c).op in FINISHING for c in state.current.carried_out)


def steps_left(state: State) -> int:
    """Steps until the episode is out of them."""
    return state.rules.max_steps - state.step


def served(state: State, registry: Mapping[str, ExpertSpec]) -> list[Command]:
    """The commands that some legal call serves, in plan order."""
    called = {c.command for c in legal_calls(state, registry)}
    return [c for c in callable_commands(state, registry) if c.id in called]


def _outstanding(state: State, registry: Mapping[str, ExpertSpec]) -> list[Command]:
    """The commands that come last, can be had, and wait for nothing but one another."""
    last = {c.id for c in state.plan.commands if c.op in FINISHING}
    if not last:
        return []
    status = statuses(state)
    free = {c.id for c in callable_commands(state, registry)}
    return [
        c
        for c in state.plan.commands
        if c.id in last
        and status[c.id] == "pending"
        and (c.id in free or all(d in last for d in c.depends_on))
        and within_reach(state, c, registry)
    ]
