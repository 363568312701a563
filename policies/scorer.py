"""The network of the learned policy: shared weights score every (command or ALL, expert) pair.

Commands and experts are two sets of tokens that exchange messages by attention, biased by the
features of each pair; a head scores each pair, another scores Revert, Stop and the state. No
weight belongs to a place, so the scores follow any reordering of commands and of experts
(permutation equivariance: Zaheer et al., Deep Sets, NeurIPS 2017; attention over sets: Lee et al.,
Set Transformer, ICML 2019), and any number of either is served by the same weights.

Only legal pairs are scored: the time grows with what can be chosen, not with the padding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from envs.layout import COMMAND_FEATURES, CONTEXT_FEATURES, EXPERT_FEATURES, PAIR_FEATURES
from policies.shape import ScorerShape

IMPOSSIBLE = -1e8
"""The logit of what is not legal or not there."""

LEGAL = PAIR_FEATURES.index("legal")

SIZES = ("commands", "experts")
"""Features of the context that depend on the room of an observation; counts take their place."""

MOST_TOKENS = 512
"""Commands or experts from which the feature of their count exceeds 1."""

_KEPT = [n for n, name in enumerate(CONTEXT_FEATURES) if name not in SIZES]


class Scores(NamedTuple):
    """What a scorer gives.

    Attributes:
        logits: Float, (batch, actions), in the order of :class:`envs.layout.Layout`;
            :data:`IMPOSSIBLE` for calls that are not legal.
        values: Float, (batch,): the return expected from here on.
    """

    logits: Tensor
    values: Tensor


class Scorer(nn.Module):
    """Scores actions and states.

    Args:
        shape: What it is built of. ``heads`` must divide ``width``.

    Raises:
        ValueError: It does not.
    """

    def __init__(self, shape: ScorerShape) -> None:
        super().__init__()
        if shape.width % shape.heads:
            raise ValueError(f"{shape.heads} heads do not divide a width of {shape.width}")
        self.shape = shape
        width, hidden = shape.width, shape.hidden
        situation = len(_KEPT) + len(SIZES) + 1 + shape.image_dim
        self.context = nn.Sequential(
            nn.Linear(situation, hidden), nn.ReLU(), nn.Linear(hidden, width)
        )
        self.command = nn.Linear(len(COMMAND_FEATURES) + shape.text_dim, width)
        self.whole_plan = nn.Parameter(torch.zeros(width))
        self.expert = nn.Linear(len(EXPERT_FEATURES), width)
        self.exchanges = nn.ModuleList(Exchange(width, shape.heads) for _ in range(shape.rounds))
        self.of_command = nn.Linear(width, hidden)
        self.of_expert = nn.Linear(width, hidden, bias=False)
        self.of_pair = nn.Linear(len(PAIR_FEATURES), hidden, bias=False)
        self.pair = nn.Sequential(
            nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1)
        )
        self.others = _head(5 * width, hidden, 2)
        self.value = _head(5 * width, hidden, 1)
        for layer in (self.pair[-1], self.others[-1]):  # at first, all that is legal is alike
            nn.init.normal_(layer.weight, std=0.01)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        with torch.no_grad():  # what was never seen in training must change nothing later
            self.command.weight[:, COMMAND_FEATURES.index("text_known") :] = 0.0
            first = self.context[0]
            assert isinstance(first, nn.Linear)
            first.weight[:, len(_KEPT) + len(SIZES) :] = 0.0

    @property
    def parameters_count(self) -> int:
        """How many weights there are."""
        return sum(p.numel() for p in self.parameters())

    def forward(self, parts: Mapping[str, Tensor]) -> Scores:
        """Scores a batch of observations.

        Args:
            parts: Float tensors by name, of the layout's shapes with a batch in front. With C
                places for commands and E for experts: ``commands`` (batch, C, .),
                ``command_mask`` (batch, C), ``experts`` (batch, E, .), ``expert_mask`` (batch, E),
                ``pairs`` (batch, (C + 1) * E, .), ``context`` (batch, .), ``image`` (batch, .).
        """
        room = (parts["commands"].shape[1] + 1, parts["experts"].shape[1])
        commands, is_command = _within(parts["commands"], parts["command_mask"])
        experts, is_expert = _within(parts["experts"], parts["expert_mask"])
        rows, columns = commands.shape[1], experts.shape[1]
        pairs = parts["pairs"].view(len(commands), *room, -1)[:, :, :columns]
        pairs = torch.cat((pairs[:, :rows], pairs[:, -1:]), 1)
        context = self._context(parts, is_command, is_expert)
        whole = self.whole_plan.expand(len(commands), 1, -1)
        tokens = torch.cat((self.command(commands), whole), 1) + context[:, None]
        others = self.expert(experts) + context[:, None]
        is_row = torch.cat((is_command, torch.ones_like(is_command[:, :1])), 1)
        for exchange in self.exchanges:
            tokens, others = exchange(tokens, others, pairs, is_row, is_expert)
        summary = torch.cat(
            (
                context,
                _mean(tokens[:, :-1], is_command),
                _largest(tokens[:, :-1], is_command),
                tokens[:, -1],
                _mean(others, is_expert),
            ),
            1,
        )
        calls = self._calls(tokens, others, pairs, room)
        logits = torch.cat((calls, self.others(summary)), 1)
        return Scores(logits, self.value(summary).squeeze(1))

    def _context(
        self, parts: Mapping[str, Tensor], is_command: Tensor, is_expert: Tensor
    ) -> Tensor:
        """The situation as one token: float, (batch, width)."""
        counts = torch.stack((is_command.sum(1), is_expert.sum(1)), 1).to(parts["context"])
        counts = torch.log1p(counts) / torch.log1p(counts.new_tensor(float(MOST_TOKENS)))
        situation = torch.cat((parts["context"][:, _KEPT], counts, parts["image"]), 1)
        encoded: Tensor = self.context(situation)
        return encoded

    def _calls(
        self, tokens: Tensor, others: Tensor, pairs: Tensor, room: tuple[int, int]
    ) -> Tensor:
        """The logits of calls: float, (batch, room[0] * room[1])."""
        batch, rows = tokens.shape[:2]
        columns = others.shape[1]
        which, row, column = (pairs[..., LEGAL] > 0.5).nonzero(as_tuple=True)
        joined = (
            self.of_command(tokens).flatten(0, 1)[which * rows + row]
            + self.of_expert(others).flatten(0, 1)[which * columns + column]
            + self.of_pair(pairs[which, row, column])
        )
        scores = self.pair(joined).squeeze(1)
        place = torch.where(row == rows - 1, room[0] - 1, row)  # ALL comes last, after the padding
        index = (which * room[0] + place) * room[1] + column
        logits = scores.new_full((batch * room[0] * room[1],), IMPOSSIBLE)
        placed: Tensor = logits.index_put((index,), scores).view(batch, -1)
        return placed


class Exchange(nn.Module):
    """One round of messages: commands attend to experts and experts to commands.

    Args:
        width: Size of a token.
        heads: Attention heads.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.to_commands = PairAttention(width, heads)
        self.to_experts = PairAttention(width, heads)
        self.command_step = Step(width)
        self.expert_step = Step(width)

    def forward(
        self,
        commands: Tensor,
        experts: Tensor,
        pairs: Tensor,
        is_command: Tensor,
        is_expert: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """The tokens after the round, of the same shapes.

        Args:
            commands: Float, (batch, rows, width), ALL last.
            experts: Float, (batch, columns, width).
            pairs: Float, (batch, rows, columns, pair features).
            is_command: Bool, (batch, rows): false for padding.
            is_expert: Bool, (batch, columns): false for padding.
        """
        told = self.to_commands(commands, experts, pairs, is_expert)
        asked = self.to_experts(experts, commands, pairs.transpose(1, 2), is_command)
        return self.command_step(commands, told), self.expert_step(experts, asked)


class PairAttention(nn.Module):
    """Attention from one set to another, biased by the features of each pair.

    Written out: the fused kernel's backward pass is slower on a CPU at this size.

    Args:
        width: Size of a token.
        heads: Attention heads.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.bias = nn.Linear(len(PAIR_FEATURES), heads, bias=False)
        self.out = nn.Linear(width + heads * len(PAIR_FEATURES), width)

    def forward(self, asking: Tensor, asked: Tensor, pairs: Tensor, there: Tensor) -> Tensor:
        """Messages to those asking: float, (batch, asking, width).

        Args:
            asking: Float, (batch, asking, width).
            asked: Float, (batch, asked, width).
            pairs: Float, (batch, asking, asked, pair features).
            there: Bool, (batch, asked): false for padding.
        """
        batch, many, width = asking.shape
        size = width // self.heads
        query = self.query(asking).view(batch, many, self.heads, size).transpose(1, 2)
        keys = self.key_value(asked).view(batch, -1, 2, self.heads, size).permute(2, 0, 3, 1, 4)
        score = query @ keys[0].transpose(2, 3) / size**0.5 + self.bias(pairs).permute(0, 3, 1, 2)
        share = score.masked_fill(~there[:, None, None], IMPOSSIBLE).softmax(3)
        told = (share @ keys[1]).transpose(1, 2).reshape(batch, many, width)
        seen = share.transpose(1, 2) @ pairs  # (batch, asking, heads, pair features)
        out: Tensor = self.out(torch.cat((told, seen.flatten(2)), 2))
        return out


class Step(nn.Module):
    """A token after a message: both residual, normalised (LayerNorm).

    Args:
        width: Size of a token.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inner = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU())
        self.outer = nn.Linear(2 * width, width)

    def forward(self, tokens: Tensor, told: Tensor) -> Tensor:
        """The tokens, of the same shape."""
        tokens = self.first(tokens + told)
        out: Tensor = self.second(tokens + self.outer(self.inner(tokens)))
        return out


def _head(wide: int, hidden: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(wide, hidden), nn.ReLU(), nn.Linear(hidden, out))


def _within(rows: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and their mask (as bool) without the padding that the whole batch shares."""
    there = mask > 0.5
    used = there.any(0).nonzero()
    length = int(used[-1]) + 1 if len(used) else 1
    return rows[:, :length], there[:, :length]


def _mean(tokens: Tensor, there: Tensor) -> Tensor:
    """The mean over those that are there; 0 where none is."""
    weight = there.to(tokens)[..., None]
    return (tokens * weight).sum(1) / weight.sum(1).clamp(min=1.0)


def _largest(tokens: Tensor, there: Tensor) -> Tensor:
    """The maximum over those that are there; 0 where none is."""
    largest = tokens.masked_fill(~there[..., None], -torch.inf).amax(1)
    return torch.where(there.any(1, keepdim=True), largest, torch.zeros_like(largest))
