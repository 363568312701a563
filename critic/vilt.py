"""A ViLT of ``transformers`` as what answers questions: ours or one downloaded from a hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from critic.answering import Answered
from critic.loading import first_line, without_bars
from poser.core.errors import CriticError

if TYPE_CHECKING:
    from PIL.Image import Image

BATCH = 64
"""Questions in one forward pass on an accelerator."""

CPU_BATCH = 16
"""Questions in one forward pass on a processor, whose caches hold no more."""


class ViltAnswers:
    """A :class:`critic.vqa.QuestionModel` over any ViLT whose labels include "yes" and "no".

    Args:
        folder: Weights, tokenizer and image processor.
        device: Where it runs.

    Raises:
        CriticError: The folder does not hold such a model.
    """

    def __init__(self, folder: Path, device: str) -> None:
        import torch
        from safetensors import SafetensorError
        from transformers import AutoTokenizer, ViltForQuestionAnswering, ViltImageProcessorPil

        try:
            with without_bars():
                model = ViltForQuestionAnswering.from_pretrained(
                    folder, use_safetensors=True, local_files_only=True, dtype=torch.float32
                )
            self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self.processor = ViltImageProcessorPil.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise CriticError(
                f"the critic in {folder} cannot be loaded: {first_line(error)}",
                remedy="check that the folder is complete",
            ) from error
        labels = {str(v).lower(): int(k) for k, v in model.config.id2label.items()}
        if "yes" not in labels or "no" not in labels:
            raise CriticError(
                f"the critic in {folder} has no labels 'yes' and 'no'",
                remedy="give a model trained for visual question answering",
            )
        self.yes, self.no = labels["yes"], labels["no"]
        self.model: Any = model.eval().to(device)

    def answers(self, asked: Sequence[tuple[Sequence[str], Image]]) -> list[Answered]:
        """See :class:`critic.vqa.QuestionModel`: as few passes as may be."""
        rows = [(n, text) for n, (questions, _) in enumerate(asked) for text in questions]
        answers: list[list[float]] = [[] for _ in asked]
        size = CPU_BATCH if self.model.device.type == "cpu" else BATCH
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            for (n, _), answer in zip(part, self._pass(part, asked), strict=True):
                answers[n].append(answer)
        return [Answered(found) for found in answers]

    def _pass(
        self, rows: Sequence[tuple[int, str]], asked: Sequence[tuple[Sequence[str], Image]]
    ) -> list[float]:
        """One forward pass: the number of a picture and a question a row."""
        import torch
        from torch.nn.utils.rnn import pad_sequence

        patches: list[Any] = []
        masks: list[Any] = []
        place: dict[int, int] = {}
        for n in dict.fromkeys(n for n, _ in rows):
            # ViLT puts the patches into a random order, and of a large picture takes some at
            # random: seeded for each, so that a picture is seen the same beside any other.
            torch.manual_seed(0)
            pixels = self.processor(asked[n][1].convert("RGB"), return_tensors="pt")
            embedded, mask, _ = self.model.vilt.embeddings.visual_embed(
                **pixels.to(self.model.device),
                max_image_length=self.model.config.max_image_length,
            )
            place[n] = len(patches)
            patches.append(embedded[0])
            masks.append(mask[0])
        order = torch.tensor([place[n] for n, _ in rows], device=self.model.device)
        text = self.tokenizer(
            [question for _, question in rows], padding=True, truncation=True, return_tensors="pt"
        )
        logits = self.model(
            **text.to(self.model.device),
            image_embeds=pad_sequence(patches, batch_first=True)[order],
            pixel_mask=pad_sequence(masks, batch_first=True)[order],
        ).logits.float()
        scale = float(getattr(self.model.config, "calibration_temperature", 1.0))
        found: list[float] = ((logits[:, self.yes] - logits[:, self.no]) / scale).sigmoid().tolist()
        return found
