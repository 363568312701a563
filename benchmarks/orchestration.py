"""What learned orchestration is worth: policies beside baselines on held-out long prompts.

    python benchmarks/orchestration.py [PART ...] [--policies FOLDER ...] [--quick] [--seed N]
        [--json FILE] [--figures FOLDER]

Parts (all where none is named; one that lacks its folders says so):

    main       baselines, an upper bound and the given policies
    transfer   policies trained with experts left out, which join by entry and probe alone
    ablations  policies trained without something, and what can be left out of one that is trained
    curve      score against dollars: one policy at several qualities, more draws, searches
    plots      figures of the above
    losses     what is lost, by kind of requirement, and whether the critic knows
    wishes     policies and baselines from cheap to good: requirements less lambda times dollars
    thresholds how sure the critic must be: policies at several, on validation prompts

Folders that differ by `-seedN` alone are one method, trained several times. Scores are the
evaluator's, share of requirements fulfilled; every second of an expert has a price. What was
scored is kept in --out: the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from machine import arguments, describe, write
from orchestration_losses import losses
from orchestration_parts import ablations, bench, curve, main_table, transfer
from orchestration_plots import plots
from orchestration_thresholds import thresholds
from orchestration_wishes import wishes

from poser.core.errors import PoserError

PARTS = {
    "main": main_table,
    "transfer": transfer,
    "ablations": ablations,
    "curve": curve,
    "plots": plots,
    "losses": losses,
    "wishes": wishes,
    "thresholds": thresholds,
}


def _parser() -> argparse.ArgumentParser:
    parser = arguments(__doc__.splitlines()[0])
    add = parser.add_argument
    add("parts", nargs="*", metavar="PART", help="all where left out")
    add("--policies", nargs="+", default=[], metavar="FOLDER", help="learned policies")
    add("--dqn", nargs="+", default=[], metavar="FOLDER", help="policies of the paper's DQN")
    add("--left-out", nargs="+", default=[], metavar="ID", help="experts that join (transfer)")
    add("--trained-without", nargs="+", default=[], metavar="FOLDER",
        help="policies trained with these left out")  # fmt: skip
    add("--trained-with", nargs="+", default=[], metavar="FOLDER",
        help="policies trained with all; --policies unless given")  # fmt: skip
    add("--ablation", nargs="+", default=[], metavar="FOLDER", help="policies of ablations")
    add("--n", type=int, help="prompts; 200, quick 2")
    add("--batch", type=int, default=16, help="prompts at once")
    add("--quality", type=float, default=1.0, help="from cheap (0) to good (1)")
    add("--usd-per-second", type=float, default=0.1, help="price of a second of an expert")
    add("--registry", nargs="+", default=[], type=Path, metavar="FILE", help="registry files")
    add("--out", type=Path, default=Path("runs/orchestration"), metavar="FOLDER",
        help="scores and pictures are kept there")  # fmt: skip
    add("--figures", type=Path, metavar="FOLDER", help="draw figures there (part plots)")
    add("--tables", nargs="+", default=[], type=Path, metavar="FILE",
        help="what --json wrote of other parts: part plots draws these alone")  # fmt: skip
    return parser


def main() -> None:
    """Measures and prints the tables."""
    parser = _parser()
    options = parser.parse_args()
    if unknown := [part for part in options.parts if part not in PARTS]:
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    print(describe())
    figures: dict[str, Any] = {}
    try:
        with bench(options) as studio:
            for path in options.tables:
                studio.found |= json.loads(path.read_text(encoding="utf-8"))
            for part in options.parts or PARTS:
                print(f"\n## {part}\n", flush=True)
                figures[part] = studio.found[part] = PARTS[part](studio)
                write(options.json, figures)
    except PoserError as error:
        raise SystemExit(f"poser: {error}") from None


if __name__ == "__main__":
    main()
