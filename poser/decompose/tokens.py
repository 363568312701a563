"""From text to words and sentences, with every word's place in the prompt kept.

Quoted text is one token. All scans look ahead by a bounded distance, so that the time is linear
in the length of the prompt whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from poser.decompose.lexicon import is_in

_LONGEST_QUOTE = 300
_LONGEST_WORD = 40
_LONGEST_SENTENCE = 240
_CLOSERS = {'"': '"', "“": "”", "‘": "’", "'": "'", "«": "»", "„": "“", "「": "」", "＂": "＂"}
_TOKEN = re.compile(
    r"--no\b|[-—–]{1,2}(?:[a-z]{1,9}) +\d[\w.:]*|--[A-Za-z]+"
    r"|\d+ ?k\b"
    r"|\d+(?:[.,:/x]\d+)*(?:[A-Za-z]+)?"
    r"|[^\W\d_]+(?:[-’'][^\W_]+)*"
    r"|\n[ \t]*\n|\n[ \t]*(?=[-*•])|[^\w\s]|_|\w",
)
_GENITIVE = re.compile(r"(?<=\w)['’](?:s|S|re|ve|ll|d|m)$")
_NEGATION = re.compile(r"(?i)n['’]t$")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number, mark or quotation of the prompt.

    Attributes:
        text: As it stands in the prompt; of a quotation, the text within the quotes.
        lower: The same in lower case, with straight apostrophes.
        start: Where it begins in the prompt.
        end: Where it ends.
        kind: ``word``, ``number``, ``mark``, ``quote``, ``break`` (end of a paragraph) or
            ``foreign`` (another script, or far too long for a word).
    """

    text: str
    lower: str
    start: int
    end: int
    kind: str


def is_content(token: Token) -> bool:
    """Whether something in the picture may hang on this token."""
    if token.kind == "quote":
        return True
    if token.kind in ("mark", "break") or token.lower.startswith("'"):
        return False
    return not is_in("stop_words", token.lower)


def content_words(text: str) -> list[str]:
    """The words of a text that a plan must not drop, in lower case.

    These are all words and numbers but function words; a quotation gives its words.
    """
    found: list[str] = []
    for token in tokenise(text, quotes=False):
        if is_content(token):
            found.append(token.lower)
    return found


def tokenise(text: str, *, quotes: bool = True) -> list[Token]:
    """The tokens of a text, in order.

    Args:
        text: Any text.
        quotes: Whether quoted text becomes one token.
    """
    tokens: list[Token] = []
    position = 0
    if quotes:
        for start, end in _quotations(text):
            tokens.extend(_plain(text, position, start))
            literal = text[start + 1 : end - 1].strip()
            tokens.append(Token(literal, literal.lower(), start, end, "quote"))
            position = end
    tokens.extend(_plain(text, position, len(text)))
    return tokens


def _quotations(text: str) -> Iterator[tuple[int, int]]:
    position = 0
    for match in re.finditer(r"[\"“‘'«„「＂]", text):
        start = match.start()
        if start < position:
            continue
        mark = match.group()
        apostrophe = mark in "'‘"
        if apostrophe and start and text[start - 1].isalnum():
            continue
        closer = _CLOSERS[mark]
        found = text.find(closer, start + 1, start + 1 + _LONGEST_QUOTE)
        while apostrophe and found >= 0 and text[found + 1 : found + 2].isalnum():
            found = text.find(closer, found + 1, start + 1 + _LONGEST_QUOTE)
        if found < 0 or not any(c.isalnum() for c in text[start + 1 : found]):
            continue
        if "\n\n" in text[start:found]:
            continue
        position = found + 1
        yield start, position


def _plain(text: str, start: int, end: int) -> Iterator[Token]:
    for match in _TOKEN.finditer(text, start, end):
        piece, begin = match.group(), match.start()
        if piece[0] == "\n":
            yield Token(piece, "\n", begin, match.end(), "break")
        elif piece == "--no":
            yield Token(piece, "without", begin, match.end(), "word")
        elif piece[0].isdigit() or (piece[0] in "-—–" and len(piece) > 1):
            lower = piece.lower().replace(" k", "k")
            yield Token(piece, lower, begin, match.end(), "number")
        elif piece[0].isalpha():
            yield from _word(piece, begin)
        else:
            kind = "foreign" if piece.isalnum() else "mark"
            yield Token(piece, piece, begin, match.end(), kind)


def _word(piece: str, begin: int) -> Iterator[Token]:
    if len(piece) > _LONGEST_WORD or not all(ord(c) < 0x250 or c in "’" for c in piece):
        yield Token(piece, piece.lower(), begin, begin + len(piece), "foreign")
        return
    split = _NEGATION.search(piece) or _GENITIVE.search(piece)
    cut = split.start() if split and split.start() > 0 else len(piece)
    for part, at in ((piece[:cut], begin), (piece[cut:], begin + cut)):
        if part:
            yield Token(part, part.lower().replace("’", "'"), at, at + len(part), "word")


def sentences(tokens: list[Token]) -> list[list[Token]]:
    """The tokens by sentence, without the marks that end one; endless sentences are cut."""
    found: list[list[Token]] = []
    current: list[Token] = []
    for index, token in enumerate(tokens):
        ends = token.kind == "break" or token.lower in (".", "!", "?", ";", "。", "！", "？", "|")
        if token.lower == ":" and index + 1 < len(tokens) and tokens[index + 1].lower == ":":
            ends = True
        if token.lower == "." and current and is_abbreviation(current[-1].lower):
            ends = False
        if ends or len(current) >= _LONGEST_SENTENCE:
            if current:
                found.append(current)
            current = [] if ends else [token]
        else:
            current.append(token)
    if current:
        found.append(current)
    return found


def is_abbreviation(word: str) -> bool:
    """Whether a full stop after this word does not end the sentence."""
    return (
        word in ("mr", "mrs", "ms", "dr", "st", "e", "g", "i", "etc", "vs", "no") and word != "no"
    )
