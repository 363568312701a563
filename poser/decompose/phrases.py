"""Noun phrases and verb groups, cut out of a tagged sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from poser.decompose.lexicon import (
    COLLECTIVE_COUNTS,
    EXACTLY,
    fixed_names,
    is_in,
    material_adjectives,
    word_set,
    words,
)
from poser.decompose.morphology import is_plural, number_value, singular, verb_base
from poser.decompose.tagging import NUM_WORDS, Word


@dataclass(frozen=True, slots=True)
class Modifier:
    """An attribute word before or after its noun.

    Attributes:
        text: The attribute ("dark red", "wooden", "very tall").
        key: The attribute without degree words ("dark red", "wood", "tall").
        kind: colour, material, shape, size or state.
        words: Where it stands.
    """

    text: str
    key: str
    kind: str
    words: tuple[Word, ...]


@dataclass(slots=True)
class Phrase:
    """A noun phrase.

    Attributes:
        words: All its words.
        head: The head noun as it stands, lower case.
        compound: The nouns before the head that belong to its name ("tennis" court).
        determiner: def, indef, poss, no, another, each, both, or "".
        count: A stated number.
        quantifier: A stated vague number ("several").
        modifiers: Attributes.
        owner: Who it belongs to ("the cat's"), or a possessive pronoun.
        pronoun: Where it is a pronoun, which.
        proper: Whether it is a name, kept as written.
        different: Whether it speaks of "other" ones.
        further: Whether its number comes on top of others: "two more dogs".
    """

    words: list[Word] = field(default_factory=list)
    head: str = ""
    compound: list[str] = field(default_factory=list)
    determiner: str = ""
    count: int | None = None
    quantifier: str = ""
    modifiers: list[Modifier] = field(default_factory=list)
    owner: Phrase | None = None
    owner_pronoun: str = ""
    pronoun: str = ""
    proper: bool = False
    different: bool = False
    further: bool = False

    @property
    def lemma(self) -> str:
        """The head noun in the singular."""
        if self.head == "glasses" and (self.compound or (self.count or 0) > 1):
            return "glass"
        return self.head if self.proper else singular(self.head)

    @property
    def plural(self) -> bool:
        """Whether it stands for several things."""
        if self.count is not None:
            return self.count != 1
        return bool(self.quantifier and is_plural(self.head)) or (
            not self.proper and is_plural(self.head)
        )


@dataclass(slots=True)
class Verbal:
    """A verb with its auxiliaries and adverbs.

    Attributes:
        words: All its words.
        base: The base form; "be" where there is no other verb, "have" for possession.
        form: finite, ing or part.
        negated: Whether it is denied.
        particle: "up", "down": an adverb that belongs to it.
        auxiliary: Whether a finite form is among the words.
    """

    words: list[Word]
    base: str
    form: str
    negated: bool = False
    particle: str = ""
    auxiliary: bool = False


_DETERMINERS = {
    "a": "indef", "an": "indef", "the": "def", "this": "def", "these": "def", "those": "def",
    "that": "def", "no": "no", "another": "another", "each": "each", "every": "each",
    "both": "both", "any": "any", "all": "def", "either": "def", "neither": "no", "such": "indef",
}  # fmt: skip
_SIDES = word_set("left right front rear upper lower inner outer hind top bottom")
_IDLE = word_set("other same such own only certain main next")
_VIVID = word_set("bright vivid vibrant rich plain solid")
_LONE = frozenset(("single",))
_DIRECTIONS = word_set(
    """
    left right forward forwards backward backwards straight sideways inward inwards outward
    """
)
_BESIDES = word_set("only merely just simply solely")  # "not only" denies nothing
_PARTICLES = word_set("up down out off apart together away back")


def modifier_kind(word: str) -> str:
    """What kind of attribute a word is."""
    if is_in("colours", word) or word.endswith(("-colored", "-coloured")):
        return "colour"
    if word in material_adjectives() or is_in("materials", word):
        return "material"
    if is_in("sizes", word):
        return "size"
    if is_in("shapes", word) or word.endswith("-shaped"):
        return "shape"
    return "state"


def _is_shade(word: str, following: Word | None) -> bool:
    return (
        following is not None and is_in("colour_shades", word) and is_in("colours", following.lower)
    )


def read_modifiers(tagged: Sequence[Word], index: int, limit: int) -> tuple[list[Modifier], int]:
    """Adjectives from ``index`` on, joined by commas and "and"; and where they end."""
    found: list[Modifier] = []
    while index < limit:
        start = index
        while index < limit and tagged[index].tag == "ADV" and index + 1 < limit:
            index += 1
        if index >= limit or tagged[index].tag != "ADJ":
            return found, start
        degree = list(tagged[start:index])
        group = [tagged[index]]
        following = tagged[index + 1] if index + 1 < limit else None
        if _is_shade(tagged[index].lower, following) and following is not None:
            group.append(following)
            index += 1
        found.append(make_modifier(degree, group))
        index += 1
        joined = index
        while joined < limit and (tagged[joined].tag == "CONJ" or tagged[joined].lower == ","):
            joined += 1
        if joined > index:
            probe = joined
            while probe < limit and tagged[probe].tag == "ADV":
                probe += 1
            if probe < limit and tagged[probe].tag == "ADJ" and joined - index <= 2:
                index = joined
            else:
                return found, index
    return found, index


def make_modifier(degree: Sequence[Word], group: Sequence[Word]) -> Modifier:
    """One attribute of its degree words and its own."""
    key = " ".join(w.lower for w in group)
    last = group[-1].lower
    kind = modifier_kind(last)
    adverbs = [w.lower for w in degree if w.lower not in ("also", "now", "just")]
    text = " ".join([*adverbs, key])
    if kind == "colour" and len(group) > 1 and group[0].lower in _VIVID:
        key = last
    if kind == "material":
        key = material_adjectives().get(key, key)
    return Modifier(text, key, kind, (*degree, *group))


def read_phrase(tagged: Sequence[Word], index: int) -> tuple[Phrase, int] | None:
    """The noun phrase that begins at ``index``, and where it ends; ``None`` where none does."""
    start = index
    limit = len(tagged)
    phrase = Phrase()
    bare_one = tagged[index].lower == "one" and index + 1 < limit and tagged[index + 1].tag == "ADJ"
    if tagged[index].tag == "PRON" and not bare_one:
        phrase.pronoun = tagged[index].lower
        phrase.words = [tagged[index]]
        return phrase, index + 1
    index = _determiners(tagged, index, phrase)
    while index < limit and tagged[index].tag == "ADV" and tagged[index].lower in EXACTLY:
        index += 1
    index = _numbers(tagged, index, phrase)
    index = _modifiers_and_nouns(tagged, index, phrase)
    if not phrase.head:
        taken = tagged[start:index]
        if phrase.determiner in ("both", "def", "each") and index == start + 1:
            word = tagged[start].lower
            if word in ("both", "this", "these", "those", "all", "each"):
                phrase.pronoun = word
        elif phrase.determiner == "another":
            phrase.pronoun = "another"
        elif phrase.count and phrase.modifiers and tagged[start].tag in ("NUM", "PRON"):
            phrase.pronoun = "one" if phrase.count == 1 else "some"
        elif phrase.count is not None and taken and taken[-1].tag == "NUM":
            phrase.pronoun = "all" if tagged[start].lower == "all" else "number"
        if not phrase.pronoun:
            return None
    phrase.words = list(tagged[start:index])
    if phrase.head and index < limit - 1 and tagged[index].tag == "GEN":
        return _owned(tagged, index, phrase)
    return phrase, index


def _owned(tagged: Sequence[Word], index: int, owner: Phrase) -> tuple[Phrase, int]:
    """The phrase after "the cat's"; where there is none, the owner itself."""
    following = read_phrase(tagged, index + 1)
    if following is None or not following[0].head:
        return owner, index + 1
    phrase, end = following
    phrase.owner = owner
    phrase.determiner = "poss"
    phrase.words = [*owner.words, tagged[index], *phrase.words]
    return phrase, end


def _determiners(tagged: Sequence[Word], index: int, phrase: Phrase) -> int:
    limit = len(tagged)
    while index < limit:
        word = tagged[index]
        if word.tag == "DET":
            phrase.determiner = _DETERMINERS.get(word.lower, "def")
            index += 1
            if (
                word.lower in ("all", "both", "each")
                and index + 1 < limit
                and tagged[index].lower == "of"
                and tagged[index + 1].tag in ("DET", "POSS")
            ):
                index += 1
        elif word.tag == "POSS":
            phrase.determiner = "poss"
            phrase.owner_pronoun = word.lower
            index += 1
        else:
            break
    return index


def _numbers(tagged: Sequence[Word], index: int, phrase: Phrase) -> int:
    limit = len(tagged)
    if index + 1 < limit and tagged[index].lower == "one" and tagged[index].tag == "PRON":
        phrase.count = 1
        return index + 1
    while index < limit and tagged[index].tag == "NUM":
        lower = tagged[index].lower
        value = number_value(lower)
        if value is not None and value > 0 and phrase.count is None:
            phrase.count = value
        elif lower == "more" and phrase.count is not None:
            phrase.further = True
        elif lower in NUM_WORDS:
            phrase.quantifier = lower
        index += 1
        if (
            index + 1 < limit
            and tagged[index].lower == "of"
            and tagged[index + 1].tag in ("DET", "POSS")
        ):
            phrase.determiner = _DETERMINERS.get(tagged[index + 1].lower, "def")
            index += 2
    return index


def _modifiers_and_nouns(tagged: Sequence[Word], index: int, phrase: Phrase) -> int:
    limit = len(tagged)
    found, index = read_modifiers(tagged, index, limit)
    phrase.modifiers.extend(found)
    if index < limit and tagged[index].tag == "NUM" and phrase.modifiers and not phrase.count:
        index = _numbers(tagged, index, phrase)
        found, index = read_modifiers(tagged, index, limit)
        phrase.modifiers.extend(found)
    nouns: list[Word] = []
    while index < limit:
        word = tagged[index]
        if word.tag == "NOUN":
            nouns.append(word)
            index += 1
        elif word.tag == "ADJ" and nouns and _bridges(tagged, index):
            nouns[:] = [*nouns, word]
            index += 1
        else:
            break
    if not nouns:
        if phrase.modifiers and phrase.determiner in ("indef", "def") and found:
            return index
        return index
    _name(nouns, phrase)
    sides = [m for m in phrase.modifiers if m.key in _SIDES]
    if sides and not phrase.proper:
        phrase.compound = [*(m.key for m in sides), *phrase.compound]
    phrase.modifiers = [m for m in phrase.modifiers if m.key not in _SIDES]
    if phrase.count is None and any(m.key in _LONE for m in phrase.modifiers):
        phrase.count = 1
        phrase.modifiers = [m for m in phrase.modifiers if m.key not in _LONE]
    if not phrase.proper:
        named = phrase.compound[0] if phrase.compound else phrase.lemma
        whole = [m for m in phrase.modifiers if (m.key, named) in fixed_names()]
        phrase.compound = [*(m.key for m in whole), *phrase.compound]
        phrase.modifiers = [m for m in phrase.modifiers if m not in whole]
    idle = [m for m in phrase.modifiers if m.key in _IDLE]
    if any(m.key == "other" for m in idle):
        phrase.different = True
    phrase.modifiers = [m for m in phrase.modifiers if m.key not in _IDLE]
    return index


def _bridges(tagged: Sequence[Word], index: int) -> bool:
    """Whether an adjective stands between the nouns of one phrase: "snow covered hills"."""
    after = index + 1
    return (
        after < len(tagged)
        and tagged[after].tag == "NOUN"
        and tagged[index].lower.endswith(("ed", "lit", "made"))
    )


def _name(nouns: list[Word], phrase: Phrase) -> None:
    """Splits a run of nouns into attributes, compound and head."""
    head = nouns[-1]
    before = list(nouns[:-1])
    while before and before[-1].tag == "ADJ":
        bridge = before.pop()
        owner = before.pop() if before else bridge
        group = (owner, bridge) if owner is not bridge else (bridge,)
        text = " ".join(w.lower for w in group)
        phrase.modifiers.append(Modifier(text, text, "state", group))
    kept: list[Word] = []
    for word in before:
        if word.tag != "NOUN":
            kept.append(word)
        elif is_in("materials", word.lower) and not _inseparable(word.lower, head.lower):
            phrase.modifiers.append(Modifier(word.lower, word.lower, "material", (word,)))
        elif word.lower in COLLECTIVE_COUNTS:
            phrase.count = COLLECTIVE_COUNTS[word.lower]
        else:
            kept.append(word)
    named = [w for w in (*kept, head) if w.text[:1].isupper()]
    first_of_sentence = nouns[0].start == 0
    phrase.proper = bool(named) and (
        len(named) == len(kept) + 1
        and (len(named) > 1 or not first_of_sentence)
        and not head.text.isupper()
        and phrase.determiner not in ("indef",)
        and not _ordinary(head.lower)
    )
    phrase.compound = [w.text if phrase.proper else w.lower for w in kept]
    phrase.head = head.text if phrase.proper else head.lower


def _ordinary(noun: str) -> bool:
    """Whether a capitalised noun is an ordinary one all the same."""
    one = singular(noun)
    lists = (
        "persons", "animals", "parts", "clothing", "vehicles", "settings", "mass_nouns", "media",
        "collectives", "containers", "materials", "colours", "places_in_picture",
    )  # fmt: skip
    return any(one in words(name) for name in lists)


def _inseparable(first: str, second: str) -> bool:
    """Compounds in which the material word names the thing."""
    return (first, singular(second)) in {
        ("ice", "cream"), ("rubber", "duck"), ("paper", "clip"), ("iron", "man"),
        ("sand", "castle"), ("glass", "window"), ("ice", "cube"), ("ice", "rink"),
        ("tin", "can"), ("feather", "boa"), ("paper", "towel"), ("stone", "age"),
        ("pine", "tree"), ("oak", "tree"), ("birch", "tree"), ("cedar", "tree"), ("pine", "cone"),
        ("brick", "layer"), ("sand", "dune"), ("paper", "boat"), ("ice", "skate"),
        ("chocolate", "chip"), ("bamboo", "forest"), ("pine", "forest"), ("bone", "fish"),
    }  # fmt: skip


def read_verbal(tagged: Sequence[Word], index: int) -> tuple[Verbal, int] | None:
    """The verb group that begins at ``index``, and where it ends; ``None`` where none does."""
    start = index
    limit = len(tagged)
    negated = False
    auxiliary = ""
    base = ""
    form = "finite"
    while index < limit:
        word = tagged[index]
        if word.tag in ("BE", "HAVE", "MODAL"):
            if base:
                break
            auxiliary = {"BE": "be", "HAVE": "have"}.get(word.tag, "do")
        elif word.tag == "NEG":
            following = tagged[index + 1].lower if index + 1 < limit else ""
            negated = negated or following not in _BESIDES
        elif word.tag == "ADV":
            if not _verb_ahead(tagged, index) and (auxiliary or not base):
                break
        elif word.tag in ("VERB", "GER", "PART") and not base:
            base = verb_base(word.lower)
            form = {"VERB": "finite", "GER": "ing", "PART": "part"}[word.tag]
            index += 1
            break
        elif word.tag == "TO" and index > start:
            if base:
                break
        else:
            break
        index += 1
    if not base and not auxiliary:
        return None
    particle = ""
    if base and index < limit and _direction(tagged, index):
        particle = tagged[index].lower
        index += 1
    elif base and index < limit and tagged[index].tag == "ADV":
        while index < limit and tagged[index].tag == "ADV":
            if tagged[index].lower in _PARTICLES:
                particle = tagged[index].lower
            elif index + 1 < limit and tagged[index + 1].tag == "ADJ":
                break
            index += 1
    verbal = Verbal(list(tagged[start:index]), base or auxiliary, form, negated, particle)
    verbal.auxiliary = bool(auxiliary)
    return verbal, index


def _direction(tagged: Sequence[Word], index: int) -> bool:
    """Whether a word says which way the verb before it goes: "leaning left"."""
    if tagged[index].lower not in _DIRECTIONS:
        return False
    after = index + 1
    return after >= len(tagged) or tagged[after].tag not in ("NOUN", "ADJ", "PREP")


def _verb_ahead(tagged: Sequence[Word], index: int) -> bool:
    while index < len(tagged) and tagged[index].tag in ("ADV", "NEG"):
        index += 1
    return index < len(tagged) and tagged[index].tag in ("VERB", "GER", "PART", "BE", "HAVE")
