"""The geometry of the chart of scores over steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from poser.report.timeline import Moment, MomentKind
from poser.report.view import RunView

WIDTH, HEIGHT = 560, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 36, 14, 14, 30


@dataclass(frozen=True, slots=True)
class Point:
    """The picture after a step (0: the start), in pixels and in words."""

    step: int
    x: float
    y: float
    phi: float
    kind: MomentKind
    is_result: bool
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines and points of the chart, all in pixels."""

    points: tuple[Point, ...]
    line: str
    champion: str
    radius: float
    grid: tuple[tuple[float, str], ...]
    ticks: tuple[tuple[float, str], ...]
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    bottom: int = HEIGHT - _BOTTOM
    width: int = WIDTH
    height: int = HEIGHT


def chart(view: RunView, moments: Sequence[Moment], *, start_is_result: bool) -> Chart | None:
    """The chart of a run; ``None`` where there is no step to show, or nothing can be judged."""
    if not moments or not view.state.plan.judged:
        return None
    last = moments[-1].number if view.state.end else max(view.state.rules.max_steps, len(moments))
    step = (WIDTH - _LEFT - _RIGHT) / max(last, 1)

    def x(number: int) -> float:
        return round(_LEFT + step * number, 1)

    def y(phi: float) -> float:
        return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - min(1.0, max(0.0, phi))), 1)

    start = view.state.start_phi
    points = [
        Point(0, x(0), y(start), start, "picture", start_is_result, f"Start: score {start:.2f}")
    ]
    for moment in moments:
        phi = moment.record.phi
        words = f"Step {moment.number}: {moment.title}. Score {phi:.2f}"
        if moment.kind == "failed":
            words = f"Step {moment.number} failed. Score still {phi:.2f}"
        points.append(
            Point(
                moment.number,
                x(moment.number),
                y(phi),
                phi,
                moment.kind,
                moment.is_result,
                words,
            )
        )
    best = f"M{x(0)} {y(start)}" + "".join(f"H{x(m.number)}V{y(m.champion_phi)}" for m in moments)
    every = max(1, -(-last // 12))
    return Chart(
        points=tuple(points),
        line="M" + "L".join(f"{p.x} {p.y}" for p in points),
        champion=best,
        radius=4.5 if step >= 14 else 2.5,
        grid=tuple((y(v), label) for v, label in ((0.0, "0"), (0.5, "0.5"), (1.0, "1"))),
        ticks=tuple((x(n), "start" if n == 0 else str(n)) for n in range(0, last + 1, every)),
    )
