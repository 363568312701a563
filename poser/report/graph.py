"""Where the cards and arrows of a plan go: a layered drawing of its dependencies.

Commands that have nothing to do with one another form separate blocks. A block is drawn from left
to right, what depends on something to the right of it; blocks are packed into columns, as plans
are mostly many small blocks.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from poser.core.plan import Plan

COLUMNS = 3
ROW_GAP = 18
BLOCK_GAP = 26
TITLE_Y = 25
PORT_GAP = 11
_TOP = 12
_MANY = 5


@dataclass(frozen=True, slots=True)
class Measure:
    """Widths in pixels, and how many characters fit into a line of title and of question."""

    card: int
    gutter: int
    title: int
    question: int

    def left(self, column: int) -> int:
        """Where a column begins."""
        return column * (self.card + self.gutter)


ROOMY = Measure(card=300, gutter=68, title=28, question=33)
TIGHT = Measure(card=226, gutter=44, title=19, question=23)


@dataclass(frozen=True, slots=True)
class Card:
    """Where one command is drawn, in pixels."""

    command: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow from what comes first to what depends on it; ``path`` is an SVG path."""

    source: str
    target: str
    path: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A plan as cards and arrows."""

    width: int
    height: int
    card_width: int
    cards: tuple[Card, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    column: int
    y: int
    top: int


def draw(plan: Plan) -> Drawing:
    """The drawing of a plan. Deterministic; heights are estimates on the generous side."""
    parents = {c.id: _reduced(c.id, plan) for c in plan.commands}
    blocks = [_layers(block, parents) for block in _blocks(plan)]
    limit = _columns(blocks)
    measure = ROOMY if limit <= COLUMNS else TIGHT
    heights = {c.id: _height(c.id, plan, measure) for c in plan.commands}
    places: dict[str, _Place] = {}
    tops = [_TOP] * limit
    for layers in blocks:
        spots, width = _place_block(layers, limit, parents, heights)
        offsets = range(limit - width + 1)
        offset = min(offsets, key=lambda o: (max(tops[o : o + width]), o))
        top = max(tops[offset : offset + width])
        for command, (column, y) in spots.items():
            column, y = offset + column, top + y
            places[command] = _Place(column, y, top)
            tops[column] = max(tops[column], y + heights[command] + BLOCK_GAP)
    used = 1 + max((p.column for p in places.values()), default=0)
    return Drawing(
        width=measure.left(used) - measure.gutter,
        height=max((p.y + heights[c] for c, p in places.items()), default=0) + _TOP,
        card_width=measure.card,
        cards=tuple(Card(c, measure.left(places[c].column), places[c].y) for c in parents),
        edges=tuple(_edges(parents, places, measure)),
    )


def _edges(
    parents: Mapping[str, Sequence[str]], places: Mapping[str, _Place], measure: Measure
) -> Iterator[Edge]:
    """Arrows at right angles; those that fan out of, or into, one card share a rail."""
    children = Counter(p for sources in parents.values() for p in sources)
    rails: dict[int, list[str]] = {}

    def rail(gutter: int, source: str, target: str) -> int:
        owner = source if children[source] >= len(parents[target]) else target
        owners = rails.setdefault(gutter, [])
        if owner not in owners:
            owners.append(owner)
        share = (0.55, 0.42, 0.68, 0.3)[owners.index(owner) % 4]
        return measure.left(gutter) + measure.card + round(measure.gutter * share)

    for target, sources in parents.items():
        for source in sources:
            here, there = places[source], places[target]
            x, y = measure.left(here.column) + measure.card, here.y + TITLE_Y
            end = (measure.left(there.column) - 3, there.y + TITLE_Y)
            turn = rail(there.column - 1, source, target)
            points = [(x, y)]
            if there.column > here.column + 1:
                leave = rail(here.column, source, target)
                lane = there.top - ROW_GAP // 2
                y += PORT_GAP
                points = [(x, y), (leave, y), (leave, lane), (turn, lane)]
            else:
                points += [(turn, y)]
            yield Edge(source, target, _rounded([*points, (turn, end[1]), end]))


def _rounded(points: Sequence[tuple[int, int]], radius: int = 8) -> str:
    """An SVG path through points joined at right angles, with rounded corners."""
    path = f"M{points[0][0]} {points[0][1]}"
    for (x0, y0), (x1, y1), (x2, y2) in zip(points, points[1:], points[2:], strict=False):
        before, after = abs(x1 - x0) + abs(y1 - y0), abs(x2 - x1) + abs(y2 - y1)
        r = min(radius, before // 2, after // 2)
        path += f"L{x1 - r * _sign(x1 - x0)} {y1 - r * _sign(y1 - y0)}"
        path += f"Q{x1} {y1} {x1 + r * _sign(x2 - x1)} {y1 + r * _sign(y2 - y1)}"
    return path + f"L{points[-1][0]} {points[-1][1]}"


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


def _reduced(command: str, plan: Plan) -> tuple[str, ...]:
    """The direct dependencies that no other dependency implies."""
    by_id = {c.id: c.depends_on for c in plan.commands}
    direct = tuple(dict.fromkeys(by_id[command]))
    implied: set[str] = set()
    waiting = [d for p in direct for d in by_id[p]]
    while waiting:
        ancestor = waiting.pop()
        if ancestor not in implied:
            implied.add(ancestor)
            waiting += by_id[ancestor]
    return tuple(d for d in direct if d not in implied)


def _blocks(plan: Plan) -> list[list[str]]:
    """Connected commands together, in the order of the plan."""
    block_of: dict[str, list[str]] = {c.id: [c.id] for c in plan.commands}
    for command in plan.commands:
        for parent in command.depends_on:
            mine, theirs = block_of[command.id], block_of[parent]
            if mine is not theirs:
                theirs += mine
                for member in mine:
                    block_of[member] = theirs
    order = {c.id: n for n, c in enumerate(plan.commands)}
    unique = {id(b): b for b in block_of.values()}.values()
    return sorted((sorted(b, key=order.__getitem__) for b in unique), key=lambda b: order[b[0]])


def _layers(block: Sequence[str], parents: Mapping[str, Sequence[str]]) -> list[list[str]]:
    depth: dict[str, int] = {}
    for command in TopologicalSorter({c: parents[c] for c in block}).static_order():
        depth[command] = 1 + max((depth[p] for p in parents[command]), default=-1)
    layers: list[list[str]] = [[] for _ in range(1 + max(depth.values()))]
    for command in block:
        layers[depth[command]].append(command)
    return layers


def _place_block(
    layers: Sequence[Sequence[str]],
    limit: int,
    parents: Mapping[str, Sequence[str]],
    heights: Mapping[str, int],
) -> tuple[dict[str, tuple[int, int]], int]:
    """(Column, y) by command, and the block's width in columns."""
    shares = _shares([len(layer) for layer in layers], limit)
    spots: dict[str, tuple[int, int]] = {}
    column = 0
    for layer, share in zip(layers, shares, strict=True):
        above = {c: _mean([spots[p][1] for p in parents[c]]) for c in layer}
        ordered = sorted(layer, key=lambda c: above[c])
        y = 0
        for row in range(0, len(ordered), share):
            members = ordered[row : row + share]
            if share == 1 and len(layers) > 1:
                y = max(y, min(spots[p][1] for p in parents[members[0]])) if column else y
            for offset, command in enumerate(members):
                spots[command] = (column + offset, y)
            y += max(heights[c] for c in members) + ROW_GAP
        column += share
    return spots, column


def _columns(blocks: Sequence[Sequence[Sequence[str]]]) -> int:
    """Columns for the whole plan: more than usual only for deep or crowded blocks."""
    limit = max((len(layers) for layers in blocks), default=0)
    if limit <= COLUMNS and all(_rows(layers, COLUMNS) <= _MANY for layers in blocks):
        return COLUMNS
    limit = max(limit, COLUMNS + 1)
    crowded = any(_rows(layers, limit) > 2 * _MANY for layers in blocks)
    return limit + 1 if crowded else limit


def _rows(layers: Sequence[Sequence[str]], limit: int) -> int:
    sizes = [len(layer) for layer in layers]
    shares = _shares(sizes, limit)
    return max(-(-size // share) for size, share in zip(sizes, shares, strict=True))


def _shares(sizes: Sequence[int], limit: int) -> list[int]:
    """Columns for each layer: long layers get the columns that are left."""
    shares = [1] * len(sizes)
    while sum(shares) < limit:
        rows = [-(-size // share) for size, share in zip(sizes, shares, strict=True)]
        longest = rows.index(max(rows))
        if rows[longest] < _MANY:
            break
        shares[longest] += 1
    return shares


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values) if values else 0.0


def _height(command_id: str, plan: Plan, measure: Measure) -> int:
    """The height of a card, from how its text wraps."""
    command = plan.command(command_id)
    aside = {a.criterion: a.reason for a in plan.set_aside}
    height = 44 + 20 * _lines(command.instruction, measure.title)
    for criterion in command.criteria:
        height += 4 + 18 * _lines(criterion.question, measure.question)
        if criterion.id in aside:
            height += 17 * _lines(f"not judged: {aside[criterion.id]}", measure.question)
        elif not criterion.expected:
            height += 17
    return height + (10 if command.criteria else 0)


def _lines(text: str, width: int) -> int:
    return max(1, len(textwrap.wrap(text, width)))
