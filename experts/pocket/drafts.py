"""What a long prompt asks for, drawn at random within its split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Final

import numpy as np

from experts.pocket import world
from experts.pocket.requirements import Asked, colour_split, relation_split
from experts.pocket.sampling import clashes, sample_background
from experts.pocket.scenes import Group, Relation

NOUNS: Final = tuple(noun for noun in world.NOUNS if noun not in ("scissors", "skis"))
"""Kinds of object that prompts speak of: not those of which one is a pair."""


@cache
def _colours(split: str, held_out: bool) -> dict[str, tuple[str, ...]]:
    """Colours that the prompts of a split ask for, by noun."""
    return {
        noun: tuple(
            colour
            for colour in world.COLOURS
            if world.paintable(noun)
            and colour_split(noun, colour) == split
            and (held_out or (noun, colour) not in world.HELD_OUT_COLOURS)
        )
        for noun in NOUNS
    }


@cache
def _relations(noun: str, split: str, held_out: bool) -> tuple[Relation, ...]:
    """Relations that the prompts of a split ask of a noun."""
    return tuple(
        Relation(noun, relation, other)
        for other in NOUNS
        for relation in world.RELATIONS
        if other != noun
        and relation_split(noun, relation, other) == split
        and (held_out or not world.relation_held_out(noun, relation, other))
    )


def _alike(noun: str, others: Iterable[str]) -> bool:
    """Whether a noun is among others, or easily taken for one: "dog" and "hot dog"."""
    return any(set(noun.split()) & set(other.split()) for other in others)


class Draft:
    """Draws what a prompt is to ask for, until it is exactly as much as wanted."""

    def __init__(self, rng: np.random.Generator, split: str, held_out: bool) -> None:
        """Draws for a split, from `rng`; with what is held out of the models' training, or not."""
        self._rng, self._split, self._held_out = rng, split, held_out

    def _chance(self, share: float) -> bool:
        return bool(self._rng.random() < share)

    def _related(self, nouns: Sequence[str]) -> list[Relation]:
        """What the split allows between the last of the nouns and one of those before it."""
        return [
            rule
            for rule in _relations(nouns[-1], self._split, self._held_out)
            if rule.other in nouns[:-1]
        ]

    def _kinds(self, number: int) -> tuple[list[str], list[Relation]]:
        """Kinds of object, many of them chosen so that they can be related to one before."""
        nouns = [str(self._rng.choice(NOUNS))]
        relations: list[Relation] = []
        while len(nouns) < number:
            noun = str(self._rng.choice(NOUNS))
            if self._chance(0.65):
                known = nouns[int(self._rng.integers(len(nouns)))]
                rules = _relations(known, self._split, self._held_out)
                rule = rules[int(self._rng.integers(len(rules)))]
                if not _alike(rule.other, nouns):
                    nouns.append(rule.other)
                    inverse = Relation(rule.other, world.INVERSE[rule.relation], rule.noun)
                    relations.append(rule if self._chance(0.5) else inverse)
            elif not _alike(noun, nouns):
                nouns.append(noun)
        return nouns, relations

    def draw(self, wanted: int) -> tuple[Asked, str] | None:
        """What is asked, and the background of its scene; None where this attempt failed."""
        rng = self._rng
        background = sample_background(rng)
        style = str(rng.choice(world.STYLES)) if self._chance(0.35) else None
        shown = background if self._chance(0.85) else None
        missing = int(rng.choice(4, p=[0.45, 0.3, 0.17, 0.08]))
        left = wanted - (style is not None) - (shown is not None) - missing
        number = int(np.clip(round(left / rng.uniform(1.8, 3.4)), 1, world.MAX_GROUPS))
        nouns, relations = self._kinds(number)
        groups = {noun: Group(noun, None, 1) for noun in nouns}
        exact: set[str] = set()
        left -= number + len(relations)
        steps = [(noun, what) for noun in nouns for what in ("count", "colour", "colour", "size")]
        steps += [(noun, "relation") for noun in nouns]
        for index in rng.permutation(len(steps)):
            if left <= 0:
                break
            noun, what = steps[int(index)]
            before = groups[noun], len(exact), len(relations)
            if what == "relation":
                self._relate(noun, nouns, relations)
            else:
                groups[noun] = self._detail(groups, noun, what, background, exact)
            left -= before != (groups[noun], len(exact), len(relations))
        if left != 0 or any(g.size == "large" and g.count > 1 for g in groups.values()):
            return None
        absent: list[str] = []
        while len(absent) < missing:
            noun = str(rng.choice(NOUNS))
            if not _alike(noun, [*nouns, *absent]):
                absent.append(noun)
        made = tuple(groups.values())
        return Asked(
            made, tuple(relations), frozenset(exact), tuple(absent), shown, style
        ), background

    def _relate(self, noun: str, nouns: Sequence[str], relations: list[Relation]) -> None:
        """Adds a relation to another noun that the split allows, if there is one."""
        pairs = [{r.noun, r.other} for r in relations]
        others = [n for n in nouns if n != noun and {n, noun} not in pairs]
        rules = self._related([*others, noun])
        if rules:
            relations.append(rules[int(self._rng.integers(len(rules)))])

    def _detail(
        self, groups: dict[str, Group], noun: str, what: str, background: str, exact: set[str]
    ) -> Group:
        """The group with a number, colour or size asked for; as it was where that cannot be."""
        rng, group = self._rng, groups[noun]
        if what == "count":
            room = world.MAX_THINGS - sum(g.count for g in groups.values())
            more = int(rng.choice(4, p=[0.25, 0.4, 0.22, 0.13]))
            if more > room or noun in exact:
                return group
            if more == 0:
                exact.add(noun)
            return replace(group, count=1 + more)
        if what == "colour" and group.colour is None:
            choices = [
                colour
                for colour in _colours(self._split, self._held_out)[noun]
                if not clashes(colour, background)
            ]
            return replace(group, colour=str(rng.choice(choices))) if choices else group
        if what == "size" and group.size is None and self._chance(0.6):
            size = str(rng.choice(world.SIZES))
            others = [g for g in groups.values() if g.size == "large"]
            if size == "small" or (group.count == 1 and not others):
                return replace(group, size=size)
        return group
