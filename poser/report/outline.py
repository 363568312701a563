"""A long plan as an outline: what depends on a command is listed under it.

A drawing of fifty commands is a thicket of arrows. Most commands of a long prompt depend on one
object, though, so that the objects with all that is said of them make short trees.
"""

from __future__ import annotations

from dataclasses import dataclass

from poser.core.plan import Plan

DEEPEST = 3
_MANY = 4


@dataclass(frozen=True, slots=True)
class Branch:
    """A command with those listed under it.

    Attributes:
        command: Its id.
        also: Ids of commands it depends on besides the one it is listed under.
        children: What is listed under it, in the order of the plan.
    """

    command: str
    also: tuple[str, ...]
    children: tuple[Branch, ...]


def outline(plan: Plan) -> tuple[Branch, ...]:
    """The plan as trees; every command occurs once, no tree is deeper than :data:`DEEPEST`."""
    above = _above(plan)
    under: dict[str | None, list[str]] = {}
    for command in plan.commands:
        under.setdefault(above[command.id], []).append(command.id)
    needs = {c.id: tuple(dict.fromkeys(c.depends_on)) for c in plan.commands}

    def branch(command: str) -> Branch:
        return Branch(
            command=command,
            also=tuple(d for d in needs[command] if d != above[command]),
            children=tuple(branch(c) for c in under.get(command, ())),
        )

    return tuple(branch(c) for c in under.get(None, ()))


def _above(plan: Plan) -> dict[str, str | None]:
    """What each command is listed under: the first it depends on, unless those are many."""
    needs = {c.id: c.depends_on for c in plan.commands}
    above: dict[str, str | None] = {}
    depth: dict[str, int] = {}
    waiting = [c.id for c in reversed(plan.commands)]
    while waiting:
        command = waiting[-1]
        first = needs[command][0] if 0 < len(needs[command]) <= _MANY else None
        if command in above:
            waiting.pop()
        elif first is not None and first not in above:
            waiting.append(first)
        else:
            while first is not None and depth[first] >= DEEPEST - 1:
                first = above[first]
            above[command] = first
            depth[command] = 0 if first is None else depth[first] + 1
            waiting.pop()
    return above
