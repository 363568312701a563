"""Where a thing goes in its clause: subject, object, item of a list, part, attribute."""

from __future__ import annotations

from collections.abc import Sequence

from poser.decompose.lexicon import is_in
from poser.decompose.nouns import NounReader
from poser.decompose.phrases import Modifier, Phrase
from poser.decompose.prepositions import SPATIAL
from poser.decompose.reading import Front, Link, spans_over
from poser.decompose.scene import Span, Thing

_LIST_LIMIT = 24


class AttachReader(NounReader):
    """The part of reading a clause that hangs things on one another."""

    def _starts_clause(self, end: int) -> bool:
        """Whether a finite verb follows, so that the phrase before is a new subject."""
        for word in self.words[end : end + 9]:
            if word.tag in ("BE", "MODAL", "VERB", "HAVE"):
                return True
            if word.tag in ("MARK", "CONJ", "REL", "SUB", "QUOTE", "GER", "PART"):
                return False
        return False

    def _attach(self, phrase: Phrase, things: list[int], end: int, spans: list[Span]) -> int:
        """Puts the things where the clause wants them."""
        now = self.now
        pending = now.pending
        now.absence = None
        if pending is not None:
            self._as_object(pending, phrase, things, spans)
        elif now.joined or (now.comma and now.last):
            self._in_list(phrase, things, end)
        else:
            now.subject = now.last = things
            now.link = None
            self._front_now(things)
        now.joined = now.comma = False
        now.adjacent = True
        now.framed = now.medium = False
        now.lettering = None
        return end

    def _as_object(
        self, pending: Link, phrase: Phrase, things: list[int], spans: list[Span]
    ) -> None:
        now = self.now
        now.pending = None
        if pending.kind == "there":
            for index in things:
                self.scene.things[index].spans.extend(pending.spans)
            now.subject = now.last = things
            now.link = None
            self._front_now(things)
            return
        if pending.kind == "be":
            self._is_a(pending, phrase, things, spans)
            return
        if pending.kind == "verb" and not pending.subjects:
            for index in things:
                self.scene.things[index].spans.extend(pending.spans)
            now.subject = now.last = things
            verbal = pending.verb
            if now.fronts and verbal is not None:
                self.gather.act(things, verbal, pending.spans, placed=True)
            self._front_now(things)
            return
        self._hang(pending, phrase, things)
        now.last = things
        now.link = pending

    def _hang(self, link: Link, phrase: Phrase, things: list[int]) -> None:
        """Relates the things by the link, or makes them parts."""
        belongs = link.has or link.name == "wearing"
        if belongs and self.gather.own(link, things, phrase):
            return
        worn = link.name in ("in", "dressed in") and all(
            is_in("clothing", self.scene.things[i].head) for i in things
        )
        if worn and self.gather.own(
            Link("have", "with", link.subjects, link.spans, None), things, phrase
        ):
            return
        if link.name == "of" and link.subjects:
            owner = self.scene.things[link.subjects[-1]]
            for thing in self.gather.things(things):
                if thing.owner is None and thing.index > owner.index:
                    thing.owner = (owner.index, "of")
            return
        self.gather.relate(link, things, [])

    def _is_a(self, pending: Link, phrase: Phrase, things: list[int], spans: list[Span]) -> None:
        """Takes "the animal is a cat" as an attribute, or as what the picture shows."""
        now = self.now
        if not pending.subjects:
            now.subject = now.last = things
            self._front_now(things)
            return
        if phrase.lemma in ("picture", "image", "scene") and things == [len(self.scene.things) - 1]:
            self._forget(self.scene.things[things[0]])
            self._look(phrase, [*pending.spans, *spans])
            now.last = list(pending.subjects)
            return
        new = [i for i in things if i == len(self.scene.things) - 1]
        subject = self.scene.things[pending.subjects[0]]
        if len(new) == 1 and len(things) == 1 and new[0] not in pending.subjects:
            thing = self.scene.things[new[0]]
            if thing.owner is None and thing.role == "thing":
                self._forget(thing)
                if thing.head == subject.head:
                    self._traits(pending.subjects, phrase.modifiers, [*pending.spans, *spans])
                    now.last = list(pending.subjects)
                    return
                kind = "scene" if subject.role == "backdrop" else "type"
                if is_in("colours", thing.head):
                    kind = "colour"
                text = thing.name
                self.gather.state(
                    pending.subjects, text, kind, [*pending.spans, *spans], negated=pending.negated
                )
                self._traits(pending.subjects, phrase.modifiers, [])
                now.last = list(pending.subjects)
                return
        for index in things:
            self.scene.things[index].spans.extend(pending.spans)
        now.last = things

    def _forget(self, thing: Thing) -> None:
        """Takes back the newest thing, which turned out to be an attribute."""
        self.references.forget(thing)
        thing.role = "gone"

    def _in_list(self, phrase: Phrase, things: list[int], end: int) -> None:
        """Takes a thing after "and" or a comma."""
        now = self.now
        if self._starts_clause(end) and (now.verbed or now.fronts or not now.joined):
            now.subject = now.last = things
            now.link = None
            now.verbed = False
            self._front_now(things)
            return
        link = now.link
        if self._begins_anew(phrase, end):
            now.subject = now.last = things
            now.link = None
            return
        if link is not None and link.kind not in ("front",):
            spatial = link.kind == "prep" and link.name in SPATIAL
            if spatial and now.comma and not now.joined and not self._list_ahead(end):
                now.link = None
                now.subject = now.last = things
                return
            placed = end < len(self.words) and self.words[end].lower in SPATIAL - {"in"}
            listed = now.comma and _introduced(phrase)
            if not (spatial and (listed or (placed and _fresh(phrase)))):
                self._hang(link, phrase, things)
                placed = end < len(self.words) and self.words[end].tag == "PREP"
                now.last = things if link.has and placed else [*now.last, *things]
                return
            now.link = None
            now.subject = now.last = things
            return
        together = now.last == now.subject
        now.subject = [*now.subject, *things][-_LIST_LIMIT:]
        now.last = list(now.subject) if together else things
        if link is not None:
            for front in now.applied:
                self._apply_front(front, things)

    def _begins_anew(self, phrase: Phrase, end: int) -> bool:
        """Whether something is said of the new item of a list alone: "..., a boy holding a kite".

        So it is where the items before have a place already, where it does something itself and is
        no subject beside others, and where something new follows what is known: "toward the waves
        and a kite in the sky".
        """
        now = self.now
        follows = self.words[end] if end < len(self.words) else None
        if follows is None or follows.tag not in ("PREP", "GER", "ADJ"):
            return False
        if now.placed and set(now.last) <= set(now.placed):
            return True
        worn = [is_in("clothing", self.scene.things[i].head) for i in now.last]
        if worn and all(worn) and not is_in("clothing", phrase.lemma):
            return follows.tag != "ADJ"
        if follows.tag == "ADJ":
            return False
        if now.link is None or now.link.kind == "front" or not _fresh(phrase):
            return False
        if follows.tag == "GER":
            held = now.link.has or now.link.kind == "verb"
            acts = is_in("persons", phrase.lemma) or is_in("animals", phrase.lemma)
            return acts or not (held or is_in("clothing", phrase.lemma))
        known = all(self.scene.things[i].definite for i in now.last)
        return known and follows.lower in SPATIAL

    def _list_ahead(self, end: int) -> bool:
        """Whether the commas from here on make one list: an "and" comes before any verb."""
        for word in self.words[end : end + 24]:
            if word.tag == "CONJ":
                return True
            if word.tag not in ("MARK", "NOUN", "ADJ", "DET", "NUM", "POSS", "GEN"):
                return False
        return False

    def _front_now(self, things: Sequence[int]) -> None:
        """Relates the subject to the phrases of place before it."""
        if not self.now.fronts or not things:
            return
        for front in self.now.fronts:
            self._apply_front(front, things)
        self.now.link = Link("front", "", [], [])
        self.now.applied, self.now.fronts = self.now.fronts, []

    def _apply_front(self, front: Front, things: Sequence[int]) -> None:
        if front.region:
            self.gather.place(things, front.name, front.region, front.spans)
        else:
            self.gather.relate(
                Link("prep", front.name, list(things), front.spans), front.objects, []
            )

    def _after(self, modifiers: list[Modifier]) -> int:
        """Where reading stands behind adjectives."""
        last = modifiers[-1].words[-1]
        return self.words.index(last) + 1

    def _than(self, end: int, modifiers: list[Modifier], subjects: list[int]) -> bool:
        """Takes "taller than" as a relation to what comes next."""
        compared = end < len(self.words) and self.words[end].lower == "than"
        if not compared or not subjects:
            return False
        now = self.now
        pending = now.pending
        spans = spans_over([*modifiers[-1].words, self.words[end]])
        negated = pending is not None and pending.negated
        name = f"{modifiers[-1].text} than"
        now.pending = Link("than", name, list(subjects), spans, None, negated)
        self._traits(subjects, modifiers[:-1], [])
        return True

    def _predicate(self, index: int, modifiers: list[Modifier]) -> None:
        """Adjectives after a verb, or alone after a noun."""
        now = self.now
        pending = now.pending
        spans = spans_over(self.words[index : index + 1])
        if pending is not None and pending.kind == "be":
            subjects = list(pending.subjects)
            if self._than(self._after(modifiers), modifiers, subjects):
                return
            self._traits(subjects, modifiers, pending.spans, negated=pending.negated)
            if not subjects:
                now.carry.extend(spans)
            now.pending = None
            now.last = subjects or now.last
            return
        if pending is not None and pending.kind == "verb" and pending.verb is not None:
            subjects = list(pending.subjects)
            self._settle()
            self._traits(subjects, modifiers, [], negated=pending.negated)
            return
        if pending is None and self._than(self._after(modifiers), modifiers, now.last):
            return
        target = list(now.last or now.subject)
        if now.comma:
            target = target[-1:]
        if target and pending is None:
            self._traits(target, modifiers, [], negated=self._verbless(index))


def _introduced(phrase: Phrase) -> bool:
    """Whether the phrase speaks of "a" thing, or of so many."""
    return phrase.determiner in ("indef", "another") or phrase.count is not None


def _fresh(phrase: Phrase) -> bool:
    """Whether the phrase names something new: "a cat", "two cats", "cats"."""
    return _introduced(phrase) or (phrase.plural and not phrase.determiner)
