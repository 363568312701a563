"""A small network that answers yes/no questions about small pictures.

A picture is looked at once. Each word of a question is laid where the picture shows what it names
(a grounding map, as in GLIP, Li et al., CVPR 2022), and a few convolutions that the question as a
whole scales and shifts (FiLM, Perez et al., AAAI 2018) read the answer off that. Imports torch, so
it is imported only where a critic runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

CELL = 4
"""Pixels along a side of a cell that words are laid on."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of pictures.

    Attributes:
        cells: (batch, middle, rows, columns) features of cells of `CELL` pixels.
        ground: (batch, middle, rows, columns), what words are laid on.
        whole: (batch, 2 * (coarse + fine)) features of the whole picture: what is far apart in it,
            and its texture, by which styles are told.
    """

    cells: Tensor
    ground: Tensor
    whole: Tensor


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers to questions.

    Attributes:
        logits: (batch, questions, 2): no, yes.
        laid: (batch, questions, length, rows, columns) logits of where the picture shows each word.
        states: (batch, questions, hidden): what the answers rest on.
    """

    logits: Tensor
    laid: Tensor
    states: Tensor


def _layer(inner: int, outer: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inner, outer, 3, stride, 1, bias=False), nn.GroupNorm(8, outer), nn.SiLU()
    )


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_layer(width, width), _layer(width, width))

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = features + self.body(features)
        return out


class _Told(nn.Module):
    """A residual block that a question scales and shifts."""

    def __init__(self, width: int, told: int) -> None:
        super().__init__()
        self.first = _layer(width, width)
        self.second = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm = nn.GroupNorm(8, width, affine=False)
        self.film = nn.Linear(told, 2 * width)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, features: Tensor, told: Tensor) -> Tensor:
        scale, shift = self.film(told)[..., None, None].chunk(2, 1)
        inner = self.norm(self.second(self.first(features)))
        out: Tensor = features + functional.silu(inner * (1 + scale) + shift)
        return out


class AnswerNet(nn.Module):
    """The network.

    Args:
        config: What ``config.json`` holds: ``vocabulary``, ``max_tokens``, ``image_size``,
            ``fine``, ``middle``, ``coarse``, ``words``, ``layers``, ``reading``, ``hidden``.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        fine, middle, coarse = config["fine"], config["middle"], config["coarse"]
        words, reading, hidden = config["words"], config["reading"], config["hidden"]
        whole = 2 * (coarse + fine)
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), _layer(12, fine), _Residual(fine))
        # Without normalisation: how even the pixels of a block are tells pixel art.
        self.texture = nn.Sequential(
            nn.PixelUnshuffle(2), nn.Conv2d(12, fine, 3, 1, 1), nn.SiLU(),
            nn.Conv2d(fine, fine, 1), nn.SiLU(),
        )  # fmt: skip
        self.near = nn.Sequential(_layer(fine, middle, 2), _Residual(middle), _Residual(middle))
        self.far = nn.Sequential(_layer(middle, coarse, 2), _Residual(coarse), _Residual(coarse))
        self.back = nn.Conv2d(coarse, middle, 1)
        self.last = _Residual(middle)
        self.embed = nn.Embedding(config["vocabulary"], words, padding_idx=0)
        self.places = nn.Parameter(0.02 * torch.randn(config["max_tokens"], words))
        layer = nn.TransformerEncoderLayer(
            words, 4, 4 * words, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.text = nn.TransformerEncoder(
            layer, config["layers"], nn.LayerNorm(words), enable_nested_tensor=False
        )
        self.query = nn.Linear(words, middle + 1)
        self.laying = nn.Linear(words, middle)
        self.mix = nn.Conv2d(middle + 2, middle, 1)
        self.gather = _layer(middle, reading, 2)
        self.blocks = nn.ModuleList(_Told(reading, words) for _ in range(3))
        self.sure = nn.Sequential(
            nn.Linear(2 * reading + words + whole, hidden), nn.SiLU(),
            nn.Linear(hidden, hidden), nn.SiLU(),
        )  # fmt: skip
        self.answer = nn.Linear(hidden, 2)
        self.quality = nn.Linear(whole, 1)
        line = torch.linspace(-1, 1, config["image_size"] // CELL)
        grid = torch.stack(torch.meshgrid(line, line, indexing="ij")[::-1])
        self.register_buffer("grid", grid, persistent=False)
        nn.init.constant_(self.query.bias[-1:], -2.0)

    def look(self, pixels: Tensor) -> Seen:
        """Looks at pictures (batch, 3, size, size) in [-1, 1]."""
        near = self.near(self.stem(pixels))
        far = self.far(near)
        cells = self.last(near + functional.interpolate(self.back(far), scale_factor=2.0))
        grid = self.grid.to(cells.dtype).expand(len(cells), -1, -1, -1)  # type: ignore[operator]
        ground = self.mix(torch.cat([cells, grid], 1))
        fine = self.texture(pixels)
        whole = [part for seen in (far, fine) for part in (seen.mean((2, 3)), seen.amax((2, 3)))]
        return Seen(cells, ground, torch.cat(whole, 1))

    def rate(self, seen: Seen) -> Tensor:
        """Quality of pictures as such, (batch,) in [0, 1]: how like clean drawings they look."""
        told = self.quality(seen.whole.to(self.quality.weight.dtype))
        quality: Tensor = told.float().squeeze(-1).sigmoid()
        return quality

    def ask(self, seen: Seen, ids: Tensor, mask: Tensor) -> Answers:
        """Answers questions.

        Args:
            seen: Of `look`.
            ids: (batch, questions, length) tokens of the questions about each picture, at most
                ``max_tokens``; the first token stands for all of its question.
            mask: As `ids`, 1 where a token is.
        """
        batch, count, length = ids.shape
        flat = mask.flatten(0, 1)
        words = self.embed(ids.flatten(0, 1)) + self.places[:length]
        words = self.text(words, src_key_padding_mask=flat == 0)
        told = words[:, 0]
        query = self.query(words).unflatten(0, (batch, count))
        rows, cols = seen.cells.shape[2:]
        cells = seen.cells.flatten(2)
        laid = query[..., :-1].flatten(1, 2) @ cells * cells.shape[1] ** -0.5
        laid = laid.unflatten(1, (count, length)) + query[..., -1:]
        shown = (laid.sigmoid() * mask[..., None].to(laid.dtype)).flatten(0, 1)
        laying = self.laying(words).transpose(1, 2) @ shown
        features = seen.ground.flatten(2)[:, None] + laying.unflatten(0, (batch, count))
        features = functional.silu(features).reshape(batch * count, -1, rows, cols)
        features = self.gather(features)
        for block in self.blocks:
            features = block(features, told)
        whole = seen.whole[:, None].expand(-1, count, -1).flatten(0, 1)
        pooled = [features.mean((2, 3)), features.amax((2, 3)), told, whole]
        states = self.sure(torch.cat(pooled, 1)).unflatten(0, (batch, count))
        return Answers(self.answer(states), laid.unflatten(-1, (rows, cols)), states)

    def forward(self, pixels: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """P(yes), (batch, questions) in [0, 1], for the questions about each picture."""
        answers: Tensor = self.ask(self.look(pixels), ids, mask).logits.float().softmax(-1)[..., 1]
        return answers
