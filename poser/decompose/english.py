"""The English of a plan: questions in a few regular forms, instructions and captions.

The pocket critic is trained on exactly these forms of question; see ``docs/decomposition.md``.
"""

from __future__ import annotations

from poser.decompose.lexicon import is_in
from poser.decompose.morphology import (
    article,
    is_plural,
    is_uncounted,
    number_word,
    plural,
    singular,
)
from poser.decompose.scene import Absence, Look, Relation, Scene, Thing, Trait
from poser.decompose.styles import time_of_day

_ACROSS = {"left": "right", "top": "bottom", "foreground": "background"}
_ACROSS |= {there: here for here, there in _ACROSS.items()}
_OFF = {"on": "off", "on top of": "off", "in": "out of", "inside": "out of"}
_NEAR = ("next to", "near", "at", "against")
_ORDER = ("first ", "second ", "third ", "fourth ", "fifth ", "sixth ")
_IN_NAME = ("size", "shape", "material", "state")


class English:
    """Words for the things of a scene, each told apart from others of its name."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._named: dict[str, list[int]] = {}
        self._place: dict[int, int] = {}
        for thing in scene.things:
            if thing.role == "gone":
                continue
            alike = self._named.setdefault(thing.name.lower(), [])
            self._place[thing.index] = len(alike)
            alike.append(thing.index)

    # -- noun phrases ------------------------------------------------------------------------

    def the(self, thing: Thing, depth: int = 0) -> str:
        """The thing as one speaks of it again: "the cat", "the cat's eyes"."""
        if thing.proper:
            return thing.name
        if thing.owner is not None and depth < 3 and thing.role == "thing":
            owner = self.the(self.scene.things[thing.owner[0]], depth + 1)
            mark = "'" if owner.endswith("s") else "'s"
            return f"{owner}{mark} {thing.noun}"
        return f"the {self._apart(thing)}{thing.noun}"

    def one_of(self, thing: Thing, trait: Trait) -> str:
        """The thing to which a trait is to be given, not told apart by that very trait."""
        if self._apart(thing) == f"{trait.text} ":
            return f"one {thing.noun}" if not thing.many else f"some {thing.noun}"
        return self.the(thing)

    def _apart(self, thing: Thing) -> str:
        """A word that tells the thing from others of its name, where one does."""
        alike = self._named[thing.name.lower()]
        if len(alike) < 2:
            return ""
        others = {
            t.text for i in alike[:8] if i != thing.index for t in self.scene.things[i].traits
        }
        for kind in ("colour", *_IN_NAME):
            for trait in thing.having(kind):
                if trait.text not in others and not trait.edit:
                    return f"{trait.text} "
        position = self._place[thing.index]
        return _ORDER[position] if position < len(_ORDER) and not thing.many else "other "

    def described(self, thing: Thing, *, kinds: tuple[str, ...] = ("colour", *_IN_NAME)) -> str:
        """The thing with count and adjectives: "two big red apples"."""
        traits = [t for t in thing.traits if not t.negated and not t.edit and not t.share]
        said = [t for t in traits if t.kind in kinds and t.kind != "colour" and _before(t)]
        plain = [t.text for t in said if t.kind != "material"]
        materials = [t.text for t in said if t.kind == "material"]
        colours = [t.text for t in traits if t.kind == "colour" and "colour" in kinds]
        adjectives = " ".join(" ".join([*plain, " and ".join(colours), *materials]).split())
        if thing.further and thing.count is not None:
            return f"{number_word(thing.count)} more {adjectives} {thing.noun}".replace("  ", " ")
        if thing.count is not None and thing.many:
            return f"{number_word(thing.count)} {adjectives} {thing.noun}".replace("  ", " ")
        if thing.quantifier:
            return f"{thing.quantifier} {adjectives} {thing.noun}".replace("  ", " ")
        if thing.count == 1 and not thing.proper:
            return f"one {adjectives} {thing.noun}".replace("  ", " ")
        return thing.called(adjectives)

    def is_are(self, thing: Thing) -> str:
        """The verb for the thing as a subject."""
        return "are" if thing.many or is_in("plural_only", thing.head) else "is"

    # -- questions ---------------------------------------------------------------------------

    def exists(self, thing: Thing) -> str:
        """Whether the thing is there at all."""
        if thing.owner is not None and thing.role == "thing":
            owner = self.scene.things[thing.owner[0]]
            if owner.role != "backdrop":
                if thing.owner[1] == "wearing":
                    verb = self.is_are(owner).capitalize()
                    return f"{verb} {self.the(owner)} wearing {_unspecific(thing)}?"
                does = "Do" if self.is_are(owner) == "are" else "Does"
                return f"{does} {self.the(owner)} have {_unspecific(thing)}?"
        if thing.proper:
            return f"Is {thing.name} in the picture?"
        return f"{self.is_are(thing).capitalize()} there {_unspecific(thing)}?"

    def alike(self, thing: Thing) -> list[Thing]:
        """All things of its name, it among them, in the order of the prompt."""
        return [self.scene.things[i] for i in self._named[thing.name.lower()]]

    def told_apart(self, thing: Thing) -> bool:
        """Whether a trait of its own tells the thing from others of its name."""
        return bool(word := self._apart(thing)) and word not in (*_ORDER, "other ")

    def counts(self, thing: Thing, total: int | None = None) -> str:
        """Whether there are as many as stated, or as many as all of its name together."""
        if total is not None:
            return f"Are there {number_word(total)} {plural(thing.name)}?"
        number = thing.quantifier if thing.count is None else number_word(thing.count)
        if thing.owner is not None:
            owner = self.scene.things[thing.owner[0]]
            does = "Do" if self.is_are(owner) == "are" else "Does"
            return f"{does} {self.the(owner)} have {number} {thing.noun}?"
        return f"{'Are' if thing.many else 'Is'} there {number} {thing.noun}?"

    def has(self, thing: Thing, trait: Trait) -> str:
        """Whether the thing has the attribute."""
        told = trait.kind == "colour" or (trait.kind == "size" and _before(trait))
        if told and self._apart(thing) == f"{trait.text} ":
            said = self.described(thing, kinds=(trait.kind,))
            return f"{self.is_are(thing).capitalize()} there {said}?"
        start = f"{self.is_are(thing).capitalize()} {self.the(thing)}"
        if trait.share and trait.kind in ("colour", *_IN_NAME) and _before(trait):
            if trait.share > 1:
                number = number_word(trait.share)
                return f"Are there {number} {trait.text} {plural(thing.name)}?"
            return f"Is there {with_article(f'{trait.text} {thing.name}')}?"
        if trait.share:
            start = f"{'Are' if trait.share > 1 else 'Is'} {self.some_of(thing, trait.share)}"
        return f"{start} {self.predicate(thing, trait)}?"

    def predicate(self, thing: Thing, trait: Trait) -> str:
        """The attribute as it follows "is"."""
        if trait.kind == "colour":
            return trait.key
        if trait.kind in ("type", "scene"):
            last = trait.text.rpartition(" ")[2]
            if is_plural(last) or is_uncounted(trait.text) or thing.many:
                return trait.text
            if trait.text.startswith(("like ", "as ")) or last[:1].isupper():
                return trait.text
            return f"{article(trait.text)} {trait.text}"
        if trait.kind == "material" and is_in("materials", trait.text.rpartition(" ")[2]):
            adjectives = is_in("colours", trait.text) or trait.text.endswith(
                ("en", "ic", "y", "ry")
            )
            return trait.text if adjectives else f"made of {trait.text}"
        return trait.text

    def related(self, relation: Relation) -> str:
        """Whether the relation holds."""
        subject = self.scene.things[relation.subject]
        start = self.is_are(subject).capitalize()
        if relation.share:
            start = "Are" if relation.share > 1 else "Is"
        said = self.subject(relation)
        if relation.object is None:
            return f"{start} {said} {relation.name} {relation.region}?"
        other = self.scene.things[relation.object]
        if relation.name == "with":
            does = "Do" if start == "Are" else "Does"
            return f"{does} {said} have {_unspecific(other)}?"
        return f"{start} {said} {relation.name} {self.others(relation)}?"

    def subject(self, relation: Relation) -> str:
        """Of what a relation is: "the cat", "one of the cats"."""
        return self.some_of(self.scene.things[relation.subject], relation.share)

    def some_of(self, thing: Thing, share: int) -> str:
        """So many of the things, "two of the cats"; all of them where it is 0."""
        said = self.the(thing)
        return f"{number_word(share)} of {said}" if share else said

    def looks(self, look: Look) -> str:
        """Whether the picture is of that style or medium."""
        return f"Is this {self.look_phrase(look)}?"

    def look_phrase(self, look: Look) -> str:
        """The style as it follows "make it": "an oil painting", "in the style of ..."."""
        text = look.text
        time = time_of_day(text)
        if time:
            return f"a {time} scene"
        first, last = text.partition(" ")[0].lower(), text.rpartition(" ")[2].lower()
        if first in ("in", "by", "with", "a", "an", "at"):
            return first + text[len(first) :]
        if is_in("media", singular(last)) and last == singular(last):
            uncounted = last in ("art", "photography", "artwork", "anime", "manga", "animation",
                                 "footage", "cgi", "clipart", "impasto")  # fmt: skip
            return text if uncounted else f"{article(text)} {text}"
        return text

    def others(self, relation: Relation) -> str:
        """What a relation is to: "the cat", "the cat and the dog"."""
        objects = [i for i in (relation.object, relation.also) if i is not None]
        return " and ".join(self.the(self.scene.things[i]) for i in objects)

    def missing(self, absence: Absence) -> str:
        """The question that must be answered with no."""
        if absence.literal is not None:
            return f'Does the text "{absence.literal}" appear?'
        name = absence.name
        if absence.owner is not None:
            owner = self.scene.things[absence.owner]
            does = "Do" if self.is_are(owner) == "are" else "Does"
            return f"{does} {self.the(owner)} have {with_article(name)}?"
        return f"Is there {with_article(name)}?"

    # -- instructions ------------------------------------------------------------------------

    def relating(self, relation: Relation) -> str:
        """The relation as an editor is told it."""
        first = self.subject(relation)
        if relation.object is None:
            return f"move {first} {_moved(relation.name, relation.region)}"
        other = self.others(relation)
        name = relation.name
        if name in ("left of", "right of"):
            return f"move {first} to the {name} {other}"
        if name.endswith(" than"):
            return f"make {first} {name} {other}"
        word = name.partition(" ")[0]
        if name == "with":
            thing = self.scene.things[relation.object]
            return f"give {first} {self.described(thing)}"
        if word.endswith(("ing", "ed")) or name in ("worn", "held"):
            return f"show {first} {name} {other}"
        if name in ("on", "in", "at", "on top of"):
            return f"put {first} {name} {other}"
        return f"move {first} {name} {other}"

    def taking_away(self, relation: Relation, *, across: bool) -> str:
        """What an editor is told where a place is denied; empty where only "do not" says it.

        Args:
            relation: What is denied.
            across: Whether what is not on the left may be moved to the right.
        """
        first = self.subject(relation)
        if relation.object is None:
            sides = [w for w in relation.region.split() if w not in ("the", "side")]
            if across and len(sides) == 1 and sides[0] in _ACROSS:
                other = relation.region.replace(sides[0], _ACROSS[sides[0]])
                return f"move {first} {_moved(relation.name, other)}"
            return f"move {first} away from {relation.region}"
        if (word := _OFF.get(relation.name)) is not None:
            return f"take {first} {word} {self.others(relation)}"
        if relation.name in _NEAR:
            return f"move {first} away from {self.others(relation)}"
        return ""

    def relation_caption(self, relation: Relation) -> str:
        """The relation as a phrase of a caption: "a cat left of a dog"."""
        subject = self.scene.things[relation.subject]
        first = self._plain(subject)
        if relation.share:
            named = plural(subject.name) if relation.share > 1 else subject.name
            first = f"{number_word(relation.share)} {named}"
        if relation.object is None:
            return f"{first} {relation.name} {relation.region}"
        objects = [i for i in (relation.object, relation.also) if i is not None]
        other = " and ".join(self._plain(self.scene.things[i]) for i in objects)
        return f"{first} {relation.name} {other}"

    def _plain(self, thing: Thing) -> str:
        if thing.owner is not None or thing.proper:
            return self.the(thing)
        if thing.count is not None and thing.many:
            apart = self._apart(thing).replace("other ", "")
            return f"{number_word(thing.count)} {apart}{thing.noun}"
        return thing.called(self._apart(thing).strip())


def with_article(name: str) -> str:
    """A singular noun phrase with "a" or "an" where it takes one."""
    last = name.rpartition(" ")[2]
    if is_uncounted(name) or is_in("plural_only", last) or is_plural(last):
        return name
    return f"{article(name)} {name}"


def absent_instruction(absence: Absence, english: English) -> str:
    """What an editor is told to take away."""
    if absence.literal is not None:
        return f'remove the text "{absence.literal}"'
    if absence.said:
        return f"remove {absence.said}"
    noun = plural(absence.name) if absence.many else absence.name
    if absence.owner is not None:
        owner = english.the(english.scene.things[absence.owner])
        return f"remove the {noun} of {owner}"
    return f"remove the {noun}"


def _unspecific(thing: Thing) -> str:
    if thing.proper or thing.many:
        return thing.noun
    if is_uncounted(thing.name) and not thing.has_article:
        return thing.noun
    return with_article(thing.name)


def _before(trait: Trait) -> bool:
    """Whether the attribute can stand before its noun."""
    return " " not in trait.text or trait.text.partition(" ")[0] in ("very", "highly", "extremely")


def _moved(name: str, region: str) -> str:
    if name in ("on", "at", "to") and region.startswith("the "):
        return f"to {region}"
    return f"{name} {region}"
