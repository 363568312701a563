"""What a detector saw on a picture, and which criteria of a plan that fulfils.

Where one could argue, the answer is yes: a relation holds from 4 pixels on, in a direction that
need only be half as long as the shift across it; "small" and "large" reach two pixels further
than what the generator of the pocket world calls so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from poser.core.plan import Criterion, in_dependency_order, words_of
from poser.core.value import Value

SMALL = 17.0
"""Longest side, in native pixels, up to which an object passes for small."""

LARGE = 27.0
"""Longest side, in native pixels, from which an object passes for large."""

APART = 4.0
"""Native pixels by which the mean centres of two kinds must differ to be related."""

ASIDE = 0.5
"""Least ratio of the shift along a relation to the shift across it."""

_DIRECTIONS: Mapping[str, tuple[float, float]] = {
    "left of": (1.0, 0.0),
    "right of": (-1.0, 0.0),
    "above": (0.0, 1.0),
    "below": (0.0, -1.0),
}
_SIZES: Mapping[str, Callable[[float], bool]] = {
    "small": lambda side: side <= SMALL,
    "large": lambda side: side >= LARGE,
}


class Seen(Value):
    """One object.

    Attributes:
        noun: Kind of object, singular.
        colour: Colour word that describes it; ``None`` where no single one does.
        x: Of its centre, in pixels of a picture of 64 by 64.
        y: As ``x``, downwards.
        width: Of its box.
        height: Of its box.
        score: How sure the detector is, in [0, 1].
    """

    noun: str
    colour: str | None = None
    x: float
    y: float
    width: float
    height: float
    score: float = 1.0


class Detection(Value):
    """What a picture shows.

    Attributes:
        objects: The surest first.
        background: Label of the background.
        style: Label of the style; ``None`` for the world's plain look.
    """

    objects: tuple[Seen, ...] = ()
    background: str
    style: str | None = None

    def of(self, noun: str) -> tuple[Seen, ...]:
        """The objects of one kind."""
        return tuple(o for o in self.objects if o.noun == noun)

    def relates(self, noun: str, relation: str, other: str, *, some: int = 0) -> bool:
        """Whether NOUN is RELATION OTHER, by the mean centres of each kind.

        Args:
            noun: Kind of object, singular.
            relation: "left of", "right of", "above" or "below".
            other: As ``noun``.
            some: How many of NOUN must be, each by itself; 0 for all, by their mean.
        """
        first, second = self.of(noun), self.of(other)
        if not first or not second:
            return False
        right, down = _DIRECTIONS[relation]
        x, y = fmean(o.x for o in second), fmean(o.y for o in second)
        mean = (fmean(o.x for o in first), fmean(o.y for o in first))
        holds = 0
        for from_x, from_y in [(o.x, o.y) for o in first] if some else [mean]:
            dx, dy = x - from_x, y - from_y
            along, across = (right * dx, dy) if right else (down * dy, dx)
            holds += along >= APART and along >= ASIDE * abs(across)
        return holds >= max(1, some)


class Words(Value):
    """The words of the detector's world and its own labels for them.

    Attributes:
        nouns: Singular, plural and other names -> noun.
        colours: As ``nouns``.
        sizes: Word -> "small" or "large".
        backgrounds: As ``nouns``.
        styles: As ``nouns``.
        relations: Word -> "left of", "right of", "above" or "below".
        numbers: Word or digit -> digit.
    """

    nouns: dict[str, str]
    colours: dict[str, str]
    sizes: dict[str, str]
    backgrounds: dict[str, str]
    styles: dict[str, str]
    relations: dict[str, str]
    numbers: dict[str, str]

    def answer(self, criterion: Criterion, seen: Detection) -> bool | None:
        """The answer to a criterion's question; ``None`` where the world has no words for it."""
        question = criterion.question.lower()
        match criterion.kind, criterion.about:
            case "entity" | "absence", (thing,):
                return self._shows(criterion, thing.lower(), seen)
            case "count", (thing, number):
                noun, count = self._noun(thing), self.numbers.get(number.lower())
                return None if noun is None or count is None else len(seen.of(noun)) == int(count)
            case "attribute", ("background", setting):
                name = self.backgrounds.get(setting.lower())
                return None if name is None else seen.background == name
            case "attribute", (thing, attribute):
                return self._looks(thing, attribute.lower(), question, seen)
            case "relation", (thing, other, relation):
                one, two = self._noun(thing), self._noun(other)
                name = self.relations.get(relation.lower())
                if one is None or two is None or name is None:
                    return None
                some = self._of_which(question)
                return None if some is None else seen.relates(one, name, two, some=some)
            case "global", (look,):
                style = self._style(look)
                return None if style is None else seen.style == style
            case _:
                return None

    def _of_which(self, question: str) -> int | None:
        """How many "Are two of the cats above it?" is about; 0: all; ``None``: no such word."""
        match words_of(question):
            case ["is" | "are", number, "of", *_]:
                return int(self.numbers[number]) if number in self.numbers else None
            case _:
                return 0

    def _noun(self, thing: str) -> str | None:
        return self.nouns.get(thing.lower())

    def _shows(self, criterion: Criterion, thing: str, seen: Detection) -> bool | None:
        if criterion.kind == "entity" and (name := self.backgrounds.get(thing)) is not None:
            return seen.background == name
        # "Is the dog wearing a hat?" asks for more than a hat.
        plain = criterion.question.lower().startswith(("is there ", "are there "))
        if (criterion.depends_on and not plain) or (noun := self._noun(thing)) is None:
            return None
        return bool(seen.of(noun))

    def _looks(self, thing: str, attribute: str, question: str, seen: Detection) -> bool | None:
        noun = self._noun(thing)
        colour, size = self.colours.get(attribute), self.sizes.get(attribute)
        if noun is None or (colour is None and size is None):
            return None
        objects = seen.of(noun)
        if size is not None:
            fitting = [_SIZES[size](max(o.width, o.height)) for o in objects]
        else:
            fitting = [o.colour == colour for o in objects]
        # "Is the car red?" is about every car, "Is there a red car?" about as many as it says.
        if question.startswith(("is there ", "are there ")):
            counts = [int(self.numbers[w]) for w in words_of(question) if w in self.numbers]
            return sum(fitting) >= (counts or [1])[0]
        return bool(fitting) and all(fitting)

    def _style(self, look: str) -> str | None:
        """The style that a look names: "pixel art picture", "in comic style"."""
        text = f" {' '.join(words_of(look))} "
        found = {label for word, label in self.styles.items() if f" {word} " in text}
        return found.pop() if len(found) == 1 else None


def outside(words: Words, criteria: Sequence[Criterion]) -> dict[str, str]:
    """The criteria that the world has no words for, or that depend on such: id -> reason."""
    nothing = Detection(background="")
    reasons: dict[str, str] = {}
    for criterion in in_dependency_order(criteria):
        if words.answer(criterion, nothing) is None:
            said = ", ".join(repr(part) for part in criterion.about)
            reasons[criterion.id] = f"the detector does not judge {criterion.kind} {said}".rstrip()
        elif unknown := [p for p in criterion.depends_on if p in reasons]:
            reasons[criterion.id] = f"depends on {unknown[0]}, which is not judged"
    return reasons


def verdicts(
    words: Words, criteria: Sequence[Criterion], seen: Detection
) -> dict[str, bool | None]:
    """Whether each criterion holds.

    Args:
        words: Of the detector.
        criteria: To judge; ids that they depend on and that are not among them are ignored.
        seen: What the picture shows.

    Returns:
        By id: ``True`` where the answer is the expected one; ``False`` where it is not, or a
        criterion that it depends on fails; ``None`` where it cannot be judged, whatever the
        picture shows.
    """
    unjudged = outside(words, criteria)
    holds: dict[str, bool | None] = {}
    for criterion in in_dependency_order(criteria):
        if criterion.id in unjudged:
            holds[criterion.id] = None
            continue
        parents = all(holds.get(p) is not False for p in criterion.depends_on)
        holds[criterion.id] = parents and words.answer(criterion, seen) == criterion.expected
    return {k.id: holds[k.id] for k in criteria}
