"""The planner: a small diffusion model that decides which objects go where.

It denoises slots (`experts.pocket.slots`): places, sizes and directions start as noise, and what
each slot shows is told alongside. It reads the text, and for an edit the picture.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertConfig, BertModel

from experts.pocket import slots, world
from experts.pocket.labels import LABELS
from experts.pocket.sight_net import SETTINGS

_PLACE_MEAN = (32.0, 32.0, 23.0, 0.5)
_PLACE_SCALE = (16.0, 16.0, 7.0, 0.5)
PLACES = 4
"""Numbers of a slot that are diffused: x, y, size, mirrored."""

CLASSES = (3, len(slots.NOUNS), len(slots.COLOURS))
"""Kinds of row, kinds of object, colours."""

LEAST_LEVEL = 0.02


def setting_texts(logits: Tensor) -> list[str]:
    """Backgrounds and styles as a caption names them: "on a beach background in comic style"."""
    grounds, styles = (part.argmax(-1).tolist() for part in torch.split(logits, list(SETTINGS), -1))
    return [
        f"on a {world.BACKGROUNDS[ground]} background"
        + (f" in {world.STYLES[style - 1]} style" if style else "")
        for ground, style in zip(grounds, styles, strict=True)
    ]


def to_places(rows: Tensor) -> Tensor:
    """The places of rows (..., 7), scaled to about unit variance: (..., 4)."""
    mean, scale = rows.new_tensor(_PLACE_MEAN), rows.new_tensor(_PLACE_SCALE)
    return (rows[..., 3:] - mean) / scale


def to_rows(kind: Tensor, noun: Tensor, colour: Tensor, places: Tensor) -> Tensor:
    """Classes (batch, slots) and scaled places (batch, slots, 4) as rows (batch, slots, 7)."""
    mean, scale = places.new_tensor(_PLACE_MEAN), places.new_tensor(_PLACE_SCALE)
    told = places * scale + mean
    told = torch.cat(
        [told[..., :2].clamp(2, 62), told[..., 2:3].clamp(9, 50), (told[..., 3:] > 0.5).float()], -1
    )
    classes = torch.stack([kind, noun, colour], -1).to(places.dtype)
    return torch.cat([classes, told], -1)


def named_in(tokenizer: Any, texts: Sequence[str]) -> tuple[Tensor, list[list[str]]]:
    """Finds the kinds of object that texts name.

    Args:
        tokenizer: The pocket tokenizer.
        texts: Captions or instructions.

    Returns:
        The token (after [CLS]) that names each kind first (batch, kinds), -1 for none; and the
        kinds of each text.
    """
    spots = torch.full((len(texts), world.MAX_GROUPS), -1)
    kinds: list[list[str]] = []
    for row, text in enumerate(texts):
        found: dict[str, int] = {}
        for index, token in enumerate(tokenizer.tokenize(text)[: tokenizer.model_max_length - 3]):
            if token in NOUN_OF:
                found.setdefault(NOUN_OF[token], index + 1)
        kinds.append(list(found)[: world.MAX_GROUPS])
        for group, spot in enumerate(list(found.values())[: world.MAX_GROUPS]):
            spots[row, group] = spot
    return spots, kinds


def noun_indices(kinds: Sequence[Sequence[str]]) -> Tensor:
    """The kinds of `named_in` as indices (batch, kinds), -1 for none."""
    out = torch.full((len(kinds), world.MAX_GROUPS), -1)
    for row, named in enumerate(kinds):
        for group, noun in enumerate(named):
            out[row, group] = slots.NOUNS.index(noun)
    return out


NOUN_OF = {
    token: noun.name for noun in world.NOUNS.values() for token in (noun.token, noun.plural_token)
}
"""The kind of object that a token names."""


class _Eye(nn.Module):
    """Looks at a picture: features of 4-pixel cells, and tokens of 8-pixel cells."""

    def __init__(self, width: int) -> None:
        super().__init__()

        def block(inner: int, outer: int, stride: int) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(inner, outer, 3, stride, 1, bias=False), nn.GroupNorm(8, outer), nn.SiLU()
            )

        self.fine = nn.Sequential(
            nn.PixelUnshuffle(2), block(12, 32, 1), block(32, 64, 2), block(64, 96, 1)
        )
        self.deep = nn.Sequential(block(96, 96, 1), block(96, 96, 1))
        self.coarse = nn.Sequential(block(96, width, 2), block(width, width, 1))
        self.setting = nn.Linear(96, sum(SETTINGS))
        self.sight = nn.Conv2d(96, LABELS, 1)
        assert self.sight.bias is not None
        nn.init.constant_(self.sight.bias, -4.0)
        self.found = nn.Linear(4 * world.MAX_GROUPS, width)
        nn.init.zeros_(self.found.weight)
        nn.init.zeros_(self.found.bias)

    def forward(self, picture: Tensor, nouns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        cells = self.fine(picture)
        cells = cells + self.deep(cells)
        tokens = self.coarse(cells).flatten(2).transpose(1, 2)
        shown = self.sight(cells)
        # Where in each token's cells the kinds are that the text names.
        index = nouns.clamp(min=0)[..., None, None].expand(-1, -1, *shown.shape[2:])
        maps = torch.gather(shown.sigmoid(), 1, index) * (nouns >= 0)[..., None, None]
        maps = functional.pixel_unshuffle(maps, 2).flatten(2).transpose(1, 2)
        return shown, tokens + self.found(maps), self.setting(cells.mean((2, 3)))


class SlotPlanner(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Predicts clean slots from noisy ones.

    Args:
        looks: Whether it also looks at a picture, to edit it.
        text_width: Width of the text states it reads.
        width: Of its own states.
        layers: Of its transformer.
        heads: Of its attention.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        looks: bool = False,
        text_width: int = 128,
        width: int = 128,
        layers: int = 4,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.read = nn.Linear(text_width, width)
        self.place = nn.Linear(PLACES, width)
        self.level = nn.Sequential(nn.Linear(16, width), nn.SiLU(), nn.Linear(width, width))
        self.eye = _Eye(width) if looks else None
        self.body = BertModel(
            BertConfig(
                vocab_size=1, hidden_size=width, num_hidden_layers=layers,
                num_attention_heads=heads, intermediate_size=4 * width, type_vocab_size=4,
                max_position_embeddings=160, hidden_dropout_prob=0.0,
                attention_probs_dropout_prob=0.0,
            ),
            add_pooling_layer=False,
        )  # fmt: skip
        self.places = nn.Linear(width, PLACES)
        self.classes = nn.Linear(width, sum(CLASSES))

    def look(self, picture: Tensor, nouns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Looks at pictures.

        Args:
            picture: (batch, 3, 64, 64) in [-1, 1].
            nouns: Kinds of object that the text names (batch, kinds), -1 for none.

        Returns:
            Logits (batch, labels, 16, 16) of what each cell shows (`experts.pocket.labels`);
            tokens (batch, 64, width) for `forward`; and logits of background and style (batch,
            sum of `SETTINGS`).
        """
        assert self.eye is not None, "this planner has not learned to look"
        shown, tokens, setting = self.eye(picture, nouns)
        return shown, tokens, setting

    def forward(
        self,
        noisy: Tensor,
        level: Tensor,
        states: Tensor,
        mask: Tensor,
        named: Tensor,
        seen: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Predicts clean slots.

        Args:
            noisy: Places (batch, slots, 4): `(1 - level) * clean + level * noise`.
            level: (batch,) noise level in [0, 1].
            states: Text states (batch, length, text width).
            mask: Text mask (batch, length).
            named: Where the text names each kind of object (batch, kinds), as `named_in` finds it.
            seen: Picture tokens of `look`, for an edit.

        Returns:
            Clean places, shaped as `noisy`, and logits of the three classes of each slot.
        """
        batch, rows = noisy.shape[:2]
        rates = 2.0 ** torch.arange(8, device=noisy.device, dtype=noisy.dtype)
        angle = level[:, None].to(noisy.dtype) * rates
        told = self.level(torch.cat([angle.sin(), angle.cos()], -1))[:, None]
        words = self.read(states)
        # Each row is grounded in the word that names its kind (as in GLIGEN, Li et al. 2023).
        ground = torch.gather(
            words, 1, named.clamp(min=0)[..., None].expand(-1, -1, words.shape[-1])
        ) * (named >= 0)[..., None].to(words.dtype)
        parts = [self.place(noisy) + told + ground.repeat_interleave(slots.EACH, 1), words]
        if seen is not None:
            parts.append(seen)
        tokens = torch.cat(parts, 1)
        lengths = [part.shape[1] for part in parts]
        kinds = torch.cat([torch.full((n,), i) for i, n in enumerate(lengths)]).to(noisy.device)
        # Picture tokens keep their positions however long the text is.
        spots = torch.cat([torch.arange(n) + (0, 16, 96)[i] for i, n in enumerate(lengths)])
        seen_mask = mask.new_ones(batch, sum(lengths) - lengths[1])
        attended = torch.cat([seen_mask[:, :rows], mask, seen_mask[:, rows:]], 1)
        out = self.body(
            inputs_embeds=tokens,
            attention_mask=attended,
            token_type_ids=kinds.expand(batch, -1),
            position_ids=spots.to(noisy.device).expand(batch, -1),
        ).last_hidden_state[:, :rows]
        return self.places(out), torch.split(self.classes(out), list(CLASSES), -1)

    @torch.no_grad()
    def plan(
        self,
        states: Tensor,
        mask: Tensor,
        named: Tensor,
        noise: Tensor,
        steps: int,
        seen: Tensor | None = None,
    ) -> Tensor:
        """Samples slots by Euler steps from noise.

        Args:
            states: Text states.
            mask: Text mask.
            named: Where the text names each kind of object.
            noise: (batch, slots, 4).
            steps: Evaluations.
            seen: Picture tokens, for an edit.

        Returns:
            Rows (batch, slots, 7).
        """
        places = noise
        levels = torch.linspace(1, 0, steps + 1).tolist()
        logits: tuple[Tensor, ...] = ()
        for level, following in itertools.pairwise(levels):
            told = torch.full((len(noise),), level, dtype=noise.dtype, device=noise.device)
            clean, logits = self(places, told, states, mask, named, seen)
            velocity = (places - clean) / max(level, LEAST_LEVEL)
            places = places + (following - level) * velocity
        kind, noun, colour = (part.argmax(-1) for part in logits)
        return to_rows(kind, noun, colour, places)


def planning_loss(
    planner: SlotPlanner,
    rows: Tensor,
    level: Tensor,
    noise: Tensor,
    states: Tensor,
    mask: Tensor,
    named: Tensor,
    seen: Tensor | None = None,
) -> tuple[Tensor, dict[str, float]]:
    """Squared error of places (weighted as a velocity's) and cross-entropy of classes.

    Args:
        planner: The model.
        rows: Clean rows (batch, slots, 7); absent ones last.
        level: (batch,) noise level.
        noise: (batch, slots, 4).
        states: Text states.
        mask: Text mask.
        named: Where the text names each kind of object.
        seen: Picture tokens, for an edit.
    """
    kind, noun, colour = (rows[..., i].long() for i in range(3))
    there, painted = (kind > 0), (kind == slots.PAINTED)
    clean = to_places(rows) * there[..., None]
    mixed = (1 - level[:, None, None]) * clean + level[:, None, None] * noise
    guess, logits = planner(mixed, level, states, mask, named, seen)
    error = (guess.float() - clean).square() / level[:, None, None].clamp(min=0.3).square()
    # A mirror image matters less than a place; an absent slot only has to stay out of the way.
    weight = torch.where(there, 1.0, 0.1)[..., None] * rows.new_tensor([1.0, 1.0, 1.0, 0.3])
    place_loss = (error * weight).mean()
    kinds = functional.cross_entropy(logits[0].float().flatten(0, 1), kind.flatten())
    losses: list[Tensor] = [kinds]
    figures: dict[str, Any] = {"kinds": (logits[0].argmax(-1) == kind).float().mean()}
    for name, part, truth in (("nouns", logits[1], noun), ("colours", logits[2], colour)):
        if painted.any():
            losses.append(functional.cross_entropy(part[painted].float(), truth[painted]))
            figures[name] = (part[painted].argmax(-1) == truth[painted]).float().mean()
    figures["places"] = place_loss.detach()
    total = 2 * place_loss + torch.stack(losses).sum()
    return total, {name: float(value) for name, value in figures.items()}
