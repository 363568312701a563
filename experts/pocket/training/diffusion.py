"""Flow-matching training of the drawing and the editing models."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnAddedKVProcessor
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from experts.pocket import world
from experts.pocket.degrade import soften
from experts.pocket.drawing import mask_of, render
from experts.pocket.edits import sample_edit
from experts.pocket.labels import LABELS, patch_labels
from experts.pocket.language import caption
from experts.pocket.layout_map import LayoutMap
from experts.pocket.pipeline import SCHEDULER_SHIFT, PocketEditPipeline, predict
from experts.pocket.recipes import Recipe
from experts.pocket.sampling import sample_drawn_scene
from experts.pocket.scenes import Scene
from experts.pocket.sharing import encode_text, load_part, load_text_encoder
from experts.pocket.slots import empty_box, row_of, rows_of
from experts.pocket.sprites import SpriteSheet
from experts.pocket.training.precision import mixed
from experts.pocket.training.tensors import to_tensor

FACTOR = 2
"""Side of the squares of pixels that become channels."""

CELL = 4
"""Side in pixels of the cells whose meaning is also learned."""

MEANING_SHARE = 0.1
GATE_SHARE = 0.15
LEVEL_FLOOR = 0.5
"""Noise level below which the error of the velocity is not weighted further. What an object is
gets decided above it; with a lower floor, fine detail outweighs that tenfold."""
SIMPLE_UNTIL = 2500
OBJECTS_WEIGH = 3.5
"""Weight in the loss of a pixel that shows an object; one of background weighs 1."""


STYLED_TOO = 0.25
"""Share of scenes that are put into a style, whatever theirs was."""

PARTLY_BELOW = 0.6
"""Noise level below which the map may leave out objects: they can be seen."""


def build_unet(
    channels: tuple[int, ...], text_width: int, edits: bool, layout: int = 0
) -> UNet2DConditionModel:
    """A UNet over space-to-depth pixels, with random weights.

    Attention, at every level but the two finest, is of the simple kind: picture and text in one
    softmax, no feed-forward part. It has two thirds of the weights of the usual kind and learned
    as fast.

    Args:
        channels: By level, finest first.
        text_width: Width of the text states.
        edits: Whether it also takes a picture before, and gates what it changes.
        layout: Channels of the layout map it takes; 0 for none.
    """
    pixels = 3 * FACTOR * FACTOR
    plain = 2
    deeper = len(channels) - plain
    unet = UNet2DConditionModel(
        sample_size=world.NATIVE_SIZE // FACTOR,
        in_channels=(2 * pixels if edits else pixels) + layout,
        out_channels=pixels + FACTOR * FACTOR if edits else pixels,
        block_out_channels=channels,
        layers_per_block=1,
        down_block_types=("DownBlock2D",) * plain + ("SimpleCrossAttnDownBlock2D",) * deeper,
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D",) * deeper + ("UpBlock2D",) * plain,
        cross_attention_dim=text_width,
        attention_head_dim=16 if channels[plain] % 32 else 32,
        time_embedding_dim=256,
        class_embed_type="projection",
        projection_class_embeddings_input_dim=text_width,
        norm_num_groups=16,
    )
    unet.set_attn_processor(AttnAddedKVProcessor())
    return unet


class Denoiser(nn.Module):
    """A UNet, and the head that only its training uses."""

    def __init__(self, channels: tuple[int, ...], text_width: int, edits: bool) -> None:
        """Builds both with random weights; arguments as of `build_unet`.

        A model that draws is told by a layout map what to paint where; one that edits is not.
        """
        super().__init__()
        self.layout = None if edits else LayoutMap()
        self.unet = build_unet(
            channels, text_width, edits, self.layout.channels if self.layout else 0
        )
        # What each cell shows, read off the last level with attention; dropped at export.
        self.meaning = nn.Conv2d(channels[2], LABELS, 1)
        assert self.meaning.bias is not None
        nn.init.constant_(self.meaning.bias, -4.0)
        self._seen: list[Tensor] = []
        self.unet.up_blocks[-3].register_forward_hook(lambda _m, _i, out: self._seen.append(out))

    def read_meaning(self) -> Tensor:
        """Logits (batch, labels, rows, columns) of what the last call's cells show."""
        seen = self._seen.pop()
        self._seen.clear()
        logits: Tensor = self.meaning(seen)
        return logits


def draw_sigma(count: int, source: torch.Generator, share: float = 0.2) -> Tensor:
    """Noise levels to train at: (count,) in (0, 1).

    A share is almost pure noise: what a picture shows is decided there. Of the others, a fifth is
    where few-step sampling ends, and the rest is logit-normal.

    Args:
        count: How many.
        source: Of chance.
        share: Of almost pure noise. A model that is told what to paint where learns most there;
            further down it can copy what it sees.
    """
    middle = torch.sigmoid(torch.randn(count, generator=source) + 0.6)
    high = 1 - 0.2 * torch.rand(count, generator=source).square()
    low = 0.1 + 0.5 * torch.rand(count, generator=source)
    chance = torch.rand(count, generator=source)
    fine = share + 0.2 * (1 - share)
    return torch.where(chance < share, high, torch.where(chance < fine, low, middle))


class DiffusionTask:
    """The loss and the export of the drawing and the editing models."""

    def __init__(
        self,
        recipe: Recipe,
        sheet: SpriteSheet,
        seed: int,
        batch: int,
        device: torch.device,
        text: Path,
    ) -> None:
        """Builds the model and its data.

        Args:
            recipe: What it is taught.
            sheet: Sprites.
            seed: Of the weights and of all data.
            batch: Pictures a step.
            device: Where to train.
            text: Folder of the trained text encoder; it stays as it is.
        """
        self.name, self.recipe = recipe.name, recipe
        self.sheet, self.seed, self.batch = sheet, seed, batch
        self.device = device
        self.edits = recipe.task == "edit"
        self.text_encoder, self.tokenizer = load_text_encoder(text)
        self.text_encoder.to(device)
        self.text = text
        torch.manual_seed(seed)
        width = int(self.text_encoder.config.hidden_size)
        self.denoiser = Denoiser(recipe.channels, width, self.edits).to(device)
        self.model: nn.Module = self.denoiser
        self._simple_until = 0 if recipe.start else SIMPLE_UNTIL
        self._draw: Callable[[np.random.Generator, int], tuple[Any, ...]] = (
            self._edit_pair if self.edits else self._picture
        )

    def start_from(self, state: dict[str, Any]) -> None:
        """Takes over the averaged weights of a checkpoint of the same sizes."""
        self.denoiser.load_state_dict(state["averaged"])

    def _picture(self, rng: np.random.Generator, step: int) -> tuple[Any, ...]:
        # Simple scenes first: what an object looks like is learned soonest where there are few.
        share = 0.6 * max(0.5, 1 - step / self._simple_until) if self._simple_until else 0.0
        simple = rng.random() < share
        scene, relations = sample_drawn_scene(
            self.sheet, rng, "simple" if simple else self.recipe.scenes
        )
        labels = patch_labels(self.sheet, scene, CELL)
        if rng.random() < STYLED_TOO:
            scene = replace(scene, style=str(rng.choice(world.STYLES)))
        text = caption(scene, relations, rng).text
        shown = mask_of(self.sheet, scene)
        return text, render(self.sheet, scene), labels, shown >= 0, self._rows(scene, shown, rng)

    @staticmethod
    def _rows(
        scene: Scene, shown: NDArray[np.int16], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """The scene's objects as rows, a little off; and the same with some of them left out.

        Where only new objects are painted into a picture, the map does not tell of the others.
        Sometimes there is a box in which there is to be nothing.

        Returns:
            (2, rows, 7).
        """
        rows = [row_of(t) for t in scene.things]
        for row in rows:
            row[3:6] = np.array(row[3:6]) + rng.normal(0, 0.4, 3)
        some = [row for row in rows if rng.random() < 0.5] if rng.random() < 0.3 else rows
        box = empty_box(shown, rng) if rng.random() < 0.3 else None
        last = [] if box is None else [box]
        return np.stack([rows_of([*rows, *last]), rows_of([*some, *last])])

    def _edit_pair(self, rng: np.random.Generator, _step: int) -> tuple[Any, ...]:
        operation = None
        if self.recipe.operations:
            names, shares = zip(*self.recipe.operations, strict=True)
            operation = str(rng.choice(names, p=shares))
        edit = sample_edit(self.sheet, rng, operation)
        before, after = render(self.sheet, edit.before), render(self.sheet, edit.after)
        changed = (before != after).any(-1)
        if rng.random() < 0.4 and operation != "style":
            before = soften(before, rng)
            after = np.where(changed[..., None], after, before)
        labels = patch_labels(self.sheet, edit.after, CELL)
        return edit.instruction, after, labels, changed, before

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """The flow-matching loss of one batch; see `experts.pocket.training.loop.Task`."""
        rng = np.random.default_rng([self.seed, step])
        noise_source = torch.Generator().manual_seed((self.seed << 32) + step)
        drawn = [self._draw(rng, step) for _ in range(self.batch)]
        texts = ["" if rng.random() < 0.1 else item[0] for item in drawn]
        clean = to_tensor([item[1] for item in drawn], self.device)
        before = to_tensor([item[4] for item in drawn], self.device) if self.edits else None
        noise = torch.randn(clean.shape, generator=noise_source).to(self.device)
        sigma = draw_sigma(len(drawn), noise_source, 0.2 if self.edits else 0.65)
        sigma = sigma.to(self.device)
        level = sigma[:, None, None, None]
        noisy = (1 - level) * clean + level * noise
        layout = None
        if self.denoiser.layout is not None:
            # Where there is nothing but noise, what the map leaves out would be made up.
            both = torch.from_numpy(np.stack([item[4] for item in drawn])).to(self.device)
            rows = torch.where((sigma > PARTLY_BELOW)[:, None, None], both[:, 0], both[:, 1])
            layout = self.denoiser.layout(rows, world.NATIVE_SIZE // FACTOR)
        with mixed(self.device):
            with torch.no_grad():
                states, mask = encode_text(self.tokenizer, self.text_encoder, texts)
            guess, gate = predict(self.denoiser.unet, noisy, sigma, states, mask, before, layout)
            meaning = self.denoiser.read_meaning()
        labels = torch.from_numpy(np.stack([item[2] for item in drawn])).permute(0, 3, 1, 2)
        meaning_loss = (
            functional.binary_cross_entropy_with_logits(
                meaning.float(), labels.to(self.device), reduction="none"
            )
            .sum(1)
            .mean()
        )
        error = ((guess - clean) / level.clamp(min=LEVEL_FLOOR)).square()
        marked = torch.from_numpy(np.stack([item[3] for item in drawn])).to(self.device)
        target = marked[:, None].float()
        weight = 1 + (OBJECTS_WEIGH - 1) * target
        figures = {"meaning": float(meaning_loss.detach()), "error": float(error.detach().mean())}
        loss = (error * weight).mean() + MEANING_SHARE * meaning_loss
        if gate is not None:
            kept = torch.tensor([bool(text) for text in texts], device=self.device)
            places = functional.binary_cross_entropy_with_logits(
                gate.float(), target, reduction="none"
            ).mean((1, 2, 3))
            gate_loss = (places * kept).sum() / kept.sum().clamp(min=1)
            figures["gate"] = float(gate_loss.detach())
            loss = loss + GATE_SHARE * gate_loss
        return loss, figures

    def export(self, averaged: dict[str, Tensor], folder: Path, record: dict[str, Any]) -> None:
        """Saves the averaged weights in float16.

        A model that edits becomes a diffusers pipeline. What it shares with others is not saved
        again: it stands in folders beside, and its hash in the pipeline's configuration. A model
        that draws is part of several pipelines: its UNet and layout map are saved by themselves.
        """
        unet = UNet2DConditionModel.from_config(self.denoiser.unet.config)
        unet.load_state_dict(
            {k.removeprefix("unet."): v.cpu() for k, v in averaged.items() if k[:5] == "unet."}
        )
        record_text = json.dumps(record, indent=2) + "\n"
        (folder / "training.json").write_text(record_text)
        if self.denoiser.layout is not None:
            layout = LayoutMap.from_config(self.denoiser.layout.config)
            layout.load_state_dict(
                {
                    k.removeprefix("layout."): v.cpu()
                    for k, v in averaged.items()
                    if k[:7] == "layout."
                }
            )
            layout.half().eval().save_pretrained(folder / "layout_map")
            unet.half().eval().save_pretrained(folder / "unet")
            return
        root = self.text.parent
        if not (root / "sight" / "sight").is_dir():
            unet.half().eval().save_pretrained(folder / "unet")
            return
        pipeline = PocketEditPipeline(
            unet=unet.half().eval(),
            text_encoder=self.text_encoder,
            tokenizer=self.tokenizer,
            scheduler=FlowMatchEulerDiscreteScheduler(shift=SCHEDULER_SHIFT),
            sight=load_part(root / "sight", "sight", torch.float16),
            native_size=world.NATIVE_SIZE,
        )
        pipeline.save_sharing(folder, root)
