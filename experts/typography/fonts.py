"""The font: where it comes from, and what it cannot write.

Manrope (OFL-1.1) comes in the package ``font-manrope``: 0.4 MB, one weight a file, with Latin
(Vietnamese included), Greek and Cyrillic letters. Pillow's built-in font is a subset of Aileron
without Greek and Cyrillic. Text in another script needs a font of its own, named in ``load.font``.
"""

from __future__ import annotations

import unicodedata
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from poser.core.errors import ExpertError

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

PACKAGE = "font_manrope"
FILE = "Manrope-ExtraBold.ttf"

_NOBODY = "\U0010fffe"
"""A code point that no font has: what it draws is what a font draws for any that it lacks."""


class Font:
    """A font file, at any size.

    Attributes:
        path: The file, TrueType or OpenType.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Takes a file of the user, or the one that comes with Image-POSER."""
        self.path = path
        self._sizes: dict[int, FreeTypeFont] = {}
        self._has: dict[str, bool] = {}

    def at(self, size: int) -> FreeTypeFont:
        """The font with letters of a size in pixels.

        Raises:
            ExpertError: ``unavailable``: the file is missing or no font.
        """
        if size not in self._sizes:
            if len(self._sizes) > 200:
                self._sizes.clear()
            self._sizes[size] = self._open(size)
        return self._sizes[size]

    def _open(self, size: int) -> FreeTypeFont:
        from PIL import ImageFont

        path = self.path or self._shipped()
        try:
            return ImageFont.truetype(str(path), size)
        except OSError:
            raise ExpertError(
                f"the font {path} cannot be opened",
                retryable=False,
                remedy="name a .ttf or .otf file in load.font, or reinstall font-manrope",
            ) from None

    @staticmethod
    def _shipped() -> Path:
        try:
            return Path(str(files(PACKAGE) / "files" / FILE))
        except ModuleNotFoundError:
            raise ExpertError(
                "the package font-manrope is not installed",
                retryable=False,
                remedy="pip install font-manrope, or name a font file in load.font",
            ) from None

    def missing(self, text: str) -> str:
        """The characters of a text that the font has no glyph for, in order, each once."""
        return "".join(dict.fromkeys(c for c in text if not c.isspace() and not self._draws(c)))

    def _draws(self, character: str) -> bool:
        if character not in self._has:
            drawn = self._picture(character)
            blank = not any(drawn[1])
            combining = unicodedata.category(character) in {"Mn", "Me", "Cf"}
            self._has[character] = drawn != self._absent and (not blank or combining)
        return self._has[character]

    @cached_property
    def _absent(self) -> tuple[tuple[int, int], bytes]:
        return self._picture(_NOBODY)

    def _picture(self, character: str) -> tuple[tuple[int, int], bytes]:
        mask = self.at(40).getmask(character)
        return mask.size, bytes(mask)


def check_glyphs(font: Font, text: str, expert_id: str) -> None:
    """Refuses a text that the font cannot write, rather than setting boxes.

    Raises:
        ExpertError: ``invalid_request``; it names the characters.
    """
    from PIL import features

    lacking = font.missing(text)
    if lacking:
        shown = ", ".join(f"{c} (U+{ord(c):04X})" for c in lacking[:5])
        more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
        raise ExpertError(
            f"expert {expert_id!r}: its font has no glyph for {shown}{more}",
            kind="invalid_request",
            retryable=False,
            remedy="leave them out, or name a font that has them in load.font",
        )
    right_to_left = any(unicodedata.bidirectional(c) in {"R", "AL"} for c in text)
    if right_to_left and not features.check("raqm"):
        raise ExpertError(
            f"expert {expert_id!r}: this build of Pillow cannot set text from right to left",
            kind="unavailable",
            retryable=False,
            remedy="install the system library fribidi, or a Pillow with libraqm",
        )
