"""What a prompt describes, as it is gathered sentence by sentence.

A :class:`Scene` holds the things, their attributes and relations, and every place of the prompt
that speaks of them; :mod:`poser.decompose.commands` makes the plan of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from poser.decompose.morphology import article, is_uncounted, plural
from poser.decompose.styles import style_name, styled

Span = tuple[int, int]


@dataclass(slots=True)
class Trait:
    """An attribute of a thing: "red", "wooden", "sitting".

    Attributes:
        text: As asked for ("very tall", "dark red", "sitting").
        key: Without degree words, material adjectives as nouns.
        kind: colour, material, shape, size, state, action, type or region.
        spans: Where the prompt says it.
        negated: Whether it is denied.
        edit: Whether it changes a given thing.
        share: Of how many of the things it holds; 0 where of all.
        compared: Whether it compares the thing with what it was: "bigger".
    """

    text: str
    key: str
    kind: str
    spans: list[Span]
    negated: bool = False
    edit: bool = False
    share: int = 0
    compared: bool = False


@dataclass(slots=True)
class Thing:
    """An entity, or several alike.

    Attributes:
        index: Its place in the scene.
        head: The head noun, singular.
        compound: Nouns that stand before the head.
        many: Whether it stands for several.
        count: A stated number.
        quantifier: A stated vague number.
        traits: Its attributes.
        owner: The thing it is part of or belongs to, and how ("with", "wearing").
        spans: Where the prompt speaks of it.
        proper: Whether it is a name.
        role: thing, backdrop (the background itself), given (already in the picture) or gone
            (it turned out to be an attribute).
        has_article: Whether the prompt spoke of "a" such thing.
        definite: Whether it spoke of "the" thing before any other mention.
        further: Whether its number comes on top of what a given picture has: "one more car".
    """

    index: int
    head: str
    compound: tuple[str, ...] = ()
    many: bool = False
    count: int | None = None
    quantifier: str = ""
    traits: list[Trait] = field(default_factory=list)
    owner: tuple[int, str] | None = None
    spans: list[Span] = field(default_factory=list)
    proper: bool = False
    role: Literal["thing", "backdrop", "given", "gone"] = "thing"
    has_article: bool = False
    definite: bool = False
    invariant: bool = False
    further: bool = False

    @property
    def name(self) -> str:
        """The noun with its compound, singular: "tennis court"."""
        return " ".join((*self.compound, self.head))

    @property
    def noun(self) -> str:
        """The name in the number it has."""
        inflected = self.many and not self.proper and not self.invariant
        return plural(self.name) if inflected else self.name

    def having(self, kind: str) -> list[Trait]:
        """The traits of that kind that hold."""
        return [t for t in self.traits if t.kind == kind and not t.negated]

    def called(self, adjectives: str = "") -> str:
        """With its article or number: "a red car", "two apples"."""
        noun = f"{adjectives} {self.noun}".strip()
        if self.proper:
            return noun
        if self.many:
            return noun
        if is_uncounted(self.name) and not self.has_article:
            return noun
        return f"{article(noun)} {noun}"


@dataclass(slots=True)
class Relation:
    """How a thing stands to another.

    Attributes:
        subject: Index of the first thing.
        object: Index of the other, or ``None`` where it is a region of the picture.
        name: The relation: "left of", "holding", "in".
        region: The region ("the background", "the left").
        spans: Where the prompt says it.
        negated: Whether it is denied.
        edit: Whether it changes a given picture.
        also: The second object of "between".
        share: Of how many of the things that the subject is it holds; 0 where of all.
    """

    subject: int
    object: int | None
    name: str
    region: str = ""
    spans: list[Span] = field(default_factory=list)
    negated: bool = False
    edit: bool = False
    also: int | None = None
    share: int = 0


@dataclass(slots=True)
class Absence:
    """Something that must not be in the picture, or not on a thing.

    Attributes:
        name: What, singular.
        many: Whether the prompt names it in the plural.
        owner: The thing that must be without it, if not the picture.
        spans: Where the prompt says it.
        literal: For a text that must go, the text.
        said: For orders, what to remove in the words of the prompt.
    """

    name: str
    many: bool
    spans: list[Span]
    owner: int | None = None
    literal: str | None = None
    said: str = ""


@dataclass(slots=True)
class Lettering:
    """A literal text on the picture, the thing that carries it, and how it is written."""

    literal: str
    carrier: int | None
    spans: list[Span]
    manner: str = ""
    place: tuple[str, int | None, str] | None = None


LookKind = Literal["medium", "style", "quality"]


@dataclass(slots=True)
class Look:
    """A medium or style of the whole picture."""

    text: str
    kind: LookKind
    spans: list[Span]


@dataclass(slots=True)
class Swap:
    """Replace one thing by another."""

    old: int
    new: int
    spans: list[Span]


@dataclass(slots=True)
class Recount:
    """Change how many of a given thing there are."""

    thing: int
    count: int
    spans: list[Span]


@dataclass(slots=True)
class Loose:
    """Words that the rules could not read, kept as they are."""

    spans: list[Span]


@dataclass(slots=True)
class Scene:
    """Everything gathered from a prompt, in its order."""

    prompt: str
    editing: bool = False
    things: list[Thing] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    absences: list[Absence] = field(default_factory=list)
    letterings: list[Lettering] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    swaps: list[Swap] = field(default_factory=list)
    recounts: list[Recount] = field(default_factory=list)
    loose: list[Loose] = field(default_factory=list)
    backdrop: int | None = None
    _looks: dict[str, Look] = field(default_factory=dict)
    _relations: dict[tuple[int, int | None, str, str, bool], Relation] = field(default_factory=dict)
    settings: list[int] = field(default_factory=list)

    def add(self, head: str, *, spans: list[Span], compound: tuple[str, ...] = ()) -> Thing:
        """A new thing of that name."""
        thing = Thing(len(self.things), head, compound, spans=spans)
        self.things.append(thing)
        return thing

    def relate(self, relation: Relation) -> None:
        """Adds a relation, or, where the scene has it already, what the prompt says of it."""
        if self.backdrop is not None and self.backdrop in (relation.subject, relation.object):
            self.things[self.backdrop].spans.extend(relation.spans)
            return
        key = (relation.subject, relation.object, relation.name, relation.region, relation.negated)
        known = self._relations.get(key)
        if known is not None:
            known.spans.extend(relation.spans)
            return
        self._relations[key] = relation
        self.relations.append(relation)

    def look(self, text: str, kind: LookKind, spans: list[Span]) -> None:
        """Adds a style, or, where the scene has it already, what the prompt says of it."""
        text = styled(text)
        known = self._looks.get(style_name(text).lower())
        if known is not None:
            known.spans.extend(spans)
            return
        look = Look(text, kind, spans)
        self._looks[style_name(text).lower()] = look
        self.looks.append(look)

    def background(self, spans: list[Span]) -> Thing:
        """The background, as a thing that traits can hang on."""
        if self.backdrop is None:
            thing = self.add("background", spans=list(spans))
            thing.role = "backdrop"
            self.backdrop = thing.index
        else:
            self.things[self.backdrop].spans.extend(spans)
        return self.things[self.backdrop]
