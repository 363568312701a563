"""What the pocket judges declare beside their weights: ``scope.json`` and ``labels.json``."""

from __future__ import annotations

from collections.abc import Collection

from experts.pocket import world


def critic_scope() -> dict[str, list[str]]:
    """The world's words, by what a criterion may be about.

    Returns:
        Sorted words under ``nouns``, ``attributes``, ``settings``, ``relations``, ``numbers``,
        ``styles``, in the form that ``critic.scope.Scope`` reads.
    """
    nouns = {*world.NOUNS, *world.PLURALS}
    tokens = {token for n in world.NOUNS.values() for token in (n.token, n.plural_token)}
    words: dict[str, set[str]] = {
        "nouns": nouns | _other_names(nouns | tokens),
        "attributes": {
            word
            for known in (world.COLOURS, world.SIZES)
            for word in (*known, *_other_names(known))
        },
        "settings": {*world.BACKGROUNDS, *_other_names(world.BACKGROUNDS)},
        "relations": {*world.RELATIONS},
        "numbers": {*world.NUMBERS, *_other_names(world.NUMBERS)},
        "styles": set(_style_labels()),
    }
    return {kind: sorted(known) for kind, known in words.items()}


def _other_names(known: Collection[str]) -> set[str]:
    meanings = {**world.SYNONYMS, **world.COMPOUNDS}
    return {word for word, meaning in meanings.items() if meaning in known}


def detector_words() -> dict[str, dict[str, str]]:
    """The detector's ``labels.json``: every word of the world and what it is called there.

    Returns:
        Word to label under ``nouns``, ``colours``, ``sizes``, ``backgrounds``, ``styles``,
        ``relations``; word to digit under ``numbers``.
    """
    nouns: dict[str, str] = {}
    for noun in world.NOUNS.values():
        names = {noun.name, noun.plural, noun.token, noun.plural_token}
        nouns |= dict.fromkeys(names | _other_names(names), noun.name)
    return {
        "nouns": nouns,
        "colours": _named_so(world.COLOURS),
        "sizes": _named_so(world.SIZES),
        "backgrounds": _named_so(world.BACKGROUNDS),
        "styles": _style_labels(),
        "relations": {
            **_named_so(world.RELATIONS), "to the left of": "left of", "under": "below",
            "to the right of": "right of", "over": "above", "on top of": "above",
        },
        "numbers": {
            name: str(index + 1)
            for index, word in enumerate(world.NUMBERS)
            for name in (word, *sorted(_other_names([word])))
        },
    }  # fmt: skip


def _style_labels() -> dict[str, str]:
    """Every word for a style, and what it is called."""
    return _named_so(world.STYLES) | {"pixelart": "pixel art", "pixelated": "pixel art"}


def _named_so(labels: Collection[str]) -> dict[str, str]:
    return {name: label for label in labels for name in (label, *sorted(_other_names([label])))}
