"""Which words of the prompt each command comes from, and which words no command took."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from poser.decompose.lexicon import is_in
from poser.decompose.prepositions import PREPOSITIONS
from poser.decompose.scene import Span, Thing
from poser.decompose.tokens import Token, is_content

_NEAR = 160


class Sources:
    """Slices of the prompt by place."""

    def __init__(self, prompt: str, tokens: Sequence[Token]) -> None:
        self.prompt = prompt
        self.tokens = tokens
        self._starts = [t.start for t in tokens]
        self._content = [is_content(t) for t in tokens]

    def _range(self, span: Span) -> range:
        """The tokens that lie in a span."""
        return range(bisect_left(self._starts, span[0]), bisect_left(self._starts, span[1]))

    def text(self, spans: Iterable[Span]) -> str:
        """The words at these places, as they stand; gaps are shown as an ellipsis."""
        pieces: list[str] = []
        seen: set[str] = set()
        merged = self._merged(spans)
        last = merged[-1] if merged and not any(map(self._says, merged)) else None
        for start, end in merged:
            fresh = {
                t.lower
                for i in self._range((start, end))
                if self._content[i] and (t := self.tokens[i])
            }
            if fresh <= seen and (pieces or not fresh) and (start, end) != last:
                continue
            seen |= fresh
            pieces.append(" ".join(self.prompt[start:end].split()))
        return " … ".join(pieces)

    def _says(self, span: Span) -> bool:
        """Whether a stretch holds a content word."""
        return any(self._content[i] for i in self._range(span))

    def _merged(self, spans: Iterable[Span]) -> list[Span]:
        """The spans in order, those with nothing but function words between them joined."""
        merged: list[Span] = []
        for start, end in sorted(set(spans)):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
                continue
            if merged and start - merged[-1][1] < 24:
                gap = self._range((merged[-1][1], start))
                plain = all(
                    not self._content[i] and self.tokens[i].lower not in (".", ";", "\n")
                    for i in gap
                )
                if plain:
                    merged[-1] = (merged[-1][0], end)
                    continue
            merged.append((start, end))
        return merged

    def adverbial(self, span: Span) -> bool:
        """Whether the content words of a stretch are adverbs, which name nothing by themselves."""
        words = [self.tokens[i].lower for i in self._range(span) if self._content[i]]
        return all(
            is_in("adverbs", w)
            or w in PREPOSITIONS
            or (w.endswith("ly") and len(w) > 4 and not is_in("adjectives", w))
            for w in words
        )

    def near(self, thing: Thing, spans: Sequence[Span]) -> list[Span]:
        """The spans with the mention of the thing that stands nearest."""
        if thing.role == "given":
            return [*spans, *thing.spans]
        if not spans:
            return list(thing.spans[:1])
        place = spans[0][0]
        nearest = min(
            thing.spans[-8:] + thing.spans[:8],
            key=lambda s: place - s[0] if s[0] <= place else 3 * (s[0] - place),
            default=None,
        )
        if nearest is None or abs(nearest[0] - place) > _NEAR:
            return list(spans)
        return [*spans, nearest]

    def between(self, subject: Thing, other: Thing | None, spans: Sequence[Span]) -> list[Span]:
        """The spans of a relation with the nearest mentions of its two things."""
        found = self.near(subject, spans)
        if other is not None:
            found = [*found, *self.near(other, spans)]
        return found

    def leftovers(self, taken: Iterable[Span], sentences: Sequence[Sequence[Token]]) -> list[Span]:
        """The stretches of content words that lie in none of the taken places.

        Words stay together as far as they stand in one sentence with nothing taken between them.
        """
        covered = bytearray(len(self.tokens))
        for span in taken:
            for index in self._range(span):
                covered[index] = 1
        found: list[Span] = []
        for sentence in sentences:
            run: list[Token] = []
            for token in sentence:
                index = bisect_left(self._starts, token.start)
                if covered[index]:
                    found.extend(_stretch(run))
                    run = []
                elif self._content[index] or run:
                    run.append(token)
            found.extend(_stretch(run))
        return found


def _stretch(run: Sequence[Token]) -> list[Span]:
    """The place of a run of tokens, up to its last content word."""
    ends = [t.end for t in run if is_content(t)]
    return [(run[0].start, ends[-1])] if ends else []
