"""An expert that sets text on a picture with a font."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from experts.base import Generated
from experts.nearest import did_you_mean
from experts.typography.fonts import Font, check_glyphs
from experts.typography.layout import fit
from experts.typography.style import TextStyle, read_style
from poser.core.errors import ExpertError, RegistryError
from poser.core.expert import ExpertRequest, ExpertSpec

if TYPE_CHECKING:
    from PIL.Image import Image

    from poser.core.picture import ImageSource


class TypographyExpert:
    """Sets the text of ``params["text"]`` on the picture.

    Needs no weights and no seed: the same text on the same picture is the same result. A picture
    whose smaller side is below ``min_side`` is enlarged first (Lanczos), so the result may be
    larger than what came in.
    """

    def __init__(self, spec: ExpertSpec) -> None:
        """Checks the entry.

        Raises:
            RegistryError: The task is not image_to_image, or ``load`` has an unknown key.
        """
        if spec.task != "image_to_image":
            raise RegistryError(
                f"expert {spec.id!r}: typography serves image_to_image only",
                remedy="write 'task: image_to_image'",
            )
        for key in spec.load:
            if key != "font":
                raise RegistryError(
                    f"expert {spec.id!r}: unknown key 'load.{key}'",
                    remedy=did_you_mean(key, ("font",)),
                )
        font = spec.load.get("font")
        if font is not None and not isinstance(font, str):
            raise RegistryError(
                f"expert {spec.id!r}: 'load.font' is not text", remedy="name a .ttf or .otf file"
            )
        self._spec = spec
        self._font = Font(Path(font) if font else None)

    @property
    def spec(self) -> ExpertSpec:
        """The registry entry it was made from."""
        return self._spec

    @property
    def probe_params(self) -> Mapping[str, JsonValue]:
        """What a trial of it needs: a text."""
        return {"text": "Hello"}

    def generate(self, requests: Sequence[ExpertRequest], images: ImageSource) -> list[Generated]:
        """Sets the text of each request on its picture.

        Args:
            requests: Each with ``params["text"]`` and a picture.
            images: Where the pictures are read from.

        Raises:
            ExpertError: ``invalid_request``: no picture, no text, a text that the font cannot
                write or that does not fit; ``unavailable``: the font is missing.
        """
        results = []
        for request in requests:
            started = time.monotonic()
            if request.image is None:
                raise self._invalid("sets text on a picture, and none was given", "make one first")
            style = read_style(self._spec, request.params)
            picture = images.get(request.image).convert("RGB")
            result, details = self._set(picture, style)
            results.append(
                Generated(
                    image=result,
                    seconds=time.monotonic() - started,
                    cost=self._spec.cost.usd,
                    details=details,
                )
            )
        return results

    def close(self) -> None:
        """Drops the opened sizes of the font."""
        self._font = Font(self._font.path)

    def _set(self, picture: Image, style: TextStyle) -> tuple[Image, dict[str, Any]]:
        from experts.typography.drawing import draw_text
        from experts.typography.placement import look_at, top_of

        check_glyphs(self._font, style.text, self._spec.id)
        colour = self._colour(style.colour)
        picture = _enlarged(picture, style.min_side, self._spec.limits.max_side)
        size = None if style.size == "auto" else style.size
        block = fit(style.text, self._font, picture.width, picture.height, size)
        if block is None:
            raise self._invalid(
                f"cannot fit {len(style.text)} characters on {picture.width}x{picture.height} "
                "pixels in legible letters",
                "shorten the text, lower 'size', or raise 'min_side'",
            )
        top = top_of(picture, block, style.position)
        look = look_at(picture, block, top, colour, style.backing)
        details = {"size": block.size, "lines": list(block.lines), "backing": look.backing}
        return draw_text(picture, block, self._font, top, look), details

    def _colour(self, name: str) -> tuple[int, int, int] | None:
        from PIL import ImageColor

        if name == "auto":
            return None
        try:
            red, green, blue, *_ = ImageColor.getrgb(name)
        except ValueError:
            raise self._invalid(
                "knows no such colour", "a CSS colour as 'gold' or '#ffd700', or auto"
            ) from None
        return red, green, blue

    def _invalid(self, message: str, remedy: str) -> ExpertError:
        return ExpertError(
            f"expert {self._spec.id!r} {message}",
            kind="invalid_request",
            retryable=False,
            remedy=remedy,
        )


def _enlarged(picture: Image, min_side: int, max_side: int) -> Image:
    from PIL import Image as Pillow

    scale = min(min_side / min(picture.size), max_side / max(picture.size))
    if scale <= 1.0:
        return picture
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Pillow.Resampling.LANCZOS)
