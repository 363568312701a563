"""Names that were probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A remedy that names the nearest known words: ``did you mean 'scheduler'?``.

    Args:
        word: What was written.
        known: What could have been meant.

    Returns:
        The nearest one to three names as a question, or all known names where none is near
        (at most twelve of them), or an empty text where nothing is known.
    """
    names = sorted(set(known))
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.6)
    near = near or [name for name in names if len(word) >= 3 and word.lower() in name.lower()][:3]
    if near:
        return f"did you mean {' or '.join(repr(name) for name in near)}?"
    if not names:
        return ""
    more = "" if len(names) <= 12 else f" and {len(names) - 12} more"
    return f"known: {', '.join(names[:12])}{more}"
