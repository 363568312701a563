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

from critic.loading import choose_device, first_line, is_file, revision_of
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
"""Questions in one forward pass."""


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
        started = time.perf_counter()
        judged = plan.judged
        answers = self.probabilities([k.question for k in judged], image) if judged else []
        scores = {k.id: p if k.expected else 1.0 - p for k, p in zip(judged, answers, strict=True)}
        return critique_of(plan, scores, seconds=time.perf_counter() - started)

    def probabilities(self, questions: Sequence[str], image: Image) -> list[float]:
        """P(yes), in [0, 1], for each question about one picture (RGB, any size).

        Raises:
            CriticError: The model cannot be loaded, or its answers are not numbers.
        """
        import torch

        # ViLT puts its patches into a random order: seeded, so that the same picture gets the same
        # answer to the last bit, and the caller's random numbers are left alone.
        with self._lock, torch.inference_mode(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model, tokenizer, processor, yes, no = self._loaded
            pixels = processor(image.convert("RGB"), return_tensors="pt").to(model.device)
            answers: list[float] = []
            for start in range(0, len(questions), BATCH):
                part = list(questions[start : start + BATCH])
                text = tokenizer(part, padding=True, truncation=True, return_tensors="pt")
                picture = {k: v.expand(len(part), *v.shape[1:]) for k, v in pixels.items()}
                try:
                    logits = model(**text.to(model.device), **picture).logits.float()
                except (torch.OutOfMemoryError, MemoryError) as error:
                    raise CriticError(
                        "the critic ran out of memory", remedy="free some, or use another device"
                    ) from error
                scale = float(getattr(model.config, "calibration_temperature", 1.0))
                odds = (logits[:, yes] - logits[:, no]) / scale
                answers += odds.sigmoid().tolist()
        if any(a != a for a in answers):
            raise CriticError("the critic's answer is not a number", remedy="check its weights")
        return answers

    @cached_property
    def _loaded(self) -> tuple[Any, Any, Any, int, int]:
        import torch
        from safetensors import SafetensorError
        from transformers import AutoTokenizer, ViltForQuestionAnswering, ViltImageProcessorPil

        try:
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
