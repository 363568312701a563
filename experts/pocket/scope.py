"""What the pocket critic declares that it can judge: the ``scope.json`` beside its weights."""

from __future__ import annotations

from collections.abc import Collection

from experts.pocket import world


def critic_scope() -> dict[str, list[str]]:
    """The world's words, by what a criterion may be about.

    Returns:
        Sorted words under ``nouns``, ``attributes``, ``settings``, ``relations``, ``numbers``, in
        the form that ``critic.scope.Scope`` reads.
    """
    nouns = {*world.NOUNS, *world.PLURALS}
    words: dict[str, set[str]] = {
        "nouns": nouns | _other_names(nouns),
        "attributes": {*world.COLOURS, *_other_names(world.COLOURS)},
        "settings": {*world.BACKGROUNDS, *_other_names(world.BACKGROUNDS)},
        "relations": {*world.RELATIONS},
        "numbers": {*world.NUMBERS, *_other_names(world.NUMBERS)},
    }
    return {kind: sorted(known) for kind, known in words.items()}


def _other_names(known: Collection[str]) -> set[str]:
    return {word for word, meaning in world.SYNONYMS.items() if meaning in known}
