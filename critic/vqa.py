"""A visual-question-answering model as the critic: P(yes) for every criterion.

The pocket critic is a small network of our own (:mod:`critic.answer_net`). Besides, any
``transformers`` model of the ViLT class in a folder serves, such as
``dandelin/vilt-b32-finetuned-vqa`` downloaded from a hub: what counts is that its labels include
"yes" and "no".
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from critic.answering import MODEL_TYPE, Answered, NetAnswers
from critic.loading import choose_device, first_line, revision_of
from critic.rubric import critique_of
from critic.scope import Scope, load_scope
from critic.vilt import ViltAnswers
from poser.core.critique import Critique
from poser.core.errors import CriticError, is_out_of_memory
from poser.core.files import is_file
from poser.core.plan import Criterion, Plan, in_dependency_order

if TYPE_CHECKING:
    from PIL.Image import Image

POCKET = Path(__file__).parent / "weights" / "pocket_vqa"
"""The critic that ships with the package."""


class QuestionModel(Protocol):
    """What answers questions about pictures."""

    def answers(self, asked: Sequence[tuple[Sequence[str], Image]]) -> list[Answered]:
        """What is said of each picture (any mode and size) and the questions about it."""
        ...


class VqaCritic:
    """A :class:`critic.base.Critic` over a model that answers questions.

    Args:
        folder: ``config.json``, ``model.safetensors``, tokenizer, and what else the model needs.
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
        told = self._told([([k.question for k in p.judged], image) for p, image in asked])
        seconds = (time.perf_counter() - started) / max(1, len(asked))
        critiques = []
        for (plan, _), found in zip(asked, told, strict=True):
            pairs = zip(plan.judged, found.yes, strict=True)
            scores = {k.id: p if k.expected else 1.0 - p for k, p in pairs}
            quality = found.quality
            critiques.append(critique_of(plan, scores, quality=quality, seconds=seconds))
        return critiques

    def probabilities(self, questions: Sequence[str], image: Image) -> list[float]:
        """P(yes), in [0, 1], for each question about one picture (RGB, any size).

        Raises:
            CriticError: The model cannot be loaded, or its answers are not numbers.
        """
        (answers,) = self.answers([(questions, image)])
        return answers

    def answers(self, asked: Sequence[tuple[Sequence[str], Image]]) -> list[list[float]]:
        """P(yes) for each question about each picture, in as few passes as may be.

        Raises:
            CriticError: As :meth:`probabilities`.
        """
        return [found.yes for found in self._told(asked)]

    def _told(self, asked: Sequence[tuple[Sequence[str], Image]]) -> list[Answered]:
        import torch

        if not any(questions for questions, _ in asked):
            return [Answered([]) for _ in asked]
        with self._lock, torch.inference_mode(), torch.random.fork_rng(devices=[]):
            try:
                answers = self._loaded.answers(asked)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                raise CriticError(
                    "the critic ran out of memory", remedy="free some, or use another device"
                ) from error
        if any(a != a for found in answers for a in found.yes):
            raise CriticError("the critic's answer is not a number", remedy="check its weights")
        return answers

    @cached_property
    def _loaded(self) -> QuestionModel:
        path = self.folder / "config.json"
        try:
            kind = json.loads(path.read_bytes()).get("model_type")
        except (OSError, ValueError, AttributeError) as error:
            raise CriticError(
                f"{path} is damaged: {first_line(error)}", remedy="restore that file"
            ) from error
        model = NetAnswers if kind == MODEL_TYPE else ViltAnswers
        return model(self.folder, choose_device(self._device))

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
