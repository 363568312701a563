"""What a noun phrase means where it stands: subject, object, part, style, absence, background."""

from __future__ import annotations

from poser.decompose.lexicon import COLLECTIVE_COUNTS, is_in, word_set
from poser.decompose.morphology import article, is_plural, verb_base
from poser.decompose.phrases import Modifier, Phrase, Verbal, read_phrase
from poser.decompose.pronouns import PronounReader
from poser.decompose.reading import Link, Reading, spans_over
from poser.decompose.scene import Loose, Span, Thing
from poser.decompose.styles import names_style

_FRAME_VERBS = ("BE", "VERB", "MODAL", "HAVE", "GER")
_FRAMING = word_set(
    "show contain feature depict include display have consist capture portray present"
)
_HAPPENS = frozenset((("takes", "place"), ("is", "set")))
_VIEWERS = frozenset(("i", "we", "you"))
_TEXT_NOUNS = word_set(
    """
    text word title caption message letter phrase slogan inscription lettering writing
    headline quote label name heading subtitle
    """
)
_BACKDROP = word_set("background backdrop")
_NOT_ACTORS = frozenset(("color", "colour"))


class NounReader(PronounReader):
    """The part of reading a clause that takes noun phrases and phrases of place."""

    def _anchored(self, name: str) -> tuple[list[int], str, Verbal | None]:
        raise NotImplementedError

    def _starts_clause(self, end: int) -> bool:
        raise NotImplementedError

    def take(self, phrase: Phrase, spans: list[Span]) -> tuple[list[Thing], int]:
        """The things that a phrase names by itself, outside any clause."""
        self.words, self.now = [], Reading()
        return self._resolve(phrase, 0, spans)

    # -- frames and styles -------------------------------------------------------------------

    def _frame(self, index: int) -> int:
        """Steps over "the image shows", "we can see", "in this picture"; 0 where there is none."""
        word = self.words[index]
        limit = len(self.words)
        if word.lower in ("it", "everything", "all") and self._happens(index + 1):
            self.now.framed = True
            self.now.carry.extend(spans_over(self.words[index : index + 3]))
            return index + 3
        one = word.lower == "one" and index + 1 < limit and self.words[index + 1].tag == "MODAL"
        if one or (word.tag == "PRON" and word.lower in _VIEWERS and index + 1 < limit):
            if self.words[index + 1].tag in _FRAME_VERBS:
                self.now.framed = True
                return index + 1
            return 0
        if word.tag != "DET":
            return 0
        if word.lower == "this" and index + 1 < limit and self.words[index + 1].tag == "BE":
            if not self.now.subject:
                self.now.framed = True
                return index + 1
            return 0
        end = index + 1
        while end < limit and self.words[end].tag == "ADJ":
            end += 1
        framed = (
            word.lower in ("the", "this", "a", "an")
            and end < limit
            and self.words[end].tag == "NOUN"
            and is_in("frame_nouns", self.words[end].lower)
            and end + 1 < limit
            and self.words[end + 1].tag in _FRAME_VERBS
            and not self.now.subject
        )
        if framed and self._framing_verb(end + 1):
            self.now.framed = True
            self.now.carry.extend(spans_over(self.words[index : end + 1]))
            return end + 1
        if framed and self._happens(end + 1):
            self.now.carry.extend(spans_over(self.words[index : end + 3]))
            return end + 3
        return 0

    def _happens(self, index: int) -> bool:
        """Whether "takes place" or "is set" comes, with the place behind it."""
        verb = tuple(w.lower for w in self.words[index : index + 2])
        after = self.words[index + 2 : index + 3]
        return verb in _HAPPENS and bool(after) and after[0].tag == "PREP"

    def _framing_verb(self, index: int) -> bool:
        word = self.words[index]
        if word.tag == "BE":
            after = index + 1
            return after >= len(self.words) or self.words[after].tag in (
                "DET",
                "PREP",
                "PART",
                "NUM",
            )
        return word.tag == "MODAL" or verb_base(word.lower) in _FRAMING

    def _look(self, phrase: Phrase, spans: list[Span]) -> None:
        """Notes the medium that a phrase names."""
        said = [w for w in phrase.words if w.tag not in ("DET", "POSS", "NUM")]
        text = " ".join(w.lower for w in said[:-1]) + f" {phrase.lemma.lower()}"
        text = text.strip()
        if text in ("picture", "image", "scene", "view", "depiction", "shot"):
            self.now.carry.extend(spans)
            return
        self.scene.look(text, "medium" if is_in("media", phrase.lemma) else "style", spans)

    def _is_medium(self, phrase: Phrase, end: int) -> bool:
        """Whether the phrase says what the picture is, not what is in it."""
        if not is_in("media", phrase.lemma.lower()) or phrase.owner or phrase.owner_pronoun:
            return False
        now = self.now
        of_next = end < len(self.words) and self.words[end].lower in ("of", "showing", "depicting")
        fresh_scene = not self.scene.things
        fresh = fresh_scene and not now.subject and now.pending is None
        presents = now.pending is not None and now.pending.kind in ("there", "be")
        framed = presents and now.pending is not None and not now.pending.subjects
        if framed and phrase.lemma in ("image", "picture", "photo", "photograph") and fresh_scene:
            return True
        if of_next and (fresh or (presents and not (now.pending and now.pending.subjects))):
            return True
        firm = is_in("media_firm", phrase.lemma) or bool(
            phrase.compound
            and (is_in("style_words", phrase.compound[-1]) or names_style(phrase.compound))
        )
        alone = end >= len(self.words) or self.words[end].tag == "MARK"
        loose = now.pending is None and (not now.subject or now.comma)
        if firm and loose and (alone or fresh or self._styled(end)):
            return not (now.joined and now.last)
        return fresh and alone and firm

    def _styled(self, end: int) -> bool:
        return end < len(self.words) and self.words[end].lower in ("in", "by", "with")

    # -- noun phrases ------------------------------------------------------------------------

    def _noun(self, phrase: Phrase, index: int, end: int) -> int:
        """Takes a noun phrase where it stands; where reading goes on."""
        spans = spans_over(self.words[index:end])
        if phrase.pronoun:
            return self._pronoun(phrase, end, spans)
        if (several := self._among(phrase, end)) is not None:
            return self._one_of(several, end, spans)
        if phrase.determiner == "no" and (alike := self._spoken_of(phrase, end)):
            self.now.none, phrase.determiner = True, "each"
            if alike > 1:
                phrase.determiner, phrase.count = "def", alike
        elif phrase.determiner == "no" or self._not_one(phrase, index):
            return self._absent(phrase, end, spans)
        negated = self.now.pending is not None and self.now.pending.negated
        if negated and phrase.determiner in ("any", "indef", ""):
            return self._absent(phrase, end, spans)
        denied = phrase.determiner in ("", "any") or self.words[index - 1].lower in ("or", "nor")
        joined = self.now.absence is not None and self.now.joined and denied
        if joined and not self._starts_clause(end):
            return self._absent(phrase, end, spans)
        opened = self.now.pending is None or self.now.pending.kind == "there"
        if opened and self.now.medium and self._is_setting(phrase) and not self.now.joined:
            carry, self.now.carry = self.now.carry, []
            return self._scenery(phrase, end, [*carry, *spans])
        if opened and self._behind() and self._is_setting(phrase):
            fronts, self.now.fronts = self.now.fronts, []
            return self._scenery(phrase, end, [*(s for f in fronts for s in f.spans), *spans])
        if opened and not self.scene.things and self._is_setting(phrase) and self._sets(end):
            end = self._scenery(phrase, end, spans)
            return end + 1 if end < len(self.words) and self.words[end].lower == "with" else end
        if self._is_medium(phrase, end):
            carry, self.now.carry = self.now.carry, []
            wish = self.now.pending.spans if self.now.pending is not None else []
            self._look(phrase, [*carry, *wish, *spans])
            self._settle_medium()
            opens = end < len(self.words) and self.words[end].lower in ("of", "with")
            return end + 1 if opens else end
        if self._announces_text(phrase, end):
            self.now.carry.extend(spans)
            return end
        if phrase.lemma in _NOT_ACTORS and self._of_colour(phrase):
            return self._coloured(phrase, end, spans)
        things, end = self._resolve(phrase, end, spans)
        return self._attach(phrase, [t.index for t in things], end, spans)

    def _settle_medium(self) -> None:
        self.now.pending = None
        self.now.medium = True
        self.now.framed = False
        self.now.comma = False

    def _announces_text(self, phrase: Phrase, end: int) -> bool:
        """Whether the phrase only introduces a quotation: "the words ..."."""
        if phrase.lemma not in _TEXT_NOUNS and phrase.head != "words":
            return False
        for word in self.words[end : end + 4]:
            if word.tag == "QUOTE":
                return True
            if word.tag not in ("MARK", "GER", "REL", "VERB", "BE", "PREP", "PART"):
                return False
        return False

    def _of_colour(self, phrase: Phrase) -> bool:
        now = self.now
        return bool(phrase.owner or phrase.owner_pronoun or phrase.modifiers) or bool(now.subject)

    def _coloured(self, phrase: Phrase, end: int, spans: list[Span]) -> int:
        """Takes "a dark red colour" or "its colour" as speaking of the thing itself."""
        now = self.now
        if phrase.owner is not None:
            things, _ = self._resolve(phrase.owner, end, spans)
            now.subject = now.last = [t.index for t in things]
            return end
        if phrase.owner_pronoun:
            owners = self.references.owners(phrase)
            now.subject = now.last = [t.index for t in owners]
            for owner in owners:
                owner.spans.extend(spans)
            return end
        subjects = list(now.pending.subjects) if now.pending else list(now.subject or now.last)
        self._traits(subjects, phrase.modifiers, spans)
        now.pending = None
        return end

    def _resolve(self, phrase: Phrase, end: int, spans: list[Span]) -> tuple[list[Thing], int]:
        """The things of a phrase and of what "of" joins to it."""
        if not phrase.head:
            found = self.references.pronoun(phrase.pronoun)
            for thing in found:
                thing.spans.extend(spans)
            return found, end
        carry, self.now.carry = self.now.carry, []
        spans = [*carry, *spans]
        of = end < len(self.words) and self.words[end].lower == "of"
        inner = read_phrase(self.words, end + 1) if of and end + 1 < len(self.words) else None
        if inner is not None and (inner[0].head or inner[0].pronoun) and not phrase.proper:
            return self._joined_by_of(phrase, inner[0], end, inner[1], spans)
        if inner is not None and phrase.proper and inner[0].proper:
            phrase.compound = [*phrase.compound, phrase.head, "of", *inner[0].compound]
            phrase.head = inner[0].head
            end = inner[1]
            spans = [*spans, *spans_over(self.words[end - 1 : end])]
        if phrase.lemma in _BACKDROP:
            thing = self._background(phrase, spans)
            return [thing], end
        if self._is_scenery(phrase):
            thing = self.scene.background(spans)
            for modifier in phrase.modifiers:
                self.references.describe(thing, modifier)
            return [thing], end
        group = self._group(phrase, spans)
        if group:
            return group, end
        self.references.current = self.now.subject
        owners = self._owners(phrase, spans)
        on_top = self.references.counted_up(phrase) if self._on_top(phrase, end) else None
        if on_top is not None:
            on_top.spans.extend(spans)
            self.references.note(on_top)
            return [on_top], end
        thing = self.references.resolve(phrase, spans)
        self._give_owner(thing, owners)
        return [thing], end

    def _group(self, phrase: Phrase, spans: list[Span]) -> list[Thing]:
        """The single things that "the two cats" takes together."""
        if phrase.determiner not in ("def", "both") or phrase.modifiers:
            return []
        wanted = phrase.count or (2 if phrase.determiner == "both" else 0)
        if wanted < 2 and not (phrase.plural and not phrase.count):
            return []
        alike = [
            t for t in self.scene.things[-24:] if t.head == phrase.lemma and t.owner is None
        ]  # fmt: skip
        if any(t.many for t in alike) or len(alike) < max(2, wanted):
            return []
        chosen = alike[-wanted:] if wanted else alike
        for thing in chosen:
            thing.spans.extend(spans)
            self.references.note(thing)
        return chosen

    def _owners(self, phrase: Phrase, spans: list[Span]) -> list[Thing]:
        """Who a possessive phrase gives its noun to."""
        if phrase.owner_pronoun == "whose":
            return self.gather.things(self.now.last[-1:])
        if phrase.owner_pronoun:
            return self.references.owners(phrase)
        if phrase.owner is not None and phrase.owner.head:
            return [self.references.resolve(phrase.owner, spans)]
        return []

    def _give_owner(self, thing: Thing, owners: list[Thing]) -> None:
        if thing.owner is not None:
            return
        owners = [o for o in owners if o.index != thing.index and o.role != "backdrop"]
        if owners and not self._owned_by(owners[-1], thing):
            thing.owner = (owners[-1].index, "with")

    def _owned_by(self, thing: Thing, owner: Thing) -> bool:
        """Whether a thing belongs to the other already, over any number of steps."""
        seen = 0
        while thing.owner is not None and seen < 16:
            if thing.owner[0] == owner.index:
                return True
            thing = self.scene.things[thing.owner[0]]
            seen += 1
        return seen >= 16

    def _joined_by_of(
        self, outer: Phrase, inner: Phrase, of: int, end: int, spans: list[Span]
    ) -> tuple[list[Thing], int]:
        """Two phrases joined by "of": a group, a filled vessel, a part, or two things."""
        whole = [*spans, *spans_over(self.words[of:end])]
        if outer.lemma in _BACKDROP and inner.head:
            thing = self.scene.background(whole)
            text = " ".join([*inner.compound, inner.head])
            self.references.describe(
                thing, Modifier(text, inner.lemma, "scene", tuple(inner.words))
            )
            for modifier in [*outer.modifiers, *inner.modifiers]:
                self.references.describe(thing, modifier)
            return [thing], end
        if inner.pronoun == "number" and is_in("collectives", outer.lemma):
            counted = self.gather.things((self.now.last or self.now.subject)[-1:])
            for thing in counted:
                thing.count, thing.many = inner.count, (inner.count or 1) > 1
                thing.spans.extend(whole)
            if counted:
                return counted, end
        if inner.pronoun:
            things = self.references.pronoun(inner.pronoun)
            for thing in things:
                thing.spans.extend(whole)
            return things, end
        if is_in("collectives", outer.lemma):
            return self._collective(outer, inner, end, whole)
        if is_in("containers", outer.lemma) and inner.determiner in ("", "indef"):
            vessel = self.references.resolve(outer, spans)
            content, end = self._resolve(inner, end, spans_over(self.words[of:end]))
            self.gather.relate(
                Link("prep", "in", [t.index for t in content], []), [vessel.index], []
            )
            return [vessel], end
        if inner.head in ("color", "colour", "colors", "colours", "size", "shape"):
            thing = self.references.resolve(outer, whole)
            self._traits([thing.index], inner.modifiers, [])
            return [thing], end
        if is_in("materials", inner.head) and not inner.determiner and not is_plural(inner.head):
            thing = self.references.resolve(outer, whole)
            group = (Modifier(inner.head, inner.head, "material", tuple(inner.words)),)
            self._traits([thing.index], group, [])
            return [thing], end
        if is_in("places_in_picture", outer.lemma) or outer.lemma == "part":
            things, end = self._resolve(inner, end, whole)
            return things, end
        part = self.references.resolve(outer, spans)
        rest, end = self._resolve(inner, end, spans_over(self.words[of:end]))
        owner = next((t for t in rest if t.index != part.index), None)
        firm = inner.determiner in ("def", "poss", "indef") or is_in("parts", outer.lemma)
        if owner and part.owner is None and firm and not self._owned_by(owner, part):
            part.owner = (owner.index, "of")
        elif owner and owner.owner is None and not self._owned_by(part, owner):
            owner.owner = (part.index, "of")
        return [part], end

    def _collective(
        self, outer: Phrase, inner: Phrase, end: int, spans: list[Span]
    ) -> tuple[list[Thing], int]:
        count = COLLECTIVE_COUNTS.get(outer.lemma)
        if outer.lemma == "pair" and is_in("plural_only", inner.head):
            inner.count = outer.count
        elif inner.count is None and count is not None and not inner.quantifier:
            inner.count = count * (outer.count or 1)
        elif inner.count is None and outer.lemma not in ("piece", "slice", "kind", "type", "sort"):
            group = f"{outer.head} of"
            if not outer.plural and outer.determiner in ("indef", "another"):
                group = f"{article(outer.head)} {group}"
            inner.quantifier = inner.quantifier or group
        elif inner.count is None and outer.count:
            inner.count = outer.count
        inner.determiner = inner.determiner or outer.determiner
        if inner.determiner == "indef" and is_plural(inner.head):
            inner.determiner = "another" if outer.determiner == "another" else ""
        inner.modifiers = [*outer.modifiers, *inner.modifiers]
        things, end = self._resolve(inner, end, spans)
        return things, end

    def _on_top(self, phrase: Phrase, end: int) -> bool:
        """Whether "one more cat" says nothing but how many more there are of those before."""
        if not phrase.further or phrase.modifiers or phrase.words[0] not in self.words:
            return False
        first = self.words.index(phrase.words[0])
        denied = first > 0 and self.words[first - 1].tag == "NEG"
        fresh = self.now.pending is None or self.now.pending.kind in ("there", "verb")
        alone = fresh and not self.now.subject and not self.now.fronts and not self.now.joined
        ends = end >= len(self.words) or self.words[end].lower in (".", "!", ";")
        return ends and alone and not denied

    def _absent(self, phrase: Phrase, end: int, spans: list[Span]) -> int:
        """Notes what must not be there, with the phrase of place behind it."""
        now = self.now
        pending, now.pending = now.pending, None
        stop = end
        limit = len(self.words)
        while stop < limit and self.words[stop].tag not in ("MARK", "CONJ", "SUB", "QUOTE"):
            stop += 1
        owner: int | None = None
        part = is_in("parts", phrase.lemma) or is_in("clothing", phrase.lemma)
        if pending is not None and pending.subjects and part:
            owner = pending.subjects[-1]
        elif pending is None and now.absence is not None and part:
            owner = now.absence.owner
        before = [*(pending.spans if pending else []), *now.carry]
        now.carry = []
        whole = [*before, *spans, *spans_over(self.words[end:stop])]
        if phrase.different:
            self.scene.loose.append(Loose(whole))
        else:
            now.absence = self.gather.absent(phrase, whole, owner)
        now.joined = now.comma = False
        now.adjacent = False
        return stop
