"""Training of the sight that editors share: what each cell of a picture shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from experts.pocket import world
from experts.pocket.degrade import soften
from experts.pocket.drawing import render
from experts.pocket.labels import patch_labels
from experts.pocket.sampling import sample_scene
from experts.pocket.scenes import Scene
from experts.pocket.sight import CELL
from experts.pocket.sight_net import SETTINGS, SightNet
from experts.pocket.sprites import SpriteSheet
from experts.pocket.training.losses import known_cross_entropy
from experts.pocket.training.painted import PaintedScenes
from experts.pocket.training.precision import mixed
from experts.pocket.training.tensors import to_tensor

SOFTENED = 0.6
"""Share of rendered pictures that are degraded lightly."""


class SightTask:
    """The loss and the export of the sight; see `experts.pocket.training.loop.Task`."""

    name = "sight"

    def __init__(
        self, sheet: SpriteSheet, seed: int, batch: int, device: torch.device, **sizes: int
    ) -> None:
        """Builds the model and its data; `sizes` are passed on to `SightNet`."""
        self.sheet, self.seed, self.batch, self.device = sheet, seed, batch, device
        torch.manual_seed(seed)
        self.sight = SightNet(**sizes)
        self.model: nn.Module = nn.ModuleDict({"sight": self.sight}).to(device)
        self.painted: PaintedScenes | None = None

    def _pictured(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], Scene]:
        if self.painted is not None and rng.random() < 0.5:
            painting, image = self.painted.sample(rng)
            return image, painting.shown
        scene, _ = sample_scene(self.sheet, rng)
        image = render(self.sheet, scene)
        return (soften(image, rng) if rng.random() < SOFTENED else image), scene

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of one batch."""
        rng = np.random.default_rng([self.seed, 29, step])
        drawn = [self._pictured(rng) for _ in range(self.batch)]
        labels = [patch_labels(self.sheet, scene, CELL) for _, scene in drawn]
        settings = [setting_of(scene) for _, scene in drawn]
        with mixed(self.device):
            shown, setting = self.sight(to_tensor([image for image, _ in drawn], self.device))
        sight = sight_loss(shown, labels)
        ground = setting_loss(setting, settings)
        figures = {"sight": float(sight.detach()), "setting": float(ground.detach())}
        return sight + ground, figures

    def export(self, averaged: dict[str, Tensor], folder: Path, record: dict[str, Any]) -> None:
        """Saves the averaged weights in float16."""
        sight = SightNet.from_config(self.sight.config)
        sight.load_state_dict({k.removeprefix("sight."): v.cpu() for k, v in averaged.items()})
        sight.half().eval().save_pretrained(folder / "sight")
        (folder / "training.json").write_text(json.dumps(record, indent=2) + "\n")


def sight_loss(shown: Tensor, labels: list[NDArray[np.float32]]) -> Tensor:
    """Cross-entropy of what cells show, summed over labels, by logits (batch, labels, 16, 16)."""
    truth = torch.from_numpy(np.stack(labels)).permute(0, 3, 1, 2).to(shown.device)
    losses = functional.binary_cross_entropy_with_logits(shown.float(), truth, reduction="none")
    return losses.sum(1).mean()


def setting_loss(logits: Tensor, settings: list[tuple[int, int]]) -> Tensor:
    """Cross-entropy of background and style, by logits (batch, sum of `SETTINGS`)."""
    truth = torch.tensor(settings, device=logits.device)
    parts = torch.split(logits.float(), list(SETTINGS), -1)
    return torch.stack(
        [known_cross_entropy(p, t) for p, t in zip(parts, truth.unbind(-1), strict=True)]
    ).sum()


def setting_of(scene: Scene) -> tuple[int, int]:
    """Indices of background and style, 0 for no style."""
    style = 0 if scene.style is None else 1 + world.STYLES.index(scene.style)
    return world.BACKGROUNDS.index(scene.background), style
