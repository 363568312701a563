"""The pocket studio: its judges, how far they agree, and what its experts make of prompts.

    python benchmarks/pocket.py [PART ...] [--quick] [--seed N] [--json FILE] [--figures FOLDER]

Parts (all where none is named):

    judges     critic and evaluator on rendered scenes that neither saw
    agreement  critic beside evaluator on pictures that the experts made, by kind of criterion
    long       long test prompts: each text_to_image expert in one call, and composed
    geneval    GenEval's prompts whose classes and colours the pocket world has, likewise

Scores are the evaluator's; the critic is what composing is guided by.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from machine import arguments, describe, write
from pocket_judges import agreement, judges
from pocket_prompts import geneval, long_prompts

PARTS = {"judges": judges, "agreement": agreement, "long": long_prompts, "geneval": geneval}


def _parser() -> argparse.ArgumentParser:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help="all where left out")
    parser.add_argument("--n", type=int, help="prompts (each GenEval tag), tasks or questions")
    parser.add_argument("--figures", type=Path, metavar="FOLDER", help="draw figures there")
    parser.add_argument(
        "--benchmarks", type=Path, metavar="DIR",
        default=Path(__file__).parent.parent.parent / "shared" / "benchmarks",
        help="folder of the public prompt sets",
    )  # fmt: skip
    return parser


def main() -> None:
    """Measures and prints the tables."""
    parser = _parser()
    options = parser.parse_args()
    if unknown := [part for part in options.parts if part not in PARTS]:
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    print(describe())
    figures: dict[str, Any] = {}
    if options.figures is not None:
        options.figures.mkdir(parents=True, exist_ok=True)
    for part in options.parts or PARTS:
        print(f"\n## {part}\n", flush=True)
        figures[part] = PARTS[part](options)
    write(options.json, figures)


if __name__ == "__main__":
    main()
