"""`python -m experts.pocket.train NAME --minutes M`: trains the pocket models.

Threads are set before torch is imported: a busy neighbour slows spinning OpenMP threads greatly.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

NAMES = ("text_to_image", "editor", "critic")
_ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = {
    "text_to_image": _ROOT / "experts" / "pocket" / "weights" / "text_to_image",
    "editor": _ROOT / "experts" / "pocket" / "weights" / "editor",
    "critic": _ROOT / "critic" / "weights" / "pocket_vqa",
}
"""Where each model is exported to unless `--out` says otherwise."""


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experts.pocket.train", description="Train the pocket models."
    )
    parser.add_argument("name", choices=(*NAMES, "all"))
    parser.add_argument("--minutes", type=float, required=True, help="wall clock, of each model")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, ...")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--out", type=Path, help="export folder; with 'all', one folder a model")
    parser.add_argument("--work", type=Path, help="checkpoints and logs; default: user cache")
    parser.add_argument("--every", type=float, default=5.0, help="minutes between checkpoints")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, help="highest learning rate")
    parser.add_argument("--horizon", type=int, help="steps until the learning rate is down")
    parser.add_argument("--steps", type=int, help="stop at this step at the latest")
    parser.add_argument(
        "--from-text-to-image", type=Path, metavar="CHECKPOINT",
        help="start the editor from this checkpoint; default: the one under --work, if any",
    )  # fmt: skip
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = _arguments().parse_args(arguments)
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from experts.pocket.training.run import run

    names = NAMES if options.name == "all" else (options.name,)
    for name in names:
        out = options.out or FOLDERS[name]
        if options.out and len(names) > 1:
            out = options.out / name
        record = run(name, out, options)
        minutes = record["seconds"] / 60
        sys.stdout.write(
            f"{name}: {record['steps']} steps, {record['images']} pictures, "
            f"{minutes:.1f} minutes -> {out}\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
