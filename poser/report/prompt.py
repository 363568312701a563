"""The prompt, cut into pieces that know which commands they gave rise to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from poser.core.plan import Plan

_WORD = re.compile(r"\w+")

_Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the prompt.

    Attributes:
        text: The characters.
        commands: Ids of the commands that come from it; may be empty.
    """

    text: str
    commands: tuple[str, ...] = ()


def pieces(plan: Plan) -> tuple[Piece, ...]:
    """The prompt as pieces; joined they are the prompt, character for character."""
    words = [(m.group().casefold(), m.start(), m.end()) for m in _WORD.finditer(plan.prompt)]
    keys = [w for w, _, _ in words]
    places: dict[str, list[int]] = {}
    for index, key in enumerate(keys):
        places.setdefault(key, []).append(index)
    owners: list[list[str]] = [[] for _ in plan.prompt]
    taken: dict[tuple[str, ...], int] = {}
    for command in plan.commands:
        wanted = tuple(w.casefold() for w in _WORD.findall(command.source))
        for first, last in _found(wanted, keys, places, taken):
            for at in range(words[first][1], words[last][2]):
                owners[at].append(command.id)
    cut = []
    position = 0
    for commands, run in groupby(owners):
        length = len(list(run))
        cut.append(Piece(plan.prompt[position : position + length], tuple(commands)))
        position += length
    return tuple(cut)


def _found(
    wanted: tuple[str, ...],
    keys: list[str],
    places: dict[str, list[int]],
    taken: dict[tuple[str, ...], int],
) -> Iterator[_Span]:
    """Word spans of a command's source: in one piece if it can be, else word by word nearby."""
    if not wanted:
        return
    starts = places.get(wanted[0], [])
    whole = [s for s in starts if tuple(keys[s : s + len(wanted)]) == wanted]
    if whole:
        turn = taken.get(wanted, 0)
        taken[wanted] = turn + 1
        start = whole[min(turn, len(whole) - 1)]
        yield start, start + len(wanted) - 1
        return
    reach = 3 * len(wanted) + 5
    for start in starts[:50]:
        matched = _in_order(wanted, keys[start : start + reach])
        if matched is not None:
            yield from ((start + offset, start + offset) for offset in matched)
            return


def _in_order(wanted: tuple[str, ...], window: list[str]) -> list[int] | None:
    offsets = []
    at = 0
    for word in wanted:
        try:
            at = window.index(word, at)
        except ValueError:
            return None
        offsets.append(at)
        at += 1
    return offsets
