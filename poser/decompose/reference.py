"""Which thing a noun phrase speaks of: a new one, or one that the prompt named before.

Candidates are kept by head noun and looked at from the latest back, a bounded number of them.
"""

from __future__ import annotations

from collections import defaultdict

from poser.decompose.lexicon import compounds, is_in, word_set
from poser.decompose.morphology import is_uncounted
from poser.decompose.phrases import Modifier, Phrase
from poser.decompose.scene import Scene, Span, Thing, Trait

_NEVER_SHORT = word_set("hot sea guinea jelly star")
_LOOK_BACK = 12
_KINDS: dict[str, str] = {
    "person": "persons", "figure": "persons", "man": "persons", "character": "persons",
    "subject": "persons", "animal": "animals", "creature": "animals", "bird": "animals",
    "pet": "animals", "vehicle": "vehicles", "craft": "vehicles",
}  # fmt: skip
_BIRDS = word_set(
    """
    duck goose turkey eagle hawk owl parrot crow raven penguin flamingo swan peacock pigeon
    sparrow robin seagull ostrich chicken rooster hen
    """
)
_GENDERED = {"he": "man", "him": "man", "his": "man", "she": "woman", "her": "woman"}
_FEMALE = word_set("woman girl lady queen princess witch bride waitress actress mother")
_MALE = word_set("man boy king prince wizard groom father son gentleman guy knight")


class References:
    """The things named so far, by noun and by what a pronoun may mean."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._by_head: dict[str, list[int]] = defaultdict(list)
        self._by_kind: dict[str, list[int]] = defaultdict(list)
        self._recent: list[int] = []
        self.topic: list[int] = []
        self.current: list[int] = []

    def resolve(self, phrase: Phrase, spans: list[Span]) -> Thing:
        """The thing that a noun phrase names; a new one where it names none before."""
        found = None if phrase.further and self.scene.editing else self._known(phrase)
        if found is None:
            found = self._new(phrase)
        else:
            if phrase.count and found.count is None:
                found.count, found.many = phrase.count, phrase.count > 1
        found.spans.extend(spans)
        self.note(found)
        for modifier in phrase.modifiers:
            self.describe(found, modifier)
        return found

    def note(self, thing: Thing) -> None:
        """Makes the thing the latest one named."""
        if self._recent[-1:] != [thing.index]:
            self._recent.append(thing.index)

    def find(self, head: str) -> Thing | None:
        """The latest thing of that head noun."""
        known = self._by_head.get(head)
        return self.scene.things[known[-1]] if known else None

    def forget(self, thing: Thing) -> None:
        """Takes back the newest thing, which turned out to be none."""
        for known in (self._by_head[thing.head.lower()], self._recent, *self._by_kind.values()):
            while known and known[-1] == thing.index:
                known.pop()

    def describe(self, thing: Thing, modifier: Modifier, *, negated: bool = False) -> Trait:
        """The trait that a modifier gives to a thing; the same trait is given once."""
        spans = spans_of(modifier)
        for trait in thing.traits:
            if trait.key == modifier.key and trait.negated == negated:
                trait.spans.extend(spans)
                return trait
        trait = Trait(modifier.text, modifier.key, modifier.kind, spans, negated)
        thing.traits.append(trait)
        return trait

    def pronoun(self, word: str, count: int | None = None) -> list[Thing]:
        """The things that a pronoun stands for, "all three"; none where nothing fits."""
        if word in ("it", "its", "itself", "this", "that", "another", "number"):
            return self._singular()
        if word in ("he", "him", "his", "she", "her", "himself", "herself", "hers"):
            return self._person(word)
        if word in (
            "they",
            "them",
            "their",
            "these",
            "those",
            "themselves",
            "all",
            "each",
            "theirs",
        ):
            if count is not None and count > 2:
                return self._several(count, exactly=True)
            return self._several(2 if word in ("each", "all") else 0)
        if word == "both":
            return self._several(2, exactly=True)
        if word in ("one", "ones", "some", "other", "others"):
            return self._several(1)
        return []

    def _things(self, indices: list[int]) -> list[Thing]:
        return [t for i in indices if (t := self.scene.things[i]).role != "gone"]

    def _singular(self) -> list[Thing]:
        topic = [self._root(t) for t in self._things(self.current or self.topic)]
        if len(topic) == 1 and not topic[0].many and not _is_person(topic[0]):
            return topic
        for thing in self._latest():
            if not thing.many and not _is_person(thing) and thing.owner is None:
                return [thing]
        for thing in self._latest():
            if not _is_person(thing):
                return [thing]
        return next(([t] for t in self._latest()), [])

    def _root(self, thing: Thing) -> Thing:
        """What a part is a part of."""
        for _ in range(8):
            if thing.owner is None:
                break
            thing = self.scene.things[thing.owner[0]]
        return thing

    def nearest(self, excluded: list[int]) -> Thing | None:
        """The latest single thing, persons and parts left out, that is not excluded."""
        for thing in self._latest():
            alone = not thing.many and not _is_person(thing) and thing.owner is None
            if alone and thing.index not in excluded and thing.role != "backdrop":
                return thing
        return None

    def _person(self, word: str) -> list[Thing]:
        wrong = _MALE if _GENDERED.get(word) == "woman" or word.startswith("her") else _FEMALE
        latest = [t for t in self._latest() if not t.many]
        for thing in latest:
            if _is_person(thing) and thing.head not in wrong:
                return [thing]
        for thing in latest:
            if thing.proper or is_in("animals", thing.head):
                return [thing]
        return []

    def _several(self, wanted: int, *, exactly: bool = False) -> list[Thing]:
        topic = self._things(self.current or self.topic)
        if wanted != 1 and len(topic) > 1 and not (exactly and len(topic) < wanted):
            return topic
        if len(topic) == 1 and topic[0].many and not (exactly and _not(wanted, topic[0])):
            return topic
        for thing in self._latest():
            if exactly and _not(wanted, thing):
                continue
            if thing.many and (thing.owner is None or wanted == 1):
                return [thing]
        if wanted >= 2:
            seen: list[Thing] = []
            for thing in self._latest():
                if thing not in seen and thing.owner is None:
                    seen.append(thing)
                if len(seen) == wanted:
                    return seen[::-1]
        for thing in self._latest():
            if _is_person(thing):
                return [thing]
        if wanted == 0 and (pair := self.pair([])):  # "a dog left of a cat. Behind them ..."
            return pair
        return next(([t] for t in self._latest()), [])

    def pair(self, excluded: list[int]) -> list[Thing]:
        """The two things named last that are not excluded, in their order; none without two."""
        alone = [t.index for t in self._latest() if t.owner is None and t.role == "thing"]
        pair = [i for i in dict.fromkeys(alone) if i not in excluded][:2]
        return self._things(pair[::-1]) if len(pair) == 2 else []

    def _latest(self) -> list[Thing]:
        latest = [self.scene.things[i] for i in self._recent[: -_LOOK_BACK - 1 : -1]]
        return [t for t in latest if t.role != "gone"]

    def _known(self, phrase: Phrase) -> Thing | None:
        if phrase.determiner in ("indef", "another"):
            return None
        if phrase.determiner == "poss":
            return self._owned(phrase)
        lemma = phrase.lemma.lower()
        candidates = self._by_head[lemma][-_LOOK_BACK:]
        fitting = [t for t in reversed(self._things(candidates)) if _fits(t, phrase)]
        definite = phrase.determiner in ("def", "each", "both")
        if fitting:
            exact = [t for t in fitting if _shares(t, phrase)]
            if definite or phrase.determiner == "any" or not phrase.modifiers or exact:
                sole = phrase.count == 1 and fitting[0].count is None and not phrase.modifiers
                if phrase.count is not None and not definite and not exact and not sole:
                    return None
                return (exact or fitting)[0]
            return None
        if definite and not phrase.compound and not phrase.modifiers:
            return self._by_sort(lemma)
        return None

    def _owned(self, phrase: Phrase) -> Thing | None:
        for index in reversed(self._by_head[phrase.lemma.lower()][-_LOOK_BACK:]):
            thing = self.scene.things[index]
            if thing.owner is not None and _fits(thing, phrase):
                owners = self.owners(phrase)
                if any(o.index == thing.owner[0] for o in owners):
                    return thing
        return None

    def owners(self, phrase: Phrase) -> list[Thing]:
        """The things that a possessive phrase gives its noun to."""
        if phrase.owner_pronoun:
            return self.pronoun(phrase.owner_pronoun)
        if phrase.owner is not None and phrase.owner.head:
            known = self._known(phrase.owner)
            return [known] if known else []
        return []

    def _by_sort(self, lemma: str) -> Thing | None:
        sort = _KINDS.get(lemma)
        if sort is None:
            return None
        for index in reversed(self._by_kind[sort][-_LOOK_BACK:]):
            thing = self.scene.things[index]
            if lemma == "bird" and thing.head not in _BIRDS:
                continue
            if lemma == "man" and thing.head in _FEMALE:
                continue
            return thing
        return None

    def counted_up(self, phrase: Phrase) -> Thing | None:
        """The thing that "one more" of it is added to, of which nothing but a number is said."""
        if self.scene.editing or not phrase.count:
            return None
        related = {i for r in self.scene.relations for i in (r.subject, r.object, r.also)}
        for thing in reversed(self._things(self._by_head[phrase.lemma.lower()][-_LOOK_BACK:])):
            if thing.compound != tuple(phrase.compound):
                continue
            before = thing.count if thing.many else thing.count or 1
            bare = not thing.traits and thing.owner is None and thing.index not in related
            if not before or not bare or thing.definite or thing.invariant:
                return None
            thing.count, thing.many = before + phrase.count, True
            return thing
        return None

    def _new(self, phrase: Phrase) -> Thing:
        thing = self.scene.add(phrase.lemma, spans=[], compound=tuple(phrase.compound))
        thing.invariant = is_uncounted(thing.name) and phrase.head == phrase.lemma
        thing.many = phrase.plural and not (thing.invariant and phrase.count is None)
        thing.count = phrase.count
        thing.further = phrase.further and phrase.determiner == "" and self.scene.editing
        thing.quantifier = phrase.quantifier
        thing.proper = phrase.proper
        thing.definite = phrase.determiner in ("def", "poss", "both", "each")
        thing.has_article = phrase.determiner in ("indef", "another")
        if thing.has_article and not phrase.count:
            thing.many = phrase.plural and phrase.head != phrase.lemma
        self._by_head[thing.head.lower()].append(thing.index)
        for sort in ("persons", "animals", "vehicles"):
            if is_in(sort, thing.head):
                self._by_kind[sort].append(thing.index)
        return thing


def spans_of(modifier: Modifier) -> list[Span]:
    """Where the words of a modifier stand."""
    return [(w.start, w.end) for w in modifier.words]


def _is_person(thing: Thing) -> bool:
    return is_in("persons", thing.head)


def _not(wanted: int, thing: Thing) -> bool:
    """Whether the thing cannot be so many by itself: three cats for "both", or scissors."""
    return thing.count not in (None, wanted) or is_in("plural_only", thing.head)


def _colours(traits: list[Trait]) -> set[str]:
    return {t.key for t in traits if t.kind == "colour" and not t.negated}


def _fits(thing: Thing, phrase: Phrase) -> bool:
    """Whether nothing in the phrase speaks against the thing."""
    if phrase.compound and thing.compound and tuple(phrase.compound) != thing.compound:
        return False
    if thing.compound and not phrase.compound and is_in("parts", thing.head):
        return phrase.plural == thing.many and phrase.determiner in ("def", "poss")
    if phrase.compound and not thing.compound and phrase.determiner not in ("def", "poss"):
        return False
    if _other_kind(thing, phrase):
        return False
    if phrase.count is not None and thing.count is not None and phrase.count != thing.count:
        return False
    if phrase.count is not None and (phrase.count > 1) != thing.many:
        return False
    asked = {m.key for m in phrase.modifiers if m.kind == "colour"}
    has = _colours(thing.traits)
    if asked and has and not asked & has:
        return False
    opposed = {m.key for m in phrase.modifiers} & {"second", "different"}
    return not opposed and not phrase.different


def _other_kind(thing: Thing, phrase: Phrase) -> bool:
    """Whether one is the animal and the other only called so: a dog and a hot dog."""
    if bool(thing.compound) == bool(phrase.compound) or not is_in("animals", thing.head):
        return False
    first = [*thing.compound, *phrase.compound][-1]
    named = (first, thing.head) in compounds()
    return named and (bool(phrase.compound) or first in _NEVER_SHORT)


def _shares(thing: Thing, phrase: Phrase) -> bool:
    keys = {t.key for t in thing.traits}
    return bool(phrase.modifiers) and all(m.key in keys for m in phrase.modifiers)
