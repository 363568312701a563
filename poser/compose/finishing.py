"""The finish of a plan: one command at its end, before any text is set."""

from __future__ import annotations

from collections.abc import Iterable

from envs.legality import serves
from poser.core.expert import ExpertSpec
from poser.core.plan import Command, Plan

INSTRUCTION = "bring the picture to full size"
"""What the finish is called wherever a plan is shown."""


def with_finish(plan: Plan, specs: Iterable[ExpertSpec]) -> Plan:
    """The plan with a ``finish`` command, if any of these experts serves one.

    It stands after the last command that is not text, so that text is drawn at full size. No
    command depends on it and it depends on none: it must not keep a text from being set when it
    fails, nor wait for what cannot be had. When it is carried out is for the policy to see to,
    which knows the steps left.

    A plan that has a finish already, or nothing to finish, is returned as it is.

    Args:
        plan: What is asked.
        specs: The registry's entries.
    """
    if not plan.commands or any(c.op == "finish" for c in plan.commands):
        return plan
    finish = Command(id=_new_id(plan), op="finish", instruction=INSTRUCTION)
    if not any(serves(spec, finish) for spec in specs):
        return plan
    at = max((n for n, c in enumerate(plan.commands, start=1) if c.op != "text"), default=0)
    commands = (*plan.commands[:at], finish, *plan.commands[at:])
    fields = {name: getattr(plan, name) for name in Plan.model_fields}
    return Plan.model_validate({**fields, "commands": commands})


def _new_id(plan: Plan) -> str:
    taken = {c.id for c in plan.commands}
    number, name = 1, "finish"
    while name in taken:
        number += 1
        name = f"finish-{number}"
    return name
