"""Several trained policies as one: the mean of what they say.

Trainings that differ by their seed alone err in different places. The mean of their log
probabilities is steadier than any of them (deep ensembles: Lakshminarayanan et al., NeurIPS 2017),
for a few milliseconds a decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from policies.catalogue import feedback_of
from policies.export import MOST_MEMBERS, PolicyCard, export_policy, load_policy
from policies.scorer import Scorer, Scores
from policies.shape import ScorerShape
from poser import __version__
from poser.core.errors import PoserError


class JoinError(PoserError):
    """These policies cannot be made one."""

    exit_code: ClassVar[int] = 2


class Ensemble(nn.Module):
    """Scores actions and states by the mean of several scorers.

    Args:
        shape: Of every one of them.
        members: How many, at least 1.
    """

    def __init__(self, shape: ScorerShape, members: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(Scorer(shape) for _ in range(members))

    def forward(self, parts: Mapping[str, Tensor]) -> Scores:
        """Scores a batch of observations.

        Args:
            parts: As for :class:`policies.scorer.Scorer`.

        Returns:
            The mean of the log probabilities of all actions, float (batch, actions), and of the
            returns expected, float (batch,).
        """
        told: list[Scores] = [member(parts) for member in self.members]
        logits = torch.stack([scores.logits.log_softmax(1) for scores in told]).mean(0)
        return Scores(logits, torch.stack([scores.values for scores in told]).mean(0))


def join_policies(folders: Sequence[Path], out: Path) -> PolicyCard:
    """Writes a policy that decides by the mean of several.

    Args:
        folders: Of policies as :func:`policies.export.export_policy` wrote them, at least two, of
            one shape; those that are joined already count by their members.
        out: Folder of the new one, made where there is none.

    Raises:
        JoinError: They are too few or too many, or differ in more than their weights.
        PolicyFileError: One cannot be read.
        StorageError: The new one cannot be written.
    """
    if len(folders) < 2:
        raise JoinError("one policy cannot be joined", remedy="give two folders or more")
    weights: dict[str, Tensor] = {}
    cards: list[PolicyCard] = []
    number = 0
    for folder in folders:
        scorer, card = load_policy(folder)
        cards.append(card)
        _check_alike(folders[0], cards[0], folder, card)
        own = scorer.members if isinstance(scorer, Ensemble) else [scorer]
        for network in own:
            weights |= {f"members.{number}.{k}": v for k, v in network.state_dict().items()}
            number += 1
    if number > MOST_MEMBERS:
        raise JoinError(f"{number} policies are too many", remedy=f"join {MOST_MEMBERS} at most")
    return export_policy(
        weights,
        cards[0].scorer,
        out,
        worlds={f"{n}: {name}": w for n, c in enumerate(cards, 1) for name, w in c.worlds.items()},
        training=_joined(cards),
        version=__version__,
        ablate=cards[0].ablate,
        members=number,
    )


def _check_alike(first: Path, one: PolicyCard, folder: Path, other: PolicyCard) -> None:
    for what in ("scorer", "texts", "images", "ablate"):
        if getattr(one, what) != getattr(other, what):
            raise JoinError(
                f"{first} and {folder} differ in {what}",
                remedy="join policies that were trained by one configuration",
            )
    if feedback_of(str(first.absolute())) != feedback_of(str(folder.absolute())):
        raise JoinError(
            f"{first} and {folder} were trained with different uses of feedback",
            remedy="join policies that were trained by one configuration",
        )


def _joined(cards: Sequence[PolicyCard]) -> dict[str, Any]:
    """The record of all trainings; configuration and last stage are those of the first."""
    told: list[Any] = []
    for card in cards:
        record = dict(card.training)
        config = record.pop("config", None)
        earlier = record.pop("members", None)
        if isinstance(earlier, list):
            told.extend(earlier)
        else:
            seed = config.get("seed") if isinstance(config, dict) else None
            told.append({"seed": seed, **record})
    first = cards[0].training
    return {**{k: first[k] for k in ("config", "stage") if k in first}, "members": told}
