"""Values in the words that a person reads, shared by the live view, the summary and the report."""

from __future__ import annotations

import re
from datetime import datetime
from typing import assert_never

from envs.state import State
from poser.core.action import ALL, Action, Call, Revert, Stop
from poser.core.expert import FailureKind, Task
from poser.core.plan import Plan
from poser.core.record import EndReason, SearchRecord

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_SIMPLE = str.maketrans("…−–“”‘’×", ".--\"\"''x")

FAILURES: dict[FailureKind, str] = {
    "unavailable": "the expert could not be reached",
    "timeout": "the expert took too long",
    "refused": "the expert refused the request",
    "invalid_request": "the expert does not take this request",
    "out_of_memory": "the expert ran out of memory",
    "bad_output": "the expert sent back no usable picture",
}
"""A failed call in words."""


def plain(text: str) -> str:
    """Text without control characters (a terminal obeys them) or lone surrogates."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def encodable(text: str, encoding: str) -> str:
    """Text that a stream of that encoding can take, as long as before."""
    if encoding.lower().startswith("utf"):
        return text
    return text.translate(_SIMPLE).encode(encoding, "replace").decode(encoding)


def shortened(text: str, width: int) -> str:
    """One line of at most ``width`` characters, cut at a word where that costs little."""
    line = " ".join(plain(text).split())
    if len(line) <= width:
        return line
    cut = line[: max(width - 1, 0)]
    head, _, _ = cut.rpartition(" ")
    return (head if len(head) > width * 2 // 3 else cut).rstrip(" ,;:.") + "…"


def sentence(text: str) -> str:
    """Text with a capital first letter."""
    text = text.strip()
    return text[:1].upper() + text[1:]


def money(usd: float) -> str:
    """An amount in US dollars: cents, or as many digits as a small amount needs."""
    if usd == 0 or usd >= 0.095:
        return f"${usd:.2f}"
    if usd < 0.00005:
        return "<$0.0001"
    return f"${usd:.4f}".rstrip("0")


def signed(value: float) -> str:
    """A change with its sign and two digits; 0 where it is smaller than that."""
    text = f"{value:+.2f}"
    return "0" if float(text) == 0 else text.replace("-", "−")


def duration(seconds: float, *, coarse: bool = False) -> str:
    """Seconds, minutes and hours, as coarse as a reader wants them; ``coarse``: no fractions."""
    if coarse and seconds < 60:
        return f"{int(seconds)} s"
    if seconds < 0.0005:
        return "0 s"
    if seconds < 0.095:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def timestamp(iso: str) -> str:
    """An ISO 8601 time as a person writes it; anything else as it is."""
    try:
        when = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    return f"{when:%Y-%m-%d %H:%M} {when.tzname() or ''}".rstrip()


def counted(number: int, noun: str) -> str:
    """``1 step``, ``2 steps``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def spend(state: State) -> str:
    """What was spent, and of how much where there is a cap."""
    if state.rules.budget is None:
        return money(state.spent)
    return f"{money(state.spent)} of {money(state.rules.budget)}"


def searched(search: SearchRecord) -> str:
    """What a search has cost: ``search beam:3: 14 calls, $0.12 in all branches``."""
    calls = counted(search.calls, "call")
    cap = "" if search.budget is None else f" of {money(search.budget)}"
    name = f"search {search.kind}:{search.width}"
    return f"{name}: {calls}, {money(search.cost)}{cap} in all branches"


def ending(state: State) -> str:
    """Why the run ended, as a sentence; what it does now while it goes on."""
    reason: EndReason | None = state.end
    match reason:
        case None:
            return f"Not finished: {state.step} of at most {counted(state.rules.max_steps, 'step')}"
        case "stopped":
            return "Stopped by choice, before the steps ran out"
        case "satisfied":
            return "Ended because every command is satisfied"
        case "settled":
            return "All that can be judged is satisfied, and the rest is carried out"
        case "out_of_steps":
            return f"Ended because all {counted(state.rules.max_steps, 'step')} were used"
        case "out_of_budget":
            return "Ended because the budget allows no further call"
        case "nothing_legal":
            return "Ended because no expert can do more about what is left"
        case "critic_down":
            return "Ended because the critic kept failing"
        case _:
            assert_never(reason)


def action_words(
    action: Action, plan: Plan, *, task: Task | None = None, again: bool = False
) -> str:
    """An action as a short imperative.

    Args:
        action: The action.
        plan: The plan whose commands it names.
        task: The expert's task, where it is known.
        again: Whether there is a picture already.
    """
    match action:
        case Call(command=command) if command == ALL:
            if task is not None and task != "text_to_image":
                return "Edit the whole picture at once"
            return "Redraw the whole scene" if again else "Draw the whole scene"
        case Call(command=command):
            try:
                return sentence(plan.command(command).instruction)
            except KeyError:
                return command
        case Revert():
            return "Go back to the best picture"
        case Stop():
            return "Stop"
        case _:
            assert_never(action)
