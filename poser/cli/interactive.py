"""Asking a person at every step: approve, pick another action, or stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import typer

from envs.state import State
from policies.base import Decision, Policy
from poser.compose.graph import Chooser
from poser.core.action import ALL, Action, Call, Revert, Stop
from poser.core.expert import ExpertSpec
from poser.report.words import money


def asking(
    policy: Policy, paused: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Chooser:
    """A chooser that proposes what the policy would do, and asks on standard error.

    Args:
        policy: Whose proposal is shown.
        paused: Keeps a live view off the terminal while a question stands.
    """

    def choose(
        state: State, legal: Sequence[Action], registry: Mapping[str, ExpertSpec]
    ) -> Decision:
        proposed = policy.choose(state, legal, registry)
        with paused():
            return _ask(state, proposed, legal, registry)

    return choose


def _ask(
    state: State,
    proposed: Decision,
    legal: Sequence[Action],
    registry: Mapping[str, ExpertSpec],
) -> Decision:
    step, most = state.step + 1, state.rules.max_steps
    score = f", score {state.phi:.2f}" if state.plan.judged else ""
    typer.echo(f"\nstep {step} of {most}{score}", err=True)
    for number, action in enumerate(legal, start=1):
        mark = "->" if action == proposed.action else "  "
        typer.echo(f" {mark} {number}. {describe(action, state, registry)}", err=True)
    typer.echo(f"proposed: {proposed.reason}", err=True)
    while True:
        answer = typer.prompt(
            "Enter to approve, a number to pick, s to stop",
            default="",
            show_default=False,
            err=True,
        ).strip()
        if answer in ("", "y", "yes"):
            return proposed
        if answer in ("s", "stop", "q"):
            return Decision(Stop(), "stopped by hand")
        if answer.isdecimal() and 1 <= int(answer) <= len(legal):
            return Decision(legal[int(answer) - 1], "picked by hand")
        typer.echo(f"1 to {len(legal)}, Enter or s", err=True)


def describe(action: Action, state: State, registry: Mapping[str, ExpertSpec]) -> str:
    """An action in words."""
    match action:
        case Call():
            what = "the whole plan"
            if action.command != ALL:
                what = f"{action.command}: {state.plan.command(action.command).instruction}"
            price = registry[action.expert].cost.usd
            return f"{what} -> {action.expert}" + (f" ({money(price)})" if price else "")
        case Revert():
            return "go back to the best picture so far"
        case Stop():
            return "stop"
