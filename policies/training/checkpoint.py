"""The checkpoint of a training run: everything that the next leg depends on."""

from __future__ import annotations

import pickle
import struct
import zipfile
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from policies.training.config import TrainingError
from poser.core.errors import StorageError

FORMAT = 2
"""Raised where observations come to mean something else as well."""

_DAMAGE = (
    *(pickle.UnpicklingError, RuntimeError, EOFError, LookupError, ValueError, TypeError),
    *(AttributeError, struct.error, ArithmeticError, AssertionError, zipfile.BadZipFile),
)
"""What unpacking and unpickling raise, depending on which byte is wrong."""


@dataclass(slots=True)
class Checkpoint:
    """Where a training run stands, between two legs.

    Attributes:
        stage: The stage that the next leg belongs to, counted from 0.
        leg: The next leg of that stage, counted from 0.
        steps: Environment steps so far, over all stages.
        seconds: Wall time so far, over all runs.
        policy: Weights, as they are trained.
        optimizer: State of the optimiser; ``None`` before the first leg of a stage.
        best: The weights with the best validation of this stage.
        best_return: That validation's return; ``None`` before the first.
        stale: Validations since then.
        worlds: Fingerprints of the worlds trained in, by stage.
        history: The figures of each leg, and of the policy that a stage began with.
    """

    stage: int = 0
    leg: int = 0
    steps: int = 0
    seconds: float = 0.0
    policy: dict[str, Tensor] | None = None
    optimizer: dict[str, Any] | None = None
    best: dict[str, Tensor] | None = None
    best_return: float | None = None
    stale: int = 0
    worlds: dict[str, dict[str, str]] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Writes it in full or not at all.

        Raises:
            StorageError: It cannot be written.
        """
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        scratch = path.with_suffix(".writing")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save({"format": FORMAT, **plain}, scratch)
            scratch.replace(path)
        except (OSError, RuntimeError) as error:
            raise StorageError(
                f"cannot write {path}: {error}", remedy="free some space, then use --resume"
            ) from error

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Reads it; plain data and tensors only, whoever wrote it.

        Raises:
            TrainingError: It is missing, damaged, or of another version.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                damaged = archive.testzip()  # torch.load compares no checksums
            if damaged is not None:
                raise zipfile.BadZipFile(damaged)
            data: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except OSError as error:
            raise TrainingError(
                f"there is no checkpoint {path}", remedy="begin anew: poser train --config FILE"
            ) from error
        except _DAMAGE as error:
            raise TrainingError(
                f"{path} is damaged", remedy="begin anew: poser train --config FILE"
            ) from error
        if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
            raise TrainingError(
                f"{path} is of another version", remedy="begin anew: poser train --config FILE"
            )
        try:
            return cls(**data)
        except TypeError as error:
            raise TrainingError(
                f"{path} is of another version", remedy="begin anew: poser train --config FILE"
            ) from error
