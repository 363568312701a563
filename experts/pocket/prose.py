"""Long prompts in plain English: a whole request told sentence by sentence, in many ways."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from experts.pocket import world
from experts.pocket.language import article
from experts.pocket.phrasebook import (
    ABSENT_FORMS,
    AGAIN,
    ASIDES,
    BACKGROUND_FORMS,
    CLOSERS,
    FIRST_FORMS,
    LATER_FORMS,
    NAMES,
    OPENERS,
    PLACE_WORDS,
    PUT_FORMS,
    RELATION_FORMS,
    SCENE_FORMS,
    SIZE_WORDS,
    STYLE_FORMS,
    TRAIT_FORMS,
)
from experts.pocket.requirements import Asked
from experts.pocket.scenes import Group, Relation

LONGEST: Final = 300
"""Most words of a prompt."""

SHORTEST: Final = 40
"""Fewest words of a prompt."""


@dataclass(slots=True)
class _Sentence:
    """A sentence, and whether it speaks of "it": then it stays right after the one before."""

    text: str
    bound: bool = False


def tell(asked: Asked, rng: np.random.Generator) -> str:
    """One of very many ways to ask for something.

    Args:
        asked: All that the text asks for.
        rng: Source of all chance.

    Returns:
        Sentences, in paragraphs where there are many: `SHORTEST` to `LONGEST` words.
    """
    tone = int(rng.integers(3))
    most = min(LONGEST - 20, 90 + 20 * len(asked.criteria()))
    low = (SHORTEST, 80, 140)[tone]
    wanted = int(rng.integers(low, max(low + 20, (80, 140, most)[tone])))
    teller = _Teller(asked, rng, inline=(0.85, 0.6, 0.35)[tone])
    return _paragraphs(_padded(teller.told(), teller.echoes(), wanted, rng), rng)


def _padded(
    told: Sequence[_Sentence], echoes: list[str], wanted: int, rng: np.random.Generator
) -> list[_Sentence]:
    """What was told, with sentences that ask for nothing new, up to about `wanted` words."""
    opener = [OPENERS[int(rng.integers(len(OPENERS)))]] if rng.random() < 0.6 else []
    closer = [CLOSERS[int(rng.integers(len(CLOSERS)))]] if rng.random() < 0.6 else []
    frame = len(" ".join(opener + closer).split())
    order = (ASIDES[i] for i in rng.permutation(len(ASIDES)))
    asides = [aside for aside in order if aside not in (*opener, *closer)]
    between: dict[int, list[str]] = defaultdict(list)
    places = [i for i, s in enumerate(told) if i and not s.bound]
    again: list[str] = []
    gaps = [i for _ in range(2) for i in rng.permutation(places).tolist()][::-1]
    words = frame + sum(len(s.text.split()) for s in told)
    while words < wanted and (gaps or (echoes and len(again) < 9) or words < SHORTEST):
        if gaps and (rng.random() < 0.6 or not echoes):
            between[gaps.pop()].append(added := asides.pop())
        else:
            again.append(added := echoes.pop() if echoes else asides.pop())
        words += len(added.split())
    made = [_Sentence(text) for text in opener]
    for index, sentence in enumerate(told):
        made += [_Sentence(text) for text in between[index]]
        made.append(sentence)
    return made + [_Sentence(text) for text in again + closer]


def _paragraphs(sentences: Sequence[_Sentence], rng: np.random.Generator) -> str:
    length = int(rng.integers(4, 9)) if len(sentences) > 8 else len(sentences)
    paragraphs: list[list[str]] = [[]]
    for sentence in sentences:
        if len(paragraphs[-1]) >= length and not sentence.bound:
            paragraphs.append([])
        paragraphs[-1].append(sentence.text)
    return "\n\n".join(" ".join(part) for part in paragraphs)


def _sentence(text: str) -> str:
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "?")) else f"{text}."


class _Teller:
    """Tells one request; keeps what was said, and what "it" would mean now."""

    def __init__(self, asked: Asked, rng: np.random.Generator, inline: float) -> None:
        self._asked, self._rng, self._inline = asked, rng, inline
        self._names = {g.noun: self._name(g.noun) for g in asked.groups}
        self._introduced: list[str] = []
        self._open: dict[str, list[str]] = {}
        self._relations = list(asked.relations)
        self._exact = set(asked.exact)
        self._it: str | None = None

    def _one_of(self, options: Sequence[str]) -> str:
        return options[int(self._rng.integers(len(options)))]

    def _chance(self, share: float) -> bool:
        return bool(self._rng.random() < share)

    def _name(self, noun: str) -> tuple[str, str]:
        own = (world.NOUNS[noun].name, world.NOUNS[noun].plural)
        return NAMES[noun] if noun in NAMES and self._chance(0.2) else own

    def _called(self, noun: str) -> str:
        return self._names[noun][self._asked.group(noun).count > 1]

    def _is(self, noun: str) -> str:
        return "are" if self._asked.group(noun).count > 1 else "is"

    def _pronoun(self, noun: str, form: str = "it") -> str:
        many = {"it": "they", "them": "them", "its": "their"}
        one = {"it": "it", "them": "it", "its": "its"}
        return (many if self._asked.group(noun).count > 1 else one)[form]

    def told(self) -> list[_Sentence]:
        """The sentences that say everything once."""
        body = self._objects() + self._details()
        around: list[list[_Sentence]] = []
        if self._asked.background is not None:
            around.append([_Sentence(self._background(self._asked.background))])
        if self._asked.style is not None:
            around.append([_Sentence(self._style(self._asked.style))])
        around += [[_Sentence(text)] for text in self._absences()]
        for index, block in enumerate(around):
            places = [i for i, s in enumerate(body) if not s.bound] + [len(body)]
            first = index == 0 and self._chance(0.45)
            body[(at := 0 if first else places[int(self._rng.integers(len(places)))]) : at] = block
        return body

    # Objects

    def _phrase(self, group: Group) -> str:
        """A noun phrase that introduces a group, with some of its traits."""
        colour = group.colour if group.colour and self._chance(self._inline) else None
        if (group.noun, colour) == ("tree", "orange"):
            colour = None  # "an orange tree" bears oranges
        size = group.size if group.size and self._chance(self._inline) else None
        left = [
            trait
            for trait, said in ((group.colour, colour), (group.size, size))
            if trait is not None and said is None
        ]
        self._open[group.noun] = left
        words = [self._size(size) if size else "", colour or "", self._called(group.noun)]
        phrase = " ".join(word for word in words if word)
        if group.count > 1:
            return f"{self._number(group.count)} {phrase}"
        if group.noun in self._exact and self._chance(0.6):
            self._exact.discard(group.noun)
            number = self._one_of(("exactly one", "exactly one", "only one", "a single", "one"))
            return f"{number} {phrase}"
        return article(phrase)

    def _size(self, size: str) -> str:
        return self._one_of(SIZE_WORDS[size])

    def _number(self, count: int) -> str:
        word = world.NUMBERS[count - 1]
        forms = {2: ("a pair of", "a couple of"), 3: ("a trio of", "a group of three")}
        others = (*forms.get(count, ("a group of four",)), f"exactly {word}", str(count))
        return self._one_of(others) if self._chance(0.3) else word

    def _place(self, relation: str, other: str, pronoun: bool = False) -> str:
        """A place: "above the car", "to its left"."""
        if pronoun and relation in ("left of", "right of") and self._chance(0.6):
            side = relation.split()[0]
            return f"{self._one_of(('to', 'on'))} {self._pronoun(other, 'its')} {side}"
        words = self._one_of(PLACE_WORDS[relation])
        return (
            f"{words} {self._pronoun(other, 'them') if pronoun else f'the {self._called(other)}'}"
        )

    def _objects(self) -> list[_Sentence]:
        """Introduces every group."""
        made: list[_Sentence] = []
        waiting = [self._asked.groups[i] for i in self._rng.permutation(len(self._asked.groups))]
        while waiting:
            tied = [(g, r) for g in waiting for r in self._relations if self._ties(g, r)]
            if tied and self._chance(0.7):
                group, rule = tied[int(self._rng.integers(len(tied)))]
                made.append(self._beside(group, rule))
            else:
                group = waiting[0]
                pairs = [(g, r) for g in waiting[1:] for r in self._relations
                         if {r.noun, r.other} == {g.noun, group.noun}]  # fmt: skip
                if pairs and self._chance(0.35):
                    other, rule = pairs[0]
                    made.append(self._both(rule))
                    waiting.remove(other)
                elif len(waiting) > 1 and not tied and self._chance(0.2):
                    other = waiting[1]
                    made.append(self._listed(group, other))
                    waiting.remove(other)
                else:
                    made.append(self._alone(group, last=len(waiting) == 1))
            waiting.remove(group)
            if self._it is not None:
                made += self._traits(self._it, pronoun=True, share=0.55)
        return made

    def _ties(self, group: Group, rule: Relation) -> bool:
        pair = {rule.noun, rule.other}
        return group.noun in pair and bool((pair - {group.noun}) & set(self._introduced))

    def _alone(self, group: Group, last: bool) -> _Sentence:
        forms = LATER_FORMS if self._introduced and self._chance(0.5) else FIRST_FORMS
        form = self._one_of(forms)
        if last and self._introduced and self._chance(0.15):
            form = "finally, there {be} {np}"
        return self._new(form.format(np=self._phrase(group), be=self._is(group.noun)), group.noun)

    def _listed(self, group: Group, other: Group) -> _Sentence:
        first, second = self._phrase(group), self._phrase(other)
        form = self._one_of([f for f in FIRST_FORMS if "{be}" not in f])
        made = self._new(form.format(np=f"{first} and {second}"), group.noun, other.noun)
        self._it = None
        return made

    def _both(self, rule: Relation) -> _Sentence:
        self._relations.remove(rule)
        first, second = self._asked.group(rule.noun), self._asked.group(rule.other)
        where = f"{self._one_of(PLACE_WORDS[rule.relation])} {self._phrase(second)}"
        form = self._one_of(("there {be} {np} {place}", "{np} {be} {place}", "{np} {be} {place}"))
        text = form.format(np=self._phrase(first), be=self._is(first.noun), place=where)
        made = self._new(text, first.noun, second.noun)
        self._it = None
        return made

    def _beside(self, group: Group, rule: Relation) -> _Sentence:
        """Introduces a group by where it is in relation to one that is known."""
        self._relations.remove(rule)
        if rule.other == group.noun:
            rule = Relation(group.noun, world.INVERSE[rule.relation], rule.noun)
        bound = self._it == rule.other and self._chance(0.6)
        where = self._place(rule.relation, rule.other, bound)
        form = self._one_of(RELATION_FORMS)
        text = form.format(np=self._phrase(group), be=self._is(group.noun), place=where)
        made = self._new(text, group.noun)
        made.bound = bound
        if not bound:
            self._it = None
        return made

    def _new(self, text: str, *nouns: str) -> _Sentence:
        self._introduced += nouns
        self._speak_of(nouns[0])
        return _Sentence(_sentence(text))

    def _speak_of(self, noun: str) -> None:
        """What "it" or "they" means from here on; a person is no "it"."""
        self._it = None if self._called(noun) == "person" else noun

    # Details of what is known already

    def _traits(self, noun: str, pronoun: bool, share: float) -> list[_Sentence]:
        """Sentences about the colour and size of a group that were not yet said."""
        open_traits = self._open[noun]
        if not open_traits or not self._chance(share):
            return []
        self._open[noun] = []
        worded = [self._size(t) if t in world.SIZES else t for t in open_traits]
        if len(worded) == 2 and self._chance(0.5):
            worded = [" and ".join(worded)]
        made = [
            self._trait(noun, words, pronoun and (index == 0 or self._chance(0.5)))
            for index, words in enumerate(worded)
        ]
        self._speak_of(noun)
        return made

    def _trait(self, noun: str, words: str, pronoun: bool) -> _Sentence:
        count = self._asked.group(noun).count
        if count > 1 and pronoun and self._chance(0.4):
            options = ("both are {c}", "both of them are {c}") if count == 2 else (
                "all of them are {c}", "they are all {c}")  # fmt: skip
            return _Sentence(_sentence(self._one_of(options).format(c=words)), True)
        named = f"the {self._called(noun)}"
        form = self._one_of(TRAIT_FORMS)
        if words in world.COLOURS and pronoun and self._chance(0.15):
            form = f"{self._pronoun(noun, 'its')} colour is {{c}}"
        text = form.format(
            x=self._pronoun(noun) if pronoun else named,
            o=self._pronoun(noun, "them") if pronoun else named,
            be=self._is(noun), has="have" if count > 1 else "has", c=words,
        )  # fmt: skip
        return _Sentence(_sentence(text), pronoun)

    def _details(self) -> list[_Sentence]:
        """What is still to be said of groups that were all introduced."""
        blocks: list[list[_Sentence]] = []
        self._it = None
        later = [noun for noun in self._introduced if self._open[noun]]
        if len(later) > 1 and self._chance(0.4):
            blocks.append([self._contrast(later.pop(), later.pop())])
        blocks += [self._traits(noun, False, 1.0) for noun in later]
        blocks += [[self._related(rule)] for rule in self._relations]
        blocks += [[self._sole(noun)] for noun in sorted(self._exact)]
        return list(itertools.chain(*(blocks[i] for i in self._rng.permutation(len(blocks)))))

    def _contrast(self, first: str, second: str) -> _Sentence:
        halves = []
        for noun in (first, second):
            worded = [self._size(t) if t in world.SIZES else t for t in self._open[noun]]
            halves.append(f"the {self._called(noun)} {self._is(noun)} {' and '.join(worded)}")
            self._open[noun] = []
        return _Sentence(_sentence(self._one_of((", and ", ", while ")).join(halves)))

    def _sole(self, noun: str) -> _Sentence:
        form = self._one_of(("there is only one {}", "there is exactly one {} in the picture",
                             "there should be exactly one {}", "only one {} is in the picture",
                             "there is just one {}"))  # fmt: skip
        return _Sentence(_sentence(form.format(self._called(noun))))

    def _related(self, rule: Relation) -> _Sentence:
        if self._chance(0.3):
            rule = Relation(rule.other, world.INVERSE[rule.relation], rule.noun)
        text = self._one_of(PUT_FORMS).format(
            x=f"the {self._called(rule.noun)}", be=self._is(rule.noun),
            place=self._place(rule.relation, rule.other),
        )  # fmt: skip
        return _Sentence(_sentence(text))

    # The whole picture

    def _background(self, background: str) -> str:
        if background in world.PLAIN_BACKGROUNDS:
            form = self._one_of(BACKGROUND_FORMS)
            return _sentence(form.format(c=background, a=article(f"{background} background")))
        return _sentence(self._one_of(SCENE_FORMS[background]))

    def _style(self, style: str) -> str:
        return _sentence(self._one_of(STYLE_FORMS[style]))

    def _absences(self) -> list[str]:
        """Sentences about what must not be there, one or two kinds each."""
        made: list[str] = []
        nouns = list(self._asked.absent)
        while nouns:
            first = world.NOUNS[nouns.pop()]
            if nouns and self._chance(0.4):
                second = world.NOUNS[nouns.pop()]
                form = self._one_of((
                    "there are no {p} and no {q}", "there is no {s}, and there is no {t} either",
                    "there is neither {a} nor {b}", "there should be no {p} and no {q}",
                ))  # fmt: skip
                words = {"q": second.plural, "t": second.name, "b": article(second.name)}
            else:
                form, words = self._one_of(ABSENT_FORMS), {}
            one = {"p": first.plural, "s": first.name, "a": article(first.name)}
            made.append(_sentence(form.format(**one, **words)))
        return made

    def echoes(self) -> list[str]:
        """Sentences that say again what was said."""
        made = []
        for group in self._asked.groups:
            named = f"the {self._called(group.noun)} {self._is(group.noun)}"
            made += [f"{named} {trait}" for trait in (group.colour, group.size) if trait]
        rules = [*self._asked.relations]
        rules += [Relation(r.other, world.INVERSE[r.relation], r.noun) for r in rules]
        made += [
            f"the {self._called(rule.noun)} {self._is(rule.noun)} "
            f"{self._place(rule.relation, rule.other)}"
            for rule in rules
        ]
        if self._asked.background in world.PLAIN_BACKGROUNDS:
            made.append(f"the background is {self._asked.background}")
        return [
            _sentence(f"{self._one_of(AGAIN)} {made[i]}") for i in self._rng.permutation(len(made))
        ]
