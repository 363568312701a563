"""The state in which a sentence is read, and the facts that reading adds to the scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from poser.decompose.lexicon import compounds, is_in, word_set
from poser.decompose.morphology import gerund, singular
from poser.decompose.phrases import Modifier, Phrase, Verbal
from poser.decompose.reference import References
from poser.decompose.scene import Absence, Lettering, Relation, Scene, Span, Thing, Trait
from poser.decompose.tagging import Word

_MERELY = word_set("stand lie lay sit rest")
_MOST_PAIRS = 12
POSTURES = word_set(
    """
    sit stand lie lay rest hang float fly hover perch lean sleep swim walk run grow rise appear
    wait
    """
)
"""Verbs after which their subject may come: "below it lies a book"."""


@dataclass(slots=True)
class Link:
    """How the thing read next attaches to those read before.

    Attributes:
        kind: prep, verb, have, be, there or front.
        name: The relation it makes.
        subjects: What it hangs on.
        spans: Where the prompt says it.
        verb: The verb behind it.
        negated: Whether it is denied.
    """

    kind: str
    name: str
    subjects: list[int]
    spans: list[Span]
    verb: Verbal | None = None
    negated: bool = False

    @property
    def has(self) -> bool:
        """Whether it says what its subjects have."""
        return self.kind == "have" or self.name in ("with", "having")


@dataclass(slots=True)
class Front:
    """A phrase of place at the start of a clause, waiting for what is there."""

    name: str
    objects: list[int]
    region: str
    spans: list[Span]


@dataclass(slots=True)
class Reading:
    """Where the reading of a sentence stands."""

    subject: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    doer: list[int] = field(default_factory=list)
    pending: Link | None = None
    link: Link | None = None
    fronts: list[Front] = field(default_factory=list)
    applied: list[Front] = field(default_factory=list)
    verbed: bool = False
    comma: bool = False
    joined: bool = False
    relative: bool = False
    adjacent: bool = False
    framed: bool = False
    medium: bool = False
    placed: list[int] = field(default_factory=list)
    absence: Absence | None = None
    lettering: Lettering | None = None
    carry: list[Span] = field(default_factory=list)
    none: bool = False


def spans_over(words: Sequence[Word]) -> list[Span]:
    """The place of these words, as one span."""
    return [(words[0].start, words[-1].end)] if words else []


def verb_name(verbal: Verbal, preposition: str = "") -> str:
    """A verb as a relation or state: "holding", "covered with", "flying above"."""
    form = verbal.words[-1].lower
    passive = verbal.form == "part"
    if passive:
        form = next((w.lower for w in reversed(verbal.words) if w.tag == "PART"), verbal.base)
    else:
        said = next((w.lower for w in verbal.words if w.tag == "GER"), "")
        form = said or gerund(verbal.base)
    return " ".join(part for part in (form, verbal.particle, preposition) if part)


def animate(thing: Thing) -> bool:
    """Whether the thing is a person or an animal, as far as the lists tell."""
    made = bool(thing.compound) and (thing.compound[-1], thing.head) in compounds()
    listed = is_in("persons", thing.head) or is_in("animals", thing.head)
    return thing.proper or (listed and not made)


class Gatherer:
    """Adds facts to a scene.

    Attributes:
        partial: Several things, where the sentence speaks of some of them only.
        share: Of how many.
    """

    def __init__(self, scene: Scene, references: References) -> None:
        self.scene = scene
        self.references = references
        self.partial: list[int] = []
        self.share = 1

    def _share(self, subjects: Sequence[int], *, negated: bool) -> int:
        """Of how many of the subjects something holds; 0 where of all. A denial is of all."""
        partly = bool(subjects) and list(subjects) == self.partial and not negated
        return self.share if partly else 0

    def things(self, indices: Sequence[int]) -> list[Thing]:
        """The things of these indices."""
        return [self.scene.things[i] for i in indices]

    def relate(self, link: Link, objects: Sequence[int], spans: list[Span]) -> None:
        """Relates every subject of the link to every object, a bounded number of pairs."""
        made = 0
        for subject in link.subjects:
            for other in objects:
                if subject == other or made >= _MOST_PAIRS:
                    continue
                made += 1
                self.scene.relate(
                    Relation(
                        subject, other, link.name, spans=[*link.spans, *spans],
                        negated=link.negated,
                        share=self._share(link.subjects, negated=link.negated),
                    )
                )  # fmt: skip
        if not made:
            for index in objects:
                self.scene.things[index].spans.extend(link.spans)

    def place(
        self, subjects: Sequence[int], name: str, region: str, spans: list[Span],
        *, negated: bool = False,
    ) -> None:  # fmt: skip
        """Puts the subjects into a region of the picture, or keeps them out of it."""
        for subject in subjects[:_MOST_PAIRS]:
            self.scene.relate(
                Relation(
                    subject, None, name, region, list(spans), negated=negated,
                    share=self._share(subjects, negated=negated),
                )
            )  # fmt: skip

    def own(self, link: Link, objects: Sequence[int], phrase: Phrase) -> bool:
        """Makes the objects parts or belongings of the subject; whether that was possible."""
        if not link.subjects or link.negated:
            return False
        owner = link.subjects[-1] if link.name == "with" else link.subjects[0]
        taken = False
        for index in objects:
            thing = self.scene.things[index]
            free = thing.owner is None and thing.index != owner and thing.role == "thing"
            worn = is_in("clothing", thing.head)
            attached = worn or is_in("parts", thing.head) or phrase.determiner != "def"
            if free and attached and index > owner:
                thing.owner = (owner, "wearing" if link.name == "wearing" else "with")
                thing.spans.extend(link.spans)
                taken = True
        return taken

    def trait(
        self,
        subjects: Sequence[int],
        modifier: Modifier,
        *,
        negated: bool = False,
        extra: Sequence[Span] = (),
    ) -> None:
        """Gives an attribute to every subject."""
        share = self._share(subjects, negated=negated)
        for thing in self.things(subjects[:_MOST_PAIRS]):
            trait = self.references.describe(thing, modifier, negated=negated)
            trait.spans.extend(extra)
            trait.share = share or trait.share

    def state(
        self,
        subjects: Sequence[int],
        text: str,
        kind: str,
        spans: list[Span],
        *,
        negated: bool = False,
    ) -> None:
        """Gives a state or action to every subject."""
        share = self._share(subjects, negated=negated)
        for thing in self.things(subjects[:_MOST_PAIRS]):
            said = (text, negated, share > 0)
            known = [t for t in thing.traits if (t.key, t.negated, t.share > 0) == said]
            if known:
                known[0].spans.extend(spans)
            else:
                thing.traits.append(Trait(text, text, kind, list(spans), negated, share=share))

    def act(
        self,
        subjects: Sequence[int],
        verbal: Verbal,
        spans: list[Span],
        *,
        placed: bool = False,
        negated: bool = False,
    ) -> None:
        """Gives what the verb says to every subject; a vase that "stands" left of it is just there.

        Args:
            subjects: Who does it.
            verbal: The verb.
            spans: Where the prompt says it.
            placed: Whether the verb only serves to say where the subjects are.
            negated: Whether it is denied.
        """
        plain = placed and verbal.base in _MERELY and not verbal.particle
        idle = [i for i in subjects if plain and not animate(self.scene.things[i])]
        for thing in self.things(idle):
            thing.spans.extend(spans)
        acting = [i for i in subjects if i not in idle]
        self.state(acting, verb_name(verbal), "action", spans, negated=negated)

    def absent(self, phrase: Phrase, spans: list[Span], owner: int | None) -> Absence:
        """Notes that what the phrase names must not be there."""
        modifiers = [m.text for m in phrase.modifiers if m.key not in ("other", "visible")]
        name = " ".join([*modifiers, *phrase.compound, phrase.lemma])
        absence = Absence(name, singular(phrase.head) != phrase.head, list(spans), owner)
        self.scene.absences.append(absence)
        return absence
