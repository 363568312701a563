"""Time of a composing step outside experts and critic, and its share beside 1 s experts.

    python benchmarks/overhead.py [--quick] [--seed N] [--json FILE]

Composes the example prompts with the pocket experts. Everything that is not spent inside an
expert's or the critic's own code counts as overhead: choosing, hashing, storing pictures and
calls, the trace, and LangGraph's checkpoints on disk.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from machine import arguments, describe, write

from poser.compose.begin import Brief, begin, composer_for
from poser.compose.composer import Composer
from poser.core.plan import Plan
from poser.core.record import StepRecord
from poser.report.observer import SilentObserver

EXAMPLES = Path(__file__).parent.parent / "examples"


class Clock(SilentObserver):
    """Notes at the end of each step the wall time and what of it was spent outside."""

    def __init__(self, composer: Composer) -> None:
        self.composer = composer
        self.marks: list[tuple[float, float]] = []

    def planned(self, plan: Plan, state: object, notes: Sequence[str]) -> None:
        """The clock starts when the plan stands."""
        self._mark()

    def stepped(self, record: StepRecord, state: object) -> None:
        """One step more."""
        self._mark()

    def overheads(self) -> list[float]:
        """Seconds of each step outside experts and critic."""
        pairs = zip(self.marks, self.marks[1:], strict=False)
        return [(b[0] - a[0]) - (b[1] - a[1]) for a, b in pairs]

    def _mark(self) -> None:
        caller = self.composer.caller
        assert caller is not None, "the caller is made before the plan"
        self.marks.append((time.perf_counter(), caller.outside_seconds))


def main() -> None:
    """Measures and prints the table."""
    options = arguments(__doc__.splitlines()[0]).parse_args()
    prompts = sorted(EXAMPLES.glob("*.txt"))[: 2 if options.quick else None]
    overheads: list[float] = []
    outside = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(prompts):
            brief = Brief(
                path.read_text(), Path(folder), policy="router", seed=options.seed + number
            )
            composer = composer_for(begin(brief))
            clock = Clock(composer)
            composer.observer = clock
            composer.compose()
            overheads += clock.overheads()
            outside += composer.caller.outside_seconds if composer.caller else 0.0
    milliseconds = sorted(1000 * s for s in overheads)
    median = statistics.median(milliseconds)
    p90 = milliseconds[int(0.9 * (len(milliseconds) - 1))]
    share = median / (median + 1000)
    print(describe())
    print(f"{'steps':>6} {'median ms':>10} {'p90 ms':>8} {'max ms':>8} {'share beside 1 s':>17}")
    most = milliseconds[-1]
    print(f"{len(milliseconds):>6} {median:>10.1f} {p90:>8.1f} {most:>8.1f} {share:>17.2%}")
    figures = {
        "steps": len(milliseconds),
        "median_ms": median,
        "p90_ms": p90,
        "max_ms": milliseconds[-1],
        "share_with_1s_experts": share,
        "seconds_in_experts_and_critic": outside,
    }
    write(options.json, figures)


if __name__ == "__main__":
    main()
