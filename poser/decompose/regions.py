"""Regions of the picture: "on the left", "at the top of the image"."""

from __future__ import annotations

from poser.decompose.lexicon import is_in, word_set
from poser.decompose.morphology import verb_base
from poser.decompose.phrases import Phrase, read_phrase
from poser.decompose.reading import POSTURES, Front, spans_over
from poser.decompose.style_phrases import StylePhraseReader

PICTURE = word_set("image picture photo photograph frame scene composition canvas")
"""Nouns for the picture itself."""

HOLDING = word_set("hold carry grip grasp clutch wield")
"""Verbs of what one has in one's hands."""

OF_PICTURE = {
    "in the background of": ("in", "the background"),
    "left of": ("on", "the left"),
    "right of": ("on", "the right"),
    "on top of": ("at", "the top"),
    "at the bottom of": ("at", "the bottom"),
    "in the middle of": ("in", "the middle"),
    "in the corner of": ("in", "the corner"),
    "in front of": ("in", "the foreground"),
}
"""Prepositions before the picture itself, and the region that they mean."""


class RegionReader(StylePhraseReader):
    """The part of reading a clause that takes regions of the picture."""

    def _over_picture(self, end: int) -> int:
        """Steps over "of the image" after a region."""
        if end < len(self.words) and self.words[end].lower in ("of", "in"):
            found = read_phrase(self.words, end + 1) if end + 1 < len(self.words) else None
            if found is not None and found[0].lemma in PICTURE:
                return found[1]
        return end

    def _inside_frame(self, phrase: Phrase, name: str) -> bool:
        """Whether this is "in this image"."""
        if phrase.lemma not in PICTURE or name not in ("in", "of", "on", "throughout", "to"):
            return False
        return not phrase.modifiers and phrase.determiner == "def"

    def _in_hand(self, phrase: Phrase, name: str, index: int) -> bool:
        """Whether this only says with which hand something is held: "in one hand"."""
        holds = any(w.tag in ("GER", "VERB") and verb_base(w.lower) in HOLDING
                    for w in self.words[:index])  # fmt: skip
        return name == "in" and phrase.lemma == "hand" and holds

    def _in_the_other(self, index: int) -> bool:
        """Whether "in the other" follows what is "in one hand"."""
        other = [w.lower for w in self.words[index : index + 3]] == ["in", "the", "other"]
        return other and any(w.lower == "hand" for w in self.words[:index])

    def _region(self, phrase: Phrase, end: int) -> str:
        """The region of the picture that a phrase names, or ""."""
        if not is_in("places_in_picture", phrase.head) or phrase.owner or phrase.owner_pronoun:
            return ""
        sided = phrase.head == "side" and phrase.determiner == "def"
        vague = phrase.head in ("side", "edge", "corner") and not sided
        if vague and not (phrase.modifiers or phrase.compound):
            return ""
        after = self.words[end].lower if end < len(self.words) else ""
        if after == "of" and self._over_picture(end) == end:
            return ""
        colours = any(m.kind in ("colour", "material") for m in phrase.modifiers)
        named = colours or phrase.compound or phrase.determiner == "indef"
        if phrase.head in ("background", "foreground") and named:
            return ""
        modifiers = [m.text for m in phrase.modifiers]
        article = "the " if phrase.determiner in ("def", "") else ""
        return article + " ".join([*modifiers, *phrase.compound, phrase.head])

    def _in_region(self, name: str, region: str, index: int, end: int) -> int:
        now = self.now
        spans = spans_over(self.words[index:end])
        name = "on" if name == "to" else name
        if now.lettering is not None and now.adjacent and now.pending is None:
            now.lettering.spans.extend(spans)
            now.lettering.place = (name, None, region)
            return end
        if self._is_front(end):
            self._settle()
            now.fronts = [Front(name, [], region, spans)]
            if now.joined or now.comma:
                now.subject, now.last, now.link = [], [], None
            now.joined = now.comma = False
            return end
        anchors, _, verbal = self._anchored(name)
        negated = self._denied(index, verbal)
        if verbal is not None and not negated:
            self._settle()
        else:
            spans = [*(now.pending.spans if now.pending else []), *spans]
            now.pending = None
        if anchors:
            self.gather.place(anchors, name, region, spans, negated=negated)
            now.placed = [*now.placed, *anchors]
        return end

    def _is_front(self, end: int) -> bool:
        """Whether the phrase of place opens a clause whose subject is still to come."""
        now = self.now
        if now.pending is not None and now.pending.kind != "there":
            return False
        if not now.subject and not now.last:
            return True
        if not (now.joined or now.comma):
            return False
        rest = self.words[end : end + 3]
        if not rest:
            return False
        first = rest[0]
        if first.tag == "EX" or (first.tag == "BE"):
            return True
        if first.lower == "," and len(rest) > 1:
            first = rest[1]
        if first.tag in ("DET", "NUM", "EX"):
            return True
        if first.tag == "VERB" and len(rest) > 1 and verb_base(first.lower) in POSTURES:
            return rest[1].tag in ("DET", "NUM", "POSS")
        return first.tag == "PRON" and first.lower in ("we", "i", "you")
