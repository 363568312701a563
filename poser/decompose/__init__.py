"""Decomposition: from a long prompt to a plan of commands and yes/no criteria.

``RuleDecomposer`` needs no model. Anything with its ``decompose`` method is a
:class:`Decomposer`.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from poser.core.plan import Plan
from poser.decompose.rules import RuleDecomposer
from poser.decompose.tokens import content_words
from poser.decompose.tree import plan_tree

__all__ = ["Decomposer", "RuleDecomposer", "content_words", "plan_tree"]


@runtime_checkable
class Decomposer(Protocol):
    """Makes a plan of a prompt.

    Attributes:
        name: Name and version, recorded in every plan it makes.
    """

    name: str

    def decompose(self, prompt: str, *, has_picture: bool = False) -> Plan:
        """The plan of a prompt; see :meth:`RuleDecomposer.decompose`."""
        ...
