"""Pronouns and numbers that speak of things named before, or of some of several."""

from __future__ import annotations

from collections.abc import Sequence

from poser.decompose.denials import DenialReader
from poser.decompose.morphology import verb_base
from poser.decompose.phrases import Modifier, Phrase
from poser.decompose.reading import spans_over
from poser.decompose.scene import Span, Thing


class PronounReader(DenialReader):
    """The part of reading a clause that takes "it", "one of them", "two on the left"."""

    def _settle(self, place: str = "") -> None:
        raise NotImplementedError

    def _attach(self, phrase: Phrase, things: list[int], end: int, spans: list[Span]) -> int:
        raise NotImplementedError

    def _traits(
        self, subjects: Sequence[int], modifiers: Sequence[Modifier], extra: Sequence[Span],
        *, negated: bool = False,
    ) -> None:  # fmt: skip
        for modifier in modifiers:
            self.gather.trait(subjects, modifier, negated=negated, extra=extra)

    def _pronoun(self, phrase: Phrase, end: int, spans: list[Span]) -> int:
        if self._of_it(phrase, end):  # "all of it" is it
            phrase.pronoun, end = "it", end + 2
            spans = [*spans, *spans_over(self.words[end - 2 : end])]
        if (further := self._of_them(phrase, end)) is not None:
            spans = [*spans, *spans_over(self.words[end:further])]
            phrase.pronoun, end = "some", further
        self.references.current = self.now.subject
        things = self.references.pronoun(phrase.pronoun, phrase.count)
        starts = self.now.pending is None and not self.now.joined
        follows = end < len(self.words) and self.words[end].tag in ("BE", "VERB", "MODAL", "HAVE")
        if not things:
            self.now.carry.extend(spans)
            return end
        for thing in things:
            thing.spans.extend(spans)
        indices = [t.index for t in things]
        if phrase.pronoun in ("they", "them", "all", "both", "each", "these", "those"):
            self.gather.partial = []
        partly = phrase.pronoun in ("one", "some", "other", "another")
        if partly and all(t.many and (t.count is None or t.count != phrase.count) for t in things):
            self.gather.partial = indices
            self.gather.share = (phrase.count or 1) if phrase.pronoun == "some" else 1
            if phrase.modifiers:
                self._traits(indices, phrase.modifiers, [])
                self.now.last = indices
                return end
        if starts or follows:
            return self._spoken(indices, end)
        return self._attach(phrase, indices, end, spans)

    def _spoken(self, indices: list[int], end: int) -> int:
        """Makes things that were named before the subject."""
        self._settle()
        self.now.subject = self.now.last = indices
        self.now.adjacent = True
        self.now.joined = self.now.comma = False
        return end

    def _among(self, phrase: Phrase, end: int) -> Thing | None:
        """The several things of which "one cat is black" speaks, where there are any."""
        plain = phrase.count == 1 and not (phrase.modifiers or phrase.determiner or phrase.further)
        after = [w for w in self.words[end : end + 2] if w.tag != "BE"]
        speaks = end < len(self.words) and self.words[end].tag in ("BE", "VERB", "GER")
        owns = bool(after) and (after[0].tag == "HAVE" or verb_base(after[0].lower) == "wear")
        if not speaks or owns or self.now.pending is not None:
            return None
        name = [*phrase.compound, phrase.lemma]
        alike = [t for t in self.scene.things if [*t.compound, t.head] == name and t.role != "gone"]
        only = alike[0] if len(alike) == 1 else None
        if only is None or (only.count or 0) < 2:
            return None
        named = {t.key for t in only.traits if t.share == 1}
        again = phrase.determiner == "def" and not phrase.plural
        if again and any(m.key in named for m in phrase.modifiers):
            return only  # "One apple is red. The red apple is ..."
        return only if plain else None

    def _one_of(self, several: Thing, end: int, spans: list[Span]) -> int:
        """Speaks of one of several things, which are named so once more."""
        several.spans.extend(spans)
        self.gather.partial, self.gather.share = [several.index], 1
        return self._spoken([several.index], end)

    def _of_it(self, phrase: Phrase, end: int) -> bool:
        """Whether "of it" follows "all" or "each"."""
        of = [word.lower for word in self.words[end : end + 2]]
        return phrase.pronoun in ("all", "each") and of in (["of", "it"], ["of", "this"])

    def _of_them(self, phrase: Phrase, end: int) -> int | None:
        """Where a number ends that speaks of some: "two of them", "two on the left"."""
        if phrase.pronoun != "number" or (phrase.count or 0) < 2:
            return None
        of = [word.lower for word in self.words[end : end + 2]]
        if of in (["of", "them"], ["of", "which"], ["of", "whom"]):
            return end + 2
        placed = (
            end < len(self.words) and self.words[end].tag in ("PREP", "GER", "BE") and of[0] != "of"
        )
        several = self.references.pronoun("some") if placed else []
        return end if any((t.count or 0) > (phrase.count or 0) for t in several) else None
