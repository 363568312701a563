"""Flow-matching training of the drawing and the editing model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertConfig, BertModel

from experts.pocket import world
from experts.pocket.labels import LABELS, patch_labels
from experts.pocket.language import caption
from experts.pocket.pipeline import (
    SIGMA_FLOOR,
    PocketEditPipeline,
    PocketTextToImagePipeline,
    encode_text,
    predict_clean,
)
from experts.pocket.scenes import render, sample_scene
from experts.pocket.sprites import SpriteSheet
from experts.pocket.tokens import build_tokenizer

FACTOR = 4
MAX_TOKENS = 32
MEANING_SHARE = 0.1
SIMPLE_UNTIL = 8000


class Denoiser(nn.Module):
    """A UNet and its text encoder, trained together."""

    def __init__(
        self,
        vocabulary: int,
        edits: bool,
        channels: tuple[int, ...] = (64, 96, 160),
        text_width: int = 160,
        text_layers: int = 3,
        sample_size: int = world.NATIVE_SIZE // FACTOR,
    ) -> None:
        """Builds both with random weights.

        Args:
            vocabulary: Number of tokens.
            edits: Whether it also takes a picture before, and gates what it changes.
            channels: UNet channels by level; the first level has no attention.
            text_width: Width of the text states.
            text_layers: Layers of the text encoder.
            sample_size: Side of the space-to-depth picture.
        """
        super().__init__()
        pixels = 3 * FACTOR * FACTOR
        deeper = len(channels) - 1
        self.unet = UNet2DConditionModel(
            sample_size=sample_size,
            in_channels=2 * pixels if edits else pixels,
            out_channels=pixels + FACTOR * FACTOR if edits else pixels,
            block_out_channels=channels,
            layers_per_block=1,
            down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * deeper,
            up_block_types=("CrossAttnUpBlock2D",) * deeper + ("UpBlock2D",),
            cross_attention_dim=text_width,
            attention_head_dim=4,  # diffusers reads this as the number of heads
            norm_num_groups=16,
        )
        self.unet.set_attn_processor(AttnProcessor())
        # What each 4-pixel cell shows, read off the last level but one; dropped at export.
        self.meaning = nn.Conv2d(channels[1], LABELS, 1)
        assert self.meaning.bias is not None
        nn.init.constant_(self.meaning.bias, -4.0)
        self._seen: list[Tensor] = []
        self.unet.up_blocks[-2].register_forward_hook(lambda _m, _i, out: self._seen.append(out))
        self.text_encoder = BertModel(
            BertConfig(
                vocab_size=vocabulary,
                hidden_size=text_width,
                num_hidden_layers=text_layers,
                num_attention_heads=4,
                intermediate_size=4 * text_width,
                max_position_embeddings=MAX_TOKENS,
                hidden_dropout_prob=0.0,
                attention_probs_dropout_prob=0.0,
            ),
            add_pooling_layer=False,
        )

    def read_meaning(self) -> Tensor:
        """Logits (batch, labels, rows, columns) of what the last call's cells show."""
        seen = self._seen.pop()
        self._seen.clear()
        logits: Tensor = self.meaning(seen)
        return logits

    def take_from_drawing(self, drawing: dict[str, Tensor]) -> None:
        """Starts an editor from a drawing model's weights.

        The channels it does not have (the picture before; the gate) start at zero, the gate's
        bias at -2: at first the picture before shows through.

        Args:
            drawing: `state_dict` of a `Denoiser` that draws, of the same channels.
        """
        own = self.state_dict()
        pixels = 3 * FACTOR * FACTOR
        for key, value in drawing.items():
            if key == "unet.conv_in.weight":
                own[key].zero_()
                own[key][:, :pixels] = value
            elif key == "unet.conv_out.weight":
                own[key].zero_()
                own[key][:pixels] = value
            elif key == "unet.conv_out.bias":
                own[key].fill_(-2.0)
                own[key][:pixels] = value
            else:
                own[key].copy_(value)


def to_tensor(images: list[np.ndarray], device: torch.device) -> Tensor:
    """Pictures (height, width, 3) of bytes to (batch, 3, height, width) in [-1, 1]."""
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    return stacked.to(device).float().div_(127.5).sub_(1)


def draw_sigma(count: int, source: torch.Generator) -> Tensor:
    """Noise levels to train at: (count,) in (0, 1).

    Mostly logit-normal. One in five is almost pure noise, which that distribution hardly ever
    draws, though background and layout are decided there.
    """
    middle = torch.sigmoid(torch.randn(count, generator=source) + 0.5)
    high = 1 - 0.2 * torch.rand(count, generator=source).square()
    return torch.where(torch.rand(count, generator=source) < 0.2, high, middle)


class DiffusionTask:
    """The loss and the export of `text_to_image` and `editor`."""

    def __init__(
        self,
        name: str,
        sheet: SpriteSheet,
        seed: int,
        batch: int,
        device: torch.device,
        **sizes: Any,
    ) -> None:
        """Builds the model and its data.

        Args:
            name: "text_to_image" or "editor".
            sheet: Sprites.
            seed: Of the weights and of all data.
            batch: Pictures a step.
            device: Where to train.
            **sizes: Passed on to `Denoiser`.
        """
        self.name, self.sheet, self.seed, self.batch = name, sheet, seed, batch
        self.device = device
        self.edits = name == "editor"
        self.tokenizer = build_tokenizer(MAX_TOKENS)
        torch.manual_seed(seed)
        self.denoiser = Denoiser(len(self.tokenizer), self.edits, **sizes).to(device)
        self.model: nn.Module = self.denoiser
        self._draw: Callable[[np.random.Generator, int], tuple[Any, ...]] = (
            self._edit_pair if self.edits else self._picture
        )

    def _picture(self, rng: np.random.Generator, step: int) -> tuple[Any, ...]:
        # Simple scenes first: what an object looks like is learned soonest where there are few.
        simple = rng.random() < 0.6 * max(0.0, 1 - step / SIMPLE_UNTIL)
        scene, relations = (
            sample_scene(self.sheet, rng, int(rng.integers(1, 3)), most=2)
            if simple
            else sample_scene(self.sheet, rng)
        )
        labels = patch_labels(self.sheet, scene, FACTOR)
        return caption(scene, relations, rng), render(self.sheet, scene), labels

    def _edit_pair(self, rng: np.random.Generator, _step: int) -> tuple[Any, ...]:
        from experts.pocket.edits import sample_edit

        edit = sample_edit(self.sheet, rng)
        before, after = render(self.sheet, edit.before), render(self.sheet, edit.after)
        changed = (before != after).any(-1)
        if rng.random() < 0.4:
            from experts.pocket.degrade import soften

            before = soften(before, rng)
            after = np.where(changed[..., None], after, before)
        labels = patch_labels(self.sheet, edit.after, FACTOR)
        return edit.instruction, after, labels, before, changed

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """The flow-matching loss of one batch; see `experts.pocket.training.loop.Task`."""
        rng = np.random.default_rng([self.seed, step])
        noise_source = torch.Generator().manual_seed((self.seed << 32) + step)
        drawn = [self._draw(rng, step) for _ in range(self.batch)]
        texts = ["" if rng.random() < 0.1 else item[0] for item in drawn]
        clean = to_tensor([item[1] for item in drawn], self.device)
        before = to_tensor([item[3] for item in drawn], self.device) if self.edits else None
        noise = torch.randn(clean.shape, generator=noise_source).to(self.device)
        sigma = draw_sigma(len(drawn), noise_source).to(self.device)
        level = sigma[:, None, None, None]
        noisy = (1 - level) * clean + level * noise
        with torch.autocast(self.device.type, torch.bfloat16):
            states, mask = encode_text(self.tokenizer, self.denoiser.text_encoder, texts)
            guess, gate = predict_clean(self.denoiser.unet, noisy, sigma, states, mask, before)
            meaning = self.denoiser.read_meaning()
        labels = torch.from_numpy(np.stack([item[2] for item in drawn])).permute(0, 3, 1, 2)
        meaning_loss = (
            functional.binary_cross_entropy_with_logits(
                meaning.float(), labels.to(self.device), reduction="none"
            )
            .sum(1)
            .mean()
        )
        figures = {"meaning": float(meaning_loss.detach())}
        error = ((guess.float() - clean) / level.clamp(min=SIGMA_FLOOR)).square()
        if gate is None:
            figures["velocity"] = float(error.detach().mean())
            return error.mean() + MEANING_SHARE * meaning_loss, figures
        changed = torch.from_numpy(np.stack([item[4] for item in drawn])).to(self.device)
        kept = torch.tensor([bool(text) for text in texts], device=self.device)
        target = changed[:, None].float()
        places = functional.binary_cross_entropy_with_logits(
            gate.float(), target, reduction="none"
        ).mean((1, 2, 3))
        gate_loss = (places * kept).sum() / kept.sum().clamp(min=1)
        # The unchanged pixels copy themselves; what there is to learn lies in the changed ones.
        weight = 1 + 3 * target
        loss = (error * weight).mean() + 0.1 * gate_loss + MEANING_SHARE * meaning_loss
        figures["velocity"] = float(error.detach().mean())
        figures["gate"] = float(gate_loss.detach())
        return loss, figures

    def export(self, averaged: dict[str, Tensor], folder: Path, record: dict[str, Any]) -> None:
        """Saves the averaged weights in float16 as a diffusers pipeline."""
        copy = Denoiser.__new__(Denoiser)
        nn.Module.__init__(copy)
        copy.unet = UNet2DConditionModel.from_config(self.denoiser.unet.config)
        copy.text_encoder = BertModel(self.denoiser.text_encoder.config)
        copy.load_state_dict({k: v.cpu() for k, v in averaged.items()}, strict=False)
        # Loaders of BERT expect a pooler; nothing here reads it.
        nn.init.zeros_(copy.text_encoder.pooler.dense.weight)
        copy.half().eval()
        kind = PocketEditPipeline if self.edits else PocketTextToImagePipeline
        pipeline = kind(
            unet=copy.unet,
            text_encoder=copy.text_encoder,
            tokenizer=self.tokenizer,
            scheduler=FlowMatchEulerDiscreteScheduler(shift=2.0),
            native_size=world.NATIVE_SIZE,
        )
        pipeline.save_pretrained(folder, safe_serialization=True)
        import json

        (folder / "training.json").write_text(json.dumps(record, indent=2) + "\n")
