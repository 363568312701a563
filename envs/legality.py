"""Which actions are legal in a state."""

from __future__ import annotations

from collections.abc import Mapping

from envs.state import State, statuses
from poser.core.action import ALL, Action, Call, Revert, Stop
from poser.core.expert import ExpertSpec
from poser.core.plan import Command

SETTLED = ("satisfied", "unjudged", "given_up")
"""Statuses that free the commands depending on them."""


FINISHING = ("finish", "text")
"""Ops that come last, in this order: whatever is changed underneath them may spoil them."""


def legal_actions(state: State, registry: Mapping[str, ExpertSpec]) -> tuple[Action, ...]:
    """All legal actions, in a stable order: calls, then Revert, then Stop.

    * text_to_image: with ``ALL`` at any time, with one command only while there is no picture;
      never where the episode began from a picture of the user's, which would be thrown away.
    * Editors need a picture; inpainting needs a mask as well.
    * A command is callable while it is pending and all it depends on is settled, given up, or
      beyond every expert that could still be called.
    * An expert over the remaining budget, marked down, or not serving the command's op (or its
      words, where its vocabulary is closed) is illegal.
    * To finish is legal only on a whole picture (no mask) that no text was set on and that is no
      larger than the finisher takes: it would be made smaller first.
    * Revert is legal while the current picture is not the champion; Stop always is.

    An ended episode has no legal action.
    """
    if state.end is not None:
        return ()
    actions: list[Action] = list(legal_calls(state, registry))
    if off_champion(state):
        actions.append(Revert())
    actions.append(Stop())
    return tuple(actions)


def legal_calls(
    state: State, registry: Mapping[str, ExpertSpec], *, ignore_budget: bool = False
) -> tuple[Call, ...]:
    """The legal calls alone; ``ignore_budget`` tells what a larger budget would allow."""
    if state.end is not None:
        return ()
    pending = callable_commands(state, registry)
    calls: list[Call] = []
    for spec in registry.values():
        if not available(state, spec) or not (ignore_budget or affordable(state, spec)):
            continue
        if spec.task == "text_to_image":
            if state.given:
                continue
            calls.append(Call(command=ALL, expert=spec.id))
            if state.current is not None:
                continue
        elif state.current is None:
            continue
        elif edits_at_once(spec, state):
            calls.append(Call(command=ALL, expert=spec.id))
        calls += [Call(command=c.id, expert=spec.id) for c in pending if _takes(state, spec, c)]
    return tuple(calls)


def callable_commands(state: State, registry: Mapping[str, ExpertSpec]) -> tuple[Command, ...]:
    """The pending commands all of whose dependencies are out of the way."""
    status = statuses(state)
    free = {
        c.id
        for c in state.plan.commands
        if status[c.id] in SETTLED or not within_reach(state, c, registry)
    }
    return tuple(
        c
        for c in state.plan.commands
        if status[c.id] == "pending" and all(d in free for d in c.depends_on)
    )


def within_reach(state: State, command: Command, registry: Mapping[str, ExpertSpec]) -> bool:
    """Whether any expert that is up and affordable could still serve a command by itself."""
    return any(
        (spec.needs_picture or state.current is None)
        and available(state, spec)
        and affordable(state, spec)
        and _takes(state, spec, command)
        for spec in registry.values()
    )


def affordable(state: State, spec: ExpertSpec) -> bool:
    """Whether a call and its judgement fit into what is left of the budget."""
    left = state.remaining_budget
    return left is None or spec.cost.usd + state.rules.judgement_cost <= left + 1e-12


def serves(spec: ExpertSpec, command: Command) -> bool:
    """Whether an expert takes a command at all: its op, and what it is about.

    Where its vocabulary is closed it must know the words of the command's subject and of what its
    criteria are about; other words it does not know are left out of the request.
    """
    if spec.capability(command.op) <= 0.0:
        return False
    if command.op == "finish" and spec.task != "image_to_image":
        return False
    return not unknown_subjects(spec, command)


def unknown_subjects(spec: ExpertSpec, command: Command) -> tuple[str, ...]:
    """The words that a command is about and that an expert's closed vocabulary lacks."""
    if spec.vocabulary is None:
        return ()
    return tuple(w for w in command.subjects if w not in spec.vocabulary)


def available(state: State, spec: ExpertSpec) -> bool:
    """Whether an expert is up and has the mask it may need."""
    return spec.id not in state.down and (spec.task != "inpainting" or state.mask is not None)


def _takes(state: State, spec: ExpertSpec, command: Command) -> bool:
    """Whether an expert takes a command on the current picture."""
    if not serves(spec, command):
        return False
    if command.op != "finish":
        return True
    if state.mask is not None:
        return False  # what lies outside the mask is kept as it was, its size too
    if state.current is None:
        return True
    if any(state.plan.command(c).op == "text" for c in state.current.carried_out):
        return False
    picture = state.current.image
    return max(picture.width, picture.height) <= spec.limits.max_side


def edits_at_once(spec: ExpertSpec, state: State) -> bool:
    """An editor may be given the whole plan if its vocabulary is open and it serves every op."""
    return spec.vocabulary is None and all(serves(spec, c) for c in state.plan.asked)


def off_champion(state: State) -> bool:
    """Whether the current picture is another than the champion."""
    if state.champion is None or state.current is None:
        return False
    return state.current.image != state.champion.image
