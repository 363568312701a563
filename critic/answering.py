"""An :mod:`critic.answer_net` in a folder as what answers questions: the pocket critic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field, ValidationError

from critic.loading import first_line
from poser.core.errors import CriticError
from poser.core.value import Value

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

Width = Annotated[int, Field(strict=True, ge=8, multiple_of=8)]
Number = Annotated[int, Field(strict=True, ge=1)]


class NetConfig(Value):
    """What ``config.json`` of such a folder holds; see :class:`critic.answer_net.AnswerNet`."""

    model_type: Literal["answer_net"]
    vocabulary: Number
    max_tokens: Number
    image_size: Annotated[Width, Field(le=MOST_SIDE)]
    fine: Width
    middle: Width
    coarse: Width
    words: Annotated[int, Field(strict=True, ge=4, multiple_of=4)]
    layers: Number
    reading: Width
    hidden: Number
    calibration_temperature: Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


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
            config = NetConfig.from_json((folder / "config.json").read_bytes())
            self.net = AnswerNet(config.to_dict())
            self.net.load_state_dict(load_file(folder / "model.safetensors"))
            self.tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
            self.size, self.length = config.image_size, config.max_tokens
            self.temperature = config.calibration_temperature
            if len(self.tokenizer) > config.vocabulary:
                raise ValueError("its tokenizer has more words than its network")
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            key = ".".join(map(str, first["loc"])) or "config.json"
            raise CriticError(
                f"the critic in {folder} cannot be loaded: {key}: {first['msg']}",
                remedy="restore its config.json",
            ) from error
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
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
