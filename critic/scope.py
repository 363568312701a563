"""What a critic trained on a small closed world can be asked, as it declares itself.

A critic's folder may hold a ``scope.json``; without one the critic is held to be open to any
question that its tokenizer can read.
"""

from __future__ import annotations

from pathlib import Path

from poser.core.errors import CriticError
from poser.core.plan import Criterion
from poser.core.value import Value

FILE = "scope.json"


class Scope(Value):
    """A closed world.

    Attributes:
        nouns: Things it knows, singular, plural and by other names.
        attributes: Attributes of things ("red").
        settings: Backgrounds ("blue", "beach").
        relations: Relations of two things ("left of").
        numbers: Counts ("2", "two").
        styles: Styles of the whole picture ("comic").
    """

    nouns: frozenset[str]
    attributes: frozenset[str]
    settings: frozenset[str]
    relations: frozenset[str]
    numbers: frozenset[str]
    styles: frozenset[str] = frozenset()

    def reason_outside(self, criterion: Criterion) -> str | None:
        """Why a criterion cannot be judged; ``None`` where it can."""
        match criterion.kind, criterion.about:
            case "entity" | "absence", (thing, *_):
                known = self.settings if _about_background(criterion) else self.nouns
                wrong = [] if thing in known else [thing]
            case "count", (thing, number, *_):
                wrong = [*self._unknown(thing), *([] if number in self.numbers else [number])]
            case "attribute", ("background", setting, *_):
                wrong = [] if setting in self.settings else [setting]
            case "attribute", (thing, attribute, *_):
                known = self.attributes
                wrong = [*self._unknown(thing), *([] if attribute in known else [attribute])]
            case "relation", (one, other, relation, *_):
                known = self.relations
                wrong = [*self._unknown(one, other), *([] if relation in known else [relation])]
            case "global", (style, *_) if self.styles:
                wrong = [] if style in self.styles else [style]
            case _:
                return f"the critic does not judge {criterion.kind!r} questions"
        if wrong:
            return f"the critic does not know {', '.join(repr(w) for w in wrong)}"
        return None

    def _unknown(self, *things: str) -> list[str]:
        return [t for t in things if t not in self.nouns]


def load_scope(folder: Path) -> Scope | None:
    """The scope that a critic's folder declares, if any.

    Raises:
        CriticError: ``scope.json`` is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        return Scope.from_json(path.read_bytes())
    except ValueError as error:
        raise CriticError(
            f"{path} is damaged: {str(error).splitlines()[0]}", remedy="restore that file"
        ) from error


def _about_background(criterion: Criterion) -> bool:
    return criterion.question.lower().startswith("is the background")
