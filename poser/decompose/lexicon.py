"""The words that the rules know, read from ``words/*.txt`` on first use.

A file holds words separated by white space; a word ``a:b`` is a pair; ``#`` starts a comment.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path


def word_set(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


_FOLDER = Path(__file__).with_name("words")

NUMBERS: dict[str, int] = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14,
    "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20,
    "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90, "hundred": 100,
}  # fmt: skip
"""Number words and their values."""

COLLECTIVE_COUNTS: dict[str, int] = {
    "pair": 2, "couple": 2, "trio": 3, "quartet": 4, "dozen": 12,
}  # fmt: skip
"""Collective nouns that state a count."""

EXACTLY = frozenset(("only", "just", "exactly", "precisely"))
"""Words before a number that leave it as it is."""

QUANTIFIERS = word_set(
    """
    several many few some multiple various numerous plenty countless most more enough lots
    """
)
"""Words for a count that is not exact."""


@cache
def _entries(name: str) -> tuple[str, ...]:
    text = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    lines = (line.partition("#")[0] for line in text.splitlines())
    return tuple(word for line in lines for word in line.split())


@cache
def words(name: str) -> frozenset[str]:
    """The words of the list of that name; of pairs, both sides."""
    return frozenset(part for entry in _entries(name) for part in entry.split(":"))


@cache
def pairs(name: str) -> dict[str, str]:
    """The pairs of the list of that name."""
    return dict(entry.split(":", 1) for entry in _entries(name) if ":" in entry)


@cache
def compounds() -> frozenset[tuple[str, str]]:
    """Pairs of nouns that make one counted name: a traffic light, a wine glass."""
    halves = (entry.split(":", 1) for entry in _entries("compounds"))
    return frozenset((first, second) for first, second in halves)


@cache
def fixed_names() -> frozenset[tuple[str, str]]:
    """Pairs of an adjective and a noun that name one thing: a hot dog is no dog."""
    halves = (entry.split(":", 1) for entry in _entries("fixed_names"))
    return frozenset((first, second) for first, second in halves)


@cache
def material_adjectives() -> dict[str, str]:
    """Material adjectives by themselves: ``wooden`` -> ``wood``."""
    return {
        b: a for a, b in (entry.split(":", 1) for entry in _entries("materials") if ":" in entry)
    }


def is_in(name: str, word: str) -> bool:
    """Whether the list of that name holds the word."""
    return word in words(name)
