"""Prepositions, those of several words included, and their normal forms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from poser.decompose.lexicon import word_set

_NORMAL: dict[str, str] = {
    "left of": "left to|to left of|to the left of|on the left of|on left of|at the left of|"
    "on the left side of|to the left side of|at the left side of|left side of|"
    "to the immediate left of|on the left hand side of|leftwards of",
    "right of": "right to|to right of|to the right of|on the right of|on right of|at the right of|"
    "on the right side of|to the right side of|at the right side of|right side of|"
    "to the immediate right of|on the right hand side of",
    "above": "over|atop of|directly above|high above|right above|just above",
    "below": "under|underneath|beneath|directly below|directly under|just below|underneath of",
    "on top of": "on the top of|atop|at the top of|to the top of|at top of",
    "at the bottom of": "on the bottom of|in the bottom of|at bottom of",
    "in front of": "in the front of|at the front of|on the front of|front of|directly in front of",
    "behind": "in back of|in the back of|at the back of|directly behind|just behind",
    "next to": "beside|adjacent to|alongside|right next to|at the side of|by the side of|"
    "to the side of|along side|side by side with|next",
    "near": "close to|near to|nearby to|in the vicinity of|not far from",
    "in": "inside|inside of|within|in the inside of",
    "outside": "outside of|on the outside of",
    "in the middle of": "in the center of|in the centre of|at the center of|at the centre of|"
    "in the midst of|amid|amidst",
    "between": "in between|in the space between",
    "on the other side of": "across from|on the opposite side of|opposite to|opposite",
    "around": "all around",
    "in the background of": "in the backdrop of",
    "in the corner of": "at the corner of|on the corner of",
    "on the edge of": "at the edge of|along the edge of|on the edges of",
    "on the side of": "on side of|along the side of|on the sides of",
    "out of": "",
    "instead of": "rather than",
    "made of": "made out of|made up of|made from|composed of|constructed of|constructed from|"
    "built of|built from|crafted from|crafted of|carved from|formed from|formed of",
    "full of": "",
    "away from": "far from|off of|far away from",
    "against": "up against",
    "into": "",
    "onto": "",
    "with": "with a view of|together with|accompanied by|complete with",
    "by": "",
    "without": "with no|free of|free from|devoid of|lacking|minus|excluding|except for|except",
    "such as": "",
    "including": "",
    "in the shape of": "in the form of|shaped like",
    "facing": "",
    "towards": "toward|in the direction of",
    "looking at": "",
}

_PLAIN = word_set(
    """
    on at from of for to in through across along via per about among amongst upon off past
    like than despite throughout beyond up down aboard
    """
)

PREPOSITIONS: dict[str, str] = {word: word for word in _PLAIN}
"""Every preposition and its normal form."""
for _normal, _variants in _NORMAL.items():
    if _normal not in ("facing", "looking at"):
        PREPOSITIONS[_normal] = _normal
    for _variant in _variants.split("|"):
        if _variant and _variant not in ("next", "opposite"):
            PREPOSITIONS[_variant] = _normal
PREPOSITIONS["upon"] = "on"
PREPOSITIONS["amongst"] = "among"

SPATIAL = word_set(
    """
    on in at above below behind near between around outside against among across along
    inside beyond through by
    """
) | {
    "left of", "right of", "on top of", "at the bottom of", "in front of", "next to",
    "in the middle of", "on the other side of", "in the background of", "in the corner of",
    "on the edge of", "on the side of",
}  # fmt: skip
"""Normal forms that say where something is."""

_CONJUNCTIONS = ("as well as",)
_BY_FIRST: dict[str, list[tuple[str, ...]]] = defaultdict(list)
for _phrase in (*PREPOSITIONS, *_CONJUNCTIONS):
    _parts = tuple(_phrase.split())
    if len(_parts) > 1:
        _BY_FIRST[_parts[0]].append(_parts)
for _listed in _BY_FIRST.values():
    _listed.sort(key=len, reverse=True)


def longest_preposition(lowers: Sequence[str], index: int) -> int:
    """How many words from ``index`` on make one preposition; 1 where none does."""
    for parts in _BY_FIRST.get(lowers[index], ()):
        if tuple(lowers[index : index + len(parts)]) == parts:
            return len(parts)
    return 1
