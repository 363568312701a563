"""Training of the critic: a small network that answers yes/no questions about scenes.

What makes it learn on a processor: a picture is looked at once for many questions; what each cell
shows (kind, colour, centres) is learned besides, through a dense head that is dropped at export;
each noun and colour of a question learns which cells show it; and for a while it only looks.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from critic.answer_net import CELL, AnswerNet, Answers, Seen
from experts.pocket import world
from experts.pocket.degrade import letter, ruin, worn
from experts.pocket.drawing import in_style, mask_of, render
from experts.pocket.labels import LABELS, patch_labels
from experts.pocket.language import article
from experts.pocket.questions import Question, ask
from experts.pocket.sampling import sample_scene
from experts.pocket.scenes import Scene
from experts.pocket.scope import critic_scope
from experts.pocket.sight_net import SETTINGS
from experts.pocket.sprites import SpriteSheet
from experts.pocket.tokens import build_tokenizer
from experts.pocket.training.losses import UNKNOWN, known_cross_entropy
from experts.pocket.training.mingled import MINGLED, mingled
from experts.pocket.training.painted import PaintedScenes
from experts.pocket.training.precision import mixed
from experts.pocket.training.sight import setting_loss, setting_of
from experts.pocket.training.tensors import to_tensor

Bytes = NDArray[np.uint8]

MAX_TOKENS = 24
QUESTIONS = 8
LOOK_FIRST = 1000
"""Steps in which the critic only learns to look: several times as fast as answering."""
RUINED = 0.12
"""Share of pictures in which one kind of object is spoiled, and the right answer is no."""
PAINTED = 0.5
"""Share of pictures that the renderer painted."""
STYLED = 0.45
"""Of the painted pictures without a style, the share that is put into one."""
RESTYLED = 0.25
"""Share of rendered pictures that are put into a style, whatever theirs was, and not degraded."""
LETTERED = 0.08
"""Share of pictures with letters on them."""
HUED = 0.35
"""Share of pictures whose hues are turned, and of which nothing about colours is asked: a kind of
object is to be known in colours that it was never seen in."""
RATED = 12
"""Pictures of a batch whose quality is learned: to draw what they are compared with takes time."""
COUNTS = 5
"""0 to 4 objects."""
FACTS = COUNTS + len(world.COLOURS) + 2
"""Logits of the subject's count and colour, and its offset from the other object."""
_HUES = ("colour", "background")
"""Kinds of question that pictures with turned hues do not answer."""
_LIKENESS = "likeness"
"""Stands among what is not certain where a picture may not be what it was to be."""
_LABEL_OF = {noun: index for index, noun in enumerate(world.NOUNS)}


def critic_config(vocabulary: int, **sizes: int) -> dict[str, Any]:
    """What ``config.json`` of the critic holds; `sizes` override its widths and depth."""
    return {
        "model_type": "answer_net", "vocabulary": vocabulary, "max_tokens": MAX_TOKENS,
        "image_size": world.NATIVE_SIZE, "fine": 32, "middle": 80, "coarse": 128, "words": 128,
        "layers": 2, "reading": 112, "hidden": 192, "calibration_temperature": 1.0, **sizes,
    }  # fmt: skip


def facts_of(scene: Scene, question: Question) -> tuple[int, int, float, float]:
    """Count and colour of what a question is about, and the offset of its two objects.

    Returns:
        Count 0 to 4 and index of the colour, `UNKNOWN` where there is none to learn; the subject's
        mean centre less the other's, in units of 32 pixels, NaN where there is none.
    """
    if not question.subject:
        return UNKNOWN, UNKNOWN, float("nan"), float("nan")
    own = scene.of(question.subject)
    colour = own[0].seen_colour if own and not scene.mixed(question.subject) else None
    apart = (float("nan"), float("nan"))
    others = scene.of(question.other) if question.other else ()
    if own and others:
        apart = (
            float(np.mean([t.x for t in own]) - np.mean([t.x for t in others])) / 32,
            float(np.mean([t.y for t in own]) - np.mean([t.y for t in others])) / 32,
        )
    return (min(len(own), COUNTS - 1), world.COLOURS.index(colour) if colour else UNKNOWN, *apart)


def turned(image: Bytes, rng: np.random.Generator) -> Bytes:
    """A picture (side, side, 3) whose hues are all turned by one angle, drawn at random."""
    hue, saturation, value = Image.fromarray(image).convert("HSV").split()
    shift = int(rng.integers(16, 240))
    turned_hue = hue.point([(level + shift) % 256 for level in range(256)])
    return np.asarray(Image.merge("HSV", (turned_hue, saturation, value)).convert("RGB"))


def mirrored(scene: Scene) -> Scene:
    """What the mirror image of a picture of the scene shows."""
    side = float(world.NATIVE_SIZE)
    return replace(
        scene, things=tuple(replace(t, x=side - t.x, flip=not t.flip) for t in scene.things)
    )


def colourless(scene: Scene) -> Scene:
    """The scene without the colours of its objects, so that no question names them."""
    return replace(scene, things=tuple(replace(t, colour=None) for t in scene.things))


def settings_of(made: list[tuple[Any, ...]]) -> list[tuple[int, int]]:
    """Indices of background and style of pictures; `UNKNOWN` for those that are in doubt."""
    settings = [(setting_of(scene), doubtful) for _, scene, doubtful, _ in made]
    return [
        (
            UNKNOWN if "background" in unsure else background,
            UNKNOWN if "style" in unsure else style,
        )
        for (background, style), unsure in settings
    ]


def likeness(sheet: SpriteSheet, image: Bytes, scene: Scene) -> float:
    """How like its drawing a picture looks where its objects are: the correlation, in [0, 1].

    Returns:
        1 for the drawing itself; NaN where the scene has no objects.
    """
    where = mask_of(sheet, scene) >= 0
    if where.sum() < 20:
        return float("nan")
    seen, drawn = (part[where].astype(np.float64) for part in (image, render(sheet, scene)))
    seen, drawn = seen - seen.mean(0), drawn - drawn.mean(0)
    both = float((seen * drawn).sum())
    alone = float(np.sqrt((seen**2).sum() * (drawn**2).sum()))
    return max(0.0, both / max(alone, 1e-9))


class CriticModel(nn.Module):
    """The critic and the heads that only training uses."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Builds all of it with random weights."""
        super().__init__()
        self.critic = AnswerNet(config)
        self.dense = nn.Conv2d(config["middle"], LABELS, 1)
        self.setting = nn.Linear(2 * (config["coarse"] + config["fine"]), sum(SETTINGS))
        # What a question's answer rests on: how many, which colour, how far apart.
        self.facts = nn.Linear(config["hidden"], FACTS)
        assert self.dense.bias is not None
        nn.init.constant_(self.dense.bias, -4.0)

    def look(self, pixels: Tensor) -> tuple[Seen, Tensor, Tensor]:
        """What is seen, logits (batch, labels, 16, 16) of each cell, and of the setting."""
        seen = self.critic.look(pixels)
        return seen, self.dense(seen.cells), self.setting(seen.whole)


class CriticTask:
    """The loss and the export of the critic; see `experts.pocket.training.loop.Task`."""

    name = "critic"

    def __init__(
        self,
        sheet: SpriteSheet,
        seed: int,
        batch: int,
        device: torch.device,
        look_first: int = LOOK_FIRST,
        **sizes: int,
    ) -> None:
        """Builds the model and its data; `sizes` override those of `critic_config`."""
        self.sheet, self.seed, self.batch, self.device = sheet, seed, batch, device
        self.look_first = look_first
        self.tokenizer = build_tokenizer(MAX_TOKENS)
        self._label = np.full(len(self.tokenizer), -1, np.int64)
        words = [
            (w, _LABEL_OF[n.name]) for n in world.NOUNS.values() for w in (n.token, n.plural_token)
        ]
        words += [(colour, len(_LABEL_OF) + i) for i, colour in enumerate(world.COLOURS)]
        for word, label in words:
            self._label[self.tokenizer.convert_tokens_to_ids(word)] = label
        torch.manual_seed(seed)
        self.config = critic_config(len(self.tokenizer), **sizes)
        self.critic = CriticModel(self.config).to(device)
        self.model: nn.Module = self.critic
        self.painted: PaintedScenes | None = None
        self.still = False

    def keep_still(self) -> None:
        """Leaves what it sees with as it is, and trains how it answers: a third of the time."""
        self.still = True
        critic = self.critic.critic
        seeing = (critic.stem, critic.texture, critic.near, critic.far, critic.back, critic.last,
                  critic.mix, critic.quality, self.critic.dense, self.critic.setting,
                  self.critic.facts)  # fmt: skip
        for part in seeing:
            part.requires_grad_(False)

    def start_from(self, state: dict[str, Any]) -> None:
        """Takes over the averaged weights of a checkpoint of the same sizes."""
        own = self.critic.state_dict()
        self.critic.load_state_dict({**own, **state["averaged"]})  # heads may be new

    def _pictured(
        self, rng: np.random.Generator, ghost: Bytes | None
    ) -> tuple[Bytes, Scene, tuple[str, ...], tuple[str, ...]]:
        """A picture, what it shows, what not to ask about, and kinds that only seem there."""
        if self.painted is not None and rng.random() < PAINTED:
            painting, image = self.painted.sample(rng)
            shown, scene, unsure = image, painting.shown, painting.doubtful
            if scene.style is not None:
                # It is not certain that the renderer got it right.
                unsure = (*unsure, "style", _LIKENESS)
            elif rng.random() < STYLED:
                scene = replace(scene, style=str(rng.choice(world.STYLES)))
                shown = in_style(image, str(scene.style), scene.background_seed)
            if rng.random() < 0.5:  # there are only so many, and as good as twice as many so
                shown, scene = np.ascontiguousarray(shown[:, ::-1]), mirrored(scene)
            if rng.random() < 0.3:
                shown, changed = worn(shown, rng)
                unsure = (*unsure, "style") if changed else unsure
            lost = tuple(n for n in painting.hidden if not scene.count(n))
            return shown, scene, unsure, lost
        scene, _ = sample_scene(self.sheet, rng)
        if rng.random() < MINGLED:
            scene = mingled(self.sheet, scene, rng)
        clean = rng.random() < RESTYLED
        if clean:
            scene = replace(scene, style=str(rng.choice(world.STYLES)))
        image = render(self.sheet, scene)
        doubtful: tuple[str, ...] = ()
        ruined: tuple[str, ...] = ()
        if rng.random() < RUINED:
            whole = scene
            image, scene, doubtful = ruin(self.sheet, scene, rng)
            ruined = tuple(n for n in whole.nouns() if n not in scene.nouns())
        if not clean:
            image, changed = worn(image, rng, ghost)
            doubtful = (*doubtful, "style") if changed else doubtful
        return image, scene, doubtful, ruined

    def _pictures(self, rng: np.random.Generator, size: int) -> list[tuple[Any, ...]]:
        made: list[tuple[Any, ...]] = []
        ghost = None
        for _ in range(size):
            image, scene, unsure, seeming = self._pictured(rng, ghost)
            ghost = image
            if rng.random() < HUED:
                image, scene, unsure = turned(image, rng), colourless(scene), (*unsure, *_HUES)
            image = letter(image, rng) if rng.random() < LETTERED else image
            made.append((image, scene, unsure, seeming))
        return made

    def _labels(self, made: list[tuple[Any, ...]]) -> tuple[Tensor, Tensor]:
        """What each cell shows (batch, labels, 16, 16), and which labels are certain."""
        labels = np.stack([patch_labels(self.sheet, scene, CELL) for _, scene, _, _ in made])
        known = np.ones((len(made), LABELS, 1, 1), np.float32)
        for row, (_, _, doubtful, _) in enumerate(made):
            for noun in set(doubtful) & set(_LABEL_OF):
                known[row, _LABEL_OF[noun]] = 0
            if "colour" in doubtful:
                known[row, len(_LABEL_OF) : LABELS - 1] = 0
        truth = torch.from_numpy(labels).permute(0, 3, 1, 2).contiguous()
        return truth.to(self.device), torch.from_numpy(known).to(self.device)

    def batch_of(self, rng: np.random.Generator, size: int, count: int) -> dict[str, Any]:
        """Pictures with questions: pixels, ids, mask, answers, facts, labels and settings."""
        made = self._pictures(rng, size)
        texts, answers, facts = [], [], []
        for _, scene, doubtful, seeming in made:
            for index in range(count):
                question = ask(scene, rng)
                while {question.subject, question.other, question.kind} & set(doubtful):
                    question = ask(scene, rng)
                if index < 2 and seeming:
                    noun = str(rng.choice(seeming))
                    question = Question(f"Is there {article(noun)}?", False, "existence", noun)
                texts.append(question.text)
                answers.append(int(question.answer))
                number, colour, *apart = facts_of(scene, question)
                facts.append((number, UNKNOWN if "colour" in doubtful else colour, *apart))
        tokens = self.tokenizer(
            texts, padding="longest", truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        )
        labels, known = self._labels(made)
        return {
            "pixels": to_tensor([image for image, *_ in made], self.device),
            "ids": tokens["input_ids"].to(self.device).reshape(size, count, -1),
            "mask": tokens["attention_mask"].to(self.device).reshape(size, count, -1),
            "answers": torch.tensor(answers, device=self.device).reshape(size, count),
            "labels": labels,
            "known": known,
            "settings": settings_of(made),
            "quality": self._qualities(made),
            "facts": torch.tensor(facts, device=self.device).reshape(size, count, 4),
        }

    def _qualities(self, made: list[tuple[Any, ...]]) -> Tensor:
        """How like drawings the first pictures look, NaN where it is not known; (batch,)."""
        told = [float("nan")] * len(made)
        for row, (image, scene, unsure, seeming) in enumerate(made[:RATED]):
            if set(unsure) <= {"style"} and not seeming:
                told[row] = likeness(self.sheet, image, scene)
        return torch.tensor(told, device=self.device)

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of the answers, and of what each cell, each word and the whole shows."""
        rng = np.random.default_rng([self.seed, 1, step])
        if self.still:
            return self._still_loss(self.batch_of(rng, self.batch, QUESTIONS))
        looking = step < self.look_first
        if looking:
            made = self._pictures(rng, self.batch)
            labels, known = self._labels(made)
            batch: dict[str, Any] = {"settings": settings_of(made)}
            batch |= {"labels": labels, "known": known}
            batch["pixels"] = to_tensor([image for image, *_ in made], self.device)
        else:
            batch = self.batch_of(rng, self.batch, QUESTIONS)
        with mixed(self.device):
            seen, dense, setting = self.critic.look(batch["pixels"])
            out = None
            if not looking:
                out = self.critic.critic.ask(seen, batch["ids"], batch["mask"])
                facts = self.critic.facts(out.states)
        cells = functional.binary_cross_entropy_with_logits(
            dense.float(), batch["labels"], reduction="none"
        )
        cell_loss = (cells * batch["known"]).sum(1).mean()
        ground_loss = setting_loss(setting, batch["settings"])
        loss = 0.5 * cell_loss + 0.2 * ground_loss
        figures = {"cells": float(cell_loss.detach()), "settings": float(ground_loss.detach())}
        if out is None:
            return loss, figures
        answer_loss, word_loss, answered = self._answer_losses(out, batch)
        fact_loss = self._fact_loss(facts.float().flatten(0, 1), batch["facts"].flatten(0, 1))
        known = ~batch["quality"].isnan()
        rated = self.critic.critic.rate(seen)[known]
        quality_loss = (rated - batch["quality"][known]).square().sum() / max(1, int(known.sum()))
        figures |= answered | {
            "facts": float(fact_loss.detach()),
            "quality": float(quality_loss.detach()),
        }
        loss = loss + answer_loss + 0.3 * fact_loss + 4 * word_loss + 2 * quality_loss
        return loss, figures

    def _still_loss(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
        """The part of the loss that is about answers alone."""
        with mixed(self.device):
            with torch.no_grad():
                seen = self.critic.critic.look(batch["pixels"])
            out = self.critic.critic.ask(seen, batch["ids"], batch["mask"])
        answers, words, figures = self._answer_losses(out, batch)
        return answers + 4 * words, figures

    def _answer_losses(
        self, out: Answers, batch: dict[str, Any]
    ) -> tuple[Tensor, Tensor, dict[str, float]]:
        """Cross-entropy of the answers and of where words are laid, and figures for the log."""
        logits = out.logits.float()
        answers = functional.cross_entropy(logits.flatten(0, 1), batch["answers"].flatten())
        words = self._word_loss(out, batch)
        right = (logits.argmax(-1) == batch["answers"]).float().mean()
        figures = {"answers": answers, "words": words, "accuracy": right}
        return answers, words, {name: float(v.detach()) for name, v in figures.items()}

    def _word_loss(self, out: Answers, batch: dict[str, Any]) -> Tensor:
        """Cross-entropy of where the picture shows what nouns and colours name."""
        label = torch.from_numpy(self._label[batch["ids"].cpu().numpy()]).to(self.device)
        picture, question, word = (label >= 0).nonzero(as_tuple=True)
        index = label[picture, question, word]
        laid = out.laid[picture, question, word].float()
        truth, known = batch["labels"][picture, index], batch["known"][picture, index]
        losses = functional.binary_cross_entropy_with_logits(laid, truth, reduction="none")
        loss: Tensor = (losses * known).mean()
        return loss

    @staticmethod
    def _fact_loss(facts: Tensor, truth: Tensor) -> Tensor:
        """Cross-entropy of counts and colours, and squared error of offsets."""
        counts, colours = truth[:, 0].long(), truth[:, 1].long()
        loss = known_cross_entropy(facts[:, :COUNTS], counts)
        loss = loss + known_cross_entropy(facts[:, COUNTS:-2], colours)
        apart = ~truth[:, 2].isnan()
        if apart.any():
            loss = loss + 4 * (facts[apart, -2:] - truth[apart, 2:]).square().mean()
        return loss

    def _temperature(self, net: AnswerNet) -> float:
        """The softmax temperature that fits fresh scenes best."""
        batch = self.batch_of(np.random.default_rng([self.seed, 2]), 512, 4)
        with torch.no_grad():
            logits = torch.cat(
                [
                    net.ask(net.look(pixels), ids, mask).logits.float().flatten(0, 1)
                    for pixels, ids, mask in zip(
                        *(batch[key].split(64) for key in ("pixels", "ids", "mask")), strict=True
                    )
                ]
            )
        grid = torch.logspace(-0.7, 0.7, 57)
        losses = [
            float(functional.cross_entropy(logits / t, batch["answers"].flatten())) for t in grid
        ]
        return float(grid[int(np.argmin(losses))])

    def export(self, averaged: dict[str, Tensor], folder: Path, record: dict[str, Any]) -> None:
        """Saves the averaged weights in float16, the tokenizer and what can be asked.

        ``calibration_temperature`` of ``config.json`` is what logits are divided by.
        """
        from safetensors.torch import save_file

        net = AnswerNet(self.config).to(self.device)
        start = "critic."
        own = {k.removeprefix(start): v for k, v in averaged.items() if k.startswith(start)}
        net.load_state_dict(own)
        net.eval()
        temperature = round(self._temperature(net), 4)
        config = {**self.config, "calibration_temperature": temperature}
        halves = {k: v.cpu().half().contiguous() for k, v in net.state_dict().items()}
        save_file(halves, folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        self.tokenizer.save_pretrained(folder)
        asked = max(0, record["steps"] - self.look_first) * self.batch * QUESTIONS
        record = {**record, "temperature": temperature, "questions": asked}
        (folder / "training.json").write_text(json.dumps(record, indent=2) + "\n")
        (folder / "scope.json").write_text(json.dumps(critic_scope(), indent=1) + "\n")
