"""What the words of an instruction ask of objects: how many, how large, where beside another."""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class Wording:
    """What is asked of kinds of object. What only says which objects are meant is not asked for.

    Attributes:
        totals: How many there are to be, by kind.
        more: How many are to come, by kind.
        fewer: How many are to go, by kind.
        colours: One of `world.COLOURS`, by kind: the objects that numbers are about.
        sizes: One of `world.SIZES`, by kind, of objects to come.
        resized: Likewise, of objects that are there.
        new: Kinds of which objects are to come, and none are to be moved.
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
    relation: tuple[str, str, str] | None = None


def wording_of(tokenizer: Any, text: str) -> Wording:
    """Reads an instruction.

    The verb decides what the words around a noun ask for: "add two cars" asks for two more, "make
    it two cars" for two in all, "remove two cars" for two fewer, and "paint the two cars red" for
    no number at all.

    Args:
        tokenizer: The pocket tokenizer, which brings texts to the world's few forms.
        text: The instruction.
    """
    reader = _Reader()
    run: list[str] = []
    for token in tokenizer.tokenize(text):
        if token in _VERBS:
            reader.end_of_clause(run)
            reader.begin(_VERBS[token])
        elif token in NOUN_OF:
            reader.noun(token, run)
        else:
            run.append(token)
            continue
        run = []
    reader.end_of_clause(run)
    return reader.wording()


class _Reader:
    """Reads one text, noun by noun.

    The words between two nouns belong to the first up to a word that joins them, and then to the
    second.
    """

    def __init__(self) -> None:
        self.totals: dict[str, int] = {}
        self.more: dict[str, int] = {}
        self.fewer: dict[str, int] = {}
        self.colours: dict[str, str] = {}
        self.sizes: dict[str, str] = {}
        self.resized: dict[str, str] = {}
        self.new: set[str] = set()
        self.old: set[str] = set()
        self.relation: tuple[str, str, str] | None = None
        self.head: str | None = None
        self.begin("")

    def wording(self) -> Wording:
        return Wording(
            self.totals, self.more, self.fewer, self.colours, self.sizes, self.resized,
            frozenset(self.new), self.relation,
        )  # fmt: skip

    def begin(self, verb: str) -> None:
        """Begins a clause; what a noun of the one before is said to be may still follow."""
        self.verb = verb
        self.first = True
        self.into = False
        self.guess: list[str] = []

    def noun(self, token: str, run: Sequence[str]) -> None:
        """Takes a noun and the words since the one before."""
        noun = NOUN_OF[token]
        link, after, before = ("", (), run) if self.first else _cut(run, self.verb)
        if not self.first:
            self._predicates(after)
        self.first = False
        if link in world.RELATIONS:
            self._relate(link, noun, bool(_COPULAS & set(after)))
            return
        if link == "than":
            return
        self.into |= link == "into"
        self.head = noun
        self._attributes(noun, world.NOUNS[noun].plural_token != token, before)

    def end_of_clause(self, run: Sequence[str]) -> None:
        """Takes the words after the last noun of a clause."""
        for index, word in enumerate(run):
            if word == "and" or (word in _INTO and self.verb == "swap"):
                run = run[:index]
                break
        self._predicates(run)

    def _attributes(self, noun: str, single: bool, words: Sequence[str]) -> None:
        """Takes what stands before a noun."""
        coming = self.verb in ("add", "put") or self.into
        if self.verb == "swap" and not self.into:
            self.old.add(noun)
        if coming and noun in self.old:
            return
        if self.verb == "add" or self.into:
            self.new.add(noun)
        number, size, more = _said(words, self.verb == "remove")
        colours = {word for word in words if word in world.COLOURS}
        whole = self.verb in ("", "there") or (self.verb == "change" and "it" in words)
        if len(colours) > 1:
            number = None
        elif colours and number is not None:
            self.colours[noun] = colours.pop()
        if coming and number is None and single and noun in self.new:
            number = 1
        if number is not None:
            if coming or (whole and more):
                self.more[noun] = number
            elif whole:
                self.totals[noun] = number
                self.guess += [noun] if not self.verb else []
            elif self.verb == "remove":
                self.fewer[noun] = number
        if size is not None and (coming or whole):
            self.sizes[noun] = size

    def _predicates(self, words: Sequence[str]) -> None:
        """Takes what is said of a noun after it."""
        head = self.head
        if head is None or self.verb in ("remove", "swap", "move"):
            return
        told = _COPULAS & set(words) or set(words) & {*world.COLOURS, *world.SIZES}
        if told and self.guess:
            # "Two cars are red", "the car left of the tree should be blue": which are meant.
            for noun in self.guess:
                self.totals.pop(noun, None)
            if self.relation is not None and self.relation[0] in self.guess:
                self.relation = None
            self.guess = []
        for index, word in enumerate(words):
            if word == "not":
                break
            if word in world.SIZES:
                coming = head in self.new or head in self.more
                (self.sizes if coming else self.resized)[head] = word
            counted = self.verb in ("", "change") and word in _NUMBERS and word != "one"
            if counted and list(words[index + 1 : index + 2]) != ["of"]:
                self.totals[head] = _NUMBERS[word]

    def _relate(self, relation: str, noun: str, said: bool) -> None:
        """Takes what an object stands beside: asked for, or which one is meant."""
        head = self.head
        target = said or self.verb in ("", "there", "add", "put", "move")
        if head is None or head == noun or not target or self.relation is not None:
            return
        self.relation = (head, relation, noun)
        if not self.verb and not said:
            self.guess.append(head)


def _cut(run: Sequence[str], verb: str) -> tuple[str, Sequence[str], Sequence[str]]:
    """How the words between two nouns join them, what belongs to the first, what to the second."""
    joints = {"and", "than"} | (_INTO if verb in ("swap", "change") else set())
    ends = [i for i, word in enumerate(run) if word in joints]
    for index in range(len(run)):
        if relation := _relation_at(run, index):
            return relation, run[: min([*ends, index])], run[index + 1 :]
    if not ends:
        return "", (), run
    end = ends[0]
    if verb == "change" and "and" in run:
        # "Change the car to red and the dog to blue".
        end = run.index("and")
    return "into" if run[end] in _INTO else run[end], run[:end], run[end + 1 :]


def _relation_at(run: Sequence[str], index: int) -> str | None:
    """The relation that begins at a word, one of `world.RELATIONS`."""
    relation = _RELATIONS.get(run[index])
    words = relation.split() if relation else []
    return relation if list(run[index : index + len(words)]) == words else None


def _said(words: Sequence[str], some: bool) -> tuple[int | None, str | None, bool]:
    """Number and size that stand before a noun, and whether it is so many more.

    Args:
        words: What stands there.
        some: Whether "two of the" says a number as "two" does.
    """
    number, size = None, None
    if "no" in words:
        return None, None, False
    for index, word in enumerate(words):
        if word == "not":
            break
        if word in world.SIZES:
            size = word
        part = list(words[index + 1 : index + 2]) == ["of"]
        if word in _NUMBERS and (some or not part):
            number = _NUMBERS[word]
    if "another" in words and number is None:
        number = 1
    return number, size, bool({"more", "another"} & set(words))
