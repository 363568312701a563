"""Nouns that are said once for two: "a red and a blue car", "a red car and a blue one"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from poser.decompose.lexicon import is_in
from poser.decompose.morphology import is_plural, number_value, plural, singular
from poser.decompose.phrases import modifier_kind
from poser.decompose.tagging import NOUNS_TOO, Word

_SIDES = {"left": "on", "right": "on", "middle": "in", "top": "at", "bottom": "at"}
_SINGLE = ("a", "an", "another", "one")


def with_nouns(words: Sequence[Word], before: Sequence[Word] = ()) -> list[Word]:
    """The words, with each noun that is left out put in.

    A noun is left out where a number, "a" or "the", and adjectives, are followed by "and", and that
    by a number, adjectives and the noun; in a list a comma does for all "and" but the last. What is
    put in stands for no word of the prompt: it begins and ends where the last adjective ends. "One"
    or "ones" after an adjective is the noun that was named before.

    Args:
        words: Of a sentence.
        before: Of the sentence before, for "A red car ... . A blue one ...".
    """
    words = _with_colours(_with_sides(words))
    both = [*before, *words]
    words = [w for index in range(len(before), len(both)) for w in _named(both, index)]
    complete: list[Word] = []
    index = 0
    while index < len(words):
        gaps, nouns = _elliptic(words, index)
        for first, stop in gaps:
            complete.extend(words[index:stop])
            complete.extend(_stand_ins(nouns, words[first], words[stop - 1]))
            index = stop
        if not gaps:
            complete.append(words[index])
            index += 1
    return complete


def _with_colours(words: Sequence[Word]) -> list[Word]:
    """The words, where "one orange and one white" names two colours and no fruit."""
    complete = list(words)
    for index in range(1, len(words) - 1):
        word, before = words[index], words[index - 1]
        after, _ = _past_joint(words, index + 1)
        again = [w.tag if n else w.lower for n, w in enumerate(words[after : after + 2])]
        named = word.tag == "NOUN" and is_in("colours", word.lower) and before.lower == "one"
        alone = [w.tag for w in words[after + 2 : after + 3]] not in (["NOUN"], ["ADJ"])
        if named and after > index + 1 and again == ["one", "ADJ"] and alone:
            complete[index] = replace(word, tag="ADJ")
    return complete


def _with_sides(words: Sequence[Word]) -> list[Word]:
    """The words, with "one on the left" for "the left one"."""
    complete: list[Word] = []
    for index, word in enumerate(words):
        follows = words[index + 1].tag if index + 1 < len(words) else ""
        said = word.tag == "PRON" and follows in ("BE", "VERB", "HAVE", "GER", "PREP")
        if word.lower == "one" and said and len(complete) > 1:
            the, side = complete[-2:]
            name = _SIDES.get(side.lower, "") if the.lower == "the" else ""
            if name:
                on = Word(name, name, "PREP", the.tokens)
                complete[-2:] = [replace(word, tag="PRON"), on, the, replace(side, tag="NOUN")]
                continue
        complete.append(word)
    return complete


def _named(words: Sequence[Word], index: int) -> list[Word]:
    """The word there, or, of "a blue one", the noun that it stands for."""
    word = words[index]
    said = word.tag == "PRON" and word.lower in ("one", "ones")
    if not said or index == 0 or words[index - 1].tag != "ADJ":
        return [word]
    start = index - 1
    while start > 0 and words[start].tag in ("ADJ", "ADV"):
        start -= 1
    if words[start].tag not in ("DET", "NUM"):
        return [word]
    placed = start > 0 and words[start - 1].tag == "PREP"
    heads = [n for n in range(start) if words[n].tag == "NOUN" and words[n + 1].tag != "NOUN"]
    if not heads:
        return [word]
    kind = modifier_kind(words[index - 1].lower)
    like = [n for n in heads if kind in _kinds(words, n)]
    if not like:
        things = [n for n in heads if not is_in("persons", singular(words[n].lower))] or heads
        like = [n for n in things if _after_preposition(words, n) == placed] or things
    last = first = like[-1]
    while first > 0 and words[first - 1].tag == "NOUN":
        first -= 1
    texts = [w.lower for w in words[first : last + 1]]
    if words[start].lower == "the" and is_plural(texts[-1]):
        return [word]  # one of those
    texts[-1] = plural(texts[-1]) if word.lower == "ones" else singular(texts[-1])
    return [Word(text, text, "NOUN", word.tokens) for text in texts]


def _kinds(words: Sequence[Word], index: int) -> set[str]:
    """The kinds of adjective right before a noun and its compound."""
    while index > 0 and words[index].tag == "NOUN":
        index -= 1
    found = set()
    while index >= 0 and words[index].tag in ("ADJ", "ADV"):
        found.add(modifier_kind(words[index].lower))
        index -= 1
    return found


def _after_preposition(words: Sequence[Word], index: int) -> bool:
    """Whether the phrase of a noun follows a preposition."""
    while index > 0 and words[index].tag in ("NOUN", "ADJ", "ADV", "NUM", "DET", "POSS"):
        index -= 1
    return words[index].tag == "PREP"


def _elliptic(words: Sequence[Word], index: int) -> tuple[list[tuple[int, int]], list[Word]]:
    """The phrases from here on that lack their nouns, each from its number on, and the nouns."""
    gaps: list[tuple[int, int]] = []
    joined = False
    while (stop := _described(words, index)) is not None:
        end = stop
        while end < len(words) and words[end].tag == "NOUN":
            end += 1
        if end > stop:
            return (gaps, list(words[stop:end])) if joined else ([], [])
        gaps.append((index, stop))
        index, joined = _past_joint(words, stop)
        if index == stop:
            break
    return [], []


def _described(words: Sequence[Word], index: int) -> int | None:
    """Where the adjectives after a number end; ``None`` where there is no number, or no adjective.

    Adjectives may be joined themselves: "a black and white and a brown cat".
    """
    if index >= len(words) or not _counts(words[index]):
        return None
    stop, index = index, index + 1
    while index < len(words) and words[index].tag in ("ADJ", "ADV", "CONJ"):
        index += 1
        if words[index - 1].tag == "ADJ":
            stop = index
    last = words[stop - 1]
    return stop if last.tag == "ADJ" and last.lower not in NOUNS_TOO else None


def _counts(word: Word) -> bool:
    return word.tag == "NUM" or word.lower in (*_SINGLE, "the")


def _past_joint(words: Sequence[Word], index: int) -> tuple[int, bool]:
    """Where a comma, "and", or both end, and whether there was an "and"."""
    if index < len(words) and words[index].lower == ",":
        index += 1
    joined = index < len(words) and words[index].lower in ("and", "&")
    return index + joined, joined


def _stand_ins(nouns: Sequence[Word], number: Word, before: Word) -> list[Word]:
    """The nouns, the last in the number that it is counted in, where the last adjective ends."""
    texts = [noun.lower for noun in nouns]
    if number.lower in _SINGLE or number_value(number.lower) == 1:
        texts[-1] = singular(texts[-1])
    elif number.tag == "NUM":
        texts[-1] = plural(texts[-1])
    last = before.tokens[-1]
    tokens = [replace(last, text=text, lower=text, start=last.end) for text in texts]
    return [Word(t.text, t.lower, "NOUN", (t,)) for t in tokens]
