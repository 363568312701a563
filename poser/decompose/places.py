"""Phrases of place and of material: what comes after a preposition."""

from __future__ import annotations

from poser.decompose.english import with_article
from poser.decompose.lexicon import is_in, word_set
from poser.decompose.phrases import Modifier, Phrase, read_modifiers, read_phrase
from poser.decompose.prepositions import SPATIAL
from poser.decompose.reading import Front, Link, spans_over
from poser.decompose.regions import OF_PICTURE, PICTURE, RegionReader
from poser.decompose.scene import Relation, Span, Thing

_SCENE_PREPOSITIONS = frozenset(
    ("in", "on", "at", "against", "across", "through", "below", "in front of")
)
_GROUNDS = frozenset(("on", "in", "at", "on top of"))
_SCRIPTS = word_set(
    """
    letter font script lettering type handwriting typeface capital print cursive writing
    """
)
_IDLE_PREPOSITIONS = word_set("to from for about as per via despite since upon of like")
_TIMES = word_set("night dusk dawn noon midnight twilight nighttime daytime midday")
_MADE_OF = frozenset(("made of",))


class PlaceReader(RegionReader):
    """The part of reading a clause that takes prepositions and what follows them."""

    def _place(self, index: int) -> int:
        """Takes a preposition with its noun phrase; where reading goes on."""
        word = self.words[index]
        now = self.now
        opening = (word.start, word.end)
        styled = self._style(index)
        if styled:
            return styled
        found = read_phrase(self.words, index + 1)
        if found is None and self._in_the_other(index):
            self.now.carry.extend(spans_over(self.words[index : index + 3]))
            self.now.placed = [*self.now.placed, *self.now.last]
            return index + 3
        if found is None:
            return self._bare(index)
        phrase, end = found
        if self._inside_frame(phrase, word.lower) or self._in_hand(phrase, word.lower, index):
            self.now.carry.append(opening)
            self.now.carry.extend(spans_over(self.words[index:end]))
            return end
        if phrase.lemma in PICTURE and word.lower in OF_PICTURE and not phrase.modifiers:
            name, region = OF_PICTURE[word.lower]
            return self._in_region(name, region, index, end)
        if word.lower == "of" and now.pending is not None and now.pending.kind == "there":
            return index + 1
        if word.lower == "like" and self._likened(phrase, index, end):
            return end
        timed = phrase.lemma in _TIMES and not phrase.owner and not phrase.owner_pronoun
        setting = self.scene.backdrop is not None and phrase.lemma in ("sunset", "sunrise")
        timed = timed or (setting and word.lower == "at" and not phrase.modifiers)
        if timed and word.lower in ("at", "in", "during", "by"):
            self._add_look(f"at {phrase.lemma}", index, end)
            return end
        region = self._region(phrase, end)
        if region:
            return self._in_region(word.lower, region, index, self._over_picture(end))
        if (
            phrase.lemma in ("color", "colour")
            and phrase.modifiers
            and word.lower in ("in", "of", "with")
        ):
            return self._in_colour(phrase, index, end)
        if phrase.lemma in ("color", "colour", "shape", "size", "nature") and not phrase.modifiers:
            for thing in self.gather.things((now.last or now.subject)[-1:]):
                thing.spans.extend(spans_over(self.words[index:end]))
            return end
        if word.lower == "without" or phrase.determiner == "no" or word.lower == "instead of":
            return self._without(phrase, index, end)
        if word.lower in _MADE_OF:
            return self._material(phrase, index, end)
        if word.lower in ("such as", "including"):
            now.joined = True
            return index + 1
        if self._announces_text(phrase, end):
            return self._text_follows(index, end, opening)
        return self._relation(phrase, index, end, opening)

    def _bare(self, index: int) -> int:
        """A preposition without a noun phrase: "in white", "on it", "in red and blue"."""
        modifiers, end = read_modifiers(self.words, index + 1, len(self.words))
        if not modifiers:
            return self._unsaid(index)
        target, extra, negated = self._described(index, end)
        if target:
            self._traits(target, modifiers, extra, negated=negated)
        return end

    def _unsaid(self, index: int) -> int:
        """A place whose thing goes without saying: "underneath is a dog", "a dog underneath"."""
        now = self.now
        word = self.words[index]
        if word.lower not in ("above", "below", "next to", "behind", "in front of"):
            return index + 1
        opening = (word.start, word.end)
        after = self.words[index + 1].tag if index + 1 < len(self.words) else "MARK"
        if after in ("BE", "VERB", "EX") and self._is_front(index + 1):
            self.references.current = now.subject
            objects = [t.index for t in self.references.pronoun("it")]
            now.fronts = [Front(word.lower, objects, "", [opening])]
            now.subject, now.last, now.link = [], objects, None
            now.joined = now.comma = False
        elif after in ("MARK", "CONJ") and (now.last or now.subject):
            anchors, name, verbal = self._anchored(word.lower)
            if verbal is not None:
                self._settle(name)
            if now.pending is None and name == word.lower:
                things = self._meant("it", anchors)
                link = Link("prep", name, anchors, [opening], None)
                self.gather.relate(link, [t.index for t in things[:1]], [])
        return index + 1

    def _text_follows(self, index: int, end: int, opening: Span) -> int:
        now = self.now
        anchors, _, _ = self._anchored(self.words[index].lower)
        apart = index > 0 and self.words[index - 1].lower == ","
        if apart and (self.scene.looks or anchors != now.subject):
            anchors = []  # ", with the title ...": the picture has it, not what was named last
        self._settle()
        now.carry.append(opening)
        now.carry.extend(spans_over(self.words[index:end]))
        now.pending = Link("prep", "with", anchors, [], None)
        return end

    # -- attributes --------------------------------------------------------------------------

    def _described(self, index: int, end: int) -> tuple[list[int], list[Span], bool]:
        """What a phrase describes that ends the verb before it, where it says so, if it denies."""
        now, negated = self.now, self._denied(index)
        target = list(now.pending.subjects) if now.pending else list(now.last or now.subject)
        extra = [*(now.pending.spans if now.pending else []), *spans_over(self.words[index:end])]
        now.pending = None
        return target, extra, negated

    def _in_colour(self, phrase: Phrase, index: int, end: int) -> int:
        target, extra, negated = self._described(index, end)
        self._traits(target, phrase.modifiers, extra, negated=negated)
        return end

    def _material(self, phrase: Phrase, index: int, end: int) -> int:
        target, extra, negated = self._described(index, end)
        found: list[Modifier] = [m for m in phrase.modifiers if m.kind == "material"]
        adjectives = [m.text for m in phrase.modifiers if m.kind != "material"]
        text = " ".join([*adjectives, *phrase.compound, phrase.head])
        if phrase.head:
            found.append(Modifier(text, phrase.lemma, "material", tuple(phrase.words)))
        self._traits(target, found, extra, negated=negated)
        while end + 1 < len(self.words) and self.words[end].tag == "CONJ":
            more = self.words[end + 1]
            if not is_in("materials", more.lower):
                break
            extra = spans_over(self.words[end : end + 2])
            another = Modifier(more.lower, more.lower, "material", (more,))
            self._traits(target, [another], extra, negated=negated)
            end += 2
        return end

    def _likened(self, phrase: Phrase, index: int, end: int) -> bool:
        """Takes "looks like a pig" as an attribute."""
        now = self.now
        pending = now.pending
        if pending is None or not pending.subjects or not phrase.head:
            return False
        linking = pending.verb is not None and pending.verb.base in ("look", "appear", "seem", "be")
        if not linking:
            return False
        name = " ".join([*(m.text for m in phrase.modifiers), *phrase.compound, phrase.lemma])
        text = f"like {with_article(name)}"
        spans = [*pending.spans, *spans_over(self.words[index:end])]
        modifier = Modifier(text, name, "type", tuple(self.words[index:end]))
        self._traits(pending.subjects, [modifier], spans, negated=pending.negated)
        now.pending = None
        now.last = list(pending.subjects)
        return True

    def _without(self, phrase: Phrase, index: int, end: int) -> int:
        now = self.now
        opening = self.words[index]
        if not phrase.head:
            return end
        anchors = list(now.last or now.subject)
        if now.pending is not None:
            self._settle()
        now.pending = Link("have", "with", anchors[-1:], [(opening.start, opening.end)], None)
        return self._absent(phrase, end, spans_over(self.words[index + 1 : end]))

    # -- relations ---------------------------------------------------------------------------

    def _relation(self, phrase: Phrase, index: int, end: int, opening: Span) -> int:
        """Relates what the phrase names to what it hangs on."""
        now = self.now
        name = self.words[index].lower
        if phrase.pronoun == "each" or (phrase.lemma == "other" and phrase.determiner == "each"):
            return end
        sided = phrase.head in ("left", "right") and name in ("to", "on", "at")
        if sided and phrase.owner is not None:
            name, phrase = f"{phrase.head} of", phrase.owner
        elif sided and phrase.owner_pronoun:
            name = f"{phrase.head} of"
            phrase = Phrase(words=phrase.words, pronoun=phrase.owner_pronoun)
        if phrase.lemma in _SCRIPTS and name in ("in", "with") and self._writes(phrase, index, end):
            return end
        written = now.lettering is not None and now.adjacent and now.pending is None
        if written and name in SPATIAL:
            return self._carries(phrase, name, end, opening)
        if self._is_front(end):
            return self._front(phrase, name, index, end, opening)
        anchors, relation, verbal = self._anchored(name)
        negated = self._denied(index, verbal)
        goes_on, spans = now.joined or negated, [opening]
        if now.pending is not None:
            if verbal is not None and not negated:
                self._settle(name)
            else:
                spans = [*now.pending.spans, opening]
                now.pending = None
        elif now.link is not None and now.adjacent:
            anchors = self._chained(name, phrase, anchors)
        elif goes_on and now.link is not None and now.link.kind == "prep" and name in SPATIAL:
            anchors = list(now.link.subjects) or anchors
        idle = relation in _IDLE_PREPOSITIONS
        link = Link("prep", relation, [] if idle else anchors, spans, None, negated)
        if phrase.pronoun:
            if phrase.pronoun in ("it", "him", "her"):
                link.subjects = anchors = anchors[-1:]
            for thing in (things := self._meant(phrase.pronoun, anchors)):
                thing.spans.extend(spans_over(self.words[index + 1 : end]))
            self._hang(link, phrase, [t.index for t in things])
            now.placed = [*now.placed, *anchors]
            now.adjacent = True
            return end
        phrase_spans = spans_over(self.words[index + 1 : end])
        if negated and self._no_such(phrase):
            return self._absent(phrase, end, [*spans, *phrase_spans])
        if negated and phrase.determiner == "indef":
            phrase.determiner = "def"
        aimed = name == "at" and relation != "at"
        if not aimed and self._scenic(phrase, name, anchors):
            now.placed = [*now.placed, *anchors]
            return self._scenery(phrase, end, [*spans, *phrase_spans])
        alike = any(self.scene.things[i].head == phrase.lemma for i in anchors)
        if alike and phrase.determiner == "" and not phrase.modifiers:
            phrase.determiner = "another"
        found, end = self._resolve(phrase, end, phrase_spans)
        things_found = [t.index for t in found]
        if self._is_backdrop(things_found):
            self.scene.things[things_found[0]].spans.extend(spans)
            now.placed = [*now.placed, *anchors]
            now.joined = now.comma = False
            return end
        if name == "between" and things_found:
            return self._between(link, things_found[-1], end)
        beside = name == "with" and self._stands_alone(things_found, end)
        if beside:
            for thing in found:
                thing.spans.extend(spans)
            now.link = None
        else:
            self._hang(link, phrase, things_found)
            now.link = link
        now.last = things_found
        now.joined = now.comma = False
        now.adjacent = True
        now.lettering = None
        return end

    def _between(self, link: Link, first: int, end: int) -> int:
        """Takes "between the cat and the dog" as one relation."""
        now = self.now
        second: int | None = None
        joined = end + 1 < len(self.words) and self.words[end].tag == "CONJ"
        found = read_phrase(self.words, end + 1) if joined else None
        if found is not None and found[0].head:
            spans = spans_over(self.words[end : found[1]])
            things, end = self._resolve(found[0], found[1], spans)
            second = things[-1].index
        for subject in link.subjects[:8]:
            if subject not in (first, second):
                relation = Relation(subject, first, link.name, "", list(link.spans))
                relation.also, relation.negated = second, link.negated
                self.scene.relate(relation)
        now.last = [first] if second is None else [first, second]
        now.link = link
        now.joined = now.comma = False
        now.adjacent = True
        return end

    def _stands_alone(self, things: list[int], end: int) -> bool:
        """Whether "with a tree" only adds a tree: after a comma, or with a place of its own."""
        after = [w.tag for w in self.words[end + 1 : end + 2]]
        if end < len(self.words) and self.words[end].lower in SPATIAL and after == ["PRON"]:
            return True
        heads = [self.scene.things[i].head for i in things]
        if any(is_in("parts", h) or is_in("clothing", h) for h in heads):
            return False
        if self.now.comma:
            return True
        return end < len(self.words) and self.words[end].lower in SPATIAL - {"in", "by"}

    def _writes(self, phrase: Phrase, index: int, end: int) -> bool:
        """Takes "in white letters" as the manner of a text just read."""
        lettering = self.now.lettering or (
            self.scene.letterings[-1] if self.scene.letterings else None
        )
        start = self.words[0].start
        if lettering is None or lettering.spans[-1][0] < start:
            return False
        lettering.spans.extend(spans_over(self.words[index:end]))
        lettering.manner = " ".join(w.text for w in self.words[index:end])
        self.now.pending = None
        return True

    def _chained(self, name: str, phrase: Phrase, anchors: list[int]) -> list[int]:
        """What a second phrase of place in a row hangs on: what the first one placed."""
        link = self.now.link
        if link is None or not link.subjects:
            return anchors
        if link.kind == "verb" and is_in("settings", phrase.lemma) and name in ("in", "on", "at"):
            return list(link.subjects)
        if link.kind == "prep" and link.name in _GROUNDS and name in SPATIAL - {"in", "on"}:
            return list(link.subjects)
        return anchors

    def _meant(self, pronoun: str, anchors: list[int]) -> list[Thing]:
        """What a pronoun after a preposition means: never what the phrase hangs on."""
        if pronoun in ("it", "itself"):
            nearest = self.references.nearest(anchors)
            if nearest is not None:
                return [nearest]
        self.references.current = [i for i in self.now.subject if i not in anchors]
        things = self.references.pronoun(pronoun)
        others = [t for t in things if t.index not in anchors]
        if not others and pronoun == "them":
            others = self.references.pair(anchors)
        return others or self._other_than(anchors)

    def _other_than(self, anchors: list[int]) -> list[Thing]:
        topic = [i for i in self.references.topic if i not in anchors]
        return self.gather.things(topic[-1:])

    def _is_backdrop(self, things: list[int]) -> bool:
        return len(things) == 1 and self.scene.things[things[0]].role == "backdrop"

    def _carries(self, phrase: Phrase, name: str, end: int, opening: Span) -> int:
        """The thing that a text is written on, or that it stands next to."""
        now = self.now
        lettering = now.lettering
        if lettering is None:
            return end
        spans = spans_over(phrase.words)
        lettering.spans.append(opening)
        if phrase.pronoun:
            nearest = self.references.nearest([])
            things = [nearest] if nearest is not None else []
            lettering.spans.extend(spans)
        else:
            things, end = self._resolve(phrase, end, spans)
        on_it = name in ("on", "in", "across", "on the side of")
        if things and on_it:
            lettering.carrier = things[-1].index
        elif things and not phrase.pronoun:
            lettering.place = (name, things[-1].index, "")
        if things and not now.subject:
            now.subject = [t.index for t in things]
        now.last = [t.index for t in things] or now.last
        return end

    def _front(self, phrase: Phrase, name: str, index: int, end: int, opening: Span) -> int:
        now = self.now
        spans = spans_over(self.words[index + 1 : end])
        self._settle()
        self.references.current = now.applied[-1].objects if now.applied else now.subject
        if now.joined or now.comma:
            now.subject, now.last, now.link = [], [], None
        if phrase.pronoun:
            objects = [t.index for t in self.references.pronoun(phrase.pronoun)]
            if not objects and self.scene.backdrop is not None:
                objects = [self.scene.backdrop]
            carried = [opening, *spans]
        else:
            if self._scenic(phrase, name, []):
                end = self._scenery(phrase, end, [opening, *spans])
                now.joined = now.comma = False
                return end
            found, end = self._resolve(phrase, end, spans)
            while (more := self._and_before_verb(end)) is not None:
                spans = spans_over(self.words[end : more[1]])
                others, end = self._resolve(*more, spans)
                found = [*found, *others]
            objects = [t.index for t in found]
            carried = [opening]
        if self._is_backdrop(objects):
            self.scene.things[objects[0]].spans.extend(carried)
            now.joined = now.comma = False
            return end
        now.fronts = [Front(name, objects, "", carried)]
        now.joined = now.comma = False
        now.last = objects
        now.adjacent = True
        return end

    def _and_before_verb(self, end: int) -> tuple[Phrase, int] | None:
        """What "and" joins to a phrase of place: "behind the cat and the dog is a fence"."""
        if end + 1 >= len(self.words) or self.words[end].tag != "CONJ":
            return None
        found = read_phrase(self.words, end + 1)
        if found is None or found[0].determiner not in ("def", "poss") or not found[0].head:
            return None
        after = self.words[found[1]] if found[1] < len(self.words) else None
        return found if after is not None and after.tag in ("BE", "EX") else None

    # -- settings ----------------------------------------------------------------------------

    def _scenic(self, phrase: Phrase, name: str, anchors: list[int]) -> bool:
        """Whether the phrase names the place of the whole picture."""
        if name not in _SCENE_PREPOSITIONS:
            return False
        if any(self.scene.things[i].owner is not None for i in anchors[-1:]):
            return False
        return self._is_setting(phrase)
