"""Phrases of style within a clause: "in comic style", "drawn as a comic", "by van Gogh"."""

from __future__ import annotations

from poser.decompose.attach import AttachReader
from poser.decompose.reading import spans_over
from poser.decompose.styles import MAKING, style_at


class StylePhraseReader(AttachReader):
    """The part of reading a clause that takes what says how the picture is made."""

    def _style(self, index: int) -> int:
        """Takes "in the style of ...", "as pixel art" and "by ARTIST"; 0 where it is none."""
        words = self.words
        name = words[index].lower
        limit = len(words)
        stop = index + 1
        while stop < limit and words[stop].tag not in ("MARK", "QUOTE", "SUB", "REL"):
            stop += 1
        end = index + 1
        while end < stop and words[end].tag not in ("CONJ", "PREP"):
            end += 1
        if style_at([w.lower for w in words[index:end]], self._made()):
            self._add_look(" ".join(w.lower for w in words[index:end]), index, end)
            return end
        lowers = [w.lower for w in words[index + 1 : min(stop, index + 5)]]
        if name in ("in", "with") and ("style" in lowers or "styles" in lowers):
            for at, word in enumerate(words[index + 1 : stop], index + 1):
                of_next = at + 1 < limit and words[at + 1].lower == "of"
                if word.lower in ("style", "styles") and not of_next:
                    stop = at + 1
                    break
            self._add_look(" ".join(w.text for w in words[index:stop]), index, stop)
            return stop
        if name == "by" and index + 1 < limit:
            follows = words[index + 1]
            art = self.scene.looks and self.now.pending is None
            named = follows.text[:1].isupper() and follows.tag == "NOUN"
            if (named and self.now.pending is None) or (art and follows.tag == "NOUN"):
                self._add_look(" ".join(w.text for w in words[index:stop]), index, stop)
                return stop
        return 0

    def _made(self) -> str:
        """The verb that waits for its object, or ""."""
        pending = self.now.pending
        return pending.verb.base if pending is not None and pending.verb is not None else ""

    def _add_look(self, text: str, start: int, stop: int) -> None:
        """Notes a style, and with it the verb before it where that only says "drawn"."""
        spans = spans_over(self.words[start:stop])
        pending = self.now.pending
        if pending is not None and self._made() in MAKING:
            spans = [*pending.spans, *spans]
            self.now.pending = None
        self.scene.look(text, "style", spans)
