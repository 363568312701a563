"""An :mod:`critic.answer_net` in a folder as what answers questions: the pocket critic."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from critic.loading import first_line
from poser.core.errors import CriticError

if TYPE_CHECKING:
    from PIL.Image import Image

MODEL_TYPE = "answer_net"
"""``model_type`` in the ``config.json`` of such a folder."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What is said of one picture.

    Attributes:
        yes: P(yes), in [0, 1], of each question.
        quality: Of the picture as such, in [0, 1]; ``None`` where the model does not tell.
    """

    yes: list[float]
    quality: float | None = None


BATCH = 64
"""Questions in one forward pass."""

MOST_SIDE = 512
"""Longest side, in pixels, that a network of this kind looks at."""

_DAMAGED = (OSError, ValueError, KeyError, TypeError, RuntimeError, AssertionError)


class NetAnswers:
    """A :class:`critic.vqa.QuestionModel` over an :class:`critic.answer_net.AnswerNet`.

    Args:
        folder: ``config.json``, ``model.safetensors``, tokenizer.
        device: Where it runs.

    Raises:
        CriticError: The folder does not hold such a model.
    """

    def __init__(self, folder: Path, device: str) -> None:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
        from transformers import PreTrainedTokenizerFast

        from critic.answer_net import AnswerNet

        try:
            config = json.loads((folder / "config.json").read_bytes())
            _check(config)
            self.net = AnswerNet(config)
            self.net.load_state_dict(load_file(folder / "model.safetensors"))
            self.tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
            self.size, self.length = int(config["image_size"]), int(config["max_tokens"])
            self.temperature = float(config["calibration_temperature"])
            if len(self.tokenizer) > config["vocabulary"]:
                raise ValueError("its tokenizer has more words than its network")
        except (*_DAMAGED, SafetensorError) as error:
            raise CriticError(
                f"the critic in {folder} cannot be loaded: {first_line(error)}",
                remedy="check that the folder is complete",
            ) from error
        self.device = device
        self.net.float().eval().to(device)

    def answers(self, asked: Sequence[tuple[Sequence[str], Image]]) -> list[Answered]:
        """See :class:`critic.vqa.QuestionModel`.

        Pictures with equally many questions share passes; a picture is looked at once.
        """
        answers = [Answered([]) for _ in asked]
        by_number: dict[int, list[int]] = {}
        for index, (questions, _) in enumerate(asked):
            by_number.setdefault(len(questions), []).append(index)
        for number, indices in by_number.items():
            if not number:
                continue
            size = max(1, BATCH // number)
            for start in range(0, len(indices), size):
                part = indices[start : start + size]
                for index, found in zip(part, self._pass([asked[i] for i in part]), strict=True):
                    answers[index] = found
        return answers

    def _pass(self, asked: Sequence[tuple[Sequence[str], Image]]) -> list[Answered]:
        """One forward pass over pictures with equally many questions."""
        import torch
        from PIL import Image as Pictures

        pixels = []
        for _, image in asked:
            rgb = image.convert("RGB")
            if rgb.size != (self.size, self.size):
                rgb = rgb.resize((self.size, self.size), Pictures.Resampling.LANCZOS)
            pixels.append(np.asarray(rgb, np.float32) / 127.5 - 1)
        stacked = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous()
        tokens = self.tokenizer(
            [text for questions, _ in asked for text in questions],
            padding=True, truncation=True, max_length=self.length, return_tensors="pt",
        )  # fmt: skip
        shape = (len(asked), len(asked[0][0]), -1)
        ids = tokens["input_ids"].to(self.device).reshape(shape)
        mask = tokens["attention_mask"].to(self.device).reshape(shape)
        seen = self.net.look(stacked.to(self.device))
        logits = self.net.ask(seen, ids, mask).logits.float() / self.temperature
        found = (logits[..., 1] - logits[..., 0]).sigmoid().tolist()
        rated = self.net.rate(seen).tolist()
        return [Answered(yes, quality) for yes, quality in zip(found, rated, strict=True)]


def _check(config: Any) -> None:
    """Refuses sizes that no such network has, and a temperature that turns answers round."""
    size, temperature = config["image_size"], float(config["calibration_temperature"])
    if not isinstance(size, int) or size % 8 or not 8 <= size <= MOST_SIDE:
        raise ValueError(f"image_size must be a multiple of 8, at most {MOST_SIDE}")
    if not 0.0 < temperature < float("inf"):
        raise ValueError("calibration_temperature must be above 0")
    for name in ("fine", "middle", "coarse", "reading"):
        if not isinstance(config[name], int) or config[name] < 8 or config[name] % 8:
            raise ValueError(f"{name} must be a multiple of 8")
    if not isinstance(config["words"], int) or config["words"] < 4 or config["words"] % 4:
        raise ValueError("words must be a multiple of 4")
