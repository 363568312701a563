"""Training of the stylist: pictures, and what the drawing's own treatment makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from experts.pocket import world
from experts.pocket.degrade import soften
from experts.pocket.drawing import grain_of, in_style, render
from experts.pocket.edits import sample_edit, style_instruction
from experts.pocket.sampling import sample_scene
from experts.pocket.sharing import encode_text, load_text_encoder
from experts.pocket.sprites import SpriteSheet
from experts.pocket.stylist import PocketStylePipeline, StyleNet
from experts.pocket.training.painted import PaintedScenes
from experts.pocket.training.precision import mixed
from experts.pocket.training.tensors import to_tensor

Bytes = NDArray[np.uint8]

PAINTED = 0.5
"""Share of pictures that the renderer painted."""
SOFTENED = 0.3
"""Share of the others that are degraded lightly."""
OTHERWISE = 0.1
"""Share of instructions that are not about style: the picture stays as it is."""
EDGES_WEIGH = 0.5
"""Weight of the differences between neighbours in the loss."""


class StylistTask:
    """The loss and the export of the stylist; see `experts.pocket.training.loop.Task`."""

    name = "stylist"

    def __init__(
        self,
        sheet: SpriteSheet,
        seed: int,
        batch: int,
        device: torch.device,
        text: Path,
        **sizes: int,
    ) -> None:
        """Builds the model and its data.

        Args:
            sheet: Sprites.
            seed: Of the weights and of all data.
            batch: Pictures a step.
            device: Where to train.
            text: Folder of the trained text encoder; it stays as it is.
            **sizes: Passed on to `StyleNet`.
        """
        self.sheet, self.seed, self.batch, self.device = sheet, seed, batch, device
        self.text_encoder, self.tokenizer = load_text_encoder(text)
        self.text_encoder.to(device)
        self.text = text
        torch.manual_seed(seed)
        self.stylist = StyleNet(text_width=int(self.text_encoder.config.hidden_size), **sizes)
        self.model: nn.Module = nn.ModuleDict({"stylist": self.stylist}).to(device)
        self.painted: PaintedScenes | None = None

    def start_from(self, state: dict[str, Any]) -> None:
        """Takes over the averaged weights of a checkpoint of the same sizes."""
        self.model.load_state_dict(state["averaged"])

    def _picture(self, rng: np.random.Generator) -> Bytes:
        if self.painted is not None and rng.random() < PAINTED:
            return self.painted.sample(rng)[1]
        scene, _ = sample_scene(self.sheet, rng)
        image = render(self.sheet, scene)
        return soften(image, rng) if rng.random() < SOFTENED else image

    def _pair(self, rng: np.random.Generator) -> tuple[str, Bytes, Bytes, NDArray[np.float32]]:
        """Instruction, picture, the same in the style, and the grain (1, grains, grains)."""
        image, seed = self._picture(rng), int(rng.integers(2**31))
        grain = grain_of(seed)[None]
        if rng.random() < OTHERWISE:
            edit = sample_edit(self.sheet, rng)
            while edit.told.style is not None:
                edit = sample_edit(self.sheet, rng)
            return edit.instruction, image, image, grain
        style = str(rng.choice(world.STYLES))
        return style_instruction(style, rng), image, in_style(image, style, seed), grain

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """How far pixels, and the differences between neighbours, are from the treated ones."""
        rng = np.random.default_rng([self.seed, 37, step])
        texts, images, treated, grains = zip(
            *(self._pair(rng) for _ in range(self.batch)), strict=True
        )
        given, wanted = to_tensor(list(images), self.device), to_tensor(list(treated), self.device)
        noise = torch.from_numpy(np.stack(grains)).to(self.device)
        with torch.no_grad():
            states, _ = encode_text(self.tokenizer, self.text_encoder, texts)
        with mixed(self.device):
            made = self.stylist(given, states[:, 0], noise)
        off = made - wanted
        pixels = off.abs().mean()
        edges = off.diff(dim=-1).abs().mean() + off.diff(dim=-2).abs().mean()
        figures = {
            "pixels": float(pixels.detach()),
            "edges": float(edges.detach()),
            "untouched": float((given - wanted).abs().mean()),
        }
        return pixels + EDGES_WEIGH * edges, figures

    def export(self, averaged: dict[str, Tensor], folder: Path, record: dict[str, Any]) -> None:
        """Saves the averaged weights in float16 as a pipeline beside the parts that it shares."""
        stylist = StyleNet.from_config(self.stylist.config)
        stylist.load_state_dict(
            {key.removeprefix("stylist."): value.cpu() for key, value in averaged.items()}
        )
        pipeline = PocketStylePipeline(
            stylist=stylist.half().eval(), text_encoder=self.text_encoder, tokenizer=self.tokenizer
        )
        pipeline.save_sharing(folder, self.text.parent)
        (folder / "training.json").write_text(json.dumps(record, indent=2) + "\n")
