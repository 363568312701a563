"""What is asked of a picture of the pocket world, as criteria: the truth behind its prompts.

The criteria have the forms that `poser.decompose.RuleDecomposer` gives them, so that what it reads
out of a prompt can be held against what was meant (`key_of`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from experts.pocket import world
from experts.pocket.language import article, named
from experts.pocket.scenes import Group, Relation, Scene
from poser.core.plan import Criterion

SPLITS: Final = ("train", "validation", "test")
"""Parts that (noun, colour) pairs and (noun, relation, other) triples are divided into."""

_TENTHS: Final = ("test", "validation", *("train",) * 8)

Key = tuple[str, tuple[str, ...], bool]


@dataclass(frozen=True, slots=True)
class Asked:
    """All that a prompt asks for.

    Attributes:
        groups: Kinds of object; a colour or size of None is not asked for. A number from two is.
        relations: Relations between them.
        exact: Kinds of one object of which the prompt says that there is one.
        absent: Kinds of object that must not be there.
        background: The background asked for, if any.
        style: The style asked for, if any.
    """

    groups: tuple[Group, ...]
    relations: tuple[Relation, ...] = ()
    exact: frozenset[str] = frozenset()
    absent: tuple[str, ...] = ()
    background: str | None = None
    style: str | None = None

    def group(self, noun: str) -> Group:
        """The group of a kind. Raises StopIteration where there is none."""
        return next(group for group in self.groups if group.noun == noun)

    def criteria(self) -> tuple[Criterion, ...]:
        """The requirement graph, with ids and dependencies."""
        made: list[Criterion] = []
        if self.background is not None:
            made.append(background_is(self.background))
        for group in self.groups:
            made.append(exists(group))
            if group.count > 1 or group.noun in self.exact:
                made.append(counts(group))
            if group.colour is not None:
                made.append(attribute(group, group.colour))
            if group.size is not None:
                made.append(attribute(group, group.size))
        for rule in self.relations:
            made.append(related(self.group(rule.noun), rule.relation, self.group(rule.other)))
        made += [absent(noun) for noun in self.absent]
        if self.style is not None:
            made.append(style_is(self.style))
        return graph(made)


def _criterion(kind: str, question: str, about: Iterable[str], expected: bool = True) -> Criterion:
    fields = {"kind": kind, "question": question, "about": tuple(about), "expected": expected}
    return Criterion.model_validate({"id": "k", **fields})


def _the(group: Group) -> str:
    verb = "Is" if group.count == 1 else "Are"
    return f"{verb} the {named(group.noun, None, group.count)}"


def exists(group: Group) -> Criterion:
    """That there is one of a kind, or more."""
    kind = world.NOUNS[group.noun]
    single = f"Is there {article(kind.name)}?"
    asked = single if group.count == 1 else f"Are there {kind.plural}?"
    return _criterion("entity", asked, (group.noun,))


def counts(group: Group) -> Criterion:
    """That there are as many as the group has."""
    verb, number = "Is" if group.count == 1 else "Are", world.NUMBERS[group.count - 1]
    asked = f"{verb} there {number} {named(group.noun, None, group.count)}?"
    return _criterion("count", asked, (group.noun, str(group.count)))


def attribute(group: Group, value: str) -> Criterion:
    """That a group has a colour or size."""
    return _criterion("attribute", f"{_the(group)} {value}?", (group.noun, value))


def related(group: Group, relation: str, other: Group) -> Criterion:
    """That a group is where it should be beside another."""
    named_other = named(other.noun, None, other.count)
    asked = f"{_the(group)} {relation} the {named_other}?"
    return _criterion("relation", asked, (group.noun, other.noun, relation))


def background_is(background: str) -> Criterion:
    """That the background is one of `world.BACKGROUNDS`."""
    if background in world.PLAIN_BACKGROUNDS:
        asked = f"Is the background {background}?"
        return _criterion("attribute", asked, ("background", background))
    phrase = background if background == "snow" else article(background)
    return _criterion("entity", f"Is the background {phrase}?", (background,))


def style_is(style: str) -> Criterion:
    """That the whole picture is in one of `world.STYLES`."""
    return _criterion("global", f"Is this in {style} style?", (style,))


def absent(noun: str) -> Criterion:
    """That nothing of a kind is there."""
    return _criterion("absence", f"Is there {article(noun)}?", (noun,), expected=False)


def graph(criteria: Sequence[Criterion]) -> tuple[Criterion, ...]:
    """The criteria with ids `k1`, `k2`, ... and what each depends on among them."""
    ids = {
        k.about[0]: f"k{index}"
        for index, k in enumerate(criteria, 1)
        if k.kind == "entity" and k.about[0] in world.NOUNS
    }
    linked = []
    for index, k in enumerate(criteria, 1):
        needed = {"count": k.about[:1], "attribute": k.about[:1], "relation": k.about[:2]}
        parents = tuple(ids[noun] for noun in needed.get(k.kind, ()) if noun in ids)
        linked.append(k.model_copy(update={"id": f"k{index}", "depends_on": parents}))
    return tuple(linked)


def holds(scene: Scene, criterion: Criterion) -> bool | None:
    """Whether a scene fulfils a criterion of this module; None where one could argue."""
    about, kind = criterion.about, criterion.kind
    shown: bool | None
    if kind == "global":
        shown = scene.style == about[0]
    elif about[0] in world.BACKGROUNDS and kind == "entity":
        shown = scene.background == about[0]
    elif about[0] == "background":
        shown = scene.background == about[1]
    elif kind == "count":
        shown = scene.count(about[0]) == int(about[1])
    elif kind == "relation":
        shown = scene.relates(about[0], about[2], about[1])
    elif kind == "attribute":
        things = scene.of(about[0])
        sizes = about[1] in world.SIZES
        seen = {t.seen_size if sizes else t.seen_colour for t in things}
        shown = None if None in seen else seen == {about[1]}
    else:
        shown = scene.count(about[0]) > 0
    return None if shown is None else shown == criterion.expected


def _tenth(key: str) -> str:
    return _TENTHS[int.from_bytes(sha256(f"prompts/{key}".encode()).digest()[:8], "big") % 10]


def colour_split(noun: str, colour: str) -> str:
    """The one split whose prompts ask for objects of this kind in this colour."""
    held_out = (noun, colour) in world.HELD_OUT_COLOURS
    return "test" if held_out else _tenth(f"colour/{noun}/{colour}")


def relation_split(noun: str, relation: str, other: str) -> str:
    """The one split whose prompts ask for NOUN RELATION OTHER, or for the same said inversely."""
    rule = plainly(Relation(noun, relation, other))
    held_out = world.relation_held_out(rule.noun, rule.relation, rule.other)
    return "test" if held_out else _tenth(f"relation/{rule.noun}/{rule.relation}/{rule.other}")


def plainly(rule: Relation) -> Relation:
    """The relation said with "left of" or "above"."""
    if rule.relation in ("right of", "below"):
        return Relation(rule.other, world.INVERSE[rule.relation], rule.noun)
    return rule


def is_held_out(criterion: Criterion) -> bool:
    """Whether it asks for a colour or relation kept out of the models' training."""
    about = criterion.about
    if criterion.kind == "attribute":
        return about[:2] in world.HELD_OUT_COLOURS
    return criterion.kind == "relation" and world.relation_held_out(about[0], about[2], about[1])


def split_of(criterion: Criterion) -> str | None:
    """The split that a colour or relation belongs to; None for what all splits ask for."""
    about = criterion.about
    if criterion.kind == "attribute" and about[0] in world.NOUNS and about[1] in world.COLOURS:
        return colour_split(about[0], about[1])
    if criterion.kind == "relation":
        return relation_split(about[0], about[2], about[1])
    return None


def _canonical(word: str) -> str:
    plain = world.normalise(word)
    noun = world.find_noun(plain)
    return word.lower() if plain == "" else noun.name if noun is not None else plain


def key_of(criterion: Criterion) -> Key:
    """What a criterion says, whatever its words: equal keys mean the same requirement.

    Synonyms of the world are read as what they stand for, plurals as singulars, and a relation as
    its inverse the other way round.
    """
    about = tuple(_canonical(word) for word in criterion.about)
    if criterion.kind == "relation" and len(about) == 3 and about[2] in world.INVERSE:
        rule = plainly(Relation(about[0], about[2], about[1]))
        about = (rule.noun, rule.other, rule.relation)
    return criterion.kind, about, criterion.expected
