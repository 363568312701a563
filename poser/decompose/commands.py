"""From a scene to a plan: commands in a workable order, each with its criteria."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from poser.core.plan import Criterion, CriterionKind, Plan
from poser.decompose.english import absent_instruction
from poser.decompose.scene import Lettering, Relation, Span
from poser.decompose.styles import style_name
from poser.decompose.thing_commands import ThingBuilder, bare
from poser.decompose.tokens import Token

_INVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


class PlanBuilder(ThingBuilder):
    """Makes the plan of a scene, one group of facts after another."""

    def build(self, decomposer: str, sentences: Sequence[Sequence[Token]]) -> Plan:
        """The plan of the scene; what no fact of it took becomes plain commands.

        Args:
            decomposer: Name and version for the plan.
            sentences: The tokens of the prompt by sentence.
        """
        self._background()
        for thing in self.scene.things:
            if thing.role != "backdrop":
                self._owner_first(thing)
        for relation in self.scene.relations:
            self._relation(relation)
        self._swaps()
        self._absences()
        self._unchanged()
        for loose in self.scene.loose:
            self._loose(loose.spans)
        later = [s for look in self.scene.looks for s in look.spans]
        later += [s for lettering in self.scene.letterings for s in lettering.spans]
        for span in self.sources.leftovers([*self._used, *later], sentences):
            if not self._beside(span):
                self._loose([span])
        self._looks()
        self._letterings()
        return Plan(
            prompt=self.scene.prompt,
            commands=tuple(self.commands),
            edits_picture=self.scene.editing,
            decomposer=decomposer,
        ).setting_aside(self._aside)

    # -- the rest ----------------------------------------------------------------------------

    def _relation(self, relation: Relation) -> None:
        subject = self.scene.things[relation.subject]
        other = None if relation.object is None else self.scene.things[relation.object]
        if subject.index in self._skip or (other is not None and other.index in self._skip):
            return
        about = [subject.name, other.name if other else relation.region, relation.name]
        if other is None:
            about[1] = relation.region.removeprefix("the ")
        needs = [self._entity.get(subject.index)]
        after = [self._made.get(subject.index)]
        kept = self._take(subject)
        if other is not None:
            needs.append(self._entity.get(other.index))
            after.append(self._made.get(other.index))
            kept = [*kept, *self._take(other)]
        if relation.also is not None and relation.also not in self._skip:
            second = self.scene.things[relation.also]
            about[1] = f"{about[1]} and {second.name}"
            needs.append(self._entity.get(second.index))
            after.append(self._made.get(second.index))
            kept = [*kept, *self._take(second)]
        criterion = self._criterion(
            self.english.related(relation),
            "relation",
            about,
            expected=not relation.negated,
            needs=needs,
        )
        spans = self.sources.between(subject, other, relation.spans)
        if self._said_the_other_way(relation, criterion, spans):
            return
        instruction = self._relating(relation)
        self._command(
            "relation",
            instruction,
            [*kept, criterion],
            spans,
            subject=subject.name,
            caption="" if relation.negated else self.english.relation_caption(relation),
            needs=after,
        )

    def _relating(self, relation: Relation) -> str:
        """The instruction: an editor takes no "do not", so not left of something is right of it.

        Unless more is said of where the two are to one another.
        """
        if not relation.negated:
            return self.english.relating(relation)
        pair = {relation.subject, relation.object}
        alone = sum({r.subject, r.object} == pair for r in self.scene.relations) == 1
        opposite = _INVERSE.get(relation.name)
        if alone and relation.object is not None and opposite is not None:
            return self.english.relating(replace(relation, name=opposite, negated=False))
        away = self.english.taking_away(relation, across=alone)
        return away or f"do not {self.english.relating(relation)}"

    def _said_the_other_way(
        self, relation: Relation, criterion: Criterion, spans: list[Span]
    ) -> bool:
        """Adds "b right of a" to the command that has "a left of b": one change serves both."""
        inverse = _INVERSE.get(relation.name)
        if inverse is None or relation.object is None or relation.negated or relation.share:
            return False
        index = self._placed.get((relation.object, relation.subject, inverse))
        if index is None:
            self._placed[relation.subject, relation.object, relation.name] = len(self.commands)
            return False
        command = self.commands[index]
        source = f"{command.source} … {self.sources.text(spans)}"
        self._used.extend(spans)
        self.commands[index] = command.model_copy(
            update={"criteria": (*command.criteria, criterion), "source": source}
        )
        return True

    def _swaps(self) -> None:
        for swap in self.scene.swaps:
            old, new = self.scene.things[swap.old], self.scene.things[swap.new]
            index = next(
                (i for i, c in enumerate(self.commands) if c.id == self._made.get(new.index)), None
            )
            said = self.english.described(new)
            gone: list[Criterion] = []
            if old.name != new.name:
                question = f"Is there {bare(old)}?"
                gone = [self._criterion(question, "absence", (old.name,), expected=False)]
            self._used.extend([*swap.spans, *old.spans])
            instruction = f"replace {self.english.the(old)} with {said}"
            if index is None:
                self._command("replace", instruction, gone, swap.spans, subject=old.name)
                continue
            made = self.commands[index]
            self.commands[index] = made.model_copy(
                update={
                    "op": "replace",
                    "instruction": instruction,
                    "subject": old.name,
                    "criteria": (*made.criteria, *gone),
                    "source": self.sources.text([*swap.spans, *new.spans, *old.spans]),
                }
            )

    def _absences(self) -> None:
        for absence in self.scene.absences:
            owner = absence.owner
            if absence.literal is not None:
                kind: CriterionKind = "text"
                about: tuple[str, ...] = (absence.literal,)
            else:
                kind = "absence"
                about = (absence.name,)
                if owner is not None:
                    about = (self.scene.things[owner].name, absence.name)
            criterion = self._criterion(
                self.english.missing(absence), kind, about, expected=False,
                needs=[self._entity.get(owner)] if owner is not None else [],
            )  # fmt: skip
            self._command(
                "remove",
                absent_instruction(absence, self.english),
                [criterion],
                absence.spans,
                subject=absence.name,
                needs=[self._made.get(owner)] if owner is not None else [],
            )

    def _loose(self, spans: list[Span]) -> None:
        words = " ".join(self.sources.text(spans).split())
        criterion = self._criterion(f'Does the picture show "{words}"?', "other", (words,))
        self._command("other", words, [criterion], spans, caption=words)

    def _beside(self, span: Span) -> bool:
        """Gives adverbs that stand alone to the command of the words before them."""
        if not self.sources.adverbial(span) or not self.commands:
            return False
        if self._starts is None:
            order = sorted((start, index) for index, start in self._first.items())
            self._starts = order
        at = max(bisect_right(self._starts, (span[0], len(self.commands))) - 1, 0)
        index = self._starts[at][1]
        command = self.commands[index]
        source = f"{command.source} … {self.sources.text([span])}"
        self.commands[index] = command.model_copy(update={"source": source})
        return True

    def _looks(self) -> None:
        for look in self.scene.looks:
            said = self.english.look_phrase(look)
            about = (style_name(look.text),)
            criterion = self._criterion(self.english.looks(look), "global", about)
            self._command("style", f"make it {said}", [criterion], look.spans, caption=said)

    def _placed_text(self, literal: str, lettering: Lettering, parent: str) -> list[Criterion]:
        """Whether a text stands on its thing, or where the prompt puts it."""
        found: list[Criterion] = []
        spots: list[tuple[str, int | None, str]] = []
        if lettering.carrier is not None:
            spots.append(("on", lettering.carrier, ""))
        if lettering.place is not None and lettering.place[1] not in self._skip:
            spots.append(lettering.place)
        for name, index, region in spots:
            thing = None if index is None else self.scene.things[index]
            if thing is not None and thing.role == "backdrop":
                continue
            where = region if thing is None else self.english.the(thing)
            about = region.removeprefix("the ") if thing is None else thing.name
            if not about:
                continue
            found.append(
                self._criterion(
                    f'Is the text "{literal}" {name} {where}?',
                    "relation",
                    (literal, about, name),
                    needs=[parent, self._entity.get(thing.index) if thing else None],
                )
            )
        return found

    def _letterings(self) -> None:
        """Texts, each after the one before.

        That they belong on the finished picture is for the policy to see to (it knows the steps
        left), not a dependency: a text must not wait for what cannot be had.
        """
        before: list[str | None] = []
        for lettering in self.scene.letterings:
            carrier = None if lettering.carrier is None else self.scene.things[lettering.carrier]
            where = f" {lettering.manner}" if lettering.manner else ""
            where += f" on {self.english.the(carrier)}" if carrier is not None else ""
            needs = [self._entity.get(carrier.index)] if carrier is not None else []
            literal = lettering.literal
            criterion = self._criterion(
                f'Does the text "{literal}" appear?', "text", (literal,), needs=needs
            )
            placed = self._placed_text(literal, lettering, criterion.id)
            name = self._command(
                "text",
                f'write "{literal}"{where}',
                [criterion, *placed],
                lettering.spans,
                subject=carrier.name if carrier is not None else "",
                caption=f'the text "{literal}"{where}',
                needs=before,
                text=literal,
            )
            before = [name]
