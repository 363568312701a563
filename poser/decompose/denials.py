"""What "not", "none" and "nor" deny: places, and what is said of things that are there."""

from __future__ import annotations

from poser.decompose.lexicon import word_set
from poser.decompose.phrases import Phrase, Verbal
from poser.decompose.reading import spans_over
from poser.decompose.scenery import SceneryReader

STATIC = word_set(
    """
    sit stand lie lay rest park place locate situate position set put hang lean perch mount
    seat arrange float hover fly stack pile scatter nestle see find live kneel crouch squat sleep
    exist
    """
)
"""Verbs that only say where something is."""

_FINITE = ("BE", "HAVE", "MODAL", "VERB")
_THERE = word_set("visible present there seen shown left around anywhere")


class DenialReader(SceneryReader):
    """The part of reading a clause that tells what is denied.

    ``now.none`` stands from "none of the cups" until what is said of them is read: a finite verb
    that is in no relative clause, or, where none follows, an adjective or a place.
    """

    def _none_of(self, index: int) -> int:
        """How many words "none of", "not one of" or "neither ... nor" take; else 0.

        As an object ("holds none of the balls") it denies the verb before it.
        """
        word, rest = self.words[index], self.words[index + 1 :]
        if word.lower == "neither" and "nor" in [w.lower for w in rest]:
            self._turn()
            self.now.carry.extend(spans_over(self.words[index : index + 1]))
            return 1
        one = word.lower == "one" and index > 0 and self.words[index - 1].tag == "NEG"
        if not (one or word.lower in ("none", "neither")) or len(rest) < 2:
            return 0
        if rest[0].lower != "of" or rest[1].tag not in ("DET", "POSS", "PRON", "REL"):
            return 0
        self._turn()
        taken = 3 if rest[1].tag == "REL" else 2
        self.now.carry.extend(spans_over(self.words[index : index + taken]))
        return taken

    def _turn(self) -> None:
        """Denies the verb of which this is the object, or what will be said of these."""
        pending = self.now.pending
        if pending is not None and pending.kind != "there":
            pending.negated = not pending.negated
        else:
            self.now.none = True

    def _none_alone(self, index: int) -> bool:
        """Whether this is "none is red": none of those spoken of."""
        follows = index + 1 < len(self.words) and self.words[index + 1].tag in _FINITE
        return self.words[index].lower in ("none", "neither") and follows

    def _denies(self, verbal: Verbal) -> None:
        """Turns the verb that says something of none of them."""
        finite = verbal.auxiliary or verbal.form == "finite"
        if self.now.none and finite and not self.now.relative:
            self.now.none, verbal.negated = False, not verbal.negated

    def _verbless(self, index: int) -> bool:
        """Whether what stands here is said of none of them, without a verb."""
        if not self.now.none or self.now.relative:
            return False
        for word in self.words[index:]:
            if word.tag in _FINITE:
                return False
            if word.tag in ("MARK", "CONJ"):
                break
        self.now.none = False
        return True

    def _denied(self, index: int, verbal: Verbal | None = None) -> bool:
        """Whether a place is where something is not: "is not on", "a cat, not on", "nor under".

        Args:
            index: Where the preposition stands.
            verbal: The verb before it, where the place is apart from what it says: of "is not
                smiling next to the car" the smile is denied, and the place is not.
        """
        pending, link = self.now.pending, self.now.link
        before = self.words[index - 1] if index else None
        if pending is not None:
            apart = verbal is not None and verbal.base not in STATIC
            return pending.negated and pending.kind in ("be", "verb") and not apart
        if before is not None and before.tag == "NEG":
            return True
        if before is not None and before.lower == "nor":
            return True
        if before is not None and before.lower == "or":
            said = self.scene.relations[-1:]  # a place in the picture leaves no link
            return link.negated if link is not None else any(r.negated for r in said)
        return self._verbless(index)

    def _no_such(self, phrase: Phrase) -> bool:
        """Whether a place that is denied is none at all: "not on a leash", "not on the beach"."""
        if self._is_setting(phrase):
            return True
        known = any(t.head == phrase.lemma for t in self.scene.things)
        return phrase.determiner in ("any", "indef", "") and not known

    def _not_one(self, phrase: Phrase, index: int) -> bool:
        """Whether this is "not a single cat"; "not one but two cats" is another matter."""
        if phrase.count != 1 or index == 0 or self.words[index - 1].tag != "NEG":
            return False
        return all(w.lower != "but" for w in self.words[index:])

    def _spoken_of(self, phrase: Phrase, end: int) -> int:
        """How many things, cups that are there, "no cup is red" says something of; else 0."""
        if end >= len(self.words) or self.words[end].tag != "BE":
            return 0
        after = [w for w in self.words[end + 1 :] if w.tag not in ("ADV", "NEG")]
        if not after or after[0].tag == "TO" or after[0].lower in _THERE:
            return 0  # "no cat is there"
        if phrase.modifiers or phrase.owner or any(w.lower == "other" for w in phrase.words):
            return 0
        return sum(
            (t.head, t.compound) == (phrase.lemma, tuple(phrase.compound))
            and t.role == "thing"
            and (t.many or t.owner is None)
            for t in self.scene.things
        )
