"""A trained policy as two files: weights (safetensors) and what they are (JSON). Never a pickle.

``policy.safetensors`` holds the weights of a :class:`policies.scorer.Scorer`, ``policy.json`` its
shape, the names of the features that it reads, the encoders it was trained with, the hash of the
weights and the record of its training.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar

from pydantic import Field, JsonValue, ValidationError, model_validator

from envs.encoders import HashedWords, ImageEncoder, TextEncoder, Thumbnail
from envs.layout import COMMAND_FEATURES, CONTEXT_FEATURES, EXPERT_FEATURES, PAIR_FEATURES
from policies.ablation import Ablation
from policies.shape import ScorerShape
from poser.core.errors import PoserError, StorageError
from poser.core.value import Sha256, Value

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from policies.scorer import Scorer

WEIGHTS, CARD = "policy.safetensors", "policy.json"
"""The names of the two files."""

FEATURES: dict[str, tuple[str, ...]] = {
    "commands": COMMAND_FEATURES,
    "experts": EXPERT_FEATURES,
    "pairs": PAIR_FEATURES,
    "context": CONTEXT_FEATURES,
}
"""The names of the features by part, in their order."""

AnyCard = TypeVar("AnyCard", bound=Value)

REMEDY = "train one for this version: poser train --config train.yaml"


class PolicyFileError(PoserError):
    """The files of a policy are missing, damaged, or of another version."""

    exit_code: ClassVar[int] = 2


class PolicyCard(Value):
    """What the weights of a policy are.

    Attributes:
        format: Version of this format.
        scorer: The network.
        features: Names of the features by part, in their order.
        texts: Encoder of instructions; empty for none.
        images: Encoder of pictures; empty for none.
        weights: SHA-256 of the file of weights.
        ablate: What it was trained without for good; see :mod:`policies.ablation`.
        worlds: What it was trained in: hashes of registries, tables or ranges, by stage.
        training: The record of the training, for people.
        version: Version of Image-POSER.
    """

    format: Literal[1] = 1
    scorer: ScorerShape
    features: dict[str, tuple[str, ...]]
    texts: Literal["", "hashed-words"] = ""
    images: Literal["", "thumbnail"] = ""
    weights: Sha256
    ablate: tuple[Ablation, ...] = ()
    worlds: dict[str, dict[str, str]] = Field(default_factory=dict)
    training: dict[str, JsonValue] = Field(default_factory=dict)
    version: str = ""

    @model_validator(mode="after")
    def _has_room_for_what_it_encodes(self) -> Self:
        for encoder, room in (
            (self.texts, self.scorer.text_dim),
            (self.images, self.scorer.image_dim),
        ):
            if encoder and not room:
                raise ValueError(f"there is no room for what {encoder} encodes")
        return self

    @property
    def text_encoder(self) -> TextEncoder | None:
        """What encodes instructions."""
        return HashedWords(self.scorer.text_dim) if self.texts else None

    @property
    def image_encoder(self) -> ImageEncoder | None:
        """What encodes pictures."""
        return Thumbnail(round((self.scorer.image_dim / 3) ** 0.5)) if self.images else None


def export_policy(
    weights: Mapping[str, Tensor],
    shape: ScorerShape,
    folder: Path,
    *,
    worlds: Mapping[str, Mapping[str, str]],
    training: Mapping[str, Any],
    version: str,
    ablate: Sequence[Ablation] = (),
) -> PolicyCard:
    """Writes a policy's two files; an earlier policy in the folder is replaced.

    Args:
        weights: Those of a scorer, by name.
        shape: The scorer's.
        folder: Made where there is none.
        worlds: See :class:`PolicyCard`.
        training: Likewise; plain JSON data.
        version: Version of Image-POSER.
        ablate: See :class:`PolicyCard`.

    Raises:
        StorageError: The files cannot be written.
    """
    from safetensors.torch import save

    data = save({k: v.detach().cpu().contiguous() for k, v in weights.items()})
    card = PolicyCard(
        scorer=shape,
        features=FEATURES,
        texts="hashed-words" if shape.text_dim else "",
        images="thumbnail" if shape.image_dim else "",
        weights=hashlib.sha256(data).hexdigest(),
        ablate=tuple(ablate),
        worlds={name: dict(hashes) for name, hashes in worlds.items()},
        training=dict(training),
        version=version,
    )
    write_files(folder, {WEIGHTS: data, CARD: card_text(card)})
    return card


def card_text(card: Value) -> bytes:
    """A card as it is written."""
    return (json.dumps(card.to_dict(), indent=2) + "\n").encode()


def write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Writes files, each in full or not at all.

    Args:
        folder: Made where there is none.
        contents: By name.

    Raises:
        StorageError: They cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            scratch = folder / f".{name}.writing"
            scratch.write_bytes(content)
            scratch.replace(folder / name)
    except OSError as error:
        raise StorageError(
            f"cannot write {folder}: {error.strerror}", remedy="choose another folder"
        ) from error


def load_policy(folder: Path) -> tuple[Scorer, PolicyCard]:
    """The scorer in a folder, ready to score, and its card.

    Raises:
        PolicyFileError: A file is missing or damaged, or of another version than this program's.
    """
    card = read_card(folder)
    from policies.scorer import Scorer

    weights = read_weights(folder / WEIGHTS, card.weights)
    try:
        scorer = Scorer(card.scorer)
    except ValueError as error:
        raise PolicyFileError(f"{folder / CARD}: {error}", remedy=REMEDY) from error
    set_weights(scorer, weights, folder / WEIGHTS)
    return scorer.eval(), card


def read_weights(path: Path, sha256: str) -> dict[str, Tensor]:
    """The weights in a file, by name.

    Args:
        path: A safetensors file.
        sha256: What its hash must be.

    Raises:
        PolicyFileError: It is missing, damaged, or another file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        data = path.read_bytes()
    except OSError as error:
        raise PolicyFileError(f"cannot read {path}", remedy=REMEDY) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise PolicyFileError(
            f"{path} is not what {path.with_suffix('.json').name} describes",
            remedy="copy both files again from where the policy was trained",
        )
    try:
        weights: dict[str, Tensor] = load(data)
    except (SafetensorError, ValueError) as error:
        raise PolicyFileError(f"{path} is no safetensors file", remedy=REMEDY) from error
    return weights


def parsed_card(kind: type[AnyCard], path: Path, what: str, missing: str, other: str) -> AnyCard:
    """The card in a file.

    Args:
        kind: Class of the card.
        path: The file.
        what: What it describes, for messages.
        missing: What to do where there is none.
        other: What to do where it is of another version.

    Raises:
        PolicyFileError: There is none, or it is of another version.
    """
    try:
        return kind.from_json(path.read_bytes())
    except OSError as error:
        raise PolicyFileError(f"there is no {what} in {path.parent}", remedy=missing) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise PolicyFileError(
            f"{path} is no {what} of this version: {where}: {first['msg']}", remedy=other
        ) from error


def read_card(folder: Path) -> PolicyCard:
    """What a folder says of its policy, checked against this version's features.

    Raises:
        PolicyFileError: There is none, or it is of another version.
    """
    path = folder / CARD
    missing = f"give the folder that holds {CARD}, or train one: poser train"
    card = parsed_card(PolicyCard, path, "policy", missing, REMEDY)
    for part, names in FEATURES.items():
        if card.features.get(part) != names:
            odd = sorted(set(card.features.get(part, ())) ^ set(names)) or ["their order"]
            raise PolicyFileError(
                f"{path} was trained on other features of {part} ({', '.join(odd[:3])})",
                remedy=REMEDY,
            )
    return card


def set_weights(network: Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Gives a network its weights.

    Args:
        network: Any; one on the device ``meta`` comes to the CPU once its weights fit. Of such a
            one all that is kept must be among the weights.
        weights: By name.
        path: Where they are from, for messages.

    Raises:
        PolicyFileError: They are of another network, or not finite.
    """
    expected = network.state_dict()
    if odd := sorted(set(weights) ^ set(expected)):
        raise PolicyFileError(f"{path} has other weights ({odd[0]})", remedy=REMEDY)
    for name, tensor in expected.items():
        found = weights[name]
        if found.shape != tensor.shape or found.dtype != tensor.dtype:
            raise PolicyFileError(
                f"{path}: {name} is {tuple(found.shape)} {found.dtype}, not "
                f"{tuple(tensor.shape)} {tensor.dtype}",
                remedy=REMEDY,
            )
        if not bool(found.isfinite().all()):
            raise PolicyFileError(f"{path}: {name} is not finite", remedy=REMEDY)
    if any(tensor.is_meta for tensor in expected.values()):
        network.to_empty(device="cpu")
    network.load_state_dict(weights)
