"""What the words of an instruction say of objects: how many, how large, where beside another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from experts.pocket import world
from experts.pocket.planner import NOUN_OF

Floats = NDArray[np.floating[Any]]

GAP: Final = 11.0
"""Least distance along a relation, in native pixels; 10 are plain to see."""

SLACK: Final = 2.0
"""By how much it is to exceed four fifths of the distance across."""

_NUMBERS: Final = {word: index + 1 for index, word in enumerate(world.NUMBERS)}
_RELATIONS: Final = {relation.split()[0]: relation for relation in world.RELATIONS}


@dataclass(frozen=True, slots=True)
class Wording:
    """What is said of kinds of object.

    Attributes:
        counts: How many there are to be, by kind.
        sizes: One of `world.SIZES`, by kind.
        relation: Kind, one of `world.RELATIONS`, and the kind that it is to be beside; None where
            none is asked for.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[str, str] = field(default_factory=dict)
    relation: tuple[str, str, str] | None = None


def wording_of(tokenizer: Any, text: str) -> Wording:
    """Reads an instruction.

    A number or a size is said of the noun that follows, else of the one before. A relation is one
    between the nouns on either side of it.

    Args:
        tokenizer: The pocket tokenizer, which brings texts to the world's few forms.
        text: The instruction.
    """
    tokens: Sequence[str] = tokenizer.tokenize(text)
    counts: dict[str, int] = {}
    sizes: dict[str, str] = {}
    relation: tuple[str, str, str] | None = None
    last: str | None = None
    said: list[str] = []
    for token in [*tokens, ""]:
        noun = NOUN_OF.get(token)
        if noun is None and token:
            said.append(token)
            continue
        between = [_RELATIONS[word] for word in said if word in _RELATIONS]
        if noun and last and between and relation is None:
            relation = (last, between[-1], noun)
        about = noun or last
        for word in said if about else ():
            if word in _NUMBERS:
                counts[str(about)] = _NUMBERS[word]
            if word in world.SIZES:
                sizes[str(about)] = word
        last, said = noun, []
    return Wording(counts, sizes, relation)


def wide_of(relation: str, x: Floats, y: Floats, others: Sequence[tuple[float, float]]) -> Floats:
    """How far an object at each of many places falls short of a relation; 0 where it stands in it.

    The plain cases of `Scene.relates`, with room to spare: beside all the others, and by more than
    it is aside.

    Args:
        relation: One of `world.RELATIONS`.
        x: Centres, in native pixels.
        y: Likewise, of a shape to go with `x`.
        others: Centres of what it is to stand beside; not empty.

    Returns:
        Native pixels, of the shape of `x` and `y` together.
    """
    along, across = (0, 1) if relation in ("left of", "right of") else (1, 0)
    sign = 1.0 if relation in ("left of", "above") else -1.0
    place = np.broadcast_arrays(x, y)
    ahead = [sign * (other[along] - place[along]) for other in others]
    aside = np.abs(place[across] - np.mean([other[across] for other in others]))
    short = GAP - np.minimum.reduce(ahead)
    wide: Floats = np.maximum(short, 0) + np.maximum(
        0.8 * aside + SLACK - np.mean(ahead, axis=0), 0
    )
    return wide
