"""The end of a run: in words for a person, and as plain data for a program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poser.core.action import Call
from poser.report.tally import Entry, Tally, tally
from poser.report.view import RunView
from poser.report.words import (
    counted,
    duration,
    encodable,
    ending,
    money,
    plain,
    searched,
    sentence,
    shortened,
    spend,
)

if TYPE_CHECKING:
    from rich.console import Console

_NAMED = 8


def print_summary(
    console: Console, view: RunView, paths: Mapping[str, Path], *, notes: bool = True
) -> None:
    """Prints how a run ended.

    Args:
        console: Where to.
        view: The run.
        paths: What was written, by name (``picture``, ``report``, ``run``), in the order to show.
        notes: Whether to print the view's notes; ``False`` where a live view has shown them.
    """
    from rich.text import Text

    def show(text: Text, *, wrap: bool = True) -> None:
        text.plain = encodable(text.plain, console.encoding)
        console.print(text, soft_wrap=not wrap)

    standing = tally(view.state)
    headline = Text(_headline(view, standing), "bold")
    if view.state.champion is None:
        headline.append("; no picture was made")
    elif standing.scored:
        headline.append(f"; score {standing.score:.2f}")
    else:
        headline.append("; no score, as nothing of it can be judged")
    show(headline)
    show(Text(f"{ending(view.state)}."))
    missing = "To do" if view.state.end is None else "Not satisfied"
    groups = (
        (missing, "red", [e for e in standing.unsatisfied if e.standing == "open"]),
        ("Given up", "red", [e for e in standing.unsatisfied if e.standing == "given_up"]),
        ("Not judged", "yellow", list(standing.not_judged)),
        ("Not carried out", "yellow", _unfinished(view, standing)),
    )
    for label, style, entries in groups:
        for named in _named(entries, console.width):
            show(Text.assemble((f"  {label}: ", style), named))
    for note in view.notes if notes else ():
        show(Text.assemble(("  Note: ", "yellow"), plain(note)))
    steps = counted(view.state.step, "step")
    spent = money(view.state.spent) if view.search else spend(view.state)
    show(Text(f"{spent} spent, {duration(view.seconds)}, {steps}, seed {view.seed}"))
    if view.search is not None:
        show(Text(sentence(searched(view.search))))
    width = max((len(name) for name in paths), default=0)
    for name, path in paths.items():
        text = Text()
        text.append(f"  {sentence(name):<{width}}  ", "dim")
        text.append(plain(str(path)))
        show(text, wrap=False)


def summary_dict(view: RunView, paths: Mapping[str, Path]) -> dict[str, Any]:
    """A run as plain data, for ``--json``. Keys are stable.

    Keys:
        ``id``, ``created``, ``version``, ``seed``, ``critic``, ``decomposer``: as in the view.
        ``prompt``: as given.
        ``end``: why it ended (an ``EndReason``), or ``null`` while it goes on.
        ``score``, ``start_score``: potential of the result and of the start, in [0, 1]; ``null``
        where nothing can be judged.
        ``image``: ``{sha256, width, height}`` of the result, or ``null``.
        ``commands``: a list of ``{id, op, instruction, status, judged}``; ``status`` is
        ``satisfied``, ``open``, ``given_up`` or ``unjudged`` (carried out, cannot be judged), on
        the result; ``judged`` tells whether any question about it can be judged.
        ``counts``: ``{commands, satisfied, open, given_up, unjudged, criteria, not_judged}``; the
        last two count questions. A finish that was appended to the plan is listed in ``commands``
        and counted nowhere.
        ``set_aside``: a list of ``{criterion, reason}``, the questions that were not judged.
        ``steps``, ``max_steps``: taken, and allowed.
        ``calls``: ``{made, cached, failed}``.
        ``spent``, ``budget``: US dollars; ``budget`` is ``null`` without a cap.
        ``usd_per_second``: what experts without a price were billed; part of ``spent``.
        ``search``: ``{kind, width, calls, cost, seconds}`` of all branches together, ``null``
        without a search; ``steps``, ``calls`` and ``spent`` are those of the branch kept.
        ``seconds``: wall time.
        ``notes``: list of sentences.
        ``paths``: file paths by name.
    """
    state, plan = view.state, view.plan
    standing = tally(state)
    asked = Counter(e.standing for e in standing.asked)
    calls = [s for s in view.steps if isinstance(s.action, Call)]
    return {
        "id": view.id,
        "created": view.created,
        "version": view.version,
        "seed": view.seed,
        "critic": view.critic,
        "decomposer": plan.decomposer,
        "prompt": plan.prompt,
        "end": state.end,
        "score": standing.score if standing.scored else None,
        "start_score": state.start_phi if standing.scored else None,
        "image": state.champion.image.to_dict() if state.champion else None,
        "commands": [
            {
                "id": e.command.id,
                "op": e.command.op,
                "instruction": e.command.instruction,
                "status": e.standing,
                "judged": e.judged,
            }
            for e in standing.entries
        ],
        "counts": {
            "commands": standing.total,
            "satisfied": asked["satisfied"],
            "open": asked["open"],
            "given_up": asked["given_up"],
            "unjudged": asked["unjudged"],
            "criteria": len(plan.criteria),
            "not_judged": len(plan.set_aside),
        },
        "set_aside": [a.to_dict() for a in plan.set_aside],
        "steps": state.step,
        "max_steps": state.rules.max_steps,
        "calls": {
            "made": len(calls),
            "cached": sum(s.cached for s in calls),
            "failed": sum(s.infrastructure_failure for s in calls),
        },
        "spent": state.spent,
        "budget": view.search.budget if view.search else state.rules.budget,
        "usd_per_second": view.config.get("usd_per_second", 0.0),
        "search": view.search.to_dict() if view.search else None,
        "seconds": view.seconds,
        "notes": list(view.notes),
        "paths": {name: str(path) for name, path in paths.items()},
    }


def _headline(view: RunView, standing: Tally) -> str:
    words = f"{len(standing.satisfied)} of {counted(standing.total, 'command')} satisfied"
    return f"{words} so far" if view.state.end is None else words


def _unfinished(view: RunView, standing: Tally) -> list[Entry]:
    """The finish, where the run ended with a picture and without it."""
    finish = standing.finish
    if finish is None or view.state.end is None or view.state.champion is None:
        return []
    return [] if finish.standing == "unjudged" else [finish]


def _named(entries: Iterable[Entry], width: int) -> list[str]:
    """The commands by name, a line each; past a handful only how many more."""
    listed = list(entries)
    room = max(24, min(width, 110) - 18)
    lines = [shortened(sentence(e.command.instruction), room) for e in listed[:_NAMED]]
    if len(listed) > _NAMED:
        lines.append(f"and {len(listed) - _NAMED} more")
    return lines
