"""Comma parts that speak of style only: "oil painting", "highly detailed", "4k"."""

from __future__ import annotations

from collections.abc import Sequence

from poser.decompose.lexicon import is_in, word_set
from poser.decompose.scene import LookKind, Scene, Span
from poser.decompose.styles import whole_style
from poser.decompose.tokens import Token, is_content

_QUALITY = word_set(
    """
    highly ultra hyper extremely detailed realistic photorealistic hyperrealistic 4k 8k 16k
    hd uhd hdr quality resolution sharp focus trending artstation cinematic masterpiece
    volumetric octane render unreal engine award-winning intricate professional bokeh
    raytracing
    """
)
_FIRM = word_set(
    """
    painting illustration drawing sketch photography photo photograph photorealistic
    realistic hyperrealistic watercolor watercolour render artstation 4k 8k 16k hd uhd hdr
    cinematic bokeh octane anime manga cartoon surrealism impressionism surreal style art
    masterpiece detailed minimalist steampunk cyberpunk isometric low-poly lighting focus
    resolution quality rendering artwork engine volumetric vaporwave synthwave noir sepia
    monochrome abstract
    """
)
_FINISHES = word_set(
    """
    lighting style detail details view focus colors colours palette tones atmosphere mood
    composition quality resolution aesthetic aesthetics vibe vibes render rendering lens angle
    photography shading contrast cinematography
    """
)
_CREDITS = word_set("by inspired trending illustrated directed rendered photographed")
_NOT_IN_FINISH = word_set(
    """
    a an the this that with and or on at to for from near no without there is are was has have
    his her their its my your one two three
    """
)
_DENIALS = word_set("no not n't never without nor")
_LONGEST = 6


def take_looks(
    sentence: list[Token], scene: Scene, opening: Sequence[Span] = ()
) -> list[list[Token]]:
    """Notes the comma parts that are style only; the stretches of the sentence that are left.

    A part is style where all its content words are style words and one of them firmly so. Parts
    right after a style part are told apart from lists of things by that rule alone.

    Args:
        sentence: Its tokens.
        scene: Where the styles are noted.
        opening: Where the verb of an order before it stands ("paint"), if there is one.
    """
    said = _said_of_all(sentence, opening)
    if said:
        scene.look(said, "style", [*opening, _over(sentence)])
        return []
    parts = _split(sentence)
    if (
        len(parts) == 1
        and not (parts[0][0].lower in _CREDITS and scene.things)
        and not _whole_is_look(parts[0])
    ):
        return [sentence]
    kept: list[list[Token]] = []
    run: list[Token] = []
    for part in parts:
        body = [t for t in part if t.lower != ","]
        said = _said_of_all(body, ())
        if said or (body and is_look(body)):
            text, kind = _look(body)
            whole = opening if len(parts) == 1 else ()
            scene.look(said or text, kind, [*whole, _over(body)])
            if run:
                kept.append(run)
            run = []
        else:
            run.extend(part)
    if run:
        kept.append(run)
    return kept


def _whole_is_look(part: list[Token]) -> bool:
    body = [t for t in part if t.lower != ","]
    return is_look(body) and len(body) <= _LONGEST


def _split(sentence: list[Token]) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    for token in sentence:
        if token.lower == ",":
            parts.append([token])
        else:
            parts[-1].append(token)
    return [p for p in parts if p]


def is_look(body: Sequence[Token]) -> bool:
    """Whether these tokens are words of style and nothing else."""
    if any(t.lower in _DENIALS for t in body):
        return False
    content = [t for t in body if is_content(t) or t.kind == "number"]
    if body and body[0].lower in _CREDITS and len(body) > 1:
        return len(body) <= 2 * _LONGEST and not any(t.kind == "quote" for t in body)
    if _names_a_finish(body):
        return True
    if not content or len(body) > _LONGEST + 2:
        return False
    if any(t.kind in ("quote", "foreign") for t in content):
        return False
    if not all(is_in("style_words", t.lower) for t in content):
        return False
    return any(t.lower in _FIRM for t in content)


def _names_a_finish(body: Sequence[Token]) -> bool:
    """Whether these are a few plain words that end in "lighting", "style" or the like."""
    plain = all(t.kind in ("word", "number") for t in body) and len(body) < _LONGEST
    if not plain or len(body) < 2 or body[-1].lower not in _FINISHES:
        return False
    return not any(t.lower in _NOT_IN_FINISH or is_in("colours", t.lower) for t in body)


def _said_of_all(body: Sequence[Token], opening: Sequence[Span]) -> str:
    """The style that the words give to the whole picture, or ""."""
    lowers = [t.lower for t in body if t.lower != ","]
    if not all(t.kind in ("word", "number", "mark") for t in body):
        return ""
    return whole_style(lowers, ordered=bool(opening))


def _over(body: Sequence[Token]) -> Span:
    return (body[0].start, body[-1].end)


def _look(body: list[Token]) -> tuple[str, LookKind]:
    words = [t for t in body if t.kind in ("word", "number")]
    text = " ".join(t.lower for t in words)
    quality = all(t.lower in _QUALITY or not is_content(t) for t in words)
    medium = is_in("media", words[-1].lower)
    if medium:
        return text, "medium"
    return text, "quality" if quality else "style"
