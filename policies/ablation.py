"""What is left out of observations, in a share of the episodes or for good.

Another world may have no encoder of pictures or of texts, and experts that nobody measured. What
is left out looks exactly as it does there (:mod:`envs.observation`).

An ablation leaves something out for good, in training and in composing alike:

* ``image``, ``text``: the embedding of the picture, those of the instructions;
* ``rates``: all that is measured or stated of experts. Each shows its place in the registry
  instead, one-hot, so that a policy may learn one registry by heart, and that one alone;
* ``cost``: lambda. It is 0 in training, whatever is wished in composing;
* ``decomposition``: single commands. ALL, Revert and Stop are all that may be chosen.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from envs.layout import (
    COMMAND_FEATURES,
    CONTEXT_FEATURES,
    EXPERT_FEATURES,
    PAIR_FEATURES,
    Layout,
)
from poser.core.action import ALL, Action, Call
from poser.core.errors import PoserError

Ablation = Literal["image", "text", "rates", "cost", "decomposition"]

Parts = dict[str, NDArray[np.float32]]

UNKNOWN_RATE = 0.5
"""The rate of an expert of which nothing is said; see ``ExpertSpec.capability``."""

_TEXT = COMMAND_FEATURES.index("text_known")
_RATE = [n for n, name in enumerate(EXPERT_FEATURES) if name.startswith("rate:")]
_EVIDENCE = [n for n, name in enumerate(EXPERT_FEATURES) if name.startswith("evidence:")]
_ERROR = [n for n, name in enumerate(EXPERT_FEATURES) if name.startswith("error:")]
_KEPT = [EXPERT_FEATURES.index("kept"), EXPERT_FEATURES.index("kept_known")]
_PAIR_RATE, _SERVES = PAIR_FEATURES.index("rate"), PAIR_FEATURES.index("serves")


def without_image(parts: Parts, places: NDArray[np.bool_]) -> None:
    """Removes the picture's embedding in these places of the batch."""
    parts["image"][places] = 0.0


def without_text(parts: Parts, places: NDArray[np.bool_]) -> None:
    """Removes the instructions' embeddings in these places of the batch."""
    parts["commands"][places, :, _TEXT:] = 0.0


def without_rates(parts: Parts, places: NDArray[np.bool_]) -> None:
    """Removes what was measured or stated of the experts in these places of the batch."""
    experts = parts["experts"][places]
    there = parts["expert_mask"][places][..., None]
    experts[..., _RATE] = UNKNOWN_RATE * (experts[..., _RATE] > 0)
    experts[..., _EVIDENCE] = 0.0
    experts[..., _ERROR] = there
    experts[..., _KEPT] = 0.0
    parts["experts"][places] = experts
    room = (parts["commands"].shape[1] + 1, parts["experts"].shape[1])
    flat = parts["pairs"][places]
    pairs = flat.reshape(len(flat), *room, -1)  # a view
    pairs[:, :-1, :, _PAIR_RATE] = UNKNOWN_RATE * (pairs[:, :-1, :, _PAIR_RATE] > 0)
    pairs[:, -1, :, _PAIR_RATE] = UNKNOWN_RATE * pairs[:, -1, :, _SERVES]
    parts["pairs"][places] = flat


_PLACES = [*_RATE, *_EVIDENCE, *_ERROR]
SLOTS = len(_PLACES)
"""Most experts whose place can be shown where their rates are left out."""

_PRICED, _LAMBDA = EXPERT_FEATURES.index("priced"), CONTEXT_FEATURES.index("cost_weight")
_FEE, _CAPPED = (CONTEXT_FEATURES.index(n) for n in ("judgement_cost", "budget_known"))
_LEGAL = PAIR_FEATURES.index("legal")


class AblationError(PoserError):
    """A registry has more experts than a policy without rates can tell apart."""


def without(parts: Parts, ablate: Collection[Ablation]) -> Parts:
    """Observations with what is ablated left out.

    Args:
        parts: A batch of them, (N, *shape) each; not changed.
        ablate: What.

    Raises:
        AblationError: There are more than :data:`SLOTS` experts, and ``rates`` are ablated.
    """
    if not ablate:
        return parts
    parts = {name: np.array(part) for name, part in parts.items()}
    experts = parts["experts"]
    everywhere = np.ones(len(experts), np.bool_)
    if "image" in ablate:
        without_image(parts, everywhere)
    if "text" in ablate:
        without_text(parts, everywhere)
    if "rates" in ablate:
        without_rates(parts, everywhere)
        _show_places(parts)
    if "cost" in ablate:
        experts[..., _PRICED] = 0.0
        context = parts["context"]
        context[:, _LAMBDA] = 0.0
        context[:, _FEE] *= context[:, _CAPPED]  # shown by lambda or by a cap
    if "decomposition" in ablate:
        parts["pairs"][:, : -experts.shape[1], _LEGAL] = 0.0
    return parts


def _show_places(parts: Parts) -> None:
    experts, there = parts["experts"], parts["expert_mask"]
    most = int(there.sum(axis=1).max(initial=0.0))
    if most > SLOTS:
        raise AblationError(
            f"this policy tells {SLOTS} experts apart, there are {most}",
            remedy="switch some experts off, or use a policy trained with rates",
        )
    experts[..., _PLACES] = 0.0
    for place in range(most):
        experts[:, place, _PLACES[place]] = there[:, place]


def masked(
    masks: NDArray[np.bool_], layout: Layout, ablate: Collection[Ablation]
) -> NDArray[np.bool_]:
    """Which actions may be chosen: those that are legal, less what is ablated.

    Args:
        masks: Which are legal: bool, (N, actions); not changed.
        layout: Of the actions.
        ablate: What.
    """
    if "decomposition" not in ablate:
        return masks
    kept = masks.copy()
    kept[:, : layout.max_commands * layout.max_experts] = False
    return kept


def ablated(
    parts: Parts, legal: Sequence[Action], ablate: Collection[Ablation]
) -> tuple[Parts, list[Action]]:
    """One observation and the legal actions, with what is ablated left out.

    Args:
        parts: One observation, of the layout's shapes; not changed.
        legal: What is legal; Stop always is, so that something is left.
        ablate: What, as the card of a policy says.

    Raises:
        AblationError: See :func:`without`.
    """
    whole = "decomposition" in ablate
    kept = [a for a in legal if not (whole and isinstance(a, Call) and a.command != ALL)]
    batch = without({name: part[None] for name, part in parts.items()}, ablate)
    return {name: part[0] for name, part in batch.items()}, kept
