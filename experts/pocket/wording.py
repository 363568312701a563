"""What the words of an instruction ask of objects: how many, how large, where beside another."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from experts.pocket import world
from experts.pocket.planner import NOUN_OF

_NUMBERS: Final = {word: index + 1 for index, word in enumerate(world.NUMBERS)}
_RELATIONS: Final = {relation.split()[0]: relation for relation in world.RELATIONS}

_VERBS: Final = {
    "add": "add", "insert": "add", "draw": "add",
    "put": "put", "place": "put", "move": "move",
    "make": "change", "change": "change", "turn": "change", "set": "change",
    "paint": "change", "recolour": "change",
    "replace": "swap", "swap": "swap",
    "remove": "remove", "delete": "remove", "erase": "remove", "take": "remove",
    "there": "there",
}  # fmt: skip
"""What a verb, or "there", is about."""

_COPULAS: Final = frozenset(("is", "are", "be", "should"))
_INTO: Final = frozenset(("with", "by", "for", "into", "to"))
_MORE: Final = frozenset(("more", "another"))
_LOOKS: Final = frozenset((*world.COLOURS, *world.SIZES))
_BEFORE_NOUNS: Final = frozenset(
    (*_LOOKS, *_NUMBERS, *_MORE, "exactly", "only", "all", "and", "of")
)
"""Words that may stand between two nouns of which the second is no mere landmark."""

_ELSEWHERE: Final = frozenset(("on", "in", "background"))
"""Words from which on a clause says nothing of its objects: "on a blue background"."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What is asked of kinds of object. What only says which objects are meant is not asked for.

    Attributes:
        totals: How many there are to be, by kind.
        more: How many are to come, by kind.
        fewer: How many are to go, or to be moved, by kind.
        colours: One of `world.COLOURS`, by kind: the objects that numbers are about.
        sizes: One of `world.SIZES`, by kind, of objects to come.
        resized: Likewise, of objects that are there.
        new: Kinds of which objects are to come, and none are to be moved.
        replaced: Kinds that are to go, all or as many as `fewer` says, for others to take their
            places.
        relation: Kind, one of `world.RELATIONS`, and the kind that it is to be beside; None where
            none is asked for.
    """

    totals: Mapping[str, int] = field(default_factory=dict)
    more: Mapping[str, int] = field(default_factory=dict)
    fewer: Mapping[str, int] = field(default_factory=dict)
    colours: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, str] = field(default_factory=dict)
    resized: Mapping[str, str] = field(default_factory=dict)
    new: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()
    relation: tuple[str, str, str] | None = None


def wording_of(tokenizer: Any, text: str) -> Wording:
    """Reads an instruction.

    The verb decides what the words around a noun ask for: "add two cars" asks for two more, "make
    it two cars" for two in all, "remove two cars" for two fewer, and "paint the two cars red" for
    no number at all. A clause that says "not" asks for nothing here.

    Args:
        tokenizer: The pocket tokenizer, which brings texts to the world's few forms.
        text: The instruction.
    """
    reader = _Reader()
    clause = _Clause("")
    run: list[str] = []
    for token in tokenizer.tokenize(_plainer(text)):
        if token in _VERBS:
            clause.rest = run
            reader.read(clause)
            negated = any(word in ("not", "no") for word in run[-2:])
            clause = _Clause("" if negated else _VERBS[token], negated)
        elif token in NOUN_OF:
            noun = NOUN_OF[token]
            clause.named.append((noun, world.NOUNS[noun].plural_token != token, run))
        else:
            run.append(token)
            continue
        run = []
    clause.rest = run
    reader.read(clause)
    return reader.wording()


def _plainer(text: str) -> str:
    """The text with words for what the tokenizer has none of, or drops."""
    text = re.sub(r"n['\u2019]t\b|\bnever\b", " not", text.lower())
    # Of "between the car and the tree" neither is to come.
    text = re.sub(r"\b(between\b.{1,40}?)\band\b", r"\1 next to", text)
    text = re.sub(r"\b(?:each|every)\b", "all", text)
    return text.replace(",", " and ")


@dataclass(slots=True)
class _Clause:
    """A verb and what follows it.

    Attributes:
        verb: Of `_VERBS`' values; "" before the first.
        negated: Whether it says what not to do.
        named: Kinds of object, whether in the singular, and the words before since the last one.
        rest: The words after the last.
        guess: Kinds of which a number or relation may only say which are meant.
    """

    verb: str
    negated: bool = False
    named: list[tuple[str, bool, list[str]]] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)
    guess: list[str] = field(default_factory=list)

    @property
    def it(self) -> bool:
        """Whether "it" stands before the first noun: the picture, or what was named before."""
        return bool(self.named) and "it" in self.named[0][2]


class _Reader:
    """Reads one text, clause by clause."""

    def __init__(self) -> None:
        self.totals: dict[str, int] = {}
        self.more: dict[str, int] = {}
        self.fewer: dict[str, int] = {}
        self.colours: dict[str, str] = {}
        self.unclear: set[str] = set()
        self.sizes: dict[str, str] = {}
        self.resized: dict[str, str] = {}
        self.new: set[str] = set()
        self.old: set[str] = set()
        self.replaced: set[str] = set()
        self.relation: tuple[str, str, str] | None = None
        self.heads: list[str] = []
        self.open = False
        """Whether the relation may be another one yet: no other object was named since."""
        self.told: dict[str, tuple[int | None, set[str]]] = {}
        """Number and colour of what is there, by kind, should it be replaced."""

    def wording(self) -> Wording:
        """All that was read."""
        for noun in self.unclear:
            self.totals.pop(noun, None)
            self.colours.pop(noun, None)
        return Wording(
            self.totals, self.more, self.fewer, self.colours, self.sizes, self.resized,
            frozenset(self.new), frozenset(self.replaced), self.relation,
        )  # fmt: skip

    def read(self, clause: _Clause) -> None:
        """Takes a clause; what a noun of the one before is said to be may stand in it."""
        if clause.negated:
            self.heads, self.open = [noun for noun, _, _ in clause.named[:1]], False
            return
        links = [_link(clause, index) for index in range(len(clause.named))]
        into = placed = False
        every = any("all" in words for _, _, words in clause.named)
        for index, ((noun, single, _), (link, after, before)) in enumerate(
            zip(clause.named, links, strict=True)
        ):
            if index or link:
                self._predicates(clause, after)
            if link in world.RELATIONS:
                self._relate(clause, link, noun, after)
                placed = True
            elif link == "landmark":
                self.heads = self.heads if index else []
                placed = True
            else:
                ahead = [kind for kind, _, _ in links[index + 1 :]]
                was, into = into, link == "into" or (into and "into" not in ahead)
                if link == "into":
                    self._replace(noun)
                joined = link == "and" and into == was and not after and not placed
                self.heads = [*self.heads, noun] if index and joined else [noun]
                self.open = placed = False
                one = single and not (into and every)
                self._attributes(clause, noun, one, before, into)
        self._predicates(clause, clause.rest)

    def _replace(self, by: str) -> None:
        """Takes what an object is to take the place of."""
        for noun in self.heads:
            if noun == by:
                continue
            self.replaced.add(noun)
            number, colours = self.told.get(noun, (None, set()))
            if number is not None:
                self.fewer[noun] = number
            if len(colours) == 1:
                self.colours[noun] = next(iter(colours))

    def _attributes(
        self, clause: _Clause, noun: str, single: bool, words: Sequence[str], into: bool
    ) -> None:
        """Takes what stands before a noun."""
        verb, it = clause.verb, clause.it
        more = bool(_MORE & set(words))
        coming = verb in ("add", "put") or into
        number = _number(words, some=verb in ("remove", "move"))
        colours = {word for word in words if word in world.COLOURS}
        if verb in ("swap", "change") and not into and not it:
            self.old.add(noun)
            self.told[noun] = _number(words, some=True), colours
        if coming and noun in self.old:
            if number is not None and number > 1:
                self.totals[noun] = number
            return
        counted = more and number is not None
        if verb == "add" or into or (verb in ("put", "there") and counted):
            self.new.add(noun)
        sizes = [word for word in words if word in world.SIZES]
        whole = verb in ("", "there") or (verb == "change" and it and not into)
        if number is None and coming and single and noun in self.new:
            number = 1
        if len(colours) > 1:
            number = None
        if number is not None:
            kept = self.more if coming or (whole and more) else None
            kept = self.totals if kept is None and whole else kept
            kept = self.fewer if verb in ("remove", "move") else kept
            if kept is not None:
                self._count(kept, noun, number, colours)
                clause.guess += [noun] if kept is self.totals and not verb else []
        if sizes and (coming or whole):
            self.sizes[noun] = sizes[-1]

    def _count(self, kept: dict[str, int], noun: str, number: int, colours: set[str]) -> None:
        """Takes a number; several of one kind, of other colours perhaps, are taken together."""
        if noun in kept:
            self.unclear.add(noun)
            number += kept[noun]
        elif colours:
            self.colours[noun] = next(iter(colours))
        kept[noun] = number

    def _predicates(self, clause: _Clause, words: Sequence[str]) -> None:
        """Takes what is said of nouns after them."""
        verb, guess = clause.verb, clause.guess
        if not self.heads or verb in ("remove", "swap", "move"):
            return
        words = words[: next((i for i, w in enumerate(words) if w in _ELSEWHERE), None)]
        if guess and set(words) & (_COPULAS | _LOOKS):
            # "Two cars are red", "the car left of the tree should be blue": which are meant.
            for noun in guess:
                self.totals.pop(noun, None)
                self.colours.pop(noun, None)
            if self.relation is not None and self.relation[0] in guess:
                self.relation = None
            guess.clear()
        for index, word in enumerate(words):
            if word == "not":
                break
            for head in self.heads:
                if word in world.SIZES:
                    coming = head in self.new or head in self.more
                    (self.sizes if coming else self.resized)[head] = word
                # "One" may stand for an object: "make the car a small one".
                counted = verb in ("", "change") and word in _NUMBERS and word != "one"
                if counted and list(words[index + 1 : index + 2]) != ["of"]:
                    self.totals[head] = _NUMBERS[word]

    def _relate(self, clause: _Clause, relation: str, noun: str, after: Sequence[str]) -> None:
        """Takes what an object stands beside: asked for, or which one is meant."""
        verb = clause.verb
        head = self.heads[0] if self.heads else None
        said = bool(_COPULAS & set(after))
        target = said or verb in ("", "there", "add", "put", "move")
        target = target or (verb == "change" and clause.it)
        if head is None or head == noun or not target or "not" in after:
            return
        # "Move the car left of the tree to the right of the dog".
        further = verb == "move" and self.open and "and" not in after
        if self.relation is None or further:
            self.relation, self.open = (head, relation, noun), True
            if not verb and not said:
                clause.guess.append(head)


def _link(clause: _Clause, index: int) -> tuple[str, Sequence[str], Sequence[str]]:
    """How a noun is joined to the one before.

    Returns:
        One of `world.RELATIONS`, "into", "and", "landmark" (it only says where or which), or "" for
        the first of a clause; the words that belong to the noun before; and those that belong to
        this one.
    """
    _, _, run = clause.named[index]
    for place in range(len(run)):
        relation = _relation_at(run, place)
        if relation and (index or "it" in run[:place]):
            return relation, run[:place], run[place + 1 :]
    if not index:
        return "", (), run
    end = run.index("and") if "and" in run else None
    if run[:1] and run[0] in _INTO and (end is None or clause.verb == "swap"):
        lists = clause.verb in ("swap", "change") or run[0] == "with"
        if lists and clause.verb != "remove" and set(run[1:]) <= _BEFORE_NOUNS:
            return "into" if clause.verb in ("swap", "change") else "and", (), run[1:]
    after, before = ((), run) if end is None else (run[:end], run[end + 1 :])
    if set(before) <= _BEFORE_NOUNS:
        return "and", after, before
    told = next((i for i, w in enumerate(run) if w not in _LOOKS | _COPULAS), len(run))
    return "landmark", run[:told], ()


def _relation_at(run: Sequence[str], index: int) -> str | None:
    """The relation that begins at a word, one of `world.RELATIONS`."""
    relation = _RELATIONS.get(run[index])
    words = relation.split() if relation else []
    return relation if list(run[index : index + len(words)]) == words else None


def _number(words: Sequence[str], some: bool) -> int | None:
    """The number that stands before a noun.

    Args:
        words: What stands there.
        some: Whether "two of the" says a number as "two" does.
    """
    for index, word in enumerate(words):
        if word in ("no", "not", "than", "all") or word == "[UNK]":
            return None
        if word in _NUMBERS:
            part = list(words[index + 1 : index + 2]) == ["of"]
            return _NUMBERS[word] if some or not part else None
    return 1 if "another" in words else None
