"""The commands for the background and for single things: add, recolour, attribute, count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from poser.core.plan import Command, Criterion, CriterionKind, Op
from poser.decompose.english import English, with_article
from poser.decompose.lexicon import is_in, word_set
from poser.decompose.morphology import article, is_uncounted, number_word
from poser.decompose.scene import Scene, Span, Thing, Trait
from poser.decompose.sources import Sources

_VAGUE_COUNTS = word_set("several many few multiple numerous countless")


class ThingBuilder:
    """Makes the commands of single things."""

    def __init__(self, scene: Scene, sources: Sources) -> None:
        self.scene = scene
        self.sources = sources
        self.english = English(scene)
        self.commands: list[Command] = []
        self._criteria = 0
        self._used: list[Span] = []
        self._placed: dict[tuple[int, int, str], int] = {}
        self._first: dict[int, int] = {}
        self._starts: list[tuple[int, int]] | None = None
        self._kept: dict[int, list[Criterion]] = {}
        self._made: dict[int, str] = {}
        self._entity: dict[int, str] = {}
        self._aside: dict[str, str] = {}
        self._skip = {swap.old for swap in scene.swaps}
        self._skip |= {t.index for t in scene.things if t.role == "gone"}
        for absence in scene.absences:
            if absence.owner in self._skip:
                absence.owner = None
        for lettering in scene.letterings:
            if lettering.carrier in self._skip:
                lettering.carrier = None

    # -- pieces ------------------------------------------------------------------------------

    def _criterion(
        self,
        question: str,
        kind: CriterionKind,
        about: Iterable[str],
        *,
        expected: bool = True,
        needs: Iterable[str | None] = (),
    ) -> Criterion:
        self._criteria += 1
        return Criterion(
            id=f"k{self._criteria}",
            question=question,
            kind=kind,
            about=tuple(about),
            expected=expected,
            depends_on=tuple(dict.fromkeys(n for n in needs if n)),
        )

    def _command(
        self,
        op: Op,
        instruction: str,
        criteria: Sequence[Criterion],
        places: Iterable[Span],
        *,
        subject: str = "",
        caption: str = "",
        needs: Iterable[str | None] = (),
        text: str | None = None,
    ) -> str:
        name = f"c{len(self.commands) + 1}"
        spans = list(places)
        self._used.extend(spans)
        if spans:
            self._first[len(self.commands)] = max(s[0] for s in spans)
        self.commands.append(
            Command(
                id=name,
                op=op,
                instruction=instruction,
                subject=subject,
                depends_on=tuple(dict.fromkeys(n for n in needs if n)),
                criteria=tuple(criteria),
                caption=caption,
                source=self.sources.text(spans),
                text=text,
            )
        )
        return name

    # -- the background ----------------------------------------------------------------------

    def _background(self) -> None:
        if self.scene.backdrop is None:
            return
        thing = self.scene.things[self.scene.backdrop]
        traits = thing.traits
        if not traits:
            return
        criteria = []
        for trait in traits:
            question = f"Is the background {self.english.predicate(thing, trait)}?"
            if trait.kind == "scene":
                last = trait.key
                bare = Trait(last, last, "scene", [])
                question = f"Is the background {self.english.predicate(thing, bare)}?"
                criteria.append(self._criterion(question, "entity", (trait.key,)))
            else:
                about = ("background", trait.key)
                criteria.append(
                    self._criterion(question, "attribute", about, expected=not trait.negated)
                )
        held = [t for t in traits if not t.negated] or traits
        scenes = [t for t in held if t.kind == "scene"]
        others = [t.text for t in held if t.kind != "scene"]
        if scenes:
            scene = self.english.predicate(thing, scenes[-1])
            rest = f" that is {' and '.join(others)}" if others else ""
            wanted = scene + rest
            caption = f"on {_a(scenes[-1].text)} background"
        else:
            wanted = " and ".join(others)
            caption = f"on {_a(wanted)} background"
            if all(t.negated for t in traits):
                wanted, caption = f"something not {wanted}", ""
        spans = [*thing.spans, *(s for t in traits for s in t.spans)]
        self._command(
            "background",
            f"change the background to {wanted}",
            criteria,
            spans,
            subject="background",
            caption=caption,
        )

    # -- things ------------------------------------------------------------------------------

    def _owner_first(self, thing: Thing) -> None:
        """Makes the commands of what a thing belongs to, then its own."""
        waiting = [thing]
        while thing.owner is not None and len(waiting) < 16:
            thing = self.scene.things[thing.owner[0]]
            waiting.append(thing)
        for each in reversed(waiting):
            if each.index not in self._entity and each.role != "backdrop":
                self._thing(each)

    def _thing(self, thing: Thing) -> None:
        if thing.index in self._skip:
            return
        owner = self.scene.things[thing.owner[0]] if thing.owner else None
        if owner is not None and (owner.role == "backdrop" or owner.index in self._skip):
            thing.owner, owner = None, None
        criteria = [self._more(thing)] if thing.further else self._there(thing, owner)
        if thing.role == "given":
            self._given(thing, criteria)
        elif owner is not None and _is_part(thing):
            self._part(thing, owner, criteria)
            return
        else:
            self._add(thing, owner, criteria)
        self._colours(thing)
        self._attributes(thing)

    def _there(self, thing: Thing, owner: Thing | None) -> list[Criterion]:
        """Whether a thing is there, and in its number."""
        owned = [self._entity.get(owner.index)] if owner is not None else []
        entity = self._criterion(self.english.exists(thing), "entity", (thing.name,), needs=owned)
        self._entity[thing.index] = entity.id
        alike = self.english.alike(thing)
        if len(alike) > 1 and owner is None:
            return [entity, *self._together(thing, alike, entity)]
        if thing.count is None and thing.quantifier not in _VAGUE_COUNTS:
            return [entity]
        number = thing.quantifier if thing.count is None else str(thing.count)
        asked = self.english.counts(thing)
        about = thing.name, number
        return [entity, self._criterion(asked, "count", about, needs=[entity.id])]

    def _together(self, last: Thing, alike: list[Thing], entity: Criterion) -> list[Criterion]:
        """How many there are of one name that the prompt speaks of as several things.

        "Two red cups and three blue cups" are five cups: asked of the last of them, if the prompt
        gives numbers, or tells all of them apart, and no picture is given that may have more.
        """
        if last is not alike[-1] or self.scene.editing or last.proper or is_uncounted(last.name):
            return []
        stated = any(t.count is not None for t in alike)
        known = all(t.count is not None or not (t.many or t.quantifier) for t in alike)
        if not known or not (stated or all(self.english.told_apart(t) for t in alike)):
            return []
        if any(t.role != "thing" or t.owner is not None or t.further for t in alike):
            return []
        first, *others = (t.count or 1 for t in alike)
        # "Four balloons: one red balloon, ...", "three cats ... A black cat is in the middle."
        bare = all(t.kind == "action" or t.share for t in alike[0].traits)
        whole = bare and first > 1 and first >= sum(others)
        total = first if whole else first + sum(others)
        asked = self.english.counts(last, total)
        return [self._criterion(asked, "count", (last.name, str(total)), needs=[entity.id])]

    def _more(self, thing: Thing) -> Criterion:
        """Whether there are more than before, which a picture alone does not show."""
        number = f"{number_word(thing.count or 1)} more"
        verb = "Are" if thing.many else "Is"
        asked = f"{verb} there {number} {thing.noun}?"
        criterion = self._criterion(asked, "count", (thing.name, number))
        self._aside[criterion.id] = "only the picture before could tell"
        return criterion

    def _given(self, thing: Thing, criteria: list[Criterion]) -> None:
        """A thing of the given picture: its criteria go with the first change to it."""
        self._kept[thing.index] = criteria
        recounts = [r for r in self.scene.recounts if r.thing == thing.index]
        if recounts:
            said = self.english.described(thing)
            spans = [s for r in recounts for s in r.spans] + thing.spans
            self._made[thing.index] = self._command(
                "count", f"make it {said}", self._take(thing), spans,
                subject=thing.name, caption=said,
            )  # fmt: skip

    def _take(self, thing: Thing) -> list[Criterion]:
        """The criteria of a given thing that no command has yet."""
        return self._kept.pop(thing.index, [])

    def _unchanged(self) -> None:
        """Given things that no command changes: what is said of them is kept as it is."""
        for index, criteria in list(self._kept.items()):
            thing = self.scene.things[index]
            words = " ".join(self.sources.text(thing.spans[:1]).split())
            self._command("other", words or thing.noun, criteria, thing.spans, subject=thing.name)
        self._kept.clear()

    def _add(self, thing: Thing, owner: Thing | None, criteria: list[Criterion]) -> None:
        said = self.english.described(thing)
        instruction = f"add {said}"
        caption = said
        needs: list[str | None] = []
        spans = list(thing.spans)
        if owner is not None:
            instruction = f"give {self.english.the(owner)} {said}"
            caption = f"{self.english.the(owner)} with {said}"
            needs = [self._made.get(owner.index)]
            if owner.role == "given":
                spans.extend(owner.spans)
            criteria[:0] = self._take(owner)
            if thing.owner is not None and thing.owner[1] == "wearing":
                caption = f"{self.english.the(owner)} wearing {said}"
        self._made[thing.index] = self._command(
            "add",
            instruction,
            criteria,
            spans,
            subject=thing.name,
            caption=caption,
            needs=needs,
        )

    def _part(self, thing: Thing, owner: Thing, criteria: list[Criterion]) -> None:
        """A part of a thing, with all that is said of it: "give the cat green eyes"."""
        said = self.english.described(thing)
        traits = [t for t in thing.traits if not t.share]
        criteria[:0] = self._take(owner)
        criteria.extend(self._trait(thing, t) for t in traits)
        spans = thing.spans + [s for t in traits for s in t.spans]
        if owner.role == "given":
            spans = [*owner.spans, *spans]
        after = [t.text for t in traits if t.kind in ("action", "type") and not t.negated]
        instruction = f"give {self.english.the(owner)} {said}"
        if after:
            instruction += f", {' and '.join(after[:4])}"
        self._made[thing.index] = self._command(
            "attribute",
            instruction,
            criteria,
            spans,
            subject=owner.name,
            caption=f"{self.english.the(owner)} with {said}",
            needs=[self._made.get(owner.index)],
        )

    def _trait(self, thing: Thing, trait: Trait) -> Criterion:
        criterion = self._of_trait(thing, trait)
        if trait.compared:
            self._aside[criterion.id] = "only the picture before could tell"
        return criterion

    def _of_trait(self, thing: Thing, trait: Trait) -> Criterion:
        return self._criterion(
            self.english.has(thing, trait),
            "attribute",
            (thing.name, trait.key),
            expected=not trait.negated,
            needs=[self._entity.get(thing.index)],
        )

    def _colours(self, thing: Thing) -> None:
        colours = [t for t in thing.traits if t.kind == "colour"]
        for trait in (t for t in thing.traits if t.share and not t.negated):
            verb = "show" if trait.kind == "action" else "make"
            some = self.english.some_of(thing, trait.share)
            self._attribute(thing, [trait], [], f"{verb} {some} {trait.text}")
        for negated in (False, True):
            chosen = [t for t in colours if t.negated == negated and not t.share]
            if not chosen:
                continue
            waiting = self._take(thing)
            criteria = [self._trait(thing, t) for t in chosen]
            said = " and ".join(t.text for t in chosen)
            wish = " and ".join(f"not {t.text}" for t in chosen) if negated else said
            name = self._command(
                "recolour",
                f"make {self.english.one_of(thing, chosen[0])} {wish}",
                [*waiting, *criteria],
                self.sources.near(thing, [s for t in chosen for s in t.spans]),
                subject=thing.name,
                caption=self._changed(thing, chosen),
                needs=[self._made.get(thing.index)],
            )
            if thing.role == "given":
                self._made.setdefault(thing.index, name)

    def _changed(self, thing: Thing, traits: list[Trait]) -> str:
        """The caption of a change to a thing of the given picture; a new thing has it already."""
        if thing.role != "given" or any(t.negated for t in traits):
            return ""
        noun = f"{' and '.join(t.text for t in traits)} {thing.noun}"
        return noun if thing.many else _a(noun)

    def _attributes(self, thing: Thing) -> None:
        plain = [t for t in thing.traits if t.kind not in ("colour", "action") and not t.share]
        for negated in (False, True):
            chosen = [t for t in plain if t.negated == negated]
            if chosen:
                waiting = self._take(thing)
                said = " and ".join(self.english.predicate(thing, t) for t in chosen)
                said = said.replace("made of ", "out of ")
                wish = f"not {said}" if negated else said
                target = self.english.one_of(thing, chosen[0])
                self._attribute(thing, chosen, waiting, f"make {target} {wish}")
        for trait in (t for t in thing.traits if t.kind == "action" and not t.share):
            waiting = self._take(thing)
            wish = f"not {trait.text}" if trait.negated else trait.text
            self._attribute(thing, [trait], waiting, f"show {self.english.the(thing)} {wish}")

    def _attribute(
        self, thing: Thing, traits: list[Trait], waiting: list[Criterion], instruction: str
    ) -> None:
        criteria = [*waiting, *(self._trait(thing, t) for t in traits)]
        caption = ""
        action = traits[0].kind == "action" and not traits[0].negated
        if action:
            caption = f"{self.english.the(thing)} {traits[0].text}"
        elif thing.role == "given":
            caption = self._changed(thing, traits)
        elif traits[0].kind == "type" and not traits[0].negated:
            caption = f"{self.english.the(thing)} as {self.english.predicate(thing, traits[0])}"
        name = self._command(
            "recolour" if traits[0].kind == "colour" else "attribute",
            instruction,
            criteria,
            self.sources.near(thing, [s for t in traits for s in t.spans]),
            subject=thing.name,
            caption=caption,
            needs=[self._made.get(thing.index)],
        )
        if thing.role == "given":
            self._made.setdefault(thing.index, name)


def _a(phrase: str) -> str:
    return f"{article(phrase)} {phrase}"


def _is_part(thing: Thing) -> bool:
    """Whether the thing is a part of its owner rather than something that goes with it."""
    spoken = thing.owner is not None and thing.owner[1] == "of"
    return spoken or is_in("parts", thing.head)


def bare(thing: Thing) -> str:
    """The thing without adjectives: "a hat", "shoes"."""
    return thing.noun if thing.many else with_article(thing.name)
