"""Orders: "add ...", "remove ...", "replace ... with ...", "make the car red"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from poser.decompose.clauses import ClauseReader
from poser.decompose.ellipsis import with_nouns
from poser.decompose.lexicon import EXACTLY, is_in, word_set
from poser.decompose.morphology import gerund, is_comparative, number_value, singular
from poser.decompose.phrases import Modifier, Phrase, read_modifiers, read_phrase
from poser.decompose.reading import Link, spans_over
from poser.decompose.reference import References
from poser.decompose.scene import (
    Absence,
    Lettering,
    Loose,
    Recount,
    Scene,
    Span,
    Swap,
    Thing,
    Trait,
)
from poser.decompose.segments import Segment
from poser.decompose.styles import whole_style
from poser.decompose.tagging import Word, tag

_Order = Callable[[list[Word], list[Span], list[Span]], bool]

_WHOLE = word_set(
    """
    image picture photo photograph scene style painting drawing time weather season lighting
    mood
    """
)
_DEGREES = frozenset(("much", "a", "bit", "little", "slightly", "far", "even", "somewhat", "lot"))
_TEXTS = word_set("text word words title caption lettering sign label")


def starts_with_edit(pieces: Sequence[Segment]) -> bool:
    """Whether the first stretch of a prompt is an order."""
    return bool(pieces) and pieces[0].kind == "edit"


class EditReader:
    """Reads orders into a scene."""

    def __init__(self, scene: Scene, references: References, clauses: ClauseReader) -> None:
        self.scene = scene
        self.references = references
        self.clauses = clauses

    def read(self, piece: Segment) -> None:
        """Reads one order; one that no rule takes is kept as it is."""
        words = _with_comparatives(with_nouns(tag(piece.tokens)))
        spans = list(piece.opening)
        if words:
            spans = [(spans[0][0], words[-1].end)]
        orders: dict[str, _Order] = {
            "add": self._add,
            "put": self._put,
            "remove": self._remove,
            "replace": self._replace,
            "change": self._change,
            "make": self._make,
            "give": self._give,
            "write": self._write,
        }
        order = orders.get(piece.order)
        if piece.negated:
            order = self._deny if piece.order == "make" else self._remove
        said = "" if piece.negated else whole_style([w.lower for w in words])
        if said and (piece.order in ("make", "change") or words[0].tag in ("PRON", "DET")):
            self.scene.look(said, "style", spans)
            return
        if not words or order is None or not order(words, piece.opening, spans):
            self.scene.loose.append(Loose(spans))

    # -- the orders --------------------------------------------------------------------------

    def _add(self, words: list[Word], opening: list[Span], _: list[Span]) -> bool:
        before = len(self.scene.things)
        self.clauses.read(words, carry=opening)
        if len(self.scene.things) > before:
            self.scene.things[before].definite = False
        return True

    def _put(self, words: list[Word], opening: list[Span], _: list[Span]) -> bool:
        self.clauses.read(words, carry=opening)
        return True

    def _write(self, words: list[Word], opening: list[Span], _: list[Span]) -> bool:
        if not any(w.tag == "QUOTE" for w in words):
            return False
        self.clauses.read(words, carry=opening)
        return True

    def _remove(self, words: list[Word], opening: list[Span], _: list[Span]) -> bool:
        index = 0
        found = 0
        while index < len(words):
            word = words[index]
            if word.tag == "QUOTE":
                absence = Absence(word.text, False, [*opening, (word.start, word.end)])
                absence.literal = word.text
                self.scene.absences.append(absence)
                index, found = index + 1, found + 1
                continue
            got = read_phrase(words, index)
            if got is None:
                index += 1
                continue
            phrase, end = got
            if singular(phrase.head) in _TEXTS and end < len(words) and words[end].tag == "QUOTE":
                index = end
                continue
            stop = end
            while stop < len(words) and words[stop].tag not in ("CONJ", "MARK", "QUOTE"):
                stop += 1
            if not self._removed(phrase, words[index:stop], opening):
                return False
            index, found = stop, found + 1
        return found > 0

    def _removed(self, phrase: Phrase, said: Sequence[Word], opening: list[Span]) -> bool:
        spans = [*opening, *spans_over(said)]
        if phrase.pronoun:
            for thing in self.references.pronoun(phrase.pronoun):
                self.scene.absences.append(Absence(thing.name, thing.many, spans))
                return True
            return False
        if phrase.lemma in ("everything", "background") or phrase.lemma in _WHOLE:
            return False
        absence = self.clauses.gather.absent(phrase, spans, None)
        text = " ".join(w.text for w in said)
        determined = said[0].tag in ("DET", "POSS", "NUM")
        absence.said = text if determined and said[0].lower not in ("any", "a") else ""
        return True

    def _deny(self, words: list[Word], _: list[Span], spans: list[Span]) -> bool:
        """Takes "do not make the car red"."""
        got = read_phrase(words, 0)
        if got is None:
            return False
        phrase, end = got
        modifiers, stop = read_modifiers(words, end, len(words))
        target = self._target(phrase, words[:end])
        if target is None or not modifiers or stop < len(words):
            return False
        for modifier in modifiers:
            self.clauses.gather.trait([target.index], modifier, negated=True, extra=spans)
        return True

    def _replace(self, words: list[Word], opening: list[Span], spans: list[Span]) -> bool:
        cut = _cut(words, ("with", "by", "for"))
        if cut is None:
            return False
        got = read_phrase(words[:cut], 0)
        new = read_phrase(words[cut + 1 :], 0) if cut + 1 < len(words) else None
        if got is None or new is None:
            return False
        if got[0].lemma in ("background", "backdrop"):
            return self._backdrop(words[cut + 1 :], [*opening, *spans_over(words[: cut + 1])])
        old = self._target(got[0], words[:cut])
        if old is None or not new[0].head:
            return False
        return self._swap(old, words[cut + 1 :], spans)

    def _swap(self, old: Thing, words: list[Word], spans: list[Span]) -> bool:
        before = len(self.scene.things)
        self.clauses.read(words)
        if len(self.scene.things) == before:
            return False
        self.scene.things[before].definite = False
        self.scene.swaps.append(Swap(old.index, before, spans))
        return True

    def _change(self, words: list[Word], opening: list[Span], spans: list[Span]) -> bool:
        cut = _cut(words, ("into", "to"))
        if cut is None:
            return self._make(words, opening, spans)
        if cut == 0 or cut + 1 >= len(words):
            return False
        left, right = words[:cut], words[cut + 1 :]
        got = read_phrase(left, 0)
        if got is None:
            return False
        phrase, end = got
        lead = [*opening, *spans_over(words[: cut + 1])]
        of = read_phrase(left, end + 1) if end + 1 < len(left) and left[end].lower == "of" else None
        if phrase.lemma in ("color", "colour", "number", "amount") and (of or phrase.owner):
            target = self._target(of[0] if of else phrase.owner or phrase, left)
            return target is not None and self._became(target, right, lead, spans)
        if phrase.lemma in ("background", "backdrop"):
            return self._backdrop(right, lead)
        if singular(phrase.head) in _TEXTS and any(w.tag == "QUOTE" for w in right):
            quote = next(w for w in right if w.tag == "QUOTE")
            self.scene.letterings.append(Lettering(quote.text, None, spans))
            return True
        if phrase.lemma in _WHOLE or (phrase.pronoun == "it" and not self.scene.things):
            return self._restyle(right, spans)
        target = self._target(phrase, left)
        return target is not None and self._became(target, right, lead, spans)

    def _make(self, words: list[Word], opening: list[Span], spans: list[Span]) -> bool:
        parts = _each_made(words)
        if len(parts) > 1:
            places = [[*opening, *spans_over(part)] for part in parts]
            made = [self._make(p, opening, s) for p, s in zip(parts, places, strict=True)]
            self.scene.loose.extend(
                Loose(s) for s, did in zip(places, made, strict=True) if not did
            )
            return True
        got = read_phrase(words, 0)
        if got is None:
            return False
        phrase, end = got
        if end >= len(words):
            return self._made_alone(phrase, spans)
        rest = words[end:]
        if rest[0].tag == "CONJ":
            return False
        if len(rest) > 1 and rest[0].lower in EXACTLY and rest[1].tag == "NUM":
            rest = rest[1:]
        lead = [*opening, *spans_over(words[:end])]
        if phrase.lemma in ("background", "backdrop"):
            return self._backdrop(rest, lead)
        if phrase.lemma in _WHOLE and rest[0].tag == "PREP":
            self.clauses.read(rest, carry=lead)
            return True
        whole = phrase.lemma in _WHOLE or phrase.pronoun in ("it", "this")
        compared = _compared(rest)
        if compared and whole and not self.scene.things:
            self.scene.look(compared, "style", spans)
            return True
        number = read_phrase(rest, 0) if phrase.pronoun == "it" and rest[0].tag == "NUM" else None
        if number is not None and number[0].head and number[0].count:
            return self._made_alone(number[0], spans)
        if whole and (not self.scene.things or _names_medium(rest)):
            return self._restyle(rest, spans)
        target = self._target(phrase, words[:end])
        if target is not None and compared:
            where, key = [*lead, *spans_over(rest)], rest[-1].lower
            target.traits.append(Trait(compared, key, "size", where, edit=True, compared=True))
            return True
        return target is not None and self._became(target, rest, lead, spans)

    def _made_alone(self, phrase: Phrase, spans: list[Span]) -> bool:
        """Takes "make it three apples": the count stands in the phrase."""
        if phrase.count and phrase.head:
            known = self.references.find(phrase.lemma)
            thing = known or self.references.resolve(phrase, spans)
            return self._recount(thing, phrase.count, spans)
        return False

    def _give(self, words: list[Word], opening: list[Span], _: list[Span]) -> bool:
        got = read_phrase(words, 0)
        if got is None or got[1] >= len(words):
            return False
        target = self._target(got[0], words[: got[1]])
        if target is None:
            return False
        before = len(self.scene.things)
        link = Link("have", "with", [target.index], list(opening), None)
        self.clauses.read(words[got[1] :], pending=link)
        new = self.scene.things[before:]
        if new:
            new[0].definite = False
            if new[0].owner is None and new[0].index > target.index:
                new[0].owner = (target.index, "with")
        return True

    # -- what becomes of a thing -------------------------------------------------------------

    def _target(self, phrase: Phrase, words: Sequence[Word]) -> Thing | None:
        spans = spans_over(words)
        if phrase.pronoun:
            things = self.references.pronoun(phrase.pronoun)
            for thing in things[:1]:
                thing.spans.extend(spans)
                return thing
            return None
        if not phrase.head or phrase.lemma in _WHOLE:
            return None
        if phrase.determiner in ("", "indef"):
            phrase.determiner = "def"
        things, _ = self.clauses.take(phrase, spans)
        return things[0] if things else None

    def _became(self, thing: Thing, right: list[Word], lead: list[Span], spans: list[Span]) -> bool:
        modifiers, end = read_modifiers(right, 0, len(right))
        if modifiers and end == len(right):
            for modifier in modifiers:
                trait = self.references.describe(thing, modifier)
                trait.edit = self.scene.editing
                trait.spans.extend(lead)
            return True
        if right[0].tag in ("NUM",):
            value = number_value(right[0].lower)
            same = len(right) == 1 or singular(right[1].lower) == thing.head
            if value and same:
                return self._recount(thing, value, spans)
        if right[0].tag in ("VERB", "GER") or (
            len(right) == 1 and is_in("verbs", right[0].lower) and right[0].tag != "ADJ"
        ):
            text = " ".join([gerund(right[0].lower), *(w.text for w in right[1:])])
            self.clauses.gather.state([thing.index], text, "action", spans)
            return True
        got = read_phrase(right, 0)
        if got is None or not got[0].head:
            return False
        if is_in("materials", got[0].head) and len(right) == 1:
            modifier = Modifier(got[0].head, got[0].head, "material", tuple(right))
            self.references.describe(thing, modifier).spans.extend(lead)
            return True
        return self._swap(thing, right, spans)

    def _recount(self, thing: Thing, count: int, spans: list[Span]) -> bool:
        thing.count = count
        thing.further = False
        thing.many = count > 1
        thing.spans.extend(spans)
        self.scene.recounts.append(Recount(thing.index, count, spans))
        thing.definite = True
        return True

    def _backdrop(self, right: list[Word], lead: list[Span]) -> bool:
        modifiers, end = read_modifiers(right, 0, len(right))
        thing = self.scene.background(lead)
        if modifiers and end == len(right):
            for modifier in modifiers:
                self.references.describe(thing, modifier)
            return True
        got = read_phrase(right, 0)
        if got is None or not got[0].head:
            return False
        phrase = got[0]
        text = " ".join([*(m.text for m in phrase.modifiers), *phrase.compound, phrase.head])
        key = " ".join([*phrase.compound, phrase.lemma])
        kind = "colour" if is_in("colours", phrase.head) else "scene"
        self.references.describe(thing, Modifier(text, key, kind, tuple(phrase.words)))
        return True

    def _restyle(self, right: list[Word], spans: list[Span]) -> bool:
        words = [w for w in right if w.lower not in ("look", "looks", "appear", "like", "be")]
        text = " ".join(w.text for w in words).lower()
        if not text:
            return False
        self.scene.look(text, "medium" if _names_medium(right) else "style", spans)
        return True


def _each_made(words: list[Word]) -> list[list[Word]]:
    """What is to be made what, one by one: "the sky blue and the grass green"."""
    parts: list[list[Word]] = [[]]
    for index, word in enumerate(words):
        follows = words[index + 1 :]
        known = bool(follows) and follows[0].tag in ("DET", "POSS")
        if word.tag == "CONJ" and known and follows[0].lower not in ("a", "an"):
            parts.append([])
        else:
            parts[-1].append(word)
    told = [read_phrase(part, 0) if part else None for part in parts]
    whole = all(t is not None and t[1] < len(p) for t, p in zip(told, parts, strict=True))
    return parts if whole else [words]


def _with_comparatives(words: Sequence[Word]) -> list[Word]:
    """The words, where what compares a noun before it ("the image brighter") is an adjective."""
    return [
        replace(w, tag="ADJ") if n and words[n - 1].tag == "NOUN" and is_comparative(w.lower) else w
        for n, w in enumerate(words)
    ]


def _compared(words: Sequence[Word]) -> str:
    """A comparison with what is there: "much darker", "more dramatic"; else nothing."""
    lowers = [w.lower for w in words]
    if not lowers:
        return ""
    more = len(lowers) > 1 and lowers[-2] in ("more", "less") and words[-1].tag == "ADJ"
    degree = lowers[: -2 if more else -1]
    if not (more or is_comparative(lowers[-1])) or not set(degree) <= _DEGREES:
        return ""
    return " ".join(lowers)


def _cut(words: Sequence[Word], names: tuple[str, ...]) -> int | None:
    return next((i for i, w in enumerate(words) if w.lower in names and i > 0), None)


def _names_medium(words: Sequence[Word]) -> bool:
    return any(is_in("media", singular(w.lower)) or w.lower == "style" for w in words)
