"""Nouns of two words that the word list knows as one name: "traffic light", "wine glasses"."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from poser.decompose.lexicon import compounds
from poser.decompose.morphology import singular


def compound_places(lowers: Sequence[str]) -> set[int]:
    """The places of the words that make a compound noun of the list.

    Args:
        lowers: The words of a sentence in lower case.
    """
    found: set[int] = set()
    for index, (first, second) in enumerate(pairwise(lowers)):
        if (first, _one(second)) in compounds():
            found.update((index, index + 1))
    return found


def _one(noun: str) -> str:
    """The singular, also of "glasses", which are spectacles by themselves."""
    return "glass" if noun == "glasses" else singular(noun)
