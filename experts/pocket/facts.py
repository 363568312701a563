"""What a text says, word by word: the targets the text encoder is trained on.

A caption or an instruction is made from a scene graph, so what each of its nouns means is known:
how many, which colour, where in relation to the others, what is to be done with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from experts.pocket import world
from experts.pocket.scenes import Group, Relation

ROLES: Final = (
    "shown", "added", "removed", "recoloured", "resized", "counted", "moved", "anchor", "old",
    "new",
)  # fmt: skip
"""What a text does with a kind of object."""

OPERATIONS: Final = (
    "add", "add at relation", "remove", "recolour", "resize", "background", "style", "count",
    "move", "replace",
)  # fmt: skip
"""What an instruction can do."""

WHOLES: Final = ("show", *OPERATIONS)
"""What a text as a whole does: a caption shows, an instruction changes."""

NOUN_CLASSES: Final = (
    len(ROLES), 5, len(world.COLOURS) + 1, len(world.SIZES) + 1,
)  # fmt: skip
"""Classes of a noun's facts: role, number (0: not said), colour, size (0: not said)."""

PLACES: Final = world.RELATIONS
"""Where a kind of object is in relation to another: one yes or no each."""

TEXT_CLASSES: Final = (len(WHOLES), len(world.BACKGROUNDS) + 1, len(world.STYLES) + 1)
"""Classes of a text's facts: what it does, background, style (0: not said)."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a text says of one kind of object."""

    role: str
    count: int | None = None
    colour: str | None = None
    size: str | None = None

    @classmethod
    def of(cls, role: str, group: Group) -> Said:
        """All that could be said of a group."""
        return cls(role, group.count, group.colour, group.size)


@dataclass(frozen=True, slots=True)
class Told:
    """A text and what it says.

    Attributes:
        text: The caption or instruction.
        whole: One of `WHOLES`.
        nouns: What is said of each kind of object named.
        relations: What is said of two kinds each.
        background: The background named, if any.
        style: The style named, if any.
    """

    text: str
    whole: str = "show"
    nouns: Mapping[str, Said] = field(default_factory=dict)
    relations: tuple[Relation, ...] = ()
    background: str | None = None
    style: str | None = None


def _index(options: tuple[str, ...], value: str | None) -> int:
    return 0 if value is None else 1 + options.index(value)


def noun_facts(told: Told, noun: str) -> tuple[list[int], list[float]]:
    """Classes (`NOUN_CLASSES`) and places (`PLACES`) of one kind of object in a text."""
    said = told.nouns[noun]
    classes = [
        ROLES.index(said.role),
        said.count or 0,
        _index(world.COLOURS, said.colour),
        _index(world.SIZES, said.size),
    ]
    places = dict.fromkeys(PLACES, 0.0)
    for rule in told.relations:
        if rule.noun == noun:
            places[rule.relation] = 1.0
        if rule.other == noun:
            places[world.INVERSE[rule.relation]] = 1.0
    return classes, list(places.values())


def text_facts(told: Told) -> list[int]:
    """Classes (`TEXT_CLASSES`) of a text as a whole."""
    return [
        WHOLES.index(told.whole),
        _index(world.BACKGROUNDS, told.background),
        _index(world.STYLES, told.style),
    ]


def label(
    told: list[Told], ids: NDArray[np.int64], tokenizer: Any
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """Labels every token of a batch of texts.

    Args:
        told: The texts.
        ids: Their tokens, (batch, length), [CLS] first.
        tokenizer: What made them.

    Returns:
        Classes of nouns (batch, length, 4), -100 where a token is no noun of its text; places
        (batch, length, 4), NaN likewise; classes of the texts (batch, 3).
    """
    nouns = {
        tokenizer.convert_tokens_to_ids(token): noun.name
        for noun in world.NOUNS.values()
        for token in (noun.token, noun.plural_token)
    }
    classes = np.full((*ids.shape, len(NOUN_CLASSES)), -100, np.int64)
    places = np.full((*ids.shape, len(PLACES)), np.nan, np.float32)
    for row, text in enumerate(told):
        known = {noun: noun_facts(text, noun) for noun in text.nouns}
        for col, token in enumerate(ids[row].tolist()):
            facts = known.get(nouns.get(token, ""))
            if facts is not None:
                classes[row, col], places[row, col] = facts
    return classes, places, np.array([text_facts(text) for text in told], np.int64)
