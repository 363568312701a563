"""Training of the critic: a small ViLT that answers yes/no questions about scenes.

Two things make it learn in an hour on one core. Several questions share one picture: the picture's
tokens attend to one of them, as they do when the model is used, and every question attends to the
picture and to itself. And the picture's tokens learn what they show (kind, colour, centres)
through a dense head that is dropped at export.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import ViltConfig, ViltForQuestionAnswering

from experts.pocket import world
from experts.pocket.degrade import degrade, letter, ruin
from experts.pocket.drawing import render
from experts.pocket.labels import LABELS, patch_labels
from experts.pocket.language import article
from experts.pocket.questions import Question, ask
from experts.pocket.sampling import sample_scene
from experts.pocket.scenes import Scene
from experts.pocket.scope import critic_scope
from experts.pocket.sprites import SpriteSheet
from experts.pocket.tokens import build_tokenizer
from experts.pocket.training.painted import PaintedScenes
from experts.pocket.training.tensors import to_tensor

Bytes = NDArray[np.uint8]

MAX_TOKENS = 24
PATCH = 8
QUESTIONS = 6
DENSE_LAYER = 4
RUINED = 0.12
"""Share of pictures in which one kind of object is spoiled, and the right answer is no."""
PAINTED = 0.4
"""Share of pictures that the renderer painted."""
LETTERED = 0.08
"""Share of pictures with letters on them."""
COUNTS = 5
"""0 to 4 objects."""
FACTS = COUNTS + len(world.COLOURS) + 2
"""Logits of the subject's count and colour, and its offset from the other object."""


def critic_config(vocabulary: int, **sizes: int) -> ViltConfig:
    """The configuration of the critic; `sizes` override its width, depth and picture size."""
    values: dict[str, Any] = {
        "hidden_size": 192, "num_hidden_layers": 6, "num_attention_heads": 6,
        "intermediate_size": 768, "image_size": world.NATIVE_SIZE, "patch_size": PATCH, **sizes,
    }  # fmt: skip
    return ViltConfig(
        vocab_size=vocabulary,
        max_position_embeddings=MAX_TOKENS,
        id2label={0: "no", 1: "yes"},
        label2id={"no": 0, "yes": 1},
        pad_token_id=0,
        **values,
    )


def facts_of(scene: Scene, question: Question) -> tuple[int, int, float, float]:
    """Count and colour of what a question is about, and the offset of its two objects.

    Returns:
        Count 0 to 4 and index of the colour, -100 where there is none to learn; the subject's
        mean centre less the other's, in units of 32 pixels, NaN where there is none.
    """
    if not question.subject:
        return -100, -100, float("nan"), float("nan")
    own = scene.of(question.subject)
    colour = own[0].seen_colour if own else None
    apart = (float("nan"), float("nan"))
    others = scene.of(question.other) if question.other else ()
    if own and others:
        apart = (
            float(np.mean([t.x for t in own]) - np.mean([t.x for t in others])) / 32,
            float(np.mean([t.y for t in own]) - np.mean([t.y for t in others])) / 32,
        )
    return (min(len(own), COUNTS - 1), world.COLOURS.index(colour) if colour else -100, *apart)


def plane_waves(side: int, width: int) -> Tensor:
    """Position embeddings to start from: (side * side, width), ramps and waves in x and y."""
    line = torch.linspace(-1, 1, side)
    y, x = torch.meshgrid(line, line, indexing="ij")
    columns = [x, y]
    for index in range((width - 2 + 3) // 4):
        rate = math.pi * (0.5 + 0.25 * index) if index < 12 else 0.0
        columns += [torch.sin(rate * x), torch.cos(rate * x), torch.sin(rate * y),
                    torch.cos(rate * y)]  # fmt: skip
    waves = torch.stack(columns[:width], -1).reshape(side * side, width)
    return 0.2 * waves


class CriticModel(nn.Module):
    """The ViLT and the heads that only training uses."""

    def __init__(self, config: ViltConfig) -> None:
        """Builds all of it with random weights."""
        super().__init__()
        self.critic = ViltForQuestionAnswering(config)
        positions = self.critic.vilt.embeddings.position_embeddings
        with torch.no_grad():
            positions.zero_()
            positions[0, 1:] = plane_waves(math.isqrt(positions.shape[1] - 1), config.hidden_size)
        nn.init.normal_(self.critic.vilt.embeddings.cls_token, std=0.02)
        self.dense = nn.Linear(config.hidden_size, LABELS)
        self.ground = nn.Linear(config.hidden_size, len(world.BACKGROUNDS))
        # What a question's answer rests on: how many, which colour, how far apart.
        self.facts = nn.Linear(config.hidden_size, FACTS)
        # Where what a word names is; relations are hardly learned without it.
        self.places = nn.Linear(config.hidden_size, 2)
        nn.init.constant_(self.dense.bias, -4.0)

    def forward(self, pixels: Tensor, ids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """Answers several questions about each picture.

        Args:
            pixels: (batch, 3, size, size) in [-1, 1].
            ids: (batch, questions, length) tokens.
            mask: As `ids`, 1 where a token is.

        Returns:
            Logits (batch, questions, 2), patch logits (batch, patches, labels), background
            logits (batch, backgrounds), facts (batch, questions, `FACTS`) and places (batch,
            questions, length, 2).
        """
        vilt = self.critic.vilt
        batch, count, length = ids.shape
        parts = vilt.embeddings
        words = parts.text_embeddings(input_ids=ids.flatten(0, 1)).reshape(
            batch, count * length, -1
        )
        words = words + parts.token_type_embeddings.weight[0]
        patches = parts.patch_embeddings(pixels).flatten(2).transpose(1, 2)
        patches = torch.cat([parts.cls_token.expand(batch, -1, -1), patches], 1)
        patches = patches + parts.position_embeddings + parts.token_type_embeddings.weight[1]
        states = torch.cat([words, patches], 1)
        bias = self._attention(mask, patches.shape[1]).to(states.dtype)
        dense = ground = places = states
        for index, layer in enumerate(vilt.encoder.layer):
            states = layer(states, bias)
            states = states[0] if isinstance(states, tuple) else states
            if index + 1 == min(DENSE_LAYER, len(vilt.encoder.layer)):
                dense = self.dense(states[:, count * length + 1 :])
                ground = self.ground(states[:, count * length])
                places = self.places(states[:, : count * length])
        states = vilt.layernorm(states)
        first = states[:, : count * length].reshape(batch, count, length, -1)[:, :, 0]
        pooled = torch.tanh(vilt.pooler.dense(first))
        places = places.reshape(batch, count, length, 2)
        return self.critic.classifier(pooled), dense, ground, self.facts(pooled), places

    @staticmethod
    def _attention(mask: Tensor, patches: int) -> Tensor:
        """Additive attention mask (batch, 1, tokens, tokens)."""
        batch, count, length = mask.shape
        block = torch.arange(count, device=mask.device).repeat_interleave(length)
        total = count * length + patches
        allowed = torch.zeros(batch, total, total, dtype=torch.bool, device=mask.device)
        words = count * length
        allowed[:, :words, :words] = block[:, None] == block[None, :]
        allowed[:, :words, words:] = True
        allowed[:, words:, words:] = True
        allowed[:, words:, :length] = True
        allowed[:, :, :words] &= mask.flatten(1).bool()[:, None, :]
        return torch.where(allowed, 0.0, -1e4)[:, None]


class CriticTask:
    """The loss and the export of the critic; see `experts.pocket.training.loop.Task`."""

    name = "critic"

    def __init__(
        self, sheet: SpriteSheet, seed: int, batch: int, device: torch.device, **sizes: int
    ) -> None:
        """Builds the model and its data; `sizes` override those of `critic_config`."""
        self.sheet, self.seed, self.batch, self.device = sheet, seed, batch, device
        self.tokenizer = build_tokenizer(MAX_TOKENS)
        self._named = {
            self.tokenizer.convert_tokens_to_ids(word): noun.name
            for noun in world.NOUNS.values()
            for word in (noun.token, noun.plural_token)
        }
        torch.manual_seed(seed)
        self.critic = CriticModel(critic_config(len(self.tokenizer), **sizes)).to(device)
        self.model: nn.Module = self.critic
        self.painted: PaintedScenes | None = None

    def _pictured(
        self, rng: np.random.Generator, ghost: Bytes | None
    ) -> tuple[Bytes, Scene, tuple[str, ...], str]:
        """A picture, what it shows, kinds not to be asked about, and a kind that is spoiled."""
        if self.painted is not None and rng.random() < PAINTED:
            scene, image = self.painted.sample(rng)
            # Of a style it is not certain that the renderer got it right.
            unsure = () if scene.style is None else ("style",)
            return degrade(image, rng) if rng.random() < 0.4 else image, scene, unsure, ""
        scene, _ = sample_scene(self.sheet, rng)
        if rng.random() < RUINED:
            image, judged, doubtful = ruin(self.sheet, scene, rng)
            ruined = next(n for n in scene.nouns() if n not in judged.nouns())
            return degrade(image, rng, ghost), judged, doubtful, ruined
        return degrade(render(self.sheet, scene), rng, ghost), scene, (), ""

    def start_from(self, state: dict[str, Any]) -> None:
        """Takes over the averaged weights of a checkpoint of the same sizes."""
        self.critic.load_state_dict(state["averaged"])

    def batch_of(self, rng: np.random.Generator, size: int, count: int) -> dict[str, Any]:
        """Pictures with questions: pixels, ids, mask, answers, facts, places and so on."""
        images, texts, answers, patches, grounds, facts = [], [], [], [], [], []
        scenes = []
        ghost = None
        for _ in range(size):
            image, scene, doubtful, ruined = self._pictured(rng, ghost)
            images.append(letter(image, rng) if rng.random() < LETTERED else image)
            ghost = image
            for index in range(count):
                question = ask(scene, rng)
                while question.subject in doubtful or question.kind in doubtful:
                    question = ask(scene, rng)
                if ruined and index < 2:
                    question = Question(f"Is there {article(ruined)}?", False, "existence", ruined)
                texts.append(question.text)
                answers.append(int(question.answer))
                facts.append(facts_of(scene, question))
            scenes.append(scene)
            patches.append(patch_labels(self.sheet, scene, PATCH).reshape(-1, LABELS))
            grounds.append(world.BACKGROUNDS.index(scene.background))
        tokens = self.tokenizer(
            texts, padding="longest", truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        )
        ids = tokens["input_ids"].reshape(size, count, -1)
        places = torch.full((*ids.shape, 2), float("nan"))
        for row, col, word in (ids > 3).nonzero().tolist():
            things = scenes[row].of(self._named.get(int(ids[row, col, word]), ""))
            if things:
                x, y = np.mean([t.x for t in things]), np.mean([t.y for t in things])
                places[row, col, word] = torch.tensor([float(x) / 32 - 1, float(y) / 32 - 1])
        return {
            "places": places.to(self.device),
            "pixels": to_tensor(images, self.device),
            "ids": tokens["input_ids"].to(self.device).reshape(size, count, -1),
            "mask": tokens["attention_mask"].to(self.device).reshape(size, count, -1),
            "answers": torch.tensor(answers, device=self.device).reshape(size, count),
            "patches": torch.from_numpy(np.stack(patches)).to(self.device),
            "grounds": torch.tensor(grounds, device=self.device),
            "facts": torch.tensor(facts, device=self.device).reshape(size, count, 4),
        }

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of the answers, and of what each patch and the background show."""
        batch = self.batch_of(np.random.default_rng([self.seed, 1, step]), self.batch, QUESTIONS)
        with torch.autocast(self.device.type, torch.bfloat16):
            out = self.critic(batch["pixels"], batch["ids"], batch["mask"])
        logits, dense, ground, facts, places = (part.float() for part in out)
        answers = batch["answers"]
        answer_loss = functional.cross_entropy(logits.flatten(0, 1), answers.flatten())
        patch_loss = (
            functional.binary_cross_entropy_with_logits(dense, batch["patches"], reduction="none")
            .sum(-1)
            .mean()
        )
        ground_loss = functional.cross_entropy(ground, batch["grounds"])
        fact_loss = self._fact_loss(facts.flatten(0, 1), batch["facts"].flatten(0, 1))
        known = ~batch["places"].isnan()
        place_loss = (places[known] - batch["places"][known]).square().mean()
        right = (logits.argmax(-1) == answers).float()
        figures = {
            "answers": float(answer_loss.detach()),
            "patches": float(patch_loss.detach()),
            "backgrounds": float(ground_loss.detach()),
            "facts": float(fact_loss.detach()),
            "places": float(place_loss.detach()),
            "accuracy": float(right.mean()),
            "accuracy_alone": float(right[:, 0].mean()),
        }
        loss = answer_loss + 0.5 * patch_loss + 0.1 * ground_loss + 0.5 * fact_loss
        return loss + 2 * place_loss, figures

    @staticmethod
    def _fact_loss(facts: Tensor, truth: Tensor) -> Tensor:
        """Cross-entropy of counts and colours, and squared error of offsets."""
        counts, colours = truth[:, 0].long(), truth[:, 1].long()
        loss = functional.cross_entropy(facts[:, :COUNTS], counts, ignore_index=-100)
        if (colours >= 0).any():
            guess = facts[:, COUNTS:-2]
            loss = loss + functional.cross_entropy(guess, colours, ignore_index=-100)
        apart = ~truth[:, 2].isnan()
        if apart.any():
            loss = loss + 4 * (facts[apart, -2:] - truth[apart, 2:]).square().mean()
        return loss

    def _temperature(self, model: ViltForQuestionAnswering) -> float:
        """The softmax temperature that fits fresh scenes best."""
        batch = self.batch_of(np.random.default_rng([self.seed, 2]), 1024, 1)
        probe = CriticModel.__new__(CriticModel)
        nn.Module.__init__(probe)
        probe.critic, probe.dense = model, self.critic.dense
        probe.ground, probe.facts = self.critic.ground, self.critic.facts
        probe.places = self.critic.places
        with torch.no_grad():
            logits = probe(batch["pixels"], batch["ids"], batch["mask"])[0].flatten(0, 1).float()
        grid = torch.logspace(-0.7, 0.7, 57)
        losses = [
            float(functional.cross_entropy(logits / t, batch["answers"].flatten())) for t in grid
        ]
        return float(grid[int(np.argmin(losses))])

    def export(self, averaged: dict[str, Tensor], folder: Path, record: dict[str, Any]) -> None:
        """Saves the averaged weights in float16 with a `ViltProcessor`.

        The temperature is divided into the last layer, so the softmax of the logits is already
        calibrated.
        """
        from transformers import ViltProcessor
        from transformers.models.vilt.image_processing_pil_vilt import ViltImageProcessorPil

        model = ViltForQuestionAnswering(self.critic.critic.config)
        own = {
            key.removeprefix("critic."): value
            for key, value in averaged.items()
            if key.startswith("critic.")
        }
        model.load_state_dict(own)
        model.to(self.device).eval()
        temperature = self._temperature(model)
        last = model.classifier[-1]
        with torch.no_grad():
            last.weight /= temperature
            last.bias /= temperature
        model.cpu().half().save_pretrained(folder, safe_serialization=True)
        images = ViltImageProcessorPil(
            size={"shortest_edge": world.NATIVE_SIZE}, size_divisor=PATCH,
            image_mean=[0.5] * 3, image_std=[0.5] * 3,
        )  # fmt: skip
        ViltProcessor(image_processor=images, tokenizer=self.tokenizer).save_pretrained(folder)
        record = {**record, "temperature": round(temperature, 4),
                  "questions": record["images"] * QUESTIONS}  # fmt: skip
        (folder / "training.json").write_text(json.dumps(record, indent=2) + "\n")
        (folder / "scope.json").write_text(json.dumps(critic_scope(), indent=1) + "\n")
