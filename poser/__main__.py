"""``python -m poser``."""

from poser.cli import main

main()
