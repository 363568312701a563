"""A visual-question-answering model as the critic: P(yes) for every criterion.

Any ``transformers`` model of the ViLT class in a folder serves, ours as well as
``dandelin/vilt-b32-finetuned-vqa`` downloaded from a hub: what counts is that its labels include
"yes" and "no".
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from critic.loading import choose_device, first_line, is_file, revision_of, without_bars
from critic.rubric import critique_of
from critic.scope import Scope, load_scope
from poser.core.critique import Critique
from poser.core.errors import CriticError
from poser.core.plan import Criterion, Plan, in_dependency_order

if TYPE_CHECKING:
    from PIL.Image import Image

POCKET = Path(__file__).parent / "weights" / "pocket_vqa"
"""The critic that ships with the package."""

BATCH = 64
"""Questions in one forward pass on an accelerator."""

CPU_BATCH = 16
"""Questions in one forward pass on a processor, whose caches hold no more."""


class VqaCritic:
    """A :class:`critic.base.Critic` over a ViLT model.

    Args:
        folder: ``config.json``, ``model.safetensors``, tokenizer and image processor.
        device: ``auto``, ``cpu``, ``cuda``, ``mps``.

    Raises:
        CriticError: The folder does not hold such a model.
    """

    def __init__(self, folder: Path = POCKET, device: str = "auto") -> None:
        self.folder = folder
        self._device = device
        self._lock = threading.Lock()
        if not is_file(folder / "config.json") or not is_file(folder / "model.safetensors"):
            raise CriticError(
                f"{folder} holds no critic: config.json and model.safetensors are needed",
                remedy="give the folder of a ViLT model for question answering with --critic",
            )

    @property
    def id(self) -> str:
        """``vqa/`` and the folder's name."""
        return f"vqa/{self.folder.name}"

    @cached_property
    def revision(self) -> str:
        """Hash of weights, tokenizer and configuration."""
        return revision_of(self.folder)

    @property
    def cost(self) -> float:
        """0: it runs here."""
        return 0.0

    def load(self) -> None:
        """See :class:`critic.base.Critic`."""
        with self._lock:
            _ = self._loaded

    def outside_scope(self, criteria: Sequence[Criterion]) -> Mapping[str, str]:
        """What the declared scope excludes, what needs reading, and words it has no token for.

        A criterion that depends on one outside the scope is outside as well.
        """
        reasons: dict[str, str] = {}
        for criterion in in_dependency_order(criteria):
            if (reason := self._outside(criterion)) is not None:
                reasons[criterion.id] = reason
            elif outside := [p for p in criterion.depends_on if p in reasons]:
                reasons[criterion.id] = f"depends on {outside[0]}, which is not judged"
        return reasons

    def _outside(self, criterion: Criterion) -> str | None:
        if criterion.kind == "text":
            return "the critic cannot read"
        if self._scope is not None and (reason := self._scope.reason_outside(criterion)):
            return reason
        if unknown := self._unread(criterion.question):
            return f"the critic does not know {', '.join(repr(w) for w in unknown[:3])}"
        return None

    def judge(self, plan: Plan, image: Image) -> Critique:
        """See :class:`critic.base.Critic`."""
        (critique,) = self.judge_many([(plan, image)])
        return critique

    def judge_many(self, asked: Sequence[tuple[Plan, Image]]) -> list[Critique]:
        """See :class:`envs.batching.BatchCritic`: the answers of :meth:`judge`, to 1e-5.

        The questions of all pictures share forward passes; the seconds are shared out evenly.
        """
        started = time.perf_counter()
        answers = self._answers([([k.question for k in p.judged], image) for p, image in asked])
        seconds = (time.perf_counter() - started) / max(1, len(asked))
        critiques = []
        for (plan, _), found in zip(asked, answers, strict=True):
            pairs = zip(plan.judged, found, strict=True)
            scores = {k.id: p if k.expected else 1.0 - p for k, p in pairs}
            critiques.append(critique_of(plan, scores, seconds=seconds))
        return critiques

    def probabilities(self, questions: Sequence[str], image: Image) -> list[float]:
        """P(yes), in [0, 1], for each question about one picture (RGB, any size).

        Raises:
            CriticError: The model cannot be loaded, or its answers are not numbers.
        """
        (answers,) = self._answers([(questions, image)])
        return answers

    def _answers(self, asked: Sequence[tuple[Sequence[str], Image]]) -> list[list[float]]:
        """P(yes) for each question about each picture, in as few passes as may be."""
        import torch

        rows = [(n, text) for n, (questions, _) in enumerate(asked) for text in questions]
        answers: list[list[float]] = [[] for _ in asked]
        if not rows:
            return answers
        with self._lock, torch.inference_mode(), torch.random.fork_rng(devices=[]):
            size = CPU_BATCH if self._loaded[0].device.type == "cpu" else BATCH
            try:
                for start in range(0, len(rows), size):
                    part = rows[start : start + size]
                    for (n, _), answer in zip(part, self._pass(part, asked), strict=True):
                        answers[n].append(answer)
            except (torch.OutOfMemoryError, MemoryError) as error:
                raise CriticError(
                    "the critic ran out of memory", remedy="free some, or use another device"
                ) from error
        if any(a != a for found in answers for a in found):
            raise CriticError("the critic's answer is not a number", remedy="check its weights")
        return answers

    def _pass(
        self, rows: Sequence[tuple[int, str]], asked: Sequence[tuple[Sequence[str], Image]]
    ) -> list[float]:
        """One forward pass: the number of a picture and a question a row."""
        import torch
        from torch.nn.utils.rnn import pad_sequence

        model, tokenizer, processor, yes, no = self._loaded
        patches: list[Any] = []
        masks: list[Any] = []
        place: dict[int, int] = {}
        for n in dict.fromkeys(n for n, _ in rows):
            # ViLT puts the patches into a random order, and of a large picture takes some at
            # random: seeded for each, so that a picture is seen the same beside any other.
            torch.manual_seed(0)
            pixels = processor(asked[n][1].convert("RGB"), return_tensors="pt").to(model.device)
            embedded, mask, _ = model.vilt.embeddings.visual_embed(
                **pixels, max_image_length=model.config.max_image_length
            )
            place[n] = len(patches)
            patches.append(embedded[0])
            masks.append(mask[0])
        order = torch.tensor([place[n] for n, _ in rows], device=model.device)
        text = tokenizer(
            [question for _, question in rows], padding=True, truncation=True, return_tensors="pt"
        )
        logits = model(
            **text.to(model.device),
            image_embeds=pad_sequence(patches, batch_first=True)[order],
            pixel_mask=pad_sequence(masks, batch_first=True)[order],
        ).logits.float()
        scale = float(getattr(model.config, "calibration_temperature", 1.0))
        found: list[float] = ((logits[:, yes] - logits[:, no]) / scale).sigmoid().tolist()
        return found

    @cached_property
    def _loaded(self) -> tuple[Any, Any, Any, int, int]:
        import torch
        from safetensors import SafetensorError
        from transformers import AutoTokenizer, ViltForQuestionAnswering, ViltImageProcessorPil

        try:
            with without_bars():
                model = ViltForQuestionAnswering.from_pretrained(
                    self.folder, use_safetensors=True, local_files_only=True, dtype=torch.float32
                )
            tokenizer = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
            processor = ViltImageProcessorPil.from_pretrained(self.folder, local_files_only=True)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise CriticError(
                f"the critic in {self.folder} cannot be loaded: {first_line(error)}",
                remedy="check that the folder is complete",
            ) from error
        labels = {str(v).lower(): int(k) for k, v in model.config.id2label.items()}
        if "yes" not in labels or "no" not in labels:
            raise CriticError(
                f"the critic in {self.folder} has no labels 'yes' and 'no'",
                remedy="give a model trained for visual question answering",
            )
        model.eval().to(choose_device(self._device))
        return model, tokenizer, processor, labels["yes"], labels["no"]

    @cached_property
    def _scope(self) -> Scope | None:
        return load_scope(self.folder)

    @cached_property
    def _words(self) -> Any:
        """The tokenizer alone, without the weight of transformers."""
        from tokenizers import Tokenizer

        path = self.folder / "tokenizer.json"
        if not path.is_file():
            return None
        try:
            return Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises nothing narrower
            raise CriticError(
                f"{path} is damaged: {first_line(error)}", remedy="restore that file"
            ) from error

    def _unread(self, question: str) -> list[str]:
        """The words of a question that the tokenizer has no token for."""
        if self._words is None:
            return []
        encoding = self._words.encode(question.lower(), add_special_tokens=False)
        pairs = zip(encoding.tokens, encoding.offsets, strict=True)
        return list(dict.fromkeys(question[a:b] for token, (a, b) in pairs if token == "[UNK]"))
