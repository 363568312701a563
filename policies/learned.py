"""The learned policy: the legal action that a trained scorer prefers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from envs.layout import Layout
from envs.observation import ObservationEncoder
from envs.state import State
from policies.ablation import ablated
from policies.base import Decision
from policies.export import CARD, PolicyCard, load_policy
from policies.finishing import closing
from poser.core.action import ALL, Action, Call, Revert
from poser.core.capability import CapabilityTable
from poser.core.errors import PoserError
from poser.core.expert import ExpertSpec
from poser.core.picture import ImageSource

if TYPE_CHECKING:
    from policies.scorer import Scorer

SHIPPED = Path(__file__).parent / "weights" / "default"
"""Where the policy that ships is."""

CLOSING = "nothing else is to be changed, and this comes last"
"""Why a call is made that the network was not asked about."""


class NoPolicyError(PoserError):
    """The trained policy that ships is not there."""

    exit_code: ClassVar[int] = 2


@dataclass(slots=True)
class LearnedPolicy:
    """A :class:`policies.base.Policy` by a trained scorer; nothing is drawn at random.

    Attributes:
        scorer: Scores actions.
        card: What it was trained for.
        tables: Measured capabilities by expert id; without them the entries must do.
        pictures: Where the current picture is read from; ``None`` leaves it out.
        name: Name for people and for records.
    """

    scorer: Scorer
    card: PolicyCard
    tables: Mapping[str, CapabilityTable] = field(default_factory=dict)
    pictures: ImageSource | None = None
    name: str = "learned"
    _encoder: ObservationEncoder | None = field(default=None, init=False, repr=False)

    @classmethod
    def load(
        cls,
        folder: Path | None = None,
        *,
        tables: Mapping[str, CapabilityTable] | None = None,
        pictures: ImageSource | None = None,
    ) -> LearnedPolicy:
        """The policy in a folder.

        Args:
            folder: What :func:`policies.export.export_policy` wrote; ``None`` for the one that
                ships.
            tables: See the class.
            pictures: Likewise.

        Raises:
            NoPolicyError: The one that ships is not there.
            PolicyFileError: The files are missing, damaged or of another version.
        """
        if folder is None and not (SHIPPED / CARD).is_file():
            raise NoPolicyError(
                "the trained policy that ships is not in this installation",
                remedy="train one: poser train --config examples/train.yaml, "
                "then give its folder with --policy",
            )
        scorer, card = load_policy(folder or SHIPPED)
        return cls(scorer, card, tables or {}, pictures)

    def choose(
        self, state: State, legal: Sequence[Action], registry: Mapping[str, ExpertSpec]
    ) -> Decision:
        """See :class:`policies.base.Policy`."""
        ranked = self._scored(state, legal, registry)
        best, score = ranked[0]
        if (last := closing(state, ranked, registry)) not in (None, best):
            return Decision(last, CLOSING)
        reason = f"preferred at {math.exp(score):.0%}"
        if len(ranked) > 1:
            other, next_score = ranked[1]
            reason += f", next {_phrase(other)} at {math.exp(next_score):.0%}"
        return Decision(best, reason)

    def rank(
        self, state: State, legal: Sequence[Action], registry: Mapping[str, ExpertSpec]
    ) -> list[tuple[Action, float]]:
        """The legal actions with their log probabilities, best first; the first of equals first.

        What comes last (:mod:`policies.finishing`) is put first, with the probability of what it
        takes the place of, once the network is for stopping, or the steps are needed for it.
        """
        ranked = self._scored(state, legal, registry)
        last = closing(state, ranked, registry)
        if last in (None, ranked[0][0]):
            return ranked
        return [(last, ranked[0][1]), *(r for r in ranked if r[0] != last)]

    def _scored(
        self, state: State, legal: Sequence[Action], registry: Mapping[str, ExpertSpec]
    ) -> list[tuple[Action, float]]:
        """As the network has it."""
        import torch

        encoder = self.encoder_of(state, registry)
        parts, legal = ablated(encoder.observe(state, self.pictures), legal, self.card.ablate)
        experts = list(registry)
        places = [encoder.layout.encode(a, state.plan, experts) for a in legal]
        with torch.no_grad():
            tensors = {name: torch.from_numpy(part)[None] for name, part in parts.items()}
            scores = self.scorer(tensors).logits[0, places].log_softmax(0).tolist()
        order = sorted(range(len(legal)), key=lambda n: -scores[n])  # stable
        return [(legal[n], scores[n]) for n in order]

    def encoder_of(self, state: State, registry: Mapping[str, ExpertSpec]) -> ObservationEncoder:
        """The encoder for a plan and a registry, with just the room that they need."""
        commands, experts = max(1, len(state.plan.commands)), len(registry)
        known = self._encoder
        fits = known is not None and known.layout.max_commands == commands
        if known is not None and fits and known.registry is registry:
            return known
        shape = self.card.scorer
        self._encoder = ObservationEncoder(
            registry,
            self.tables,
            Layout(commands, experts, shape.text_dim, shape.image_dim),
            self.card.text_encoder,
            self.card.image_encoder,
        )
        return self._encoder


def _phrase(action: Action) -> str:
    if isinstance(action, Call):
        what = "the whole plan" if action.command == ALL else action.command
        return f"{what} with {action.expert}"
    return "to go back" if isinstance(action, Revert) else "to stop"
