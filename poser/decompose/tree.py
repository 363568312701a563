"""A plan as a tree for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poser.core.plan import Criterion, Plan

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

_OP_STYLES = {
    "add": "green",
    "create": "green",
    "remove": "red",
    "replace": "magenta",
    "recolour": "yellow",
    "attribute": "yellow",
    "count": "yellow",
    "relation": "cyan",
    "background": "blue",
    "style": "magenta",
    "finish": "cyan",
    "text": "bright_white",
    "other": "dim",
}


def plan_tree(plan: Plan) -> Tree:
    """The plan as a tree: commands with what they wait for, and their criteria below.

    A criterion set aside is marked as not judged, with the reason.
    """
    from rich.text import Text
    from rich.tree import Tree

    aside = {a.criterion: a.reason for a in plan.set_aside}
    title = "changes to the given picture" if plan.edits_picture else "picture"
    judged = len(plan.judged)
    finish = " and the finish" if plan.finish else ""
    width = len(plan.finish.id) + 1 if plan.finish else 4
    head = Text.assemble(
        (f"plan of a {title}" if not plan.edits_picture else f"plan of {title}", "bold"),
        (f"  {len(plan.asked)} commands{finish}, {len(plan.criteria)} criteria", "dim"),
        (f", {judged} judged" if aside else "", "dim"),
    )
    tree = Tree(head, guide_style="dim")
    for command in plan.commands:
        style = _OP_STYLES.get(command.op, "")
        line = Text.assemble(
            (f"{command.id:<{width}}", "dim"),
            (f"{command.op:<10} ", style),
            (command.instruction, "bold"),
        )
        if command.depends_on:
            line.append(f"  after {_short(command.depends_on)}", style="dim")
        branch = tree.add(line)
        for criterion in command.criteria:
            branch.add(_criterion_line(criterion, aside.get(criterion.id)))
    return tree


def _criterion_line(criterion: Criterion, reason: str | None) -> Text:
    from rich.text import Text

    mark = "-" if reason is not None else "?"
    line = Text.assemble((f"{mark} ", "dim"), (criterion.question, "dim" if reason else ""))
    line.append(
        f" {'yes' if criterion.expected else 'no'}", style="green" if criterion.expected else "red"
    )
    line.append(f"  {criterion.kind}", style="dim")
    if reason is not None:
        line.append(f"  not judged: {reason}", style="dim italic")
    return line


def _short(ids: tuple[str, ...]) -> str:
    if len(ids) <= 6:
        return ", ".join(ids)
    return f"{', '.join(ids[:3])}, ... {ids[-1]} ({len(ids)} commands)"
