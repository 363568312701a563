"""Which actions are legal in a state."""

from __future__ import annotations

from collections.abc import Mapping

from envs.state import State, statuses
from poser.core.action import ALL, Action, Call, Revert, Stop
from poser.core.expert import ExpertSpec
from poser.core.plan import Command

SETTLED = ("satisfied", "unjudged", "given_up")
"""Statuses that free the commands depending on them."""


def legal_actions(state: State, registry: Mapping[str, ExpertSpec]) -> tuple[Action, ...]:
    """All legal actions, in a stable order: calls, then Revert, then Stop.

    * text_to_image: with ``ALL`` at any time, with one command only while there is no picture.
    * Editors need a picture; inpainting needs a mask as well.
    * A command is callable while it is pending and all it depends on is settled or given up.
    * An expert over the remaining budget, marked down, or not serving the command's op (or its
      words, where its vocabulary is closed) is illegal.
    * Revert is legal while the current picture is not the champion; Stop always is.

    An ended episode has no legal action.
    """
    if state.end is not None:
        return ()
    actions: list[Action] = list(legal_calls(state, registry))
    if _off_champion(state):
        actions.append(Revert())
    actions.append(Stop())
    return tuple(actions)


def legal_calls(
    state: State, registry: Mapping[str, ExpertSpec], *, ignore_budget: bool = False
) -> tuple[Call, ...]:
    """The legal calls alone; ``ignore_budget`` tells what a larger budget would allow."""
    if state.end is not None:
        return ()
    pending = callable_commands(state)
    calls: list[Call] = []
    for spec in registry.values():
        if spec.id in state.down:
            continue
        if not ignore_budget and not affordable(state, spec):
            continue
        if spec.task == "text_to_image":
            calls.append(Call(command=ALL, expert=spec.id))
            if state.current is not None:
                continue
        elif state.current is None or (spec.task == "inpainting" and state.mask is None):
            continue
        elif _edits_at_once(spec, state):
            calls.append(Call(command=ALL, expert=spec.id))
        calls += [Call(command=c.id, expert=spec.id) for c in pending if serves(spec, c)]
    return tuple(calls)


def callable_commands(state: State) -> tuple[Command, ...]:
    """The pending commands all of whose dependencies are settled or given up."""
    status = statuses(state)
    return tuple(
        c
        for c in state.plan.commands
        if status[c.id] == "pending" and all(status[d] in SETTLED for d in c.depends_on)
    )


def affordable(state: State, spec: ExpertSpec) -> bool:
    """Whether a call and its judgement fit into what is left of the budget."""
    left = state.remaining_budget
    return left is None or spec.cost.usd + state.rules.judgement_cost <= left + 1e-12


def serves(spec: ExpertSpec, command: Command) -> bool:
    """Whether an expert takes a command at all: its op, and its words if its vocabulary is closed.

    A text_to_image expert serves every op whose result can be seen in a caption.
    """
    if spec.capability(command.op) <= 0.0:
        return False
    return not unknown_words(spec, command)


def unknown_words(spec: ExpertSpec, command: Command) -> tuple[str, ...]:
    """The words of a command's instruction that an expert's closed vocabulary lacks."""
    if spec.vocabulary is None:
        return ()
    words = "".join(ch if ch.isalnum() else " " for ch in command.instruction.lower()).split()
    return tuple(dict.fromkeys(w for w in words if w not in spec.vocabulary))


def _edits_at_once(spec: ExpertSpec, state: State) -> bool:
    """An editor may be given the whole plan if its vocabulary is open and it serves every op."""
    return spec.vocabulary is None and all(serves(spec, c) for c in state.plan.commands)


def _off_champion(state: State) -> bool:
    if state.champion is None or state.current is None:
        return False
    return state.current.image != state.champion.image
