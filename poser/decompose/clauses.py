"""Reading a tagged sentence from left to right: which thing does what to which.

Attachment follows a few rules. A phrase of place belongs to the noun before it, or, after a verb,
to who does it; a participle right after a noun belongs to that noun; a finite verb belongs to the
subject of the clause; what "and" joins plays the part of what stands before it. Words that no
rule takes stay uncovered here and become plain commands later.
"""

from __future__ import annotations

from collections.abc import Sequence

from poser.decompose.denials import STATIC
from poser.decompose.lexicon import is_in, word_set
from poser.decompose.phrases import Phrase, Verbal, read_modifiers, read_phrase, read_verbal
from poser.decompose.places import PlaceReader
from poser.decompose.prepositions import SPATIAL
from poser.decompose.reading import Front, Link, Reading, animate, spans_over, verb_name
from poser.decompose.scene import Lettering, Span
from poser.decompose.tagging import Word

_LINKING = word_set("look appear seem remain stay become get feel turn")
_PERCEIVE = word_set("see observe find notice view spot")
_WISH = word_set("want need wish love imagine prefer like make draw")
_PRESENT = word_set("show contain feature depict include display have portray present")
_SIDEWAYS = frozenset(("left of", "right of", "above", "below", "next to"))
_TIGHT = frozenset(("at", "by", "above", "across", "through", "along", "around", "against"))
_AIMED = word_set(
    """
    look stare gaze point aim smile throw bark laugh wave shout shoot glance
    """
)
_SAYING = word_set("say read spell write label title print name caption display state")


class ClauseReader(PlaceReader):
    """Reads sentences into a scene."""

    def read(
        self, words: list[Word], *, carry: Sequence[Span] = (), pending: Link | None = None
    ) -> None:
        """Reads one sentence or clause.

        Args:
            words: The tagged words.
            carry: Places of the prompt that belong to the first thing read.
            pending: What the first thing read attaches to.
        """
        self.words = words
        self.now = Reading(carry=list(carry), pending=pending)
        self.gather.partial = []
        index = 0
        while index < len(words):
            index = max(self._step(index), index + 1)
        self._settle()
        self._close()

    def _step(self, index: int) -> int:
        word = self.words[index]
        handlers = {
            "MARK": self._mark,
            "CONJ": self._conjunction,
            "QUOTE": self._quotation,
            "EX": self._existential,
            "REL": self._relative,
            "SUB": self._subordinate,
            "PREP": self._preposition,
        }
        if word.tag in handlers:
            return handlers[word.tag](index)
        if word.tag in ("BE", "HAVE", "MODAL", "VERB", "GER", "PART", "NEG", "TO"):
            return self._verb(index)
        if word.tag in ("DET", "POSS", "NUM", "ADJ", "NOUN", "PRON", "ADV"):
            return self._nominal(index)
        return index + 1

    def _mark(self, index: int) -> int:
        if self.words[index].lower in (",", ":", "-", "–", "—", "(", ")", "/"):
            pending = self.now.pending
            if pending is None or pending.kind in ("verb", "be"):
                self._settle()
            if self.words[index].lower == ":" and self.now.pending is None:
                self.now.link = None
            self.now.comma = True
            self.now.adjacent = False
            self.now.relative = False
            if index + 1 < len(self.words) and self.words[index + 1].tag in ("PREP", "GER", "PART"):
                self.gather.partial = []  # "one of them red, tied to a bench"
            backed = self.scene.backdrop is not None and self.now.last == [self.scene.backdrop]
            if self.words[index].lower == ":" and backed:
                self.now.pending = Link("be", "", list(self.now.last), [])
        return index + 1

    def _conjunction(self, index: int) -> int:
        if self.now.pending is not None and self.now.pending.kind == "verb":
            self._settle()
        self.now.joined = True
        self.now.adjacent = False
        if self.words[index].lower in ("but", "yet"):
            self.now.absence = None
        return index + 1

    def _existential(self, index: int) -> int:
        self._settle()
        now = self.now
        now.link, now.last, now.subject, now.none = None, [], [], False
        found = read_verbal(self.words, index + 1) if index + 1 < len(self.words) else None
        end = found[1] if found else index + 1
        negated = bool(found and found[0].negated)
        now.verbed = True
        now.pending = Link("there", "", [], spans_over(self.words[index:end]), negated=negated)
        now.comma = now.joined = False
        return end

    def _relative(self, index: int) -> int:
        self._settle()
        self.now.relative = True
        return index + 1

    def _subordinate(self, index: int) -> int:
        self._settle()
        now = self.now
        now.joined = False
        now.comma = True
        now.adjacent = False
        if self.words[index].lower == "where" and now.last:
            now.fronts.append(Front("in", list(now.last), "", []))
            now.subject = []
        now.last, now.link = [], None
        return index + 1

    def _quotation(self, index: int) -> int:
        """A text to set on the picture, on the thing that carries it."""
        now = self.now
        word = self.words[index]
        spans = [*now.carry, (word.start, word.end)]
        now.carry = []
        carrier: int | None = None
        pending = now.pending
        if pending is not None:
            spans = [*pending.spans, *spans]
            if pending.subjects:
                carrier = pending.subjects[-1]
            if pending.kind == "verb" and pending.verb and pending.verb.base not in _SAYING:
                carrier = None
        elif now.last and not now.comma:
            carrier = now.last[-1]
        elif now.lettering is not None and (now.joined or now.comma):
            carrier = now.lettering.carrier
        now.pending = None
        if word.text:
            now.lettering = Lettering(word.text, carrier, spans)
            self._front_text(now.lettering)
            self.scene.letterings.append(now.lettering)
        now.joined = now.comma = False
        now.adjacent = True
        return index + 1

    def _front_text(self, lettering: Lettering) -> None:
        """Puts a text where the phrase of place before it says: "at the top, the title ..."."""
        for front in [*self.now.fronts, *self.now.applied][-1:]:
            lettering.spans.extend(front.spans)
            carried = front.name in ("on", "in", "across", "inside")
            if front.region or not front.objects:
                lettering.place = (front.name, None, front.region)
            elif carried and lettering.carrier is None:
                lettering.carrier = front.objects[-1]
            else:
                lettering.place = (front.name, front.objects[-1], "")
        self.now.fronts = []

    def _verb(self, index: int) -> int:
        found = read_verbal(self.words, index)
        if found is None:
            return index + 1
        verbal, end = found
        now = self.now
        self._denies(verbal)
        spans = spans_over(verbal.words)
        if verbal.base in _LINKING and not (end < len(self.words) and self._adjective_at(end)):
            linking = False
        else:
            linking = verbal.base in _LINKING
        if self._lettering_verb(verbal, spans):
            return end
        subjects = self._doer(verbal)
        self._settle()
        now.relative = False
        kind = "verb"
        if verbal.base == "be" or linking:
            kind = "be"
        elif verbal.base == "have":
            kind = "have"
        if self._presents(verbal, subjects):
            kind = "there"
            subjects = []
            now.link = None
            now.medium = now.framed
            now.framed = False
        if verbal.base in ("show", "depict", "portray") and self._shows_setting(subjects, end):
            kind = "be"
        if kind == "be" and not subjects and now.fronts:
            kind = "there"
        if verbal.base in _PERCEIVE and verbal.auxiliary and verbal.form == "part" and subjects:
            kind = "be"
        name = "with" if kind == "have" else verb_name(verbal)
        now.pending = Link(kind, name, subjects, spans, verbal, verbal.negated)
        now.doer = subjects
        now.verbed = now.verbed or verbal.auxiliary or verbal.form == "finite"
        now.joined = now.comma = False
        now.adjacent = True
        return end

    def _shows_setting(self, subjects: list[int], end: int) -> bool:
        """Whether this is "the background shows a sunset"."""
        found = read_phrase(self.words, end) if end < len(self.words) else None
        backed = bool(subjects) and subjects == [self.scene.backdrop]
        return backed and found is not None and is_in("settings", found[0].lemma)

    def _lettering_verb(self, verbal: Verbal, spans: list[tuple[int, int]]) -> bool:
        """Takes "written" after a text as part of the text."""
        now = self.now
        plain = verbal.form == "part" or verbal.base == "be"
        if now.lettering is None or not plain or not now.adjacent:
            return False
        now.lettering.spans.extend(spans)
        return True

    def _presents(self, verbal: Verbal, subjects: list[int]) -> bool:
        """Whether the verb only introduces: "we can see", "the image shows"."""
        if self.now.framed and verbal.base in _WISH | _PRESENT | _PERCEIVE | {
            "be",
            "consist",
            "capture",
        }:
            return True
        return not subjects and verbal.base in _PERCEIVE | {"be"} and not self.now.fronts

    def _doer(self, verbal: Verbal) -> list[int]:
        """Who the verb speaks of."""
        now = self.now
        if now.framed:
            return []
        if now.relative:
            return list(now.last or now.subject)
        finite = verbal.auxiliary or verbal.form == "finite"
        if now.fronts and not now.subject and finite:
            return []
        if verbal.form in ("ing", "part") and not verbal.auxiliary:
            if now.pending is not None and now.pending.kind == "be":
                return list(now.pending.subjects)
            if now.joined and now.doer:
                return list(now.doer)
            if now.adjacent and now.last:
                return self._agent(verbal)
            return list(now.subject or now.last)
        if now.joined and now.doer and now.subject == now.last:
            return list(now.doer)
        return list(now.subject or now.last)

    def _agent(self, verbal: Verbal) -> list[int]:
        """Who a participle right after a noun speaks of: that noun, or who owns or precedes it."""
        now = self.now
        last = self.scene.things[now.last[-1]]
        if last.owner is not None and verbal.form == "ing":
            owner = self.scene.things[last.owner[0]]
            own = is_in("parts", last.head) or is_in("clothing", last.head)
            return [owner.index] if own or animate(owner) else list(now.last)
        first = self.gather.things(now.subject)
        placed = now.link is not None and now.link.kind != "there"
        acting = verbal.form == "ing" and bool(first) and placed
        if acting and animate(first[0]) and not animate(last):
            return list(now.subject)
        return list(now.last)

    def _adjective_at(self, index: int) -> bool:
        while index < len(self.words) and self.words[index].tag == "ADV":
            index += 1
        return index < len(self.words) and self.words[index].tag == "ADJ"

    def _settle(self, place: str = "") -> None:
        """Ends a verb that got no object: it is a state of who does it.

        Args:
            place: The preposition that comes next, if one does.
        """
        now = self.now
        pending, now.pending = now.pending, None
        if pending is None:
            return
        verbal = pending.verb
        if pending.kind == "verb" and verbal is not None and pending.subjects:
            placed = place in _SIDEWAYS and not pending.negated
            self.gather.act(
                pending.subjects, verbal, pending.spans, placed=placed, negated=pending.negated
            )
            self._front_now(pending.subjects)
        elif pending.kind in ("verb", "prep", "there", "have"):
            now.carry.extend(pending.spans)

    def _close(self) -> None:
        """Ends the sentence: what it left hanging goes to what it spoke of last."""
        now = self.now
        if now.subject or now.last:
            self.references.topic = list(now.subject or now.last)
        hanging = [*now.carry, *(s for f in now.fronts for s in f.spans)]
        if hanging and (now.subject or now.last):
            self._front_now(now.subject or now.last)
            self.scene.things[(now.subject or now.last)[-1]].spans.extend(now.carry)

    def _nominal(self, index: int) -> int:
        """A noun phrase, or adjectives by themselves."""
        if taken := self._none_of(index):
            return index + taken
        if self._none_alone(index):
            self.now.none = True
            return self._noun(Phrase(words=[self.words[index]], pronoun="they"), index, index + 1)
        frame = self._frame(index)
        if frame:
            return frame
        found = read_phrase(self.words, index)
        if found is not None:
            return self._noun(found[0], index, found[1])
        modifiers, end = read_modifiers(self.words, index, len(self.words))
        if modifiers:
            self._predicate(index, modifiers)
            return end
        return index + 1

    def _preposition(self, index: int) -> int:
        word = self.words[index]
        after = index + 1
        if after >= len(self.words):
            return self._unsaid(index)
        following = self.words[after]
        if following.tag == "PREP" and word.lower in ("from", "up", "down", "off", "on", "out of"):
            return after
        pending = self.now.pending
        if word.lower == "than" and pending is not None and pending.kind == "than":
            return after
        if following.tag == "QUOTE" or following.tag in ("GER", "VERB"):
            self.now.carry.append((word.start, word.end))
            return after
        return self._place(index)

    def _anchored(self, name: str) -> tuple[list[int], str, Verbal | None]:
        """What a phrase of place hangs on, and the relation it makes with the verb before it."""
        now = self.now
        pending = now.pending
        if pending is None:
            return list(now.last or now.subject), name, None
        if pending.kind == "verb" and pending.verb is not None:
            verbal = pending.verb
            passive = verbal.form == "part" and name in ("by", "with", "to", "from")
            loose = name in SPATIAL and not passive
            if name == "at" and verbal.base not in _AIMED:
                return list(pending.subjects), name, verbal
            if loose and (name not in _TIGHT or verbal.base in STATIC):
                return list(pending.subjects), name, verbal
            return list(pending.subjects), verb_name(verbal, name), None
        return list(pending.subjects or now.subject), name, None
