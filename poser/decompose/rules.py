"""Decomposition by rules: no model, no network, the same plan every time."""

from __future__ import annotations

from poser.core.errors import InvalidPromptError
from poser.core.plan import Plan
from poser.decompose.clauses import ClauseReader
from poser.decompose.commands import PlanBuilder
from poser.decompose.edits import EditReader, starts_with_edit
from poser.decompose.ellipsis import with_nouns
from poser.decompose.looks import take_looks
from poser.decompose.reference import References
from poser.decompose.scene import Scene
from poser.decompose.segments import Segment, segments
from poser.decompose.sources import Sources
from poser.decompose.tagging import Word, tag
from poser.decompose.tokens import is_content, sentences, tokenise

_REMEDY = "say what the picture shows, for example: a red car left of a tree on a beach"


class RuleDecomposer:
    """Reads a prompt by rules of English.

    Attributes:
        name: Name and version, recorded in every plan.
    """

    name = "rules-1"

    def decompose(self, prompt: str, *, has_picture: bool = False) -> Plan:
        """The plan of a prompt.

        Args:
            prompt: What the picture shows, or what to change about a given one.
            has_picture: Whether there is a picture to start from. A prompt in the imperative
                then edits it.

        Returns:
            Commands and criteria; every content word of the prompt is in the source of some
            command.

        Raises:
            InvalidPromptError: The prompt is empty, or there is nothing in it to draw.
        """
        if not prompt.strip():
            raise InvalidPromptError("the prompt is empty", remedy=_REMEDY)
        tokens = tokenise(prompt)
        if not any(is_content(t) for t in tokens):
            raise InvalidPromptError("the prompt names nothing to draw", remedy=_REMEDY)
        scene = Scene(prompt)
        references = References(scene)
        found = sentences(tokens)
        pieces = [s for sentence in found for s in segments(sentence)]
        scene.editing = _edits(pieces, has_picture)
        clauses = ClauseReader(scene, references)
        edits = EditReader(scene, references, clauses)
        before: list[Word] = []
        for piece in pieces:
            if piece.kind == "edit":
                edits.read(piece)
            else:
                carry = list(piece.opening)
                for stretch in take_looks(piece.tokens, scene, piece.opening):
                    words = with_nouns(tag(stretch), before)
                    clauses.read(words, carry=carry)
                    carry, before = [], words
        if scene.editing:
            for thing in scene.things:
                if thing.definite and thing.role == "thing":
                    thing.role = "given"
        sources = Sources(prompt, tokens)
        return PlanBuilder(scene, sources).build(self.name, found)


def _edits(pieces: list[Segment], has_picture: bool) -> bool:
    """Whether the prompt changes a given picture."""
    kinds = [p.kind for p in pieces]
    if "create" in kinds:
        return False
    if has_picture:
        return bool(kinds) and starts_with_edit(pieces)
    return bool(kinds) and all(k == "edit" for k in kinds)
