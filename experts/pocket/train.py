"""`python -m experts.pocket.train NAME --minutes M`: trains the pocket models.

Threads are set before torch is imported: a busy neighbour slows spinning OpenMP threads greatly.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from experts.pocket.recipes import RECIPES


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experts.pocket.train",
        description="Train the pocket models: one by name, or --all in their order.",
    )
    parser.add_argument("name", nargs="?", choices=tuple(RECIPES))
    parser.add_argument("--all", action="store_true", help="every model, one after another")
    parser.add_argument(
        "--minutes", type=float, required=True,
        help="wall clock of this run; with --all, of all models together",
    )  # fmt: skip
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, ...")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--out", type=Path, help="export folder; with --all, one folder a model")
    parser.add_argument("--work", type=Path, help="checkpoints and logs; default: user cache")
    parser.add_argument("--every", type=float, default=5.0, help="minutes between checkpoints")
    parser.add_argument("--batch", type=int, help="pictures a step")
    parser.add_argument("--rate", type=float, help="highest learning rate")
    parser.add_argument("--horizon", type=int, help="steps until the learning rate is down")
    parser.add_argument("--steps", type=int, help="stop at this step at the latest")
    parser.add_argument(
        "--painted", type=int, default=24_000,
        help="pictures by the renderer that sight, stylist, enlarger and judges also learn from",
    )  # fmt: skip
    parser.add_argument(
        "--from", dest="start", type=Path, metavar="CHECKPOINT",
        help="start from this checkpoint; default: the one of the model it builds on, if any",
    )  # fmt: skip
    parser.add_argument(
        "--still", action="store_true",
        help="of the critic train only how it answers, and leave what it sees with as it is",
    )  # fmt: skip
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    parser = _arguments()
    options = parser.parse_args(arguments)
    if options.all == (options.name is not None):
        parser.error("give the name of a model, or --all")
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from experts.pocket.training.run import run

    names = tuple(RECIPES) if options.all else (options.name,)
    shares = {name: RECIPES[name].share for name in names}
    for name in names:
        out = options.out or RECIPES[name].folder
        if options.out and len(names) > 1:
            out = options.out / RECIPES[name].folder.name
        minutes = options.minutes * shares[name] / sum(shares.values())
        record = run(RECIPES[name], out, minutes, options)
        sys.stdout.write(
            f"{name}: {record['steps']} steps, {record['images']} pictures, "
            f"{record['seconds'] / 60:.1f} minutes -> {out}\n"
        )
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
