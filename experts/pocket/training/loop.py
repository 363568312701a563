"""The loop every pocket model is trained by: resumable after a kill, exporting by itself.

All chance of a step is drawn from (seed, step), so a run that was killed and resumed ends with
exactly the weights of one that was not.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from experts.pocket.training.files import publish


class Task(Protocol):
    """What a kind of model adds to the loop."""

    name: str
    model: nn.Module

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of one batch, drawn from (seed, step), and figures to log."""
        ...

    def export(self, averaged: dict[str, Tensor], folder: Path, record: dict[str, Any]) -> None:
        """Saves the averaged weights for `from_pretrained`."""
        ...


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a run goes.

    Attributes:
        minutes: Wall-clock minutes of this run; the checkpoint keeps the sum over runs.
        steps: Stop at this step at the latest, over all runs; None leaves it to the minutes.
        batch: Pictures a step; only recorded here.
        rate: Highest learning rate.
        warmup: Steps until it is reached.
        hold: Share of the horizon for which it stays there: while a young model still learns
            fast, a falling rate only holds it up.
        horizon: Step at which the cosine has brought it down to `floor * rate`.
        floor: Share of the rate that is kept from then on.
        decay: Decay of the moving average of the weights.
        every: Minutes between checkpoints.
    """

    minutes: float
    steps: int | None = None
    batch: int = 32
    rate: float = 8e-4
    warmup: int = 200
    hold: float = 0.6
    horizon: int = 10_000
    floor: float = 0.08
    decay: float = 0.998
    every: float = 5.0

    def rate_at(self, step: int) -> float:
        """The learning rate of a step."""
        warm = min(1.0, (step + 1) / self.warmup)
        start = self.hold * self.horizon
        part = min(max((step - start) / max(self.horizon - start, 1), 0.0), 1.0)
        turn = 0.5 * (1 + math.cos(math.pi * part))
        return self.rate * warm * (self.floor + (1 - self.floor) * turn)


def _save(path: Path, state: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".writing")
    torch.save(state, scratch)
    scratch.replace(path)


def train(task: Task, schedule: Schedule, work: Path, out: Path) -> dict[str, Any]:
    """Trains until the minutes or the steps are used up.

    Args:
        task: What is trained.
        schedule: How.
        work: Folder of the checkpoint and the log; a checkpoint found there is resumed.
        out: Folder the weights are exported to at every checkpoint.

    Returns:
        The record of the run: steps, images, seconds, losses.
    """
    model = task.model
    work.mkdir(parents=True, exist_ok=True)
    checkpoint, log = work / "checkpoint.pt", work / "log.jsonl"
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        parameters, lr=schedule.rate, weight_decay=0.01, betas=(0.9, 0.99)
    )
    averaged = {k: v.detach().clone() for k, v in model.state_dict().items()}
    step, seconds = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        averaged = {k: v.to(averaged[k].device) for k, v in state["averaged"].items()}
        step, seconds = state["step"], state["seconds"]
    start = saved = logged = time.monotonic()
    model.train()
    sums: dict[str, float] = {}
    seen = 0
    record: dict[str, Any] = {}

    def keep() -> None:
        nonlocal record
        record = {
            "name": task.name,
            "steps": step,
            "images": step * schedule.batch,
            "seconds": round(seconds + time.monotonic() - start, 1),
        }
        _save(checkpoint, {
            "model": model.state_dict(), "optimiser": optimiser.state_dict(),
            "averaged": averaged, "step": step, "seconds": record["seconds"],
        })  # fmt: skip
        with tempfile.TemporaryDirectory() as scratch:
            task.export(averaged, Path(scratch), record)
            publish(Path(scratch), out)

    while time.monotonic() - start < schedule.minutes * 60:
        if schedule.steps is not None and step >= schedule.steps:
            break
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate_at(step)
        loss, figures = task.loss(step)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        step += 1
        decay = min(schedule.decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for key, value in model.state_dict().items():
                if value.dtype.is_floating_point:
                    averaged[key].lerp_(value, 1 - decay)
                else:
                    averaged[key].copy_(value)
        seen += 1
        for key, figure in {"loss": float(loss.detach()), **figures}.items():
            sums[key] = sums.get(key, 0.0) + figure
        now = time.monotonic()
        if now - logged > 20 or step == schedule.steps:
            line = {"step": step, "images": step * schedule.batch,
                    "seconds": round(seconds + now - start, 1),
                    "images_per_second": round(seen * schedule.batch / max(now - logged, 1e-9), 1),
                    "rate": schedule.rate_at(step),
                    **{k: round(v / seen, 5) for k, v in sums.items()}}  # fmt: skip
            with log.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
            sums, seen, logged = {}, 0, now
        if now - saved > schedule.every * 60:
            keep()
            saved = time.monotonic()
    keep()
    return record
