"""Training of the text encoder that all pocket experts share.

Learning to read from pictures alone is slow: which colour belongs to which noun, and which of two
things is left, are each one bit among thousands of pixels. So the encoder first learns to read by
itself, as the text encoders of large models do: for every noun of a caption or an instruction it
tells what is said of it (`experts.pocket.facts`). Then it is frozen.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertConfig, BertModel

from experts.pocket.edits import sample_edit
from experts.pocket.facts import NOUN_CLASSES, PLACES, TEXT_CLASSES, Told, label
from experts.pocket.language import caption
from experts.pocket.sampling import sample_scene
from experts.pocket.sprites import SpriteSheet
from experts.pocket.tokens import build_tokenizer
from experts.pocket.training.precision import mixed

MAX_TOKENS = 48
WIDTH = 128


def text_config(vocabulary: int, **sizes: int) -> BertConfig:
    """The configuration of the encoder; `sizes` override its width and depth."""
    values = {
        "hidden_size": WIDTH, "num_hidden_layers": 3, "num_attention_heads": 4,
        "intermediate_size": 4 * WIDTH, **sizes,
    }  # fmt: skip
    return BertConfig(
        vocab_size=vocabulary,
        max_position_embeddings=MAX_TOKENS,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        **values,
    )


class Reader(nn.Module):
    """The encoder and the heads that only its training uses."""

    def __init__(self, config: BertConfig) -> None:
        """Builds both with random weights."""
        super().__init__()
        self.encoder = BertModel(config, add_pooling_layer=False)
        self.nouns = nn.Linear(config.hidden_size, sum(NOUN_CLASSES))
        self.places = nn.Linear(config.hidden_size, len(PLACES))
        self.texts = nn.Linear(config.hidden_size, sum(TEXT_CLASSES))

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of every token's facts, places, and of the text's facts (from [CLS])."""
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        return self.nouns(states), self.places(states), self.texts(states[:, 0])


def _classify(logits: Tensor, truth: Tensor, classes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Summed cross-entropy of several facts at once, and the share of them that are right."""
    losses, right = [], []
    for part, column in zip(torch.split(logits, list(classes), -1), truth.unbind(-1), strict=True):
        known = column >= 0
        losses.append(functional.cross_entropy(part[known], column[known]))
        right.append((part[known].argmax(-1) == column[known]).float().mean())
    return torch.stack(losses).sum(), torch.stack(right).mean()


class TextTask:
    """The loss and the export of the text encoder; see `experts.pocket.training.loop.Task`."""

    name = "text"

    def __init__(
        self, sheet: SpriteSheet, seed: int, batch: int, device: torch.device, **sizes: int
    ) -> None:
        """Builds the model and its data; `sizes` override those of `text_config`."""
        self.sheet, self.seed, self.batch, self.device = sheet, seed, batch, device
        self.tokenizer = build_tokenizer(MAX_TOKENS)
        torch.manual_seed(seed)
        self.reader = Reader(text_config(len(self.tokenizer), **sizes)).to(device)
        self.model: nn.Module = self.reader

    def _told(self, rng: np.random.Generator) -> list[Told]:
        if rng.random() < 0.4:
            return [sample_edit(self.sheet, rng).told]
        # One arrangement serves several captions: arranging takes longer than reading.
        scene, relations = sample_scene(self.sheet, rng)
        return [caption(scene, relations, rng) for _ in range(2)]

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of what every noun, and the text as a whole, says."""
        rng = np.random.default_rng([self.seed, 3, step])
        told: list[Told] = []
        while len(told) < self.batch:
            told += self._told(rng)
        tokens = self.tokenizer(
            [text.text for text in told], padding="longest", truncation=True,
            max_length=MAX_TOKENS, return_tensors="pt",
        )  # fmt: skip
        ids = tokens["input_ids"]
        nouns, places, texts = (
            torch.from_numpy(array).to(self.device)
            for array in label(told, ids.numpy(), self.tokenizer)
        )
        with mixed(self.device):
            out = self.reader(ids.to(self.device), tokens["attention_mask"].to(self.device))
        noun_logits, place_logits, text_logits = (part.float() for part in out)
        noun_loss, noun_right = _classify(noun_logits, nouns, NOUN_CLASSES)
        text_loss, text_right = _classify(text_logits, texts, TEXT_CLASSES)
        known = ~places.isnan()
        place_loss = functional.binary_cross_entropy_with_logits(place_logits[known], places[known])
        place_right = ((place_logits[known] > 0) == (places[known] > 0.5)).float().mean()
        figures = {
            "nouns": float(noun_right), "places": float(place_right), "texts": float(text_right)
        }  # fmt: skip
        return noun_loss + 4 * place_loss + text_loss, figures

    def export(self, averaged: dict[str, Tensor], folder: Path, record: dict[str, Any]) -> None:
        """Saves the averaged encoder in float16, with its tokenizer."""
        encoder = BertModel(self.reader.encoder.config)
        own = {
            key.removeprefix("encoder."): value.cpu()
            for key, value in averaged.items()
            if key.startswith("encoder.")
        }
        encoder.load_state_dict(own, strict=False)
        # Loaders of BERT expect a pooler; nothing here reads it.
        nn.init.zeros_(encoder.pooler.dense.weight)
        encoder.half().eval().save_pretrained(folder / "text_encoder")
        self.tokenizer.save_pretrained(folder / "tokenizer")
        (folder / "training.json").write_text(json.dumps(record, indent=2) + "\n")
