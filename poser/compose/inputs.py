"""Prompts and pictures from outside: checked before anything is made of them."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from poser.core.errors import InvalidImageError, InvalidPromptError

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PROMPT_BYTES = 20_000
"""Longest prompt; about 3,000 words."""

MAX_IMAGE_BYTES = 64 * 2**20
"""Largest picture file."""

MAX_IMAGE_PIXELS = 40_000_000
"""Largest picture, in pixels."""

MAX_IMAGE_SIDE = 16_384
"""Longest side of a picture, in pixels."""

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
"""Kinds of picture files that are opened at all."""


def read_prompt(source: str) -> str:
    """The prompt in a file, or from standard input for ``-``.

    Raises:
        InvalidPromptError: It is missing, empty, too long, or not UTF-8 text.
    """
    if source == "-":
        if sys.stdin is None:
            raise InvalidPromptError(
                "standard input is closed", remedy="give the path of a text file"
            )
        name, data = "standard input", sys.stdin.buffer.read(MAX_PROMPT_BYTES + 1)
    else:
        path = Path(source)
        name = str(path)
        try:
            with path.open("rb") as file:
                data = file.read(MAX_PROMPT_BYTES + 1)
        except FileNotFoundError as error:
            remedy = "give the path of a text file, or - for standard input"
            if " " in source:
                remedy = "to compose words from the command line: echo '...' | poser compose -"
            shown = source if len(source) <= 80 else source[:77] + "..."
            raise InvalidPromptError(f"there is no file {shown!r}", remedy=remedy) from error
        except OSError as error:
            raise InvalidPromptError(
                f"cannot read the prompt {name[:200]}: {error.strerror}",
                remedy="give the path of a text file, or - for standard input",
            ) from error
    return check_prompt(data, name)


def check_prompt(data: bytes, name: str = "the prompt") -> str:
    """The text of a prompt, white space at its ends stripped.

    Raises:
        InvalidPromptError: It is empty, too long, or not UTF-8 text.
    """
    if len(data) > MAX_PROMPT_BYTES:
        raise InvalidPromptError(
            f"{name} is longer than {MAX_PROMPT_BYTES:,} bytes",
            remedy="shorten it: a prompt describes one picture",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidPromptError(
            f"{name} is not UTF-8 text (byte {error.start})",
            remedy="save it as UTF-8, or check that it is the right file",
        ) from error
    if any(ord(ch) < 32 and ch not in "\t\n\r\f\v" for ch in text):
        raise InvalidPromptError(
            f"{name} holds control characters: it looks like a binary file",
            remedy="give a text file",
        )
    text = text.strip()
    if not text:
        raise InvalidPromptError(f"{name} is empty", remedy="describe the picture in words")
    return text


def read_picture(path: Path, *, mode: str = "RGB") -> Image:
    """A picture from a file: upright, one frame, within limits.

    Args:
        path: The file.
        mode: ``RGB``, or ``L`` for a mask.

    Raises:
        InvalidImageError: It is missing, broken, animated, too large, or of an unknown kind.
    """
    from PIL import Image as PillowImage
    from PIL import ImageOps, UnidentifiedImageError

    try:
        size = path.stat().st_size
        if size > MAX_IMAGE_BYTES:
            raise InvalidImageError(
                f"the picture {path} has {size / 2**20:.0f} MB; at most "
                f"{MAX_IMAGE_BYTES // 2**20} MB are read",
                remedy="make it smaller",
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PillowImage.DecompressionBombWarning)
            with PillowImage.open(path, formats=FORMATS) as image:
                if image.width * image.height > MAX_IMAGE_PIXELS:
                    raise InvalidImageError(
                        f"the picture {path} has {image.width} x {image.height} pixels; at most "
                        f"{MAX_IMAGE_PIXELS:,} are read",
                        remedy="make it smaller",
                    )
                if max(image.size) > MAX_IMAGE_SIDE:
                    raise InvalidImageError(
                        f"the picture {path} has {image.width} x {image.height} pixels; at most "
                        f"{MAX_IMAGE_SIDE:,} on a side are read",
                        remedy="make it smaller",
                    )
                # A camera's JPEG may hold a preview or a depth map behind its one picture (MPO).
                if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
                    raise InvalidImageError(
                        f"the picture {path} is animated or has several pages",
                        remedy="give one frame as PNG or JPEG",
                    )
                image.load()
                return _as(mode, _eight_bit(ImageOps.exif_transpose(image), path))
    except PillowImage.DecompressionBombError as error:
        raise InvalidImageError(
            f"the picture {path} has too many pixels; at most {MAX_IMAGE_PIXELS:,} are read",
            remedy="make it smaller",
        ) from error
    except UnidentifiedImageError as error:
        raise InvalidImageError(
            f"{path} is not a picture that can be read",
            remedy=f"give one of {', '.join(FORMATS)}",
        ) from error
    except FileNotFoundError as error:
        raise InvalidImageError(f"there is no picture {path}", remedy="check the path") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise InvalidImageError(
            f"the picture {path} is broken: {error}", remedy="save it again as PNG or JPEG"
        ) from error


def _eight_bit(image: Image, path: Path) -> Image:
    """A picture of 16 bits a value in 8; Pillow would cut off whatever is above 255.

    Raises:
        InvalidImageError: Its values are of a kind whose white nobody states.
    """
    if image.mode in ("I", "F"):
        raise InvalidImageError(
            f"the picture {path} has values of 32 bits, and nobody knows which of them is white",
            remedy="save it with 8 or 16 bits a value",
        )
    if not image.mode.startswith("I;16"):
        return image
    import numpy as np
    from PIL import Image as PillowImage

    return PillowImage.fromarray(np.rint(np.asarray(image) / 257.0).astype(np.uint8))


def _as(mode: str, image: Image) -> Image:
    """A picture in ``RGB``, or a mask in ``L``; what is transparent is white, in a mask black."""
    from PIL import Image as PillowImage

    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        ground = PillowImage.new("RGBA", image.size, "white" if mode == "RGB" else "black")
        ground.alpha_composite(image.convert("RGBA"))
        image = ground
    return image.convert(mode)
