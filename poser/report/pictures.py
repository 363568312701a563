"""Pictures as data URIs, each as small as its place on the page allows."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from poser.core.errors import StorageError
from poser.core.picture import ImageRef, ImageSource

if TYPE_CHECKING:
    from PIL.Image import Image

LARGE_SIDE = 1536
SMALL_SIDE = 256
TINY_SIDE = 128


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture on the page.

    Attributes:
        uri: Data URI; empty where the picture could not be read.
        width: Pixels of the picture itself, not of what is embedded.
        height: Pixels.
        tiny: Whether it is so small that the page enlarges it.
    """

    uri: str
    width: int
    height: int
    tiny: bool


def thumb_side(pictures: int) -> int:
    """The longest side of a picture in the timeline: the more there are, the smaller."""
    if pictures <= 16:
        return 768
    return 512 if pictures <= 48 else 320


def figures(refs: Iterable[ImageRef], images: ImageSource, side: int) -> dict[str, Figure]:
    """The pictures by hash, none larger than ``side``."""
    found: dict[str, Figure] = {}
    for ref in refs:
        if ref.sha256 not in found:
            found[ref.sha256] = figure(ref, images, side)
    return found


def figure(ref: ImageRef, images: ImageSource, side: int) -> Figure:
    """One picture. A picture that is missing from its store leaves a gap, not an error."""
    try:
        uri = data_uri(images.get(ref.sha256), side)
    except (StorageError, KeyError, OSError):
        uri = ""
    return Figure(
        uri=uri, width=ref.width, height=ref.height, tiny=max(ref.width, ref.height) <= SMALL_SIDE
    )


def data_uri(image: Image, side: int) -> str:
    """A picture as PNG where it is small, else as WebP, scaled down to ``side`` at most.

    A tiny picture is enlarged four times here, because browsers enlarge less smoothly.
    """
    from PIL import features
    from PIL.Image import Resampling

    image = image.convert("RGB")
    longest = max(image.size)
    if longest > side or longest <= TINY_SIDE:
        scale = side / longest if longest > side else 4
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Resampling.LANCZOS if longest > side else Resampling.BICUBIC)
    buffer = io.BytesIO()
    if TINY_SIDE < longest <= SMALL_SIDE or not features.check("webp"):
        image.save(buffer, "PNG", optimize=True)
        kind = "png"
    else:
        image.save(buffer, "WEBP", quality=90, method=4)
        kind = "webp"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
