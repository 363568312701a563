"""The paper's baseline: a deep Q-network that sees text alone and has a slot for each expert.

Image-POSER (arXiv 2511.11780) chooses by a DQN (Mnih et al., Nature 2015) whose state is text: the
commands and how they stand. It sees no picture and nothing of the experts, so it knows them by
their slots and serves the registry it was trained with, and plans of as many commands as it has
places for. It is here to be compared with; :mod:`policies.learned` is what serves.

The words of a command are its embedding and, as the simulator has no words, its op.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue

from envs.encoders import HashedWords
from envs.layout import COMMAND_FEATURES, Layout
from envs.observation import ObservationEncoder
from envs.state import State
from policies.base import Decision
from policies.export import (
    PolicyFileError,
    card_text,
    parsed_card,
    read_weights,
    set_weights,
    write_files,
)
from poser.core.action import Action
from poser.core.capability import CapabilityTable
from poser.core.errors import PoserError
from poser.core.expert import ExpertSpec
from poser.core.picture import ImageSource
from poser.core.value import Sha256, Value

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS, CARD = "dqn.safetensors", "dqn.json"
"""The names of the two files."""

REMEDY = "train one for this version: policies.training.dqn.train_dqn"

Count = Annotated[int, Field(ge=1, le=65536)]
_TOLD = [
    n
    for n, name in enumerate(COMMAND_FEATURES)
    if name.startswith(("op:", "status:")) or name == "text_known"
]


class OtherRegistryError(PoserError):
    """A DQN was asked to choose among other experts than it was trained with."""

    exit_code: ClassVar[int] = 2


Width = Annotated[int, Field(ge=1, le=4096)]
"""Of a layer; a file of nobody knows whom is not to fill the memory."""


class DqnCard(Value):
    """What the weights of a DQN are.

    Attributes:
        format: Version of this format.
        experts: Ids of the experts by slot.
        max_commands: Places for commands.
        text_dim: Size of the hashed embedding of an instruction; 0 for none.
        hidden: Widths of the layers between.
        features: Names of a command's features, in their order.
        weights: SHA-256 of the file of weights.
        training: The record of the training, for people.
        version: Version of Image-POSER.
    """

    format: Literal[1] = 1
    experts: Annotated[tuple[str, ...], Field(min_length=1)]
    max_commands: Count
    text_dim: Annotated[int, Field(ge=0, le=1024)]
    hidden: Annotated[tuple[Width, ...], Field(max_length=8)]
    features: tuple[str, ...] = tuple(COMMAND_FEATURES[n] for n in _TOLD)
    weights: Sha256
    training: dict[str, JsonValue] = Field(default_factory=dict)
    version: str = ""

    @property
    def layout(self) -> Layout:
        """The shape of what it sees and chooses among."""
        return Layout(self.max_commands, len(self.experts), self.text_dim, 0)


def state_size(layout: Layout) -> int:
    """How many numbers a state has."""
    return layout.max_commands * (1 + len(_TOLD) + layout.text_dim)


def text_state(parts: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """What a DQN sees of observations, in [-1, 1], (N, :func:`state_size`).

    Args:
        parts: A batch of observations: ``commands`` and ``command_mask`` are read.
    """
    commands = parts["commands"]
    told = commands[:, :, _TOLD]
    words = commands[:, :, len(COMMAND_FEATURES) :]
    there = parts["command_mask"][:, :, None]
    state: NDArray[np.float32] = np.concatenate([there, told, words], axis=2).astype(np.float32)
    return state.reshape(len(state), -1)


def q_network(inputs: int, hidden: Sequence[int], actions: int) -> nn.Sequential:
    """A network from states (N, inputs) to the values of actions (N, actions)."""
    from torch import nn

    widths = [inputs, *hidden]
    layers: list[nn.Module] = []
    for one, other in pairwise(widths):
        layers += [nn.Linear(one, other), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], actions))


def export_dqn(weights: Mapping[str, Tensor], folder: Path, **card: Any) -> DqnCard:
    """Writes a DQN's two files; an earlier one in the folder is replaced.

    Args:
        weights: Those of :func:`q_network`, by name.
        folder: Made where there is none.
        **card: The attributes of :class:`DqnCard` but ``weights``.

    Raises:
        StorageError: The files cannot be written.
    """
    from safetensors.torch import save

    data = save({k: v.detach().cpu().contiguous() for k, v in weights.items()})
    found = DqnCard(weights=hashlib.sha256(data).hexdigest(), **card)
    write_files(folder, {WEIGHTS: data, CARD: card_text(found)})
    return found


@dataclass(slots=True)
class DqnPolicy:
    """A :class:`policies.base.Policy`: the legal action of the highest value.

    Attributes:
        network: Values of actions, see :func:`q_network`.
        card: What it was trained for.
        name: Name for people and for records.
    """

    network: nn.Module
    card: DqnCard
    name: str = "dqn"
    _encoder: ObservationEncoder | None = field(default=None, init=False, repr=False)

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        tables: Mapping[str, CapabilityTable] | None = None,
        pictures: ImageSource | None = None,
    ) -> DqnPolicy:
        """The policy in a folder.

        Args:
            folder: What :func:`policies.training.dqn.train_dqn` wrote.
            tables: Not read: it knows experts by their slots.
            pictures: Not read: it sees none.

        Raises:
            PolicyFileError: The files are missing, damaged or of another version.
        """
        import torch

        del tables, pictures
        card = _read_card(folder / CARD)
        layout = card.layout
        weights = read_weights(folder / WEIGHTS, card.weights)
        with torch.device("meta"):  # a card that its weights do not fit is given no memory
            network = q_network(state_size(layout), card.hidden, layout.actions)
        set_weights(network, weights, folder / WEIGHTS)
        return cls(network.eval(), card)

    def choose(
        self, state: State, legal: Sequence[Action], registry: Mapping[str, ExpertSpec]
    ) -> Decision:
        """See :class:`policies.base.Policy`.

        Raises:
            OtherRegistryError: The registry has other experts than it was trained with.
            LayoutError: The plan has more commands than it has places for.
        """
        import torch

        if odd := sorted(set(registry) ^ set(self.card.experts)):
            raise OtherRegistryError(
                f"this DQN was trained with other experts ({', '.join(odd[:3])})",
                remedy="train one for this registry, or choose a policy that serves any: router",
            )
        encoder = self._encoder
        if encoder is None or encoder.registry is not registry:
            texts = HashedWords(self.card.text_dim) if self.card.text_dim else None
            encoder = ObservationEncoder(registry, layout=self.card.layout, texts=texts)
            self._encoder = encoder
        parts = {name: part[None] for name, part in encoder.observe(state).items()}
        places = [self.card.layout.encode(a, state.plan, self.card.experts) for a in legal]
        with torch.no_grad():
            values = self.network(torch.from_numpy(text_state(parts)))[0, places].tolist()
        best = max(range(len(legal)), key=values.__getitem__)  # the first of equals
        return Decision(legal[best], f"of value {values[best]:.2f}")


def _read_card(path: Path) -> DqnCard:
    card = parsed_card(DqnCard, path, "DQN", f"give the folder that holds {CARD}", REMEDY)
    if card.features != DqnCard.model_fields["features"].default:
        raise PolicyFileError(f"{path} was trained on other features", remedy=REMEDY)
    return card
