"""Styles of the whole picture, however they are said: one wording and one name for each.

"Everything is in a watercolor style", "paint it all in watercolor" and "the scene is drawn as a
watercolor" all say the same. :func:`whole_style` reads such a stretch of words, :func:`styled`
gives a style the wording that follows "make it", and :func:`style_name` its bare name.
"""

from __future__ import annotations

from collections.abc import Sequence

from poser.decompose.lexicon import is_in, word_set

MAKING = word_set(
    """
    draw drawn paint painted render rendered redraw redrawn do done make made depict depicted show
    shown illustrate illustrated create created design designed sketch sketched style styled
    stylise stylised stylize stylized use using present presented turn turned convert converted
    transform transformed change changed
    """
)
"""Verbs, in the forms they have here, that say how a picture is made."""
_WHOLE = word_set("everything whole entire overall complete picture image scene style composition")
_PICTURES = word_set("photo photograph painting drawing illustration artwork sketch")
_LINKS = word_set(
    """
    a an the this that it its all of is be are should must has have to needs need looks look
    looking appear appears like as in into with i want please and and but also now then just very :
    simply really kept keep held set
    """
)
_WHEN = frozenset(("at", "by", "during", "takes", "place", "time"))
_MODALS = word_set("should must has have needs need look looks want")
_GENERIC = word_set("picture image scene painting drawing illustration artwork book strip art")
_SELF = word_set(
    """
    watercolor watercolour comic cartoon anime manga art pixel-art comic-book sketch clipart
    collage mosaic pencil crayon
    """
)
_ALONE = word_set("watercolor watercolors watercolour watercolours pixel-art anime comic cartoon")
_SPELLINGS = {
    "watercolour": "watercolor", "watercolours": "watercolor", "watercolors": "watercolor",
    "comics": "comic", "comic-book": "comic", "comic-strip": "comic", "cartoons": "cartoon",
    "pastels": "pastel", "oils": "oil", "pixelart": "pixel-art",
}  # fmt: skip
_TIMES = word_set("night dusk dawn noon midnight twilight nighttime daytime midday sunset sunrise")


def names_style(lowers: Sequence[str]) -> bool:
    """Whether these words, without their article, name a style and nothing else."""
    known = all(
        is_in("styles", w) or is_in("style_words", w) or is_in("media", w) or w in _GENERIC
        for w in lowers
    )
    return known and any(is_in("styles", w) for w in lowers)


def whole_style(lowers: Sequence[str], *, ordered: bool = False) -> str:
    """The style that a stretch of words gives to the whole picture, or "".

    Args:
        lowers: All words of the stretch, in lower case.
        ordered: Whether a verb of making stood before it: "paint", "render".
    """
    start = 0
    while start < len(lowers):
        word, after = lowers[start], lowers[start + 1 : start + 2]
        named = word in _PICTURES and start > 0 and after and after[0] in _LINKS
        if word not in _LINKS | _WHOLE | MAKING and not named:
            break
        if word == "sketch" and names_style(lowers[start:]):
            break
        start += 1
    lead, rest = list(lowers[:start]), list(lowers[start:])
    if rest[-1:] and rest[-1] in _TIMES and set(rest[:-1]) <= _WHEN:
        return f"at {rest[-1]}" if lead and set(lead) & ({"it"} | _WHOLE) else ""
    if not rest or not names_style(_unstyled(rest)) or len(rest) > 5:
        return ""
    making = ordered or any(w in MAKING for w in lead)
    whole = any(w in _WHOLE | _PICTURES for w in lead) or "all" in lead
    wished = "it" in lead and any(w in _MODALS for w in lead)
    says_style = "style" in lead or rest[-1] in ("style", "styles", "look")
    if not (whole or wished or says_style or making):
        return ""
    inside = lead[-1:] == ["in"] or lead[-2:-1] == ["in"] or lead[:1] == ["in"]
    return wording(rest, inside=inside or says_style)


def wording(name: Sequence[str], *, inside: bool) -> str:
    """The words of a style as they follow "make it": "in comic style", "watercolor painting".

    Args:
        name: The words that name it.
        inside: Whether the prompt says "in" it, or calls it a style.
    """
    words = _unstyled(name)
    says_style = len(words) < len(name)
    if says_style or (inside and words[-1] not in _GENERIC - {"art"}):
        return f"in {' '.join([*words[:-1], _SPELLINGS.get(words[-1], words[-1])])} style"
    return " ".join(words)


def _unstyled(words: Sequence[str]) -> list[str]:
    """The words without "style" or "look" at their end."""
    cut = len(words)
    while cut > 1 and words[cut - 1] in ("style", "styles", "look", "styled"):
        cut -= 1
    return list(words[:cut])


def styled(text: str) -> str:
    """A style in the words of the prompt, worded as it follows "make it"."""
    found = text.split()
    lowers = [w.lower() for w in found]
    said = whole_style(lowers)
    if said:
        return said
    start = 0
    if any(is_in("styles", w) for w in lowers) or lowers[-1] == "style":
        while start < len(found) - 1 and lowers[start] in _LINKS - {"in", "with", "of", "very"}:
            start += 1
    if lowers[start : start + 1] == ["in"] and lowers[start + 1 : start + 2] in (["a"], ["an"]):
        found[start + 1 : start + 2] = []
    return " ".join(found[start:])


def style_name(text: str) -> str:
    """The bare name of a style: "pixel art" of "a pixel art picture" or "in pixel art style"."""
    words = text.split()
    while len(words) > 1 and words[0].lower() in ("in", "a", "an", "the", "at", "style", "of"):
        del words[0]
    words = _unstyled(words)
    while len(words) > 1 and words[-1].lower() in _GENERIC:
        before = words[-2].lower()
        if before not in _SELF and before != "style" and not before.endswith("-style"):
            break
        words = _unstyled(words[:-1])
    words[-1] = words[-1].removesuffix("-style")
    words[-1:] = [_SPELLINGS.get(words[-1].lower(), words[-1]).replace("pixel-art", "pixel art")]
    return " ".join(words)


def time_of_day(text: str) -> str:
    """The time in "at night", or ""."""
    first, _, rest = text.partition(" ")
    return rest if first == "at" and rest in _TIMES else ""


def style_at(lowers: Sequence[str], made: str) -> int:
    """How many words from a preposition on give the whole picture its style; 0 where none do.

    Args:
        lowers: The words from the preposition to the end of the stretch it stands in.
        made: The verb right before it, or "".
    """
    making = made in MAKING
    first = lowers[0]
    start = 1
    if first not in ("in", "as", "like", "into") or (first in ("like", "into") and not making):
        return 0
    article = lowers[1:2] in (["a"], ["an"])
    if article:
        start = 2
    name = list(lowers[start:])
    if not name or len(name) > 4 or not names_style(name):
        return 0
    if first == "in" and not making:
        plain = name[0] in _ALONE or name[:2] == ["pixel", "art"]
        return len(lowers) if plain and not article else 0
    return len(lowers)
