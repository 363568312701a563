"""Cutting a sentence into orders ("add ...", "make ...") and description."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from poser.decompose.lexicon import EXACTLY, is_in, word_set
from poser.decompose.morphology import number_value
from poser.decompose.scene import Span
from poser.decompose.tokens import Token

EDIT_VERBS: dict[str, str] = {
    "add": "add", "insert": "add", "include": "add", "put": "put", "place": "put", "move": "put",
    "shift": "put", "position": "put", "remove": "remove", "delete": "remove", "erase": "remove",
    "eliminate": "remove", "replace": "replace", "swap": "replace", "exchange": "replace",
    "substitute": "replace", "change": "change", "turn": "change", "transform": "change",
    "convert": "change", "set": "change", "make": "make", "recolour": "make", "recolor": "make",
    "colour": "make", "color": "make", "dye": "make", "keep": "make", "give": "give",
    "write": "write", "crop": "raw", "rotate": "raw", "flip": "raw", "blur": "raw",
    "brighten": "raw", "darken": "raw", "increase": "raw", "decrease": "raw", "reduce": "raw",
    "enlarge": "raw", "shrink": "raw", "zoom": "raw", "adjust": "raw", "sharpen": "raw",
}  # fmt: skip
"""The verbs of an order, and how each is read."""

_CREATE_VERBS = word_set(
    """
    create generate draw paint design imagine depict show render illustrate produce sketch
    """
)
_PARTICLE_VERBS = {
    ("get", "rid", "of"): "remove",
    ("take", "out"): "remove",
    ("take", "away"): "remove",
}
_LEADS = word_set(
    """
    , and then ; but also please first next finally now lastly afterwards firstly second
    secondly third : ) - that after
    """
)
_DETERMINERS = word_set(
    """
    a an the this these those all every any some his her its their it them him another more
    everything everyone no both each one
    """
)
_OPEN = frozenset(("add", "remove", "delete", "erase", "replace", "recolour", "recolor", "insert"))


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a sentence.

    Attributes:
        kind: ``edit``, ``create`` (an order to make a picture) or ``describe``.
        tokens: Its words, the verb of the order left out.
        order: How an order is read; see :data:`EDIT_VERBS`.
        opening: Where the verb of the order stands.
        negated: Whether it says what not to do.
    """

    kind: Literal["edit", "create", "describe"]
    tokens: list[Token]
    order: str = ""
    opening: list[Span] = field(default_factory=list)
    negated: bool = False


def segments(sentence: list[Token]) -> list[Segment]:
    """The stretches of a sentence, cut before every order."""
    cuts: list[tuple[int, int, str, Literal["edit", "create"]]] = []
    for index in range(len(sentence)):
        found = _order_at(sentence, index)
        if found:
            cuts.append((index, *found))
    if not cuts:
        return [Segment("describe", sentence)]
    pieces: list[Segment] = []
    if cuts[0][0] > 0:
        pieces.extend(_description(sentence[: cuts[0][0]]))
    for number, (index, length, order, kind) in enumerate(cuts):
        end = cuts[number + 1][0] if number + 1 < len(cuts) else len(sentence)
        negated = _denied(sentence, index)
        body = _trimmed(sentence[index + length : end])
        opening = [(sentence[index].start, sentence[index + length - 1].end)]
        pieces.append(Segment(kind, body, order, opening, negated))
    return pieces


def _description(tokens: list[Token]) -> list[Segment]:
    body = _trimmed(tokens)
    return [Segment("describe", body)] if body else []


def _trimmed(tokens: list[Token]) -> list[Token]:
    end = len(tokens)
    if _denied(tokens, end):
        end -= 1 if tokens[-1].lower == "never" else 2
    while end and tokens[end - 1].lower in _LEADS:
        end -= 1
    start = 0
    while start < end and tokens[start].lower in _LEADS:
        start += 1
    return tokens[start:end]


def _order_at(
    sentence: list[Token], index: int
) -> tuple[int, str, Literal["edit", "create"]] | None:
    token = sentence[index]
    if token.kind != "word":
        return None
    if index and sentence[index - 1].lower not in _LEADS and not _denied(sentence, index):
        return None
    follows = sentence[index + 1] if index + 1 < len(sentence) else None
    for phrase, order in _PARTICLE_VERBS.items():
        if tuple(t.lower for t in sentence[index : index + len(phrase)]) == phrase:
            return len(phrase), order, "edit"
    definite = follows is not None and follows.lower in ("the", "it", "his", "her", "its", "their")
    if token.lower in _CREATE_VERBS:
        if not _opens(follows, bare=index == 0):
            return None
        if definite and token.lower in ("paint", "draw") and _ends_in_colour(sentence):
            return 1, "make", "edit"
        if index == 0 or all(t.lower in _LEADS for t in sentence[:index]):
            return 1, "add", "create"
        return (1, "add", "edit") if token.lower in ("draw", "paint") else None
    if token.lower == "make" and _makes_picture(sentence[index + 1 : index + 8]):
        return 1, "add", "create"
    order = EDIT_VERBS.get(token.lower, "")
    if not order or not _opens(follows, bare=token.lower in _OPEN):
        return None
    return 1, order, "edit"


def _makes_picture(follows: list[Token]) -> bool:
    """Whether "make" asks for a picture: "make a comic picture of ..."."""
    opens = bool(follows) and follows[0].lower in ("a", "an")
    return opens and any(
        is_in("media", first.lower) and second.lower in ("of", "with", "showing", "where", "in")
        for first, second in pairwise(follows)
    )


def _denied(sentence: list[Token], index: int) -> bool:
    """Whether "do not" or "never" stands right before the place of a verb."""
    if index and sentence[index - 1].lower == "never":
        return index < 2 or sentence[index - 2].lower in _LEADS
    return (
        index > 1
        and sentence[index - 1].lower in ("not", "n't")
        and sentence[index - 2].lower == "do"
        and (index < 3 or sentence[index - 3].lower in _LEADS)
    )


def _opens(follows: Token | None, *, bare: bool) -> bool:
    """Whether a noun phrase begins here, so that the verb before is an order."""
    if follows is None:
        return False
    if follows.kind in ("quote", "number") or follows.lower in _DETERMINERS:
        return True
    if number_value(follows.lower) is not None or is_in("colours", follows.lower):
        return True
    if follows.lower in EXACTLY:
        return True
    return bare and follows.kind == "word" and not is_in("stop_words", follows.lower)


def _ends_in_colour(sentence: list[Token]) -> bool:
    return any(is_in("colours", t.lower) for t in sentence[2:12])
