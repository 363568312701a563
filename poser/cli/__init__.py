"""The command line: ``poser compose | plan | train | evaluate | ...``."""

from __future__ import annotations

import io
import os
import sys


def main() -> None:
    """Runs the command line; errors of ours become one line and an exit code."""
    _settle_threads()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter is no bug
    from poser.cli.app import app
    from poser.core.errors import PoserError

    try:
        app(prog_name="poser")
    except PoserError as error:
        line = f"poser: {error.message}" + (f"; {error.remedy}" if error.remedy else "")
        print(line, file=sys.stderr)  # noqa: T201
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def _settle_threads() -> None:
    """OpenMP threads that wait without spinning, on half of the cores, unless set by the user.

    With as many spinning threads as cores a busy neighbour slows a picture 30 times.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 2) // 2)))
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
