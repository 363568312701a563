"""Another background or style by repainting: what an instruction asks for, and what stays.

The renderer is told the setting by words and objects by places. So a picture gets another
background when all but its objects is painted anew, and another style when everything is, from the
objects that are seen in it.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

from experts.pocket import slots, world
from experts.pocket.planner import named_in
from experts.pocket.sight import find, row_seen

EVERYWHERE: Final = (slots.EMPTIED, 0, 0, world.NATIVE_SIZE / 2, world.NATIVE_SIZE / 2,
                     2.0 * world.NATIVE_SIZE, 0)  # fmt: skip
"""A row that empties the whole picture."""


def asked_setting(tokenizer: Any, text: str) -> tuple[str | None, str | None]:
    """The background and the style that an instruction asks for.

    Args:
        tokenizer: The pocket tokenizer.
        text: The instruction.

    Returns:
        One of `world.BACKGROUNDS` or None, and one of `world.STYLES` or None; both None where the
        instruction is about objects.
    """
    if named_in(tokenizer, [text])[1][0]:
        return None, None
    words = f" {' '.join(tokenizer.tokenize(text))} "
    style = next((name for name in world.STYLES if f" {name} " in words), None)
    grounds = [name for name in world.BACKGROUNDS if f" {name} " in words]
    if style is not None and "background" not in words:
        return None, style
    return (grounds[-1] if grounds else None), style


def with_setting(told: str, background: str | None, style: str | None) -> str:
    """What the renderer is told of a setting, changed.

    Args:
        told: As `experts.pocket.planner.setting_texts` words it.
        background: The new one; None keeps it.
        style: Likewise.
    """
    ground, _, old = told.removeprefix("on a ").partition(" background")
    own = old.removeprefix(" in ").removesuffix(" style")
    style = style or own or None
    said = f"on a {background or ground} background"
    return said if style is None else f"{said} in {style} style"


def objects_seen(shown: Tensor) -> list[list[float]]:
    """Rows of all objects that a picture shows, at most `slots.SLOTS`.

    Args:
        shown: Logits of what each cell shows (labels, 16, 16).
    """
    chances = shown.float().sigmoid().cpu().numpy()
    rows = [
        row_seen(box, noun, chances)
        for kind, noun in enumerate(slots.NOUNS)
        for box in find(chances[kind], chances[-1])
    ]
    return rows[: slots.SLOTS]


def repainted(rows: Tensor, shown: Tensor, style: str | None) -> Tensor:
    """The rows of one picture (slots, 7) that give it another setting.

    Args:
        rows: Of the right shape; not changed.
        shown: Logits of what each cell shows (labels, 16, 16).
        style: The new style; None where only the background is another.
    """
    made = [list(map(float, EVERYWHERE))]
    if style is not None:
        made = [*objects_seen(shown)[: slots.SLOTS - 1], *made]
    padded = slots.rows_of(made)
    return torch.from_numpy(padded).to(rows.device, rows.dtype)
