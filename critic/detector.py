"""An independent evaluator of pocket pictures: a detector that finds what is where.

It measures, it never rewards. Another architecture than the critic's, trained on other pictures
and on scene graphs instead of questions, so that a policy that has learned to please the critic
does not please it for free. It has a critic's shape all the same, for oracles and comparisons.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from critic.detection import Detection, Seen, Words, outside, verdicts
from critic.loading import choose_device, first_line, revision_of
from critic.rubric import critique_of
from poser.core.critique import Critique
from poser.core.errors import CriticError
from poser.core.files import is_file
from poser.core.plan import Criterion, Plan

if TYPE_CHECKING:
    from PIL.Image import Image

POCKET_DETECTOR = Path(__file__).parent / "weights" / "pocket_detector"
"""The detector that ships with the package."""

BATCH = 32
"""Pictures in one forward pass."""

SIDE = 64
"""Native pixels of a picture's side; others are brought to that."""

_FILES = ("config.json", "labels.json", "model.safetensors")


class DetectorEvaluator:
    """A :class:`critic.base.Critic` over a centre-point detector.

    Args:
        folder: ``config.json``, ``labels.json``, ``model.safetensors``.
        device: ``auto``, ``cpu``, ``cuda``, ``mps``.

    Raises:
        CriticError: The folder does not hold a detector.
    """

    def __init__(self, folder: Path = POCKET_DETECTOR, device: str = "auto") -> None:
        self.folder = folder
        self._device = device
        self._lock = threading.Lock()
        if missing := [name for name in _FILES if not is_file(folder / name)]:
            raise CriticError(
                f"{folder} holds no detector: {', '.join(missing)} is missing",
                remedy="train one with python -m experts.pocket.train detector",
            )

    @property
    def id(self) -> str:
        """``detector/`` and the folder's name."""
        return f"detector/{self.folder.name}"

    @cached_property
    def revision(self) -> str:
        """Hash of weights, words and configuration."""
        return revision_of(self.folder)

    @property
    def cost(self) -> float:
        """0: it runs here."""
        return 0.0

    def load(self) -> None:
        """See :class:`critic.base.Critic`."""
        with self._lock:
            _ = self.words, self._loaded

    def outside_scope(self, criteria: Sequence[Criterion]) -> Mapping[str, str]:
        """What its world has no words for, and what depends on that."""
        return outside(self.words, criteria)

    def judge(self, plan: Plan, image: Image) -> Critique:
        """See :class:`critic.base.Critic`; a criterion outside its scope scores 0."""
        started = time.perf_counter()
        (seen,) = self.detect([image])
        answers = {k.id: self.words.answer(k, seen) for k in plan.judged}
        scores = {
            k.id: 0.0 if answers[k.id] is None else float(answers[k.id] == k.expected)
            for k in plan.judged
        }
        return critique_of(plan, scores, seconds=time.perf_counter() - started)

    def verdicts(
        self, criteria: Sequence[Criterion], picture: Image | Detection
    ) -> dict[str, bool | None]:
        """Whether each criterion holds on a picture; see :func:`critic.detection.verdicts`."""
        seen = picture if isinstance(picture, Detection) else self.detect([picture])[0]
        return verdicts(self.words, criteria, seen)

    def detect(self, images: Sequence[Image]) -> list[Detection]:
        """What each picture shows (any mode, any size), looked at as it is and mirrored.

        Raises:
            CriticError: The detector cannot be loaded, or its answers are not numbers.
        """
        import torch

        from critic.centre_net import look_twice, peaks

        found: list[Detection] = []
        with self._lock, torch.inference_mode():
            net, config = self._loaded
            for start in range(0, len(images), BATCH):
                pixels = torch.stack([_pixels(image) for image in images[start : start + BATCH]])
                out = look_twice(net, pixels.to(self._chosen))
                if not bool(out.heat.isfinite().all()):
                    raise CriticError(
                        "the detector's answer is not a number", remedy="check its weights"
                    )
                styles = [*config["styles"], None]
                colours = [*config["colours"], None]
                found += [
                    Detection(
                        objects=tuple(
                            Seen(
                                noun=config["nouns"][o.noun], colour=colours[o.colour],
                                x=o.x, y=o.y, width=o.width, height=o.height, score=o.score,
                            )
                            for o in objects
                        ),
                        background=config["backgrounds"][ground],
                        style=styles[style],
                    )
                    for objects, ground, style in zip(
                        peaks(out, config["threshold"]),
                        out.background.argmax(1).tolist(),
                        out.style.argmax(1).tolist(),
                        strict=True,
                    )
                ]  # fmt: skip
        return found

    @cached_property
    def words(self) -> Words:
        """The words it can be asked in.

        Raises:
            CriticError: ``labels.json`` is damaged.
        """
        path = self.folder / "labels.json"
        try:
            return Words.from_json(path.read_bytes())
        except (OSError, ValueError) as error:
            raise CriticError(
                f"{path} is damaged: {first_line(error)}", remedy="restore that file"
            ) from error

    @cached_property
    def _chosen(self) -> str:
        return choose_device(self._device)

    @cached_property
    def _loaded(self) -> tuple[Any, dict[str, Any]]:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        from critic.centre_net import CentreNet

        try:
            config = json.loads((self.folder / "config.json").read_bytes())
            config["threshold"] = float(config["threshold"])
            net = CentreNet(config)
            state = load_file(self.folder / "model.safetensors")
            own = net.state_dict()
            # Training alone counts the batches.
            state |= {k: v for k, v in own.items() if k.endswith("num_batches_tracked")}
            net.load_state_dict(state)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise CriticError(
                f"the detector in {self.folder} cannot be loaded: {first_line(error)}",
                remedy="check that the folder is complete",
            ) from error
        return net.float().eval().to(self._chosen), config


def _pixels(image: Image) -> Any:
    """A picture as (3, `SIDE`, `SIDE`) in [-1, 1]."""
    import numpy as np
    import torch
    from PIL.Image import Resampling

    image = image.convert("RGB")
    if image.size != (SIDE, SIDE):
        image = image.resize((SIDE, SIDE), Resampling.BOX)
    array = np.asarray(image, np.float32) / np.float32(127.5) - np.float32(1)
    return torch.from_numpy(array.transpose(2, 0, 1).copy())
